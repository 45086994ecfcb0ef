"""Shipping calls, packages, corrections and carriers of the simulated TikTok Shop."""

from __future__ import annotations

import json
from typing import Any

import pytest
from shop_caller import HOUR_MS, Shop, open_shop

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok import UnitSpec

USPS, UPS, ROYAL_MAIL, JT = "7117858858072016686", "7117859084333745966", "6671794738251726849", "6841743441349706241"
OPTION = "7091146663229654785"


def units_of(shop: Shop, order_id: str) -> list[str]:
    return [unit.id for unit in shop.sandbox.order(order_id).units]


def test_three_packages_of_one_order() -> None:
    shop = open_shop()
    order_id = shop.ready(("A", "A", "A", "B", "B"))
    a1, a2, a3, b1, b2 = units_of(shop, order_id)
    statuses = []
    for units, number in (([a2, a3], "TRACK-2"), ([a1], "TRACK-1"), ([b1, b2], "TRACK-3")):
        assert shop.mark(order_id, units, number) == 0
        statuses.append(shop.detail(order_id)["status"])
    assert statuses == ["PARTIALLY_SHIPPING", "PARTIALLY_SHIPPING", "AWAITING_COLLECTION"]
    order = shop.detail(order_id)
    assert len(order["packages"]) == 3
    assert [line["tracking_number"] for line in order["line_items"]] == [
        "TRACK-1",
        "TRACK-2",
        "TRACK-2",
        "TRACK-3",
        "TRACK-3",
    ]
    assert order["split_or_combine_tag"] == "SPLIT"


def test_the_answer_names_the_package_and_the_lines() -> None:
    shop = open_shop()
    order_id = shop.ready(("A", "B"))
    path = f"/fulfillment/202309/orders/{order_id}/packages"
    data = shop.call("POST", path, None, shop.shipment())
    assert (data["order_id"], data["order_line_item_ids"]) == (order_id, units_of(shop, order_id))
    package = shop.call("GET", f"/fulfillment/202309/packages/{data['package_id']}")
    assert (package["package_status"], package["tracking_number"]) == ("PROCESSING", "SIM0001")
    assert package["shipping_provider_id"] == USPS
    assert package["has_multi_skus"]


def test_refusals_of_mark_as_shipped() -> None:
    shop = open_shop()
    order_id = shop.sandbox.place_order(("A", "B"))
    unpaid, cancelled = shop.sandbox.place_order(paid=False), shop.sandbox.place_order()
    shop.sandbox.cancel_order(cancelled)
    assert [shop.mark(item) for item in (order_id, unpaid, cancelled, "404")] == [
        21011044,
        21042057,
        21011041,
        21011029,
    ]
    shop.clock.forward(HOUR_MS)
    first, second = units_of(shop, order_id)
    assert shop.mark(order_id, ["999"]) == 21011029
    assert shop.mark(order_id, number="AB C1") == 21004012
    assert shop.mark(order_id, number="ABC") == 21011022
    assert shop.mark(order_id, number="A" * 51) == 21011022
    assert shop.mark(order_id, provider=ROYAL_MAIL) == 21011022
    assert shop.mark(order_id, [first]) == 0
    assert shop.mark(order_id, [first]) == 21011020
    assert shop.mark(order_id, [first, second], "OTHER1") == 21011020
    assert shop.mark(order_id, [second]) == 21011025
    shop.sandbox.remove_unit(order_id, second)
    assert shop.mark(order_id, [second], "OTHER1") == 21011020
    platform = shop.ready(fulfillment_type="FULFILLMENT_BY_TIKTOK")
    assert shop.mark(platform) == 21008025


def test_a_cancelled_unit_can_not_be_shipped() -> None:
    shop = open_shop()
    order_id = shop.ready(("A", "B", "C"))
    first, second, _ = units_of(shop, order_id)
    shop.sandbox.remove_unit(order_id, first)
    assert shop.mark(order_id, [first, second]) == 21011041
    assert shop.mark(order_id) == 0
    assert shop.detail(order_id)["status"] == "AWAITING_COLLECTION"


def test_one_tracking_number_serves_twenty_orders() -> None:
    shop = open_shop()
    orders = [shop.sandbox.place_order() for _ in range(21)]
    shop.clock.forward(HOUR_MS)
    assert [shop.mark(order_id) for order_id in orders] == [0] * 20 + [21011026]


