"""Reads products from TikTok: the changed ones of a window, whole, and which of the others were shown.

A search shows neither pictures nor description, so the detail is read, but only of products whose row says something
new: the rows of a catalogue at rest cost one call per hundred products. A window that shows fewer products than TikTok
says it has is read again, and never taken for a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.jsontext import digest, dumps
from daemon.core.links import skus_seen
from daemon.core.owed import MALFORMED, Change, Page, SetAside
from daemon.core.products import AWAY
from daemon.core.reading import BadShape, optional_record, records, required_text, seconds_as_ms, text
from daemon.errors import ApiError
from daemon.store import links
from daemon.store.database import Database

AT_ONCE = 8
"""Details asked for at the same time."""
TRIES = 3
"""Readings of a window that comes out too short, before it counts as a failure."""


@dataclass(frozen=True, slots=True)
class Row:
    """A product as a search shows it: its id and the fingerprint of what matters of the row."""

    product_id: str
    stamp: str


class ProductReader:
    """Over one client; knows from the store what is known already."""

    def __init__(self, tiktok: TikTok, database: Database, clock: Clock, *, required_only: bool) -> None:
        self._catalogue = tiktok.catalogue
        self._database = database
        self._clock = clock
        self._required_only = required_only
        self._required: dict[str, frozenset[str]] = {}

    async def window(self, ge_s: int, le_s: int | None) -> AsyncIterator[Page]:
        """Pages of [ge, le] by update time, epoch seconds; none has a cursor.

        Raises `BadShape` for a short window. Where some details cannot be read, the others are all the same, to the end
        of the window; then it is raised why. Where none of a handful can be, it is raised at once.
        """
        missing = 0
        for _ in range(TRIES):
            shown: set[str] = set()
            total = 0
            unread: ApiError | None = None
            async for rows, said in self._rows(ge_s, le_s):
                shown |= {row.product_id for row in rows}
                total = said
                page, problem, any_read = await self._page(rows)
                yield page
                if problem is not None and not any_read:
                    raise problem
                unread = unread or problem
            if unread is not None:
                raise unread
            missing = total - len(shown)
            if missing <= 0:
                return
        raise BadShape("total_count", f"says {missing} products more than were shown")

    async def _rows(self, ge_s: int, le_s: int | None) -> AsyncIterator[tuple[list[Row], int]]:
        token = ""
        while True:
            found = await self._catalogue.search_products(update_time_ge=ge_s, update_time_le=le_s, page_token=token)
            yield [Row(required_text(raw, "id"), row_stamp(raw)) for raw in found.products], found.total
            if not found.next_page_token:
                return
            if found.next_page_token == token:
                raise BadShape("next_page_token", "is the one of the page before")
            token = found.next_page_token

    async def _page(self, rows: Sequence[Row]) -> tuple[Page, ApiError | None, bool]:
        """What was read; what kept some details from being read, and whether others were."""
        ids = [row.product_id for row in rows]
        known = await self._database.write(lambda tx: {item: links.product(tx, item) for item in ids})
        changed = {
            row.product_id: row.stamp
            for row in rows
            if (one := known[row.product_id]) is None or one.stamp != row.stamp or one.gone_at_ms is not None
        }
        page, problem, any_read = await self._details(list(changed), changed)
        seen = tuple(item for item in ids if item not in changed)
        return Page(page.changes, page.set_aside, None, seen=seen), problem, any_read

    async def details(self, ids: Sequence[str]) -> Page:
        """These products, whole; ids that the shop does not have are left out."""
        page, problem, _ = await self._details(ids, {})
        if problem is not None:
            raise problem
        return page

    async def _details(self, ids: Sequence[str], stamps: Mapping[str, str]) -> tuple[Page, ApiError | None, bool]:
        """As `_page`; ends with the first handful of which none could be read."""
        changes: list[Change] = []
        set_aside: list[SetAside] = []
        problem: ApiError | None = None
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            answers = await asyncio.gather(*(self._detail(item, stamps) for item in some), return_exceptions=True)
            for answer in answers:
                if isinstance(answer, ApiError):
                    problem = problem or answer
                elif isinstance(answer, BaseException):
                    raise answer
                elif isinstance(answer, Change):
                    changes.append(answer)
                elif isinstance(answer, SetAside):
                    set_aside.append(answer)
            if all(isinstance(answer, ApiError) for answer in answers):
                return Page(tuple(changes), tuple(set_aside)), problem, False
        return Page(tuple(changes), tuple(set_aside)), problem, True

    async def _detail(self, product_id: str, stamps: Mapping[str, str]) -> Change | SetAside | None:
        raw = await self._catalogue.product(product_id)
        if raw is None:
            return None
        try:
            return await self._change(product_id, raw, stamps.get(product_id, ""))
        except BadShape as shape:
            return SetAside(product_id, dumps(raw), MALFORMED, str(shape))

    async def vanished(self, ids: Sequence[str]) -> tuple[Page, int]:
        """What became of products that no search shows: those still there whole, the others as gone; how many are."""
        page = await self.details(ids)
        there = {change.key for change in page.changes} | {bad.key for bad in page.set_aside}
        now_ms = self._clock.now_ms()
        gone = tuple(gone_change(product_id, now_ms) for product_id in ids if product_id not in there)
        return Page((*page.changes, *gone), page.set_aside), len(gone)

    async def _change(self, product_id: str, raw: Mapping[str, Any], row_stamp: str) -> Change:
        if required_text(raw, "id") != product_id:
            raise BadShape("id", "is the one of another product")
        version_ms = seconds_as_ms(raw, "update_time") or seconds_as_ms(raw, "create_time")
        if version_ms is None:
            raise BadShape("update_time", "is missing")
        list(skus_seen(raw))
        record = {"detail": raw, "row_stamp": row_stamp, "required": await self._required_of(raw)}
        return Change(product_id, product_id, record, digest(at_rest(raw)), version_ms, version_ms)

    async def _required_of(self, raw: Mapping[str, Any]) -> list[str] | None:
        """Ids of the attributes that the product's category requires; None where all are wanted."""
        leaf = next((text(link, "id") for link in records(raw, "category_chains") if link.get("is_leaf")), "")
        if not self._required_only or not leaf:
            return None
        if leaf not in self._required:
            rows = await self._catalogue.category_attributes(leaf)
            self._required[leaf] = frozenset(text(row, "id") for row in rows if is_required(row))
        return sorted(self._required[leaf])

    def forget_categories(self) -> None:
        """TikTok changes what it requires; a day is as long as it is remembered."""
        self._required.clear()


def is_required(attribute: Mapping[str, Any]) -> bool:
    """Whether a category requires an attribute; the member is misspelt at TikTok."""
    return attribute.get("is_requried") is True or attribute.get("is_required") is True


def gone_change(product_id: str, now_ms: int) -> Change:
    """A product that TikTok does not have any more."""
    record = {"detail": {"id": product_id, "status": AWAY}, "row_stamp": "", "required": None}
    return Change(product_id, product_id, record, f"gone {now_ms}", now_ms, now_ms)


def row_stamp(raw: Mapping[str, Any]) -> str:
    """The fingerprint of a search row without the quantities, which change with every order."""
    skus = [
        {
            **{name: value for name, value in sku.items() if name != "inventory"},
            "places": sorted(text(row, "warehouse_id") for row in records(sku, "inventory")),
        }
        for sku in records(raw, "skus")
    ]
    return digest({**raw, "skus": skus})


def at_rest(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A detail without the quantities."""
    skus = [{name: value for name, value in sku.items() if name != "inventory"} for sku in records(raw, "skus")]
    return {**raw, "skus": skus, "status_info": optional_record(raw, "audit")}
