"""When a call may go: budgets, priorities and closed operations.

* TikTok counts per endpoint, so each TikTok operation has a bucket of its own; Pipe17 publishes nothing, so its
  operations share one bucket and each has its own adaptive one behind it. What is slowed or closed by a 429 is always
  the one operation that got it: a storm on `orders.search` never delays `packages.mark_shipped`.
* Waiters are served by lane, then in order of arrival.
* A closed operation (429) keeps nobody waiting longer than `PATIENCE`: callers get a `Throttled` verdict with the rest
  of the wait, so the row goes back to the outbox and its place is free for something that may move.
* Closures survive a restart through `ThrottleMemory`. They are kept as instants there and as durations here, so a
  correction of the clock neither opens nor lengthens them.

Repeated 429s without `Retry-After` close the operation for 1, 2, 4 ... 60 s; answers to calls that were already on
their way when it closed count once. A success forgives everything.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from daemon.clock import Clock
from daemon.core.backoff import LONGEST_REQUESTED, delay
from daemon.core.bucket import Bucket
from daemon.core.lanes import Lane
from daemon.core.verdicts import Throttled
from daemon.errors import ApiError

PATIENCE = timedelta(seconds=2)
"""The longest a caller waits for a closed operation; above it the row is better off in the outbox."""
SHORTEST_CLOSURE = timedelta(milliseconds=500)
BURST_SECONDS = 0.2
"""How much of a second's budget may go at once: little, so that no sliding second ever sees much over the rate."""
_TICK_S = 0.001


class CallObserver(Protocol):
    """Who counts calls (ops/metrics)."""

    def call_finished(self, system: str, operation: str, outcome: str, seconds: float) -> None:
        """A call ended; `outcome` is ok, retry, throttled, unknown, rejected or reauth."""
        ...

    def rate_limited(self, system: str, operation: str) -> None:
        """The other side said 429."""
        ...

    def waited(self, system: str, operation: str, seconds: float) -> None:
        """A call was held back for its pace."""
        ...


@dataclass(frozen=True, slots=True)
class Closure:
    """An operation that must not be called before `until_ms`, after `strikes` refusals in a row."""

    system: str
    operation: str
    until_ms: int
    strikes: int


class ThrottleMemory(Protocol):
    """Where closures outlive the process (store)."""

    async def load(self) -> list[Closure]:
        """Every closure that was saved; past ones do no harm."""
        ...

    async def save(self, system: str, operation: str, until_ms: int, strikes: int) -> None:
        """Remember this closure instead of an earlier one; `until_ms` 0 with no strikes means open."""
        ...


@dataclass(order=True, slots=True)
class _Waiter:
    lane: int
    number: int
    permit: asyncio.Future[None] = field(compare=False)


@dataclass(slots=True)
class _Line:
    """One operation: its bucket, its queue, and until when it is closed."""

    operation: str
    bucket: Bucket
    waiters: list[_Waiter] = field(default_factory=list)
    closed_until_s: float = 0.0
    struck_at_s: float = -1.0
    strikes: int = 0

    def ready_in(self, now_s: float) -> float:
        return max(self.closed_until_s - now_s, self.bucket.ready_in(now_s))


@dataclass(slots=True)
class _Budget:
    """One system: its lines and the bucket they share (None: they share nothing)."""

    rate: float
    shared: Bucket | None
    lines: dict[str, _Line] = field(default_factory=dict)
    waiting: int = 0
    timer: asyncio.TimerHandle | None = None


