"""S48 Discounts: Pipe17's total is what TikTok says the buyer paid, and who gave which discount stays visible."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest

from daemon.sandbox.tiktok.pricing import Shipping, UnitSpec
from tests.scenarios.stage import HOUR, MARKETS, MINUTE, differences, opened, play, shop, status
from tests.sim.world import World


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
        assert _adds_up(order)
        free_order = world.pipe17.order_of(sample) or {}
        assert Decimal(free_order["totalPrice"]) == 0
        assert "sample" in free_order["tags"]
        assert {status(world, one) for one in (with_gift, sample)} == {"readyForFulfillment"}
        assert opened(world) == {}
        assert differences(world) == []

    play(story)


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
