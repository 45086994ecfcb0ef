"""Rollback: the stock that was pushed at an earlier instant, through the same way, until something newer happens."""

from __future__ import annotations

from daemon.flows import stock_history
from daemon.flows.poller import announce
from tests.scenarios.stage import HOUR, MINUTE, play
from tests.scenarios.stock_stage import link, live, pushes, stock
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s"}


async def roll_back(world: World, to_ms: int) -> tuple[int, int]:
    assert world.parts is not None
    now_ms = world.clock.now_ms()
    step = await world.parts.database.write(lambda tx: stock_history.roll_back(tx, to_ms, "", now_ms))
    announce(world.parts.engine, "inventory", step.moved)
    return step.skus, step.left_alone


def test_the_quantities_of_an_instant_are_sent_again_and_stay_until_something_newer() -> None:
    async def story(world: World) -> None:
        for sku in ("A", "B", "C"):
            world.tiktok.seller.add_product([sku], stock=10)
            stock(world, sku, 9)
        await world.start()
        await link(world)
        await world.live(5 * MINUTE)
        to_ms = world.clock.now_ms()
        for units in (5, 1):
            stock(world, "A", units)
            stock(world, "B", units)
            await world.live(10 * MINUTE)
        world.tiktok.seller.add_product(["D"], stock=3)
        stock(world, "D", 2)
        await link(world)
        await world.live(5 * MINUTE)
        before = len(pushes(world))
        assert await roll_back(world, to_ms) == (2, 1)
        await world.live(HOUR)
        assert [live(world, sku) for sku in "ABCD"] == [9, 9, 9, 2]
        assert len(pushes(world)) == before + 2
        stock(world, "A", 4)
        await world.live(5 * MINUTE)
        assert [live(world, sku) for sku in "ABCD"] == [4, 9, 9, 2]

    play(story, settings=EVERY)
