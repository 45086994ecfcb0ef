"""S04 Push inventory: absolute, every warehouse, newest wins, and what TikTok does not take is not looped on."""

from __future__ import annotations

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import HOUR, MINUTE, opened, play, row, sql
from tests.scenarios.stock_stage import link, live, live_by_warehouse, poke, pushes, sku_id, stock
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s"}


async def linked(world: World, *skus: str, on_hand: int = 10) -> None:
    """A shop whose SKUs have what Pipe17 says."""
    for sku in skus:
        world.tiktok.seller.add_product([sku], stock=on_hand)
        stock(world, sku, on_hand)
    await world.start()
    await link(world)
    await world.live(2 * MINUTE)


async def polled(world: World) -> None:
    poke(world)
    await world.live(5)


def test_a_change_arrives_absolute_and_in_every_warehouse() -> None:
    async def story(world: World) -> None:
        second = world.tiktok.seller.add_warehouse("Second")
        main = next(iter(world.tiktok.logistics.list_warehouses(None)["warehouses"]))["id"]  # type: ignore[arg-type]
        world.tiktok.seller.add_product(["A"], stock={main: 7, second: 3})
        stock(world, "A", 10)
        await world.start()
        await link(world)
        await polled(world)
        before = len(pushes(world))
        stock(world, "A", 7)
        await polled(world)
        assert len(pushes(world)) == before + 1
        (sku,) = pushes(world)[-1].body["skus"]
        assert {place["warehouse_id"]: place["quantity"] for place in sku["inventory"]} == {main: 7, second: 0}
        assert live_by_warehouse(world, "A") == {main: 7, second: 0}

    play(story, settings=EVERY)


def test_a_change_is_at_tiktok_within_two_seconds_of_being_seen() -> None:
    async def story(world: World) -> None:
        await linked(world, "A")
        stock(world, "A", 7)
        poke(world)
        await world.live(2)
        assert live(world, "A") == 7

    play(story, settings={"INVENTORY_EVERY": "1h"})


def test_newest_wins_and_what_is_between_is_not_sent() -> None:
    async def story(world: World) -> None:
        await linked(world, "A")
        world.faults["tiktok"].add(Fault(FaultKind.DELAY, "inventory.update", times=1, delay_ms=3000))
        before = len(pushes(world))
        for units in (9, 8, 7):
            stock(world, "A", units)
            poke(world)
            await world.live(0.6)
        await world.live(MINUTE)
        assert live(world, "A") == 7
        assert len(pushes(world)) - before <= 2

    play(story, settings={"INVENTORY_EVERY": "1h"})


def test_a_campaign_keeps_the_stock_and_nobody_else_waits() -> None:
    async def story(world: World) -> None:
        await linked(world, "A", "B")
        world.tiktok.seller.lock_campaign("A")
        stock(world, "A", 7)
        stock(world, "B", 6)
        await polled(world)
        text = opened(world, sku_id(world, "A"))["stock_locked_by_campaign"]
        assert "TikTok has 10" in text
        assert "wanted is 7" in text
        assert (live(world, "A"), live(world, "B")) == (10, 6)
        before = len(pushes(world, "A"))
        await world.live(HOUR)
        assert 1 <= len(pushes(world, "A")) - before <= 2
        world.tiktok.seller.unlock_campaign("A")
        await world.live(HOUR)
        assert live(world, "A") == 7
        assert opened(world) == {}

    play(story, settings=EVERY)


@pytest.mark.parametrize("refusals", ["sku", "call"])
def test_stock_that_is_not_ours_is_recognised_once_and_never_sent_again(refusals: str) -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(["A", "S"], stock=10)
        stock(world, "A", 10)
        stock(world, "S", 10)
        await world.start()
        await link(world)
        await world.live(2 * MINUTE)
        world.tiktok.seller.change_sku("S", shared=True)
        for units in (9, 8, 7):
            stock(world, "A", units)
            stock(world, "S", units)
            await world.live(2 * MINUTE)
        assert live(world, "A") == 7
        refused = [call for call in pushes(world, "S") if "S" in str(call.body) or call.code]
        assert len([call for call in refused if call.at_ms > 0]) <= 4
        assert row(world, "inventory", sku_id(world, "S")).state == "dropped"  # type: ignore[union-attr]
        assert opened(world) == {}

    from tests.scenarios.stage import shop

    play(story, settings=EVERY, tiktok=shop(inventory_refusals=refusals))


def test_a_product_that_is_off_sale_is_left_alone_until_it_is_back() -> None:
    async def story(world: World) -> None:
        await linked(world, "A")
        product = world.tiktok.catalogue.by_seller_sku("A")[0].product_id
        world.tiktok.seller.change_product(product, status="FREEZE")
        stock(world, "A", 7)
        await polled(world)
        before = len(pushes(world))
        await world.live(HOUR)
        assert len(pushes(world)) == before
        assert live(world, "A") == 10
        world.tiktok.seller.change_product(product, status="ACTIVATE")
        await link(world)
        await world.live(2 * MINUTE)
        assert live(world, "A") == 7

    play(story, settings=EVERY)


