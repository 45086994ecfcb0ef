"""Notices a second connector: somebody else keeps shipping this shop's orders.

One order under a number that we never sent may be a person's doing and stands on the exceptions page by itself. When it
is `ORDERS_OF_A_DAY` different orders within a day, one exception of the whole shop says so: two connectors ship the
same orders, and one of them has to stop. It is opened once; after a person dismissed it, as many *other* orders are
needed to open it again.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from daemon.clock import Clock
from daemon.core.findings import Finding
from daemon.core.spans import milliseconds
from daemon.store import exceptions, facts
from daemon.store.database import Database, Tx
from daemon.store.exceptions import Kind

log = logging.getLogger("daemon.strangers")

FACT = "shipped_elsewhere"
SHOP = "shop"
"""The key of an exception that is about no single order."""
ORDERS_OF_A_DAY = 3
WITHIN = timedelta(days=1)
REMEMBERED = 100


class Strangers:
    """Counts the orders that somebody else shipped."""

    def __init__(self, database: Database, clock: Clock, flow: str) -> None:
        self._database = database
        self._clock = clock
        self._flow = flow

    async def shipped(self, order_id: str) -> None:
        """TikTok shows the order under a number that is none of ours."""
        now_ms = self._clock.now_ms()
        if await self._database.write(lambda tx: self._note(tx, order_id, now_ms)):
            log.error("%d orders of a day were shipped by somebody else: is a second connector on?", ORDERS_OF_A_DAY)

    def _note(self, tx: Tx, order_id: str, now_ms: int) -> bool:
        known = facts.get(tx, FACT) or {}
        said = set(known.get("said", ()))
        seen = {key: at_ms for key, at_ms in known.get("seen", {}).items() if at_ms > now_ms - milliseconds(WITHIN)}
        if order_id in said or order_id in seen:
            return False
        seen[order_id] = now_ms
        opened = False
        if len(seen) >= ORDERS_OF_A_DAY:
            orders = ", ".join(seen)
            text = f"{len(seen)} orders within a day left TikTok under numbers that were never sent from here: {orders}"
            finding = Finding("second_connector", text, lasting=True)
            opened = exceptions.open_exception(tx, self._flow, SHOP, SHOP, finding, now_ms, Kind.EVENT)
            said |= seen.keys()
            seen = {}
        facts.put(tx, FACT, {"seen": seen, "said": sorted(said)[-REMEMBERED:]}, now_ms)
        return opened
