"""Instants and durations for people: "due in 12 min", "3 h ago", "2026-01-31 08:00:00 UTC"."""

from __future__ import annotations

from datetime import UTC, datetime

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_YEAR = 365 * _DAY
WITHOUT_END_MS = 20 * _YEAR
"""A grant that ends later than this from now has no end worth showing."""


def span(milliseconds: int) -> str:
    """A duration in its largest fitting unit: `45 s`, `12 min`, `3 h`, `5 d`, `2 y`."""
    length = abs(milliseconds)
    for unit, size, most in (("s", _SECOND, _MINUTE), ("min", _MINUTE, 2 * _HOUR), ("h", _HOUR, 2 * _DAY)):
        if length < most:
            return f"{length // size} {unit}"
    return f"{length // _DAY} d" if length < 2 * _YEAR else f"{length // _YEAR} y"


def ago(at_ms: int | None, now_ms: int) -> str:
    """`3 h ago`; "never" without an instant."""
    return "never" if at_ms is None else f"{span(now_ms - at_ms)} ago"


def since(at_ms: int | None, now_ms: int) -> str:
    """`since 3 h`; "" without an instant."""
    return "" if at_ms is None else f"since {span(now_ms - at_ms)}"


def due(at_ms: int | None, now_ms: int) -> str:
    """`in 12 min`, `now`, or `12 min late`; "" without an instant."""
    if at_ms is None:
        return ""
    if abs(at_ms - now_ms) < _SECOND:
        return "now"
    return f"in {span(at_ms - now_ms)}" if at_ms > now_ms else f"{span(now_ms - at_ms)} late"


def next_try(at_ms: int | None, now_ms: int) -> str:
    """`in 12 min`; `now` when its time has come or it waits for none."""
    return "now" if at_ms is None or at_ms <= now_ms else due(at_ms, now_ms)


def instant(at_ms: int | None) -> str:
    """`2026-01-31 08:00:00 UTC`; "" without an instant."""
    if at_ms is None:
        return ""
    if at_ms > 253_402_300_799_000:
        return "in a far future"
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def end_of_grant(at_ms: int | None, now_ms: int) -> str:
    """When the owner must grant access again."""
    if at_ms is None:
        return "unknown"
    if at_ms - now_ms > WITHOUT_END_MS:
        return "has no end"
    return f"ends in {span(at_ms - now_ms)} ({instant(at_ms)})" if at_ms > now_ms else f"ended {ago(at_ms, now_ms)}"