def test_other_warehouses_than_we_knew_are_read_and_named() -> None:
    async def story(world: World) -> None:
        await linked(world, "A")
        second = world.tiktok.seller.add_warehouse("Second")
        main = next(iter(live_by_warehouse(world, "A")))
        world.tiktok.seller.set_stock("A", {main: 10, second: 5})
        stock(world, "A", 7)
        await polled(world)
        await world.live(10)
        assert live_by_warehouse(world, "A") == {main: 7, second: 0}
        assert opened(world) == {}

    play(story, settings=EVERY)


def test_a_disabled_warehouse_does_not_keep_the_other_from_its_stock() -> None:
    async def story(world: World) -> None:
        second = world.tiktok.seller.add_warehouse("Second")
        main = next(iter(world.tiktok.logistics.list_warehouses(None)["warehouses"]))["id"]  # type: ignore[arg-type]
        world.tiktok.seller.add_product(["A"], stock={main: 10, second: 0})
        stock(world, "A", 10)
        await world.start()
        await link(world)
        await polled(world)
        world.tiktok.seller.set_warehouse(second, "DISABLED")
        stock(world, "A", 7)
        await polled(world)
        await world.live(10)
        assert live_by_warehouse(world, "A")[main] == 7
        assert opened(world) == {}

    play(story, settings=EVERY)


def test_skus_of_a_product_share_a_call() -> None:
    async def story(world: World) -> None:
        skus = [f"V{number}" for number in range(8)]
        world.tiktok.seller.add_product(skus, stock=10)
        for sku in skus:
            stock(world, sku, 10)
        await world.start()
        await link(world)
        await world.live(2 * MINUTE)
        before = len(pushes(world))
        for sku in skus:
            stock(world, sku, 4)
        await polled(world)
        assert len(pushes(world)) == before + 1
        assert [live(world, sku) for sku in skus] == [4] * 8

    play(story, settings=EVERY)


def test_a_lost_answer_is_looked_up_before_anything_is_sent_again() -> None:
    async def story(world: World) -> None:
        await linked(world, "A")
        world.faults["tiktok"].add(Fault(FaultKind.LOST_ANSWER, "inventory.update", times=1))
        before = len(pushes(world))
        stock(world, "A", 7)
        await polled(world)
        await world.live(MINUTE)
        assert live(world, "A") == 7
        assert len(pushes(world)) == before + 1
        assert world.tiktok.called("inventory.search")

    play(story, settings=EVERY)


def test_a_restart_with_nothing_new_sends_nothing_and_a_kill_loses_nothing() -> None:
    async def story(world: World) -> None:
        await linked(world, "A")
        stock(world, "A", 7)
        await polled(world)
        before = len(pushes(world))
        await world.kill()
        await world.start()
        await world.live(5 * MINUTE)
        assert len(pushes(world)) == before
        stock(world, "A", 5)
        world.crash_at = ("effect", 3)
        await world.live(5 * MINUTE)
        assert live(world, "A") == 5
        assert sql(world, "SELECT count(*) FROM outbox WHERE flow = 'inventory' AND state <> 'done'") == [(0,)]

    play(story, settings=EVERY)


def test_an_order_takes_its_units_at_once_and_only_once() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(["A"], stock=10)
        world.tiktok.seller.add_product(
            [{"seller_sku": "A", "id": "1729000000000000999"}], product_id="1729000000000000998", stock=10
        )
        stock(world, "A", 10)
        await world.start()
        await link(world)
        await world.live(2 * MINUTE)
        twins = world.tiktok.catalogue.by_seller_sku("A")
        order_id = world.tiktok.place_order(["A", "A"])
        poke(world, "orders")
        await world.live(3)
        assert [twin.total_available for twin in twins] == [8, 8], "also where TikTok does not take them by itself"
        for _ in range(20):
            await world.live(10 * MINUTE)
            assert [twin.total_available for twin in twins] == [8, 8]
        world.tiktok.cancel_order(order_id)
        await world.live(10 * MINUTE)
        assert [twin.total_available for twin in twins] == [10, 10]

    play(story, settings=EVERY)


def test_an_unpaid_order_holds_its_units_without_being_in_pipe17() -> None:
    async def story(world: World) -> None:
        await linked(world, "A")
        order_id = world.tiktok.place_order(["A"], paid=False)
        await world.live(2 * MINUTE)
        stock(world, "A", 12)
        await world.live(2 * MINUTE)
        assert live(world, "A") == 11
        world.tiktok.cancel_order(order_id)
        await world.live(3 * MINUTE)
        assert live(world, "A") == 12

    play(story, settings=EVERY)
