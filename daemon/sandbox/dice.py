"""Randomness for a part of a simulated service that shall not disturb the others."""

from __future__ import annotations

from random import Random
from zlib import crc32


def beside(rng: Random, part: str) -> Random:
    """Another source for a part, decided by the state of this one, which is not touched: same seed, same two."""
    return Random(crc32(f"{part} {rng.getstate()}".encode()))
