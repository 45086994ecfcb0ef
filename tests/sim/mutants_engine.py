"""Mistakes in the engine and in the way of an order, planted one at a time (see `bug_bank.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from unittest import mock

from daemon import assembly
from daemon.core import holds, orders
from daemon.core.lifecycle import State
from daemon.core.owed import Absent, Page
from daemon.flows import order_source, poller
from daemon.flows.order_reader import OrderReader
from daemon.flows.pull_orders import PullOrders
from daemon.flows.push_fulfillments import PushFulfillments
from daemon.store import attempts, outbox
from daemon.store.database import Tx
from tests.sim import scenarios
from tests.sim.bug_bank import Mutant, days
from tests.sim.scenarios import Scenario


@contextmanager
def _blind_retry() -> Iterator[None]:
    """What ended in the dark is sent again without a look."""

    async def settle(self: object, attempt: object) -> Absent:
        return Absent()

    with mock.patch.object(PullOrders, "settle", settle), mock.patch.object(PushFulfillments, "settle", settle):
        yield


@contextmanager
def _no_intent() -> Iterator[None]:
    """The claim stays in memory: on disk the row is still ready when the call goes out."""
    real_now = attempts._now

    def now(tx: Tx, claimed: Any) -> Any:
        ending = real_now(tx, claimed)
        ending.state = State.SENDING if ending.state is State.READY else ending.state
        return ending

    claim = "UPDATE outbox SET queued = 0, sent_version = version WHERE ? <> '' AND ? > 0 AND id = ?"
    requeue = "UPDATE outbox SET queued = 1 WHERE state = 'ready' AND due_at_ms IS NULL"

    def recover(tx: Tx) -> list[Any]:
        tx.run("mutant_requeue")
        return []

    statements = {"outbox_claim": claim, "mutant_requeue": requeue}
    with (
        mock.patch.dict("daemon.store.writer.SQL", statements),
        mock.patch.object(attempts, "_now", now),
        mock.patch.object(outbox, "recover", recover),
        mock.patch.object(outbox, "book", return_value=None),
        mock.patch.object(attempts, "book", return_value=None),
    ):
        yield


@contextmanager
def _sending_not_settled() -> Iterator[None]:
    """After a crash, what was under way is simply sent again."""

    def recover(tx: Tx) -> list[Any]:
        for row_id, flow, _, _, state in tx.all("outbox_orphans"):
            tx.run("outbox_orphan_to_unknown", (State.READY.value, "", row_id))
            outbox.book(tx, flow, State(state), State.READY)
        return []

    with mock.patch.object(outbox, "recover", recover):
        yield


@contextmanager
def _cursor_before_rows() -> Iterator[None]:
    """The cursor is stored first, in a transaction of its own, with the first page."""
    real = poller.stage_page

    async def stage_page(engine: Any, flow: Any, page: Page, handled: Any = ()) -> None:
        now_ms = engine.clock.now_ms()
        await real(engine, flow, Page((), (), str(now_ms)))
        await real(engine, flow, page, handled)

    with mock.patch.object(poller, "stage_page", stage_page):
        yield


@contextmanager
def _cursor_at_the_end_of_the_fetch() -> Iterator[None]:
    """The next fetch starts where this one ended, without looking back."""
    real = poller.stage_page

    async def stage_page(engine: Any, flow: Any, page: Page, handled: Any = ()) -> None:
        at_end = Page(page.changes, page.set_aside, str(engine.clock.now_ms()) if page.cursor else None)
        await real(engine, flow, at_end, handled)

    with mock.patch.object(poller, "stage_page", stage_page), mock.patch.object(order_source, "OVERLAP", timedelta()):
        yield


@contextmanager
def _hold_too_short() -> Iterator[None]:
    """Fifty minutes are nearly an hour; and TikTok's own status is not waited for."""
    real = assembly.order_rules

    def rules(settings: Any, clock: Any) -> Any:
        return replace(real(settings, clock), hold=timedelta(minutes=50))

    real_hold = holds.hold_of

    def hold_of(order: Any, window: timedelta, now_ms: int) -> Any:
        return real_hold(
            replace(order, status="AWAITING_SHIPMENT") if order.status == "ON_HOLD" else order, window, now_ms
        )

    with mock.patch.object(assembly, "order_rules", rules), mock.patch.object(orders, "hold_of", hold_of):
        yield


