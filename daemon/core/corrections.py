"""Is a fulfillment a new tracking number for a package that has left, or one piece too many?

Pipe17's fulfillments never change (pipe17 contract 4), so who corrects a number makes another one for the same lines.
It is read as a correction when all of this holds:

* the order has no open units for it (asked before this module is);
* an earlier fulfillment of ours has the same lines with the same quantities, under another number;
* there is one package it can mean: the only one with units of these lines, or the only one of its shipping request.

Everything else stays what it was before: over-fulfilment. Of several fulfillments for one package the newest counts;
an older one that comes later is done. TikTok judges whether a number may still be changed: once, and within 72 hours of
shipping (contract 5.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.core.fulfillments import Fulfillment
from daemon.core.lines import by_age
from daemon.core.tiktok_order import TikTokOrder, Unit


@dataclass(frozen=True, slots=True)
class Correction:
    """The package of these units is to show `number` in place of `old_number`."""

    corrects: str
    """The id of the fulfillment that shipped it."""
    package_id: str
    unit_ids: tuple[str, ...]
    old_number: str
    number: str
    whole_order: bool
    """The order is this one package, and TikTok wants the correction for the order."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer fulfillment has given the package its number; there is nothing to do for this one."""

    package_id: str
    unit_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CorrectionAwaited:
    """The package that it corrects has not reached TikTok yet."""

    text: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """It repeats the lines of an earlier fulfillment, but several packages may be meant."""

    numbers: tuple[str, ...]


Corrected = Correction | Superseded | CorrectionAwaited | Unclear


def correction_of(
    fulfillment: Fulfillment,
    order: TikTokOrder,
    of_order: Sequence[Fulfillment],
    claims: Mapping[str, Sequence[str]],
) -> Corrected | None:
    """What the fulfillment corrects; None when it repeats no earlier one.

    `of_order`: all fulfillments of the order. `claims`: fulfillment id -> the units it was sent for.
    """
    lines = _lines(fulfillment)
    peers = [
        (one, units)
        for one in of_order
        if one.id != fulfillment.id
        and not one.rejected
        and _lines(one).keys() & lines.keys()
        and (units := _units(one, order, claims))
    ]
    alike = [(one, units) for one, units in peers if _lines(one) == lines]
    if not alike:
        return None
    meant = _one_package(peers, alike)
    if meant is None and fulfillment.shipment_id:
        of_request = [(one, units) for one, units in peers if one.shipment_id == fulfillment.shipment_id]
        meant = _one_package(of_request, [pair for pair in of_request if pair in alike])
    if meant is None:
        return Unclear(tuple(sorted({number for one, _ in alike for number in one.tracking_numbers[:1]})))
    siblings = [one for one, units in alike if units == meant]
    return _judged(fulfillment, order, siblings, [unit for unit in order.units if unit.id in meant])


def _judged(
    fulfillment: Fulfillment, order: TikTokOrder, siblings: Sequence[Fulfillment], units: Sequence[Unit]
) -> Corrected | None:
    live = sorted((unit for unit in units if not unit.cancelled), key=lambda unit: by_age(unit.id))
    if not live:
        return None
    last = max(siblings, key=lambda one: (one.created_at_ms, one.id))
    if not all(unit.shipped for unit in live):
        return CorrectionAwaited(f"the package that it corrects (fulfillment {last.id}) is not at TikTok yet")
    unit_ids, package_id = tuple(unit.id for unit in live), live[0].package_id
    numbers = {unit.tracking_number.upper() for unit in live}
    number = fulfillment.tracking_numbers[0]
    if (last.created_at_ms, last.id) > (fulfillment.created_at_ms, fulfillment.id) or numbers == {number.upper()}:
        return Superseded(package_id, unit_ids)
    whole = not order.combined and order.split_or_combine_tag != "SPLIT"
    whole = whole and all(unit.package_id == package_id for unit in order.units if not unit.cancelled)
    return Correction(last.id, package_id, unit_ids, live[0].tracking_number, number, whole or not package_id)


def _one_package(
    peers: Sequence[tuple[Fulfillment, frozenset[str]]], alike: Sequence[tuple[Fulfillment, frozenset[str]]]
) -> frozenset[str] | None:
    """The units of the one package that all of these are about."""
    packages = {units for _, units in peers}
    return packages.pop() if len(packages) == 1 and alike else None


def _lines(fulfillment: Fulfillment) -> Counter[str]:
    lines: Counter[str] = Counter()
    for line in fulfillment.lines:
        lines[line.unique_id or line.sku] += line.quantity
    return lines


def _units(one: Fulfillment, order: TikTokOrder, claims: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The units that left with a fulfillment: those it was sent for, else those that carry its number."""
    claimed = claims.get(one.id)
    if claimed:
        return frozenset(claimed)
    number = one.tracking_numbers[0].upper() if one.tracking_numbers else ""
    return frozenset(
        unit.id for unit in order.units if number and unit.shipped and unit.tracking_number.upper() == number
    )
