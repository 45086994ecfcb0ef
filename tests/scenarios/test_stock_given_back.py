"""What a cancel gives back at TikTok comes on top of what we published, and is published over."""

from __future__ import annotations

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import HOUR, MINUTE, play, released, standing, status
from tests.scenarios.stock_stage import link, live, poke, pushes, sku_id, stock
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s"}


async def opened_shop(world: World) -> None:
    world.tiktok.seller.add_product(["A"], stock=10)
    stock(world, "A", 10)
    await world.start()
    await link(world)
    await world.live(2 * MINUTE)


def test_a_cancel_made_in_pipe17_leaves_what_pipe17_has_and_not_one_more() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        order_id = await released(world, "A")
        assert live(world, "A") == 9
        world.pipe17.cancel_order(order_id)
        await world.live(HOUR)
        assert world.tiktok.order(order_id).status == "CANCELLED"
        assert live(world, "A") == 10, "TikTok gave one back on top of the ten that Pipe17 has"
        settled = len(pushes(world, "A"))
        await world.live(HOUR)
        assert len(pushes(world, "A")) == settled

    play(story, settings=EVERY)


@pytest.mark.parametrize("slow", [False, True], ids=["answered", "its answer still on the way"])
def test_an_order_that_came_and_went_between_two_looks_changes_nothing(*, slow: bool) -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        if slow:
            world.faults["tiktok"].add(Fault(FaultKind.DELAY, "inventory.update", times=1, delay_ms=8_000))
        await world.live(20)  # between two polls of orders
        order_id = world.tiktok.place_order(["A"])
        stock(world, "A", 15)
        poke(world)
        await world.live(5)
        assert live(world, "A") == 15, "pushed by one that has not seen the order"
        world.tiktok.cancel_order(order_id)
        assert live(world, "A") == 16
        assert standing(world, "inventory", sku_id(world, "A")) == ("sending" if slow else "done")
        poke(world, "orders")
        await world.live(10 * MINUTE)
        assert live(world, "A") == 15

    play(story, settings=EVERY)


def test_a_cancel_that_the_release_itself_reads_gives_back_like_any_other() -> None:
    """Pipe17 counted the order, and what is to be sent is what was sent before; TikTok has one more."""

    async def story(world: World) -> None:
        await opened_shop(world)
        order_id = world.tiktok.place_order(["A"])
        poke(world, "orders")
        await world.live(10)
        stock(world, "A", 9)
        await world.live(HOUR - 30)
        assert live(world, "A") == 9
        world.tiktok.cancel_order(order_id)
        assert live(world, "A") == 10
        await world.live(5 * MINUTE)
        assert (status(world, order_id), live(world, "A")) == ("canceled", 9)

    play(story, settings=EVERY | {"ORDERS_EVERY": "6h"})
