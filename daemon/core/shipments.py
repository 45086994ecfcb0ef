"""Which units a fulfillment ships: from Pipe17's "two of this line" to the ids that TikTok's shipping calls name.

Every unit is shipped once. A unit is open when it is not cancelled, not shipped at TikTok and not claimed by another
fulfillment (`taken`, kept by the store before anything is sent). A fulfillment takes the open units of its lines, the
lowest ids first, and keeps them: asked again it names the same ones. So parts may arrive in any order, twice, and
across restarts, and the end is the same.

What is already as wanted at TikTok (these units, this tracking number) is `AlreadyShipped`, which is a success: a call
whose answer was lost is settled so (contract 14 #18). Whatever must not be sent is a `Refusal` with the code of its
exception and a text for the person who has to act.

A fulfillment for which no units are left may be a new number for a package that has left (`core/corrections.py`). Of
orders that share a package the first number counts for all of them; another one is said (`combined_package`).

A bundle is one unit at TikTok and several lines in Pipe17. It is shipped whole, by the fulfillment that carries its
last part; the fulfillments of earlier parts wait for it (`PartsAwaited`, core/bundles.py).

Sources: contract 5.1, 5.2, 5.4 (form of tracking numbers), 3.4 (what TikTok refuses); scenarios S05, S25, S49.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.core.bundles import Bundle, Parts, Share, share_of
from daemon.core.corrections import Correction, CorrectionAwaited, Superseded, Unclear, correction_of
from daemon.core.findings import Refusal
from daemon.core.fulfillments import FulfilledLine, Fulfillment
from daemon.core.line_units import left_with, pick, too_few, units_of_line
from daemon.core.lines import by_age
from daemon.core.tiktok_order import TikTokOrder, Unit

__all__ = [
    "AlreadyShipped",
    "Correction",
    "CorrectionAwaited",
    "PartsAwaited",
    "Refusal",
    "ShipPlan",
    "Superseded",
    "marks_as_shipped",
    "plan_shipment",
]

TRACKING_NUMBER = re.compile(r"[A-Za-z0-9._/-]{4,50}")
"""What TikTok takes for a tracking number (contract 5.4)."""

MARK_MARKETS = frozenset({"US", "GB", "UK", "ES", "IE", "IT", "DE", "FR", "JP"})
"""Regions with Mark Package As Shipped; everywhere else the package exists already and is shipped by id (5.1)."""


DUPLICATE_TRACKING = Refusal(
    "duplicate_tracking", "this tracking number already stands on another package of the order (TikTok's 21011025)"
)


@dataclass(frozen=True, slots=True)
class ShipPlan:
    """Ship these units in one package. `other_numbers`: further tracking numbers, which TikTok takes none of (5.2).

    `companions`: other fulfillments of the order under this number, with their units: they lie in the same box.
    """

    unit_ids: tuple[str, ...]
    tracking_number: str
    other_numbers: tuple[str, ...] = ()
    companions: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def all_unit_ids(self) -> tuple[str, ...]:
        """The units of the whole box."""
        return (*self.unit_ids, *(unit_id for _, unit_ids in self.companions for unit_id in unit_ids))


@dataclass(frozen=True, slots=True)
class PartsAwaited:
    """Nothing to ship yet: these are parts of bundles that leave, as a whole, with their last part."""

    text: str


@dataclass(frozen=True, slots=True)
class AlreadyShipped:
    """TikTok has it: these units left under this fulfillment's tracking number."""

    package_id: str
    unit_ids: tuple[str, ...]


def marks_as_shipped(region: str) -> bool:
    """Whether a shop of this region ships with Mark Package As Shipped, and not with Ship Package."""
    return region.upper() in MARK_MARKETS


Planned = ShipPlan | AlreadyShipped | PartsAwaited | Correction | CorrectionAwaited | Superseded | Refusal

_NO_UNITS_LEFT = ("over_fulfilment", "already_shipped_elsewhere")


