"""What the two loops share: the store, the clock, who is told, and when a row is due.

`Engine` owns no policy. `Timekeeper` is the only one that waits for due times: it sleeps until the nearest one, moves
what has become due into the queue, and wakes the pushers; 10^6 held orders cost it one index look-up.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from daemon.clock import Clock
from daemon.core.owed import Outcome, Owed, Settled, Wanted
from daemon.flows.connections import Connections
from daemon.store import outbox
from daemon.store.database import Database, Tx

log = logging.getLogger("daemon.flows")

WAKE_BATCH = 500
"""Rows moved into the queue in one transaction."""
LONGEST_SLEEP_S = 60.0
"""The clock may be corrected while we sleep; nothing waits longer than this for a look at it."""


class FlowObserver(Protocol):
    """Who counts what flows do (ops/metrics)."""

    def run_finished(self, flow: str, outcome: str) -> None:
        """A fetch of the source ended; `outcome` is ok or the code of the failure."""
        ...

    def record(self, flow: str, outcome: str, count: int = 1) -> None:
        """Records came to rest: delivered, unchanged, skipped, dropped or failed."""
        ...

    def delivered(self, flow: str, seconds: float) -> None:
        """From the change at the source to acceptance by the other side."""
        ...

    def carrier_fallback(self) -> None:
        """A shipment went out under the fallback carrier."""
        ...


class Watcher(Protocol):
    """Who keeps something beside the rows of a flow, in the transactions that change them."""

    def staged(self, tx: Tx, flow: str, key: str, before: Owed | None, wanted: Wanted, now_ms: int) -> None:
        """A record was decided on; `before` is its row as it was."""
        ...

    def finished(self, tx: Tx, row: Owed, outcome: Outcome | Settled, now_ms: int) -> None:
        """An attempt ended with an outcome; `row` is as it was claimed."""
        ...

    def committed(self) -> None:
        """Such a transaction is on disk; called on the event loop, where the other two are not."""
        ...


class Signal:
    """A bell with one listener: `ring` any number of times, the listener wakes once."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Until the bell rings, or at most so long."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()


class StoredRows:
    """`Known` over a transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def row(self, flow: str, key: str) -> Owed | None:
        return outbox.find(self._tx, flow, key)

    def row_by_remote(self, flow: str, remote_id: str) -> Owed | None:
        return outbox.find_by_remote(self._tx, flow, remote_id)


@dataclass(slots=True)
class Engine:
    """The parts every loop needs. `rng` is used for jitter alone."""

    database: Database
    clock: Clock
    rng: random.Random
    observer: FlowObserver
    connections: Connections
    paused: frozenset[str] = frozenset()
    """Flows whose pusher claims nothing until a person resumes them (flows/pauses.py)."""
    watchers: tuple[Watcher, ...] = ()
    timekeeper: Timekeeper = field(init=False)

    def __post_init__(self) -> None:
        self.timekeeper = Timekeeper(self.database, self.clock)


class Timekeeper:
    """Moves rows into the queue when their time has come."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._bell = Signal()
        self._sleeping_until_ms: int | None = None
        self._listeners: list[Callable[[], None]] = []

    def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring` whenever rows were queued."""
        self._listeners.append(ring)

    def expect(self, due_at_ms: int | None) -> None:
        """A row was put to sleep until then."""
        if due_at_ms is not None and (self._sleeping_until_ms is None or due_at_ms < self._sleeping_until_ms):
            self._bell.ring()

    def announce(self) -> None:
        """Rows were queued: wake everyone who sends."""
        for ring in self._listeners:
            ring()

    async def run(self) -> None:
        """Forever."""
        while True:
            woken, next_due_ms = await self._wake()
            if woken:
                self.announce()
                continue
            self._sleeping_until_ms = next_due_ms
            if next_due_ms is None:
                await self._bell.wait(LONGEST_SLEEP_S)
            else:
                wait_s = (next_due_ms - self._clock.now_ms()) / 1000
                await self._bell.wait(min(max(wait_s, 0.001), LONGEST_SLEEP_S))
            self._sleeping_until_ms = None

    async def _wake(self) -> tuple[int, int | None]:
        now_ms = self._clock.now_ms()
        return await self._database.write(lambda tx: outbox.wake(tx, now_ms, WAKE_BATCH))
