"""Calls about the shop itself: what it is, its carriers and warehouses, and where its events are sent."""

from __future__ import annotations

from daemon.sandbox.tiktok.event_types import EVENT_TYPES
from daemon.sandbox.tiktok.route import Cipher, Route
from daemon.sandbox.tiktok.shapes import Members, Text

EVENT = Text(frozenset(EVENT_TYPES))
GRANT = ("seller.authorization.info",)

SHOP_ROUTES = (
    Route("shops.list", "GET", "/authorization/202309/shops", GRANT, Cipher.NO),
    Route(
        "providers.list",
        "GET",
        "/logistics/202309/delivery_options/{delivery_option_id}/shipping_providers",
        ("seller.fulfillment.basic", "seller.logistics"),
        query={"warehouse_region": False, "buyer_region": False},
    ),
    Route("warehouses.list", "GET", "/logistics/202309/warehouses", ("seller.logistics",)),
    Route("webhooks.list", "GET", "/event/202309/webhooks", GRANT),
    Route(
        "webhooks.set",
        "PUT",
        "/event/202309/webhooks",
        GRANT,
        body=Members({"event_type": EVENT, "address": Text(limit=255)}, frozenset({"event_type", "address"})),
    ),
    Route(
        "webhooks.delete",
        "DELETE",
        "/event/202309/webhooks",
        GRANT,
        body=Members({"event_type": EVENT}, frozenset({"event_type"})),
    ),
    Route("fbt.warehouses", "GET", "/fbt/202408/warehouses", ("seller.fbt.info",)),
)
