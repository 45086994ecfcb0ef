"""Durations are `timedelta` everywhere; this is how one becomes the milliseconds that instants are counted in."""

from __future__ import annotations

from datetime import timedelta


def milliseconds(span: timedelta) -> int:
    """A duration in whole milliseconds."""
    return span // timedelta(milliseconds=1)
