"""The engine with flows made of plain functions, under virtual time: what a test scripts is what the loops meet."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.abc

from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.owed import Absent, Change, Done, Outcome, Owed, Page, Settled, Wanted
from daemon.core.reading import BadShape
from daemon.core.verdicts import Failure
from daemon.errors import ApiError
from daemon.flows.connections import Connections
from daemon.flows.engine import Engine
from daemon.flows.flow import Attempt, Flow, Known
from daemon.flows.hint_reader import HintReader
from daemon.flows.poller import Poller
from daemon.flows.pusher import Pusher
from daemon.sandbox.virtual_time import VirtualClock, VirtualLoop, run_virtual
from daemon.store import outbox
from daemon.store.database import Database

NOW_MS = 1_767_218_400_000


def error(verdict: Failure, system: str = "tiktok", status: int = 400) -> ApiError:
    return ApiError(system=system, operation="orders.search", verdict=verdict, status=status, code="7", message="no")


class Counts:
    """`FlowObserver` and the calls' observer: counts."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str]] = []
        self.records: Counter[tuple[str, str]] = Counter()
        self.seconds: list[float] = []

    def run_finished(self, flow: str, outcome: str) -> None:
        self.runs.append((flow, outcome))

    def record(self, flow: str, outcome: str, count: int = 1) -> None:
        self.records[flow, outcome] += count

    def delivered(self, flow: str, seconds: float) -> None:
        self.seconds.append(seconds)

    def carrier_fallback(self) -> None:
        self.records["fulfillments", "fallback"] += 1


def change(key: str, version: int = 1, group: str = "", **record: Any) -> Change:
    return Change(key, group or key, {"id": key, **record}, f"{version}{sorted(record.items())}", version, NOW_MS)


Delivery = Callable[[Attempt], Awaitable[Outcome]]


class FakeFlow:
    """A flow whose source yields `pages` (an exception in the list is raised) and whose `decide` obeys the record."""

    lane = Lane.ORDERS
    every = timedelta(seconds=60)

    def __init__(self, name: str = "orders", concurrency: int = 4) -> None:
        self.name = name
        self.concurrency = concurrency
        self.pages: list[Page | Exception] = []
        self.cursors: list[str | None] = []
        self.records: dict[str, Change] = {}
        self.read_keys: list[tuple[str, ...]] = []
        self.read_errors: list[Exception] = []
        self.sent: list[tuple[int, str, Mapping[str, Any]]] = []
        self.looked_up: list[str] = []
        self.settled: Callable[[Attempt], Settled] = lambda attempt: Done(attempt.row.digest)
        self.delivery: Delivery = accept
        self.now_ms: Callable[[], int] = lambda: 0
        self.under_way: list[str] = []
        self.widest = 0

    async def source(self, cursor: str | None) -> AsyncIterator[Page]:
        self.cursors.append(cursor)
        pages, self.pages = self.pages, []
        for page in pages:
            if isinstance(page, Exception):
                raise page
            yield page

    async def read(self, keys: Sequence[str]) -> Page:
        self.read_keys.append(tuple(keys))
        if self.read_errors:
            raise self.read_errors.pop(0)
        return Page(tuple(self.records[key] for key in keys if key in self.records))

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        record = change.record
        if record.get("bad"):
            raise BadShape("status", "is missing")
        if record.get("none"):
            return None
        state = State(record.get("state", "ready"))
        return Wanted(state, record, str(record.get("digest", "a")), "reason", record.get("due_at_ms"))

    async def deliver(self, attempt: Attempt) -> Outcome:
        row = attempt.row
        self.sent.append((self.now_ms(), row.key, row.payload))
        self.under_way.append(row.key)
        self.widest = max(self.widest, len(self.under_way))
        try:
            return await self.delivery(attempt)
        finally:
            self.under_way.remove(row.key)

    async def settle(self, attempt: Attempt) -> Settled:
        self.looked_up.append(attempt.row.key)
        return self.settled(attempt)

    @property
    def keys_sent(self) -> list[str]:
        return [key for _, key, _ in self.sent]


