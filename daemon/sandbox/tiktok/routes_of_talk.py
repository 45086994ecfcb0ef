"""Calls of the customer service: opening a conversation with a buyer, writing, reading."""

from __future__ import annotations

from daemon.sandbox.tiktok.route import PAGING, Route
from daemon.sandbox.tiktok.shapes import Members, Shape, Text

SERVICE = ("seller.customer_service",)
MESSAGE_TYPES = frozenset(
    {
        "COUPON_CARD",
        "IMAGE",
        "LOGISTICS_CARD",
        "ORDER_CARD",
        "PRODUCT_CARD",
        "RETURN_REFUND_CARD",
        "TEXT",
        "VIDEO",
    }
)
SAID: dict[str, Shape] = {"type": Text(MESSAGE_TYPES), "content": Text(limit=20_000)}

TALK_ROUTES = (
    Route(
        "conversations.open",
        "POST",
        "/customer_service/202309/conversations",
        SERVICE,
        body=Members({"buyer_user_id": Text()}, frozenset({"buyer_user_id"})),
    ),
    Route(
        "messages.send",
        "POST",
        "/customer_service/202606/conversations/{conversation_id}/messages",
        SERVICE,
        body=Members(
            {**SAID, "sender_role": Text(frozenset({"CUSTOMER_SERVICE", "SYSTEM", "ROBOT"}))}, frozenset(SAID)
        ),
    ),
    Route(
        "messages.send",
        "POST",
        "/customer_service/202309/conversations/{conversation_id}/messages",
        SERVICE,
        body=Members(SAID, frozenset(SAID)),
    ),
    Route(
        "messages.list",
        "GET",
        "/customer_service/202309/conversations/{conversation_id}/messages",
        SERVICE,
        query={**PAGING, "locale": False, "need_data": False, "need_plaintext": False, "time_zone": False},
    ),
)
