"""Orders that TikTok carries itself (`shipping_type` TIKTOK): which units a fulfillment is about, whatever the number.

The label and its number are TikTok's. So a fulfillment says only that these units left, and they count as shipped under
any number; one without a number is as good. A part of a bundle stands for the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.core.bundles import Parts
from daemon.core.findings import Refusal
from daemon.core.fulfillments import Fulfillment
from daemon.core.lines import by_age, sku_of
from daemon.core.tiktok_order import TikTokOrder, Unit


@dataclass(frozen=True, slots=True)
class Labelled:
    """The units of a fulfillment; `waiting` are those that TikTok does not show shipped yet."""

    units: tuple[Unit, ...]

    @property
    def waiting(self) -> tuple[str, ...]:
        return tuple(unit.id for unit in self.units if not unit.shipped)

    @property
    def number(self) -> str:
        """What stands on TikTok's label, "" while there is none."""
        return next((unit.tracking_number for unit in self.units if unit.tracking_number), "")

    @property
    def package_id(self) -> str:
        return next((unit.package_id for unit in self.units if unit.package_id), "")


def labelled_units(
    fulfillment: Fulfillment,
    order: TikTokOrder,
    units_by_line: Mapping[str, Sequence[str]],
    taken: Mapping[str, str],
) -> Labelled | Refusal:
    """The units that left with a fulfillment; those that another one was sent for come last."""
    if order.platform_fulfilled:
        return Refusal("shipped_by_platform", "the platform ships this order itself and takes no tracking number")
    if order.cancelled:
        return Refusal("order_cancelled", "the order is cancelled at TikTok; call the goods back or let them return")
    parts = Parts.of(order, by_sku=True)
    chosen: dict[str, Unit] = {}
    for line in fulfillment.lines:
        part = parts.part(line)
        if part is not None:
            bundle, component = part
            units, quantity = list(bundle.units), -(-line.quantity // component.count)
            chosen_before = [unit for unit in units if unit.id in chosen]
            quantity = max(quantity - len(chosen_before), 0)
        else:
            ids = set(units_by_line.get(line.unique_id, ()))
            units = [unit for unit in order.units if unit.id in ids or (not ids and line.sku == sku_of(unit))]
            quantity = line.quantity
        if not units:
            text = f"the order has neither a line {line.unique_id or '-'} nor a SKU {line.sku or '-'}"
            return Refusal("line_unknown", text)
        free = [unit for unit in units if not unit.cancelled and unit.id not in chosen]
        free.sort(key=lambda unit: (taken.get(unit.id, fulfillment.id) != fulfillment.id, by_age(unit.id)))
        if len(free) < quantity:
            text = f"{quantity} of {line.sku or line.unique_id}, and the order has {len(free)}"
            return Refusal("over_fulfilment", text)
        chosen.update({unit.id: unit for unit in free[:quantity]})
    if not chosen:
        return Refusal("line_unknown", "the fulfillment names no lines")
    return Labelled(tuple(chosen.values()))
