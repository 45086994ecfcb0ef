"""What the daemon does for itself: keeps the grant alive, writes down where it stands, and forgets what is old.

Renewing is the client's business (apis/tiktok/auth.py renews a day ahead); asking for a token once a minute makes sure
that it happens also when nothing else is called. The state of the grant and the shop are kept as facts, so `status`
and the metrics show the countdown. Orders that are about to miss their ship-by instant are said (`deadlines.py`), and
so is a shop that comes near its orders a day (`order_limit.py`). Finished records and their personal data go after
CONNECTOR_RETENTION, in small transactions that never keep the writer busy for long (design law 12).
"""

from __future__ import annotations

import logging
from datetime import timedelta

import anyio

from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.errors import ApiError
from daemon.flows.deadlines import DeadlineGuard
from daemon.flows.order_limit import OrderLimitGuard
from daemon.store import facts
from daemon.store.database import Database, Tx

log = logging.getLogger("daemon.upkeep")

EVERY = timedelta(minutes=1)
RETENTION_EVERY = timedelta(hours=1)
RETENTION_BATCH = 500
HINTS_KEPT = timedelta(days=3)
"""Longer than TikTok repeats a notification (2 min + 30 min + 3 h + 12 h)."""


class Upkeep:
    """One loop for all of it."""

    def __init__(
        self, database: Database, clock: Clock, tiktok: TikTok, retention: timedelta, daily_limit: int | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._tiktok = tiktok
        self._retention = retention
        self.deadlines = DeadlineGuard(database, clock)
        self._order_limit = OrderLimitGuard(database, clock, daily_limit)
        self._region = ""
        self._next_retention_s = clock.monotonic() + RETENTION_EVERY.total_seconds()
        self._written: dict[str, object] = {}

    async def run(self) -> None:
        """Forever."""
        while True:
            await self.watch_grant()
            await self.deadlines.look()
            if self._region:
                await self._order_limit.look(self._region)
            if self._clock.monotonic() >= self._next_retention_s:
                self._next_retention_s = self._clock.monotonic() + RETENTION_EVERY.total_seconds()
                await self.forget()
            await anyio.sleep(EVERY.total_seconds())

    async def watch_grant(self) -> None:
        """Renew what is due, and write down how the grant stands."""
        keeper = self._tiktok.keeper
        try:
            await keeper.token()
            shop = await self._tiktok.shop()
            self._region = shop.region
            await self._remember("shop", {"id": shop.id, "name": shop.name, "region": shop.region, "code": shop.code})
        except ApiError as error:
            log.debug("the grant cannot be used now: %s", error)
        await self._remember(
            "authorization",
            {
                "state": keeper.state.value,
                "reason": keeper.reason,
                "missing_scopes": list(keeper.missing_scopes),
                "access_expires_at_ms": keeper.access_expires_at_ms,
                "refresh_expires_at_ms": keeper.refresh_expires_at_ms,
            },
        )

    async def forget(self) -> int:
        """Delete what is finished and older than the retention; returns how many rows went."""
        before_ms = self._clock.now_ms() - self._retention // timedelta(milliseconds=1)
        hints_before_ms = self._clock.now_ms() - HINTS_KEPT // timedelta(milliseconds=1)
        gone = 0
        while True:
            batch = await self._database.write(lambda tx: _expire(tx, before_ms, hints_before_ms))
            gone += batch
            if batch < RETENTION_BATCH:
                return gone

    async def _remember(self, name: str, value: dict[str, object]) -> None:
        if self._written.get(name) != value:
            self._written[name] = value
            now_ms = self._clock.now_ms()
            await self._database.write(lambda tx: facts.put(tx, name, value, now_ms))


def _expire(tx: Tx, before_ms: int, hints_before_ms: int) -> int:
    rows = tx.all("outbox_expire", (before_ms, RETENTION_BATCH))
    for flow, state in rows:
        tx.moves[flow, state] -= 1
    lines = tx.run("journal_expire", (before_ms, RETENTION_BATCH)).rowcount
    tx.run("stock_zeroed_expire", (hints_before_ms,))
    tx.run("pushed_expire", (before_ms, RETENTION_BATCH))
    tx.run("exceptions_expire", (before_ms, RETENTION_BATCH))
    tx.run("set_aside_expire", (before_ms,))
    tx.run("hints_expire", (hints_before_ms,))
    return max(len(rows), lines)
