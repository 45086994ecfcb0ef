"""Notices a second connector: somebody else keeps shipping this shop's orders.

One order under a number that we never sent may be a person's doing and stands on the exceptions page by itself. When it
is `ORDERS_OF_A_DAY` different orders within a day, one exception of the whole shop says so: two connectors ship the
same orders, and one of them has to stop. It is opened once; after a person dismissed it, as many *other* orders are
needed to open it again.

Both flows meet such orders, and each order counts once: fulfillments find units that left under another number
(`shipped`), and orders find that TikTok shows units as shipped which were never released here, in the transaction that
stages or finishes them (`Strangers` is their `Watcher`). Of the latter only what TikTok changed within the day counts,
and nothing that a backfill brings: what left before we were there says nothing about today.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from daemon.clock import Clock
from daemon.core.findings import Finding
from daemon.core.owed import Done, Outcome, Owed, Settled, Wanted
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import read_order
from daemon.flows import pull_orders
from daemon.store import exceptions, facts, outbox
from daemon.store.database import Database, Tx
from daemon.store.exceptions import Kind

log = logging.getLogger("daemon.strangers")

FACT = "shipped_elsewhere"
SHOP = "shop"
"""The key of an exception that is about no single order."""
ORDERS_OF_A_DAY = 3
WITHIN = timedelta(days=1)
REMEMBERED = 100
SEEN_BY_ORDERS = frozenset({"shipped_elsewhere", "partly_shipped_elsewhere"})
"""What the flow of orders says of units that left without us."""


class Strangers:
    """Counts the orders that somebody else shipped; a `Watcher` of the orders."""

    def __init__(self, database: Database, clock: Clock, flow: str) -> None:
        """`flow`: of fulfillments; the exception stands under it, and its rows name the numbers that we sent."""
        self._database = database
        self._clock = clock
        self._flow = flow
        self._opened = False

    async def shipped(self, order_id: str) -> None:
        """TikTok shows the order under a number that is none of ours."""
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: self._note(tx, order_id, now_ms))
        self.committed()

    def staged(self, tx: Tx, flow: str, key: str, before: Owed | None, wanted: Wanted, now_ms: int) -> None:
        if flow == pull_orders.NAME and wanted.findings:
            self._look(tx, key, wanted.findings, wanted.payload, now_ms)

    def finished(self, tx: Tx, row: Owed, outcome: Outcome | Settled, now_ms: int) -> None:
        if row.flow == pull_orders.NAME and isinstance(outcome, Done) and outcome.findings:
            payload = {**(outcome.payload or row.payload), "late": row.payload.get("late")}
            self._look(tx, row.key, outcome.findings, payload, now_ms)

    def committed(self) -> None:
        if self._opened:
            self._opened = False
            log.error("%d orders of a day were shipped by somebody else: is a second connector on?", ORDERS_OF_A_DAY)

    def _look(
        self, tx: Tx, order_id: str, findings: Iterable[Finding], payload: Mapping[str, Any], now_ms: int
    ) -> None:
        codes = SEEN_BY_ORDERS.intersection(finding.code for finding in findings)
        if not codes or payload.get("late"):
            return
        if any(tx.one("exception_of_group_before", (order_id, code, now_ms)) for code in codes):
            return  # said, and so counted, when it was first seen
        order = read_order(payload["facts"])
        if order.platform_label or order.update_time_ms <= now_ms - milliseconds(WITHIN):
            return  # a label of TikTok's own is bought in Seller Center, as its exception says
        theirs = {unit.tracking_number.upper() for unit in order.live_units if unit.shipped}
        if theirs - self._sent(tx, order_id):
            self._note(tx, order_id, now_ms)

    def _sent(self, tx: Tx, order_id: str) -> set[str]:
        """The numbers that we told TikTok, or set out to tell."""
        rows = outbox.group_of(tx, order_id, self._flow)
        return {str((row.intent or {}).get("tracking_number", "")).upper() for row in rows if row.intent} - {""}

    def _note(self, tx: Tx, order_id: str, now_ms: int) -> None:
        known = facts.get(tx, FACT) or {}
        said = set(known.get("said", ()))
        seen = {key: at_ms for key, at_ms in known.get("seen", {}).items() if at_ms > now_ms - milliseconds(WITHIN)}
        if order_id in said or order_id in seen:
            return
        seen[order_id] = now_ms
        if len(seen) >= ORDERS_OF_A_DAY:
            orders = ", ".join(seen)
            text = f"{len(seen)} orders within a day left TikTok under numbers that were never sent from here: {orders}"
            finding = Finding("second_connector", text, lasting=True)
            self._opened |= exceptions.open_exception(tx, self._flow, SHOP, SHOP, finding, now_ms, Kind.EVENT)
            said |= seen.keys()
            seen = {}
        facts.put(tx, FACT, {"seen": seen, "said": sorted(said)[-REMEMBERED:]}, now_ms)
