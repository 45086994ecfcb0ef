"""S43, S44 and S45: one location, the total to the default warehouse, chosen SKUs; what is not known is not zero."""

from __future__ import annotations

from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import HOUR, MINUTE, fact, opened, play, sql
from tests.scenarios.stock_stage import link, live, live_by_warehouse, pushes, stock
from tests.scenarios.test_s42_resync import ask
from tests.sim.world import World

TOTAL = {"INVENTORY_EVERY": "60s", "INVENTORY_TOTAL_TO_DEFAULT": "true"}
L1, L2, L3 = "5ad3709be8c41f01", "5ad3709be8c41f02", "5ad3709be8c41f03"


def places(world: World) -> tuple[str, str]:
    """The default warehouse and a second one."""
    second = world.tiktok.seller.add_warehouse("Second")
    main = world.tiktok.logistics.list_warehouses(None)["warehouses"][0]["id"]  # type: ignore[arg-type]
    return main, second


async def settled(world: World) -> None:
    await world.start()
    await link(world)
    await world.live(3 * MINUTE)


def test_one_location_alone_and_changes_of_others_cause_no_call() -> None:
    async def story(world: World) -> None:
        main, second = places(world)
        world.tiktok.seller.add_product(["A"], stock={main: 1, second: 1})
        stock(world, "A", 5, L1)
        stock(world, "A", 9, L2)
        await settled(world)
        assert live_by_warehouse(world, "A") == {main: 5, second: 0}
        before = len(pushes(world))
        stock(world, "A", 30, L2)
        await world.live(5 * MINUTE)
        assert len(pushes(world)) == before

    play(story, settings={"INVENTORY_EVERY": "60s", "INVENTORY_LOCATION": L1})


def test_the_total_without_the_excluded_location() -> None:
    async def story(world: World) -> None:
        main, second = places(world)
        world.tiktok.seller.add_product(["A"], stock={main: 1, second: 1})
        for location, units in ((L1, 5), (L2, 7), (L3, 8)):
            stock(world, "A", units, location)
        await settled(world)
        assert live_by_warehouse(world, "A") == {main: 12, second: 0}

    play(story, settings=TOTAL | {"INVENTORY_LOCATIONS_EXCEPT": L3})


def test_one_location_down() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(["A"], stock=20)
        for location, units in ((L1, 5), (L2, 7), (L3, 8)):
            stock(world, "A", units, location)
        await settled(world)
        assert live(world, "A") == 20
        down = Fault(FaultKind.MISSING_LOCATION, "inventory.list", times=None, message=L3)
        world.faults["pipe17"].add(down)
        stock(world, "A", 2, L1)
        await world.live(2 * MINUTE)
        assert live(world, "A") == 17
        stock(world, "A", 30, L2)
        await world.live(5 * MINUTE)
        assert live(world, "A") == 17, "nothing is raised while part of it is not known"
        assert opened(world) == {}
        await world.live(HOUR)
        assert set(opened(world)) == {"inventory_partial"}
        before = len(pushes(world))
        stock(world, "A", 0, L1)
        await world.live(5 * MINUTE)
        assert len(pushes(world)) == before
        world.faults["pipe17"].clear()
        stock(world, "A", 3, L3)
        await world.live(3 * MINUTE)
        assert live(world, "A") == 33
        assert opened(world) == {}
        pushed = [sum(levels.values()) for _, _, levels in world.tiktok.stock.pushed]
        assert list(dict.fromkeys(pushed)) == [20, 17, 33], "never 9, never 0"

    play(story, settings=TOTAL)