def test_the_second_answer_may_have_many_codes() -> None:
    codes = (21011020, 21008099, 21042056)
    shop = open_shop(already_shipped_codes=codes)
    order_id = shop.ready()
    shop.mark(order_id)
    assert {shop.mark(order_id) for _ in range(40)} == set(codes)


def test_a_lost_answer_leaves_the_package_to_be_found() -> None:
    shop = open_shop()
    order_id = shop.ready()
    shop.sandbox.faults.add(Fault(FaultKind.LOST_ANSWER, "packages.mark_shipped"))
    shop.raw("POST", f"/fulfillment/202309/orders/{order_id}/packages", None, shop.shipment())
    assert shop.mark(order_id) == 21011020
    assert shop.detail(order_id)["line_items"][0]["tracking_number"] == "SIM0001"
    assert len(shop.sandbox.called("packages.mark_shipped", effective=True)) == 1


def test_a_number_that_looks_like_another_carriers_is_warned_about() -> None:
    shop = open_shop()
    order_id = shop.ready(("A", "B", "C"))
    units = units_of(shop, order_id)
    path = f"/fulfillment/202309/orders/{order_id}/packages"
    number = "1Z" + "9" * 16
    warned = shop.call("POST", path, None, shop.shipment(units[:1], number))
    assert warned["warning"] == {"message": "the tracking number looks like UPS"}
    assert "warning" not in shop.call("POST", path, None, shop.shipment(units[1:2], "1Z" + "8" * 16, UPS))
    shop.sandbox.options.strict_tracking = True
    assert shop.mark(order_id, units[2:], "1Z" + "7" * 16) == 21004015


@pytest.mark.parametrize(("region", "provider", "code"), [("US", USPS, 0), ("GB", ROYAL_MAIL, 21011007)])
def test_a_pending_cancel_is_turned_down_in_the_us_and_blocks_elsewhere(region: str, provider: str, code: int) -> None:
    shop = open_shop(region=region)
    order_id = shop.ready()
    shop.sandbox.request_cancel(order_id)
    assert shop.mark(order_id, provider=provider) == code
    order = shop.detail(order_id)
    assert bool(order.get("is_buyer_request_cancel")) is (code != 0)


def test_where_units_of_one_sku_stay_together() -> None:
    shop = open_shop(split_units=False)
    order_id = shop.ready(("A", "A", "B"))
    first, second, third = units_of(shop, order_id)
    assert shop.mark(order_id, [first]) == 21011036
    assert shop.mark(order_id, [third]) == 0
    assert shop.mark(order_id, [first, second], "OTHER1") == 0


def test_the_markets_of_ship_package() -> None:
    shop = open_shop(region="VN")
    order_id = shop.ready(("A", "A"))
    assert shop.mark(order_id, provider=JT) == 21008106
    (package_id,) = (package["id"] for package in shop.detail(order_id)["packages"])
    ship = f"/fulfillment/202309/packages/{package_id}/ship"
    body = {"self_shipment": shop.shipment(number="JX1234567890", provider=JT)}
    assert shop.code("POST", ship, None, {}) == 21011022
    assert shop.code("POST", "/fulfillment/202309/packages/1/ship", None, body) == 21011028
    assert shop.code("POST", ship, None, body) == 0
    assert shop.code("POST", ship, None, body) == 21011020
    assert shop.detail(order_id)["status"] == "AWAITING_COLLECTION"
    shop.sandbox.carrier_scan(order_id)
    shop.sandbox.deliver(order_id)
    assert shop.code("POST", ship, None, body) == 21011020
    held = shop.sandbox.place_order()
    package_id = shop.detail(held)["packages"][0]["id"]
    assert shop.code("POST", f"/fulfillment/202309/packages/{package_id}/ship", None, body) == 21011044
    shop.sandbox.cancel_order(held)
    assert shop.call("GET", f"/fulfillment/202309/packages/{package_id}")["package_status"] == "CANCELLED"
    assert shop.code("POST", f"/fulfillment/202309/packages/{package_id}/ship", None, body) == 21011041


