"""Watches how near the shop is to its orders a day (ORDERS_DAILY_LIMIT), once a minute.

The poller counts what is new in the transaction that stores it (`count_new`); this looks at one small fact, opens and
closes the exception, and leaves the fact `order_limit` for the metrics. Intake is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.clock import Clock
from daemon.core.order_limit import counted, nearness
from daemon.core.shop_day import day_of
from daemon.flows.pull_orders import NAME as ORDERS
from daemon.store import exceptions, facts
from daemon.store.database import Database, Tx
from daemon.store.exceptions import Kind

COUNTS, STANDING = "orders_by_day", "order_limit"
"""Facts: how many by day; and the day, its count and the limit, as the metrics show them."""
KEY = "daily-limit"
CODES = ("order_limit_near", "order_limit_reached")


def count_new(tx: Tx, by_day: Mapping[str, int], now_ms: int) -> None:
    """Orders that were stored for the first time, by the day they count for."""
    facts.put(tx, COUNTS, counted(facts.get(tx, COUNTS) or {}, by_day), now_ms)


class OrderLimitGuard:
    """One look; the daemon's upkeep asks for it every minute."""

    def __init__(self, database: Database, clock: Clock, limit: int | None) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit

    async def look(self, region: str) -> None:
        """Say how near it is; without a limit, take back what was said."""
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: _say(tx, self._limit, day_of(now_ms, region), now_ms))


def _say(tx: Tx, limit: int | None, day: str, now_ms: int) -> None:
    known = facts.get(tx, STANDING)
    if limit is None and known is None:
        return
    count = int((facts.get(tx, COUNTS) or {}).get(day, 0))
    standing = {"day": day, "count": count, "limit": limit}
    if standing == known:
        return
    facts.put(tx, STANDING, standing, now_ms)
    finding = nearness(count, limit, day) if limit is not None else None
    for code in CODES:
        if finding is None or finding.code != code:
            exceptions.close(tx, ORDERS, KEY, code, now_ms, "below the limit")
    if finding is not None:
        exceptions.open_exception(tx, ORDERS, KEY, KEY, finding, now_ms, Kind.FINDING)
