"""S23 Shipped by platform: switched on later, a backfill or a pull brings what was left out, once."""

from __future__ import annotations

import pytest

from tests.scenarios.stage import HOUR, MINUTE, opened, play, row, shop, status, writes
from tests.scenarios.test_backfill import ask, ended, pull
from tests.sim.world import World

THEIRS = {"fulfillment_type": "FULFILLMENT_BY_TIKTOK"}


async def _left_out(world: World) -> tuple[list[str], str]:
    """Three platform orders and one of the seller's while the setting was off; then it is switched on."""
    await world.start()
    theirs = [world.tiktok.place_order(["SKU-A"], **THEIRS) for _ in range(3)]
    ours = world.tiktok.place_order(["SKU-B"])
    await world.live(2 * HOUR)
    assert {row(world, "orders", one).reason for one in theirs} == {"shipped_by_platform"}  # type: ignore[union-attr]
    assert writes(world)["orders.create"] == 1
    return theirs, ours


async def _switch_on(world: World) -> None:
    await world.stop()
    world.settings = world.settings.model_copy(update={"orders_pull_shipped_by_platform": True})
    await world.start()
    await world.live(2 * MINUTE)


@pytest.mark.parametrize("market", ["US", "GB", "VN"])
def test_on_and_backfilled_they_are_created_once(market: str) -> None:
    async def story(world: World) -> None:
        theirs, ours = await _left_out(world)
        await _switch_on(world)
        assert [status(world, one) for one in theirs] == [""] * 3
        await ask(world, 1)
        assert (await ended(world))["taken"] == 3
        assert [status(world, one) for one in theirs] == ["fulfilled"] * 3
        assert status(world, ours) == "readyForFulfillment"
        assert [world.pipe17.shipments_of(one) for one in theirs] == [[]] * 3
        assert world.tiktok.called("packages.mark_shipped") == world.tiktok.called("packages.ship") == []
        made = writes(world)
        await ask(world, 1)
        assert (await ended(world))["taken"] == 0
        assert writes(world) == made
        assert made["orders.create"] == 4
        assert opened(world) == {}

    play(story, tiktok=shop(market))


def test_still_off_a_backfill_and_a_pull_create_nothing() -> None:
    async def story(world: World) -> None:
        theirs, _ = await _left_out(world)
        await ask(world, 1)
        assert (await ended(world))["taken"] == 0
        await pull(world, *theirs)
        await world.live(MINUTE)
        assert [status(world, one) for one in theirs] == [""] * 3

    play(story)


def test_on_and_pulled_by_name_only_that_one_comes() -> None:
    async def story(world: World) -> None:
        theirs, _ = await _left_out(world)
        await _switch_on(world)
        await pull(world, theirs[1])
        await world.live(MINUTE)
        assert [status(world, one) for one in theirs] == ["", "fulfilled", ""]

    play(story)
