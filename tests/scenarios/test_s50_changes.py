"""S50 Cancellations, S51 Modifications and S23 Shipped by platform, as far as this version goes."""

from __future__ import annotations

import asyncio

import pytest

from daemon.sandbox.pipe17 import Pipe17Options
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    differences,
    fulfill,
    opened,
    play,
    released,
    row,
    shop,
    standing,
    status,
    street,
    units_shipped,
    ups,
    writes,
)
from tests.sim.world import World


@pytest.mark.parametrize("by", ["BUYER", "SELLER", "SYSTEM"])
@pytest.mark.parametrize("market", ["US", "VN"])
def test_s50_cancelled_after_the_release_and_before_a_warehouse_has_it(market: str, by: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.tiktok.cancel_order(order_id, by=by)
        await world.live(3 * MINUTE)
        assert status(world, order_id) == "canceled"
        assert {request["status"] for request in world.pipe17.shipments_of(order_id)} == {"canceled"}
        assert opened(world) == {}
        assert differences(world) == []

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("per_line", [True, False])
def test_s50_cancelled_when_the_warehouse_has_it_asks_for_a_recall(per_line: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.pipe17.send_shipments(order_id)
        world.tiktok.cancel_order(order_id)
        await world.live(3 * MINUTE)
        assert status(world, order_id) == "canceled"
        assert set(opened(world, order_id)) == {"recall"}
        await world.live(HOUR)
        assert set(opened(world, order_id)) == {"recall"}
        assert writes(world)["orders.update"] == 2

    play(story, pipe17=Pipe17Options(request_per_line=per_line))


@pytest.mark.parametrize("parts", [{"SKU-A": 1}, None])
def test_s50_cancelled_after_shipping_is_said_and_damages_nothing(parts: dict[str, int] | None) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        fulfill(world, order_id, parts)
        await world.live(3 * MINUTE)
        before = status(world, order_id)
        assert before in ("fulfilled", "partialFulfillment")
        world.tiktok.cancel_order(order_id, by="SELLER")
        await world.live(10 * MINUTE)
        assert status(world, order_id) == before
        assert set(opened(world, order_id)) == {"cancelled_after_ship"}

    play(story)


def test_s50_an_order_cancelled_before_it_was_ever_seen_is_not_created() -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(5)
        await world.stop()
        orders = [world.tiktok.place_order(["SKU-A"], paid=number > 0) for number in range(3)]
        for order_id in orders:
            world.tiktok.cancel_order(order_id)
        await asyncio.sleep(HOUR)
        await world.start()
        await world.live(5 * MINUTE)
        assert writes(world).total() == 0
        assert {standing(world, "orders", order_id) for order_id in orders} == {"dropped"}
        assert {row(world, "orders", one).reason for one in orders} == {"cancelled_unpaid", "cancelled_on_hold"}  # type: ignore[union-attr]

    play(story)


def test_s50_a_buyers_request_that_is_granted_cancels_and_ships_nothing() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.request_cancel(order_id)
        made = fulfill(world, order_id)
        await world.live(5 * MINUTE)
        assert "cancel_requested" in opened(world, made)
        world.tiktok.cancel_order(order_id)
        await world.live(10 * MINUTE)
        assert writes(world)["packages.mark_shipped"] == 0
        assert set(opened(world, made)) == {"order_cancelled"}

    play(story)


@pytest.mark.parametrize("market", ["US", "GB"])
def test_s51_a_line_removed_before_fulfilment_leaves_pipe17_once(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B", "SKU-B")
        order = world.tiktok.order(order_id)
        world.tiktok.remove_unit(order_id, order.units[0].id)
        await world.live(5 * MINUTE)
        lines = {line["sku"]: line["quantity"] for line in (world.pipe17.order_of(order_id) or {})["lineItems"]}
        assert lines == {"SKU-B": 2}
        updates = writes(world)["orders.update"]
        await world.live(HOUR)
        assert writes(world)["orders.update"] == updates == 2
        fulfill_open(world, order_id, "UPS" if market == "US" else "EVRi")
        await world.live(5 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-B", "SKU-B"]}
        assert differences(world) == []
        assert opened(world) == {}

    play(story, tiktok=shop(market))


def fulfill_open(world: World, order_id: str, carrier: str) -> None:
    """The warehouse ships the request that is open after the order was routed again."""
    fulfill(world, order_id, None, carrier)


@pytest.mark.parametrize("whole", [True, False])
def test_s51_an_address_changed_after_something_shipped_is_recorded_and_not_written(whole: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        await world.stop()
        request = world.pipe17.send_shipments(order_id)[0]
        world.pipe17.fulfill(request, None if whole else {"SKU-A": 1}, "UPS", ups(order_id))
        world.tiktok.change_address(order_id, {"line1": "3 Too Late Terrace"})
        await world.start()
        await world.live(10 * MINUTE)
        assert street(world, order_id) == "100 Sim Street"
        assert set(opened(world, order_id)) == {"edited_after_ship"}
        text = opened(world, order_id)["edited_after_ship"]
        assert "Terrace" not in text
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A", "SKU-B"] if whole else ["SKU-A"]}

    play(story)


def test_s51_an_address_that_a_person_corrected_in_pipe17_stays_corrected() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        address = dict((world.pipe17.order_of(order_id) or {})["shippingAddress"])
        world.pipe17.change_order(order_id, shippingAddress={**address, "address1": "5 Corrected Court"})
        world.tiktok.touch(order_id)
        await world.live(5 * MINUTE)
        world.tiktok.remove_unit(order_id, world.tiktok.order(order_id).units[0].id)
        await world.live(5 * MINUTE)
        assert street(world, order_id) == "5 Corrected Court"

    play(story)


@pytest.mark.parametrize("market", ["US", "VN"])
def test_s23_platform_orders_off_are_skipped_and_on_become_fulfilled_once(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        theirs = [world.tiktok.place_order(["SKU-A"], fulfillment_type="FULFILLMENT_BY_TIKTOK") for _ in range(3)]
        ours = world.tiktok.place_order(["SKU-B"])
        await world.live(HOUR + 10 * MINUTE)
        assert [status(world, one) for one in theirs] == [""] * 3
        assert status(world, ours) == "readyForFulfillment"
        assert {row(world, "orders", one).reason for one in theirs} == {"shipped_by_platform"}  # type: ignore[union-attr]
        await world.stop()
        world.settings = world.settings.model_copy(update={"orders_pull_shipped_by_platform": True})
        await world.start()
        fresh = world.tiktok.place_order(["SKU-C"], fulfillment_type="FULFILLMENT_BY_TIKTOK")
        await world.live(HOUR + 10 * MINUTE)
        assert status(world, fresh) == "fulfilled"
        assert world.pipe17.shipments_of(fresh) == []
        assert world.pipe17.audit.first_routable_ms(fresh) is None
        assert world.tiktok.called("packages.mark_shipped") == []
        assert opened(world) == {}

    play(story, tiktok=shop(market))
