"""How packages look on the wire: the row of a search, and the detail (contract 5).

What a package does not have yet (a tracking number, say) is in its detail half of the time, empty: nobody may count on
either.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from daemon.sandbox.tiktok.logistics import OPTION_NAMES
from daemon.sandbox.tiktok.records import Order, Package
from daemon.sandbox.tiktok.shapes import encode


def search_row(package: Package) -> str:
    """A package as the search shows it."""
    row = {
        "id": package.id,
        "orders": [{"id": order_id} for order_id in package.order_ids],
        "status": package.status,
        "tracking_number": package.tracking_number,
        "shipping_provider_id": package.provider_id,
        "shipping_provider_name": package.provider_name,
        "order_line_item_ids": package.unit_ids,
        "create_time": package.create_ms // 1000,
        "update_time": package.update_ms // 1000,
    }
    return encode(row)


def detail_row(package: Package, inside: Sequence[Order], rng: Random) -> dict[str, Any]:
    """A package by itself; `inside` are the orders that share it, the one that it was made for first."""
    order = inside[0]
    skus = {unit.sku_id for one in inside for unit in one.units if unit.id in package.unit_ids}
    split = order.split or len(order.package_ids) > 1
    moving = {"TO_FULFILL": "STOCKING", "PROCESSING": "RTS", "FULFILLING": "TTS", "COMPLETED": "DELIVERED"}
    data: dict[str, Any] = {
        "package_id": package.id,
        "package_status": package.status,
        "package_sub_status": moving.get(package.status, "CANCELLED"),
        "orders": [{"id": one.id, "skus": _skus(one, package)} for one in inside],
        "split_and_combine_tag": "COMBINE" if package.also else "SPLIT" if split else "DEFAULT",
        "has_multi_skus": len(skus) > 1,
        "note_tag": "BUYER_UNNOTED",
        "shipping_type": order.shipping_type,
        "delivery_option_id": order.delivery_option_id,
        "delivery_option_name": OPTION_NAMES[order.delivery_option_id],
        "order_line_item_ids": package.unit_ids,
        "create_time": package.create_ms // 1000,
        "update_time": package.update_ms // 1000,
        "warehouse_id": order.warehouse_id,
    }
    carried = {
        "tracking_number": package.tracking_number,
        "shipping_provider_id": package.provider_id,
        "shipping_provider_name": package.provider_name,
        "handover_method": package.handover_method,
    }
    data.update((name, value) for name, value in carried.items() if value or rng.random() < 0.5)
    return data


def _skus(order: Order, package: Package) -> list[dict[str, Any]]:
    count: dict[str, int] = {}
    for unit in order.units:
        if unit.id in package.unit_ids:
            count[unit.sku_id] = count.get(unit.sku_id, 0) + 1
    image = "https://img.example.test/item.jpg"
    return [{"id": sku, "name": "Default", "image_url": image, "quantity": many} for sku, many in count.items()]
