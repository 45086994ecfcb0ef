"""Splitting, combining and undoing it, labels of TikTok's own, and who else ships in the simulated TikTok Shop."""

from __future__ import annotations

import json
from typing import Any

import pytest
from shop_caller import HOUR_MS, Shop, open_shop

from daemon.sandbox.tiktok.shapes import Refused

JT = "6841743441349706241"
HOOK = "https://hooks.example.test/all"


def split(shop: Shop, order_id: str, *groups: list[str]) -> int:
    body = {"splittable_groups": [{"id": str(key), "order_line_item_ids": ids} for key, ids in enumerate(groups)]}
    return shop.code("POST", f"/fulfillment/202309/orders/{order_id}/split", None, body)


def may_split(shop: Shop, order_id: str) -> dict[str, Any]:
    data = shop.call("GET", "/fulfillment/202309/orders/split_attributes", {"order_ids": order_id})
    return dict(data["split_attributes"][0])


def units_of(shop: Shop, order_id: str) -> list[str]:
    return [unit.id for unit in shop.sandbox.order(order_id).units]


def packages_of(shop: Shop, order_id: str) -> list[list[str]]:
    order = shop.sandbox.order(order_id)
    return [shop.sandbox.book.packages[one].unit_ids for one in order.package_ids]


def ship(shop: Shop, package_id: str, number: str = "SIM0001") -> int:
    body = {"self_shipment": shop.shipment(number=number, provider=JT)}
    return shop.code("POST", f"/fulfillment/202309/packages/{package_id}/ship", None, body)


def told(shop: Shop) -> list[dict[str, Any]]:
    """The data of every webhook 4."""
    bodies = [json.loads(one.body) for one in shop.sandbox.deliveries_due(shop.clock.at_ms)]
    return [body["data"] for body in bodies if body["type"] == 4]


def test_a_split_leaves_what_is_not_named_where_it_is() -> None:
    shop = open_shop(region="VN", split_units=True)
    order_id = shop.ready(("A", "A", "B"))
    a1, a2, b1 = units_of(shop, order_id)
    assert may_split(shop, order_id) == {"order_id": order_id, "can_split": True, "must_split": False}
    assert split(shop, order_id, [a1]) == 0
    assert packages_of(shop, order_id) == [[a1], [a2, b1]]
    assert split(shop, order_id, [b1]) == 0
    assert packages_of(shop, order_id) == [[a1], [b1], [a2]]
    assert shop.detail(order_id)["split_or_combine_tag"] == "SPLIT"
    assert split(shop, order_id, [a1], [a1]) == split(shop, order_id, []) == split(shop, order_id, ["9"]) == 21011005


@pytest.mark.parametrize(("after", "code"), [(False, 21011035), (True, 0)])
def test_a_split_after_something_left(after: bool, code: int) -> None:
    shop = open_shop(region="VN", split_after_ship=after)
    order_id = shop.ready(("A", "B", "C"))
    a, b, _ = units_of(shop, order_id)
    assert split(shop, order_id, [a]) == 0
    assert ship(shop, shop.sandbox.order(order_id).package_ids[0]) == 0
    assert may_split(shop, order_id)["can_split"] is after
    assert split(shop, order_id, [b]) == code


def test_whole_skus_only() -> None:
    shop = open_shop(region="VN")
    order_id, single = shop.ready(("A", "A", "B")), shop.ready(("A", "A"))
    a1, a2, b1 = units_of(shop, order_id)
    assert split(shop, order_id, [a1]) == split(shop, order_id, [a1, b1]) == 21011036
    assert split(shop, order_id, [a1, a2]) == 0
    assert "nothing to split" in may_split(shop, single)["reason"]


def test_combined_orders_share_a_package_that_leaves_whole() -> None:
    shop = open_shop(region="VN", app_webhook_url=HOOK)
    orders = [shop.ready(("A",)), shop.ready(("B", "C"))]
    package_id = shop.sandbox.combine_orders(orders)
    assert {tuple(one["package_id"] for one in shop.detail(item)["line_items"]) for item in orders} == {
        (package_id,),
        (package_id, package_id),
    }
    assert {shop.detail(item)["split_or_combine_tag"] for item in orders} == {"COMBINED"}
    data = told(shop)[-1]
    assert (data["sc_type"], data["package_list"]) == (
        "COMBINE",
        [{"package_id": package_id, "order_id_list": orders}],
    )
    assert split(shop, orders[1], units_of(shop, orders[1])[:1]) == 21011046
    assert may_split(shop, orders[1])["can_split"] is False
    assert ship(shop, package_id) == 0
    assert {shop.detail(item)["status"] for item in orders} == {"AWAITING_COLLECTION"}
    assert ship(shop, package_id) == 21011020


