"""TikTok orders and Pipe17 fulfillments for the tests of core, built the way the wire shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from daemon.core import jsontext
from daemon.core.fulfillments import FulfilledLine, Fulfillment
from daemon.core.orders import OrderPlan, OrderRules, plan_order
from daemon.core.tiktok_order import TikTokOrder, read_order

SAMPLES = Path(__file__).parent.parent / "samples" / "orders"
PAID_S = 1_767_218_400
PAID_MS = PAID_S * 1000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
AFTER_HOLD_MS = PAID_MS + HOUR_MS

CLEAR = {
    "name": "Ada Nwosu",
    "first_name": "Ada",
    "last_name": "Nwosu",
    "phone_number": "(+1)2535550114",
    "address_line1": "18 Larch Road",
    "address_line2": "Flat 2",
    "postal_code": "98402",
    "region_code": "US",
    "district_info": [
        {"address_level": "L0", "address_level_name": "Country", "address_name": "United States", "iso_code": "US"},
        {"address_level": "L1", "address_level_name": "State", "address_name": "Washington", "iso_code": ""},
        {"address_level": "L2", "address_level_name": "County", "address_name": "Pierce", "iso_code": ""},
        {"address_level": "L3", "address_level_name": "City", "address_name": "Tacoma", "iso_code": ""},
    ],
}
MASKED = {
    "name": "A** N****",
    "first_name": "A**",
    "last_name": "N****",
    "phone_number": "(+1)253****14",
    "address_line1": "18 *****",
    "postal_code": "98***",
    "region_code": "US",
}


def sample(name: str) -> dict[str, Any]:
    return dict(jsontext.loads((SAMPLES / name).read_bytes()))


def raw_unit(unit_id: str, sku: str = "A", price: str = "20", **members: Any) -> dict[str, Any]:
    return {
        "id": unit_id,
        "sku_id": f"17{sum(map(ord, sku)):04d}",
        "seller_sku": sku,
        "product_id": "1729",
        "product_name": f"Product {sku}",
        "sku_name": "Default",
        "currency": "USD",
        "original_price": price,
        "sale_price": price,
        "display_status": "AWAITING_SHIPMENT",
        **members,
    }


def raw_order(*units: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """An order whose payment adds up to its units; `members` override or add members of the order."""
    lines = list(units or [raw_unit("100")])
    number = {name: sum(Decimal(unit.get(name, "0")) for unit in lines) for name in PRICE_MEMBERS}
    tax = sum(Decimal(item["tax_amount"]) for unit in lines for item in unit.get("item_tax", []))
    sub_total = number["original_price"] - number["seller_discount"] - number["platform_discount"]
    payment = {
        "currency": "USD",
        "sub_total": str(sub_total),
        "shipping_fee": "0",
        "seller_discount": str(number["seller_discount"]),
        "platform_discount": str(number["platform_discount"]),
        "total_amount": str(sub_total + tax),
        "original_total_product_price": str(number["original_price"]),
        "tax": str(tax),
    }
    return {
        "id": "576461413038785752",
        "user_id": "7021436810468230477",
        "status": "AWAITING_SHIPMENT",
        "order_type": "NORMAL",
        "fulfillment_type": "FULFILLMENT_BY_SELLER",
        "shipping_type": "SELLER",
        "create_time": PAID_S - 60,
        "paid_time": PAID_S,
        "update_time": PAID_S + 10,
        "buyer_email": "relay@example.test",
        "recipient_address": CLEAR,
        "payment": payment,
        "line_items": lines,
        **members,
    }


PRICE_MEMBERS = ("original_price", "seller_discount", "platform_discount")


def order(*units: Mapping[str, Any], **members: Any) -> TikTokOrder:
    return read_order(raw_order(*units, **members))


def rules(**members: Any) -> OrderRules:
    given: dict[str, Any] = {
        "hold": timedelta(minutes=60),
        "pull_on_hold": True,
        "pull_shipped_by_platform": False,
        "since_ms": None,
        "shop_id": "7495000000042",
    }
    return OrderRules(**{**given, **members})


def plan(
    wanted: TikTokOrder,
    now_ms: int = AFTER_HOLD_MS,
    *,
    previous: Mapping[str, Any] | None = None,
    created: bool = False,
    **members: Any,
) -> OrderPlan:
    return plan_order(wanted, rules(**members), now_ms, previous, created)


def document(wanted: TikTokOrder, now_ms: int = AFTER_HOLD_MS, **members: Any) -> dict[str, Any]:
    found = plan(wanted, now_ms, **members).document
    assert found is not None
    return found


def fulfillment(number: str | None, *lines: tuple[str, str, int], name: str = "f1", **members: Any) -> Fulfillment:
    given: dict[str, Any] = {
        "id": name,
        "order_id": "3f0c9a41d27be860",
        "ext_order_id": "576461413038785752",
        "shipment_id": "c2d80e6b1f47a935",
        "order_integration": "b7712ce05d9f3a48",
        "integration": "e1054fa97c02d8b6",
        "location_id": "",
        "rejected": False,
        "carrier": "UPS",
        "service": "",
        "tracking_numbers": () if number is None else (number,),
        "shipped_at_ms": None,
        "lines": tuple(FulfilledLine(*line) for line in lines),
        "created_at_ms": PAID_MS,
        "updated_at_ms": PAID_MS,
    }
    return Fulfillment(**{**given, **members})
