"""Calls that read orders, and those that keep other systems' ids of them."""

from __future__ import annotations

from daemon.sandbox.tiktok.external import PLATFORMS
from daemon.sandbox.tiktok.route import IDS, PAGING, WINDOW, Route
from daemon.sandbox.tiktok.shapes import Flag, Many, Members, Shape, Text

ORDER_STATUSES = frozenset(
    {
        "UNPAID",
        "ON_HOLD",
        "AWAITING_SHIPMENT",
        "PARTIALLY_SHIPPING",
        "AWAITING_COLLECTION",
        "IN_TRANSIT",
        "DELIVERED",
        "COMPLETED",
        "CANCELLED",
    }
)
EXTERNAL_LINES = Many(Members({"id": Text(), "origin_id": Text()}, frozenset({"id", "origin_id"})))
EXTERNAL_ORDER: dict[str, Shape] = {"id": Text(), "platform": Text(PLATFORMS), "line_items": EXTERNAL_LINES}
EXTERNAL = Members(
    {"id": Text(), "external_order": Members(EXTERNAL_ORDER, frozenset(EXTERNAL_ORDER))},
    frozenset({"id", "external_order"}),
)

ORDER_ROUTES = (
    Route(
        "orders.search",
        "POST",
        "/order/202309/orders/search",
        ("seller.order.info",),
        query=PAGING,
        body=Members(
            {
                **WINDOW,
                "order_status": Text(ORDER_STATUSES),
                "shipping_type": Text(),
                "buyer_user_id": Text(),
                "is_buyer_request_cancel": Flag(),
                "warehouse_ids": IDS,
            }
        ),
    ),
    Route("orders.detail", "GET", "/order/202309/orders", ("seller.order.info",), query={"ids": True}),
    Route("orders.detail", "GET", "/order/202507/orders", ("seller.order.info",), query={"ids": True}),
    Route(
        "references.add",
        "POST",
        "/order/202406/orders/external_orders",
        ("seller.order.ext_ref.write", "seller.order.ext_ref.write.custom"),
        body=Members({"orders": Many(EXTERNAL)}, frozenset({"orders"})),
    ),
    Route(
        "references.get",
        "GET",
        "/order/202406/orders/{order_id}/external_orders",
        ("seller.order.ext_ref.read",),
        query={"platform": True},
    ),
)
