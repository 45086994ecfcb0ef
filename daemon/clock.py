"""Time, as a seam: every instant in the daemon comes from a `Clock`.

Instants are integer epoch milliseconds in UTC and follow *TikTok's* clock: `correct` takes the offset that the TikTok
client reads from the `Date` header of answers, so that a host clock ten minutes fast neither releases a hold early nor
makes signatures fall out of TikTok's window (-5 min, +30 s). Durations are measured on `monotonic`, which no one
corrects. Waiting goes through the event loop (`anyio.sleep`), so a virtual-time loop moves both together.
"""

from __future__ import annotations

import time
from typing import Protocol

OFFSET_IGNORED_MS = 2_000
"""A `Date` header has a resolution of one second and travels; smaller offsets are noise."""


class Clock(Protocol):
    """Where the time comes from."""

    def now_ms(self) -> int:
        """The current instant on TikTok's clock, epoch milliseconds UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that only moves forward; only differences mean anything."""
        ...

    def correct(self, offset_ms: int) -> None:
        """Set how far TikTok's clock is ahead of the host's (negative: behind), in milliseconds."""
        ...

    @property
    def offset_ms(self) -> int:
        """The correction in force: TikTok's time minus host time, in milliseconds."""
        ...


class SystemClock:
    """The host's clock plus the correction learnt from TikTok."""

    def __init__(self) -> None:
        self._offset_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._offset_ms

    def monotonic(self) -> float:
        return time.monotonic()

    def correct(self, offset_ms: int) -> None:
        self._offset_ms = 0 if abs(offset_ms) < OFFSET_IGNORED_MS else offset_ms

    @property
    def offset_ms(self) -> int:
        return self._offset_ms