async def accept(attempt: Attempt) -> Outcome:
    return Done(attempt.row.digest, f"r-{attempt.row.key}")


def absent(attempt: Attempt) -> Settled:
    return Absent()


class Scripted:
    """Deliveries in turn: an outcome, an exception to raise, or seconds to take; then every one is accepted."""

    def __init__(self, *steps: Outcome | Exception | float) -> None:
        self.steps = list(steps)

    async def __call__(self, attempt: Attempt) -> Outcome:
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, int | float):
                await anyio.sleep(step)
                continue
            return step
        return await accept(attempt)


class House:
    """An engine, its flows, and what it takes to run some of the loops."""

    def __init__(self, loop: VirtualLoop, database: Database, clock: VirtualClock, *flows: FakeFlow) -> None:
        self.clock = clock
        self.database = database
        self.counts = Counts()
        self.connections = Connections(database, clock)
        self.refusals: dict[str, Exception | None] = {}
        self.probes: Counter[str] = Counter()
        for system in ("tiktok", "pipe17"):
            self.connections.watch(system, self._probe(system))
        self.engine = Engine(database, clock, random.Random(1), self.counts, self.connections)
        self.flows = flows
        self.pollers = [Poller(self.engine, flow, "tiktok") for flow in flows]
        self.pushers = [Pusher(self.engine, flow) for flow in flows]
        self.hints = HintReader(self.engine, flows)
        for flow in flows:
            flow.now_ms = clock.now_ms

    def _probe(self, system: str) -> Callable[[], Awaitable[None]]:
        async def probe() -> None:
            self.probes[system] += 1
            refusal = self.refusals.get(system)
            if refusal is not None:
                raise refusal

        return probe

    def add(self, flow: Flow) -> None:
        """One more flow, a real one."""
        self.flows = (*self.flows, flow)  # type: ignore[assignment]
        self.pollers.append(Poller(self.engine, flow, "tiktok"))
        self.pushers.append(Pusher(self.engine, flow))

    async def poll(self, *pages: Page | Exception, flow: int = 0) -> bool:
        self.flows[flow].pages = list(pages)
        return await self.pollers[flow].once()

    async def stage(self, *changes: Change, flow: int = 0) -> None:
        assert await self.poll(Page(changes), flow=flow)

    def start(self, group: anyio.abc.TaskGroup) -> None:
        """The timekeeper and the pushers."""
        group.start_soon(self.engine.timekeeper.run)
        for pusher in self.pushers:
            group.start_soon(pusher.run)

    async def run_for(self, seconds: float) -> None:
        """The timekeeper and the pushers for a while, then a clean stop."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.engine.timekeeper.run)
            async with anyio.create_task_group() as sending:
                for pusher in self.pushers:
                    sending.start_soon(pusher.run)
                await anyio.sleep(seconds)
                for pusher in self.pushers:
                    pusher.stop()
            group.cancel_scope.cancel()

    async def row(self, key: str, flow: str = "orders") -> Owed:
        found = await self.database.write(lambda tx: outbox.find(tx, flow, key))
        assert found is not None
        return found

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return await self.database.write(lambda tx: tx._connection.execute(sql).fetchall())

    async def open_exceptions(self) -> set[tuple[str, str]]:
        return set(await self.rows("SELECT key, code FROM exceptions WHERE closed_at_ms IS NULL"))

    async def events(self, key: str) -> list[str]:
        rows = await self.rows("SELECT key, event FROM journal ORDER BY id")
        return [event for found, event in rows if found == key]


def in_house(tmp_path: Path, test: Callable[[House], Awaitable[None]], *flows: FakeFlow, empty: bool = False) -> None:
    """Run `test` with a house under virtual time; without flows it has one called `orders`, unless `empty`."""
    flows = flows if flows or empty else (FakeFlow(),)

    async def main(loop: VirtualLoop) -> None:
        database = await Database.open(tmp_path / "store.db", inline=True, durable=False)
        try:
            await test(House(loop, database, VirtualClock(loop, NOW_MS), *flows))
        finally:
            await database.aclose()

    run_virtual(main)
