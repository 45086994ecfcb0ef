"""S21 and S52 with pieces that TikTok takes for usual products and that a person marked as pre-owned in Pipe17."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.core.links import Kind
from daemon.sandbox.faults import Fault, FaultKind
from daemon.store import links
from tests.scenarios.stage import DAY, HOUR, MINUTE, fact, opened, play, row
from tests.scenarios.stock_stage import link, live, poke, pushes, sku_id, stock
from tests.scenarios.test_s42_resync import ask
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s", "INVENTORY_RESYNC_ON_START": "false", "PRODUCTS": "off"}
TAG = {"tags": ["vintage", "pre-owned"]}
MARKS = [
    TAG,
    {"customFields": [{"name": "pre_owned", "value": "true"}]},
    {"customFields": [{"name": "condition", "value": "Pre-owned"}]},
]


async def shop(world: World, mark: dict[str, Any], *, parent: bool = False) -> str:
    """The piece U beside a usual product A, U marked in Pipe17; U's product at TikTok."""
    product = world.tiktok.seller.add_product(["U"], stock=1)
    world.tiktok.seller.add_product(["A"], stock=5)
    stock(world, "U", 1)
    stock(world, "A", 5)
    world.pipe17.keeper.add_product({"sku": "A", "name": "A cup"})
    world.pipe17.keeper.add_product({"sku": product if parent else "U", "name": "A teapot", **mark})
    await world.start()
    await link(world)
    await world.live(3 * MINUTE)
    assert bool(pushes(world, "U")) is not bool(mark)
    return product


def off_sale(world: World) -> int:
    return len(world.tiktok.called("products.deactivate"))


async def kind_of(world: World, sku: str) -> Kind:
    assert world.parts is not None
    found = await world.parts.database.write(lambda tx: links.get(tx, sku_id(world, sku)))
    assert found is not None
    return found.kind


