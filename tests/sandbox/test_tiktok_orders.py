"""The life of simulated orders, what is seen of them, and what a search makes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from shop_caller import HOUR_MS, T0_MS, Shop, open_shop

from daemon.sandbox.tiktok import Shipping, UnitSpec
from daemon.sandbox.tiktok.options import DAY_MS
from daemon.sandbox.tiktok.shapes import Refused

SEARCH = "/order/202309/orders/search"
OLDEST = {"page_size": "100", "sort_field": "update_time", "sort_order": "ASC"}


def test_an_order_goes_through_its_life() -> None:
    shop = open_shop()
    order_id = shop.sandbox.place_order(("A", "B"), paid=False)
    seen = [shop.detail(order_id)]
    shop.clock.forward(60_000)
    shop.sandbox.pay(order_id)
    seen.append(shop.detail(order_id))
    shop.clock.forward(HOUR_MS - 1)
    seen.append(shop.detail(order_id))
    shop.clock.forward(1)
    seen.append(shop.detail(order_id))
    shop.clock.forward(60_000)
    assert shop.mark(order_id) == 0
    seen.append(shop.detail(order_id))
    for step in (shop.sandbox.carrier_scan, shop.sandbox.deliver, shop.sandbox.complete):
        shop.clock.forward(DAY_MS)
        step(order_id)
        seen.append(shop.detail(order_id))
    assert [order["status"] for order in seen] == [
        "UNPAID",
        "ON_HOLD",
        "ON_HOLD",
        "AWAITING_SHIPMENT",
        "AWAITING_COLLECTION",
        "IN_TRANSIT",
        "DELIVERED",
        "COMPLETED",
    ]
    updates = [order["update_time"] for order in seen]
    assert updates[1] == updates[2]
    assert updates[3] == updates[1] + 3600
    assert sorted(updates) == updates
    assert seen[3]["paid_time"] == T0_MS // 1000 + 60
    assert seen[-1]["line_items"][0]["display_status"] == "COMPLETED"


def test_nothing_has_a_quantity_and_units_have_ids_of_their_own() -> None:
    shop = open_shop()
    lines = shop.detail(shop.sandbox.place_order(("A", "A", "B")))["line_items"]
    assert [line["seller_sku"] for line in lines] == ["A", "A", "B"]
    assert lines[0]["sku_id"] == lines[1]["sku_id"] != lines[2]["sku_id"]
    assert len({line["id"] for line in lines}) == 3
    assert not any("quantity" in line for line in lines)


def test_money_follows_the_vendors_formulas() -> None:
    shop = open_shop()
    unit = UnitSpec("A", "20.00", seller_discount="2.00", platform_discount="3.00", tax="1.35")
    order = shop.detail(shop.sandbox.place_order((unit,), shipping=Shipping("4.90", platform_discount="4.90")))
    payment = order["payment"]
    assert (payment["sub_total"], payment["shipping_fee"], payment["total_amount"]) == ("15", "0", "16.35")
    assert (payment["seller_discount"], payment["platform_discount"], payment["tax"]) == ("2", "3", "1.35")
    line = order["line_items"][0]
    assert (line["original_price"], line["sale_price"]) == ("20", "15")
    assert line["item_tax"] == [{"tax_type": "SALES_TAX", "tax_amount": "1.35", "tax_rate": "0.07"}]


@pytest.mark.parametrize(("region", "on_top"), [("US", True), ("GB", False)])
def test_tax_is_on_top_in_the_us_and_inside_elsewhere(region: str, on_top: bool) -> None:
    shop = open_shop(region=region, tax_rate="0.2")
    payment = shop.detail(shop.sandbox.place_order(("A", {"seller_sku": "B", "price": "10.10"})))["payment"]
    money = {name: Decimal(value) for name, value in payment.items() if name != "currency"}
    fees = money["sub_total"] + money["shipping_fee"] + money["retail_delivery_fee"]
    assert money["tax"] > 0
    assert money["total_amount"] == fees + (money["tax"] if on_top else 0)


def test_gifts_and_samples_may_cost_nothing() -> None:
    shop = open_shop()
    gift = UnitSpec("G", "0", is_gift=True, gift_retail_price="9.90")
    order = shop.detail(shop.sandbox.place_order((gift,), sample=True, shipping=Shipping("0")))
    assert order["payment"]["total_amount"] == "0"
    assert order["is_sample_order"]
    assert (order["line_items"][0]["is_gift"], order["line_items"][0]["gift_retail_price"]) == (True, "9.9")


def test_a_bundle_shows_its_parts_in_the_detail_and_only_sometimes_in_the_list() -> None:
    shop = open_shop(index_lag_ms=0)
    bundle = {"seller_sku": "SET", "price": "30", "parts": [["A", 2, "10"], ["B", 1, "10"]]}
    ids = [shop.sandbox.place_order((bundle,)) for _ in range(20)]
    lines = [shop.detail(order_id)["line_items"][0] for order_id in ids]
    assert all([part["seller_sku"] for part in line["sub_item_info"]] == ["A", "A", "B"] for line in lines)
    assert [(part["seller_sku"], part["sku_count"]) for part in lines[0]["combined_listing_skus"]] == [
        ("A", 2),
        ("B", 1),
    ]
    shown = ["sub_item_info" in order["line_items"][0] for order in shop.search(update_time_ge=0)]
    assert True in shown
    assert False in shown


def address_of(order: dict[str, Any]) -> str:
    address = dict(order.get("recipient_address", {}))
    address.pop("delivery_preferences", None)
    return str(address)


@pytest.mark.parametrize("paid", [True, False])
def test_the_address_is_hidden_until_the_hold_is_over(paid: bool) -> None:
    shop = open_shop()
    kinds = set()
    for _ in range(30):
        order = shop.detail(shop.sandbox.place_order(paid=paid))
        text = address_of(order)
        assert "Sim Street" not in text
        assert "Sam Sample" not in text
        kinds.add("masked" if "*" in text else "empty" if order["recipient_address"] else "missing")
    assert kinds == {"masked", "empty", "missing"}


def test_the_address_is_clear_while_it_is_needed_and_masked_later() -> None:
    shop = open_shop(access_token_ms=90 * DAY_MS)
    order_id, cancelled = shop.ready(), shop.sandbox.place_order()
    shop.clock.forward(HOUR_MS)
    assert "100 Sim Street" in address_of(shop.detail(order_id))
    assert shop.mark(order_id) == 0
    for step in (shop.sandbox.carrier_scan, shop.sandbox.deliver, shop.sandbox.complete):
        step(order_id)
    shop.clock.forward(30 * DAY_MS - 1)
    before = shop.detail(order_id)
    assert "100 Sim Street" in address_of(before)
    shop.clock.forward(1)
    after = shop.detail(order_id)
    assert "Sim Street" not in address_of(after)
    assert after["update_time"] == before["update_time"]
    shop.sandbox.cancel_order(cancelled)
    assert "S***" in address_of(shop.detail(cancelled))


@pytest.mark.parametrize("fulfillment", ["FULFILLMENT_BY_SELLER", "FULFILLMENT_BY_TIKTOK"])
def test_what_the_platform_ships_is_masked_all_the_time(fulfillment: str) -> None:
    shop = open_shop()
    order = shop.detail(shop.ready(fulfillment_type=fulfillment, shipping_type="TIKTOK"))
    address = order["recipient_address"]
    assert address["address_line1"] == "1***"
    assert "*" in address["phone_number"]
    assert (address["name"] == "Sam Sample") is (fulfillment == "FULFILLMENT_BY_SELLER")


def test_an_address_may_change_until_it_is_shipped() -> None:
    shop = open_shop()
    order_id = shop.sandbox.place_order()
    shop.clock.forward(59 * 60_000)
    shop.sandbox.change_address(order_id, {"line1": "2 New Road"})
    shop.clock.forward(60_000)
    order = shop.detail(order_id)
    assert "2 New Road" in address_of(order)
    assert order["has_updated_recipient_address"]
    assert shop.mark(order_id) == 0
    with pytest.raises(Refused):
        shop.sandbox.change_address(order_id, {"line1": "3 Late Road"})


def test_a_shop_without_the_hold_and_a_longer_one() -> None:
    shop = open_shop(on_hold=False)
    order = shop.detail(shop.sandbox.place_order())
    assert (order["status"], order["is_on_hold_order"]) == ("AWAITING_SHIPMENT", False)
    shop = open_shop(access_token_ms=90 * DAY_MS)
    released = T0_MS + 12 * DAY_MS
    order_id = shop.sandbox.place_order(order_type="PRE_ORDER", release_ms=released)
    shop.clock.forward(12 * DAY_MS - 1)
    order = shop.detail(order_id)
    assert (order["status"], order["order_type"], order["release_date"]) == ("ON_HOLD", "PRE_ORDER", released // 1000)
    shop.clock.forward(1)
    assert shop.detail(order_id)["status"] == "AWAITING_SHIPMENT"


def test_an_unpaid_order_is_given_up_after_a_day() -> None:
    shop = open_shop()
    order_id = shop.sandbox.place_order(paid=False)
    shop.clock.forward(DAY_MS)
    order = shop.detail(order_id)
    assert (order["status"], order["cancellation_initiator"]) == ("CANCELLED", "SYSTEM")
    with pytest.raises(Refused):
        shop.sandbox.pay(order_id)


def test_cancelling_in_the_hold_stops_the_release() -> None:
    shop = open_shop()
    order_id = shop.sandbox.place_order(("A", "B"))
    shop.clock.forward(30 * 60_000)
    shop.sandbox.request_cancel(order_id)
    shop.clock.forward(HOUR_MS)
    order = shop.detail(order_id)
    assert order["status"] == "CANCELLED"
    assert order["cancel_time"] == T0_MS // 1000 + 1800
    assert {line["cancel_user"] for line in order["line_items"]} == {"BUYER"}


@pytest.mark.parametrize(("region", "days"), [("US", 1), ("GB", 2)])
def test_a_cancel_request_without_an_answer_is_granted(region: str, days: int) -> None:
    shop = open_shop(region=region)
    order_id, refused = shop.ready(), shop.ready()
    shop.sandbox.request_cancel(order_id)
    shop.sandbox.request_cancel(refused)
    assert shop.detail(order_id)["is_buyer_request_cancel"]
    assert len(shop.sandbox.shown(order_id)["line_items"]) == 1
    shop.sandbox.refuse_cancel(refused)
    shop.clock.forward(days * DAY_MS - 1)
    assert shop.detail(order_id)["status"] == "AWAITING_SHIPMENT"
    shop.clock.forward(1)
    assert shop.detail(order_id)["status"] == "CANCELLED"
    assert shop.detail(refused)["status"] == "AWAITING_SHIPMENT"


def test_one_unit_can_go_and_the_last_one_takes_the_order_with_it() -> None:
    shop = open_shop()
    order_id = shop.ready(("A", "B"))
    first, second = (line["id"] for line in shop.detail(order_id)["line_items"])
    shop.sandbox.remove_unit(order_id, first, reason="Out of stock")
    order = shop.detail(order_id)
    assert order["status"] == "AWAITING_SHIPMENT"
    assert [line["display_status"] for line in order["line_items"]] == ["CANCELLED", "AWAITING_SHIPMENT"]
    assert order["line_items"][0]["cancel_reason"] == "Out of stock"
    shop.sandbox.remove_unit(order_id, second)
    assert shop.detail(order_id)["status"] == "CANCELLED"
    with pytest.raises(Refused):
        shop.sandbox.cancel_order(order_id)


def test_carriers_can_move_by_themselves() -> None:
    shop = open_shop(scan_after_ms=HOUR_MS, deliver_after_ms=DAY_MS, complete_after_ms=DAY_MS)
    order_id = shop.ready()
    assert shop.mark(order_id) == 0
    seen = []
    for pause_ms in (HOUR_MS, DAY_MS, DAY_MS, None):
        seen.append(shop.detail(order_id)["status"])
        if pause_ms is not None:
            assert shop.sandbox.next_due_ms() == shop.clock.at_ms + pause_ms
            shop.clock.forward(pause_ms)
    assert seen == ["AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"]
    assert shop.sandbox.next_due_ms() is None


def test_empty_is_written_in_every_permitted_way() -> None:
    shop = open_shop(index_lag_ms=0)
    ways: set[tuple[str, str]] = set()
    for _ in range(60):
        order = shop.detail(shop.ready())
        for name in ("tracking_number", "shipping_provider_id", "packages", "delivery_time"):
            ways.add((name, repr(order.get(name, "absent"))))
        data = shop.call("POST", SEARCH, OLDEST, {"update_time_ge": 4_000_000_000})
        ways.add(("orders", repr(data.get("orders", "absent"))))
        ways.add(("token", repr(data.get("next_page_token", "absent"))))
    absent = "'absent'"
    assert ways == {
        ("tracking_number", absent),
        ("tracking_number", "''"),
        ("shipping_provider_id", absent),
        ("shipping_provider_id", "''"),
        ("shipping_provider_id", "'0'"),
        ("packages", absent),
        ("packages", "[]"),
        ("delivery_time", absent),
        ("delivery_time", "0"),
        ("orders", absent),
        ("orders", "[]"),
        ("token", absent),
        ("token", "''"),
    }


def test_a_foreign_id_fails_the_whole_detail_call() -> None:
    shop = open_shop()
    order_id = shop.sandbox.place_order()
    assert shop.code("GET", "/order/202507/orders", {"ids": f"{order_id},999"}) == 21008111
    older = shop.call("GET", "/order/202309/orders", {"ids": f"{order_id},{order_id}"})
    assert [order["id"] for order in older["orders"]] == [order_id]


def day(seed: int) -> list[bytes]:
    shop = open_shop(seed, app_webhook_url="https://hooks.example.test/", webhook_duplicates=0.5, webhook_jitter_ms=900)
    answers = []
    for turn in range(12):
        order_id = shop.sandbox.place_order(("A", "B"))
        shop.clock.forward(HOUR_MS // 2)
        if turn % 3:
            answers.append(shop.raw("POST", SEARCH, OLDEST, {"update_time_ge": 0}).body)
        answers.append(shop.raw("POST", f"/fulfillment/202309/orders/{order_id}/packages", None, shop.shipment()).body)
    answers += [item.body for item in shop.sandbox.deliveries_due(shop.clock.at_ms + HOUR_MS)]
    return answers


def test_the_same_seed_gives_the_same_day() -> None:
    assert day(3) == day(3)
    assert day(3) != day(4)


def test_a_shop_with_many_orders_shows_its_state() -> None:
    shop: Shop = open_shop()
    order_id = shop.ready(("A",))
    assert shop.mark(order_id) == 0
    state = shop.sandbox.state()
    assert state["orders"][order_id]["status"] == "AWAITING_COLLECTION"
    assert [package[1:] for package in state["packages"].values()] == [["PROCESSING", "SIM0001", "USPS"]]
