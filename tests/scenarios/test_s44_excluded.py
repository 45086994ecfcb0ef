"""S44.1: a location that the merchant excluded in Pipe17 does not count, and one that fails is never taken for one."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options, Totals
from tests.scenarios.stage import HOUR, MINUTE, fact, opened, play
from tests.scenarios.stock_stage import link, live, pushes, stock
from tests.sim.world import World

TOTAL = {"INVENTORY_EVERY": "60s", "INVENTORY_TOTAL_TO_DEFAULT": "true"}
L1, L2, L3 = "5ad3709be8c41f01", "5ad3709be8c41f02", "5ad3709be8c41f03"
FIGURES = ((L1, 5), (L2, 7), (L3, 8))


def three_locations(world: World, *skus: str, at_tiktok: int = 1) -> None:
    for sku in skus or ("A",):
        world.tiktok.seller.add_product([sku], stock=at_tiktok)
        for location, units in FIGURES:
            stock(world, sku, units, location)


async def settled(world: World) -> None:
    await world.start()
    await link(world)
    await world.live(3 * MINUTE)


def totals_pushed(world: World) -> list[int]:
    """Every quantity that TikTok accepted, whole."""
    return [sum(levels.values()) for _, _, levels in world.tiktok.stock.pushed]


def standings(world: World) -> dict[str, str]:
    known = (fact(world, "stock_locations") or {}).get("known", {})
    return {location: one["standing"] for location, one in known.items()}


@pytest.mark.parametrize("at_tiktok", [1, 99])
@pytest.mark.parametrize("settings", [TOTAL, {"INVENTORY_EVERY": "60s"}], ids=["total", "default"])
def test_it_is_left_out_before_the_first_push(settings: dict[str, str], at_tiktok: int) -> None:
    async def story(world: World) -> None:
        three_locations(world, at_tiktok=at_tiktok)
        world.pipe17.keeper.exclude_location(L3)
        # between the rows and the totals that tell, there is time to push
        world.faults["pipe17"].add(Fault(FaultKind.DELAY, "inventory.list", times=9, delay_ms=25_000))
        await settled(world)
        await world.live(5 * MINUTE)
        assert live(world, "A") == 12
        stock(world, "A", 100, L3)
        await world.live(HOUR)
        stock(world, "A", 6, L1)
        await world.live(3 * MINUTE)
        assert totals_pushed(world) == [12, 13], "never 20, at no moment"
        assert opened(world) == {}

    play(story, settings=settings)


def test_an_exclusion_is_noticed_and_taken_back() -> None:
    async def story(world: World) -> None:
        three_locations(world, "A", "B", "C")
        await settled(world)
        assert live(world, "A") == 20
        world.pipe17.keeper.exclude_location(L3)
        await world.live(20 * MINUTE)
        assert [live(world, sku) for sku in "ABC"] == [12, 12, 12]
        world.pipe17.keeper.exclude_location(L3, excluded=False)
        await world.live(20 * MINUTE)
        assert [live(world, sku) for sku in "ABC"] == [20, 20, 20]
        assert sorted(set(totals_pushed(world))) == [12, 20]

    play(story, settings=TOTAL)


def test_a_resync_notices_it_at_once() -> None:
    async def story(world: World) -> None:
        three_locations(world)
        await settled(world)
        world.pipe17.keeper.exclude_location(L3)
        assert world.daemon is not None
        assert world.daemon.resync is not None
        await world.daemon.resync.ask("test")
        await world.live(4 * MINUTE)
        assert live(world, "A") == 12

    play(story, settings=TOTAL)


def test_a_failing_location_beside_it_is_not_taken_for_excluded() -> None:
    """S44.2 with its own figures, and a fourth location that is excluded."""

    async def story(world: World) -> None:
        three_locations(world, at_tiktok=20)
        stock(world, "A", 50, "5ad3709be8c41f04")
        world.pipe17.keeper.exclude_location("5ad3709be8c41f04")
        await settled(world)
        assert live(world, "A") == 20
        world.faults["pipe17"].add(Fault(FaultKind.MISSING_LOCATION, "inventory.list", times=None, message=L3))
        stock(world, "A", 2, L1)
        await world.live(40 * MINUTE)
        assert live(world, "A") == 17
        stock(world, "A", 30, L2)
        await world.live(5 * MINUTE)
        assert live(world, "A") == 17, "nothing is raised while part of it is not known"
        await world.live(HOUR)
        assert set(opened(world)) == {"inventory_partial"}
        assert standings(world)[L3] == "included"
        world.faults["pipe17"].clear()
        stock(world, "A", 3, L3)
        await world.live(3 * MINUTE)
        assert live(world, "A") == 35
        assert totals_pushed(world) == [20, 17, 35]
        assert opened(world) == {}

    play(story, settings=TOTAL)


def test_an_excluded_location_that_fails_is_not_missed() -> None:
    async def story(world: World) -> None:
        three_locations(world)
        world.pipe17.keeper.exclude_location(L3)
        await settled(world)
        world.faults["pipe17"].add(Fault(FaultKind.MISSING_LOCATION, "inventory.list", times=None, message=L3))
        stock(world, "A", 9, L1)
        await world.live(2 * HOUR)
        assert live(world, "A") == 16
        assert opened(world) == {}
        assert standings(world)[L3] == "excluded"

    play(story, settings=TOTAL)


def test_a_location_that_gets_its_first_stock_is_looked_at_before_it_counts() -> None:
    async def story(world: World) -> None:
        three_locations(world)
        await settled(world)
        for location in ("5ad3709be8c41f05", "5ad3709be8c41f06"):
            stock(world, "A", 0, location)
        world.pipe17.keeper.exclude_location("5ad3709be8c41f05")
        await world.live(30 * MINUTE)
        stock(world, "A", 33, "5ad3709be8c41f05")
        stock(world, "A", 100, "5ad3709be8c41f06")
        await world.live(3 * MINUTE)
        assert live(world, "A") == 120
        assert totals_pushed(world) == [20, 120]

    play(story, settings=TOTAL)


@pytest.mark.parametrize("answer", [one for one in Totals if one is not Totals.SUMS])
def test_where_totals_tell_nothing_every_location_counts_and_stock_goes_on(answer: Totals) -> None:
    async def story(world: World) -> None:
        three_locations(world)
        await settled(world)
        assert live(world, "A") == 20
        stock(world, "A", 6, L1)
        await world.live(2 * MINUTE)
        assert live(world, "A") == 21
        await world.live(2 * HOUR)
        assert len([call for call in world.pipe17.called("inventory.list") if "totals" in call.query]) < 25
        assert opened(world) == {}
        assert set(standings(world).values()) == {"assumed"}
        assert world.parts is not None
        assert world.parts.pipe17.missing_grants == (), "nobody has to grant anything for the others to go on"
        world.pipe17.options.totals = Totals.SUMS
        await world.live(20 * MINUTE)
        assert live(world, "A") == 13

    play(story, settings=TOTAL, pipe17=Pipe17Options(totals=answer, excluded_locations=(L3,)))


def test_totals_that_break_for_a_moment_are_asked_again_before_the_first_push() -> None:
    async def story(world: World) -> None:
        three_locations(world)
        world.pipe17.keeper.exclude_location(L3)
        # the products, the rows and a first total are shown, then Pipe17 fails twice
        world.faults["pipe17"].add(Fault(FaultKind.GARBAGE, "inventory.list", times=2, skip=2))
        await settled(world)
        assert totals_pushed(world) == [12]

    play(story, settings=TOTAL)


def test_totals_with_other_members_tell_as_much() -> None:
    async def story(world: World) -> None:
        three_locations(world)
        await settled(world)
        assert totals_pushed(world) == [12]

    play(story, settings=TOTAL, pipe17=Pipe17Options(totals_members=("available",), excluded_locations=(L3,)))


@pytest.mark.parametrize(
    ("settings", "quantity"),
    [({"INVENTORY_LOCATION": L3}, 8), ({"INVENTORY_LOCATION_MAP": f"{L1}:7000000000000000001,{L3}:%s"}, 8)],
    ids=["location", "map"],
)
def test_a_location_that_the_settings_name_counts_whatever_pipe17_excludes(
    settings: dict[str, Any], quantity: int
) -> None:
    async def story(world: World) -> None:
        three_locations(world)
        await settled(world)
        assert live(world, "A") == quantity
        assert not [call for call in world.pipe17.called("inventory.list") if "totals" in call.query]

    from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE

    named = {name: value.replace("%s", MAIN_WAREHOUSE) for name, value in settings.items()}
    play(story, settings={"INVENTORY_EVERY": "60s"} | named, pipe17=Pipe17Options(excluded_locations=(L3,)))


def test_an_exclusion_that_empties_the_catalogue_is_held() -> None:
    async def story(world: World) -> None:
        skus = [f"K{number}" for number in range(12)]
        for sku in skus:
            world.tiktok.seller.add_product([sku], stock=8)
            stock(world, sku, 8, L3)
        stock(world, skus[0], 5, L1)
        await settled(world)
        assert live(world, skus[1]) == 8
        world.pipe17.keeper.exclude_location(L3)
        before = len(pushes(world))
        await world.live(30 * MINUTE)
        assert set(opened(world)) == {"inventory_guard"}
        assert [live(world, sku) for sku in skus[1:]] == [8] * 11
        assert len(pushes(world)) == before

    play(story, settings=TOTAL)
