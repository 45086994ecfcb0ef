"""Calls about products and their stock, and the checklist that a shop must pass before it may list any."""

from __future__ import annotations

from daemon.sandbox.tiktok.route import IDS, INSTANT, Route
from daemon.sandbox.tiktok.shapes import Many, Members, Text, Whole

PRODUCTS = ("seller.product.basic",)
PRODUCT_WRITE = ("seller.product.write",)
PRODUCT_STATUSES = frozenset(
    {
        "DRAFT",
        "PENDING",
        "FAILED",
        "ACTIVATE",
        "SELLER_DEACTIVATED",
        "PLATFORM_DEACTIVATED",
        "FREEZE",
        "DELETED",
    }
)
PRODUCT_IDS = Members({"product_ids": IDS, "listing_platforms": IDS}, frozenset({"product_ids"}))
LEVEL = Members(
    {"warehouse_id": Text(), "quantity": Whole(), "backorder_quantity": Whole(), "handling_time": Whole()},
    frozenset({"quantity"}),
)
LEVELS = Members({"id": Text(), "inventory": Many(LEVEL)}, frozenset({"id", "inventory"}))

PRODUCT_ROUTES = (
    Route("prerequisites.check", "GET", "/product/202312/prerequisites", PRODUCTS),
    Route(
        "products.search",
        "POST",
        "/product/202502/products/search",
        PRODUCTS,
        query={"page_size": True, "page_token": False},
        body=Members(
            {
                **{f"{name}_time_{end}": INSTANT for name in ("create", "update") for end in ("ge", "le")},
                "status": Text(PRODUCT_STATUSES | {"ALL"}),
                "seller_skus": IDS,
                "sku_ids": IDS,
            }
        ),
    ),
    Route(
        "products.get",
        "GET",
        "/product/202309/products/{product_id}",
        PRODUCTS,
        query={"return_under_review_version": False, "return_draft_version": False, "locale": False},
    ),
    Route(
        "categories.attributes",
        "GET",
        "/product/202309/categories/{category_id}/attributes",
        PRODUCTS,
        query={"category_version": False, "locale": False},
    ),
    Route("products.activate", "POST", "/product/202309/products/activate", PRODUCT_WRITE, body=PRODUCT_IDS),
    Route("products.deactivate", "POST", "/product/202309/products/deactivate", PRODUCT_WRITE, body=PRODUCT_IDS),
    Route(
        "inventory.search",
        "POST",
        "/product/202309/inventory/search",
        PRODUCTS,
        body=Members({"product_ids": Many(Text(), 1000), "sku_ids": Many(Text(), 1000)}),
    ),
    Route(
        "inventory.update",
        "POST",
        "/product/202309/products/{product_id}/inventory/update",
        PRODUCT_WRITE,
        body=Members({"skus": Many(LEVELS, 1000)}, frozenset({"skus"})),
    ),
)
