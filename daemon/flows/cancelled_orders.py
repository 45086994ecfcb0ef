"""What became pointless when an order was cancelled at TikTok: asking TikTok to cancel parts of it.

In a market without line cancels each rejection of a warehouse is refused, until the last one makes up the whole order,
which TikTok cancels. Then nobody has to act on the first ones any more; the same when a person cancels the order in
Seller Center, as their exceptions say. So the transaction that learns that the order is cancelled drops those rows and
closes their exceptions, whichever flow they belong to.
"""

from __future__ import annotations

from daemon.core.orders import Standing
from daemon.core.owed import Done, Outcome, Owed, Refused, Settled, Wanted
from daemon.flows import pull_orders
from daemon.store import outbox
from daemon.store.database import Tx

CODES = ("cancel_refused", "fulfillment_rejected")
REASON = "the order is cancelled at TikTok"


class CancelledOrders:
    """A `Watcher` of the orders flow."""

    def staged(self, tx: Tx, flow: str, key: str, before: Owed | None, wanted: Wanted, now_ms: int) -> None:
        if flow == pull_orders.NAME and before is not None and wanted.payload.get("standing") == Standing.CANCELLED:
            _drop(tx, key, now_ms)

    def finished(self, tx: Tx, row: Owed, outcome: Outcome | Settled, now_ms: int) -> None:
        if isinstance(outcome, Refused) and outcome.code in CODES:
            order = outbox.find(tx, pull_orders.NAME, row.group)  # it may have become known during the attempt
            over = order is not None and order.payload.get("standing") == Standing.CANCELLED
        elif row.flow == pull_orders.NAME and isinstance(outcome, Done):
            over = (outcome.payload or row.payload).get("standing") == Standing.CANCELLED
        else:
            over = False
        if over:
            _drop(tx, row.group, now_ms)

    def committed(self) -> None:
        """Nothing waits for it."""


def _drop(tx: Tx, order_id: str, now_ms: int) -> None:
    for code in CODES:
        outbox.drop_refused(tx, order_id, code, REASON, now_ms)
