"""A TikTok SKU and a warehouse as a reading shows them: what the link table keeps, read tolerantly.

The kind of a SKU says whether its stock is ours to set: a bundle's follows from its members, a shared one belongs to a
global listing, TikTok keeps the stock of its own warehouses, and a pre-owned piece is one or none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daemon.core.reading import flag, identifier, optional_record, records, required_text, text, whole

PLATFORM_TYPE = "FBT"
"""Our word for the type of TikTok's own warehouses."""


class Kind(StrEnum):
    """Whose the stock of a SKU is."""

    NORMAL = "normal"
    BUNDLE = "bundle"
    SHARED = "shared"
    PREOWNED = "preowned"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class SkuSeen:
    """A SKU as a product's record shows it."""

    sku_id: str
    product_id: str
    seller_sku: str
    status: str
    kind: Kind
    warehouses: tuple[tuple[str, int], ...]
    """(warehouse id, quantity)."""


@dataclass(frozen=True, slots=True)
class WarehouseSeen:
    """A warehouse as the shop's list shows it."""

    id: str
    name: str
    type: str
    sub_type: str
    effect_status: str
    is_default: bool


def skus_seen(product: Mapping[str, Any], platform: Collection[str] = ()) -> Iterator[SkuSeen]:
    """The SKUs of a product's detail; `platform` are the ids of TikTok's own warehouses. Raises `BadShape`."""
    product_id = required_text(product, "id")
    status = text(product, "status")
    preowned = is_preowned(product)
    for sku in records(product, "skus"):
        switched_off = text(optional_record(sku, "status_info"), "status") == "DEACTIVATED"
        levels = tuple(
            (identifier(row, "warehouse_id"), whole(row, "quantity") or 0) for row in records(sku, "inventory")
        )
        yield SkuSeen(
            sku_id=required_text(sku, "id"),
            product_id=product_id,
            seller_sku=text(sku, "seller_sku"),
            status="DEACTIVATED" if switched_off else status,
            kind=_kind(sku, levels, preowned, platform),
            warehouses=levels,
        )


def is_preowned(product: Mapping[str, Any]) -> bool:
    """Whether the product is one of a kind: TikTok says so, or its category does (assumption TT-11)."""
    if flag(product, "is_pre_owned"):
        return True
    names = [text(link, "local_name").lower().replace(" ", "-") for link in records(product, "category_chains")]
    return any("pre-owned" in name or "preowned" in name for name in names)


def _kind(
    sku: Mapping[str, Any], levels: tuple[tuple[str, int], ...], preowned: bool, platform: Collection[str]
) -> Kind:
    if any(records(sku, "combined_skus")):
        return Kind.BUNDLE
    if text(optional_record(sku, "global_listing_policy"), "inventory_type") == "SHARED":
        return Kind.SHARED
    if preowned:
        return Kind.PREOWNED
    if levels and all(place in platform for place, _ in levels):
        return Kind.PLATFORM
    return Kind.NORMAL


def warehouse_seen(row: Mapping[str, Any]) -> WarehouseSeen:
    """A row of the shop's warehouses; raises `BadShape`."""
    return WarehouseSeen(
        id=required_text(row, "id"),
        name=text(row, "name"),
        type=text(row, "type"),
        sub_type=text(row, "sub_type"),
        effect_status=text(row, "effect_status") or "ENABLED",
        is_default=flag(row, "is_default"),
    )


def platform_seen(row: Mapping[str, Any]) -> Iterator[WarehouseSeen]:
    """The warehouse ids behind one of TikTok's own warehouses; raises `BadShape`."""
    name = text(row, "name") or required_text(row, "fbt_warehouse_id")
    ids = row.get("warehouse_ids") or [required_text(row, "fbt_warehouse_id")]
    for warehouse_id in ids if isinstance(ids, list) else []:
        yield WarehouseSeen(
            id=required_text({"warehouse_ids": warehouse_id}, "warehouse_ids"),
            name=name,
            type=PLATFORM_TYPE,
            sub_type=text(row, "type"),
            effect_status="ENABLED",
            is_default=False,
        )
