"""Reading Pipe17's stock: what changed, and now and then everything.

    changed   rows updated since the last whole reading, less `OVERLAP`; a SKU of several locations that changed is then
              read as a whole, so that a location that says nothing is noticed
    silence   a location that shows nothing any more is noticed, and what it did not show is read when it is back
              (stock_silence.py)
    sweep     every row, in the lowest lane; what it does not show is asked for by SKU before it counts as missing

Each page is stored as it is read, with the SKUs it marks. Whether the source as a whole can be believed is the fact
`stock_source`: a reading that fails leaves it failing until one succeeds. A page that says it is the last one and is
full is not believed: one more is asked for. Nothing that is absent is ever taken for zero.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.clock import Clock
from daemon.core.findings import Finding
from daemon.core.jsontext import dumps
from daemon.core.owed import MALFORMED
from daemon.core.reading import BadShape
from daemon.core.spans import milliseconds
from daemon.core.stock import StockRules
from daemon.core.stock_rows import StockRow, read_stock_row
from daemon.flows.stock_silence import Silence
from daemon.store import exceptions, facts, levels, links
from daemon.store.database import Database, Tx
from daemon.store.levels import Cause

OVERLAP = timedelta(minutes=5)
PART = timedelta(minutes=2)
"""A reading that takes longer is judged in parts, so that no change waits for the end of it."""
COUNT = 500
"""Rows of a page; a server that allows fewer sends fewer."""
SKUS_IN_A_CALL = 50
DOUBTFUL_AT_ONCE = 200
FACT = "stock_source"
NAME = "inventory"
EMPTY_KEY = "pipe17"
_MOST_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class Sight:
    """How well Pipe17's figures are known as a whole."""

    confirmed_at_ms: int | None = None
    """The start of the last whole reading; None: there was none yet."""
    failing_since_ms: int | None = None

    def certain(self, now_ms: int, fresh: timedelta) -> bool:
        """Whether a figure that no row contradicts can be taken for true."""
        if self.confirmed_at_ms is None or self.failing_since_ms is not None:
            return False
        return now_ms - self.confirmed_at_ms <= milliseconds(fresh)


def sight(tx: Tx) -> Sight:
    """The fact, as a value."""
    known: Mapping[str, Any] | None = facts.get(tx, FACT)
    return Sight() if known is None else Sight(known["confirmed_at_ms"], known["failing_since_ms"])


