"""Orders take stock the moment they are seen: the watcher of the orders flow that keeps the reservations.

In the transaction that stages or finishes an order its units are reserved, handed on, or given back, and the SKUs
behind them are marked to be worked out again; `rung` is called when any are. What a cancel gives back at TikTok comes
on top of what TikTok accepted from us, so that is forgotten, and sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from daemon.core.lifecycle import State
from daemon.core.links import Kind
from daemon.core.owed import Done, Dropped, Later, Outcome, Owed, Settled, Wanted
from daemon.core.reservations import given_back, units_taken
from daemon.flows import pull_orders, stock_reader
from daemon.store import levels, links, outbox, reservations
from daemon.store.database import Tx
from daemon.store.levels import Cause

_MAY_SHIP = "new"


class StockOfOrders:
    """A `Watcher`."""

    def __init__(self, rung: Callable[[], None]) -> None:
        self._rung = rung
        self._marked = False

    def staged(self, tx: Tx, flow: str, key: str, before: Owed | None, wanted: Wanted, now_ms: int) -> None:
        if flow != pull_orders.NAME:
            return
        known = before is not None and bool(before.remote_id or before.accepted_digest)
        back = _forget_given_back(tx, None if before is None else before.payload, wanted.payload, now_ms)
        self._mark(tx, back | reservations.take(tx, key, units_taken(wanted.payload), first=not known), now_ms)

    def finished(self, tx: Tx, row: Owed, outcome: Outcome | Settled, now_ms: int) -> None:
        if row.flow != pull_orders.NAME:
            return
        now = outbox.find(tx, row.flow, row.key)
        if now is not None and isinstance(outcome, Done | Later | Dropped):
            # the row as it is: a newer update of the order may have come while the attempt was under way
            units = {} if now.state is State.DROPPED else units_taken(now.payload)
            read = None if isinstance(outcome, Dropped) else outcome.payload
            back = set() if read is None else _forget_given_back(tx, row.payload, read, now_ms)
            self._mark(tx, back | reservations.take(tx, row.key, units, first=not row.remote_id), now_ms)
        if not isinstance(outcome, Done):
            return
        status = ((outcome.result or {}).get("document") or {}).get("status")
        reservations.accepted(tx, row.key, outcome.remote_id, now_ms, released=status == _MAY_SHIP)

    def _mark(self, tx: Tx, skus: Collection[str], now_ms: int) -> None:
        for sku in skus:
            levels.mark(tx, sku, Cause.ORDER, now_ms)
            self._marked = True

    def committed(self) -> None:
        if self._marked:
            self._marked = False
            self._rung()


def _forget_given_back(tx: Tx, before: Mapping[str, Any] | None, payload: Mapping[str, Any], now_ms: int) -> set[str]:
    """Have the level of what was cancelled sent again, also when it is the one of before; the seller SKUs."""
    back = given_back(before, payload, now_ms)
    for sku in back:
        for link in links.by_sku(tx, sku):
            if link.kind is Kind.NORMAL:  # a pre-owned piece that is off sale stays off sale
                tx.run("stock_accepted_forget", (stock_reader.NAME, link.sku_id))
    return back
