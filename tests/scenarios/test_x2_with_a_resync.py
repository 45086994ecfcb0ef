"""X2 and S42.2 together: while a resync runs, 429s on one side of the house hold nothing back on the other."""

from __future__ import annotations

from collections import Counter

from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import HOUR, MINUTE, differences, fact, fulfill, play, released, status, units_shipped, ups
from tests.scenarios.stock_stage import poke, pushes
from tests.scenarios.test_s42_resync import ask, shelves
from tests.sim.world import World

SLOW = {"INVENTORY_EVERY": "60s", "PRODUCTS": "off", "LOCATIONS": "off", "TIKTOK_REQUESTS_PER_SECOND": "10"}


def closed_for_a_minute(world: World, operation: str) -> int:
    begun_ms = world.truth.now_ms()
    fault = Fault(FaultKind.RATE_LIMIT, operation, times=None, until_ms=begun_ms + 60_000, retry_after="60")
    world.faults["tiktok"].add(fault)
    return begun_ms


async def under_way(world: World) -> tuple[list[str], str]:
    """900 SKUs of which a resync sends every level again, and an order that is ready to be shipped."""
    skus = await shelves(world, 900)
    order_id = await released(world, skus[0])
    await ask(world)
    await world.live(20)
    assert fact(world, "resync")["phase"] == "sending"
    return skus, order_id


def test_429_on_orders_delays_no_tracking_and_does_not_stop_the_resync() -> None:
    async def story(world: World) -> None:
        skus, shipped = await under_way(world)
        begun_ms = closed_for_a_minute(world, "orders.*")
        new = [world.tiktok.place_order([skus[number]]) for number in range(10)]
        poke(world, "orders")
        await world.live(2)
        sent = len(pushes(world))
        fulfill(world, shipped)
        poke(world, "fulfillments")
        await world.live(10)
        (call,) = world.tiktok.called("packages.mark_shipped", effective=True)
        assert call.at_ms - begun_ms < 12_000
        await world.live(40)
        assert len(pushes(world)) - sent > 300, "50 seconds at ten calls a second, less what else was called"
        await world.live(1.2 * HOUR)
        assert units_shipped(world, shipped) == {ups(shipped): [skus[0]]}
        assert {status(world, one) for one in new} == {"readyForFulfillment"}
        assert fact(world, "resync")["phase"] == "done"
        assert differences(world) == []

    play(story, settings=SLOW)


def test_429_on_stock_holds_back_neither_orders_nor_tracking() -> None:
    async def story(world: World) -> None:
        skus, shipped = await under_way(world)
        begun_ms = closed_for_a_minute(world, "inventory.*")
        await world.live(2)
        order_id = world.tiktok.place_order([skus[1]])
        fulfill(world, shipped)
        poke(world, "orders")
        poke(world, "fulfillments")
        await world.live(5)
        assert status(world, order_id) == "onHold"
        (call,) = world.tiktok.called("packages.mark_shipped", effective=True)
        assert call.at_ms - begun_ms < 8_000
        await world.live(10 * MINUTE)
        assert fact(world, "resync")["phase"] == "done"

    play(story, settings=SLOW)


def test_orders_during_a_resync_are_as_fast_as_without_one_and_the_rate_is_kept() -> None:
    """Thirty orders, one every second: the slowest of them is compared, which is more than the 99th percentile."""

    async def story(world: World) -> None:
        skus = await shelves(world, 900)
        calm = await _slowest(world, skus)
        await ask(world)
        await world.live(20)
        begun_ms, sent = world.truth.now_ms(), len(pushes(world))
        slowest = await _slowest(world, skus)
        assert fact(world, "resync")["phase"] == "sending"
        assert len(pushes(world)) - sent > 150, "the resync goes on meanwhile"
        assert slowest <= calm + 500
        calls = Counter(call.operation for call in world.tiktok.calls if call.at_ms >= begun_ms)
        most = 10 * (world.truth.now_ms() - begun_ms) / 1000 + 10
        assert max(calls.values()) <= most, "TikTok counts by endpoint: the rate, and what a bucket holds"

    play(story, settings=SLOW)


async def _slowest(world: World, skus: list[str]) -> int:
    """The longest time in ms from an order at TikTok to the one in Pipe17, of thirty."""
    placed: dict[str, int] = {}
    for number in range(30):
        placed[world.tiktok.place_order([skus[number]])] = world.truth.now_ms()
        poke(world, "orders")
        await world.live(1)
    await world.live(5)
    took = [world.pipe17.audit.of(order_id)[0].at_ms - at_ms for order_id, at_ms in placed.items()]
    assert len(took) == 30
    return max(took)
