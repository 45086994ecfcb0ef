"""Registration and delivery of the simulated shop's events."""

from __future__ import annotations

import hashlib
import hmac
import json
from itertools import pairwise
from typing import Any

import pytest
from shop_caller import HOUR_MS, T0_MS, Shop, open_shop

from daemon.sandbox.tiktok.options import MINUTE_MS, TikTokOptions
from daemon.sandbox.tiktok.webhooks import webhook_sign

EVENTS = "/event/202309/webhooks"
HOOK = "https://hooks.example.test/tiktok?shop=1"


def events(shop: Shop) -> list[dict[str, Any]]:
    return [json.loads(item.body) for item in shop.sandbox.deliveries_due(shop.clock.at_ms)]


def test_events_are_registered_replaced_and_forgotten() -> None:
    shop = open_shop()
    body = {"event_type": "ORDER_STATUS_CHANGE", "address": HOOK}
    assert shop.call("PUT", EVENTS, None, body) == {}
    shop.clock.forward(5000)
    shop.call("PUT", EVENTS, None, {**body, "address": "https://other.example.test"})
    (row,) = shop.call("GET", EVENTS)["webhooks"]
    assert row["address"] == "https://other.example.test"
    assert row["update_time"] - row["create_time"] == 5
    for _ in range(2):
        assert shop.call("DELETE", EVENTS, None, {"event_type": "ORDER_STATUS_CHANGE"}) == {}
    assert shop.call("GET", EVENTS)["total_count"] == 0
    assert shop.code("POST", EVENTS, None, body) == 36009010


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.test/",
        "https://hooks.example.test:8443/",
        "https://192.0.2.7/hook",
        "https://localhost/hook",
        "https://user@hooks.example.test/",
        "hooks.example.test",
        "https://" + "a" * 250 + ".test",
    ],
)
def test_only_https_a_domain_name_and_no_port(address: str) -> None:
    body = {"event_type": "ORDER_STATUS_CHANGE", "address": address}
    assert open_shop().code("PUT", EVENTS, None, body) == 36009004


def test_a_demo_may_listen_on_loopback() -> None:
    shop = open_shop(strict_webhook_address=False)
    body = {"event_type": "ORDER_STATUS_CHANGE", "address": "http://127.0.0.1:9817/webhooks/tiktok"}
    assert shop.code("PUT", EVENTS, None, body) == 0
    assert shop.code("PUT", EVENTS, None, {**body, "address": "ftp://127.0.0.1"}) == 36009004


def test_a_body_is_what_the_contract_prints_and_so_is_its_signature() -> None:
    options = TikTokOptions(app_key="abcdef", app_secret="123")
    body = (
        b'{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507","timestamp":1718305585,'
        b'"data":{"is_on_hold_order":true,"order_id":"576653688135258178","order_status":"UNPAID",'
        b'"update_time":1718305585}}'
    )
    assert webhook_sign(options, body) == "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05"


def test_an_order_tells_its_life() -> None:
    shop = open_shop(app_webhook_url=HOOK)
    order_id = shop.sandbox.place_order(("A", "B"), paid=False)
    shop.sandbox.pay(order_id)
    shop.clock.forward(HOUR_MS)
    first, _ = (unit.id for unit in shop.sandbox.order(order_id).units)
    shop.mark(order_id, [first])
    shop.mark(order_id, None, "OTHER1")
    shop.sandbox.carrier_scan(order_id)
    other = shop.sandbox.place_order()
    shop.sandbox.cancel_order(other)
    said = events(shop)
    assert [
        (body["type"], body["data"].get("order_status")) for body in said if body["data"]["order_id"] == order_id
    ] == [
        (1, "UNPAID"),
        (1, "ON_HOLD"),
        (1, "AWAITING_SHIPMENT"),
        (1, "AWAITING_COLLECTION"),
        (1, "IN_TRANSIT"),
    ]
    assert [body["data"].get("order_status", body["type"]) for body in said if body["data"]["order_id"] == other] == [
        "ON_HOLD",
        "CANCEL",
        11,
    ]
    assert said[2]["timestamp"] == (T0_MS + HOUR_MS) // 1000
    assert len({body["tts_notification_id"] for body in said}) == len(said)


def test_an_address_change_has_no_notification_id() -> None:
    shop = open_shop(app_webhook_url=HOOK)
    shop.sandbox.change_address(shop.sandbox.place_order(), {"city": "Reno"})
    last = events(shop)[-1]
    assert last["type"] == 3
    assert "tts_notification_id" not in last


