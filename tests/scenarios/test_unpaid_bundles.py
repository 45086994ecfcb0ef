"""What an unpaid virtual bundle is made of is off sale at once, though TikTok's search does not say what that is."""

from __future__ import annotations

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok.pricing import UnitSpec, id_of
from tests.scenarios.stage import HOUR, MINUTE, cursor, differences, play, row, shop, sql
from tests.scenarios.stock_stage import link, live, poke, stock
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s", "INVENTORY_RESYNC_ON_START": "false", "PRODUCTS": "off"}
SET = UnitSpec("V", "30", parts=(("A", 2, "10"), ("B", 1, "10")))
HIDDEN = shop(sparse=1.0)
"""Its search shows no recipe at all."""


async def opened_shop(world: World, *, linked: bool = True) -> None:
    for sku in ("A", "B", "C"):
        world.tiktok.seller.add_product([sku], stock=20)
        stock(world, sku, 20)
    members = tuple((id_of(sku, "sku"), count) for sku, count, _ in SET.parts)
    if linked:
        world.tiktok.seller.add_product([{"seller_sku": "V", "bundle": members}], stock=5)
    await world.start()
    await link(world)
    await world.live(3 * MINUTE)


def reserved(world: World) -> dict[str, int]:
    return dict(sql(world, "SELECT sku, sum(units) FROM reservations WHERE counted = 0 GROUP BY sku"))


def details(world: World) -> int:
    return len(world.tiktok.called("orders.detail"))


@pytest.mark.parametrize("linked", [True, False], ids=["a known bundle", "a SKU that nobody knows"])
def test_its_parts_stay_off_sale_whatever_pipe17_says_meanwhile(*, linked: bool) -> None:
    async def story(world: World) -> None:
        await opened_shop(world, linked=linked)
        order_id = world.tiktok.place_order([SET, "C"], paid=False)
        poke(world, "orders")
        await world.live(1)
        assert reserved(world) == {"A": 2, "B": 1, "C": 1}, "with the first look at it"
        assert details(world) == 1
        stock(world, "A", 15)
        stock(world, "B", 15)
        await world.live(30 * MINUTE)
        assert [live(world, sku) for sku in ("A", "B", "C")] == [13, 14, 19]
        assert details(world) == 1, "once, however often the search shows it"
        world.tiktok.pay(order_id)
        await world.live(2 * HOUR)
        assert [live(world, sku) for sku in ("A", "B", "C")] == [13, 14, 19]
        assert differences(world) == []

    play(story, settings=EVERY, tiktok=HIDDEN)


def test_one_that_came_and_went_between_two_looks_gives_its_parts_back() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        await world.live(20)  # between two polls of orders
        order_id = world.tiktok.place_order([SET], paid=False)
        stock(world, "A", 25)
        poke(world)
        await world.live(5)
        assert live(world, "A") == 25, "pushed by one that has not seen the order"
        world.tiktok.cancel_order(order_id)
        assert live(world, "A") == 27
        await world.live(10 * MINUTE)
        assert live(world, "A") == 25

    play(story, settings=EVERY, tiktok=HIDDEN)


def test_many_share_a_call_and_orders_without_bundles_need_none() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        for _ in range(30):
            world.tiktok.place_order(["A"], paid=False)
        poke(world, "orders")
        await world.live(10 * MINUTE)
        assert details(world) == 0
        for _ in range(60):
            world.tiktok.place_order([SET], paid=False)
        poke(world, "orders")
        await world.live(10 * MINUTE)
        assert details(world) == 2

    play(story, settings=EVERY, tiktok=HIDDEN)


def test_it_is_not_read_where_no_stock_is_sent() -> None:
    async def story(world: World) -> None:
        await world.start()
        world.tiktok.place_order([SET], paid=False)
        await world.live(5 * MINUTE)
        assert details(world) == 0

    play(story, tiktok=HIDDEN)


def test_an_order_does_not_wait_for_its_recipe_and_the_recipe_is_not_forgotten() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        world.faults["tiktok"].add(Fault(FaultKind.SERVER_ERROR, "orders.detail", times=None))
        before = cursor(world, "orders")
        order_id = world.tiktok.place_order([SET, "C"], paid=False)
        later = world.tiktok.place_order(["C"], paid=False)
        await world.live(20 * MINUTE)
        assert [row(world, "orders", one).state for one in (order_id, later)] == ["held"] * 2  # type: ignore[union-attr]
        assert reserved(world) == {"C": 2, "V": 1}
        stands = cursor(world, "orders")
        assert before is not None
        assert stands is not None
        assert stands - before <= MINUTE * 1000, "the window is read again"
        world.faults["tiktok"].clear()
        await world.live(2 * MINUTE)
        assert reserved(world) == {"A": 2, "B": 1, "C": 2}
        assert (cursor(world, "orders") or 0) > stands

    play(story, settings=EVERY, tiktok=HIDDEN)


def test_a_detail_that_is_refused_for_good_holds_nothing_up() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        refused = Fault(FaultKind.REFUSE, "orders.detail", times=None, status=200, code=21008111, message="no")
        world.faults["tiktok"].add(refused)
        before = cursor(world, "orders")
        world.tiktok.place_order([SET], paid=False)
        await world.live(5 * MINUTE)
        assert reserved(world) == {"V": 1}
        assert (cursor(world, "orders") or 0) > (before or 0) + 2 * MINUTE * 1000

    play(story, settings=EVERY, tiktok=HIDDEN)


def test_what_the_platform_ships_takes_nothing_from_the_sellers_warehouses() -> None:
    """S23.1"""

    async def story(world: World) -> None:
        await opened_shop(world)
        world.tiktok.place_order(["A"], fulfillment_type="FULFILLMENT_BY_TIKTOK", paid=False)
        world.tiktok.place_order(["A"], fulfillment_type="FULFILLMENT_BY_TIKTOK")
        await world.live(10 * MINUTE)
        assert (reserved(world), live(world, "A")) == ({}, 20)

    play(story, settings=EVERY | {"ORDERS_PULL_SHIPPED_BY_PLATFORM": "true"})


def test_on_hold_and_not_pulled_its_parts_are_taken_all_the_same() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        world.tiktok.place_order([SET])
        await world.live(2 * MINUTE)
        stock(world, "A", 15)
        await world.live(5 * MINUTE)
        assert live(world, "A") == 13

    play(story, settings=EVERY | {"ORDERS_PULL_ON_HOLD": "false"}, tiktok=HIDDEN)
