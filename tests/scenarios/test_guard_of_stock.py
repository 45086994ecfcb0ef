"""The guard: a cycle beyond reason is held before its first call, however it comes, until a person approves it."""

from __future__ import annotations

import pytest

from daemon.flows import stock_judge
from tests.scenarios.stage import HOUR, MINUTE, fact, opened, play, sql
from tests.scenarios.stock_stage import link, live, pushes, stock
from tests.scenarios.test_s42_resync import ask
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s"}
SKUS = [f"S{number}" for number in range(10)]


async def shelves(world: World, skus: list[str] = SKUS) -> None:
    """Ten SKUs with ten units each on both sides."""
    for sku in skus:
        world.tiktok.seller.add_product([sku], stock=10)
        stock(world, sku, 10)
    await world.start()
    await link(world)
    await world.live(2 * MINUTE)


async def approve(world: World) -> dict[str, object]:
    assert world.parts is not None
    assert world.daemon is not None
    assert world.daemon.stock is not None
    now_ms = world.clock.now_ms()
    answer = await world.parts.database.write(lambda tx: stock_judge.approve(tx, now_ms, "test"))
    world.daemon.stock.bell.ring()
    return answer


def test_a_cycle_that_empties_the_shelves_waits_for_a_person() -> None:
    async def story(world: World) -> None:
        await shelves(world)
        before = len(pushes(world))
        for sku in SKUS[:4]:
            stock(world, sku, 0)
        stock(world, "S9", 7)
        await world.live(10 * MINUTE)
        assert len(pushes(world)) == before, "the cycle as a whole stops before its first call"
        known = fact(world, "inventory_guard")
        assert (known["zeroed"], known["linked"]) == (4, 10)
        assert sorted((one["sku"], one["before"], one["after"]) for one in known["sample"]) == [
            (sku, 10, 0) for sku in SKUS[:4]
        ]
        assert "4 of 10 linked SKUs would go to zero" in opened(world)["inventory_guard"]
        await world.kill()
        await world.start()
        await world.live(10 * MINUTE)
        assert len(pushes(world)) == before
        assert (await approve(world))["approved"]
        await world.live(2 * MINUTE)
        assert [live(world, sku) for sku in SKUS] == [0, 0, 0, 0, 10, 10, 10, 10, 10, 7]
        assert opened(world) == {}
        assert not (await approve(world))["approved"]

    play(story, settings=EVERY)


def test_others_go_on_while_a_cycle_is_held_and_orders_too() -> None:
    async def story(world: World) -> None:
        await shelves(world)
        for sku in SKUS[:4]:
            stock(world, sku, 0)
        await world.live(3 * MINUTE)
        stock(world, "S8", 6)
        world.tiktok.place_order(["S7"])
        await world.live(5 * MINUTE)
        assert (live(world, "S8"), live(world, "S7"), live(world, "S0")) == (6, 9, 10)
        assert set(opened(world)) == {"inventory_guard"}

    play(story, settings=EVERY)


def test_figures_that_recover_need_nobody() -> None:
    async def story(world: World) -> None:
        await shelves(world)
        for sku in SKUS:
            stock(world, sku, 0)
        await world.live(3 * MINUTE)
        assert set(opened(world)) == {"inventory_guard"}
        for sku in SKUS:
            stock(world, sku, 9)
        await world.live(3 * MINUTE)
        assert opened(world) == {}
        assert {live(world, sku) for sku in SKUS} == {9}

    play(story, settings=EVERY)


@pytest.mark.parametrize("killed", [False, True])
def test_slices_are_one_cycle(killed: bool) -> None:
    async def story(world: World) -> None:
        await shelves(world)
        for sku in SKUS:
            stock(world, sku, 0)
            await world.live(3 * MINUTE)
            if killed:
                await world.kill()
                await world.start()
        assert sum(live(world, sku) == 0 for sku in SKUS) == 3
        assert set(opened(world)) == {"inventory_guard"}

    play(story, settings=EVERY)