def test_the_exact_total_when_the_location_is_back() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(["A"], stock=20)
        for location, units in ((L1, 5), (L2, 7), (L3, 8)):
            stock(world, "A", units, location)
        await settled(world)
        world.faults["pipe17"].add(Fault(FaultKind.MISSING_LOCATION, "inventory.list", times=None, message=L3))
        for location, units, sells in ((L1, 2, 17), (L2, 30, 17)):
            stock(world, "A", units, location)
            await world.live(2 * MINUTE)
            assert live(world, "A") == sells
        world.faults["pipe17"].clear()
        stock(world, "A", 3, L3)
        await world.live(2 * MINUTE)
        assert live(world, "A") == 2 + 30 + 3

    play(story, settings=TOTAL)


def test_a_location_that_comes_back_as_it_was_is_noticed() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(["A"], stock=20)
        for location, units in ((L1, 5), (L2, 7), (L3, 8)):
            stock(world, "A", units, location)
        await settled(world)
        world.faults["pipe17"].add(Fault(FaultKind.MISSING_LOCATION, "inventory.list", times=None, message=L3))
        stock(world, "A", 30, L2)
        await world.live(5 * MINUTE)
        assert live(world, "A") == 20
        world.faults["pipe17"].clear()
        await world.live(3 * MINUTE)
        assert live(world, "A") == 43

    play(story, settings=TOTAL)


def test_what_changes_in_a_location_while_it_is_silent_is_read_when_it_is_back() -> None:
    """Longer than readings overlap; nothing else changes, so that no reading has a reason to look at it."""

    async def story(world: World) -> None:
        for sku in ("A", "B"):
            world.tiktok.seller.add_product([sku], stock=20)
            for location, units in ((L1, 5), (L2, 7), (L3, 8)):
                stock(world, sku, units, location)
        await settled(world)
        world.faults["pipe17"].add(Fault(FaultKind.MISSING_LOCATION, "inventory.list", times=None, message=L3))
        await world.live(2 * MINUTE)
        stock(world, "A", 1, L3)
        await world.live(10 * MINUTE)
        await world.kill()
        await world.start()
        await world.live(20 * MINUTE)
        stock(world, "B", 6, L1)
        await world.live(10 * MINUTE)
        assert (live(world, "A"), live(world, "B")) == (20, 20)
        world.faults["pipe17"].clear()
        await world.live(2 * MINUTE)
        assert (live(world, "A"), live(world, "B")) == (13, 21)
        await world.live(10 * MINUTE)
        caught_up = [call for call in world.pipe17.called("inventory.list") if "locationId" in call.query]
        assert len(caught_up) == 1, "what it did not show is read once"

    play(story, settings=TOTAL | {"PRODUCTS": "off"})


def test_all_of_pipe17_down_lowers_for_an_order_and_stops_past_the_bound() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(["A"], stock=20)
        world.tiktok.seller.add_product(
            [{"seller_sku": "A", "id": "1729000000000000999"}], product_id="1729000000000000998", stock=20
        )
        stock(world, "A", 20, L1)
        await settled(world)
        twin = world.tiktok.catalogue.skus["1729000000000000999"]
        world.faults["pipe17"].add(Fault(FaultKind.SERVER_ERROR, "inventory.list", times=None))
        await world.live(10 * MINUTE)
        world.tiktok.place_order(["A"], paid=False)
        await world.live(2 * MINUTE)
        assert twin.total_available == 19
        await world.live(2 * HOUR)
        assert set(opened(world)) == {"inventory_partial"}
        world.tiktok.place_order(["A"], paid=False)
        await world.live(10 * MINUTE)
        assert twin.total_available == 19
        world.faults["pipe17"].clear()
        await world.live(5 * MINUTE)
        assert twin.total_available == 18
        assert opened(world) == {}

    play(story, settings=TOTAL | {"INVENTORY_STALE_AFTER": "1h"})


def test_a_first_reading_that_shows_nothing_zeroes_nothing() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(["A"], stock=20)
        stock(world, "A", 9, L1)
        world.faults["pipe17"].add(Fault(FaultKind.EMPTY_LIST, "inventory.list", times=3))
        await settled(world)
        await world.live(5 * MINUTE)
        assert live(world, "A") == 9
        assert [entry[2] for entry in world.tiktok.stock.pushed] == [live_by_warehouse(world, "A")]

    play(story, settings=TOTAL)