def plan_shipment(
    fulfillment: Fulfillment,
    order: TikTokOrder,
    units_by_line: Mapping[str, Sequence[str]],
    taken: Mapping[str, str],
    used_numbers: Mapping[str, str] | None = None,
    *,
    of_order: Sequence[Fulfillment] = (),
    claims: Mapping[str, Sequence[str]] | None = None,
    parts_by_sku: bool = False,
) -> Planned:
    """What is to be done at TikTok for a fulfillment; see `_units_to_ship`.

    `claims`: fulfillment id -> the units that it was sent for, where several were for the same package.
    """
    planned = _units_to_ship(
        fulfillment, order, units_by_line, taken, used_numbers, of_order=of_order, parts_by_sku=parts_by_sku
    )
    if not isinstance(planned, Refusal) or planned.code not in _NO_UNITS_LEFT:
        return planned
    if _open_left(fulfillment, order, units_by_line, taken):
        return planned
    corrected = correction_of(fulfillment, order, of_order, claims or {})
    if isinstance(corrected, Unclear):
        packages = " or ".join(corrected.numbers)
        text = f"{planned.text}; a new number for {packages} must be entered in Seller Center, for both may be meant"
        return Refusal(planned.code, text)
    if corrected is not None:
        return corrected
    if order.combined and planned.code == "already_shipped_elsewhere":
        numbers = ", ".join(sorted({unit.tracking_number for unit in order.units if unit.tracking_number}))
        text = f"the order shares a package with another one, which left as {numbers}; this number is not sent"
        return Refusal("combined_package", text)
    return planned


def _open_left(
    fulfillment: Fulfillment, order: TikTokOrder, units_by_line: Mapping[str, Sequence[str]], taken: Mapping[str, str]
) -> bool:
    """Whether its lines have units that nobody has shipped or claimed, though fewer than it names."""
    for line in fulfillment.lines:
        units = units_of_line(line, units_by_line, order.units)
        for unit in () if isinstance(units, Refusal) else units:
            if not unit.cancelled and not unit.shipped and taken.get(unit.id) in (None, fulfillment.id):
                return True
    return False


def _units_to_ship(
    fulfillment: Fulfillment,
    order: TikTokOrder,
    units_by_line: Mapping[str, Sequence[str]],
    taken: Mapping[str, str],
    used_numbers: Mapping[str, str] | None = None,
    *,
    of_order: Sequence[Fulfillment] = (),
    parts_by_sku: bool = False,
) -> ShipPlan | AlreadyShipped | PartsAwaited | Refusal:
    """The units to ship for a fulfillment.

    `units_by_line`: Pipe17 `uniqueId` -> all its unit ids, as the order was planned. `taken`: unit id -> id of the
    fulfillment that claimed it. `used_numbers`: tracking number -> id of the fulfillment of this order that used it.
    `of_order`: all its fulfillments, which together carry the parts of its bundles; `parts_by_sku`: see `Parts`.
    """
    refusal = _refusal_at_sight(fulfillment, order)
    if refusal is not None:
        return refusal
    number, *other_numbers = fulfillment.tracking_numbers
    units = {unit.id: unit for unit in order.units}
    mine = sorted(
        (unit_id for unit_id, owner in taken.items() if owner == fulfillment.id and unit_id in units), key=by_age
    )
    if mine and all(left_with(units[unit_id], number) for unit_id in mine):
        return _already_shipped(units, mine)
    chosen: dict[str, None] = {}
    parts = Parts.of(order, by_sku=parts_by_sku)
    touched: dict[str, Bundle] = {}
    for line in fulfillment.lines:
        if (part := parts.part(line)) is not None:
            touched[part[0].id] = part[0]
            continue
        line_units = units_of_line(line, units_by_line, order.units)
        if isinstance(line_units, Refusal):
            return line_units
        free = [unit for unit in line_units if taken.get(unit.id) in (None, fulfillment.id) and unit.id not in chosen]
        picked = pick(line, free, set(mine), number)
        if picked is None:
            again = _said_before(fulfillment, order, units_by_line, taken, used_numbers or {})
            return again or too_few(line, line_units, taken, fulfillment.id)
        chosen.update(dict.fromkeys(unit.id for unit in picked))
    awaited: list[Bundle] = []
    for bundle in touched.values():
        share = share_of(bundle, parts, fulfillment, of_order, set(taken.values()) - {fulfillment.id})
        completed = _completed_bundles(bundle, share, fulfillment, set(mine), taken, used_numbers or {})
        if isinstance(completed, Refusal):
            return completed
        chosen.update(dict.fromkeys(unit.id for unit in completed if unit.id not in chosen))
        if sum(unit.shipped for unit in bundle.live) < share.reaches:
            awaited.append(bundle)
    if not chosen:
        return _nothing_of_its_own(list(touched.values()), awaited)
    unit_ids = sorted(chosen, key=by_age)
    if all(left_with(units[unit_id], number) for unit_id in unit_ids):
        return _already_shipped(units, unit_ids)
    if any(left_with(unit, number) for unit in order.units):
        return DUPLICATE_TRACKING
    if used_numbers and used_numbers.get(number, fulfillment.id) != fulfillment.id:
        return DUPLICATE_TRACKING
    return ShipPlan(tuple(unit_ids), number, tuple(other_numbers))


