"""The simulated shop's cancellations: what is allowed when, by market, and what happens by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from shop_caller import HOUR_MS, Shop, open_shop

OUT = "seller_cancel_reason_out_of_stock"
PATH = "/return_refund/202602/cancellations"


def cancel(shop: Shop, order_id: str, reason: str = OUT, **more: Any) -> int:
    return shop.code("POST", PATH, None, {"order_id": order_id, "cancel_reason": reason, **more})


def search(shop: Shop, **body: Any) -> list[dict[str, Any]]:
    return list(shop.call("POST", f"{PATH}/search", {"page_size": "50"}, body).get("cancellations", []))


def eligible(shop: Shop, order_id: str) -> list[dict[str, Any]]:
    query = {"initiate_aftersale_user": "SELLER", "request_types": "CANCEL"}
    path = f"/return_refund/202602/orders/{order_id}/aftersale_eligibility"
    skus = shop.call("GET", path, query)["sku_eligibility"]
    return [row for sku in skus for row in sku["line_item_eligibility"]]


def answer(shop: Shop, cancel_id: str, verb: str, body: Any, **query: str) -> int:
    return shop.code("POST", f"/return_refund/202309/cancellations/{cancel_id}/{verb}", query, body)


@pytest.mark.parametrize(("region", "suffix"), [("US", ""), ("GB", "_uk"), ("VN", "")])
def test_a_whole_order_is_cancelled_until_it_is_shipped(region: str, suffix: str) -> None:
    shop = open_shop(region=region)
    for order_id in (shop.sandbox.place_order(("A", "B")), shop.ready(("A", "B"))):
        assert all(row["eligible"] for row in eligible(shop, order_id))
        assert cancel(shop, order_id, f"{OUT}{suffix}") == 0
        assert shop.detail(order_id)["status"] == "CANCELLED"
        (row,) = search(shop, order_ids=[order_id])
        assert (row["cancel_status"], row["role"]) == ("CANCELLATION_REQUEST_COMPLETE", "SELLER")
        assert cancel(shop, order_id, f"{OUT}{suffix}") == 25001051
        assert not any(row["eligible"] for row in eligible(shop, order_id))


@pytest.mark.parametrize(("region", "code"), [("US", 0), ("GB", 0), ("DE", 25005010), ("VN", 25005010)])
def test_single_lines_go_in_the_us_and_the_uk(region: str, code: int) -> None:
    shop = open_shop(region=region)
    order_id = shop.ready(("A", "B"))
    unit = shop.sandbox.order(order_id).units[0].id
    reason = OUT + ("_uk" if region == "GB" else "")
    assert cancel(shop, order_id, reason, order_line_item_ids=[unit]) == code
    assert sum(1 for _ in shop.sandbox.order(order_id).live()) == (1 if code == 0 else 2)


def test_lines_may_be_named_in_three_ways_but_only_one_at_a_time() -> None:
    shop = open_shop()
    order_id = shop.ready(("A", "A", "A", "B"))
    first, second, *_ = (unit.id for unit in shop.sandbox.order(order_id).units)
    sku = shop.sandbox.order(order_id).units[0].sku_id
    lines = [{"order_line_item_id": first}]
    assert cancel(shop, order_id, order_line_item_ids=[second], order_line_list=lines) == 25001001
    assert cancel(shop, order_id, order_line_item_ids=["404"]) == 25001001
    assert cancel(shop, order_id, skus=[{"sku_id": sku, "quantity": 4}]) == 25005011
    assert cancel(shop, order_id, order_line_list=lines) == 0
    assert cancel(shop, order_id, order_line_item_ids=[first]) == 25001011
    assert cancel(shop, order_id, skus=[{"sku_id": sku, "quantity": 2}]) == 0
    assert [unit.seller_sku for unit in shop.sandbox.order(order_id).live()] == ["B"]


@pytest.mark.parametrize(("region", "code"), [("US", 0), ("GB", 25001045)])
def test_what_is_shipped_can_be_cancelled_in_the_us_until_the_carrier_has_it(region: str, code: int) -> None:
    shop = open_shop(region=region)
    order_id = shop.ready()
    option = shop.sandbox.order(order_id).delivery_option_id
    path = f"/logistics/202309/delivery_options/{option}/shipping_providers"
    provider = shop.call("GET", path)["shipping_providers"][0]["id"]
    assert shop.mark(order_id, provider=provider) == 0
    assert cancel(shop, order_id, OUT + ("_uk" if region == "GB" else "")) == code
    other = shop.ready()
    shop.mark(other, number="SIM0002", provider=provider)
    shop.sandbox.carrier_scan(other)
    assert cancel(shop, other, OUT + ("_uk" if region == "GB" else "")) == 25001045


@pytest.mark.parametrize("reason", ["seller_cancel_unpaid_reason_out_of_stock", "no_such_reason", ""])
def test_a_reason_must_fit_the_status(reason: str) -> None:
    shop = open_shop()
    assert cancel(shop, shop.ready(), reason) == 25001014
    unpaid = shop.sandbox.place_order(("A",), paid=False)
    assert cancel(shop, unpaid) == 25001014
    assert cancel(shop, unpaid, "seller_cancel_unpaid_reason_out_of_stock") == 0
    assert cancel(shop, "404") == 25001001


def test_while_one_runs_there_is_no_second_and_no_shipping() -> None:
    shop = open_shop(cancel_takes_ms=60_000)
    order_id = shop.ready(("A", "B"))
    assert cancel(shop, order_id) == 0
    assert shop.detail(order_id)["status"] == "AWAITING_SHIPMENT"
    assert search(shop, order_ids=[order_id])[0]["cancel_status"] == "CANCELLATION_REQUEST_SUCCESS"
    assert {row["ineligible_code"] for row in eligible(shop, order_id)} == {25001011}
    assert (cancel(shop, order_id), shop.mark(order_id)) == (25001011, 21011007)
    shop.clock.forward(60_000)
    assert shop.detail(order_id)["status"] == "CANCELLED"
    assert search(shop, order_ids=[order_id])[0]["cancel_status"] == "CANCELLATION_REQUEST_COMPLETE"


@pytest.mark.parametrize(("region", "hours"), [("US", 24), ("GB", 48)])
def test_a_request_that_nobody_answers_is_granted_at_its_deadline(region: str, hours: int) -> None:
    shop = open_shop(region=region)
    order_id = shop.ready(("A", "B"))
    shop.sandbox.request_cancel(order_id)
    (row,) = search(shop, order_ids=[order_id], cancel_status=["CANCELLATION_REQUEST_PENDING"])
    (told,) = row["seller_next_action_response"]
    assert told["deadline"] * 1000 == shop.clock.at_ms + hours * HOUR_MS
    assert shop.detail(order_id)["is_buyer_request_cancel"] is True
    assert cancel(shop, order_id, OUT + ("_uk" if region == "GB" else "")) == 25001011
    shop.clock.forward(hours * HOUR_MS - 1_000)
    assert shop.detail(order_id)["status"] == "AWAITING_SHIPMENT"
    shop.clock.forward(1_000)
    assert shop.detail(order_id)["status"] == "CANCELLED"


def test_a_request_is_granted_once_whatever_is_sent() -> None:
    shop = open_shop()
    order_id = shop.ready(("A", "B"))
    unit = shop.sandbox.order(order_id).units[0].id
    shop.sandbox.request_cancel(order_id, [unit])
    (row,) = search(shop, order_ids=[order_id])
    assert [line["order_line_item_id"] for line in row["cancel_line_items"]] == [unit]
    name = row["cancel_id"]
    assert answer(shop, name, "approve", {}, idempotency_key="k") == 0
    assert answer(shop, name, "approve", {}, idempotency_key="k") == 0
    assert answer(shop, name, "approve", {}) == 25011012
    assert answer(shop, name, "reject", {"reject_reason": "seller_reject_apply_product_has_been_packed"}) == 25020010
    assert [one.id for one in shop.sandbox.order(order_id).live()] != [unit]
    assert not shop.detail(order_id).get("is_buyer_request_cancel")


def test_a_request_that_is_turned_down_is_over() -> None:
    shop = open_shop()
    order_id = shop.ready()
    shop.sandbox.request_cancel(order_id)
    name = search(shop, order_ids=[order_id])[0]["cancel_id"]
    assert answer(shop, name, "reject", {"reject_reason": "no"}) == 25001014
    reasons = shop.call("GET", "/return_refund/202309/reject_reasons", {"return_or_cancel_id": name})["reasons"]
    assert answer(shop, name, "reject", {"reject_reason": reasons[0]["name"]}) == 0
    assert answer(shop, name, "approve", {}) == 25020009
    assert answer(shop, name, "reject", {"reject_reason": reasons[0]["name"]}) == 25011011
    assert answer(shop, "404", "approve", {}) == 25007006
    shop.clock.forward(48 * HOUR_MS)
    assert shop.detail(order_id)["status"] == "AWAITING_SHIPMENT"
    assert [row["cancel_status"] for row in search(shop)] == ["CANCELLATION_REQUEST_CANCEL"]


def test_shipping_turns_the_request_down_in_the_us_and_is_refused_elsewhere() -> None:
    for region, code, status in (("US", 0, "CANCEL"), ("GB", 21011007, "PENDING")):
        shop = open_shop(region=region)
        order_id = shop.ready()
        shop.sandbox.request_cancel(order_id)
        assert shop.mark(order_id) == code
        assert search(shop)[0]["cancel_status"] == f"CANCELLATION_REQUEST_{status}"


def test_a_search_narrows_and_pages() -> None:
    shop = open_shop()
    orders = [shop.ready() for _ in range(5)]
    for order_id in orders:
        shop.sandbox.request_cancel(order_id)
        shop.clock.forward(1_000)
    shop.sandbox.cancel_order(orders[0])
    assert len(search(shop, cancel_types=["BUYER_CANCEL"])) == 5
    assert search(shop, cancel_types=["CANCEL"]) == search(shop, buyer_user_ids=["1"]) == []
    since = shop.clock.at_ms // 1000 - 2
    assert len(search(shop, create_time_ge=since)) == 2
    rows: list[str] = []
    token = ""
    while True:
        query = {"page_size": "2", **({"page_token": token} if token else {})}
        data = shop.call("POST", f"{PATH}/search", query, {})
        rows += [row["order_id"] for row in data.get("cancellations", [])]
        token = data.get("next_page_token", "")
        if not token:
            break
    assert list(dict.fromkeys(rows)) == list(reversed(orders))


def test_webhook_11_tells_every_step() -> None:
    shop = open_shop(app_webhook_url="https://hooks.example.test/all")
    order_id = shop.ready()
    shop.sandbox.request_cancel(order_id)
    shop.sandbox.refuse_cancel(order_id)
    cancel(shop, order_id)
    told = [json.loads(one.body) for one in shop.sandbox.deliveries_due(shop.clock.at_ms)]
    steps = [one["data"]["cancel_status"] for one in told if one["type"] == 11]
    assert [step.removeprefix("CANCELLATION_REQUEST_") for step in steps] == ["PENDING", "CANCELLED", "COMPLETE"]
    assert {one["data"]["order_id"] for one in told if one["type"] == 11} == {order_id}