def test_selling_out_over_a_day_is_no_cycle() -> None:
    async def story(world: World) -> None:
        await shelves(world)
        for sku in SKUS:
            stock(world, sku, 0)
            await world.live(HOUR)
        assert {live(world, sku) for sku in SKUS} == {0}
        assert opened(world) == {}

    play(story, settings=EVERY)


def test_a_wild_cycle_of_many_pages_is_held_whole() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.create_products(1200, stock=20)
        skus = [sku.seller_sku for sku in world.tiktok.catalogue.skus.values()]
        world.pipe17.keeper.create_stock(skus, 20)
        await world.start()
        await link(world)
        await world.live(3 * MINUTE)
        before = len(pushes(world))
        world.pipe17.keeper.create_stock(skus[:700], 1)
        await world.live(5 * MINUTE)
        assert len(pushes(world)) == before
        assert "nearly everything" in opened(world)["inventory_guard"]
        assert sql(world, "SELECT count(*) FROM stock_changes WHERE held = 1") == [(700,)]
        assert (await approve(world))["approved"]
        await world.live(5 * MINUTE)
        assert sum(live(world, sku) == 1 for sku in skus) == 700

    play(story, settings=EVERY | {"TIKTOK_REQUESTS_PER_SECOND": "50"})


def test_the_share_is_a_setting() -> None:
    async def story(world: World) -> None:
        await shelves(world)
        for sku in SKUS:
            stock(world, sku, 0)
        await world.live(5 * MINUTE)
        assert {live(world, sku) for sku in SKUS} == {0}

    play(story, settings=EVERY | {"INVENTORY_GUARD": "100%"})


def test_what_was_approved_does_not_count_against_the_next_one_that_is_sold_out() -> None:
    async def story(world: World) -> None:
        await shelves(world)
        for sku in SKUS[:4]:
            stock(world, sku, 0)
        await world.live(3 * MINUTE)
        assert (await approve(world))["approved"]
        await world.live(2 * MINUTE)
        stock(world, "S5", 0)
        await world.live(3 * MINUTE)
        assert live(world, "S5") == 0
        assert opened(world) == {}

    play(story, settings=EVERY)


def test_an_approval_is_for_what_was_held_and_not_for_what_comes_after() -> None:
    async def story(world: World) -> None:
        await shelves(world)
        for sku in SKUS[:4]:
            stock(world, sku, 0)
        await world.live(3 * MINUTE)
        for sku in SKUS[4:]:
            stock(world, sku, 0)
        assert (await approve(world))["approved"]
        await world.live(5 * MINUTE)
        assert [live(world, sku) for sku in SKUS] == [0] * 4 + [10] * 6
        assert "6 of 10" in opened(world)["inventory_guard"]

    play(story, settings=EVERY)


def test_the_share_is_one_of_the_skus_that_are_ours_to_push() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.create_products(30, stock=10)
        await shelves(world)
        for sku in SKUS[:4]:
            stock(world, sku, 0)
        await world.live(5 * MINUTE)
        assert [live(world, sku) for sku in SKUS[:4]] == [10] * 4
        assert "4 of 10 linked SKUs" in opened(world)["inventory_guard"]

    play(story, settings=EVERY | {"INVENTORY_SKUS": ",".join(SKUS), "PRODUCTS": "off"})


def test_a_resync_lets_nothing_pass_that_is_held() -> None:
    async def story(world: World) -> None:
        await shelves(world)
        for sku in SKUS[:4]:
            stock(world, sku, 0)
        await world.live(3 * MINUTE)
        before = len(pushes(world))
        await ask(world)
        await world.live(5 * MINUTE)
        assert fact(world, "resync")["phase"] == "done"
        assert len(pushes(world)) - before == 6, "the others are sent once more"
        assert {live(world, sku) for sku in SKUS} == {10}
        assert set(opened(world)) == {"inventory_guard"}
        assert (await approve(world))["approved"]
        await world.live(2 * MINUTE)
        assert [live(world, sku) for sku in SKUS[:4]] == [0] * 4

    play(story, settings=EVERY | {"PRODUCTS": "off"})
