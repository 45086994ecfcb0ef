"""Mistakes with products, links and locations, planted one at a time (see `bug_bank.py`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

from daemon.core.owed import Absent, Page
from daemon.core.products import product_changes
from daemon.flows import product_reader, pull_locations, pull_products
from daemon.flows.product_reader import ProductReader, gone_change
from daemon.flows.pull_locations import PullLocations
from daemon.flows.pull_products import PullProducts
from daemon.store import links
from daemon.store.database import Tx
from tests.sim import catalogue
from tests.sim.bug_bank import Mutant, days


@contextmanager
def _late_lists_are_believed() -> Iterator[None]:
    """What a list does not show a moment after it was made is made again."""
    with mock.patch.object(pull_locations, "LIST_IS_LATE", timedelta(0)):
        yield


@contextmanager
def _locations_are_sent_blindly() -> Iterator[None]:
    """A location whose answer was lost is made again without a look."""

    async def settle(self: object, attempt: object) -> Absent:
        return Absent()

    async def current(self: object, row: object) -> None:
        return None

    with mock.patch.object(PullLocations, "settle", settle), mock.patch.object(PullLocations, "_current", current):
        yield


@contextmanager
def _foreign_products_are_written() -> Iterator[None]:
    """Every product of Pipe17 is treated as one of ours."""

    async def changes(self: PullProducts, current: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
        return product_changes(current, document, self._ownership.integration_id)

    with mock.patch.object(PullProducts, "_changes", changes):
        yield


@contextmanager
def _removed_skus_stay_linked() -> Iterator[None]:
    """A SKU that its product no longer shows keeps its link."""

    def gone(tx: Tx, sku_id: str, now_ms: int) -> None:
        return None

    with mock.patch.object(links, "gone", gone):
        yield


@contextmanager
def _first_sight_is_for_ever() -> Iterator[None]:
    """A product that is known is not read again."""

    def stamp(raw: Mapping[str, Any]) -> str:
        return str(raw["id"])

    with mock.patch.object(product_reader, "row_stamp", stamp):
        yield


@contextmanager
def _no_overlap() -> Iterator[None]:
    """A search starts where the one before started, though its index is late."""
    with mock.patch.object(pull_products, "OVERLAP", timedelta(minutes=-1)):
        yield


@contextmanager
def _not_shown_is_gone() -> Iterator[None]:
    """What a reading of everything does not show counts as gone without a question."""

    async def vanished(self: ProductReader, ids: Sequence[str]) -> tuple[Page, int]:
        return Page(tuple(gone_change(item, self._clock.now_ms()) for item in ids)), len(ids)

    with mock.patch.object(ProductReader, "vanished", vanished):
        yield


@contextmanager
def _short_windows_are_believed() -> Iterator[None]:
    """Nobody counts what a search shows against what it says there is."""

    async def window(self: ProductReader, ge_s: int, le_s: int | None) -> AsyncIterator[Page]:
        async for rows, _ in self._rows(ge_s, le_s):
            yield await self._page(rows)

    with mock.patch.object(ProductReader, "window", window):
        yield


MUTANTS = (
    Mutant("late_lists_are_believed", _late_lists_are_believed, (catalogue.a_late_list,)),
    Mutant("locations_are_sent_blindly", _locations_are_sent_blindly, days(0, 1)),
    Mutant("foreign_products_are_written", _foreign_products_are_written, days(0, 1)),
    Mutant("removed_skus_stay_linked", _removed_skus_stay_linked, days(1)),
    Mutant("first_sight_is_for_ever", _first_sight_is_for_ever, days(0, 1)),
    Mutant("product_searches_do_not_overlap", _no_overlap, days(2, 1)),
    Mutant("not_shown_is_gone", _not_shown_is_gone, (catalogue.a_list_that_lies,)),
    Mutant("short_windows_are_believed", _short_windows_are_believed, (catalogue.a_short_page,)),
)