def test_mark_as_shipped_of_one_order_ships_the_shared_package() -> None:
    shop = open_shop()
    orders = [shop.ready(("A",)), shop.ready(("B", "C"))]
    shop.sandbox.combine_orders(orders, by_platform=True)
    assert len({shop.detail(item)["auto_combine_group_id"] for item in orders}) == 1
    assert shop.mark(orders[1], units_of(shop, orders[1])[:1]) == 21011046
    assert shop.mark(orders[1], units_of(shop, orders[1])) == 0
    assert {line["tracking_number"] for item in orders for line in shop.detail(item)["line_items"]} == {"SIM0001"}
    assert shop.mark(orders[0]) == 21011020
    path = f"/fulfillment/202309/packages/{shop.sandbox.order(orders[0]).package_ids[0]}/shipping_info/update"
    assert shop.code("POST", path, None, shop.shipment(number="SIM0002")) == 0
    assert {line["tracking_number"] for item in orders for line in shop.detail(item)["line_items"]} == {"SIM0002"}


def test_what_can_not_be_combined() -> None:
    shop = open_shop()
    one, other = shop.ready(("A",)), shop.ready(("B",))
    shop.sandbox.combine_orders([one, other])
    third, held = shop.ready(("C",)), shop.sandbox.place_order(("D",))
    for orders, code in (([one, third], 21011033), ([third, held], 21011044)):
        with pytest.raises(Refused) as refused:
            shop.sandbox.combine_orders(orders)
        assert refused.value.code == code


@pytest.mark.parametrize("region", ["US", "VN"])
def test_a_combination_can_be_undone_and_a_new_address_undoes_it(region: str) -> None:
    shop = open_shop(region=region, app_webhook_url=HOOK)
    orders = [shop.ready((sku,)) for sku in "ABC"]
    package_id = shop.sandbox.combine_orders(orders)
    shop.sandbox.uncombine_orders(package_id, orders[:1])
    assert shop.sandbox.book.packages[package_id].order_ids == orders[1:]
    shop.sandbox.change_address(orders[1], {"line1": "7 Other Street"})
    assert [data["sc_type"] for data in told(shop)][-2:] == ["CANCEL_COMBINE", "ADDRESS_UPDATE_SPLIT"]
    assert not any(shop.sandbox.order(item).combined for item in orders)
    assert [len(packages_of(shop, item)) for item in orders] == [0 if region == "US" else 1] * 3
    assert [shop.sandbox.ship_by_hand(item, f"HAND{item[-4:]}") != "" for item in orders] == [True] * 3


def test_a_cancelled_order_leaves_the_others_their_package() -> None:
    shop = open_shop(region="VN")
    orders = [shop.ready((sku,)) for sku in "AB"]
    package_id = shop.sandbox.combine_orders(orders)
    shop.sandbox.cancel_order(orders[0])
    assert shop.sandbox.book.packages[package_id].status == "TO_FULFILL"
    assert ship(shop, package_id) == 0
    assert [shop.detail(item)["status"] for item in orders] == ["CANCELLED", "AWAITING_COLLECTION"]


def test_a_label_of_tiktoks_takes_no_number_of_the_sellers() -> None:
    shop = open_shop()
    order_id = shop.ready(("A",), shipping_type="TIKTOK")
    assert shop.mark(order_id) == 21011004
    package_id = shop.sandbox.ship_by_hand(order_id)
    assert shop.detail(order_id)["line_items"][0]["tracking_number"].startswith("TT")
    path = f"/fulfillment/202309/packages/{package_id}/shipping_info/update"
    assert shop.code("POST", path, None, shop.shipment(number="NEW01")) == 21011004


@pytest.mark.parametrize("drop_off", [True, False])
def test_a_labelled_package_is_handed_over(drop_off: bool) -> None:
    shop = open_shop(region="VN", drop_off=drop_off)
    order_id, other = shop.ready(("A",), shipping_type="TIKTOK"), shop.ready(("B",))
    (package_id,) = shop.sandbox.order(order_id).package_ids
    path = "/fulfillment/202309/packages/{}/handover_time_slots"
    offered = shop.call("GET", path.format(package_id))
    assert offered["can_drop_off"] is drop_off
    assert [slot["avaliable"] for slot in offered["pickup_slots"]] == [False, True]
    assert shop.code("GET", path.format(shop.sandbox.order(other).package_ids[0])) == 11034002
    ship_path = f"/fulfillment/202309/packages/{package_id}/ship"
    assert shop.code("POST", ship_path, None, {"handover_method": "DROP_OFF"}) == 0
    assert shop.detail(order_id)["status"] == "AWAITING_COLLECTION"


def test_a_correction_is_counted_and_its_number_checked() -> None:
    shop = open_shop(corrections_allowed=2)
    order_id = shop.ready(("A", "B"))
    first, second = units_of(shop, order_id)
    assert shop.mark(order_id, [first], "TRACK1") == shop.mark(order_id, [second], "TRACK2") == 0
    package_id = shop.sandbox.order(order_id).package_ids[0]
    path = f"/fulfillment/202610/packages/{package_id}/shipping_info/update"

    def correct(number: str) -> int:
        return shop.code("POST", path, None, {"shipping_info_list": [shop.shipment(number=number)]})

    assert [correct(number) for number in ("TRACK2", "TRACK3", "TRACK4", "TRACK5")] == [21011025, 0, 0, 21011051]
    shop.clock.forward(HOUR_MS)
    order_path = f"/fulfillment/202309/orders/{order_id}/shipping_info/update"
    assert shop.code("POST", order_path, None, shop.shipment(number="TRACK6")) == 21011049
