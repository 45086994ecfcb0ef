"""A unit: one line item of a TikTok order, which is one piece of one SKU.

There is no quantity on TikTok's wire (contract 4.3): three mugs are three line items with ids of their own, and
packages, cancellations, shipping calls and returns name those ids. A virtual bundle is one unit that carries its recipe
(`components`) and its physical parts (`parts`, each with an id of its own).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from daemon.core import reading
from daemon.core.money import total
from daemon.core.payment import read_charges
from daemon.core.reading import BadShape

SHIPPED = frozenset({"AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"})
"""Statuses of an order or unit that has left the seller's hands (contract 4.2). A package id alone says nothing of the
kind: outside the US and the UK a package exists from payment on (4.3)."""

CANCELLED = frozenset({"CANCELLED", "CANCEL"})
"""`CANCEL` is what webhooks write (contract 14 #14)."""

CHARGES_OF_A_LINE = (
    "retail_delivery_fee",
    "small_order_fee",
    "buyer_service_fee",
    "distance_shipping_fee",
    "distance_fee",
    "pfand_fee",
)
"""Charges that TikTok also states for each line item (contract 4.3)."""


@dataclass(frozen=True, slots=True)
class Component:
    """One entry of a bundle's recipe: `count` pieces of a SKU in every bundle."""

    sku_id: str
    seller_sku: str
    product_id: str
    count: int


@dataclass(frozen=True, slots=True)
class Part:
    """One physical piece of a bundle, with an id of its own that shipping and returns can name."""

    id: str
    sku_id: str
    seller_sku: str
    product_name: str
    original_price: Decimal
    status: str
    package_id: str
    tracking_number: str
    warehouse_id: str


@dataclass(frozen=True, slots=True)
class Unit:
    """One line item, which is one piece of one SKU. Amounts are for this piece, in the order's currency."""

    id: str
    sku_id: str
    seller_sku: str
    product_id: str
    product_name: str
    sku_name: str
    currency: str
    original_price: Decimal
    sale_price: Decimal
    seller_discount: Decimal
    platform_discount: Decimal
    tax: Decimal
    charges: tuple[tuple[str, Decimal], ...]
    """This piece's share of the order's charges, where TikTok states one."""
    gift_retail_price: Decimal
    """What a gift, a free sample or a giveaway is worth."""
    status: str
    is_gift: bool
    package_id: str
    package_status: str
    tracking_number: str
    shipping_provider_id: str
    shipping_provider_name: str
    sku_type: str
    cancel_user: str
    cancel_reason: str
    components: tuple[Component, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def cancelled(self) -> bool:
        return self.status in CANCELLED

    @property
    def shipped(self) -> bool:
        return self.status in SHIPPED


def read_units(raw: Mapping[str, Any]) -> tuple[Unit, ...]:
    """The units of an order record; raises `BadShape` for none at all or an id that stands on two of them."""
    units: dict[str, Unit] = {}
    for position, item in enumerate(reading.records(raw, "line_items")):
        place = f"line_items[{position}]"
        try:
            unit = _unit(item)
        except BadShape as problem:
            raise problem.inside(place) from None
        if unit.id in units:
            raise BadShape(f"{place}.id", "stands on two line items")
        units[unit.id] = unit
    if not units:
        raise BadShape("line_items", "is missing")
    return tuple(units.values())


def _unit(raw: Mapping[str, Any]) -> Unit:
    return Unit(
        id=reading.required_text(raw, "id"),
        sku_id=reading.identifier(raw, "sku_id"),
        seller_sku=reading.text(raw, "seller_sku"),
        product_id=reading.identifier(raw, "product_id"),
        product_name=reading.text(raw, "product_name"),
        sku_name=reading.text(raw, "sku_name"),
        currency=reading.text(raw, "currency"),
        original_price=reading.amount(raw, "original_price"),
        sale_price=reading.amount(raw, "sale_price"),
        seller_discount=reading.amount(raw, "seller_discount"),
        platform_discount=reading.amount(raw, "platform_discount"),
        tax=total(reading.amount(tax, "tax_amount") for tax in reading.records(raw, "item_tax")),
        charges=read_charges(raw, CHARGES_OF_A_LINE),
        gift_retail_price=reading.amount(raw, "gift_retail_price"),
        status=reading.text(raw, "display_status").upper(),
        is_gift=reading.flag(raw, "is_gift"),
        package_id=reading.identifier(raw, "package_id"),
        package_status=reading.text(raw, "package_status"),
        tracking_number=reading.text(raw, "tracking_number"),
        shipping_provider_id=reading.identifier(raw, "shipping_provider_id"),
        shipping_provider_name=reading.text(raw, "shipping_provider_name"),
        sku_type=reading.text(raw, "sku_type"),
        cancel_user=reading.text(raw, "cancel_user"),
        cancel_reason=reading.text(raw, "cancel_reason"),
        components=tuple(_component(item) for item in reading.records(raw, "combined_listing_skus")),
        parts=tuple(_part(item) for item in reading.records(raw, "sub_item_info")),
    )


def _component(raw: Mapping[str, Any]) -> Component:
    return Component(
        sku_id=reading.identifier(raw, "sku_id"),
        seller_sku=reading.text(raw, "seller_sku"),
        product_id=reading.identifier(raw, "product_id"),
        count=reading.whole(raw, "sku_count") or 0,
    )


def _part(raw: Mapping[str, Any]) -> Part:
    return Part(
        id=reading.required_text(raw, "id"),
        sku_id=reading.identifier(raw, "sku_id"),
        seller_sku=reading.text(raw, "seller_sku"),
        product_name=reading.text(raw, "product_name"),
        original_price=reading.amount(raw, "original_price"),
        status=reading.text(raw, "display_status").upper(),
        package_id=reading.identifier(raw, "package_id"),
        tracking_number=reading.text(raw, "tracking_number"),
        warehouse_id=reading.identifier(raw, "warehouse_id"),
    )
