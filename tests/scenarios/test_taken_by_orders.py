"""What orders take of the stock, in the lives of orders that are not the usual one."""

from __future__ import annotations

import asyncio

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok.pricing import UnitSpec
from tests.scenarios.stage import DAY, HOUR, MINUTE, play, sql, status
from tests.scenarios.stock_stage import link, live, poke, stock
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s", "INVENTORY_RESYNC_ON_START": "false", "PRODUCTS": "off"}


async def opened_shop(world: World) -> None:
    for sku in ("A", "B"):
        world.tiktok.seller.add_product([sku], stock=20)
        stock(world, sku, 20)
    await world.start()
    await link(world)
    await world.live(3 * MINUTE)


def reserved(world: World) -> dict[str, int]:
    return dict(sql(world, "SELECT sku, sum(units) FROM reservations WHERE counted = 0 GROUP BY sku"))


async def look(world: World) -> None:
    """Have both sources read, and let what follows settle."""
    poke(world, "orders")
    await world.live(5)
    poke(world)
    await world.live(5)


def test_a_cancel_that_is_read_while_the_order_is_handed_over_is_not_undone_by_the_answer() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        world.faults["pipe17"].add(Fault(FaultKind.DELAY, "orders.create", times=1, delay_ms=8_000))
        world.faults["pipe17"].add(Fault(FaultKind.UNAVAILABLE, "orders.update", times=None))
        order_id = world.tiktok.place_order(["A"])
        poke(world, "orders")
        await world.live(3)
        assert reserved(world) == {"A": 1}
        world.tiktok.cancel_order(order_id)
        poke(world, "orders")
        await world.live(3)
        assert reserved(world) == {}
        await world.live(10 * MINUTE)
        assert (status(world, order_id), reserved(world), live(world, "A")) == ("onHold", {}, 20)
        world.faults["pipe17"].clear()
        await world.live(HOUR)
        assert (status(world, order_id), reserved(world), live(world, "A")) == ("canceled", {}, 20)

    play(story, settings=EVERY)


def test_a_line_that_is_cancelled_gives_back_what_it_took_and_no_more() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        order_id = world.tiktok.place_order(["A", "A", "B"])
        await look(world)
        assert reserved(world) == {"A": 2, "B": 1}
        first = world.tiktok.order(order_id).units[0].id
        world.tiktok.remove_unit(order_id, first)
        await look(world)
        assert (reserved(world), live(world, "A"), live(world, "B")) == ({"A": 1, "B": 1}, 19, 19)
        await world.live(3 * HOUR)
        assert (reserved(world), live(world, "A"), live(world, "B")) == ({}, 19, 19)

    play(story, settings=EVERY)


def test_an_order_that_left_in_parts_before_we_saw_it_takes_only_what_is_left() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        await world.stop()
        gone, parted = (world.tiktok.place_order(["A", "B"]) for _ in range(2))
        await asyncio.sleep(2 * HOUR)
        world.tiktok.ship_by_hand(gone, "94001")
        world.tiktok.ship_by_hand(parted, "94002", [world.tiktok.order(parted).units[0].id])
        await world.start()
        await world.live(5)
        assert reserved(world) == {"B": 1}
        await world.live(3 * HOUR)
        assert reserved(world) == {}

    play(story, settings=EVERY)


def test_a_pre_order_takes_its_units_until_its_release_and_a_gift_is_taken_too() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        release_ms = world.truth.now_ms() + int(3 * DAY * 1000)
        world.tiktok.place_order(["A"], kind="pre-order", release_ms=release_ms)
        world.tiktok.place_order(["A", UnitSpec("B", "0", is_gift=True, gift_retail_price="5", tax="0")])
        await look(world)
        assert reserved(world) == {"A": 2, "B": 1}
        stock(world, "A", 30)
        await world.live(2 * DAY)
        assert (reserved(world), live(world, "A"), live(world, "B")) == ({"A": 1}, 28, 19)
        await world.live(3 * DAY)
        assert (reserved(world), live(world, "A")) == ({}, 28)

    play(story, settings=EVERY)
