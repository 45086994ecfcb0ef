"""S42 An update of stock whose answer is lost lands late: never an older level over a newer one, or not for long."""

from __future__ import annotations

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import MINUTE, opened, play, standing
from tests.scenarios.stock_stage import live, poke, pushes, sku_id, stock
from tests.scenarios.test_s42_resync import EVERY, ask, shelves
from tests.sim.world import World


def landed(world: World, sku: str) -> list[int]:
    """Every level that TikTok took, in the order in which it did."""
    return [sum(levels.values()) for _, one, levels in world.tiktok.stock.pushed if one == sku_id(world, sku)]


async def lose(world: World, sku: str, *, late_s: float) -> None:
    """Push 9; nobody hears of the call, which lands so long afterwards."""
    world.faults["tiktok"].add(Fault(FaultKind.LANDS_LATE, "inventory.update", delay_ms=round(late_s * 1000)))
    stock(world, sku, 9)
    poke(world)
    await world.live(1)


@pytest.mark.parametrize("late_s", [4.0, 12.0, 29.0])
def test_a_newer_level_waits_until_the_lost_call_has_landed(late_s: float) -> None:
    async def story(world: World) -> None:
        (sku,) = await shelves(world, 1)
        await lose(world, sku, late_s=late_s)
        stock(world, sku, 4)
        poke(world)
        await ask(world)
        await world.live(2 * MINUTE)
        assert landed(world, sku)[1:3] == [9, 4], "S42.1: never 9 after 4"
        await world.live(10 * MINUTE)
        assert 9 not in landed(world, sku)[2:]
        assert (live(world, sku), standing(world, "inventory", sku_id(world, sku))) == (4, "done")

    play(story, settings=EVERY)


@pytest.mark.parametrize("crash", [False, True])
def test_what_lands_later_still_is_put_right_by_a_second_look(crash: bool) -> None:
    async def story(world: World) -> None:
        (sku,) = await shelves(world, 1)
        await lose(world, sku, late_s=200)
        stock(world, sku, 4)
        poke(world)
        if crash:
            await world.kill()
            await world.start()
        await world.live(2 * MINUTE)
        assert live(world, sku) == 4
        if crash:
            await world.kill()
            await world.start()
        await world.live(2.5 * MINUTE)
        assert live(world, sku) == 9, "it has landed"
        await world.live(5 * MINUTE)
        assert live(world, sku) == 4
        assert opened(world) == {}
        sent = len(pushes(world))
        await world.live(20 * MINUTE)
        assert len(pushes(world)) == sent, "looked at once, and it is over"

    play(story, settings=EVERY | {"INVENTORY_RESYNC_ON_START": "false"})


def test_a_call_that_is_older_than_its_signature_is_refused_by_tiktok_and_changes_nothing() -> None:
    async def story(world: World) -> None:
        (sku,) = await shelves(world, 1)
        await lose(world, sku, late_s=301)
        stock(world, sku, 4)
        poke(world)
        await world.live(20 * MINUTE)
        assert landed(world, sku) == [10, 4]
        assert [call.code for call in world.tiktok.called("inventory.update") if call.code] == [36009004]

    play(story, settings=EVERY)


def test_the_same_level_may_be_sent_again_at_once() -> None:
    async def story(world: World) -> None:
        (sku,) = await shelves(world, 1)
        world.faults["tiktok"].add(Fault(FaultKind.RESET, "inventory.update"))
        stock(world, sku, 9)
        poke(world)
        await world.live(5)
        assert live(world, sku) == 9, "it does not matter which of the two calls lands"
        stock(world, sku, 4)
        poke(world)
        await world.live(15)
        assert live(world, sku) == 9, "the first one may still be on its way"
        await world.live(15)
        assert live(world, sku) == 4

    play(story, settings=EVERY)


def test_after_a_crash_nobody_knows_what_the_call_carried() -> None:
    async def story(world: World) -> None:
        (sku,) = await shelves(world, 1)
        await lose(world, sku, late_s=28)
        await world.kill()
        stock(world, sku, 4)
        await world.start()
        await world.live(MINUTE)
        assert landed(world, sku)[1:] == [9, 4]

    play(story, settings=EVERY | {"INVENTORY_RESYNC_ON_START": "false"})


def test_a_crash_begins_the_wait_anew_also_where_a_call_was_lost_before() -> None:
    """The same level is sent again by a resync, minutes after it was lost once, and that call is cut off by a crash."""

    async def story(world: World) -> None:
        (sku,) = await shelves(world, 1)
        await lose(world, sku, late_s=0)
        await world.live(2 * MINUTE)
        late = world.faults["tiktok"].add(Fault(FaultKind.LANDS_LATE, "inventory.update", delay_ms=28_000))
        await ask(world)
        while not late.hits:
            await world.live(0.001)
        await world.kill()
        await world.start()
        await world.live(5)
        stock(world, sku, 4)
        poke(world)
        await world.live(MINUTE)
        assert landed(world, sku)[-2:] == [9, 4]

    play(story, settings=EVERY | {"INVENTORY_RESYNC_ON_START": "false"})


def test_other_skus_do_not_wait_and_an_answered_call_makes_nobody_wait() -> None:
    async def story(world: World) -> None:
        mine, other = await shelves(world, 2)
        await lose(world, mine, late_s=30)
        for sku, units in ((mine, 4), (other, 5)):
            stock(world, sku, units)
        poke(world)
        await world.live(4)
        assert live(world, other) == 5
        stock(world, other, 3)
        poke(world)
        await world.live(2)
        assert live(world, other) == 3
        assert live(world, mine) == 10
        assert len(world.tiktok.called("inventory.search")) == 1, "the look-up of the lost call alone"
        await world.live(MINUTE)
        assert live(world, mine) == 4

    play(story, settings=EVERY)
