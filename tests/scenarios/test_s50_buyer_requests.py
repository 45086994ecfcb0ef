"""S50 Cancellations: the buyer asks to cancel, and the merchant must know until when to answer."""

from __future__ import annotations

import pytest

from daemon.core.reading import iso
from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import (
    DAY,
    HOUR,
    MINUTE,
    attempts,
    differences,
    fulfill,
    opened,
    play,
    released,
    row,
    shop,
    sql,
    status,
    units_shipped,
    ups,
    writes,
)
from tests.sim.world import World

HOURS = {"US": 24, "GB": 48, "VN": 48}


def due(world: World, order_id: str) -> int | None:
    """The deadline that the open exception of an order carries."""
    found = sql(world, "SELECT deadline_at_ms FROM exceptions WHERE key = ? AND closed_at_ms IS NULL", order_id)
    return found[0][0] if found else None


@pytest.mark.parametrize("search", [True, False])
@pytest.mark.parametrize("market", ["US", "GB", "VN"])
def test_s50_a_request_is_told_with_the_deadline_and_what_happens_then(market: str, search: bool) -> None:
    """Also where the deadline cannot be read: an order never waits for it."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        if not search:
            world.faults["tiktok"].add(Fault(FaultKind.UNAVAILABLE, "cancellations.search", times=None))
        world.tiktok.request_cancel(order_id)
        asked_ms = world.truth.now_ms()
        await world.live(3 * MINUTE)
        text = opened(world, order_id)["cancel_requested"]
        due_ms = asked_ms // 1000 * 1000 + HOURS[market] * 3_600_000
        assert due(world, order_id) == due_ms
        assert iso(due_ms) in text
        assert "without an answer TikTok grants it" in text
        await world.live(HOURS[market] * HOUR)
        assert (status(world, order_id), opened(world, order_id)) == ("canceled", {})

    play(story, tiktok=shop(market))


def test_s50_a_page_with_requests_is_asked_about_once() -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(12)]
        await world.live(HOUR + 5 * MINUTE)
        assert attempts(world, "cancellations.search") == 0
        for order_id in orders:
            world.tiktok.request_cancel(order_id)
        await world.live(90)
        # one search for the page; what is delivered is read again, each with its own
        assert attempts(world, "cancellations.search") <= 1 + len(orders)
        assert sql(world, "SELECT count(*) FROM exceptions WHERE code = 'cancel_requested'") == [(12,)]

    play(story)


@pytest.mark.parametrize("market", ["US", "VN"])
def test_s50_hold_keeps_the_tracking_back_until_the_request_is_refused_or_withdrawn(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.request_cancel(order_id)
        asked_ms = world.truth.now_ms()
        await world.live(3 * MINUTE)
        made = fulfill(world, order_id, carrier="UPS" if market == "US" else "J&T Express")
        await world.live(20 * MINUTE)
        assert (writes(world)["packages.mark_shipped"], writes(world)["packages.ship"]) == (0, 0)
        due_ms = asked_ms // 1000 * 1000 + HOURS[market] * 3_600_000
        assert iso(due_ms) in opened(world, made)["cancel_requested"]
        assert due(world, order_id) == due_ms
        world.tiktok.refuse_cancel(order_id)
        await world.live(5 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        assert (opened(world), differences(world)) == ({}, [])

    play(story, tiktok=shop(market))


def test_s50_hold_waits_for_a_day_and_then_nothing_is_shipped() -> None:
    """Nobody answers: TikTok grants the request, and the parcel has to be called back."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.request_cancel(order_id)
        made = fulfill(world, order_id)
        await world.live(DAY + HOUR)
        assert attempts(world, "packages.mark_shipped") == 0
        assert set(opened(world, made)) == {"order_cancelled"}
        assert set(opened(world, order_id)) == {"cancelled_after_ship"}

    play(story)


def test_s50_ship_sends_in_the_us_and_the_timeline_says_that_tiktok_refuses_the_request() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.request_cancel(order_id)
        made = fulfill(world, order_id)
        await world.live(5 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        notes = sql(
            world, "SELECT detail FROM journal WHERE key = ? AND event = 'shipped despite a cancel request'", made
        )
        assert notes == [
            ("ORDERS_CANCEL_RACE is ship: with this shipment TikTok refuses the buyer's request to cancel",)
        ]
        assert [one.status for one in world.tiktok.market.cancellations.of_order(order_id)] == [
            "CANCELLATION_REQUEST_CANCEL"
        ]
        assert opened(world) == {}

    play(story, settings={"ORDERS_CANCEL_RACE": "ship"})


@pytest.mark.parametrize("market", ["GB", "VN"])
def test_s50_ship_waits_elsewhere_because_tiktok_takes_no_tracking(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.request_cancel(order_id)
        made = fulfill(world, order_id, carrier="EVRi" if market == "GB" else "J&T Express")
        await world.live(10 * MINUTE)
        assert attempts(world, "packages.mark_shipped") + attempts(world, "packages.ship") == 0
        assert "no tracking number before the answer" in opened(world, made)["cancel_requested"]
        world.tiktok.refuse_cancel(order_id)
        await world.live(5 * MINUTE)
        assert len(units_shipped(world, order_id)) == 1
        assert opened(world) == {}

    play(story, tiktok=shop(market), settings={"ORDERS_CANCEL_RACE": "ship"})


def test_s50_a_request_between_the_look_and_the_call_waits_and_goes_by_itself() -> None:
    """TikTok answers 21011007 to the shipping call; nobody has to send it again by hand."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        refusal = Fault(FaultKind.REFUSE, "packages.mark_shipped", code=21011007, times=None)
        world.faults["tiktok"].add(refusal)
        made = fulfill(world, order_id, carrier="EVRi")
        await world.live(100)
        found = row(world, "fulfillments", made)
        assert found is not None
        assert (found.state, found.code) == ("ready", "after_sale_open")
        assert set(opened(world, made)) == {"after_sale_open"}
        world.faults["tiktok"].clear()
        await world.live(5 * MINUTE)
        assert len(units_shipped(world, order_id)) == 1
        assert opened(world) == {}

    play(story, tiktok=shop("GB"))


def test_s50_a_request_for_one_line_that_is_granted_makes_the_order_smaller() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        units = {unit.seller_sku: unit.id for unit in world.tiktok.order(order_id).units}
        world.tiktok.request_cancel(order_id, [units["SKU-A"]])
        await world.live(3 * MINUTE)
        assert set(opened(world, order_id)) == {"cancel_requested"}
        await world.live(DAY)
        assert {line["sku"] for line in (world.pipe17.order_of(order_id) or {})["lineItems"]} == {"SKU-B"}
        assert opened(world, order_id).keys() <= {"ship_deadline_near"}
        assert attempts(world, "cancellations.cancel") == 0

    play(story)
