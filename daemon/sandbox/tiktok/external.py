"""External order references of the simulated shop: other systems' ids of orders and lines (contract 4.7).

A batch succeeds as a call; orders that are not of this shop, or lines that are not of the order, are named in `errors`.
Writing again for the same platform replaces.
"""

from __future__ import annotations

from typing import Any

from daemon.sandbox.tiktok.book import OrderBook
from daemon.sandbox.tiktok.shapes import Ask, Refused

PLATFORMS = frozenset(
    {
        "AMAZON",
        "BIGCOMMERCE",
        "CHANNEL_ADVISOR",
        "ERP_SYSTEM",
        "MAGENTO",
        "ORDER_MANAGEMENT_SYSTEM",
        "SALESFORCE_COMMERCE_CLOUD",
        "SHOPIFY",
        "WAREHOUSE_MANAGEMENT_SYSTEM",
        "WOOCOMMERCE",
    }
)
INVALID_ORDER = "36020001"


class ExternalOrders:
    """What other systems call the shop's orders: by order id, then by platform."""

    def __init__(self, book: OrderBook) -> None:
        self.of_order: dict[str, dict[str, dict[str, Any]]] = {}
        self._book = book

    def add(self, ask: Ask) -> dict[str, Any]:
        """`POST /order/202406/orders/external_orders`."""
        errors = []
        for one in ask.body["orders"]:
            problem = self._problem(one)
            if problem:
                shown = {name: one["external_order"][name] for name in ("id", "platform")}
                detail = {"order_id": one["id"], "external_order": shown}
                errors.append({"code": INVALID_ORDER, "message": problem, "detail": detail})
            else:
                external = one["external_order"]
                self.of_order.setdefault(one["id"], {})[external["platform"]] = external
        return {"errors": errors} if errors else {}

    def get(self, ask: Ask) -> dict[str, Any]:
        """`GET /order/202406/orders/{order_id}/external_orders`."""
        if ask.query["platform"] not in PLATFORMS:
            raise Refused(36009004, "Invalid value: 'platform'", 400)
        order = self._book.order(ask.values["order_id"])
        found = self.of_order.get(order.id, {}).get(ask.query["platform"])
        return {"external_orders": [found] if found else []}

    def _problem(self, one: dict[str, Any]) -> str:
        order = self._book.orders.get(one["id"])
        if order is None:
            return "Invalid order_id"
        units = {unit.id for unit in order.units}
        return "" if all(item["origin_id"] in units for item in one["external_order"]["line_items"]) else "Invalid line"
