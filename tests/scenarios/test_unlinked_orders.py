"""An order for a SKU that no product is known to carry: the product is read at once, and only then a person is told."""

from __future__ import annotations

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok.pricing import UnitSpec
from tests.scenarios.stage import HOUR, MINUTE, opened, play, sql, status
from tests.scenarios.stock_stage import live, poke, stock
from tests.sim.world import World

PULLED = {"PRODUCTS_EVERY": "6h", "INVENTORY_EVERY": "60s", "INVENTORY_RESYNC_ON_START": "false"}


async def opened_shop(world: World) -> None:
    world.tiktok.seller.add_product(["A"], stock=20)
    stock(world, "A", 20)
    await world.start()
    await world.live(3 * MINUTE)


def told(world: World, order_id: str) -> str:
    return opened(world, order_id).get("sku_unlinked", "")


def rows(world: World) -> int:
    return int(sql(world, "SELECT count(*) FROM unlinked")[0][0])


def test_a_product_that_is_not_read_yet_is_read_ahead_of_its_turn() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        world.tiktok.seller.add_product(["NEW"], stock=20)
        stock(world, "NEW", 15)
        order_id = world.tiktok.place_order(["NEW", "NEW", "A"], paid=False)
        poke(world, "orders")
        await world.live(2 * MINUTE)
        assert sql(world, "SELECT seller_sku FROM links ORDER BY 1") == [("A",), ("NEW",)]
        assert live(world, "NEW") == 13, "with what the order took before the product was known"
        assert rows(world) == 0
        await world.live(HOUR)
        assert told(world, order_id) == ""

    play(story, settings=PULLED)


def test_what_is_in_no_product_is_told_and_goes_its_way_and_closes_by_itself() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        order_id = world.tiktok.place_order(["GHOST", "A"])
        other = world.tiktok.place_order(["GHOST"], paid=False)
        await world.live(8 * MINUTE)
        assert (told(world, order_id), status(world, order_id)) == ("", "onHold")
        await world.live(5 * MINUTE)
        assert "GHOST" in told(world, order_id)
        assert "GHOST" in told(world, other)
        await world.live(HOUR)
        assert status(world, order_id) == "readyForFulfillment"
        reads = len(world.tiktok.called("products.get"))
        await world.live(HOUR)
        assert len(world.tiktok.called("products.get")) == reads, "read once, not for ever"
        world.tiktok.seller.add_product(["GHOST"], stock=9)
        stock(world, "GHOST", 9)
        poke(world, "products")
        await world.live(3 * MINUTE)
        assert (told(world, order_id), told(world, other), rows(world)) == ("", "", 0)
        assert live(world, "GHOST") == 8, "the paid one is Pipe17's already, the unpaid one is not"

    play(story, settings=PULLED)


def test_it_closes_when_the_order_needs_it_no_more_and_stays_dismissed() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        gone, kept = (world.tiktok.place_order(["GHOST", "SPOOK"], paid=False) for _ in range(2))
        await world.live(15 * MINUTE)
        assert "seller SKUs GHOST, SPOOK" in told(world, gone)
        assert world.parts is not None
        now_ms = world.clock.now_ms()
        await world.parts.database.write(
            lambda tx: tx.one("exception_close", (now_ms, "somebody", "", "orders", kept, "sku_unlinked"))
        )
        world.tiktok.cancel_order(gone)
        world.tiktok.pay(kept)
        await world.live(2 * HOUR)
        assert (told(world, gone), told(world, kept)) == ("", "")
        assert {str(order) for (order,) in sql(world, "SELECT DISTINCT order_id FROM unlinked")} == {kept}

    play(story, settings=PULLED)


def test_when_one_of_two_is_found_it_says_what_is_left() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        order_id = world.tiktok.place_order(["GHOST", "SPOOK"], paid=False)
        await world.live(15 * MINUTE)
        world.tiktok.seller.add_product(["GHOST"], stock=9)
        poke(world, "products")
        await world.live(3 * MINUTE)
        assert "seller SKU SPOOK;" in told(world, order_id)

    play(story, settings=PULLED)


def test_the_parts_of_a_bundle_count_and_not_its_own_sku() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        known = world.tiktok.place_order([UnitSpec("SET", "30", parts=(("A", 2, "10"),))], paid=False)
        ghost = world.tiktok.place_order(
            [UnitSpec("SET-2", "30", parts=(("A", 1, "10"), ("GHOST", 1, "9")))], paid=False
        )
        await world.live(15 * MINUTE)
        assert (told(world, known), "GHOST" in told(world, ghost)) == ("", True)

    play(story, settings=PULLED)


def test_a_product_that_was_deleted_after_the_order_is_known() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        world.tiktok.seller.vanish_product(world.tiktok.catalogue.by_seller_sku("A")[0].product_id)
        order_id = world.tiktok.place_order(["A"], paid=False)
        await world.live(15 * MINUTE)
        assert (told(world, order_id), rows(world)) == ("", 0)

    play(story, settings=PULLED)


def test_where_products_are_not_pulled_nobody_is_told() -> None:
    async def story(world: World) -> None:
        await world.start()
        world.tiktok.place_order(["GHOST"])
        await world.live(HOUR)
        assert (opened(world), rows(world)) == ({}, 0)

    play(story)


def test_a_product_that_cannot_be_read_is_told_like_one_that_is_not_there() -> None:
    async def story(world: World) -> None:
        await opened_shop(world)
        world.faults["tiktok"].add(Fault(FaultKind.SERVER_ERROR, "products.*", times=None))
        world.tiktok.seller.add_product(["NEW"], stock=20)
        order_id = world.tiktok.place_order(["NEW"], paid=False)
        await world.live(15 * MINUTE)
        assert "NEW" in told(world, order_id)
        world.faults["tiktok"].clear()
        await world.live(5 * MINUTE)
        assert told(world, order_id) == "", "the hint was kept"

    play(story, settings=PULLED)
