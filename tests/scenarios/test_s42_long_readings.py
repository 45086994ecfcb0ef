"""Readings of Pipe17's stock that are slow or never pause: nothing waits for their end, the guard misses nothing."""

from __future__ import annotations

from unittest import mock

from daemon.flows import stock_judge, stock_reader
from daemon.flows.stock_judge import StockJudge
from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import MINUTE, opened, play
from tests.scenarios.stock_stage import live, poke, pushes, stock
from tests.scenarios.test_guard_of_stock import EVERY, SKUS, shelves
from tests.sim.world import World

EAST = "10c000000000000a"


def slow(world: World, seconds: float, *, skip: int = 0) -> None:
    world.faults["pipe17"].add(
        Fault(FaultKind.DELAY, "inventory.list", times=None, skip=skip, delay_ms=round(seconds * 1000))
    )


def test_a_change_does_not_wait_for_the_end_of_a_long_reading() -> None:
    """Ten pages of 25 seconds each: what the first one shows is at TikTok long before the last one has come."""

    async def story(world: World) -> None:
        await shelves(world)
        slow(world, 25)
        for sku in SKUS:
            stock(world, sku, 7)
            await world.live(1)
        poke(world)
        await world.live(3 * MINUTE)
        assert world.daemon is not None
        assert world.daemon.stock is not None
        assert world.daemon.stock.reading_since_ms is not None, "it is still under way"
        assert live(world, SKUS[0]) == 7
        assert live(world, SKUS[-1]) == 10
        await world.live(4 * MINUTE)
        assert {live(world, sku) for sku in SKUS} == {7}

    with mock.patch.object(stock_reader, "COUNT", 1):
        play(story, settings={"INVENTORY_EVERY": "1h"})


def test_a_reading_that_begins_while_a_cycle_is_judged_leaves_it_whole() -> None:
    """Three SKUs a step, and Pipe17 is read again after the first: three of ten at zero would pass, ten do not."""
    real = StockJudge._step

    async def step(judge: StockJudge) -> bool:
        more = await real(judge)
        if more:
            judge._flow.reading_since_ms = judge._engine.clock.now_ms()
        return more

    async def story(world: World) -> None:
        await shelves(world)
        before = len(pushes(world))
        with mock.patch.object(StockJudge, "_step", step), mock.patch.object(stock_judge, "AT_ONCE", 3):
            for sku in SKUS:
                stock(world, sku, 0)
            await world.live(2 * MINUTE)
        await world.live(5 * MINUTE)
        assert len(pushes(world)) == before
        assert set(opened(world)) == {"inventory_guard"}

    play(story, settings=EVERY)


def test_a_held_cycle_does_not_recover_because_part_of_it_is_read_again() -> None:
    """Four of ten are held. One of them is read once more, slowly, and an order comes: three would be few enough."""

    async def story(world: World) -> None:
        await shelves(world)
        for sku in SKUS:
            stock(world, sku, 5, EAST)
        await world.live(2 * MINUTE)
        for sku in SKUS[:4]:
            stock(world, sku, 0, EAST)
            stock(world, sku, 0)
        await world.live(2 * MINUTE)
        assert set(opened(world)) == {"inventory_guard"}
        slow(world, 25, skip=1)
        stock(world, "S0", 0, EAST)
        poke(world)
        await world.live(5)
        world.tiktok.place_order(["S9"])
        poke(world, "orders")
        await world.live(3 * MINUTE)
        assert [live(world, sku) for sku in SKUS[:4]] == [15] * 4
        assert live(world, "S9") == 14
        assert set(opened(world)) == {"inventory_guard"}

    play(story, settings={"INVENTORY_EVERY": "60s"})