def test_a_cancel_request_is_announced_and_withdrawn() -> None:
    shop = open_shop(app_webhook_url=HOOK)
    order_id = shop.ready()
    shop.sandbox.request_cancel(order_id)
    shop.sandbox.refuse_cancel(order_id)
    said = [body["data"]["cancel_status"] for body in events(shop) if body["type"] == 11]
    assert said == ["CANCELLATION_REQUEST_PENDING", "CANCELLATION_REQUEST_CANCELLED"]


def test_the_shops_own_address_wins_and_without_one_nothing_leaves() -> None:
    shop = open_shop()
    shop.sandbox.place_order()
    assert shop.sandbox.deliveries_due(shop.clock.at_ms) == []
    shop.sandbox.options.app_webhook_url = "https://app.example.test/"
    shop.call("PUT", EVENTS, None, {"event_type": "ORDER_STATUS_CHANGE", "address": HOOK})
    shop.sandbox.change_address(shop.sandbox.place_order(), {"city": "Reno"})
    urls = {item.event: item.url for item in shop.sandbox.deliveries_due(shop.clock.at_ms)}
    assert urls == {"ORDER_STATUS_CHANGE": HOOK, "RECIPIENT_ADDRESS_UPDATE": "https://app.example.test/"}


def test_the_ladder_has_four_steps_and_then_gives_up() -> None:
    shop = open_shop(app_webhook_url=HOOK)
    shop.sandbox.place_order()
    shop.clock.forward(1)
    due_ms = []
    bodies = set()
    while (next_ms := shop.sandbox.webhooks.out.next_due_ms()) is not None:
        shop.clock.at_ms = max(shop.clock.at_ms, next_ms)
        if shop.clock.at_ms >= T0_MS + HOUR_MS:
            shop.sandbox.webhooks.registered.clear()
            shop.sandbox.options.app_webhook_url = ""
        for item in shop.sandbox.deliveries_due(shop.clock.at_ms):
            due_ms.append(shop.clock.at_ms)
            bodies.add(item.body)
            shop.sandbox.delivery_result(item.id, False)
            shop.sandbox.delivery_result(item.id, False)
    steps = [later - before for before, later in pairwise(due_ms)]
    assert steps == [2 * MINUTE_MS, 30 * MINUTE_MS, 3 * HOUR_MS, 12 * HOUR_MS]
    assert len(bodies) == 1
    assert len(shop.sandbox.webhooks.out.dropped) == 1


def test_a_received_delivery_does_not_come_back() -> None:
    shop = open_shop(app_webhook_url=HOOK)
    shop.sandbox.place_order()
    (item,) = shop.sandbox.deliveries_due(shop.clock.at_ms)
    assert shop.sandbox.deliveries_due(shop.clock.at_ms) == []
    expected = hmac.new(b"simsecret0123456789abcdef", b"simappkey01" + item.body, hashlib.sha256).hexdigest()
    assert item.headers["authorization"] == expected
    shop.sandbox.delivery_result(item.id, True)
    assert shop.sandbox.webhooks.out.next_due_ms() is None


def test_events_are_doubled_lost_and_overtake_each_other() -> None:
    shop = open_shop(app_webhook_url=HOOK, webhook_duplicates=1.0)
    shop.sandbox.place_order()
    first, second = shop.sandbox.deliveries_due(shop.clock.at_ms)
    assert first.body == second.body
    shop = open_shop(app_webhook_url=HOOK, webhook_loss=1.0)
    shop.sandbox.place_order()
    assert shop.sandbox.deliveries_due(shop.clock.at_ms) == []
    shop = open_shop(app_webhook_url=HOOK, webhook_jitter_ms=60_000)
    placed = [shop.sandbox.place_order() for _ in range(20)]
    arrived = [
        json.loads(item.body)["data"]["order_id"] for item in shop.sandbox.deliveries_due(shop.clock.at_ms + 60_000)
    ]
    assert sorted(arrived) == sorted(placed)
    assert arrived != placed


def test_the_shell_knows_when_to_look_again() -> None:
    shop = open_shop(app_webhook_url=HOOK)
    assert shop.sandbox.next_due_ms() is None
    shop.sandbox.place_order()
    assert shop.sandbox.next_due_ms() == T0_MS
    for item in shop.sandbox.deliveries_due(T0_MS):
        shop.sandbox.delivery_result(item.id, True)
    assert shop.sandbox.next_due_ms() == T0_MS + HOUR_MS
