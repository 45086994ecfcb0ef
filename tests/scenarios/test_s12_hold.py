"""S12 One-hour hold: what may still change does not leave, and what leaves is what the buyer asked for last."""

from __future__ import annotations

import asyncio

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.pipe17.options import EditsUntil
from tests.scenarios.stage import (
    DAY,
    HOUR,
    MINUTE,
    differences,
    fulfill,
    opened,
    play,
    released_ms,
    row,
    shop,
    status,
    street,
    writes,
)
from tests.sim.world import World

HOLD_MS = 60 * 60_000


@pytest.mark.parametrize("every", ["60s", "10m", "3h"])
@pytest.mark.parametrize("before_end_s", [60.0, 5.0])
@pytest.mark.parametrize("market", ["US", "DE"])
def test_edit_at_minute_59_is_the_address_that_becomes_routable(every: str, before_end_s: float, market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(5)
        order_id = world.tiktok.place_order(["SKU-A"], address={"line1": "1 Old Street"})
        world.daemon.pollers[0].poke()  # type: ignore[union-attr]
        await world.live(HOUR - before_end_s)
        assert status(world, order_id) == "onHold"
        world.tiktok.change_address(order_id, {"line1": "59 New Street"})
        await world.live(before_end_s + 20)
        assert status(world, order_id) == "readyForFulfillment"
        assert HOLD_MS <= (released_ms(world, order_id) or 0) < HOLD_MS + 10_000
        assert street(world, order_id) == "59 New Street"
        assert not world.pipe17.audit.routable_with(order_id, address1="1 Old Street")
        assert world.pipe17.audit.creates[order_id] == 1

    play(story, tiktok=shop(market), settings={"ORDERS_EVERY": every})


@pytest.mark.parametrize("market", ["US", "GB", "VN"])
def test_a_shop_without_the_status_is_held_for_the_hour_all_the_same(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(5)
        order_id = world.tiktok.place_order(["SKU-A"])
        assert world.tiktok.order(order_id).status == "AWAITING_SHIPMENT"
        await world.live(30 * MINUTE)
        assert status(world, order_id) == "onHold"
        world.tiktok.change_address(order_id, {"line1": "2 Second Street"})
        await world.live(HOUR)
        assert HOLD_MS <= (released_ms(world, order_id) or 0) < HOLD_MS + 10_000
        assert not world.pipe17.audit.routable_with(order_id, address1="100 Sim Street")
        assert street(world, order_id) == "2 Second Street"
        assert differences(world) == []

    play(story, tiktok=shop(market, on_hold=False))


@pytest.mark.parametrize("late_s", [30.0, 600.0])
def test_an_edit_right_after_the_release_reaches_pipe17(late_s: float) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(HOUR + late_s)
        world.tiktok.change_address(order_id, {"line1": "7 Late Lane"})
        await world.live(3 * MINUTE)
        assert street(world, order_id) == "7 Late Lane"
        requests = [one for one in world.pipe17.shipments_of(order_id) if one["status"] != "canceled"]
        assert [one["shippingAddress"]["address1"] for one in requests] == ["7 Late Lane"]
        assert opened(world) == {}
        assert differences(world) == []

    play(story)


@pytest.mark.parametrize("sent", [False, True])
def test_an_edit_that_pipe17_refuses_becomes_an_exception_that_stays(sent: bool) -> None:
    """A shipping request is out: with the warehouse, or (another organisation's rule) merely made."""

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(HOUR + 30)
        if sent:
            world.pipe17.send_shipments(order_id)
        world.tiktok.change_address(order_id, {"line1": "7 Late Lane"})
        await world.live(10 * MINUTE)
        assert street(world, order_id) == "100 Sim Street"
        assert "edited_after_release" in opened(world, order_id)
        await world.live(2 * HOUR)
        assert "edited_after_release" in opened(world, order_id)
        refused = [call for call in world.pipe17.called("orders.update") if call.status >= 400]
        assert len(refused) <= 1
        fulfill(world, order_id)
        await world.live(5 * MINUTE)
        assert world.tiktok.order(order_id).status == "AWAITING_COLLECTION"

    until = EditsUntil.SENT if sent else EditsUntil.ROUTED
    play(story, pipe17=Pipe17Options(edits_until=until))


@pytest.mark.parametrize(("window", "hours"), [("5h", 5), ("90m", 1.5)])
def test_a_longer_window_outlasts_tiktoks_release(window: str, hours: float) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(HOUR + 10 * MINUTE)
        assert world.tiktok.order(order_id).status == "AWAITING_SHIPMENT"
        assert status(world, order_id) == "onHold"
        await world.live((hours - 1) * HOUR)
        wanted_ms = round(hours * HOUR * 1000)
        assert wanted_ms <= (released_ms(world, order_id) or 0) < wanted_ms + 10_000
        assert street(world, order_id) == "100 Sim Street"

    play(story, settings={"ORDERS_HOLD": window})


def test_a_pre_order_of_twelve_days_is_released_by_tiktok_and_by_no_timer() -> None:
    async def story(world: World) -> None:
        await world.start()
        release_ms = world.truth.now_ms() + round(12 * DAY * 1000)
        order_id = world.tiktok.place_order(["SKU-A"], order_type="PRE_ORDER", release_ms=release_ms)
        await world.live(11.9 * DAY)
        assert status(world, order_id) == "onHold"
        found = row(world, "orders", order_id)
        assert found is not None
        assert (found.state, found.due_at_ms) == ("held", release_ms)
        assert writes(world)["orders.create"] == 1
        assert writes(world)["orders.update"] == 0
        await world.live(0.2 * DAY)
        first = world.pipe17.audit.first_routable_ms(order_id)
        assert first is not None
        assert 0 <= first - release_ms < 6 * 60_000
        assert street(world, order_id) == "100 Sim Street"

    play(story, settings={"ORDERS_EVERY": "30m", "FULFILLMENTS_EVERY": "30m"})


def test_an_order_that_tiktok_holds_beyond_every_timer_stays_held_and_pipe17_never_releases_it() -> None:
    """TikTok holds for three hours; Pipe17 releases by `holdUntil` on its own and must never get to it."""

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(2.9 * HOUR)
        assert status(world, order_id) == "onHold"
        await world.live(0.3 * HOUR)
        assert status(world, order_id) == "readyForFulfillment"
        assert 3 * HOLD_MS <= (released_ms(world, order_id) or 0) < 3 * HOLD_MS + 6 * 60_000
        assert writes(world)["orders.update"] <= 5

    play(story, tiktok=shop(hold_ms=3 * HOLD_MS), pipe17=Pipe17Options(releases_connector_holds=True))


@pytest.mark.parametrize("skew_min", [10, -10, 45, -90])
@pytest.mark.parametrize("on_hold", [True, False])
def test_a_wrong_host_clock_moves_no_hold(skew_min: int, on_hold: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(3 * MINUTE)
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(HOUR - 5)
        assert status(world, order_id) == "onHold"
        await world.live(2 * MINUTE)
        assert HOLD_MS <= (released_ms(world, order_id) or 0) < HOLD_MS + 70_000
        assert abs(world.clock.now_ms() - world.truth.now_ms()) < 2_000
        refused = [call for call in world.tiktok.calls if call.code == 36009004]
        assert len(refused) <= 4
        fulfill(world, order_id)
        await world.live(3 * MINUTE)
        assert world.tiktok.order(order_id).status == "AWAITING_COLLECTION"
        assert opened(world) == {}

    play(story, tiktok=shop(on_hold=on_hold), skew_ms=skew_min * 60_000)


@pytest.mark.parametrize("outage_min", [20, 90])
def test_an_order_is_not_released_while_tiktok_cannot_be_asked(outage_min: int) -> None:
    """The hold is over, but the detail cannot be read: what we saw an hour ago must not be released."""

    async def story(world: World) -> None:
        await world.start()
        await world.live(5)
        order_id = world.tiktok.place_order(["SKU-A"], address={"line1": "1 Old Street"})
        await world.live(50 * MINUTE)
        now_ms = world.truth.now_ms()
        for operation in ("orders.*", "packages.*"):
            world.faults["tiktok"].add(
                Fault(
                    FaultKind.UNAVAILABLE, operation, times=None, after_ms=now_ms, until_ms=now_ms + outage_min * 60_000
                )
            )
        world.tiktok.change_address(order_id, {"line1": "59 New Street"})
        await world.live(outage_min * MINUTE - 5)
        assert status(world, order_id) == "onHold"
        await world.live(15 * MINUTE)
        assert status(world, order_id) == "readyForFulfillment"
        assert street(world, order_id) == "59 New Street"
        assert not world.pipe17.audit.routable_with(order_id, address1="1 Old Street")
        assert differences(world) == []

    play(story)


def test_an_order_cancelled_in_the_last_second_is_never_released() -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(4)]
        await world.live(HOUR - 2)
        for number, order_id in enumerate(orders):
            await asyncio.sleep(0.4)
            world.tiktok.cancel_order(order_id, by=("BUYER", "SELLER")[number % 2])
        await world.live(HOUR)
        assert {status(world, order_id) for order_id in orders} == {"canceled"}
        assert [world.pipe17.audit.first_routable_ms(order_id) for order_id in orders] == [None] * 4

    play(story)
