"""Reading what people set at products of Pipe17 that decides about stock (core/marks.py).

    changed   products updated since the last reading, less `OVERLAP`: one more call a cycle of the stock flow
    whole     every product, with the daily sweep and with a resync; the first time also before anything is pushed

How far it has read is the fact `stock_marks`. A reading that shows nothing moves nothing, so that what changed behind
an empty list is found when Pipe17 shows it again. A product that is not shown keeps its marks, and so does one whose
record cannot be read. While products cannot be read at all, stock goes on with the marks that are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.clock import Clock
from daemon.core.marks import MEMBERS, read_mark
from daemon.core.reading import BadShape
from daemon.core.spans import milliseconds
from daemon.flows.ownership import Ownership
from daemon.store import facts, marks
from daemon.store.database import Database, Tx

OVERLAP = timedelta(minutes=5)
COUNT = 500
FACT = "stock_marks"
_MOST_PAGES = 100_000


def read_once(tx: Tx) -> bool:
    """Whether Pipe17's products have ever been read to their end; before that no SKU is known to be a usual one."""
    return facts.get(tx, FACT) is not None


class MarksReader:
    """Reads into the table of `store/marks.py`."""

    def __init__(self, database: Database, clock: Clock, ownership: Ownership) -> None:
        self._database = database
        self._clock = clock
        self._ownership = ownership

    async def changed(self, pipe17: Pipe17) -> None:
        """Read what changed since the last reading; everything when we have learnt since which integration is ours."""
        integration = self._ownership.integration_id
        known: Mapping[str, Any] = await self._database.write(lambda tx: facts.get(tx, FACT)) or {}
        read_to_ms = int(known.get("read_to_ms", 0)) if known.get("integration", "") == integration else 0
        await self._read(pipe17, integration, read_to_ms)

    async def whole(self, pipe17: Pipe17) -> None:
        """Read every product."""
        await self._read(pipe17, self._ownership.integration_id, 0)

    async def _read(self, pipe17: Pipe17, integration: str, read_to_ms: int) -> None:
        now_ms = self._clock.now_ms()
        since_ms = max(read_to_ms - milliseconds(OVERLAP), 0) or None
        skip = 0
        for _ in range(_MOST_PAGES):
            page = await pipe17.goods.products(updated_since_ms=since_ms, skip=skip, count=COUNT, members=MEMBERS)
            await self._store(page.rows, integration)
            skip += len(page.rows)
            if not page.rows or (page.last and len(page.rows) < COUNT):
                break
        else:
            raise BadShape("pagination.last", "never comes")
        fact = {"read_to_ms": now_ms if skip else read_to_ms, "integration": integration}
        await self._database.write(lambda tx: facts.put(tx, FACT, fact, now_ms))

    async def _store(self, rows: Sequence[Mapping[str, Any]], integration: str) -> None:
        now_ms = self._clock.now_ms()
        found = []
        for raw in rows:
            try:
                found.append(read_mark(raw, integration))
            except BadShape:
                continue  # without a SKU it marks nothing

        def work(tx: Tx) -> None:
            for mark in found:
                marks.put(tx, mark, now_ms)

        if found:
            await self._database.write(work)
