"""Which locations Pipe17 leaves out of its totals, worked out from rows and totals of a few SKUs (pipe17 contract 6).

A merchant may exclude a location in Pipe17, for every integration or for ours. No row says so; only the totals of a SKU
do, by leaving the location out. They leave out a location that fails in the same way, so totals are never a source of
quantities here, but evidence, and only about locations whose rows were shown in the same moment:

    total of a SKU = sum of its rows over the locations that count

Each SKU is such an equation (`Weighing`). What all its solutions agree on is known; what is known makes other equations
easier. An equation without a solution (a figure moved, or totals mean something else) says that the locations in it
cannot be told. **A location that is not shown is in no equation: absent is neither zero nor excluded** (design law 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from daemon.core.reading import BadShape, stated, text, whole

MOST_SOLVED = 10
"""Locations of one SKU up to which all sums are tried: 1024 of them."""
MOST_TOLD_APART = 6
"""Locations of one SKU up to which we look beforehand whether its total can tell them apart."""
ON_THE_SHELF = ("onHand", "available")
"""What is compared: the first of these that rows and totals both carry, for it is open which members totals have."""
EXPECTED = "future"
"""Compared as well, for locations that have nothing but stock that is to come."""

Rows = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Rows of Pipe17 by SKU and location."""


class Sees(StrEnum):
    """What a look tells of a location."""

    INCLUDED = "included"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Weighing:
    """The total of one figure of a SKU, and its parts by location, none of which is 0."""

    parts: Mapping[str, int]
    total: int


def weighings(rows: Rows, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[Weighing]:
    """The equations of a look: totals, then rows, then the same totals again, so that what moved meanwhile is left out.

    A SKU without a totals row says nothing: that is not a total of 0.
    """
    first, second = _by_sku(before), _by_sku(after)
    found: list[Weighing] = []
    for sku, places in rows.items():
        if sku not in first or sku not in second or not places:
            continue
        answers = (first[sku], second[sku], *places.values())
        shelf = next((name for name in ON_THE_SHELF if _all_carry(answers, name)), None)
        for name in (shelf, EXPECTED):
            if name is None or not _all_carry(answers, name):
                continue
            total, again = whole(first[sku], name), whole(second[sku], name)
            parts = {place: units for place, row in places.items() if (units := whole(row, name))}
            if total is not None and total == again and parts:
                found.append(Weighing(parts, total))
    return found


def are_totals(answer: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an answer is made of totals: a server that does not know them sends rows of locations."""
    return not any(stated(row, "locationId") for row in answer)


def told(equations: Iterable[Weighing]) -> dict[str, Sees]:
    """What the equations tell, by location; one that they contradict each other about is left out."""
    solved = [one for one in map(_Solved.of, equations) if one is not None]
    unclear: set[str] = set()
    while True:
        found = _agreed(solved, unclear)
        if found is not None:
            return found


def telling(parts: Mapping[str, int], place: str) -> bool:
    """Whether a SKU with these parts tells about a location, whatever its total will be.

    It does not when the units there can be made up by those of other locations, some added and some taken away.
    """
    if not parts.get(place) or len(parts) > MOST_TOLD_APART:
        return False
    sums = {0}
    for other, units in parts.items():
        if other != place:
            sums |= {one + units for one in sums} | {one - units for one in sums}
    return parts[place] not in sums


def sample(candidates: Mapping[str, Sequence[tuple[str, Mapping[str, int]]]], most: int) -> list[str]:
    """SKUs to look at, at most `most`: of each location those of its candidates (SKU and parts) that tell most."""
    each = max(most // max(len(candidates), 1), 1)
    chosen: dict[str, None] = {}
    for place, skus in candidates.items():
        best = sorted(skus, key=partial(_tells_little, place))
        chosen |= dict.fromkeys(sku for sku, _ in best[:each])
    return list(chosen)[:most]


def _tells_little(place: str, candidate: tuple[str, Mapping[str, int]]) -> tuple[bool, int]:
    """Those that tell most of a place come first."""
    _, parts = candidate
    return not telling(parts, place), len(parts)


@dataclass(frozen=True, slots=True)
class _Solved:
    """An equation with all its solutions, each a set of included locations as bits of their numbers."""

    places: tuple[str, ...]
    solutions: tuple[int, ...]

    @classmethod
    def of(cls, one: Weighing) -> _Solved | None:
        """None for one that is too large to be solved."""
        places = tuple(one.parts)
        whole_set = (1 << len(places)) - 1
        if len(places) <= MOST_SOLVED:
            sums = [0]
            for place in places:
                sums += [known + one.parts[place] for known in sums]
            return cls(places, tuple(number for number, known in enumerate(sums) if known == one.total))
        if any(units < 0 for units in one.parts.values()):
            return None
        if one.total in (0, sum(one.parts.values())):
            return cls(places, (whole_set if one.total else 0,))
        return None

    def given(self, known: Mapping[str, Sees]) -> _Solved:
        """The solutions that fit what is known."""
        care = included = 0
        for number, place in enumerate(self.places):
            if place in known:
                care |= 1 << number
                included |= (1 << number) * (known[place] is Sees.INCLUDED)
        return _Solved(self.places, tuple(one for one in self.solutions if one & care == included))

    def agreed(self) -> Iterator[tuple[str, Sees]]:
        """The locations that are in every solution, or in none."""
        in_all, in_any = self.solutions[0], 0
        for one in self.solutions:
            in_all &= one
            in_any |= one
        for number, place in enumerate(self.places):
            if in_all >> number & 1:
                yield place, Sees.INCLUDED
            elif not in_any >> number & 1:
                yield place, Sees.EXCLUDED


def _agreed(solved: Sequence[_Solved], unclear: set[str]) -> dict[str, Sees] | None:
    """What follows from the equations without the unclear locations; None when more turned out to be unclear."""
    known: dict[str, Sees] = {}
    while True:
        before = len(known)
        for one in solved:
            left = one.given(known)
            if not left.solutions:
                # one by itself is strange and says nothing of others; with a solution, it contradicts a neighbour
                neighbours = [other.places for other in solved if one.solutions and {*other.places} & {*one.places}]
                new = {*one.places, *(place for places in neighbours for place in places)} - unclear
                unclear |= new
                if new:
                    return None
                continue
            known |= {place: sees for place, sees in left.agreed() if place not in unclear}
        if len(known) == before:
            return known


def _by_sku(totals: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The totals rows that stand alone for their SKU."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in totals:
        try:
            found.setdefault(text(row, "sku"), []).append(row)
        except BadShape:
            continue
    return {sku: rows[0] for sku, rows in found.items() if len(rows) == 1}


def _all_carry(records: Iterable[Mapping[str, Any]], name: str) -> bool:
    try:
        return all(whole(one, name) is not None for one in records)
    except BadShape:
        return False
