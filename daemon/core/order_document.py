"""Which field goes where: a TikTok order as a Pipe17 order.

The left side is the Pipe17 order model (pipe17 contract 2.1, 2.2 and fixture 18.1), the right side TikTok's order
(contract 4.3). Members with nothing to say are left out. Everything sent is ours to state: no `sourceDoc`, no member
that Pipe17 computes. Amounts are `Decimal`, instants ISO-8601 with milliseconds, `customFields` texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from daemon.core.addresses import usable
from daemon.core.bundles import bundles_of, part_lines
from daemon.core.lines import gift_values, order_lines
from daemon.core.order_kinds import PRE_ORDER, fields_of, tags_of
from daemon.core.reading import iso
from daemon.core.tiktok_order import TikTokOrder
from daemon.core.totals import Totals

BUNDLE_FIELD = "tiktok_bundle:"
"""With the id of the bundle's line behind it: the custom field that names a bundle whose parts are lines."""

GIFT_FIELD = "tiktok_gift_value:"
"""With the id of the line behind it: what a gift, a free sample or a giveaway is worth."""

CONTAINED_FIELD = "tiktok_included:"
"""With the name of a charge behind it: a charge that another amount of the order contains already."""

EMPTIED = ("additionalCharges", "discounts")
"""Lists that may have had content before units were cancelled, and are sent empty then."""


def document_of(
    order: TikTokOrder,
    totals: Totals,
    address: Mapping[str, str],
    *,
    status: str,
    hold_until_ms: int,
    shop_id: str,
    order_source: str,
    take_bundles_apart: bool,
) -> dict[str, Any]:
    """The Pipe17 order in the status given. `address` is what `addresses.merge` made of everything seen so far."""
    paid = order.status != "UNPAID" and not order.is_cod and not _only_authorised(order)
    lines_of = part_lines if take_bundles_apart else order_lines
    found = {
        "extOrderId": order.id,
        "extOrderApiId": order.id,
        "extOrderCreatedAt": iso(order.create_time_ms),
        "extOrderUpdatedAt": iso(order.update_time_ms),
        "status": status,
        "orderSource": order_source,
        "orderSourceType": "online",
        "currency": order.payment.currency,
        "holdUntil": iso(hold_until_ms) if status in ("onHold", "new") else None,
        "shipByDate": _iso(order.rts_sla_time_ms),
        "expectedDeliveryDate": _iso(order.required_delivery_time_ms),
        "lineItems": lines_of(order, tax_on_top=totals.tax_on_top),
        "subTotalPrice": totals.sub_total,
        "orderDiscount": totals.discount,
        "orderTax": totals.tax,
        "shippingPrice": totals.shipping,
        "totalPrice": totals.total,
        "additionalCharges": [_named(name, amount) for name, amount in totals.charges],
        "discounts": [_named(name, amount) for name, amount in totals.discounts],
        "payments": _payments(order, totals) if paid else None,
        "paymentStatus": "paid" if paid else None,
        "shippingAddress": dict(address),
        "customer": _customer(order, address),
        "orderNote": order.buyer_message,
        "shippingNote": order.address.drop_off_location if usable(order.address.drop_off_location) else None,
        "tags": tags_of(order),
        "customFields": _custom_fields(order, totals, shop_id, take_bundles_apart=take_bundles_apart),
    }
    emptied = EMPTIED if len(order.live_units) < len(order.units) else ()
    return {member: value for member, value in found.items() if value not in (None, "", [], {}) or member in emptied}


def has_bundles_apart(document: Mapping[str, Any]) -> bool:
    """Whether a document of ours has its bundles as parts."""
    return any(str(item.get("name")).startswith(BUNDLE_FIELD) for item in document.get("customFields", ()))


def _only_authorised(order: TikTokOrder) -> bool:
    """The money for a pre-order is taken shortly before its release (contract 4.2)."""
    return order.order_type == PRE_ORDER and order.paid_time_ms is None


def _payments(order: TikTokOrder, totals: Totals) -> list[dict[str, Any]]:
    """TikTok collects the money; `kind` is what it shows the buyer as the way of paying."""
    if not totals.total:
        return []
    payment = {
        "method": "marketplace",
        "kind": order.payment_method_name,
        "status": "succeeded",
        "amount": totals.total,
        "currency": order.payment.currency,
    }
    return [{member: value for member, value in payment.items() if value != ""}]


def _customer(order: TikTokOrder, address: Mapping[str, str]) -> dict[str, str]:
    """Pipe17 keeps no e-mail and no phone here (pipe17 contract 1.11); both stand in the address."""
    customer = {
        "extCustomerId": order.user_id,
        "firstName": address.get("firstName", ""),
        "lastName": address.get("lastName", ""),
    }
    stated = {member: value for member, value in customer.items() if value}
    return stated | {"type": "individual"} if stated else {}


def _custom_fields(
    order: TikTokOrder, totals: Totals, shop_id: str, *, take_bundles_apart: bool
) -> list[dict[str, str]]:
    fields = [("shop_id", shop_id)]
    fields += fields_of(order)
    amounts = [
        ("tiktok_tax_included", totals.tax_inside),
        ("tiktok_shipping_tax", order.payment.shipping_fee_tax),
        *((CONTAINED_FIELD + name, amount) for name, amount in totals.contained),
        *((GIFT_FIELD + unique_id, value) for unique_id, value in gift_values(order)),
    ]
    fields += [(name, format(amount, "f")) for name, amount in amounts if amount]
    if take_bundles_apart:
        fields += [(BUNDLE_FIELD + bundle.id, bundle.sku) for bundle in bundles_of(order).values()]
    return [{"name": name, "value": value} for name, value in fields if value]


def _named(name: str, amount: Decimal) -> dict[str, Any]:
    return {"name": name, "value": amount}


def _iso(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else iso(instant_ms)