def test_the_platforms_own_label() -> None:
    shop = open_shop(region="VN")
    order_id = shop.ready(shipping_type="TIKTOK")
    package_id = shop.detail(order_id)["packages"][0]["id"]
    assert (
        shop.code("POST", f"/fulfillment/202309/packages/{package_id}/ship", None, {"handover_method": "PICKUP"}) == 0
    )
    shown = shop.call("GET", f"/fulfillment/202309/packages/{package_id}")
    assert (shown["handover_method"], shown["shipping_provider_name"]) == ("PICKUP", "TT Virtual express")
    correction = f"/fulfillment/202309/packages/{package_id}/shipping_info/update"
    assert shop.code("POST", correction, None, shop.shipment(provider=JT)) == 21011004


def test_a_bundle_may_be_shipped_part_by_part() -> None:
    shop = open_shop()
    order_id = shop.ready((UnitSpec("SET", "30", parts=(("A", 1, "20"), ("B", 1, "10"))),))
    (line,) = shop.detail(order_id)["line_items"]
    path = f"/fulfillment/202610/orders/{order_id}/packages"

    def body(part: str, number: str) -> dict[str, Any]:
        lines = [{"order_line_id": line["id"], "sub_item_id": part}]
        return {"order_line_list": lines, "shipping_info_list": [shop.shipment(number=number)]}

    first, second = (part["id"] for part in line["sub_item_info"])
    assert shop.code("POST", path, None, body("1", "PART1")) == 21001001
    assert shop.code("POST", path, None, body(first, "PART1")) == 0
    assert shop.detail(order_id)["status"] == "AWAITING_SHIPMENT"
    assert shop.code("POST", path, None, body(first, "PART1")) == 21011020
    assert shop.code("POST", path, None, body(second, "PART2")) == 0
    order = shop.detail(order_id)
    assert order["status"] == "AWAITING_COLLECTION"
    assert [part["tracking_number"] for part in order["line_items"][0]["sub_item_info"]] == ["PART1", "PART2"]
    two = {"shipping_info_list": [shop.shipment(number="TWO1"), shop.shipment(number="TWO2")]}
    assert shop.code("POST", f"/fulfillment/202610/orders/{shop.ready()}/packages", None, two) == 21001001


def test_split_first_then_name_the_lines() -> None:
    shop = open_shop()
    order_id = shop.sandbox.place_order(("A", "B", "C"))
    units = units_of(shop, order_id)
    path = f"/fulfillment/202309/orders/{order_id}/split"
    groups = {"splittable_groups": [{"id": "g", "order_line_item_ids": units[:1]}]}
    assert shop.code("POST", path, None, groups) == 21011044
    shop.clock.forward(HOUR_MS)
    twice = {"splittable_groups": [{"id": "g", "order_line_item_ids": units[:1] * 2}]}
    assert shop.code("POST", path, None, twice) == 21011005
    (package,) = shop.call("POST", path, None, groups)["packages"]
    assert package["splittable_group_id"] == "g"
    assert len(shop.detail(order_id)["packages"]) == 2
    assert shop.mark(order_id) == 21011048
    assert shop.mark(order_id, units[:1]) == 0
    assert shop.detail(order_id)["line_items"][0]["package_id"] == package["id"]
    assert shop.code("POST", path, None, groups) == 21011035


def test_tracking_is_corrected_once_and_in_time() -> None:
    shop = open_shop()
    first, second, waiting = (shop.ready() for _ in range(3))

    def correct(order_id: str, number: str) -> int:
        path = f"/fulfillment/202309/orders/{order_id}/shipping_info/update"
        return shop.code("POST", path, None, shop.shipment(number=number))

    for order_id in (first, second):
        assert shop.mark(order_id, number=f"N{order_id}") == 0
    assert correct(waiting, "NEW01") == 21011043
    shop.clock.forward(72 * HOUR_MS)
    assert correct(first, "NEW01") == 0
    assert correct(first, "NEW02") == 21011051
    assert shop.detail(first)["line_items"][0]["tracking_number"] == "NEW01"
    shop.clock.forward(1)
    assert correct(second, "NEW03") == 21011050
    shop.sandbox.carrier_scan(second)
    shop.sandbox.deliver(second)
    assert correct(second, "NEW03") == 21011030
    shop.sandbox.cancel_order(waiting)
    assert correct(waiting, "NEW04") == 21011041


