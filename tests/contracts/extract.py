"""Cuts `tiktok.json` out of the full TikTok Shop description: the operations that the sandbox simulates, with the
components they refer to, in their own words.

    python tests/contracts/extract.py path/to/tiktok-shop.json > tests/contracts/tiktok.json

The full description is derived from the models of the package `tiktok-shop-api` (MIT): names, types, enums, required.
Two older versions have no entry there and borrow the newer one's answer: the order detail of 202309 and Mark Package As
Shipped of 202309 (same answer, other request).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OPERATIONS = (
    ("get", "/authorization/202309/shops"),
    ("post", "/order/202309/orders/search"),
    ("get", "/order/202507/orders"),
    ("post", "/fulfillment/202610/orders/{order_id}/packages"),
    ("post", "/fulfillment/202309/packages/{package_id}/ship"),
    ("post", "/fulfillment/202309/packages/search"),
    ("get", "/fulfillment/202309/packages/{package_id}"),
    ("post", "/fulfillment/202309/orders/{order_id}/split"),
    ("post", "/fulfillment/202309/orders/{order_id}/shipping_info/update"),
    ("post", "/fulfillment/202610/packages/{package_id}/shipping_info/update"),
    ("get", "/fulfillment/202309/orders/split_attributes"),
    ("get", "/fulfillment/202309/combinable_packages/search"),
    ("post", "/fulfillment/202309/packages/combine"),
    ("post", "/fulfillment/202309/packages/{package_id}/uncombine"),
    ("get", "/fulfillment/202309/packages/{package_id}/handover_time_slots"),
    ("get", "/logistics/202309/delivery_options/{delivery_option_id}/shipping_providers"),
    ("get", "/logistics/202309/warehouses"),
    ("post", "/order/202406/orders/external_orders"),
    ("get", "/order/202406/orders/{order_id}/external_orders"),
    ("post", "/customer_service/202309/conversations"),
    ("post", "/customer_service/202606/conversations/{conversation_id}/messages"),
    ("get", "/customer_service/202309/conversations/{conversation_id}/messages"),
    ("get", "/event/202309/webhooks"),
    ("put", "/event/202309/webhooks"),
    ("delete", "/event/202309/webhooks"),
    ("post", "/return_refund/202602/cancellations/search"),
    ("post", "/return_refund/202602/cancellations"),
    ("get", "/return_refund/202602/orders/{order_id}/aftersale_eligibility"),
    ("post", "/return_refund/202309/cancellations/{cancel_id}/approve"),
    ("post", "/return_refund/202309/cancellations/{cancel_id}/reject"),
    ("get", "/return_refund/202309/reject_reasons"),
    ("get", "/product/202312/prerequisites"),
    ("post", "/product/202502/products/search"),
    ("get", "/product/202309/products/{product_id}"),
    ("get", "/product/202309/categories/{category_id}/attributes"),
    ("post", "/product/202309/products/activate"),
    ("post", "/product/202309/products/deactivate"),
    ("post", "/product/202309/inventory/search"),
    ("post", "/product/202309/products/{product_id}/inventory/update"),
    ("get", "/fbt/202408/warehouses"),
)
WEBHOOKS = ("1", "3", "4", "5", "6", "7", "11", "15", "16", "37", "50", "71")


def references(value: Any) -> Iterator[str]:
    """The names of the components that a piece of the description refers to."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "$ref":
                yield item.rsplit("/", 1)[1]
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def extract(full: dict[str, Any]) -> dict[str, Any]:
    """The part of the description that we simulate."""
    paths: dict[str, Any] = {}
    for method, path in OPERATIONS:
        paths.setdefault(path, {})[method] = full["paths"][path][method]
    webhooks = {number: full["webhooks"][number] for number in WEBHOOKS}
    schemas = full["components"]["schemas"]
    wanted: dict[str, Any] = {}
    waiting = [*references(paths), *references(webhooks)]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted[name] = schemas[name]
            waiting.extend(references(schemas[name]))
    components = {"schemas": {name: wanted[name] for name in sorted(wanted)}}
    return {"info": full["info"], "paths": paths, "webhooks": webhooks, "components": components}


if __name__ == "__main__":
    print(json.dumps(extract(json.loads(Path(sys.argv[1]).read_text())), indent=1))
