"""The simulated customer service and the external references: the rules of contract 9 and 4.7."""

from __future__ import annotations

import json
from typing import Any

import pytest
from shop_caller import HOUR_MS, Shop, open_shop

OPEN = "/customer_service/202309/conversations"
DAY_MS = 24 * HOUR_MS
BUYER = "7021436810468230477"
REFERENCES = "/order/202406/orders/external_orders"


def send_path(conversation: str, version: str = "202606") -> str:
    return f"/customer_service/{version}/conversations/{conversation}/messages"


def text(said: str) -> dict[str, str]:
    return {"type": "TEXT", "content": json.dumps({"content": said}), "sender_role": "CUSTOMER_SERVICE"}


def opened(shop: Shop) -> str:
    return str(shop.call("POST", OPEN, None, {"buyer_user_id": BUYER})["conversation_id"])


def test_a_conversation_is_one_per_buyer_and_opened_again_with_its_id() -> None:
    shop = open_shop()
    shop.sandbox.place_order(("A",))
    first = opened(shop)
    shop.clock.forward(7 * HOUR_MS)
    assert shop.code("POST", send_path(first), None, text("too late")) == 45109001, "it has closed by itself"
    assert opened(shop) == first
    assert shop.code("POST", send_path(first), None, text("now")) == 0


def test_nobody_writes_to_a_buyer_without_a_reason() -> None:
    shop = open_shop()
    assert shop.code("POST", OPEN, None, {"buyer_user_id": BUYER}) == 45109003
    shop.sandbox.place_order(("A",))
    opened(shop)
    shop.clock.forward(60 * DAY_MS + 1)
    shop.token = shop.sandbox.tokens()["access_token"]
    assert shop.code("POST", OPEN, None, {"buyer_user_id": BUYER}) == 45109003
    shop.sandbox.write_as_buyer("Hello?")
    assert shop.code("POST", OPEN, None, {"buyer_user_id": BUYER}) == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (text("x" * 2_000), 0),
        (text("x" * 2_001), 45101001),
        (text(""), 45101001),
        (text("Call me on WhatsApp"), 45101006),
        ({"type": "TEXT", "content": "not json"}, 36009004),
        ({"type": "TEXT", "content": {"content": "an object"}}, 36009004),
        ({"type": "VIDEO", "content": "{}"}, 45111001),
        ({"type": "ORDER_CARD", "content": '{"order_id":"1"}'}, 45101003),
    ],
)
def test_what_may_be_written(body: dict[str, Any], code: int) -> None:
    shop = open_shop()
    shop.sandbox.place_order(("A",))
    assert shop.code("POST", send_path(opened(shop)), None, body) == code


def test_a_card_is_about_the_buyers_own_order() -> None:
    shop = open_shop()
    mine, other = shop.sandbox.place_order(("A",)), shop.sandbox.place_order(("A",), buyer_id="7000000000000000001")
    conversation = opened(shop)
    for order_id, code in ((mine, 0), (other, 45101002)):
        card = {"type": "ORDER_CARD", "content": json.dumps({"order_id": order_id})}
        assert shop.code("POST", send_path(conversation), None, card) == code


def test_the_older_version_knows_no_role_of_the_sender() -> None:
    shop = open_shop()
    shop.sandbox.place_order(("A",))
    conversation = opened(shop)
    assert shop.code("POST", send_path(conversation, "202309"), None, text("x")) == 36009004
    plain = {name: value for name, value in text("x").items() if name != "sender_role"}
    assert shop.code("POST", send_path(conversation, "202309"), None, plain) == 0


def test_messages_come_newest_first_in_pages_of_ten_at_most() -> None:
    shop = open_shop()
    shop.sandbox.place_order(("A",))
    conversation = opened(shop)
    for number in range(23):
        shop.call("POST", send_path(conversation), None, text(f"m{number}"))
    path, found, token = send_path(conversation, "202309"), [], ""
    assert shop.code("GET", path, {"page_size": "11"}) == 36009004
    while True:
        data = shop.call("GET", path, {"page_size": "10", **({"page_token": token} if token else {})})
        found += [json.loads(row["content"])["content"] for row in data.get("messages", [])]
        token = data.get("next_page_token", "")
        if not token:
            break
    assert found == [f"m{number}" for number in reversed(range(23))]


def test_the_calls_of_a_day_are_counted_together() -> None:
    shop = open_shop(service_calls_per_day=2)
    shop.sandbox.place_order(("A",))
    conversation = opened(shop)
    assert shop.code("POST", send_path(conversation), None, text("one")) == 0
    assert shop.code("GET", send_path(conversation, "202309"), {"page_size": "10"}) == 45101004
    shop.clock.forward(8 * HOUR_MS)
    assert shop.code("POST", OPEN, None, {"buyer_user_id": BUYER}) == 0, "the day of the shop begins at 8 UTC"


def test_a_reference_replaces_that_of_its_platform_and_bad_ones_are_named_alone() -> None:
    shop = open_shop()
    order_id = shop.sandbox.place_order(("A",))
    unit = shop.sandbox.order(order_id).units[0].id

    def reference(name: str, line: str = unit, order: str = order_id, platform: str = "ERP_SYSTEM") -> dict[str, Any]:
        lines = [{"id": "l1", "origin_id": line}]
        return {"id": order, "external_order": {"id": name, "platform": platform, "line_items": lines}}

    batch = [reference("first"), reference("shop", platform="SHOPIFY"), reference("x", order="1"), reference("x", "1")]
    errors = shop.call("POST", REFERENCES, None, {"orders": batch})["errors"]
    assert [error["detail"]["order_id"] for error in errors] == ["1", order_id]
    shop.call("POST", REFERENCES, None, {"orders": [reference("second")]})
    path = f"/order/202406/orders/{order_id}/external_orders"
    for platform, name in (("ERP_SYSTEM", "second"), ("SHOPIFY", "shop")):
        (found,) = shop.call("GET", path, {"platform": platform})["external_orders"]
        assert found["id"] == name
    assert shop.call("GET", path, {"platform": "AMAZON"})["external_orders"] == []
    assert shop.code("POST", REFERENCES, None, {"orders": [reference(str(n)) for n in range(101)]}) == 36009004
