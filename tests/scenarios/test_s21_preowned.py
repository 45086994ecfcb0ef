"""S21 and S52 Pre-owned: sold means off sale; never a quantity, and never back by itself."""

from __future__ import annotations

import pytest

from tests.scenarios.stage import HOUR, MINUTE, opened, play
from tests.scenarios.stock_stage import link, live, poke, pushes, stock
from tests.scenarios.test_s42_resync import ask
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s", "INVENTORY_RESYNC_ON_START": "true"}


async def piece(world: World) -> str:
    """One unique item on sale; its product."""
    product = world.tiktok.seller.add_product(["U"], preowned=True, stock=1)
    world.tiktok.seller.add_product(["A"], stock=5)
    stock(world, "U", 1)
    stock(world, "A", 5)
    await world.start()
    await link(world)
    await world.live(3 * MINUTE)
    assert pushes(world, "U") == []
    return product


def off_sale(world: World) -> int:
    return len(world.tiktok.called("products.deactivate"))


@pytest.mark.parametrize("ordered", [True, False])
def test_sold_is_taken_off_sale_once_and_never_comes_back(ordered: bool) -> None:
    async def story(world: World) -> None:
        product = await piece(world)
        order_id = world.tiktok.place_order(["U"]) if ordered else ""
        await world.live(10)
        stock(world, "U", 0)
        await world.live(5 * MINUTE)
        assert off_sale(world) == 1
        assert world.tiktok.catalogue.products[product].status == "SELLER_DEACTIVATED"
        if ordered:
            world.tiktok.cancel_order(order_id)
        stock(world, "U", 1)
        await world.live(HOUR)
        assert opened(world).keys() == {"preowned_needs_new_product"}
        await ask(world)
        await world.live(10 * MINUTE)
        await world.stop()
        await world.start()
        await world.live(10 * MINUTE)
        assert off_sale(world) == 1
        assert pushes(world, "U") == []
        assert world.tiktok.called("products.activate") == []
        assert world.tiktok.catalogue.products[product].status == "SELLER_DEACTIVATED"
        assert live(world, "A") == 5

    play(story, settings=EVERY)


def test_a_resync_skips_it_and_counts_it_as_skipped() -> None:
    async def story(world: World) -> None:
        from tests.scenarios.stage import fact

        await piece(world)
        await ask(world)
        await world.live(5 * MINUTE)
        known = fact(world, "resync")
        assert (known["marked"], known["skipped"]) == (1, 1)
        assert pushes(world, "U") == []

    play(story, settings=EVERY)


def test_an_order_cancelled_inside_the_hold_does_not_bring_it_back() -> None:
    async def story(world: World) -> None:
        product = await piece(world)
        order_id = world.tiktok.place_order(["U"])
        poke(world, "orders")
        await world.live(2 * MINUTE)
        assert off_sale(world) == 1, "an order takes the only piece at once"
        world.tiktok.cancel_order(order_id)
        await world.live(10 * MINUTE)
        assert pushes(world, "U") == []
        assert world.tiktok.catalogue.products[product].status == "SELLER_DEACTIVATED"
        assert opened(world).keys() == {"preowned_needs_new_product"}

    play(story, settings=EVERY)