@contextmanager
def _hold_without_reading_again() -> Iterator[None]:
    """The release goes out with what the last poll saw."""
    seen: dict[str, Mapping[str, Any]] = {}
    real_page, real_read = order_source.page_of, OrderReader.read

    def page(found: Any, cursor: str | None) -> Page:
        seen.update({str(raw["id"]): raw for raw in found})
        return real_page(found, cursor)

    async def read(self: OrderReader, order_id: str) -> Any:
        fresh = await real_read(self, order_id)
        stale = seen.get(order_id)
        return {**stale, "status": fresh["status"]} if stale and fresh else fresh

    with mock.patch.object(order_source, "page_of", page), mock.patch.object(OrderReader, "read", read):
        yield


@contextmanager
def _newer_version_lost() -> Iterator[None]:
    """What was staged while the row was being sent is taken for sent."""
    with mock.patch.object(attempts, "_let_newer_in", return_value=None):
        yield


@contextmanager
def _refusals_hidden() -> Iterator[None]:
    """What is refused for good is dead, and nobody is told."""
    with mock.patch.object(attempts, "open_exception", return_value=False):
        yield


@contextmanager
def _wake_up_lost() -> Iterator[None]:
    """A row whose time has come is not put into the queue again after a failure."""
    real = outbox.wake

    def wake(tx: Tx, now_ms: int, limit: int) -> tuple[int, int | None]:
        woken, _ = real(tx, now_ms - 86_400_000, limit)
        return woken, None

    with mock.patch.object(outbox, "wake", wake):
        yield


@contextmanager
def _failed_page_taken_for_the_last() -> Iterator[None]:
    """A fetch that breaks off moves the cursor all the same."""
    real = poller.Poller._failed

    async def failed(self: Any, code: str, problem: str) -> None:
        now_ms = self._engine.clock.now_ms() + 900_000
        await poller.stage_page(self._engine, self.flow, Page((), (), str(now_ms)))
        await real(self, code, problem)

    with mock.patch.object(poller.Poller, "_failed", failed):
        yield


def _catching_up(*points: tuple[str, int]) -> tuple[Scenario, ...]:
    return tuple(partial(scenarios.catching_up, point) for point in points)


def _edits(*before_end_s: float) -> tuple[Scenario, ...]:
    return tuple(partial(scenarios.edit_in_the_last_minute, at) for at in before_end_s)


def _lost(*cases: tuple[str, bool]) -> tuple[Scenario, ...]:
    return tuple(partial(scenarios.answers_lost, *case) for case in cases)


MUTANTS = (
    Mutant("blind_retry", _blind_retry, _lost(("orders.create", False))),
    Mutant("no_intent", _no_intent, _lost(("orders.create", True)) + days(3, 7, 11, 18)),
    Mutant("sending_not_settled", _sending_not_settled, _catching_up(("effect", 40), ("answer", 40)) + days(3, 7, 11)),
    Mutant(
        "cursor_before_rows",
        _cursor_before_rows,
        _catching_up(*(("written", n) for n in sorted(range(1, 30), key=lambda n: abs(n - 18)))),
    ),
    Mutant("cursor_at_end_of_fetch", _cursor_at_the_end_of_the_fetch, (scenarios.late_in_the_index,)),
    Mutant("hold_too_short", _hold_too_short, days(0)),
    Mutant("hold_without_reading_again", _hold_without_reading_again, _edits(20.0) + days(0, 1, 2)),
    Mutant(
        "newer_version_lost",
        _newer_version_lost,
        (lambda: scenarios.edit_while_the_create_is_on_its_way(20),),
    ),
    Mutant("refusals_hidden", _refusals_hidden, (scenarios.outage_with_refusals,)),
    Mutant("wake_up_lost", _wake_up_lost, days(0)),
    Mutant("failed_page_taken_for_the_last", _failed_page_taken_for_the_last, days(0, 1, 2, 3, 4)),
)
