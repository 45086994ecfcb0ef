"""Locations of Pipe17 that show nothing for a while: what changes there meanwhile is read when they are back.

A location that is not shown and one where nothing has changed look the same in a reading of changes, and the next one
begins later. So of every location a SKU is remembered. Where a reading shows no row of a location, that SKU is asked
for, all such SKUs in one call; a location that does not show it is silent, since the beginning of that reading. When it
shows a row again, its changes since then are read, once. A SKU that has left its location for good costs no more than
that: the first row of another one takes its place.

What has been seen stands in the fact `stock_silence`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from daemon.apis.pipe17.client import Pipe17
from daemon.clock import Clock
from daemon.core.stock import StockRules
from daemon.store import facts
from daemon.store.database import Database

FACT = "stock_silence"


class Reads(Protocol):
    """What is asked of the reader of stock (stock_reader.py)."""

    shown: dict[str, str]

    def pages(
        self, pipe17: Pipe17, since_ms: int | None, skip: int = 0, location: str = ""
    ) -> AsyncIterator[list[dict[str, Any]]]: ...
    async def store(self, rows: Sequence[Mapping[str, Any]]) -> set[str]: ...
    async def some(self, pipe17: Pipe17, skus: Sequence[str]) -> bool: ...
    async def whole(self, pipe17: Pipe17, skus: Sequence[str]) -> Sequence[Mapping[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a location."""

    sku: str
    silent_since_ms: int | None = None


class Silence:
    """Looks at the end of every reading of changes."""

    def __init__(self, database: Database, clock: Clock, rules: StockRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    async def look(self, reader: Reads, pipe17: Pipe17, since_ms: int) -> None:
        """`since_ms`: the reading asked for changes from then on; raises what asking raises."""
        known = await self._known()
        unseen = sorted({place.sku for location, place in known.items() if location not in reader.shown})
        if unseen:
            await reader.some(pipe17, unseen)
        shown, reader.shown = reader.shown, {}
        for location, place in known.items():
            if location in shown and place.silent_since_ms is not None:
                await self._catch_up(reader, pipe17, location, place.silent_since_ms)
        found = {location: _now(place, shown.get(location), since_ms) for location, place in known.items()}
        found |= {location: Place(sku) for location, sku in shown.items() if location not in known}
        if found != known:
            await self._keep(found)

    async def _catch_up(self, reader: Reads, pipe17: Pipe17, location: str, since_ms: int) -> None:
        several: set[str] = set()
        async for rows in reader.pages(pipe17, since_ms, location=location):
            several |= await reader.store(rows)
        await reader.whole(pipe17, sorted(several))

    async def _known(self) -> dict[str, Place]:
        stored = await self._database.write(lambda tx: facts.get(tx, FACT))
        return {
            location: Place(sku, silent_ms)
            for location, (sku, silent_ms) in (stored or {}).items()
            if self._rules.counts(location)
        }

    async def _keep(self, found: Mapping[str, Place]) -> None:
        document = {location: [place.sku, place.silent_since_ms] for location, place in found.items()}
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: facts.put(tx, FACT, document, now_ms))


def _now(place: Place, shown_sku: str | None, since_ms: int) -> Place:
    if shown_sku is None:
        return place if place.silent_since_ms is not None else Place(place.sku, since_ms)
    return place if place.silent_since_ms is None else Place(shown_sku)
