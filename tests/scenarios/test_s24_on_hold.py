"""S24 Orders in on-hold status: shown in Pipe17 at once, released as the same record, or not shown at all."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    backlog,
    differences,
    fulfill,
    opened,
    play,
    row,
    shop,
    standing,
    status,
    street,
    writes,
)
from tests.sim.world import World


@pytest.mark.parametrize("market", ["US", "GB", "VN"])
def test_on_the_order_is_shown_on_hold_and_the_same_record_becomes_new_with_the_address(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A", "SKU-A", "SKU-B"])
        await world.live(62)
        assert status(world, order_id) == "onHold"
        shown = dict(world.pipe17.order_of(order_id) or {})
        assert "address1" not in shown.get("shippingAddress", {})
        assert sum(line["quantity"] for line in shown["lineItems"]) == 3
        await world.live(HOUR)
        after = world.pipe17.order_of(order_id) or {}
        assert after["orderId"] == shown["orderId"]
        assert street(world, order_id) == "100 Sim Street"
        assert world.pipe17.audit.statuses(order_id) == ["onHold", "new", "readyForFulfillment"]
        assert writes(world) == {"orders.create": 1, "orders.update": 1}
        assert [request["shippingAddress"]["address1"] for request in world.pipe17.shipments_of(order_id)] == [
            "100 Sim Street"
        ]

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("at_min", [0.5, 30.0, 59.9])
@pytest.mark.parametrize("market", ["US", "GB"])
def test_cancelled_on_hold_is_cancelled_in_pipe17_and_never_new(at_min: float, market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(at_min * MINUTE)
        world.tiktok.request_cancel(order_id)
        assert world.tiktok.order(order_id).status == "CANCELLED"
        await world.live(2 * HOUR)
        assert status(world, order_id) in (("", "canceled") if at_min < 1 else ("canceled",))
        assert world.pipe17.audit.first_routable_ms(order_id) is None
        assert world.pipe17.order_of(order_id) is None or world.pipe17.shipments_of(order_id) == []
        assert opened(world) == {}
        assert differences(world) == []

    play(story, tiktok=shop(market))


def test_off_nothing_is_there_until_the_release_and_what_is_cancelled_in_the_hour_never_appears() -> None:
    async def story(world: World) -> None:
        await world.start()
        kept, gone = world.tiktok.place_order(["SKU-A"]), world.tiktok.place_order(["SKU-B"])
        await world.live(30 * MINUTE)
        assert writes(world).total() == 0
        assert backlog(world) == {"held": 2}
        world.tiktok.cancel_order(gone)
        await world.live(29 * MINUTE)
        assert writes(world).total() == 0
        await world.live(5 * MINUTE)
        assert status(world, kept) == "readyForFulfillment"
        await world.live(3 * HOUR)
        assert status(world, gone) == ""
        assert standing(world, "orders", gone) == "dropped"
        assert world.pipe17.audit.statuses(kept)[0] == "new"
        assert writes(world) == {"orders.create": 1}
        assert differences(world, pull_on_hold=False) == []

    play(story, settings={"ORDERS_PULL_ON_HOLD": "false"})


def test_off_in_a_shop_without_the_status_waits_for_the_hour_too() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(59 * MINUTE)
        assert status(world, order_id) == ""
        found = row(world, "orders", order_id)
        assert found is not None
        assert found.reason == "inside ORDERS_HOLD: the buyer may still change or cancel it"
        await world.live(2 * MINUTE)
        assert status(world, order_id) == "readyForFulfillment"

    play(story, settings={"ORDERS_PULL_ON_HOLD": "false"}, tiktok=shop("GB", on_hold=False))


@pytest.mark.parametrize("fault", [None, FaultKind.LOST_ANSWER])
@pytest.mark.parametrize("delay_s", [8, 25, 40])
def test_a_cancel_while_the_release_is_in_flight_wins(delay_s: int, fault: FaultKind | None) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(HOUR - 10)
        kind = fault or FaultKind.DELAY
        world.faults["pipe17"].add(Fault(kind, "orders.update", times=1, delay_ms=delay_s * 1000))
        await world.live(12)
        assert world.pipe17.called("orders.update") != []
        world.tiktok.cancel_order(order_id)
        await world.live(10 * MINUTE)
        assert status(world, order_id) == "canceled"
        assert standing(world, "orders", order_id) == "done"
        assert differences(world) == []
        requests: list[Any] = list(world.pipe17.shipments_of(order_id))
        if requests:
            shipped = fulfill_canceled(world, order_id)
            await world.live(10 * MINUTE)
            assert "order_cancelled" in opened(world, shipped)
            assert world.tiktok.called("packages.mark_shipped") == []
            assert status(world, order_id) == "canceled"

    play(story)


def fulfill_canceled(world: World, order_id: str) -> str:
    """The warehouse ships what had been cancelled."""
    request = world.pipe17.shipments_of(order_id)[0]
    made = world.pipe17.fulfill(str(request["shipmentId"]), {"SKU-A": 1}, "UPS", "1Z999AA10123456784")
    return str(made["fulfillmentId"])


def test_a_fulfillment_of_an_order_cancelled_after_its_release_is_refused_in_words() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(HOUR + 5 * MINUTE)
        world.pipe17.send_shipments(order_id)
        world.tiktok.cancel_order(order_id, by="SELLER")
        made = fulfill(world, order_id)
        await world.live(10 * MINUTE)
        assert "order_cancelled" in opened(world, made)
        assert world.tiktok.called("packages.mark_shipped", effective=True) == []

    play(story)
