"""A TikTok product as products of Pipe17: a parent and a child for every SKU, or one `simple` product for a single SKU.

    record of ours     sku              extProductId     extProductApiId    parentExtProductId
    parent             product id       product id
    child              seller SKU       SKU id           SKU id             product id
    simple, bundle     seller SKU       product id       SKU id

`mappedProduct` is what Pipe17 keeps of a product for one integration: where it is listed, under which SKU, whether it
is on sale. A SKU that Pipe17 has from somebody else gets this and nothing more. A SKU without seller SKU cannot be told
to Pipe17; it is named in a finding, and the others of its product go on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.core.findings import Finding
from daemon.core.reading import BadShape, amount, iso, optional_record, records, required_text, seconds_as_ms, text

WEIGHTS: Mapping[str, str] = {"KILOGRAM": "kg", "GRAM": "g", "POUND": "lb", "OUNCE": "oz"}
LENGTHS: Mapping[str, str] = {"CENTIMETER": "cm", "INCH": "in", "FOOT": "ft"}
CODES = frozenset({"UPC", "EAN", "GTIN", "JAN"})
"""Identifiers that Pipe17 keeps as `upc`."""

SKU_MISSING = "sku_missing"
ON_SALE = "ACTIVATE"
AWAY = "DELETED"
UNFINISHED = "DRAFT"


@dataclass(frozen=True, slots=True)
class ProductPlan:
    """What Pipe17 should have of a product. `documents` are in the order in which they are to be made."""

    documents: tuple[dict[str, Any], ...]
    status: str
    findings: tuple[Finding, ...] = field(default=())


def plan_product(raw: Mapping[str, Any], required_only: Collection[str] | None = None) -> ProductPlan:
    """The documents for a product's detail; raises `BadShape`.

    `required_only`: ids of the attributes that the category requires, where only those are wanted; None: all.
    """
    product_id, status = required_text(raw, "id"), text(raw, "status")
    title = text(raw, "title") or f"TikTok product {product_id}"
    skus = list(records(raw, "skus"))
    named = [sku for sku in skus if text(sku, "seller_sku")]
    unnamed = [required_text(sku, "id") for sku in skus if not text(sku, "seller_sku")]
    findings = (_sku_missing(product_id, unnamed),) if unnamed else ()
    if not named:
        return ProductPlan((), status, findings)
    shared = _shared(raw, required_only)
    if len(skus) == 1:
        return ProductPlan((_single(raw, named[0], title, status, shared),), status, findings)
    parent = {
        "sku": product_id,
        "name": title,
        "types": ["parent"],
        "extProductId": product_id,
        **shared,
        **_told(raw),
        "mappedProduct": _mapped(product_id, product_id, title, status),
    }
    children = [_child(raw, sku, product_id, title, status, shared) for sku in _once(named)]
    return ProductPlan((parent, *children), status, findings)


def mapped_status(product_status: str, sku_status: str = "") -> str:
    """How Pipe17 calls where a listing stands."""
    if product_status == ON_SALE:
        return "unpublished" if sku_status == "DEACTIVATED" else "published"
    return "disabled" if product_status == "FREEZE" else "unpublished"


def withdrawn(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is left to say of a SKU that TikTok no longer has: it is not on sale there."""
    mapped = {**document["mappedProduct"], "status": "unpublished"}
    return {"sku": document["sku"], "withdrawn": True, "mappedProduct": mapped}


