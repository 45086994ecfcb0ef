"""Small worlds about what stands between Pipe17's figures and what TikTok sells: orders that give back, bundles, marks
at Pipe17's products, warehouses that are switched off. Each says in words what is wrong at its end (I4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE
from daemon.sandbox.tiktok.pricing import UnitSpec, id_of
from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.scenarios.stock_stage import link, live, live_by_warehouse, poke, pushes, stock
from tests.sim.world import World

MINUTE_S = 60.0
INTEGRATION = "b7712ce05d9f3a48"
NORTH = "10c000000000000a"
SET = UnitSpec("V", "30", parts=(("A", 2, "10"), ("B", 1, "10")))
CALM = {
    "ORDERS_EVERY": "60s",
    "INVENTORY_EVERY": "60s",
    "INVENTORY_RESYNC_ON_START": "false",
    "PRODUCTS": "off",
    "FULFILLMENTS": "off",
    "PIPE17_INTEGRATION_ID": INTEGRATION,
}


def gone_between_two_looks(*, slow: bool) -> list[str]:
    """An order is placed and cancelled before the daemon looks, and a level is sent in between; `slow`: the answer to
    it comes after the cancel was read."""

    async def story(world: World) -> list[str]:
        await _opened(world, {"A": 10})
        if slow:
            world.faults["tiktok"].add(Fault(FaultKind.DELAY, "inventory.update", times=1, delay_ms=8_000))
        await world.live(20)
        order_id = world.tiktok.place_order(["A"])
        stock(world, "A", 15)
        poke(world)
        await world.live(5)
        world.tiktok.cancel_order(order_id)
        poke(world, "orders")
        await world.live(5 * MINUTE_S)
        return _sold(world, {"A": 15})

    return _played(story)


def bundles_wait_for_their_buyers() -> list[str]:
    """Unpaid bundles, in a search that never says what they are made of, while Pipe17's levels move."""

    async def story(world: World) -> list[str]:
        members = tuple((id_of(sku, "sku"), count) for sku, count, _ in SET.parts)
        world.tiktok.seller.add_product([{"seller_sku": "A"}, {"seller_sku": "B", "options": (("Color", "red"),)}])
        world.tiktok.seller.add_product([{"seller_sku": "V", "bundle": members}], stock=5)
        await _opened(world, {"A": 20, "B": 20}, listed=False)
        world.tiktok.place_order([SET], paid=False)
        await world.live(2 * MINUTE_S)
        for sku in ("A", "B"):
            stock(world, sku, 15)
        await world.live(5 * MINUTE_S)
        return _sold(world, {"A": 13, "B": 14})

    return _played(story, TikTokOptions(index_lag_ms=0, sparse=1.0))


def marked_by_people() -> list[str]:
    """People mark one piece as pre-owned, keep some of another back, and change their minds."""

    async def story(world: World) -> list[str]:
        keeper = world.pipe17.keeper
        keeper.add_product({"sku": "U", "name": "A teapot", "tags": ["pre-owned"]}, INTEGRATION)
        keeper.add_product({"sku": "A", "name": "A cup", **_kept_back(2)}, INTEGRATION)
        keeper.add_product({"sku": "B", "name": "A bowl"}, INTEGRATION)
        await _opened(world, {"U": 1, "A": 10, "B": 10})
        found = _sold(world, {"A": 8, "B": 10})
        keeper.change_product("A", **_kept_back(5))
        keeper.change_product("B", **_kept_back(3))
        stock(world, "U", 0)
        await world.live(5 * MINUTE_S)
        found += _sold(world, {"A": 5, "B": 7})
        if pushes(world, "U"):
            found.append("I4 U: a quantity was sent for a pre-owned piece")
        product = world.tiktok.catalogue.product(world.tiktok.catalogue.by_seller_sku("U")[0].product_id)
        if product.status != "SELLER_DEACTIVATED":
            found.append("I4 U: a pre-owned piece was sold elsewhere and is still for sale")
        return found

    return _played(story)


def a_warehouse_is_switched_off() -> list[str]:
    """All stock goes to the default warehouse, which is switched off; later it is on again."""

    async def story(world: World) -> list[str]:
        second = world.tiktok.seller.add_warehouse("Second")
        world.tiktok.seller.add_product(["A"], stock={MAIN_WAREHOUSE: 10, second: 0})
        await _opened(world, {"A": 10}, listed=False)
        found = []
        for status, place in (("DISABLED", second), ("ENABLED", MAIN_WAREHOUSE)):
            world.tiktok.seller.set_warehouse(MAIN_WAREHOUSE, status)
            poke(world, "locations")
            await world.live(5 * MINUTE_S)
            levels = live_by_warehouse(world, "A")
            if levels[place] != 10:
                found.append(f"I4 A: the default warehouse is {status.lower()}, and TikTok sells {levels}")
        return found

    return _played(story)


def _kept_back(units: int) -> dict[str, object]:
    return {"mappedProduct": {"integrationId": INTEGRATION, "bufferInventory": units}}


async def _opened(world: World, counted: Mapping[str, int], *, listed: bool = True) -> None:
    """List the SKUs, count them in Pipe17, and let the daemon bring both in step."""
    for sku, units in counted.items():
        if listed:
            world.tiktok.seller.add_product([sku], stock=units)
        stock(world, sku, units)
    await world.start()
    await link(world)
    await world.live(3 * MINUTE_S)


def _sold(world: World, wanted: Mapping[str, int]) -> list[str]:
    sold = {sku: live(world, sku) for sku in wanted}
    return [
        f"I4 {sku}: TikTok sells {sold[sku]}, there are {units}" for sku, units in wanted.items() if sold[sku] != units
    ]


def _played(story: Callable[[World], Awaitable[list[str]]], tiktok: TikTokOptions | None = None) -> list[str]:
    async def live_through(loop: VirtualLoop) -> list[str]:
        options = tiktok or TikTokOptions(index_lag_ms=0)
        options.restless_rows = 0.0
        world = World(loop, 17, tiktok=options, settings=CALM)
        try:
            return [*await story(world), *map(str, world.broken)]
        finally:
            await world.aclose()

    return run_virtual(live_through)
