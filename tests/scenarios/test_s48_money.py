"""S48 Discounts: Pipe17's total is what TikTok says the buyer paid, and who gave which discount stays visible."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest

from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.tiktok.pricing import Shipping, UnitSpec
from tests.scenarios.stage import HOUR, MARKETS, MINUTE, differences, opened, play, shop, status
from tests.sim.world import World

CALM: dict[str, Any] = {"index_lag_ms": 0, "repeat_rows": 0.0, "restless_rows": 0.0}


def _named(order: Any, member: str) -> dict[str, Decimal]:
    return {item["name"]: Decimal(str(item["value"])) for item in order.get(member, ())}


def _adds_up(order: Any) -> bool:
    parts = Decimal(order["subTotalPrice"]) - Decimal(order.get("orderDiscount", 0)) + Decimal(order.get("orderTax", 0))
    parts += Decimal(order.get("shippingPrice", 0)) + sum(_named(order, "additionalCharges").values())
    lines = sum(
        Decimal(line["itemPrice"]) * line["quantity"] - Decimal(line.get("itemDiscount", 0))
        for line in order["lineItems"]
    )
    return parts == Decimal(order["totalPrice"]) and lines == Decimal(order["subTotalPrice"])


@pytest.mark.parametrize("market", list(MARKETS))
def test_the_parts_stay_apart_and_the_total_is_what_the_buyer_paid(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        unit = UnitSpec(price="20.00", seller_discount="2.00", platform_discount="3.00", tax="1.35")
        order_id = world.tiktok.place_order([unit], shipping=Shipping(fee="4.90", platform_discount="4.90"))
        await world.live(2 * MINUTE)
        order = world.pipe17.order_of(order_id) or {}
        paid = Decimal(world.tiktok.shown(order_id)["payment"]["total_amount"])
        assert paid == (Decimal("16.35") if market == "US" else Decimal("15.00"))
        assert Decimal(order["totalPrice"]) == paid
        discounts = _named(order, "discounts")
        assert discounts["seller_discount"] == Decimal("2.00")
        assert discounts["platform_discount"] == Decimal("3.00")
        assert discounts["shipping_fee_platform_discount"] == Decimal("4.90")
        (line,) = order["lineItems"]
        assert (Decimal(line["itemPrice"]), Decimal(line["itemDiscount"])) == (Decimal("20.00"), Decimal("2.00"))
        assert Decimal(order.get("orderTax", 0)) == (Decimal("1.35") if market == "US" else Decimal(0))
        assert _adds_up(order)
        assert opened(world) == {}

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("off", ["0.01", "-0.01", "5"])
def test_a_cent_too_much_is_an_exception_and_the_order_is_there(off: str) -> None:
    async def story(world: World) -> None:
        def wrong(read: Any) -> Any:
            def answer(ask: Any) -> str:
                found = json.loads(read(ask))
                for order in found.get("orders", []):
                    total = Decimal(order["payment"]["total_amount"]) + Decimal(off)
                    order["payment"]["total_amount"] = str(total)
                return json.dumps(found)

            return answer

        book = world.tiktok.book
        handlers = {"orders.search": wrong(book.search), "orders.detail": wrong(book.details)}
        with mock.patch.dict(world.tiktok._handlers, handlers):
            await world.start()
            order_id = world.tiktok.place_order([UnitSpec(price="20.00", platform_discount="3.00", tax="1.35")])
            await world.live(HOUR + 5 * MINUTE)
        assert status(world, order_id) == "readyForFulfillment"
        texts = opened(world, order_id)
        assert set(texts) == {"total_mismatch"}
        right = Decimal(world.tiktok.shown(order_id)["payment"]["total_amount"])
        assert str(right + Decimal(off)) in texts["total_mismatch"]
        assert Decimal((world.pipe17.order_of(order_id) or {})["totalPrice"]) == right + Decimal(off)

    play(story)


@pytest.mark.parametrize(("first", "second"), [("0.33", "0.34"), ("3.33", "3.34"), ("0", "0.01"), ("6.67", "6.66")])
@pytest.mark.parametrize("market", ["US", "DE"])
def test_two_identical_lines_with_a_cent_left_over(market: str, first: str, second: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        units = [UnitSpec(price="9.99", seller_discount=cut, platform_discount=cut) for cut in (first, second)]
        order_id = world.tiktok.place_order(units)
        await world.live(2 * MINUTE)
        order = world.pipe17.order_of(order_id) or {}
        (line,) = order["lineItems"]
        assert line["quantity"] == 2
        assert Decimal(line["itemDiscount"]) == Decimal(first) + Decimal(second)
        assert Decimal(order["totalPrice"]) == Decimal(world.tiktok.shown(order_id)["payment"]["total_amount"])
        assert _adds_up(order)
        assert opened(world) == {}

    play(story, tiktok=shop(market))


def test_a_gift_is_a_line_and_a_sample_costs_nothing() -> None:
    async def story(world: World) -> None:
        await world.start()
        gift = UnitSpec("SKU-G", price="0", is_gift=True, gift_retail_price="4.99", tax="0")
        with_gift = world.tiktok.place_order([UnitSpec(price="25"), gift])
        free = Shipping(fee="0")
        sample = world.tiktok.place_order([UnitSpec(price="0", tax="0")], sample=True, shipping=free)
        await world.live(HOUR + 5 * MINUTE)
        order = world.pipe17.order_of(with_gift) or {}
        lines = {line["sku"]: Decimal(line["itemPrice"]) for line in order["lineItems"]}
        assert lines == {"SKU-A": Decimal(25), "SKU-G": Decimal(0)}
        assert "gift" in order["tags"]
        (gift_line,) = [line["uniqueId"] for line in order["lineItems"] if line["sku"] == "SKU-G"]
        assert {"name": f"tiktok_gift_value:{gift_line}", "value": "4.99"} in order["customFields"]
        assert _adds_up(order)
        free_order = world.pipe17.order_of(sample) or {}
        assert Decimal(free_order["totalPrice"]) == 0
        assert "sample" in free_order["tags"]
        assert {status(world, one) for one in (with_gift, sample)} == {"readyForFulfillment"}
        assert opened(world) == {}
        assert differences(world) == []

    play(story)


@pytest.mark.parametrize("market", ["US", "GB"])
def test_a_gift_that_is_cancelled_goes_and_the_order_costs_the_same(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        gift = UnitSpec("SKU-G", price="0", is_gift=True, gift_retail_price="4.99", tax="0")
        order_id = world.tiktok.place_order([UnitSpec(price="25"), gift])
        await world.live(2 * MINUTE)
        before: Any = world.pipe17.order_of(order_id)
        assert [line["sku"] for line in before["lineItems"]] == ["SKU-A", "SKU-G"]
        world.tiktok.remove_unit(order_id, world.tiktok.order(order_id).units[1].id)
        await world.live(2 * MINUTE)
        after: Any = world.pipe17.order_of(order_id)
        assert [line["sku"] for line in after["lineItems"]] == ["SKU-A"]
        assert after["totalPrice"] == before["totalPrice"]
        assert _adds_up(after)

    play(story, tiktok=shop(market))


EVERY_FEE: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "US": ({"retail_delivery_fee": "0.28"}, {"item_insurance_fee": "1.99", "item_insurance_tax": "0.14"}),
    "GB": ({}, {"handling_fee": "0.75"}),
    "DE": ({"pfand_fee": "0.25"}, {"payment_discount_service_fee": "0.10"}),
    "TH": ({"small_order_fee": "15"}, {}),
    "ID": (
        {"buyer_service_fee": "1000", "distance_shipping_fee": "2000", "distance_fee": "500"},
        {"shipping_insurance_fee": "350", "item_insurance_fee": "1500", "handling_fee": "1250"},
    ),
    "JP": ({}, {"handling_fee": "330"}),
    "VN": ({}, {"handling_fee": "11000"}),
}
"""Market -> fees of the lines, fees of the order (contract 4.3)."""

SHOPS = MARKETS | {
    "TH": {"region": "TH", "currency": "THB", "tax_rate": "0.07"},
    "ID": {"region": "ID", "currency": "IDR", "tax_rate": "0.11"},
    "JP": {"region": "JP", "currency": "JPY", "tax_rate": "0.1"},
}


@pytest.mark.parametrize("market", list(EVERY_FEE))
def test_every_fee_of_a_market_is_a_charge_under_its_own_name(market: str) -> None:
    on_lines, on_order = EVERY_FEE[market]

    async def story(world: World) -> None:
        await world.start()
        units = [UnitSpec(price="1999", seller_discount="100", **on_lines), UnitSpec("SKU-B", price="500", **on_lines)]
        order_id = world.tiktok.place_order(units, shipping=Shipping(fee="250", seller_discount="50"), fees=on_order)
        await world.live(2 * MINUTE)
        order: Any = world.pipe17.order_of(order_id)
        expected = {name: 2 * Decimal(fee) for name, fee in on_lines.items()}
        expected |= {name: Decimal(fee) for name, fee in on_order.items()}
        assert _named(order, "additionalCharges") == expected
        assert Decimal(order["totalPrice"]) == Decimal(world.tiktok.shown(order_id)["payment"]["total_amount"])
        assert _adds_up(order)
        assert opened(world) == {}
        assert differences(world) == []

    play(story, tiktok=TikTokOptions(**(SHOPS[market] | CALM)))


@pytest.mark.parametrize(("market", "seller", "platform", "both"), [("US", "1", "2", "0"), ("GB", "0", "2", "1.90")])
def test_who_pays_for_which_discount_can_be_read(market: str, seller: str, platform: str, both: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        unit = UnitSpec(price="40", seller_discount="3", platform_discount="4")
        shipping = Shipping("6.90", seller_discount=seller, platform_discount=platform, cofunded_discount=both)
        fees = {"payment_platform_discount": "1.50"}
        order_id = world.tiktok.place_order([unit], shipping=shipping, fees=fees)
        await world.live(2 * MINUTE)
        order: Any = world.pipe17.order_of(order_id)
        names = ("seller", "platform", "cofunded")
        on_shipping = {
            f"shipping_fee_{name}_discount": Decimal(amount)
            for name, amount in zip(names, (seller, platform, both), strict=True)
        }
        assert _named(order, "discounts") == {
            "seller_discount": Decimal(3),
            "platform_discount": Decimal(4),
            "payment_platform_discount": Decimal("1.50"),
            **{name: amount for name, amount in on_shipping.items() if amount},
        }
        assert Decimal(order["orderDiscount"]) == Decimal("5.50")
        assert Decimal(order["shippingPrice"]) == Decimal("6.90") - sum(on_shipping.values())
        assert _adds_up(order)
        assert opened(world) == {}

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("switches", [{"pfand_in_price": True}, {"payment_discount_off": False}])
def test_what_no_page_says_is_read_from_the_total(switches: dict[str, bool]) -> None:
    async def story(world: World) -> None:
        await world.start()
        units = [UnitSpec(price="9.99", pfand_fee="0.25")]
        order_id = world.tiktok.place_order(units, fees={"payment_platform_discount": "2"})
        await world.live(2 * MINUTE)
        order: Any = world.pipe17.order_of(order_id)
        assert Decimal(order["totalPrice"]) == Decimal(world.tiktok.shown(order_id)["payment"]["total_amount"])
        fields = {item["name"]: item["value"] for item in order["customFields"]}
        contained = "pfand_in_price" in switches
        assert fields.get("tiktok_included:pfand_fee") == ("0.25" if contained else None)
        assert ("pfand_fee" in _named(order, "additionalCharges")) != contained
        assert _named(order, "discounts")["payment_platform_discount"] == 2
        assert _adds_up(order)
        assert opened(world) == {}

    play(story, tiktok=shop("DE", **switches))


@pytest.mark.parametrize("market", ["US", "DE"])
def test_tax_on_shipping_is_told_apart(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order([UnitSpec(price="20", tax="1.35")], shipping=Shipping("5", tax="0.40"))
        await world.live(2 * MINUTE)
        order: Any = world.pipe17.order_of(order_id)
        fields = {item["name"]: item["value"] for item in order["customFields"]}
        assert fields["tiktok_shipping_tax"] == "0.4"
        on_top = market == "US"
        assert Decimal(order.get("orderTax", 0)) == (Decimal("1.75") if on_top else 0)
        assert fields.get("tiktok_tax_included") == (None if on_top else "1.75")
        assert Decimal(order["lineItems"][0]["itemTax"]) == (Decimal("1.35") if on_top else 0)
        assert _adds_up(order)

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("market", ["US", "GB"])
def test_a_unit_that_is_cancelled_takes_its_money_with_it(market: str) -> None:
    """S51.1: before fulfilment a line is removed; lines and total follow, the other units keep their line."""

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A", "SKU-A", "SKU-B"])
        await world.live(HOUR + 5 * MINUTE)
        before = {line["sku"]: line["uniqueId"] for line in (world.pipe17.order_of(order_id) or {})["lineItems"]}
        world.tiktok.remove_unit(order_id, world.tiktok.order(order_id).units[0].id)
        await world.live(3 * MINUTE)
        order = world.pipe17.order_of(order_id) or {}
        assert {line["sku"]: (line["uniqueId"], line["quantity"]) for line in order["lineItems"]} == {
            "SKU-A": (before["SKU-A"], 1),
            "SKU-B": (before["SKU-B"], 1),
        }
        assert _adds_up(order)
        requests = [one for one in world.pipe17.shipments_of(order_id) if one["status"] != "canceled"]
        assert sum(line["quantity"] for request in requests for line in request["lineItems"]) == 2
        assert differences(world) == []

    play(story, tiktok=shop(market))


def test_a_cancelled_bottle_takes_its_deposit_and_its_discount_with_it() -> None:
    async def story(world: World) -> None:
        await world.start()
        bottle = UnitSpec("SKU-B", price="2", seller_discount="1", pfand_fee="0.25")
        order_id = world.tiktok.place_order(["SKU-A", bottle])
        await world.live(2 * MINUTE)
        before: Any = world.pipe17.order_of(order_id)
        assert _named(before, "additionalCharges") == {"pfand_fee": Decimal("0.25")}
        world.tiktok.remove_unit(order_id, world.tiktok.order(order_id).units[1].id)
        await world.live(2 * MINUTE)
        after: Any = world.pipe17.order_of(order_id)
        assert (_named(after, "additionalCharges"), _named(after, "discounts")) == ({}, {})
        assert Decimal(before["totalPrice"]) - Decimal(after["totalPrice"]) == Decimal("1.25")
        assert _adds_up(after)
        assert opened(world) == {}

    play(story, tiktok=shop("DE"))
