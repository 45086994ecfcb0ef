"""Mistakes with what orders give back, bundles, marks and warehouses, planted one at a time (see `bug_bank.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import TikTok
from daemon.core import marks
from daemon.core.owed import Page
from daemon.flows import stock_orders, stock_places
from daemon.flows.recipes import Problem, Recipes, Told
from daemon.flows.stock_marks import MarksReader
from tests.sim import scenarios_taken as worlds
from tests.sim.bug_bank import Mutant


@contextmanager
def _nothing_comes_back() -> Iterator[None]:
    """What a cancel gives back at TikTok is taken for what we published."""
    with mock.patch.object(stock_orders, "given_back", return_value=set()):
        yield


@contextmanager
def _under_way_counts() -> Iterator[None]:
    """A send that was under way when a cancel was read counts as TikTok's newest level."""
    sql = (
        "UPDATE outbox SET accepted_digest = '', digest = '' WHERE flow = ? AND key = ? "
        "AND state IN ('done', 'sending', 'unknown')"
    )
    with mock.patch.dict("daemon.store.writer.SQL", {"stock_accepted_forget": sql}):
        yield


@contextmanager
def _searched_recipes() -> Iterator[None]:
    """An order is made of what the search says."""

    async def told(self: Recipes, page: Page, tiktok: TikTok, problem: Problem | None = None) -> Told:
        return Told(page, problem)

    with mock.patch.object(Recipes, "told", told):
        yield


@contextmanager
def _no_pre_owned() -> Iterator[None]:
    """The mark of a pre-owned piece says nothing."""
    with mock.patch.object(marks, "_is_preowned", return_value=False):
        yield


@contextmanager
def _no_buffer() -> Iterator[None]:
    """What Pipe17 keeps back is for sale."""
    with mock.patch.object(marks, "_buffer_units", return_value=0):
        yield


@contextmanager
def _marks_once() -> Iterator[None]:
    """Marks are read at the start, and never again."""
    real, read = MarksReader.changed, set[int]()

    async def changed(self: MarksReader, pipe17: Pipe17) -> None:
        if id(self) not in read:
            read.add(id(self))
            await real(self, pipe17)

    with mock.patch.object(MarksReader, "changed", changed):
        yield


@contextmanager
def _warehouses_say_nothing() -> Iterator[None]:
    """A warehouse that is switched off changes a SKU with the SKU's next change."""
    with mock.patch.object(stock_places, "mark_next", return_value=False):
        yield


MUTANTS = (
    Mutant("a cancel gives nothing back", _nothing_comes_back, (lambda: worlds.gone_between_two_looks(slow=False),)),
    Mutant(
        "a send under way outlives a cancel", _under_way_counts, (lambda: worlds.gone_between_two_looks(slow=True),)
    ),
    Mutant("a bundle is what the search shows", _searched_recipes, (worlds.bundles_wait_for_their_buyers,)),
    Mutant("a pre-owned piece has a quantity", _no_pre_owned, (worlds.marked_by_people,)),
    Mutant("what is kept back is sold", _no_buffer, (worlds.marked_by_people,)),
    Mutant("marks are read once", _marks_once, (worlds.marked_by_people,)),
    Mutant(
        "a warehouse that is switched off is nobody's business",
        _warehouses_say_nothing,
        (worlds.a_warehouse_is_switched_off,),
    ),
)
