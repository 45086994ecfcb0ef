"""Reads what virtual bundles are made of, before an order is stored for the first time.

The units of an order are reserved in the transaction that stores it, bundles as their parts (core/reservations.py).
TikTok's search leaves the recipe of a bundle out at times, and an unpaid order is not read in detail for a day. So of a
page of orders, those with a line that may be such a bundle are read in detail: 50 in a call, each order once in its
life, and no order whose SKUs are all known to the link table as no bundles.

An order does not wait for that. Where the detail cannot be read now, the page goes on without it and the source says
so: its cursor stays, and the next run asks again. What TikTok refuses for good is left as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from daemon.apis.tiktok.client import IDS_IN_A_CALL, TikTok
from daemon.clock import Clock
from daemon.core.links import Kind
from daemon.core.order_facts import with_recipes
from daemon.core.owed import Change, Page
from daemon.core.reading import BadShape
from daemon.core.recipes import WHOLE, unclear_skus
from daemon.core.reservations import LONGEST
from daemon.core.spans import milliseconds
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError
from daemon.flows.order_reader import whole_orders
from daemon.store import links, outbox
from daemon.store.database import Database, Tx

log = logging.getLogger("daemon.flows")

Problem = ApiError | BadShape
NOTHING: Mapping[str, Any] = MappingProxyType({})
UNREAD = "?"
"""At the end of the stamp of a record that was stored without its recipes: the whole one is news."""


@dataclass(frozen=True, slots=True)
class Told:
    """A page with the recipes of its orders, and what kept some of them from being read now."""

    page: Page
    problem: Problem | None = None


class Recipes:
    """Completes pages of one flow's orders."""

    def __init__(self, database: Database, clock: Clock, flow: str) -> None:
        self._database = database
        self._clock = clock
        self._flow = flow

    async def told(self, page: Page, tiktok: TikTok, problem: Problem | None = None) -> Told:
        """The same orders with the recipes that the search left out.

        `tiktok` is asked for them, unless the page before has met with a `problem` already.
        """
        since_ms = self._clock.now_ms() - milliseconds(LONGEST)
        unclear = {change.key: skus for change in page.changes if (skus := _unclear(change, since_ms))}
        if not unclear:
            return Told(page, problem)
        ids = await self._database.write(lambda tx: self._to_read(tx, unclear))
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(ids), IDS_IN_A_CALL):
            if problem is None:
                some = ids[start : start + IDS_IN_A_CALL]
                try:
                    found.update(dict.fromkeys(some, NOTHING) | await _read(tiktok, some))
                except (ApiError, BadShape) as error:
                    problem = error
        changes = tuple(_with(change, found.get(change.key), unread=change.key in ids) for change in page.changes)
        return Told(replace(page, changes=changes), problem)

    def _to_read(self, tx: Tx, unclear: Mapping[str, Collection[str]]) -> list[str]:
        """Orders with a SKU that is a bundle, or that nobody knows, and that were never read whole."""
        usual: dict[str, bool] = {}
        for sku_id in {sku_id for skus in unclear.values() for sku_id in skus}:
            link = links.get(tx, sku_id)
            usual[sku_id] = link is not None and link.kind is not Kind.BUNDLE
        found = []
        for order_id, skus in unclear.items():
            if not all(usual[sku_id] for sku_id in skus):
                row = outbox.find(tx, self._flow, order_id)
                if row is None or not row.payload.get(WHOLE):
                    found.append(order_id)
        return found


def _unclear(change: Change, given_back_since_ms: int) -> Collection[str]:
    try:
        return unclear_skus(change.record, given_back_since_ms)
    except BadShape:
        return ()  # whoever decides about the order says so


async def _read(tiktok: TikTok, order_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The orders that TikTok shows; none where it refuses for good."""
    try:
        return {str(order.get("id")): order for order in await whole_orders(tiktok, order_ids)}
    except ApiError as error:
        if not isinstance(error.verdict, Rejected):
            raise
        log.warning("what bundles are made of cannot be read: %s", error)
        return {}


def _with(change: Change, detail: Mapping[str, Any] | None, *, unread: bool) -> Change:
    if detail is not None:
        return replace(change, record={**with_recipes(change.record, detail), WHOLE: True})
    return replace(change, stamp=change.stamp + UNREAD) if unread else change
