"""How products look on the wire: the row of a search, and the detail (contract 1.10, 1.11, fixtures b6 and b11).

A search shows no images, description, attributes or package; its price is `tax_exclusive_price` alone for local
sellers, and that is the display price. Members without content are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.sandbox.tiktok.goods import Product, Sku
from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.pricing import id_of


def search_row(product: Product, options: TikTokOptions) -> dict[str, Any]:
    """A product as the search shows it."""
    return {
        "id": product.id,
        "title": product.title,
        "status": product.status,
        "audit": {"status": product.audit, "pre_approved_reasons": []},
        "has_draft": False,
        "is_not_for_sale": False,
        "product_tags": [],
        "recommended_categories": [],
        "sales_regions": [options.region],
        "create_time": product.create_ms // 1000,
        "update_time": product.update_ms // 1000,
        "skus": [_sku(sku, {"currency": options.currency, "tax_exclusive_price": sku.price}) for sku in product.skus],
    }


def detail_row(product: Product, skus: Mapping[str, Sku], options: TikTokOptions) -> dict[str, Any]:
    """A product as its detail shows it."""
    length, width, height, unit = product.size
    row: dict[str, Any] = {
        "id": product.id,
        "title": product.title,
        "description": product.description,
        "status": product.status,
        "product_status": "INITIAL" if product.status in ("PENDING", "FAILED") else product.status,
        "audit": {"status": product.audit, "pre_approved_reasons": [], "not_submitted_reasons": []},
        "audit_failed_reasons": [],
        "has_draft": False,
        "is_not_for_sale": False,
        "is_cod_allowed": False,
        "category_chains": [
            {"id": id_of(product.category, "category"), "parent_id": "0", "local_name": product.category}
            | {"is_leaf": True}
        ],
        "main_images": [_image(url) for url in product.images],
        "product_attributes": [
            {
                "id": id_of(name, "attribute"),
                "name": name,
                "values": [{"id": id_of(value, "value"), "name": value}],
            }
            for name, value in product.attributes
        ],
        "package_weight": {"value": product.weight[0], "unit": product.weight[1]},
        "package_dimensions": {"length": length, "width": width, "height": height, "unit": unit},
        "product_types": [product.kind] if product.kind else [],
        "skus": [_detail_sku(product, sku, skus, options) for sku in product.skus],
        "create_time": product.create_ms // 1000,
        "update_time": product.update_ms // 1000,
    }
    if product.brand:
        row["brand"] = {"id": id_of(product.brand, "brand"), "name": product.brand}
    if product.preowned:
        row["is_pre_owned"] = True
    return row


def _sku(sku: Sku, price: dict[str, str]) -> dict[str, Any]:
    status = {"status": sku.status}
    if sku.deactivated_by:
        status["deactivation_source"] = sku.deactivated_by
    row: dict[str, Any] = {
        "id": sku.id,
        "seller_sku": sku.seller_sku,
        "price": price,
        "inventory": [{"warehouse_id": place, "quantity": quantity} for place, quantity in sku.available.items()],
        "status_info": status,
    }
    if sku.list_price:
        row["list_price"] = {"amount": sku.list_price, "currency": price["currency"]}
    return row


def _detail_sku(product: Product, sku: Sku, skus: Mapping[str, Sku], options: TikTokOptions) -> dict[str, Any]:
    price = {"currency": options.currency, "sale_price": sku.price, "tax_exclusive_price": sku.price}
    row = _sku(sku, price)
    row["sales_attributes"] = [
        {
            "id": id_of(name, "sales-attribute"),
            "name": name,
            "value_id": id_of(value, "sales-value"),
            "value_name": value,
            **({"sku_img": _image(sku.image)} if sku.image and place == 0 else {}),
        }
        for place, (name, value) in enumerate(sku.options)
    ]
    if sku.code[1]:
        row["identifier_code"] = {"type": sku.code[0], "code": sku.code[1]}
    if sku.weight:
        row["sku_weight"] = {"value": sku.weight, "unit": product.weight[1]}
    if sku.bundle:
        row["combined_skus"] = [
            {
                "product_id": skus[member].product_id,
                "sku_id": member,
                "sku_count": count,
                "seller_sku": skus[member].seller_sku,
            }
            for member, count in sku.bundle
            if member in skus
        ]
    return row


def _image(url: str) -> dict[str, Any]:
    name = f"tos-sim-1/{id_of(url, 'image')}"
    return {"uri": name, "urls": [url], "thumb_urls": [f"{url}?thumb"], "height": 1600, "width": 1600}
