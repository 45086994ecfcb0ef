"""Says in time which orders are about to miss TikTok's ship-by instant, wherever they wait.

An order keeps its deadline in the store from the first reading until TikTok shows it shipped or cancelled, also after
Pipe17 has accepted it: the tracking number may be late for reasons nobody at the connector can see. Once a minute the
orders whose deadline is nearer than `WARN_BEFORE` get the exception `ship_deadline_near`, those past it
`ship_deadline_missed`. The next reading that shows the order shipped closes it.
"""

from __future__ import annotations

from datetime import timedelta

from daemon.clock import Clock
from daemon.core.findings import Finding
from daemon.core.reading import iso
from daemon.flows.pull_orders import NAME as ORDERS
from daemon.store import exceptions
from daemon.store.database import Database, Tx
from daemon.store.exceptions import Kind

WARN_BEFORE = timedelta(hours=6)
AT_ONCE = 200
"""Exceptions opened in one transaction; the next minute goes on."""
NEAR, MISSED = "ship_deadline_near", "ship_deadline_missed"


class DeadlineGuard:
    """One look at all deadlines; the daemon's upkeep asks for it every minute."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def look(self) -> int:
        """Open what is to be said; returns how many exceptions are new."""
        now_ms = self._clock.now_ms()
        return await self._database.write(lambda tx: _say(tx, now_ms))


def _say(tx: Tx, now_ms: int) -> int:
    warn_ms = now_ms + WARN_BEFORE // timedelta(milliseconds=1)
    missed = tx.all("outbox_deadlines_unsaid", (ORDERS, 0, now_ms, MISSED, AT_ONCE))
    near = tx.all("outbox_deadlines_unsaid", (ORDERS, now_ms, warn_ms, NEAR, AT_ONCE))
    for row_id, key, group, deadline_ms in missed:
        exceptions.close(tx, ORDERS, key, NEAR, now_ms, "the deadline has passed")
        text = f"TikTok shows the order not shipped yet; it should have been by {iso(deadline_ms)}"
        _open(tx, row_id, key, group, Finding("ship_deadline_missed", text, deadline_ms), now_ms)
    for row_id, key, group, deadline_ms in near:
        text = f"TikTok shows the order not shipped yet; it must be by {iso(deadline_ms)}"
        _open(tx, row_id, key, group, Finding("ship_deadline_near", text, deadline_ms), now_ms)
    return len(missed) + len(near)


def _open(tx: Tx, row_id: int, key: str, group: str, finding: Finding, now_ms: int) -> None:
    exceptions.open_exception(tx, ORDERS, key, group, finding, now_ms, Kind.FINDING)
    tx.run("outbox_flag", (row_id,))