class Pacer:
    """Hands out permission to call. One for the whole daemon, used from one event loop."""

    def __init__(
        self, *, clock: Clock, rng: random.Random, observer: CallObserver, memory: ThrottleMemory | None = None
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._observer = observer
        self._memory = memory
        self._budgets: dict[str, _Budget] = {}
        self._numbers = itertools.count()

    def budget(self, system: str, *, per_second: float, shared: bool) -> None:
        """Give `system` its rate: for all its operations together (`shared`) or for each of them."""
        burst = max(1.0, per_second * BURST_SECONDS)
        self._budgets[system] = _Budget(per_second, Bucket(per_second, burst) if shared else None)

    async def load(self) -> None:
        """Take up the closures of the last run; call once, after the budgets are set and before the first call."""
        if self._memory is None:
            return
        now_ms, now_s = self._clock.now_ms(), self._clock.monotonic()
        for closure in await self._memory.load():
            rest_s = min((closure.until_ms - now_ms) / 1000, LONGEST_REQUESTED.total_seconds())
            if closure.system in self._budgets and closure.strikes > 0:
                line = self._line(closure.system, closure.operation)
                line.strikes = closure.strikes
                line.closed_until_s = now_s + max(rest_s, 0.0)

    async def permit(self, system: str, operation: str, lane: Lane) -> float:
        """Wait for the turn of this call; returns the instant it was let go, in `clock.monotonic()` seconds.

        Raises `ApiError` with a `Throttled` verdict when the operation is closed for longer than `PATIENCE`.
        """
        budget = self._budgets[system]
        line = self._line(system, operation)
        now_s = self._clock.monotonic()
        self._refuse_if_closed(system, line, now_s)
        if not budget.waiting and self._take(budget, line, now_s):
            return now_s
        waiter = _Waiter(int(lane), next(self._numbers), asyncio.get_running_loop().create_future())
        heapq.heappush(line.waiters, waiter)
        budget.waiting += 1
        self._serve(system, budget)
        try:
            await waiter.permit
        finally:
            end_s = self._clock.monotonic()
            self._observer.waited(system, operation, end_s - now_s)
        return end_s

    async def throttled(self, system: str, operation: str, sent_at_s: float, after: timedelta | None) -> timedelta:
        """The other side said 429 to a call let go at `sent_at_s`; returns how long the operation is closed now."""
        self._observer.rate_limited(system, operation)
        line = self._line(system, operation)
        now_s = self._clock.monotonic()
        if sent_at_s > line.struck_at_s:
            line.strikes += 1
            line.struck_at_s = now_s
            line.bucket.slow_down(now_s)
            wait = after if after is not None else delay(line.strikes, self._rng.random())
        else:
            wait = after if after is not None else timedelta(0)
        until_s = now_s + max(min(wait, LONGEST_REQUESTED), SHORTEST_CLOSURE).total_seconds()
        if until_s > line.closed_until_s:
            line.closed_until_s = until_s
            self._serve(system, self._budgets[system])
            if self._memory is not None:
                until_ms = self._clock.now_ms() + round((until_s - now_s) * 1000)
                await self._memory.save(system, operation, until_ms, line.strikes)
        return timedelta(seconds=line.closed_until_s - now_s)

    async def succeeded(self, system: str, operation: str) -> None:
        """A call of this operation was not refused for its pace: forget the strikes."""
        line = self._line(system, operation)
        if line.strikes and line.closed_until_s <= self._clock.monotonic():
            line.strikes = 0
            if self._memory is not None:
                await self._memory.save(system, operation, 0, 0)

    def closed_for(self, system: str, operation: str) -> timedelta:
        """How long the operation stays closed; zero when it is open."""
        rest_s = self._line(system, operation).closed_until_s - self._clock.monotonic()
        return timedelta(seconds=max(rest_s, 0.0))

    def _line(self, system: str, operation: str) -> _Line:
        budget = self._budgets[system]
        line = budget.lines.get(operation)
        if line is None:
            burst = max(1.0, budget.rate * BURST_SECONDS)
            line = budget.lines[operation] = _Line(operation, Bucket(budget.rate, burst))
        return line

    def _refuse_if_closed(self, system: str, line: _Line, now_s: float) -> None:
        rest_s = line.closed_until_s - now_s
        if rest_s > PATIENCE.total_seconds():
            raise closed(system, line.operation, timedelta(seconds=rest_s))

    def _take(self, budget: _Budget, line: _Line, now_s: float) -> bool:
        if line.ready_in(now_s) > 0 or (budget.shared is not None and not budget.shared.take(now_s)):
            return False
        return line.bucket.take(now_s)

    def _serve(self, system: str, budget: _Budget) -> None:
        """Let go whoever may go now, best lane first, and come back when the next one may."""
        if budget.timer is not None:
            budget.timer.cancel()
            budget.timer = None
        now_s = self._clock.monotonic()
        self._send_away(system, budget, now_s)
        while budget.waiting:
            ready, wait_s = self._best(budget, now_s)
            if ready is not None and self._take(budget, ready, now_s):
                self._pop(budget, ready).permit.set_result(None)
                continue
            if budget.shared is not None and ready is not None:
                wait_s = budget.shared.ready_in(now_s)
            loop = asyncio.get_running_loop()
            budget.timer = loop.call_later(max(wait_s, _TICK_S), self._serve, system, budget)
            return

    def _best(self, budget: _Budget, now_s: float) -> tuple[_Line | None, float]:
        """The line whose first waiter goes next among those that may go now, and the shortest wait of the others."""
        best: _Line | None = None
        wait_s = LONGEST_REQUESTED.total_seconds()
        for line in budget.lines.values():
            while line.waiters and line.waiters[0].permit.done():
                self._pop(budget, line)
            if not line.waiters:
                continue
            line_wait_s = line.ready_in(now_s)
            if line_wait_s > 0:
                wait_s = min(wait_s, line_wait_s)
            elif best is None or line.waiters[0] < best.waiters[0]:
                best = line
        return best, wait_s

    def _send_away(self, system: str, budget: _Budget, now_s: float) -> None:
        """Callers of an operation that closed for long while they stood in its line."""
        for line in budget.lines.values():
            rest_s = line.closed_until_s - now_s
            while line.waiters and rest_s > PATIENCE.total_seconds():
                permit = self._pop(budget, line).permit
                if not permit.done():
                    permit.set_exception(closed(system, line.operation, timedelta(seconds=rest_s)))

    @staticmethod
    def _pop(budget: _Budget, line: _Line) -> _Waiter:
        budget.waiting -= 1
        return heapq.heappop(line.waiters)


def closed(system: str, operation: str, rest: timedelta) -> ApiError:
    """What a caller gets for an operation that is closed for longer than anybody should stand in line."""
    return ApiError(
        system=system,
        operation=operation,
        verdict=Throttled("closed", rest),
        message=f"closed for another {rest.total_seconds():.0f} s after too many requests",
    )
