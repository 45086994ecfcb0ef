"""S50 Cancellations: what is cancelled at TikTok, at every moment of an order's life, whole and by the line."""

from __future__ import annotations

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    differences,
    fulfill,
    opened,
    play,
    released,
    shop,
    status,
    writes,
)
from tests.sim.world import World


def lines(world: World, order_id: str) -> dict[str, int]:
    """SKU to quantity in Pipe17."""
    return {line["sku"]: line["quantity"] for line in (world.pipe17.order_of(order_id) or {})["lineItems"]}


def test_s50_recall_names_the_requests_that_a_warehouse_has_and_not_the_others() -> None:
    """The order itself is not `sentToFulfillment` while one of its requests still is here."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        sent, waiting = world.pipe17.shipments_of(order_id)
        world.pipe17.books.change_shipment(
            world.pipe17.books.shipments.get(str(sent["shipmentId"])),  # type: ignore[arg-type]
            {"status": "sentToFulfillment", "sentToFulfillmentAt": "2026-01-01T02:00:00.000Z"},
            world.truth.now_ms(),
        )
        assert status(world, order_id) == "readyForFulfillment"
        world.tiktok.cancel_order(order_id)
        await world.live(5 * MINUTE)
        assert status(world, order_id) == "canceled"
        text = opened(world, order_id)["recall"]
        assert f"({sent['extShipmentId']})" in text
        assert str(waiting["extShipmentId"]) != str(sent["extShipmentId"])
        await world.live(2 * HOUR)
        assert set(opened(world)) == {"recall"}
        assert writes(world)["orders.update"] == 2

    play(story, pipe17=Pipe17Options(request_per_line=True))


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER])
@pytest.mark.parametrize("crash", [False, True])
def test_s50_a_recall_is_not_lost_with_the_answer_to_the_cancel(kind: FaultKind, crash: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.pipe17.send_shipments(order_id)
        if not crash:
            world.faults["pipe17"].add(Fault(kind, "orders.update", times=1))
        world.tiktok.cancel_order(order_id)
        while crash and status(world, order_id) != "canceled":
            await world.live(0.02)
        if crash:
            await world.kill()
            await world.start()
        await world.live(20 * MINUTE)
        assert (status(world, order_id), set(opened(world, order_id))) == ("canceled", {"recall"})
        assert writes(world)["orders.update"] == 2

    play(story)


def test_s50_a_recall_is_not_lost_when_the_requests_cannot_be_read() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.pipe17.send_shipments(order_id)
        world.faults["pipe17"].add(Fault(FaultKind.UNAVAILABLE, "shipments.list", times=3))
        world.tiktok.cancel_order(order_id)
        await world.live(HOUR)
        assert set(opened(world, order_id)) == {"recall"}
        assert opened(world, order_id)["recall"].startswith("cancelled at TikTok after shipping requests had been sent")

    play(story)


@pytest.mark.parametrize("market", ["US", "VN"])
def test_s24_a_cancel_while_the_release_is_on_its_way_ends_canceled(market: str) -> None:
    """And what is shipped all the same is an exception, not a shipment."""

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(HOUR - 20)
        world.faults["pipe17"].add(Fault(FaultKind.DELAY, "orders.update", times=1, delay_ms=20_000))
        while status(world, order_id) != "readyForFulfillment":
            await world.live(0.5)
        world.tiktok.cancel_order(order_id)
        request = world.pipe17.shipments_of(order_id)
        await world.live(10 * MINUTE)
        assert status(world, order_id) == "canceled"
        assert world.pipe17.audit.statuses(order_id)[-1] == "canceled"
        if request:
            made = world.pipe17.fulfill(str(request[0]["shipmentId"]), None, "UPS", "1Z999AA10123456784")
            await world.live(5 * MINUTE)
            assert set(opened(world, str(made["fulfillmentId"]))) == {"order_cancelled"}
        assert writes(world)["packages.mark_shipped"] + writes(world)["packages.ship"] == 0

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("by", ["BUYER", "SELLER", "SYSTEM"])
def test_s50_units_cancelled_before_a_warehouse_has_them_make_the_line_smaller_once(by: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-A", "SKU-B")
        for unit in world.tiktok.order(order_id).units[:2]:
            world.tiktok.remove_unit(order_id, unit.id, by=by)
        await world.live(HOUR)
        assert lines(world, order_id) == {"SKU-A": 1, "SKU-B": 1}
        assert writes(world)["orders.update"] == 2
        assert (opened(world), differences(world)) == ({}, [])

    play(story)


def test_s50_units_cancelled_when_a_warehouse_has_them_are_named() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B")
        world.pipe17.send_shipments(order_id)
        for unit in world.tiktok.order(order_id).units[:2]:
            world.tiktok.remove_unit(order_id, unit.id, by="BUYER")
        await world.live(HOUR)
        text = opened(world, order_id)["edited_after_release"]
        assert "2 of SKU-A cancelled" in text
        assert "SKU-B" not in text
        assert lines(world, order_id) == {"SKU-A": 2, "SKU-B": 1}
        assert writes(world)["orders.update"] == 1

    play(story)


def test_s50_units_cancelled_after_a_part_has_left_are_named() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B", "SKU-B")
        fulfill(world, order_id, {"SKU-A": 1})
        await world.live(3 * MINUTE)
        unit = next(one.id for one in world.tiktok.order(order_id).units if one.seller_sku == "SKU-B")
        world.tiktok.remove_unit(order_id, unit, by="BUYER")
        await world.live(HOUR)
        assert "1 of SKU-B cancelled" in opened(world, order_id)["edited_after_ship"]
        assert status(world, order_id) == "partialFulfillment"

    play(story)
