"""Order lines: TikTok's units, one piece each, as Pipe17 lines with a quantity.

Units of the same SKU at the same list price are one line; those given as a gift are a line of their own, at its price
of nothing, and what they are worth is told beside it (`gift_values`). Two rules keep a line the
same line for its whole life, because Pipe17's shipping requests and fulfillments point at it by `uniqueId`:

* what makes a group never changes after the purchase (not the status, not the discount, not the package);
* the `uniqueId` is the lowest unit id of the group, *cancelled units counted in*: a unit that goes does not rename it.

A cancelled unit lowers the quantity; a line with nothing left is gone, since a list sent to Pipe17 replaces the stored
one (pipe17 contract 1.13). Every unit is in exactly one group (`units_of`).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from daemon.core.money import ZERO, total
from daemon.core.order_kinds import digital
from daemon.core.tiktok_order import TikTokOrder, Unit

PLAIN_SKU_NAMES = frozenset({"", "default"})
"""`sku_name`s (lower case) of products that come in one kind only; they add nothing to the name of the line."""


def by_age(unit_id: str) -> tuple[int, str]:
    """Sort key of unit ids: decimal texts, in the order of the numbers they stand for."""
    return len(unit_id), unit_id


def sku_of(unit: Unit) -> str:
    """The SKU under which Pipe17 knows it: the seller's; TikTok's own id where the seller has set none."""
    return unit.seller_sku or unit.sku_id


def units_of(order: TikTokOrder) -> dict[str, tuple[str, ...]]:
    """Pipe17 `uniqueId` -> the ids of its units, cancelled ones included, lowest first; every unit once."""
    return {unique_id: tuple(unit.id for unit in units) for unique_id, units in groups_of(order).items()}


def line_of_units(units_by_line: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The other way round: unit id -> `uniqueId`."""
    return {unit_id: unique_id for unique_id, unit_ids in units_by_line.items() for unit_id in unit_ids}


def order_lines(order: TikTokOrder, *, tax_on_top: bool) -> list[dict[str, Any]]:
    """The `lineItems` of the Pipe17 order (pipe17 contract 2.2).

    `itemPrice` is for one piece, before any discount; `itemDiscount` (the seller's part) and `itemTax` are for the
    line. Where prices contain the tax (`tax_on_top` False) `itemTax` is 0, so that the lines never add up to more than
    the buyer paid.
    """
    live = {unit.id for unit in order.live_units}
    requires_shipping = not digital(order)
    lines = []
    for unique_id, group in groups_of(order).items():
        units = [unit for unit in group if unit.id in live]
        if units:
            lines.append(_line(unique_id, units, tax_on_top, requires_shipping))
    return lines


def gift_values(order: TikTokOrder) -> list[tuple[str, Decimal]]:
    """(`uniqueId`, what the line is worth) of gifts, free samples and giveaways, whose price says nothing."""
    if not any(unit.gift_retail_price for unit in order.units):
        return []
    live = {unit.id for unit in order.live_units}
    values = (
        (unique_id, total(unit.gift_retail_price for unit in group if unit.id in live))
        for unique_id, group in groups_of(order).items()
    )
    return [(unique_id, value) for unique_id, value in values if value]


def groups_of(order: TikTokOrder) -> dict[str, list[Unit]]:
    """The units of each line, lowest id first, the lines in the order of their lowest id."""
    alike: dict[tuple[str, str, Decimal, bool], list[Unit]] = {}
    for unit in sorted(order.units, key=lambda unit: by_age(unit.id)):
        alike.setdefault((unit.sku_id, unit.seller_sku, unit.original_price, unit.is_gift), []).append(unit)
    return {units[0].id: units for units in alike.values()}


def _line(unique_id: str, units: list[Unit], tax_on_top: bool, requires_shipping: bool) -> dict[str, Any]:
    first = units[0]
    tax = total(unit.tax for unit in units)
    plain = first.sku_name.casefold() in PLAIN_SKU_NAMES
    return {
        "uniqueId": unique_id,
        "sku": sku_of(first),
        "name": first.product_name if plain else f"{first.product_name} - {first.sku_name}",
        "quantity": len(units),
        "itemPrice": first.original_price,
        "itemDiscount": total(unit.seller_discount for unit in units),
        "itemTax": tax if tax_on_top else ZERO,
        "requiresShipping": requires_shipping,
        "taxable": bool(tax),
    }
