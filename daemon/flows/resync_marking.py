"""What a resync sends again, stretch by stretch of the link table.

What TikTok has accepted is queued once more, behind everything else; what was never sent is worked out, perhaps it can
be sent now, and so is what a rollback has set, which ends it. A level that differs by now was marked when it was read
and goes the usual way, past the guard. When the INVENTORY_... settings have changed since the last resync, every SKU is
worked out anew.
"""

from __future__ import annotations

from daemon.core.jsontext import digest
from daemon.core.lifecycle import Event, State
from daemon.core.lifecycle import after as after_state
from daemon.core.stock import StockRules
from daemon.flows.stock_reader import NAME
from daemon.flows.stock_wanted import DEACTIVATED, RESYNCED
from daemon.store import facts, levels, links
from daemon.store.database import Tx
from daemon.store.levels import Cause
from daemon.store.outbox import LATE_MS

AT_ONCE = 500
_ROLLED_BACK = '%"rolled_back":true%'
RULES = "stock_rules"
"""The fact that says which settings the pushed levels follow."""


def mark_stretch(tx: Tx, rules: StockRules, after: str, last: str, now_ms: int) -> int:
    """Have the SKUs behind `after` up to `last` sent again; how many that are."""
    rolled_back = tx.all("resync_rolled_back", (NAME, after, last, _ROLLED_BACK))
    for (sku_id,) in rolled_back:
        levels.mark_id(tx, sku_id, Cause.RESYNC, now_ms)
    again = _again if facts.get(tx, RULES) == fingerprint(rules) else _worked_out_anew
    return len(rolled_back) + again(tx, after, last, now_ms)


def _again(tx: Tx, after: str, last: str, now_ms: int) -> int:
    """Queue what TikTok has accepted once more, and have looked at what was never sent; how many SKUs."""
    rank_ms = now_ms + LATE_MS
    done, ready = State.DONE.value, after_state(State.DONE, Event.NEWER_READY)
    again = tx.run(
        "resync_again",
        (ready.value, rank_ms, RESYNCED, now_ms, now_ms, NAME, after, last, done, DEACTIVATED),
    ).rowcount
    tx.moves[NAME, State.DONE] -= again
    tx.moves[NAME, ready] += again
    marked = tx.run("resync_never_sent", (now_ms, Cause.RESYNC.value, after, last, NAME)).rowcount
    return again + marked


def _worked_out_anew(tx: Tx, after: str, last: str, now_ms: int) -> int:
    """The settings have changed: sent again, and each looked at, for its level may be another."""
    again = _again(tx, after, last, now_ms)
    for link in links.after(tx, after, AT_ONCE):
        if link.sku_id <= last and link.gone_at_ms is None:
            levels.mark_id(tx, link.sku_id, Cause.RESYNC, now_ms)
    return again


def fingerprint(rules: StockRules) -> str:
    """Of the settings that decide about quantities."""
    chosen = None if rules.skus is None else sorted(rules.skus)
    places = [
        rules.location,
        rules.total_to_default,
        sorted(rules.location_map.items()),
        sorted(rules.locations_except),
    ]
    return digest([*places, chosen, rules.buffer_units, str(rules.buffer_share)])
