"""When a change of the catalogue's stock is beyond reason, so that a person must approve it: arithmetic, nothing else.

Two things are counted against what TikTok has now: SKUs that would go from something to **zero**, and SKUs that would
change **wildly** (to less than a tenth, or to more than ten times). A cycle is stopped before its first call when

    more than INVENTORY_GUARD of the linked SKUs would go to zero, and at least `LEAST_ZEROED` of them
    more than half of the linked SKUs (or INVENTORY_GUARD, where that is more) would go to zero or change wildly, and at
    least `LEAST_WILD` of them

The linked SKUs are those whose stock we set: no bundles, and only the chosen ones. 100 % switches the guard off.
The least numbers keep a shop of two SKUs from asking whenever one is sold out. What a cycle counts does not end with a
page or a run of the source: everything that went to zero within `WINDOW` counts together, so that a source that loses
its figures in slices is stopped like one that loses them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

WINDOW = timedelta(hours=1)
LEAST_ZEROED = 3
LEAST_WILD = 20
_WILD_SHARE = Decimal("0.5")
_WILD_TIMES = 10


class Effect(StrEnum):
    """What a change does to a SKU."""

    USUAL = "usual"
    ZEROED = "zeroed"
    WILD = "wild"


@dataclass(frozen=True, slots=True)
class Counted:
    """What a cycle would do to the catalogue."""

    linked: int
    zeroed: int = 0
    wild: int = 0


def effect_of(before: int | None, after: int) -> Effect:
    """`before` is what TikTok has (None: not known, so nothing is lost by any figure)."""
    if before is None or before <= 0:
        return Effect.USUAL
    if after <= 0:
        return Effect.ZEROED
    if after * _WILD_TIMES < before or after > before * _WILD_TIMES:
        return Effect.WILD
    return Effect.USUAL


def few(counted: Counted) -> bool:
    """Whether that is little in a catalogue of any size."""
    return counted.zeroed < LEAST_ZEROED and counted.zeroed + counted.wild < LEAST_WILD


def objection(counted: Counted, guard: Decimal) -> str:
    """Why a person must approve it, "" when nobody has to."""
    if counted.zeroed >= LEAST_ZEROED and counted.zeroed > counted.linked * guard:
        return f"{counted.zeroed} of {counted.linked} linked SKUs would go to zero (INVENTORY_GUARD is {guard:.0%})"
    strange = counted.zeroed + counted.wild
    if strange >= LEAST_WILD and strange > counted.linked * max(_WILD_SHARE, guard):
        return f"{strange} of {counted.linked} linked SKUs would lose or gain nearly everything"
    return ""