@pytest.mark.parametrize("mark", MARKS, ids=["tag", "pre_owned", "condition"])
def test_sold_is_taken_off_sale_once_and_never_comes_back(mark: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        product = await shop(world, mark)
        assert (await kind_of(world, "U"), await kind_of(world, "A")) == (Kind.PREOWNED, Kind.NORMAL)
        world.tiktok.place_order(["U"])
        await world.live(10)
        stock(world, "U", 0)
        stock(world, "A", 4)
        await world.live(5 * MINUTE)
        assert off_sale(world) == 1
        assert world.tiktok.catalogue.products[product].status == "SELLER_DEACTIVATED"
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
        assert live(world, "A") == 4

    play(story, settings=EVERY)


def test_a_mark_at_the_parent_counts_for_its_skus() -> None:
    async def story(world: World) -> None:
        await shop(world, TAG, parent=True)
        assert await kind_of(world, "U") is Kind.PREOWNED
        stock(world, "U", 0)
        await world.live(3 * MINUTE)
        assert (off_sale(world), pushes(world, "U")) == (1, [])

    play(story, settings=EVERY)


def test_a_resync_skips_it_and_counts_it_as_skipped() -> None:
    async def story(world: World) -> None:
        await shop(world, TAG)
        await ask(world)
        await world.live(5 * MINUTE)
        known = fact(world, "resync")
        assert (known["marked"], known["skipped"]) == (1, 1)
        assert pushes(world, "U") == []

    play(story, settings=EVERY)


def test_a_mark_made_later_stops_what_was_a_usual_sku_and_says_nothing_of_a_sale() -> None:
    async def story(world: World) -> None:
        await shop(world, {})
        stock(world, "U", 2)
        await world.live(3 * MINUTE)
        assert live(world, "U") == 2
        before = len(pushes(world, "U"))
        world.tiktok.seller.set_stock("U", 1)
        world.pipe17.keeper.change_product("U", **TAG)
        await world.live(3 * MINUTE)
        assert await kind_of(world, "U") is Kind.PREOWNED
        stock(world, "U", 1)
        await world.live(3 * MINUTE)
        await ask(world)
        await world.live(5 * MINUTE)
        assert (fact(world, "resync")["marked"], fact(world, "resync")["skipped"]) == (1, 1)
        assert len(pushes(world, "U")) == before
        assert opened(world) == {}
        stock(world, "U", 0)
        await world.live(3 * MINUTE)
        assert (off_sale(world), len(pushes(world, "U"))) == (1, before)
        world.pipe17.keeper.change_product("U", tags=[])
        await world.live(3 * MINUTE)
        assert await kind_of(world, "U") is Kind.NORMAL, "and back, when a person takes the mark away"

    play(story, settings=EVERY)


def test_nothing_is_pushed_before_the_products_were_read_and_later_marks_stand_while_they_cannot_be() -> None:
    async def story(world: World) -> None:
        world.faults["pipe17"].add(Fault(FaultKind.SERVER_ERROR, "products.list", times=None))
        world.tiktok.seller.add_product(["U"], stock=1)
        world.tiktok.seller.add_product(["A"], stock=5)
        stock(world, "U", 0)
        stock(world, "A", 4)
        world.pipe17.keeper.add_product({"sku": "U", "name": "A teapot", **TAG})
        await world.start()
        await link(world)
        await world.live(10 * MINUTE)
        assert (pushes(world), off_sale(world)) == ([], 0)
        assert world.observed.runs["inventory", "ok"] == 0
        world.faults["pipe17"].clear()
        await world.live(5 * MINUTE)
        assert (live(world, "A"), off_sale(world), pushes(world, "U")) == (4, 1, [])
        world.faults["pipe17"].add(Fault(FaultKind.SERVER_ERROR, "products.list", times=None))
        stock(world, "A", 3)
        stock(world, "U", 1)
        await world.live(5 * MINUTE)
        assert (live(world, "A"), pushes(world, "U")) == (3, [])

    play(story, settings=EVERY)


def test_a_mark_made_behind_empty_lists_is_found_when_they_show_again() -> None:
    """Longer than readings overlap."""

    async def story(world: World) -> None:
        await shop(world, {})
        world.faults["pipe17"].add(Fault(FaultKind.EMPTY_LIST, "products.list", times=None))
        await world.live(MINUTE)
        world.pipe17.keeper.change_product("U", **TAG)
        await world.live(HOUR)
        world.faults["pipe17"].clear()
        await world.live(3 * MINUTE)
        assert await kind_of(world, "U") is Kind.PREOWNED

    play(story, settings=EVERY)


def test_what_pipe17_keeps_back_for_us_is_not_sold() -> None:
    async def story(world: World) -> None:
        ours = world.pipe17.options.integration

        def mapped(units: int) -> dict[str, Any]:
            return {"mappedProduct": {"integrationId": ours, "bufferInventory": units}}

        world.tiktok.seller.add_product(["B"], stock=10)
        stock(world, "B", 9)
        world.pipe17.keeper.add_product({"sku": "B", "name": "B", **mapped(2)}, ours)
        await world.start()
        await link(world)
        await world.live(3 * MINUTE)
        assert live(world, "B") == 7
        world.pipe17.keeper.change_product("B", **mapped(5))
        await world.live(3 * MINUTE)
        assert live(world, "B") == 4, "a change of it is a change of the stock"
        world.pipe17.keeper.change_product("B", **mapped(0))
        await world.live(3 * MINUTE)
        assert live(world, "B") == 9
        poke(world)
        await world.live(DAY / 2)
        assert row(world, "inventory", sku_id(world, "B")).state == "done"  # type: ignore[union-attr]
        assert len(pushes(world, "B")) == 3

    play(story, settings=EVERY | {"PIPE17_INTEGRATION_ID": "b7712ce05d9f3a48"})


def test_a_quantity_that_waits_is_not_sent_once_the_piece_is_marked() -> None:
    """The mark is read, the stock behind it is still being read, and a row from before would be sent just now."""

    async def story(world: World) -> None:
        await shop(world, {})
        before = len(pushes(world, "U"))
        until_ms = world.truth.now_ms() + 20_000
        limit = Fault(FaultKind.RATE_LIMIT, "inventory.update", times=None, until_ms=until_ms, retry_after="20")
        world.faults["tiktok"].add(limit)
        stock(world, "U", 3)
        poke(world)
        await world.live(10)
        assert row(world, "inventory", sku_id(world, "U")).state == "ready"  # type: ignore[union-attr]
        world.pipe17.keeper.change_product("U", **TAG)
        world.faults["pipe17"].add(Fault(FaultKind.DELAY, "inventory.list", times=1, delay_ms=20_000))
        poke(world)
        await world.live(HOUR)
        assert len(pushes(world, "U")) == before
        assert live(world, "U") == 1

    play(story, settings=EVERY | {"INVENTORY_EVERY": "20m"})
