"""S06: a warehouse that is switched off or on at TikTok is left out of the stock, or in it again, at once."""

from __future__ import annotations

from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE
from tests.scenarios.stage import MINUTE, opened, play
from tests.scenarios.stock_stage import link, live_by_warehouse, poke, pushes, stock
from tests.sim.world import World

NORTH = "10c000000000000a"
CALM = {"INVENTORY_EVERY": "1h", "LOCATIONS_EVERY": "1h", "PRODUCTS_EVERY": "1h", "INVENTORY_RESYNC_ON_START": "false"}


async def two_warehouses(world: World, *skus: str) -> str:
    """SKUs kept in two warehouses, each with a location of its own; the second one."""
    second = world.tiktok.seller.add_warehouse("Second")
    world.pipe17.keeper.add_location("North", NORTH)
    world.settings = world.settings.model_copy(
        update={"inventory_location_map": {world.pipe17.options.location: MAIN_WAREHOUSE, NORTH: second}}
    )
    for sku in skus:
        world.tiktok.seller.add_product([sku], stock={MAIN_WAREHOUSE: 7, second: 3})
        stock(world, sku, 7)
        stock(world, sku, 3, NORTH)
    await world.start()
    await link(world)
    await world.live(3 * MINUTE)
    return second


def test_s06_2_pushes_leave_it_out_without_failing_the_other_and_it_is_in_again_at_once() -> None:
    async def story(world: World) -> None:
        second = await two_warehouses(world, "A", "B")
        before = len(pushes(world))
        world.tiktok.seller.set_warehouse(second, "DISABLED")
        poke(world, "locations")
        await world.live(5)
        sent = pushes(world)[before:]
        assert len(sent) == 2, "with the change of the warehouse, not with the next change of a SKU"
        for call in sent:
            assert call.code == 0
            (named,) = call.body["skus"]
            assert named["inventory"] == [{"warehouse_id": MAIN_WAREHOUSE, "quantity": 7}]
        stock(world, "A", 1, NORTH)
        poke(world)
        await world.live(5)
        assert len(pushes(world)) == before + 2, "nothing is known to TikTok of what lies there"
        world.tiktok.seller.set_warehouse(second, "ENABLED")
        poke(world, "locations")
        await world.live(5)
        assert live_by_warehouse(world, "A") == {MAIN_WAREHOUSE: 7, second: 1}
        assert live_by_warehouse(world, "B") == {MAIN_WAREHOUSE: 7, second: 3}
        assert opened(world) == {}

    play(story, settings=CALM)


def test_the_stock_follows_the_default_warehouse() -> None:
    async def story(world: World) -> None:
        second = world.tiktok.seller.add_warehouse("Second")
        world.tiktok.seller.add_product(["A"], stock={MAIN_WAREHOUSE: 10, second: 0})
        stock(world, "A", 10)
        await world.start()
        await link(world)
        await world.live(3 * MINUTE)
        world.tiktok.seller.set_warehouse(MAIN_WAREHOUSE, "DISABLED")
        poke(world, "locations")
        await world.live(5)
        assert live_by_warehouse(world, "A")[second] == 10
        (named,) = pushes(world, "A")[-1].body["skus"]
        assert [place["warehouse_id"] for place in named["inventory"]] == [second]

    play(story, settings=CALM)


def test_to_leave_out_what_tiktok_does_not_sell_is_no_loss_to_ask_about() -> None:
    """Everything lies in the warehouse that is switched off."""

    async def story(world: World) -> None:
        skus = [f"V{number}" for number in range(6)]
        second = await two_warehouses(world, *skus)
        for number, sku in enumerate(skus):
            stock(world, sku, 30, NORTH)
            stock(world, sku, 0 if number < 2 else 7)
        poke(world)
        await world.live(5)
        for sku in skus[2:]:
            stock(world, sku, 0)
        poke(world)
        await world.live(5)
        world.tiktok.seller.set_warehouse(second, "DISABLED")
        poke(world, "locations")
        await world.live(5)
        assert opened(world) == {}
        for sku in skus:
            (named,) = pushes(world, sku)[-1].body["skus"]
            assert [place["warehouse_id"] for place in named["inventory"]] == [MAIN_WAREHOUSE]

    play(story, settings=CALM)
