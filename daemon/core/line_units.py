"""The units behind a line of a fulfillment, and which of them it takes: the lowest ids first, and always the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daemon.core.findings import Refusal
from daemon.core.fulfillments import FulfilledLine
from daemon.core.lines import by_age, sku_of
from daemon.core.units import Unit


def units_of_line(
    line: FulfilledLine, units_by_line: Mapping[str, Sequence[str]], units: Sequence[Unit]
) -> list[Unit] | Refusal:
    """The units a fulfilled line speaks of: by `uniqueId`, else by SKU (pipe17 contract 18.3), lowest ids first."""
    if line.unique_id in units_by_line:
        named = set(units_by_line[line.unique_id])
        found = [unit for unit in units if unit.id in named]
        part = line.sku and any(unit.components for unit in found) and line.sku not in {sku_of(unit) for unit in found}
    else:
        found = [unit for unit in units if line.sku and sku_of(unit) == line.sku]
        skus_of_parts = {component.seller_sku for unit in units for component in unit.components}
        part = not found and line.sku in skus_of_parts
    if part:
        return Refusal("bundle_part", f"SKU {line.sku} is one part of a bundle, which ships as a whole")
    if not found:
        text = f"the order has neither a line {line.unique_id or '-'} nor a SKU {line.sku or '-'}"
        return Refusal("line_unknown", text)
    return sorted(found, key=lambda unit: by_age(unit.id))


def pick(line: FulfilledLine, free: Sequence[Unit], mine: set[str], number: str) -> list[Unit] | None:
    """The units for one line: those that left with this number already, else those claimed before, else open ones."""
    left = [unit for unit in free if left_with(unit, number)]
    if len(left) >= line.quantity:
        return left[: line.quantity]
    open_units = [unit for unit in free if not unit.cancelled and not unit.shipped]
    open_units.sort(key=lambda unit: unit.id not in mine)
    return open_units[: line.quantity] if len(open_units) >= line.quantity else None


def left_with(unit: Unit, number: str) -> bool:
    """Whether TikTok shows the unit shipped under this tracking number."""
    return unit.shipped and unit.tracking_number.upper() == number.upper()


def too_few(line: FulfilledLine, units: Sequence[Unit], taken: Mapping[str, str], fulfillment_id: str) -> Refusal:
    """Why a line has fewer open units than the fulfillment ships."""
    name = line.sku or line.unique_id
    not_others = [unit for unit in units if taken.get(unit.id) in (None, fulfillment_id)]
    elsewhere = sum(unit.shipped for unit in not_others)
    if elsewhere:
        text = f"{elsewhere} of {len(units)} units of {name} left TikTok under another tracking number"
        return Refusal("already_shipped_elsewhere", text)
    cancelled = sum(unit.cancelled for unit in not_others)
    if cancelled:
        return Refusal("order_cancelled", f"{cancelled} of {len(units)} units of {name} are cancelled at TikTok")
    text = f"{line.quantity} of {name} on top of the {len(units)} units ordered, which other fulfillments have shipped"
    return Refusal("over_fulfilment", text)
