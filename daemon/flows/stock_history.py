"""What was pushed, and the way back: the memory behind `rollback`.

Every quantity that TikTok accepts and that differs from the one before is kept with that one, as long as finished
records are (CONNECTOR_RETENTION). To go back to an instant, each SKU that changed since gets what it had before its
first change after it; a SKU that had nothing from us before, is not ours to set any more, or is kept in other
warehouses by now is left as it is.

The old quantities go out as rows of the same outbox. They stay until the stock of the SKU changes again, in Pipe17 or
by an order, or until a resync: a rollback undoes what was sent, it does not argue with Pipe17.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.core.jsontext import digest, dumps, loads
from daemon.core.links import Kind
from daemon.core.owed import Change, Done, Outcome, Owed, Settled, Wanted
from daemon.core.stock import StockRules
from daemon.flows.engine import StoredRows
from daemon.flows.poller import stage_change
from daemon.flows.stock_plan import Planner, accepted, not_ours
from daemon.flows.stock_reader import NAME
from daemon.flows.stock_wanted import ROWS
from daemon.store import links
from daemon.store.database import Tx
from daemon.store.outbox import Moved

AT_ONCE = 500


class StockHistory:
    """A `Watcher` of the inventory flow."""

    def staged(self, tx: Tx, flow: str, key: str, before: Owed | None, wanted: Wanted, now_ms: int) -> None:
        """Nothing: what is staged may never be sent."""

    def finished(self, tx: Tx, row: Owed, outcome: Outcome | Settled, now_ms: int) -> None:
        if row.flow != NAME or not isinstance(outcome, Done) or outcome.result is None:
            return
        had, got = accepted(row), outcome.result["levels"]
        if had != got:
            tx.run("pushed_add", (row.key, now_ms, "" if had is None else dumps(had), dumps(got)))

    def committed(self) -> None:
        """Nothing waits for it."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """One step of a rollback. `last`: the SKU to go on after; "" at the end."""

    skus: int
    left_alone: int
    last: str
    moved: tuple[Moved, ...] = ()


def roll_back(tx: Tx, rules: StockRules, to_ms: int, after: str, now_ms: int) -> RolledBack:
    """Stage the quantities of an instant for the next SKUs that changed since then."""
    known, moved, alone = StoredRows(tx), [], 0
    planner = Planner(tx, rules, now_ms, timedelta())
    page = tx.all("pushed_since", (to_ms, after, AT_ONCE))
    for sku_id, before in page:
        link = links.get(tx, sku_id)
        levels = loads(before) if before else {}
        if (
            link is None
            or link.kind is Kind.PREOWNED
            or not_ours(link, rules)
            or set(levels) != set(planner.shelf(link))
        ):
            alone += 1
            continue
        record = {"sku": link.seller_sku, "drop": "", "preowned": False, "levels": levels, "rolled_back": True}
        change = Change(sku_id, link.product_id, record, f"{now_ms}:{digest(levels)}", 0, now_ms)
        move = stage_change(tx, ROWS, change, known, now_ms)
        moved += [] if move is None else [move]
    last = page[-1][0] if len(page) == AT_ONCE else ""
    return RolledBack(len(page) - alone, alone, last, tuple(moved))


def roll_back_all(tx: Tx, rules: StockRules, to_ms: int, now_ms: int) -> dict[str, Any]:
    """The whole rollback in one transaction, for when no daemon runs."""
    skus, alone, after = 0, 0, ""
    while True:
        step = roll_back(tx, rules, to_ms, after, now_ms)
        skus, alone, after = skus + step.skus, alone + step.left_alone, step.last
        if not after:
            return {"to_ms": to_ms, "skus": skus, "left_alone": alone}
