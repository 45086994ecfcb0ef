"""The part of a TikTok order that shipping needs, small enough to keep with every order.

When the order endpoint is closed for us (429) a tracking number must not wait for it: the shipment is planned on these
facts instead of a fresh read, and TikTok stays the judge. They hold no address, no name of a buyer, and of money only
the list prices of a bundle's parts: search leaves the recipe of a bundle out at times, and `with_recipes` puts it back,
so that the order looks the same from there as from detail. The product of a unit is kept, too: when nobody knows its
SKU, that is what has to be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.core.reading import records

HEAD = (
    "id",
    "status",
    "order_type",
    "fulfillment_type",
    "shipping_type",
    "delivery_option_id",
    "warehouse_id",
    "split_or_combine_tag",
    "auto_combine_group_id",
    "create_time",
    "update_time",
    "paid_time",
    "release_date",
    "rts_sla_time",
    "is_buyer_request_cancel",
)
UNIT = ("id", "sku_id", "seller_sku", "product_id", "display_status", "package_id", "tracking_number", "currency")
RECIPE = ("combined_listing_skus", "sub_item_info")
PART = ("id", "sku_id", "seller_sku", "product_name", "original_price")


def facts_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the same names as TikTok's, cut down; `core.tiktok_order.read_order` reads it."""
    facts: dict[str, Any] = {name: raw[name] for name in HEAD if raw.get(name) not in (None, "", False)}
    region = (raw.get("recipient_address") or {}).get("region_code")
    if region:
        facts["recipient_address"] = {"region_code": region}
    facts["line_items"] = [_unit(item) for item in raw.get("line_items") or ()]
    return facts


def _unit(item: Mapping[str, Any]) -> dict[str, Any]:
    unit: dict[str, Any] = {name: item[name] for name in UNIT if item.get(name)}
    if item.get("combined_listing_skus"):
        unit["combined_listing_skus"] = item["combined_listing_skus"]
    if item.get("sub_item_info"):
        unit["sub_item_info"] = [
            {name: part[name] for name in PART if part.get(name)} for part in item["sub_item_info"]
        ]
    return unit


def products_of_skus(facts: Mapping[str, Any]) -> dict[str, str]:
    """Seller SKU -> TikTok's product ("" where none is named), of all that has to be picked; bundles as their parts."""
    found: dict[str, str] = {}
    for item in facts.get("line_items", ()):
        for one in item.get("combined_listing_skus") or (item,):
            sku = str(one.get("seller_sku") or "")
            found[sku] = found.get(sku) or str(one.get("product_id") or "")
    found.pop("", None)
    return found


def with_recipes(raw: Mapping[str, Any], facts: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The record with the recipes of its bundles; what it leaves out is taken from the facts of an earlier one."""
    known = {
        item["id"]: {name: item[name] for name in RECIPE if name in item}
        for item in (facts or {}).get("line_items", ())
    }
    if not any(known.values()):
        return raw
    items = [
        {**item, **{name: value for name, value in known.get(str(item.get("id")), {}).items() if not item.get(name)}}
        for item in records(raw, "line_items")
    ]
    return {**raw, "line_items": items}
