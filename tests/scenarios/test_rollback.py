"""Rollback: the stock that was pushed at an earlier instant, through the same way, until something newer happens."""

from __future__ import annotations

from daemon.assembly import stock_rules
from daemon.flows import stock_history
from daemon.flows.poller import announce
from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import HOUR, MINUTE, play
from tests.scenarios.stock_stage import link, live, live_by_warehouse, pushes, stock
from tests.scenarios.test_s42_resync import ask
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s"}


async def roll_back(world: World, to_ms: int) -> tuple[int, int]:
    assert world.parts is not None
    rules, now_ms = stock_rules(world.settings), world.clock.now_ms()
    step = await world.parts.database.write(lambda tx: stock_history.roll_back(tx, rules, to_ms, "", now_ms))
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


async def _moved_since(world: World) -> int:
    """A and B had nine, and have one by now; the instant before that."""
    for sku in ("A", "B"):
        world.tiktok.seller.add_product([sku], stock=10)
        stock(world, sku, 9)
    await world.start()
    await link(world)
    await world.live(5 * MINUTE)
    to_ms = world.clock.now_ms()
    for sku in ("A", "B"):
        stock(world, sku, 1)
    await world.live(10 * MINUTE)
    return to_ms


def test_a_resync_ends_it() -> None:
    async def story(world: World) -> None:
        to_ms = await _moved_since(world)
        assert await roll_back(world, to_ms) == (2, 0)
        await world.live(MINUTE)
        assert live(world, "A") == 9
        await ask(world)
        await world.live(5 * MINUTE)
        assert [live(world, sku) for sku in "AB"] == [1, 1]

    play(story, settings=EVERY | {"PRODUCTS": "off"})


def test_one_asked_for_while_a_resync_runs_is_sent_once_and_one_call_at_a_time() -> None:
    async def story(world: World) -> None:
        to_ms = await _moved_since(world)
        world.faults["tiktok"].add(Fault(FaultKind.DELAY, "inventory.update", times=None, delay_ms=5_000))
        await ask(world)
        await world.live(3)
        assert await roll_back(world, to_ms) == (2, 0)
        await world.live(5 * MINUTE)
        assert [live(world, sku) for sku in "AB"] == [9, 9]

    play(story, settings=EVERY | {"PRODUCTS": "off"})


def test_a_sku_that_is_kept_elsewhere_by_now_is_left_alone() -> None:
    """What the warehouses of that time had says nothing about those of today (12019028)."""

    async def story(world: World) -> None:
        to_ms = await _moved_since(world)
        second = world.tiktok.seller.add_warehouse("Second")
        (sku,) = world.tiktok.catalogue.by_seller_sku("A")
        sku.available[second] = 0
        await link(world)
        await world.live(MINUTE)
        assert await roll_back(world, to_ms) == (1, 1)
        await world.live(5 * MINUTE)
        assert [live(world, sku) for sku in "AB"] == [1, 9]
        assert len(live_by_warehouse(world, "A")) == 2

    play(story, settings=EVERY | {"PRODUCTS": "off", "LOCATIONS": "off"})
