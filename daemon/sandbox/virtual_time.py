"""An event loop in which time is a number: a simulated day costs as long as its events take to compute.

`VirtualLoop` never waits. When nothing is ready to run it moves its clock to the next timer. Sockets and threads have
no place in it: a loop that would wait for one of them (nothing scheduled, somebody still waiting) raises `Deadlock`,
which is how a lost wake-up shows up in a simulation instead of hanging it. `VirtualClock` is the daemon's `Clock` over
such a loop; `run_virtual` runs a coroutine in one.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Deadlock(RuntimeError):
    """Nothing is scheduled and somebody still waits."""


class _Selector(selectors.SelectSelector):
    """Instead of waiting, moves the time of its loop.

    The system is asked only where nothing else could wake the loop: most of a simulated day is turns of this loop.
    """

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            if ready := super().select(0):
                return ready
            raise Deadlock("nothing is scheduled and somebody still waits")
        self.loop.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its time starts at 0 and moves only when there is nothing else to do."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self._now_s = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move the clock; the loop itself does this."""
        if seconds > 0:
            self._now_s += seconds


class VirtualClock:
    """Time of a `VirtualLoop` as the daemon sees it. `skew_ms` is how wrong the host's clock is."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start_ms: int, skew_ms: int = 0) -> None:
        self._loop = loop
        self._start_ms = start_ms
        self._skew_ms = skew_ms
        self._offset_ms = 0

    def now_ms(self) -> int:
        return self._start_ms + round(self._loop.time() * 1000) + self._skew_ms + self._offset_ms

    def monotonic(self) -> float:
        return self._loop.time()

    def correct(self, offset_ms: int) -> None:
        self._offset_ms = 0 if abs(offset_ms) < 2_000 else offset_ms

    @property
    def offset_ms(self) -> int:
        return self._offset_ms


def run_virtual(main: Callable[[VirtualLoop], Awaitable[T]]) -> T:
    """Run `main(loop)` to its end in a loop of its own."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(_awaited(main(loop)))
    finally:
        _cancel_rest(loop)
        asyncio.set_event_loop(None)
        loop.close()


async def _awaited(thing: Awaitable[T]) -> T:
    return await thing


def _cancel_rest(loop: VirtualLoop) -> None:
    rest: set[asyncio.Task[Any]] = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
