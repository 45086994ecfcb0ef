"""How far the shop's products have been read: the incremental reading, and the daily one over everything.

The incremental reading goes by update time. What vanished shows only when everything is read, so once a day all
products are, in windows of update time that TikTok answers (at most 10,000 hits, assumption TT-12). The place is kept
after every window: a crash continues a reading of hours and does not begin it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from daemon.core.jsontext import dumps, loads
from daemon.core.reading import record, whole
from daemon.core.spans import milliseconds

SWEEP_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Progress:
    """The cursor of the products flow. None: not yet."""

    read_to_ms: int | None = None
    """Changes up to then are stored."""
    swept_at_ms: int | None = None
    """Start of the last reading of everything that ended."""
    sweep_started_ms: int | None = None
    """Start of the one that is under way."""
    sweep_from_s: int = 0
    """It has read everything changed before then, epoch seconds."""

    def sweep_is_due(self, now_ms: int) -> bool:
        """Whether everything must be read again."""
        return self.swept_at_ms is None or now_ms - self.swept_at_ms >= milliseconds(SWEEP_EVERY)

    def text(self) -> str:
        """The cursor as it is stored."""
        members = (self.read_to_ms, self.swept_at_ms, self.sweep_started_ms, self.sweep_from_s)
        return dumps(dict(zip(_MEMBERS, members, strict=True)))


_MEMBERS = ("read_to_ms", "swept_at_ms", "sweep_started_ms", "sweep_from_s")


def progress(cursor: str | None) -> Progress:
    """The progress in a stored cursor."""
    if cursor is None:
        return Progress()
    members = record(loads(cursor), "cursor")
    read_to_ms, swept_at_ms, started_ms, from_s = (whole(members, name) for name in _MEMBERS)
    return Progress(read_to_ms, swept_at_ms, started_ms, from_s or 0)


def halves(ge_s: int, le_s: int | None, now_s: int) -> tuple[tuple[int, int], tuple[int, int | None]] | None:
    """A window of update time in two, the older first; None for one of a single second."""
    end_s = max(now_s, ge_s) if le_s is None else le_s
    if end_s <= ge_s:
        return None
    middle_s = (ge_s + end_s) // 2
    return (ge_s, middle_s), (middle_s + 1, le_s)