def _refusal_at_sight(fulfillment: Fulfillment, order: TikTokOrder) -> Refusal | None:
    if fulfillment.rejected:
        return Refusal("fulfillment_rejected", "the warehouse rejected these lines; there is nothing to ship")
    if order.platform_fulfilled:
        return Refusal("shipped_by_platform", "the platform ships this order itself and takes no tracking number")
    if order.cancelled:
        return Refusal("order_cancelled", "the order is cancelled at TikTok; call the goods back or let them return")
    if not fulfillment.tracking_numbers:
        return Refusal("tracking_missing", "the fulfillment has no tracking number")
    if not TRACKING_NUMBER.fullmatch(fulfillment.tracking_numbers[0]):
        return Refusal("tracking_invalid", "TikTok takes 4 to 50 letters, digits and - _ . / as a tracking number")
    if not fulfillment.lines:
        return Refusal("line_unknown", "the fulfillment names no lines")
    return None


def _completed_bundles(
    bundle: Bundle,
    share: Share,
    fulfillment: Fulfillment,
    mine: set[str],
    taken: Mapping[str, str],
    used_numbers: Mapping[str, str],
) -> list[Unit] | Refusal:
    """The bundles that leave with this fulfillment, because it carries their last part."""
    number = fulfillment.tracking_numbers[0]
    claimed = sum(unit.id in mine for unit in bundle.units)
    if share.too_many and not claimed:
        if used_numbers.get(number, fulfillment.id) != fulfillment.id:
            return DUPLICATE_TRACKING
        if any(unit.cancelled for unit in bundle.units):
            return Refusal("order_cancelled", f"parts of bundle {bundle.sku}, which is cancelled at TikTok")
        return Refusal("over_fulfilment", f"more parts than the {len(bundle.live)} ordered of bundle {bundle.sku} have")
    free = [unit for unit in bundle.live if taken.get(unit.id) in (None, fulfillment.id)]
    wanted = min(max(share.completes, claimed), len(free))
    picked = pick(FulfilledLine(bundle.id, bundle.sku, wanted), free, mine, number)
    if picked is None:
        text = f"a bundle {bundle.sku}, whose last part this is, left TikTok under another tracking number"
        return Refusal("already_shipped_elsewhere", text)
    return picked


def _nothing_of_its_own(touched: Sequence[Bundle], awaited: Sequence[Bundle]) -> AlreadyShipped | PartsAwaited:
    """A fulfillment of earlier parts: it waits until the bundles have left, and is done then."""
    if awaited:
        names = ", ".join(sorted({bundle.sku for bundle in awaited}))
        return PartsAwaited(f"parts of bundle {names} are missing yet; it is shipped as a whole with its last part")
    units = {unit.id: unit for bundle in touched for unit in bundle.live if unit.shipped}
    return _already_shipped(units, list(units))


def _said_before(
    fulfillment: Fulfillment,
    order: TikTokOrder,
    units_by_line: Mapping[str, Sequence[str]],
    taken: Mapping[str, str],
    used_numbers: Mapping[str, str],
) -> AlreadyShipped | Refusal | None:
    """Another fulfillment has this number already: the same package told twice, or two that cannot share a number.

    Asked only where the units do not suffice: while some are open, a second "one of A under T1" may be a second piece.
    """
    number = fulfillment.tracking_numbers[0]
    other = used_numbers.get(number, fulfillment.id)
    if other == fulfillment.id:
        return None
    units = {unit.id: unit for unit in order.units}
    theirs = sorted((unit_id for unit_id, owner in taken.items() if owner == other and unit_id in units), key=by_age)
    left = Counter(theirs)
    for line in fulfillment.lines:
        line_units = units_of_line(line, units_by_line, order.units)
        inside = [] if isinstance(line_units, Refusal) else [unit.id for unit in line_units if left[unit.id] > 0]
        if len(inside) < line.quantity:
            return DUPLICATE_TRACKING
        left.subtract(inside[: line.quantity])
    if left.total() or not all(left_with(units[unit_id], number) for unit_id in theirs):
        return DUPLICATE_TRACKING
    return _already_shipped(units, theirs)


def _already_shipped(units: Mapping[str, Unit], unit_ids: Sequence[str]) -> AlreadyShipped:
    package_ids = Counter(units[unit_id].package_id for unit_id in unit_ids if units[unit_id].package_id)
    return AlreadyShipped(package_ids.most_common(1)[0][0] if package_ids else "", tuple(unit_ids))