def test_a_page_that_ends_the_list_too_early_is_made_up_for() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.create_products(700, stock=20)
        skus = [sku.seller_sku for sku in world.tiktok.catalogue.skus.values()]
        world.pipe17.keeper.create_stock(skus, 9, [L1])
        await world.live(HOUR)
        world.faults["pipe17"].add(Fault(FaultKind.SHORT_PAGE, "inventory.list", times=1))
        await settled(world)
        assert {live(world, sku) for sku in skus} == {9}

    play(story, settings=TOTAL | {"TIKTOK_REQUESTS_PER_SECOND": "50"})


def test_what_pipe17_does_not_count_is_told_once_for_all() -> None:
    async def story(world: World) -> None:
        for sku in ("A", "B", "C"):
            world.tiktok.seller.add_product([sku], stock=10)
        stock(world, "A", 4)
        await settled(world)
        (told,) = opened(world, "catalogue").values()
        assert told.startswith("Pipe17 shows no stock of 2 SKUs that TikTok sells: B, C.")
        assert (live(world, "A"), live(world, "B")) == (4, 10)
        stock(world, "B", 5)
        await world.live(3 * MINUTE)
        (told,) = opened(world, "catalogue").values()
        assert "of 1 SKU that TikTok sells: C." in told
        stock(world, "C", 0)
        await world.live(3 * MINUTE)
        assert (opened(world, "catalogue"), live(world, "B"), live(world, "C")) == ({}, 5, 0)

    play(story, settings=TOTAL)


def test_only_chosen_skus() -> None:
    async def story(world: World) -> None:
        for sku in ("A", "B"):
            world.tiktok.seller.add_product([sku], stock=10)
            stock(world, sku, 10)
        await settled(world)
        before = len(pushes(world, "B"))
        stock(world, "A", 4)
        stock(world, "B", 4)
        await world.live(3 * MINUTE)
        assert (live(world, "A"), live(world, "B")) == (4, 10)
        assert len(pushes(world, "B")) == before == 0
        assert opened(world, "GHOST").keys() == {"inventory_sku_unknown"}
        await ask(world)
        await world.live(3 * MINUTE)
        assert fact(world, "resync")["phase"] == "done"
        assert (len(pushes(world, "A")), len(pushes(world, "B"))) == (3, 0), "a resync touches A only"
        told = sql(world, "SELECT times FROM exceptions WHERE code = 'inventory_sku_unknown'")
        assert told == [(1,)], "said once"
        await world.stop()
        world.settings = world.settings.model_copy(update={"inventory_skus": None})
        await world.start()
        await world.live(3 * MINUTE)
        assert (opened(world, "GHOST"), live(world, "B")) == ({}, 4), (
            "the list is gone: nothing is said, all are pushed"
        )
        assert fact(world, "inventory_guard") in ({}, {"tripped": False})

    play(story, settings={"INVENTORY_EVERY": "60s", "INVENTORY_SKUS": "A,GHOST"})


def test_a_sku_that_is_taken_off_the_list_is_sent_nothing() -> None:
    async def story(world: World) -> None:
        for sku in ("A", "B"):
            world.tiktok.seller.add_product([sku], stock=10)
            stock(world, sku, 9)
        await settled(world)
        before = len(pushes(world, "A"))
        await world.stop()
        world.settings = world.settings.model_copy(update={"inventory_skus": ("B",)})
        await world.start()
        await world.live(3 * MINUTE)
        stock(world, "A", 3)
        await ask(world)
        await world.live(5 * MINUTE)
        assert len(pushes(world, "A")) == before
        assert (live(world, "A"), live(world, "B")) == (9, 9)

    play(story, settings={"INVENTORY_EVERY": "60s", "INVENTORY_SKUS": "A,B"})
