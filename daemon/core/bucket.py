"""A token bucket whose rate gives way: halved when the other side says 429, back to full within a minute or so.

The bucket holds no clock: every method takes `now_s`, seconds on any clock that only moves forward. It allows at most
`burst` calls at once and `rate` a second after that. A halved rate climbs back in a straight line, from nothing to full
in `RECOVERY_S`, and never falls under `rate / FLOOR_PARTS`, so a limit that stays low is probed gently and for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field

RECOVERY_S = 60.0
FLOOR_PARTS = 16
_ENOUGH = 1.0 - 1e-9
"""Refilling in small steps loses the last digits of a whole token."""


@dataclass(slots=True)
class Bucket:
    """`rate` calls a second with room for `burst` at once; starts full, at the first `now_s` it hears of."""

    rate: float
    burst: float
    rate_now: float = field(init=False)
    _tokens: float = field(init=False)
    _at_s: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.burst < 1:
            raise ValueError("a bucket needs a positive rate and room for one call")
        self.rate_now = self.rate
        self._tokens = self.burst

    def ready_in(self, now_s: float) -> float:
        """Seconds until a call may go; 0.0 when it may go now."""
        self._refill(now_s)
        return 0.0 if self._tokens >= _ENOUGH else (1.0 - self._tokens) / self.rate_now

    def take(self, now_s: float) -> bool:
        """Spend one call if one may go now."""
        self._refill(now_s)
        if self._tokens < _ENOUGH:
            return False
        self._tokens = max(0.0, self._tokens - 1.0)
        return True

    def slow_down(self, now_s: float) -> None:
        """The other side said 429: half the rate, and nothing saved up."""
        self._refill(now_s)
        self.rate_now = max(self.rate / FLOOR_PARTS, self.rate_now / 2)
        self._tokens = min(self._tokens, 1.0)

    def _refill(self, now_s: float) -> None:
        before = self._at_s
        if before is None or now_s <= before:
            self._at_s = now_s if before is None else before
            return
        elapsed = now_s - before
        self._at_s = now_s
        if self.rate_now < self.rate:
            self.rate_now = min(self.rate, self.rate_now + self.rate * elapsed / RECOVERY_S)
        self._tokens = min(self.burst, self._tokens + elapsed * self.rate_now)
