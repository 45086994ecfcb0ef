"""An order that is about to miss TikTok's ship-by instant is said in time, wherever it waits."""

from __future__ import annotations

import pytest

from tests.scenarios.stage import HOUR, MINUTE, fulfill, opened, play, released, sql
from tests.sim.world import World


def _deadline_ms(world: World, order_id: str) -> int:
    ((deadline_ms,),) = sql(world, "SELECT deadline_at_ms FROM outbox WHERE flow = 'orders' AND key = ?", order_id)
    return int(deadline_ms)


async def _until(world: World, order_id: str, before_s: float) -> None:
    await world.live((_deadline_ms(world, order_id) - world.truth.now_ms()) / 1000 - before_s)


def test_an_order_that_pipe17_has_but_nobody_ships_is_said_six_hours_before_and_again_when_it_is_late() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        assert opened(world) == {}
        await _until(world, order_id, 6 * HOUR + 5 * MINUTE)
        assert opened(world) == {}
        await world.live(10 * MINUTE)
        assert list(opened(world, order_id)) == ["ship_deadline_near"]
        ((times,),) = sql(world, "SELECT times FROM exceptions WHERE code = 'ship_deadline_near'")
        assert times == 1, "said once, not every minute"
        await world.live(6 * HOUR)
        assert list(opened(world, order_id)) == ["ship_deadline_missed"]
        fulfill(world, order_id, None, "USPS", "9400100000000000000011")
        await world.live(10 * MINUTE)
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("end", ["shipped", "cancelled"])
def test_an_order_with_nothing_left_to_ship_has_no_deadline(end: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        await _until(world, order_id, 8 * HOUR)
        if end == "shipped":
            fulfill(world, order_id, None, "USPS", "9400100000000000000011")
        else:
            world.tiktok.cancel_order(order_id)
        await world.live(9 * HOUR)
        assert opened(world, order_id).keys() <= {"recall"}
        assert sql(world, "SELECT key FROM outbox WHERE flow = 'orders' AND deadline_at_ms IS NOT NULL") == []

    play(story)
