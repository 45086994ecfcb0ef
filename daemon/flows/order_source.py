"""Where orders come from: TikTok's search in windows of update time, and their details by id.

    recent    what changed since the cursor, from the last fetch's start minus `OVERLAP`, in slices of `SLICE`
    past      the same for a backfill: in small pages and at the lowest priority
    of        some orders by id, for webhooks and `pull`
    now       one order as it is at this moment, with the recipes of its bundles

Where stock is kept in step, orders of a search come with the recipes of their bundles, too (`recipes.py`).

Every record comes with the deadline of its buyer's cancel request, where there is one (`buyer_requests.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from daemon.apis.tiktok.client import LARGEST_PAGE, TikTok
from daemon.clock import Clock
from daemon.core.jsontext import digest, dumps
from daemon.core.lanes import Lane
from daemon.core.owed import MALFORMED, Asked, Change, Page, SetAside
from daemon.core.reading import BadShape, required_text, seconds_as_ms
from daemon.core.spans import milliseconds
from daemon.flows.buyer_requests import BuyerRequests
from daemon.flows.order_reader import OrderReader, whole_orders
from daemon.flows.recipes import Problem, Recipes, Told

OVERLAP = timedelta(minutes=10)
"""Read again at every fetch: the search index lags, and update times move while a page is read (contract 3.6)."""
SLICE = timedelta(days=7)
"""Longest window of one fetch (contract 14 #7)."""
BACKFILL_PAGE = 20
"""Orders a backfill reads at once: few, so that those of the present never wait for many of the past."""


class OrderSource:
    """Reads one shop's orders. Every method raises `ApiError`."""

    def __init__(self, tiktok: TikTok, clock: Clock, recipes: Recipes | None = None) -> None:
        self._tiktok = tiktok.at(Lane.ORDERS)
        self._late_tiktok = tiktok.at(Lane.RESYNC)
        self._orders = OrderReader(self._tiktok)
        self._late_orders = OrderReader(self._late_tiktok)
        self._requests = BuyerRequests(self._tiktok)
        self._recipes = recipes
        self._clock = clock

    async def region(self) -> str:
        """Where the shop is; asked of TikTok once."""
        return (await self._tiktok.shop()).region

    async def recent(self, start_ms: int) -> AsyncIterator[Page]:
        """What changed since `start_ms`; the cursor of the last page is where the next fetch starts."""
        problem: Problem | None = None
        while True:
            now_ms = self._clock.now_ms()
            slice_end_ms = start_ms + milliseconds(SLICE)
            end_ms = slice_end_ms if slice_end_ms < now_ms else None
            async for page in self._window(
                self._tiktok, start_ms - milliseconds(OVERLAP), end_ms, str(end_ms or now_ms)
            ):
                told = await self._told(page, self._tiktok, problem)
                problem = told.problem
                yield told.page if problem is None else replace(told.page, cursor=None)
            if end_ms is None:
                break
            start_ms = end_ms
        if problem is not None:
            raise problem

    async def past(self, since_ms: int, start_ms: int, end_ms: int | None) -> AsyncIterator[Page]:
        """Orders changed in [start, end), wanted when they were made since `since_ms`."""
        asked = Asked(since_ms, hurry=False)
        cursor = str(end_ms or self._clock.now_ms())
        async for page in self._window(self._late_tiktok, start_ms, end_ms, cursor, BACKFILL_PAGE):
            told = await self._told(page, self._late_tiktok)
            if told.problem is not None:
                raise told.problem
            # by when they were asked for: their own time would put them in front of those of the present
            now_ms = self._clock.now_ms()
            found = (replace(change, asked=asked, changed_at_ms=now_ms) for change in told.page.changes)
            yield replace(told.page, changes=tuple(found))

    async def of(self, order_ids: Sequence[str]) -> Page:
        """These orders; unknown ones are left out."""
        return page_of(await self._requests.told(await whole_orders(self._tiktok, order_ids)), None)

    async def now(self, order_id: str, *, late: bool) -> Mapping[str, Any] | None:
        """The order as it is now, None when TikTok shows none by this id. `late`: behind what happens now."""
        raw = await (self._late_orders if late else self._orders).read(order_id)
        return None if raw is None else (await self._requests.told([raw]))[0]

    async def _told(self, page: Page, tiktok: TikTok, problem: Problem | None = None) -> Told:
        return Told(page) if self._recipes is None else await self._recipes.told(page, tiktok, problem)

    async def _window(
        self, tiktok: TikTok, start_ms: int, end_ms: int | None, cursor: str, page_size: int = LARGEST_PAGE
    ) -> AsyncIterator[Page]:
        token = ""
        while True:
            found = await tiktok.search_orders(
                update_time_ge=max(start_ms, 0) // 1000,
                update_time_lt=None if end_ms is None else -(-end_ms // 1000),
                page_token=token,
                page_size=page_size,
            )
            last = not found.next_page_token
            yield page_of(await self._requests.told(found.orders), cursor if last else None)
            if last:
                return
            if found.next_page_token == token:
                raise BadShape("next_page_token", "is the one of the page before")
            token = found.next_page_token


def page_of(orders: Sequence[Mapping[str, Any]], cursor: str | None) -> Page:
    """The records of one answer; one that cannot be read is set aside."""
    changes_found: list[Change] = []
    set_aside: list[SetAside] = []
    for raw in orders:
        stamp = digest(raw)
        try:
            order_id, version = required_text(raw, "id"), update_ms(raw)
        except BadShape as problem:
            key = raw.get("id") if isinstance(raw.get("id"), str) and raw.get("id") else f"unreadable-{stamp[:12]}"
            set_aside.append(SetAside(str(key), dumps(raw), MALFORMED, str(problem)))
        else:
            changes_found.append(Change(order_id, order_id, raw, stamp, version, version))
    return Page(tuple(changes_found), tuple(set_aside), cursor)


def update_ms(raw: Mapping[str, Any]) -> int:
    """TikTok's own clock on an order. Raises `BadShape`."""
    at_ms = seconds_as_ms(raw, "update_time") or seconds_as_ms(raw, "create_time")
    if at_ms is None:
        raise BadShape("update_time", "is missing")
    return at_ms
