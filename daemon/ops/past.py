"""Which stretch of the past a person means: `--since 30d`, `--since 2026-01-31 --until 2026-02-15`."""

from __future__ import annotations

from datetime import timedelta

from daemon.core.spans import milliseconds
from daemon.settings import grammar

_EPOCH_MS_DIGITS = 13


def window(since: str, until: str, now_ms: int) -> tuple[int, int | None]:
    """(from, to) as instants; no `until` means up to the present. Raises `ValueError` with what is wrong."""
    if not since:
        raise ValueError("since: a date or a duration is needed, such as 2026-01-31 or 30d")
    since_ms = instant("since", since, now_ms)
    until_ms = instant("until", until, now_ms) if until else None
    if since_ms >= now_ms:
        raise ValueError("since: is not in the past")
    if until_ms is not None and until_ms <= since_ms:
        raise ValueError("until: must be later than since")
    return since_ms, None if until_ms is None or until_ms >= now_ms else until_ms


def instant(name: str, value: str, now_ms: int) -> int:
    """An instant: a date, a duration before now, or epoch milliseconds. Raises `ValueError` with what is wrong."""
    if len(value) == _EPOCH_MS_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    try:
        return grammar.since(value).start_ms(now_ms)
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from None


def remembered(name: str, value: str, now_ms: int, retention: timedelta) -> int:
    """The same, of which finished records are still kept. Raises `ValueError` with what is wrong."""
    at_ms = instant(name, value, now_ms)
    if at_ms >= now_ms:
        raise ValueError(f"{name}: is not in the past")
    if at_ms < now_ms - milliseconds(retention):
        raise ValueError(f"{name}: nothing is remembered of that time (CONNECTOR_RETENTION)")
    return at_ms
