"""Pull locations: the shop's warehouses as locations of Pipe17, so that both sides can speak of the same places.

    source   the shop's warehouses, for sales and returns, and TikTok's own (FBT) where the grant covers them
    decide   core.locations: name, type, address, and whether it can be used
    deliver  finds the location by its link, creates it, or puts what differs
    settle   asks Pipe17 for a location with the link

A warehouse that is disabled, or that the list does not show any more, is marked and stays; an empty list changes
nothing. The warehouses are kept in the store (`links.warehouses`) in the transaction of the page, for the stock flow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import anyio

from daemon.apis.pipe17.client import Pipe17
from daemon.apis.pipe17.goods import LIST_IS_LATE
from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.jsontext import digest, dumps
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.links import WarehouseSeen, platform_seen, warehouse_seen
from daemon.core.locations import GONE, link_of, linked_to, location_changes, location_document
from daemon.core.owed import MALFORMED, Absent, Change, Done, Outcome, Owed, Page, SetAside, Settled, Wanted
from daemon.core.reading import BadShape
from daemon.core.spans import milliseconds
from daemon.flows.flow import Attempt, Known
from daemon.flows.ownership import Ownership
from daemon.store import links
from daemon.store.database import Database, Tx

NAME = "locations"


class PullLocations:
    """The flow; see the module."""

    name = NAME
    lane = Lane.PRODUCTS
    concurrency = 1
    """One after the other: the first location that is made teaches us our integration, and the list stays small."""

    def __init__(
        self,
        tiktok: TikTok,
        pipe17: Pipe17,
        clock: Clock,
        every: timedelta,
        ownership: Ownership,
        database: Database,
    ) -> None:
        self.every = every
        self._tiktok = tiktok.at(Lane.PRODUCTS)
        self._pipe17 = pipe17.at(Lane.PRODUCTS)
        self._clock = clock
        self._ownership = ownership
        self._database = database

    async def source(self, cursor: str | None) -> AsyncIterator[Page]:
        started_ms = self._clock.now_ms()
        yield await self._page(started_ms, str(started_ms), None)

    async def read(self, keys: Sequence[str]) -> Page:
        return await self._page(self._clock.now_ms(), None, frozenset(keys))

    async def _page(self, now_ms: int, cursor: str | None, only: frozenset[str] | None) -> Page:
        rows: list[Mapping[str, Any]] = list(await self._tiktok.logistics.warehouses())
        platform = await self._tiktok.logistics.platform_warehouses()
        known = await self._database.write(links.warehouses)
        if not rows and any(one.effect_status != GONE for one in known):
            raise BadShape("warehouses", f"none are shown, though the shop had {len(known)}")
        found: dict[str, tuple[WarehouseSeen, Mapping[str, Any]]] = {}
        set_aside: list[SetAside] = []
        for raw, is_platform in [*((row, False) for row in rows), *((row, True) for row in platform)]:
            try:
                for seen in platform_seen(raw) if is_platform else (warehouse_seen(raw),):
                    found[seen.id] = (seen, raw)
            except BadShape as problem:
                set_aside.append(SetAside(f"unreadable-{digest(raw)[:12]}", dumps(raw), MALFORMED, str(problem)))
        for one in known if not set_aside else ():
            if one.id not in found and (one.type != "FBT" or platform):
                gone = WarehouseSeen(one.id, one.name, one.type, one.sub_type, GONE, one.is_default)
                found[one.id] = (gone, {})
        changes = tuple(_change(seen, raw, now_ms) for seen, raw in found.values() if only is None or seen.id in only)
        return Page(changes, tuple(set_aside), cursor)

    def keep(self, tx: Tx, page: Page, now_ms: int) -> None:
        for change in page.changes:
            links.put_warehouse(tx, _seen(change.record), now_ms)

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        seen = _seen(change.record)
        document = location_document(seen, change.record["raw"])
        if seen.effect_status == GONE and row is not None and "document" in row.payload:
            document["address"] = row.payload["document"]["address"]
        return Wanted(State.READY, {"document": document}, digest(document), summary=seen.effect_status.lower())

    async def deliver(self, attempt: Attempt) -> Outcome:
        row, integration = attempt.row, self._ownership.integration_id
        document = row.payload["document"]
        current = await self._current(row)
        if current is None:
            body = {**document, **link_of(row.key, integration)}
            await attempt.intend({"at_ms": self._clock.now_ms()})
            made = await self._pipe17.goods.create_location(body)
            await self._ownership.learn(str(made.get("integration") or ""))
            return await self._done(row, str(made["locationId"]))
        changed = location_changes(current, document, row.key, integration)
        location_id = str(current["locationId"])
        if changed:
            await self._pipe17.goods.update_location(location_id, changed)
        return await self._done(row, location_id, unchanged=not changed)

    async def settle(self, attempt: Attempt) -> Settled:
        current = await self._current(attempt.row)
        if current is None:
            # nothing but the list could show it, and a list may be late: only a list from afterwards is believed
            created_ms = int((attempt.row.intent or {}).get("at_ms", 0))
            wait_ms = created_ms + milliseconds(LIST_IS_LATE) - self._clock.now_ms()
            await anyio.sleep(max(wait_ms, 0) / 1000)
            current = await self._current(attempt.row)
        if current is None:
            return Absent()
        await self._ownership.learn(str(current.get("integration") or ""))
        if location_changes(current, attempt.row.payload["document"], attempt.row.key, self._ownership.integration_id):
            return Absent(str(current["locationId"]))
        return await self._done(attempt.row, str(current["locationId"]))

    async def _current(self, row: Owed) -> Mapping[str, Any] | None:
        """The location of this warehouse; a list of all, because nothing can be looked up by a link."""
        return linked_to(await self._pipe17.goods.locations(), row.key, self._ownership.integration_id)

    async def _done(self, row: Owed, location_id: str, *, unchanged: bool = False) -> Done:
        await self._database.write(lambda tx: links.located(tx, row.key, location_id))
        return Done(row.digest, location_id, unchanged=unchanged)


def _change(seen: WarehouseSeen, raw: Mapping[str, Any], now_ms: int) -> Change:
    record = {
        "id": seen.id,
        "name": seen.name,
        "type": seen.type,
        "sub_type": seen.sub_type,
        "effect_status": seen.effect_status,
        "is_default": seen.is_default,
        "raw": raw,
    }
    return Change(seen.id, seen.id, record, digest(record), now_ms, now_ms)


def _seen(record: Mapping[str, Any]) -> WarehouseSeen:
    return warehouse_seen(record)
