"""Sixty seeded days: whatever happens, the invariants hold when the dust has settled."""

from __future__ import annotations

import pytest

from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.sim.day import Weather, play
from tests.sim.invariants import restart_sends_nothing, violations
from tests.sim.world import World

SEEDS = range(60)


@pytest.mark.sim
@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_with_crashes_and_faults_ends_with_both_sides_agreeing(seed: int) -> None:
    async def day(loop: VirtualLoop) -> list[str]:
        world = World(loop, seed)
        try:
            diary = await play(world, Weather())
            found = violations(world, diary)
            found += await restart_sends_nothing(world)
        finally:
            await world.aclose()
        assert diary.fulfillments, "a day on which nothing was shipped proves nothing"
        return found

    assert run_virtual(day) == []