def is_same_listing(current: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether a product that we made in Pipe17 is of the same SKU (or the same parent) of TikTok."""
    member = "extProductApiId" if "extProductApiId" in document else "extProductId"
    return text(current, member) == text(document, member)


def product_changes(current: Mapping[str, Any], document: Mapping[str, Any], integration: str) -> dict[str, Any]:
    """The members to put so that a product of ours shows what `document` says; custom fields of others stay."""
    wanted = {name: value for name, value in document.items() if name != "mappedProduct"}
    if "customFields" in wanted:
        named = {item["name"] for item in wanted["customFields"]}
        others = [dict(item) for item in records(current, "customFields") if item.get("name") not in named]
        wanted["customFields"] = [*others, *wanted["customFields"]]
    changed = {name: value for name, value in wanted.items() if current.get(name) != value}
    return changed | mapping_changes(current, document, integration)


def mapping_changes(current: Mapping[str, Any], document: Mapping[str, Any], integration: str) -> dict[str, Any]:
    """`mappedProduct` when it says something else so far; what a person set in it (a buffer) stays."""
    entries = [optional_record(current, "mappedProduct"), *records(current, "published")]
    entry = next((one for one in entries if text(one, "integrationId") == integration), {})
    wanted = {"integrationId": integration, **document["mappedProduct"]}
    if all(entry.get(name) == value for name, value in wanted.items()):
        return {}
    if document.get("withdrawn") and text(entry, "extProductId") != wanted["extProductId"]:
        return {}
    kept = {name: value for name, value in entry.items() if name not in ("updatedAt", "updatedBy")}
    return {"mappedProduct": {**kept, **wanted}}


def _shared(raw: Mapping[str, Any], required_only: Collection[str] | None) -> dict[str, Any]:
    """Members that every record of the product has."""
    found: dict[str, Any] = {"status": "active"}
    vendor = text(optional_record(raw, "brand"), "name")
    if vendor:
        found["vendor"] = vendor
    created_ms = seconds_as_ms(raw, "create_time")
    if created_ms is not None:
        found["extProductCreatedAt"] = iso(created_ms)
    fields = [
        {"name": text(item, "name"), "value": ", ".join(text(value, "name") for value in records(item, "values"))}
        for item in records(raw, "product_attributes")
        if text(item, "name") and (required_only is None or text(item, "id") in required_only)
    ]
    if fields:
        found["customFields"] = fields
    return found


def _told(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What is said once for the product: its description and its pictures."""
    images = [url for image in records(raw, "main_images") if (url := _url(image))]
    found: dict[str, Any] = {"imageURLs": images} if images else {}
    description = text(raw, "description")
    return {**({"description": description} if description else {}), **found}


def _single(
    raw: Mapping[str, Any], sku: Mapping[str, Any], title: str, status: str, shared: Mapping[str, Any]
) -> dict[str, Any]:
    product_id, seller_sku = required_text(raw, "id"), text(sku, "seller_sku")
    parts = [(text(part, "seller_sku"), part.get("sku_count")) for part in records(sku, "combined_skus")]
    known = all(name and isinstance(count, int) for name, count in parts)
    bundle = {"bundleItems": [{"sku": name, "quantity": count} for name, count in parts]} if parts and known else {}
    return {
        "sku": seller_sku,
        "name": title,
        "types": ["bundle" if bundle else "simple"],
        "extProductId": product_id,
        "extProductApiId": required_text(sku, "id"),
        **shared,
        **_told(raw),
        **bundle,
        **_of_sku(raw, sku),
        "mappedProduct": _mapped(product_id, seller_sku, title, status, _sku_status(sku)),
    }


def _child(
    raw: Mapping[str, Any], sku: Mapping[str, Any], product_id: str, title: str, status: str, shared: Mapping[str, Any]
) -> dict[str, Any]:
    sku_id, seller_sku = required_text(sku, "id"), text(sku, "seller_sku")
    options = [
        {"name": text(item, "name"), "value": text(item, "value_name")} for item in records(sku, "sales_attributes")
    ]
    image = next(
        (url for item in records(sku, "sales_attributes") if (url := _url(optional_record(item, "sku_img")))), ""
    )
    name = " ".join([title, *(["-", " / ".join(option["value"] for option in options)] if options else [])])
    return {
        "sku": seller_sku,
        "name": name,
        "types": ["child"],
        "parentExtProductId": product_id,
        "extProductId": sku_id,
        "extProductApiId": sku_id,
        **shared,
        **({"imageURLs": [image]} if image else {}),
        **({"variantOptions": options} if options else {}),
        **_of_sku(raw, sku),
        "mappedProduct": _mapped(sku_id, seller_sku, name, status, _sku_status(sku)),
    }


def _of_sku(raw: Mapping[str, Any], sku: Mapping[str, Any]) -> dict[str, Any]:
    """Prices, identifier and package of one SKU; the package of the product where the SKU has none."""
    found: dict[str, Any] = {}
    prices = list(_prices(sku))
    if prices:
        found["prices"] = prices
    code = optional_record(sku, "identifier_code")
    if text(code, "type") in CODES and text(code, "code"):
        found["upc"] = text(code, "code")
    weight = optional_record(sku, "sku_weight") or optional_record(raw, "package_weight")
    if text(weight, "unit") in WEIGHTS and amount(weight, "value") > 0:
        found |= {"weight": amount(weight, "value"), "weightUnit": WEIGHTS[text(weight, "unit")]}
    size = optional_record(sku, "sku_dimensions") or optional_record(raw, "package_dimensions")
    sides = {name: amount(size, name) for name in ("length", "width", "height")}
    if text(size, "unit") in LENGTHS and all(side > 0 for side in sides.values()):
        found |= {**sides, "dimensionsUnit": LENGTHS[text(size, "unit")]}
    return found


def _prices(sku: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    price = optional_record(sku, "price")
    for name in ("sale_price", "tax_exclusive_price"):
        if text(price, name):
            yield {"name": "basePrice", "value": amount(price, name), "currency": text(price, "currency")}
            break
    before = optional_record(sku, "list_price")
    if text(before, "amount"):
        yield {"name": "compareAtPrice", "value": amount(before, "amount"), "currency": text(before, "currency")}


def _mapped(ext_id: str, sku: str, name: str, status: str, sku_status: str = "") -> dict[str, str]:
    return {"extProductId": ext_id, "sku": sku, "name": name, "status": mapped_status(status, sku_status)}


def _sku_status(sku: Mapping[str, Any]) -> str:
    return text(optional_record(sku, "status_info"), "status")


def _url(image: Mapping[str, Any]) -> str:
    urls = image.get("urls")
    if urls is None or urls == "":
        return ""
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise BadShape("urls", "is not a list of texts")
    return urls[0] if urls else ""


def _once(skus: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The first SKU of every seller SKU: Pipe17 has each once."""
    seen: set[str] = set()
    for sku in skus:
        if text(sku, "seller_sku") not in seen:
            seen.add(text(sku, "seller_sku"))
            yield sku


def _sku_missing(product_id: str, sku_ids: Sequence[str]) -> Finding:
    named = ", ".join(sku_ids[:5]) + (f" and {len(sku_ids) - 5} more" if len(sku_ids) > 5 else "")
    return Finding(
        SKU_MISSING,
        f"product {product_id}: TikTok SKU {named} has no seller SKU, so Pipe17 cannot know it and its stock is not "
        "kept; the other SKUs of the product are. Set it in Seller Center",
    )
