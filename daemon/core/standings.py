"""What is believed of each location of Pipe17: does its stock count, or is it excluded there? (core/exclusions.py)

    new        no look has told yet. Units there may lower what TikTok has, never raise it
    included   two looks in a row said so
    excluded   two looks in a row said so; its rows do not count, and are not missed
    assumed    looks could not tell, `TRIES` times: it counts, as it always did; later looks may still tell

One look never changes a standing that is settled: it takes a second one that agrees, and a look that cannot tell breaks
the row. A location that has nothing to be weighed stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from daemon.core.exclusions import Sees

FACT = "stock_locations"
"""The fact that keeps it."""
TRIES = 3


class Standing(StrEnum):
    """See the module."""

    NEW = "new"
    INCLUDED = "included"
    EXCLUDED = "excluded"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of one location."""

    standing: Standing = Standing.NEW
    since_ms: int = 0
    seen: Sees | None = None
    """What the last look told, when that differs."""
    tries: int = 0
    """Looks that could not tell, or told otherwise than the one before, while it is new."""

    @property
    def pending(self) -> bool:
        """Whether the next look should come soon."""
        return self.standing is Standing.NEW or self.seen is not None

    def after_look(self, sees: Sees | None, now_ms: int) -> Place:
        """What is believed when a look told this, or could not tell (None)."""
        if sees is not None and sees.value == self.standing.value:
            return replace(self, seen=None)
        if sees is not None and self.seen is sees:
            return Place(Standing(sees.value), now_ms)
        if self.standing is not Standing.NEW:
            return replace(self, seen=sees)
        tries = self.tries + (sees is None or self.seen is not None)
        return Place(Standing.ASSUMED, now_ms) if tries >= TRIES else replace(self, seen=sees, tries=tries)


@dataclass(frozen=True, slots=True)
class Places:
    """What is known of all locations, and of the looks."""

    known: Mapping[str, Place]
    looked_at_ms: int | None = None
    """The last look; None: the first is still to come."""
    problem: str = ""
    """Why totals tell nothing, "" while they do."""

    def place(self, location: str) -> Place:
        """One location."""
        return self.known.get(location, Place())

    @property
    def excluded(self) -> frozenset[str]:
        """The locations that do not count."""
        return frozenset(one for one, place in self.known.items() if place.standing is Standing.EXCLUDED)

    def is_new(self, location: str) -> bool:
        """Whether it is still to be told if the location counts."""
        return self.place(location).standing is Standing.NEW

    def after_look(
        self, looked_at: Collection[str], sees: Mapping[str, Sees], stocked: Collection[str], now_ms: int
    ) -> Places:
        """What is known after a look at some locations. The first one ends when none with stock is new any more."""
        known = {**self.known, **{one: self.place(one).after_look(sees.get(one), now_ms) for one in looked_at}}
        found = Places(known, now_ms)
        unfinished = self.looked_at_ms is None and any(map(found.is_new, stocked))
        return replace(found, looked_at_ms=None) if unfinished else found

    def given_up(self, locations: Collection[str], problem: str, now_ms: int, looked_at_ms: int) -> Places:
        """What is known when no look can be made: those that are new count, as they always did."""
        new = {one: Place(Standing.ASSUMED, now_ms) for one in locations if self.is_new(one)}
        return Places({**self.known, **new}, looked_at_ms, problem)

    def moved_from(self, before: Places) -> list[str]:
        """The locations of which the stock counts otherwise than before."""
        first = before.looked_at_ms is None
        return [one for one, place in self.known.items() if _counts_otherwise(before.place(one), place, first=first)]

    def public(self) -> dict[str, Any]:
        """For the fact that keeps it."""
        return {
            "known": {name: asdict(place) for name, place in self.known.items()},
            "looked_at_ms": self.looked_at_ms,
            "problem": self.problem,
        }


def read_places(raw: Mapping[str, Any] | None) -> Places:
    """Of the fact that keeps it; None: nothing was found out yet."""
    if not raw:
        return Places({})
    known = {
        str(name): Place(
            Standing(one["standing"]),
            int(one["since_ms"]),
            None if one["seen"] is None else Sees(one["seen"]),
            int(one["tries"]),
        )
        for name, one in raw["known"].items()
    }
    return Places(known, raw["looked_at_ms"], raw["problem"])


def _counts_otherwise(before: Place, after: Place, *, first: bool) -> bool:
    """`first`: nothing was worked out before that look, but for what older versions of this program did."""
    if before.standing is after.standing:
        return False
    left_out = Standing.EXCLUDED in (before.standing, after.standing)
    return left_out or (before.standing is Standing.NEW and not first)