def test_corrections_of_an_order_in_parts_name_the_package() -> None:
    shop = open_shop()
    order_id = shop.ready(("A", "B"))
    first, second = units_of(shop, order_id)
    assert shop.mark(order_id, [first], "NUM01") == 0
    assert shop.mark(order_id, [second], "NUM02") == 0
    path = f"/fulfillment/202309/orders/{order_id}/shipping_info/update"
    assert shop.code("POST", path, None, shop.shipment(number="NUM03")) == 21011049
    package = shop.detail(order_id)["packages"][1]["id"]
    path = f"/fulfillment/202309/packages/{package}/shipping_info/update"
    assert shop.code("POST", path, None, shop.shipment(number="NUM03")) == 0
    lines = shop.detail(order_id)["line_items"]
    assert [line["tracking_number"] for line in lines] == ["NUM01", "NUM03"]


def test_packages_are_searched_by_status_and_time() -> None:
    shop = open_shop(region="GB")
    orders = [shop.ready() for _ in range(3)]
    for position, order_id in enumerate(orders):
        assert shop.mark(order_id, number=f"NUM0{position}", provider=ROYAL_MAIL) == 0
        shop.clock.forward(1000)
    shop.sandbox.carrier_scan(orders[0])
    path = "/fulfillment/202309/packages/search"
    query = {"page_size": "2", "sort_field": "update_time", "sort_order": "ASC"}
    data = shop.call("POST", path, query, {})
    assert data["total_count"] == 3
    assert [row["tracking_number"] for row in data["packages"]] == ["NUM01", "NUM02"]
    moving = shop.call("POST", path, query, {"package_status": "FULFILLING"}, cipher=False)["packages"]
    assert [row["orders"] for row in moving] == [[{"id": orders[0]}]]
    assert shop.code("POST", path, {**query, "page_size": "51"}, {}) == 36009004
    assert shop.code("POST", path, query, {"package_status": "SHIPPED"}) == 36009004


def test_one_package_of_two_moves_alone() -> None:
    shop = open_shop()
    order_id = shop.ready(("A", "B"))
    first, second = units_of(shop, order_id)
    shop.mark(order_id, [first], "NUM01")
    shop.mark(order_id, [second], "NUM02")
    package = shop.detail(order_id)["line_items"][0]["package_id"]
    shop.sandbox.carrier_scan(order_id, package)
    order = shop.detail(order_id)
    assert order["status"] == "AWAITING_COLLECTION"
    assert [line["display_status"] for line in order["line_items"]] == ["IN_TRANSIT", "AWAITING_COLLECTION"]


def test_carriers_belong_to_a_delivery_option() -> None:
    shop = open_shop()

    def providers(option: str, **query: str) -> Any:
        path = f"/logistics/202309/delivery_options/{option}/shipping_providers"
        return json.loads(shop.raw("GET", path, query).body)

    names = {row["id"]: row["name"] for row in providers(OPTION)["data"]["shipping_providers"]}
    assert names[USPS] == "USPS"
    assert providers("7091146663229654999")["code"] == 21008117
    assert providers("1")["code"] == 21008116
    shop.sandbox.logistics.providers["1"] = {"5": "Own fleet"}
    assert providers("1")["data"]["shipping_providers"] == [{"id": "5", "name": "Own fleet"}]
    shop.sandbox.options.region = "DE"
    assert providers(OPTION)["code"] == 36009004
    assert providers(OPTION, warehouse_region="DE", buyer_region="DE")["code"] == 0


def test_the_list_of_warehouses_may_be_missing() -> None:
    shop = open_shop()
    shop.sandbox.logistics.warehouses.clear()
    assert shop.call("GET", "/logistics/202309/warehouses") == {}


def test_the_check_list_shows_what_fails() -> None:
    shop = open_shop()
    path = "/product/202312/prerequisites"
    assert not any(row["is_failed"] for row in shop.call("GET", path)["check_results"])
    shop.sandbox.logistics.failed = {"BANk_ACCOUNT": ["none"], "EXTENDED_PRODUCER_RESPONSIBILITY": ["no number"]}
    failed = {
        row["check_item"]: row["fail_reasons"] for row in shop.call("GET", path)["check_results"] if row["is_failed"]
    }
    assert failed == shop.sandbox.logistics.failed
