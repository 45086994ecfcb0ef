"""How long to wait before the same thing is tried again: pure arithmetic, the randomness is an argument.

The wait doubles with every attempt up to a cap and is stretched by up to a half so that callers who failed together do
not come back together. What the other side asks for (`Retry-After`) is read here too; it arrives as whole seconds, as
an HTTP date, empty, or as rubbish, and only a sane positive wait is believed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

BASE = timedelta(seconds=1)
CAP = timedelta(seconds=60)
LONGEST_REQUESTED = timedelta(hours=1)
"""The longest wait another system may impose on us with one header; TikTok's longest quota window is an hour."""
_DOUBLINGS = 40
"""2**40 seconds is past any cap; more would only overflow."""


def delay(attempt: int, jitter: float, base: timedelta = BASE, cap: timedelta = CAP) -> timedelta:
    """The wait after failed attempt number `attempt` (from 1); `jitter` in [0, 1) stretches it by up to a half."""
    doublings = min(max(attempt, 1) - 1, _DOUBLINGS)
    try:
        wait = min(cap, base * (1 << doublings))
    except OverflowError:
        wait = cap
    return wait * (1 + jitter / 2)


def retry_after(header: str | None, now_ms: int) -> timedelta | None:
    """The wait a `Retry-After` header asks for, at most an hour; None for none, rubbish, zero and the past."""
    text = (header or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:9]), LONGEST_REQUESTED.total_seconds()))
    else:
        instant = http_date_ms(text)
        if instant is None:
            return None
        wait = timedelta(milliseconds=instant - now_ms)
    return min(wait, LONGEST_REQUESTED) if wait > timedelta(0) else None


def http_date_ms(header: str | None) -> int | None:
    """An HTTP date as epoch milliseconds (its resolution is one second); None for none and rubbish."""
    try:
        instant = parsedate_to_datetime(header or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return round((instant - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000
