"""X2, X4 and X7: limits, long outages, two daemons on one store."""

from __future__ import annotations

import asyncio

import pytest

from daemon.errors import StoreLocked
from daemon.sandbox.faults import Fault, FaultKind
from daemon.store.database import Database
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    differences,
    fulfill,
    opened,
    play,
    released,
    shop,
    sql,
    status,
    units_shipped,
    ups,
    writes,
)
from tests.sim.world import World


@pytest.mark.parametrize("retry_after", [None, "5", "60", "date+60", "soon"])
@pytest.mark.parametrize("operation", ["orders.*", "orders.detail"])
def test_x2_429_for_a_minute_on_the_order_endpoint_delays_no_tracking(operation: str, retry_after: str | None) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        await world.live(30)
        begun_ms = world.truth.now_ms()
        for service in ("tiktok",):
            fault = Fault(
                FaultKind.RATE_LIMIT, operation, times=None, until_ms=begun_ms + 60_000, retry_after=retry_after
            )
            world.faults[service].add(fault)
        # a poll meets the closed endpoint first, and a webhook's worth of new orders is on its way
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(20)]
        for poller in world.daemon.pollers:  # type: ignore[union-attr]
            poller.poke()
        await world.live(2)
        fulfill(world, order_id)
        world.daemon.pollers[1].poke()  # type: ignore[union-attr]
        await world.live(10)
        shipped = [call.at_ms - begun_ms for call in world.tiktok.called("packages.mark_shipped", effective=True)]
        assert len(shipped) == 1
        assert shipped[0] < 12_000
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A", "SKU-B"]}
        await world.live(HOUR + 30 * MINUTE)
        assert {status(world, one) for one in orders} == {"readyForFulfillment"}
        assert writes(world)["orders.create"] == 21
        assert opened(world) == {}
        assert differences(world) == []

    play(story)


def test_x2_429_on_pipe17s_creates_delays_no_tracking() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        begun_ms = world.truth.now_ms()
        world.faults["pipe17"].add(
            Fault(FaultKind.RATE_LIMIT, "orders.*", times=None, until_ms=begun_ms + 60_000, retry_after="60")
        )
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(30)]
        fulfill(world, order_id)
        await world.live(75)
        (call,) = world.tiktok.called("packages.mark_shipped")
        assert call.at_ms - begun_ms < 65_000
        await world.live(2 * HOUR)
        assert {status(world, one) for one in orders} == {"readyForFulfillment"}
        assert differences(world) == []

    play(story)


@pytest.mark.parametrize("market", ["US", "VN"])
@pytest.mark.parametrize("killed", [True, False])
def test_x4_down_for_20_hours_every_webhook_lost(killed: bool, market: str) -> None:
    """Everything that can happen to an order happens meanwhile; afterwards both sides agree and nothing went twice."""

    async def story(world: World) -> None:
        world.tiktok.options.app_webhook_url = "https://hooks.example.test/webhooks/tiktok"
        await world.start()
        carrier = "UPS" if market == "US" else "J&T Express"
        known = [world.tiktok.place_order(["SKU-A", "SKU-B"]) for _ in range(6)]
        shippable = await released(world, "SKU-A", "SKU-A")
        if killed:
            await world.kill()
        else:
            await world.stop()
        fulfill(world, shippable, None, carrier)
        world.tiktok.change_address(known[0], {"line1": "20 Downtime Drive"})
        world.tiktok.cancel_order(known[1])
        world.tiktok.remove_unit(known[2], world.tiktok.order(known[2]).units[0].id)
        fresh: list[str] = []
        for number in range(60):
            fresh.append(world.tiktok.place_order(["SKU-A"], paid=number % 10 != 0))
            await asyncio.sleep(19 * MINUTE)
            if number % 10 == 0:
                world.tiktok.pay(fresh[-1])
            if number % 7 == 0:
                world.tiktok.cancel_order(fresh[-1])
            for delivery in world.tiktok.deliveries_due(world.truth.now_ms()):
                world.tiktok.delivery_result(delivery.id, False)
        await asyncio.sleep(HOUR)
        for delivery in world.tiktok.deliveries_due(world.truth.now_ms()):
            world.tiktok.delivery_result(delivery.id, False)
        assert world.tiktok.webhooks.out.delivered == 0
        await world.start()
        await world.live(2.5 * HOUR)
        assert differences(world) == []
        assert status(world, known[1]) == "canceled"
        assert units_shipped(world, shippable) == {ups(shippable): ["SKU-A", "SKU-A"]}
        assert set(opened(world)) <= {"recall"}
        before = writes(world)
        await world.stop()
        await world.start()
        await world.live(20 * MINUTE)
        assert writes(world) == before

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("side", ["tiktok", "pipe17"])
def test_x4_one_side_is_down_for_hours(side: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        first = await released(world, "SKU-A")
        begun_ms = world.truth.now_ms()
        world.faults[side].add(Fault(FaultKind.UNAVAILABLE, "*", times=None, until_ms=begun_ms + 6 * 3_600_000))
        made = fulfill(world, first)
        for _ in range(6):
            world.tiktok.place_order(["SKU-A"])
            await world.live(HOUR)
        await world.live(1.5 * HOUR)
        assert differences(world) == []
        assert opened(world) == {}
        assert writes(world)["orders.create"] == 7
        lines = sql(world, "SELECT key, count(*) FROM journal GROUP BY key")
        assert made in dict(lines)
        # hours of failing leave a timeline that a person can read
        assert max(count for _, count in lines) < 25

    play(story)


def test_x7_the_second_daemon_on_one_store_is_refused_and_the_first_goes_on() -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(10)
        for _ in range(2):
            with pytest.raises(StoreLocked):
                await Database.open(world.store, inline=True)
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(2 * MINUTE)
        assert status(world, order_id) == "onHold"
        await world.stop()
        again = await Database.open(world.store, inline=True)
        await again.aclose()
        await world.start()
        await world.live(MINUTE)
        await world.kill()
        await world.start()

    play(story)