class StockReader:
    """Reads into the tables of `store/levels.py`."""

    def __init__(self, database: Database, clock: Clock, rules: StockRules) -> None:
        self.shown: dict[str, str] = {}
        """Locations that rows came from, each with one of its SKUs; `Silence` takes them away."""
        self.sweep_number = 0
        """The sweep that rows read now belong to; kept by whoever sweeps."""
        self._database = database
        self._clock = clock
        self._rules = rules
        self._silence = Silence(database, clock, rules)

    async def changed(self, pipe17: Pipe17, cursor: str | None, part_read: Callable[[], None]) -> bool:
        """Read what changed since `cursor` (None: everything); raises what the reading raises.

        `part_read` is called every `PART` of a long reading, when the SKUs it has shown so far are known as a whole.

        False when nothing came and that is not known to be so: everything was asked for, or Pipe17 does not show a SKU
        either that it had before. It is asked for again.
        """
        now_ms = self._clock.now_ms()
        since_ms = None if cursor is None else max(int(cursor) - milliseconds(OVERLAP), 0)
        try:
            several: set[str] = set()
            shown, part_ms = 0, now_ms
            async for rows in self.pages(pipe17, since_ms):
                several |= await self.store(rows)
                shown += len(rows)
                if since_ms is not None and self._clock.now_ms() - part_ms >= milliseconds(PART):
                    await self.whole(pipe17, sorted(several))
                    part_read()
                    several, part_ms = set(), self._clock.now_ms()
            if since_ms is None and not shown:
                await self._database.write(lambda tx: _nothing(tx, now_ms))
                return False
            if not shown and await self._hidden(pipe17):
                await self._database.write(lambda tx: _hidden_again(tx, self._rules, now_ms))
                return False
            if since_ms is not None:
                await self.whole(pipe17, sorted(several | await self._doubtful()))
            await self._silence.look(self, pipe17, now_ms if since_ms is None else since_ms)
        except Exception:
            await self._database.write(lambda tx: _failed(tx, now_ms))
            raise
        await self._database.write(lambda tx: _read(tx, now_ms, self._clock.now_ms()))
        return True

    async def pages(
        self, pipe17: Pipe17, since_ms: int | None, skip: int = 0, location: str = ""
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Rows changed since then, oldest change first; of one location, if one is given."""
        place = location or self._rules.location
        for _ in range(_MOST_PAGES):
            page = await pipe17.goods.inventory(updated_since_ms=since_ms, skip=skip, count=COUNT, location_id=place)
            yield page.rows
            skip += len(page.rows)
            if not page.rows or (page.last and len(page.rows) < COUNT):
                return
        raise BadShape("pagination.last", "never comes")

    async def store(self, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """Store a page; the SKUs of several locations for which it says something new."""
        now_ms = self._clock.now_ms()
        good, bad = _sorted_out(rows)
        self.shown |= {row.location: row.sku for row in good if self._rules.counts(row.location)}

        def work(tx: Tx) -> set[str]:
            news = {row.sku for row in good if levels.put(tx, row, self.sweep_number, now_ms)}
            for raw, problem in bad:
                _set_aside(tx, raw, problem, now_ms)
            return {sku for sku in news if len(levels.of_sku(tx, sku)) > 1}

        return await self._database.write(work)

    async def _hidden(self, pipe17: Pipe17) -> bool:
        """Nothing has changed, says Pipe17; does it still show what it had? Asked of one SKU."""
        sku = await self._database.write(levels.some_sku)
        if not sku:
            return False
        return not await self.some(pipe17, [sku])

    async def some(self, pipe17: Pipe17, skus: Sequence[str]) -> bool:
        """Ask for a few SKUs, to see what Pipe17 shows; False when that is nothing."""
        page = await pipe17.goods.inventory(skus=skus, count=COUNT, location_id=self._rules.location)
        await self.store(page.rows)
        return bool(page.rows)

    async def named(self, pipe17: Pipe17, row_ids: Sequence[str]) -> set[str]:
        """Read these rows; the SKUs of several locations for which they say something new."""
        page = await pipe17.goods.inventory(row_ids=row_ids, count=COUNT)
        return await self.store(page.rows)

    async def whole(self, pipe17: Pipe17, skus: Sequence[str]) -> list[dict[str, Any]]:
        """Read these SKUs in every location; a location that is not shown is missing, and keeps its figures."""
        shown: list[dict[str, Any]] = []
        for start in range(0, len(skus), SKUS_IN_A_CALL):
            some = skus[start : start + SKUS_IN_A_CALL]
            rows: list[dict[str, Any]] = []
            for _ in range(_MOST_PAGES):
                page = await pipe17.goods.inventory(
                    skus=some, skip=len(rows), count=COUNT, location_id=self._rules.location
                )
                rows += page.rows
                if not page.rows or (page.last and len(page.rows) < COUNT):
                    break
            await self.store(rows)
            await self._compare(some, rows)
            shown += rows
        return shown

    async def _compare(self, skus: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        shown: dict[str, set[str]] = {sku: set() for sku in skus}
        for row in _sorted_out(rows)[0]:
            shown.setdefault(row.sku, set()).add(row.location)
        now_ms = self._clock.now_ms()

        def work(tx: Tx) -> None:
            for sku, locations in shown.items():
                known = {row.location for row in levels.of_sku(tx, sku)}
                uncounted = {location for location in known if not self._rules.counts(location)}
                levels.only(tx, sku, locations | uncounted, self.sweep_number, now_ms)

        await self._database.write(work)

    async def _doubtful(self) -> set[str]:
        """SKUs that were not worked out to the end; some of them, if they are many."""

        def work(tx: Tx) -> set[str]:
            found = tx.all("stock_doubtful_after", ("", DOUBTFUL_AT_ONCE))
            known = (links.get(tx, sku_id) for (sku_id,) in found)
            return {link.seller_sku for link in known if link is not None and link.seller_sku}

        return await self._database.write(work)


def _read(tx: Tx, started_ms: int, now_ms: int) -> None:
    close_empty(tx, now_ms)
    facts.put(tx, FACT, {"confirmed_at_ms": started_ms, "failing_since_ms": None}, now_ms)
    for (sku_id,) in tx.all("stock_doubtful_after", ("", DOUBTFUL_AT_ONCE)):
        tx.run("stock_doubtful_drop", (sku_id,))
        levels.mark_id(tx, sku_id, Cause.DOUBT, now_ms)


def _nothing(tx: Tx, now_ms: int) -> None:
    """Pipe17 answers and shows nothing: nobody's fault, and nothing is known."""
    facts.put(tx, FACT, {"confirmed_at_ms": sight(tx).confirmed_at_ms, "failing_since_ms": None}, now_ms)


def _hidden_again(tx: Tx, rules: StockRules, now_ms: int) -> None:
    _failed(tx, now_ms)
    tell_empty(tx, rules, now_ms)


def tell_empty(tx: Tx, rules: StockRules, now_ms: int) -> str:
    """An answer without stock is no stock of nothing: a person is told; what is said."""
    where = f" of location {rules.location} (INVENTORY_LOCATION)" if rules.location else ""
    text = (
        f"Pipe17 answered with an empty inventory{where} though it had stock before; "
        "nothing is changed, it is read again"
    )
    finding = Finding("inventory_source_empty", text)
    exceptions.open_exception(tx, NAME, EMPTY_KEY, EMPTY_KEY, finding, now_ms, exceptions.Kind.EVENT)
    return text


def close_empty(tx: Tx, now_ms: int) -> None:
    """There is stock again."""
    exceptions.close(tx, NAME, EMPTY_KEY, "inventory_source_empty", now_ms, "Pipe17 shows its stock again")


def _failed(tx: Tx, now_ms: int) -> None:
    known = sight(tx)
    since_ms = known.failing_since_ms or now_ms
    facts.put(tx, FACT, {"confirmed_at_ms": known.confirmed_at_ms, "failing_since_ms": since_ms}, now_ms)


def _sorted_out(rows: Sequence[Mapping[str, Any]]) -> tuple[list[StockRow], list[tuple[Mapping[str, Any], str]]]:
    """Rows that read well, and those that do not with their problem."""
    good: list[StockRow] = []
    bad: list[tuple[Mapping[str, Any], str]] = []
    for raw in rows:
        try:
            good.append(read_stock_row(raw))
        except BadShape as problem:
            bad.append((raw, str(problem)))
    return good, bad


def _set_aside(tx: Tx, raw: Mapping[str, Any], problem: str, now_ms: int) -> None:
    """A row that says nothing is not zero; what was known before stays."""
    key = str(raw.get("inventoryId") or raw.get("sku") or "unreadable")
    if tx.one("set_aside_put", (NAME, key, dumps(raw), problem, now_ms)) is not None:
        text = f"Pipe17 sent a stock row we cannot read ({problem}); the quantity known before stays"
        exceptions.open_exception(tx, NAME, key, key, Finding(MALFORMED, text), now_ms)
