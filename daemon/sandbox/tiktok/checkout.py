"""How an order comes to be: what a buyer sends off, and the unpaid order that the shop makes of it.

Prices are reckoned and ids given here; from then on the order lives in `market.py`. One entry of `skus` is one unit,
and a bundle is a unit with a recipe and parts. Where the checkout is free, every unit is given away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from daemon.sandbox.tiktok import logistics, pricing
from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.pricing import Fees, Shipping, UnitSpec
from daemon.sandbox.tiktok.records import Address, Order, Part, Unit
from daemon.sandbox.tiktok.render import order_static


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a buyer sends off; one entry of `skus` is one unit."""

    skus: Sequence[UnitSpec | str | dict[str, Any]]
    paid: bool
    order_id: str
    shipping: Shipping
    fees: Fees
    address: Address
    order_type: str
    flags: Mapping[str, Any]
    free: bool
    release_ms: int | None
    fulfillment_type: str
    shipping_type: str
    buyer_id: str
    buyer_message: str


def ordered(
    checkout: Checkout, specs: Sequence[UnitSpec], options: TikTokOptions, new_id: Callable[[], str], now_ms: int
) -> Order:
    """The order, UNPAID; `specs` are the units as the catalogue has them, `new_id` names whatever has no id yet."""
    if checkout.free:
        specs = [pricing.given_away(spec) for spec in specs]
    flags = dict(checkout.flags)
    combine_group = str(flags.pop("auto_combine_group_id", ""))
    handling = flags.get("handling_duration")
    payment = pricing.payment(specs, checkout.shipping, checkout.fees, options)
    order_id = checkout.order_id or new_id()
    option = logistics.PLATFORM_OPTION if checkout.shipping_type == "TIKTOK" else logistics.SELLER_OPTION
    head = {
        "id": order_id,
        "user_id": checkout.buyer_id,
        "order_type": checkout.order_type,
        "fulfillment_type": checkout.fulfillment_type,
        "shipping_type": checkout.shipping_type,
        "delivery_option_id": option,
        "delivery_option_name": logistics.OPTION_NAMES[option],
        "warehouse_id": logistics.MAIN_WAREHOUSE,
        "is_sample_order": False,
        "buyer_message": checkout.buyer_message,
        **flags,
    }
    return Order(
        id=order_id,
        user_id=checkout.buyer_id,
        order_type=checkout.order_type,
        fulfillment_type=checkout.fulfillment_type,
        shipping_type=checkout.shipping_type,
        delivery_option_id=option,
        warehouse_id=logistics.MAIN_WAREHOUSE,
        status="UNPAID",
        create_ms=now_ms,
        update_ms=now_ms,
        address=checkout.address,
        units=[_unit(spec, options, new_id) for spec in specs],
        static=order_static(head, payment, now_ms, options),
        release_ms=checkout.release_ms,
        combine_group=combine_group,
        handling_days=int(handling["days"]) if handling else None,
    )


def _unit(spec: UnitSpec, options: TikTokOptions, new_id: Callable[[], str]) -> Unit:
    unit_id = new_id()
    sku_id = spec.sku_id or pricing.id_of(spec.seller_sku, "sku")
    unit = Unit(unit_id, sku_id, spec.seller_sku, pricing.unit_static(spec, unit_id, options))
    for sku, count, price in spec.parts:
        product = pricing.id_of(sku, "product")
        part_sku = pricing.id_of(sku, "sku")
        unit.recipe.append({"sku_id": part_sku, "sku_count": count, "product_id": product, "seller_sku": sku})
        unit.parts.extend(
            Part(new_id(), part_sku, sku, product, f"Product {sku}", Decimal(price)) for _ in range(count)
        )
    return unit
