"""S42 Forced resync and restarts: one per start that somebody asks for, none by a crash, never from its beginning."""

from __future__ import annotations

from daemon.ops.cli.state import resync_text
from tests.scenarios.stage import MINUTE, fact, play
from tests.scenarios.stock_stage import live, pushes
from tests.scenarios.test_s42_resync import EVERY, shelves
from tests.sim.world import World

SLOW = EVERY | {"TIKTOK_REQUESTS_PER_SECOND": "10"}
MOST_UNDER_WAY = 32


async def restarted(world: World) -> int:
    """400 SKUs, and a restart somebody asks for whose resync is half-way; pushes before it."""
    await shelves(world, 400)
    before = len(pushes(world))
    await world.stop()
    await world.start()
    await world.live(15)
    known = fact(world, "resync")
    assert (known["phase"], known["by"]) == ("sending", "restart")
    return before


def test_a_crash_loop_during_the_resync_of_a_restart_goes_on_with_it() -> None:
    async def story(world: World) -> None:
        before = await restarted(world)
        first = fact(world, "resync")
        shown = [first["percent"]]
        for _ in range(4):
            await world.kill()
            await world.start()
            await world.live(7)
            known = fact(world, "resync")
            assert (known["number"], known["asked_at_ms"]) == (first["number"], first["asked_at_ms"])
            assert f"{known['percent']} %: sends every level again, asked for by restart" in resync_text(known)
            shown.append(known["percent"])
        assert shown == sorted(shown)
        assert shown[0] < shown[-1], "progress is shown"
        await world.live(5 * MINUTE)
        assert fact(world, "resync")["phase"] == "done"
        sent = len(pushes(world)) - before
        assert abs(sent - 400) <= 4 * MOST_UNDER_WAY, "once; what was under way at a kill is looked up"
        await world.kill()
        await world.start()
        await world.live(5 * MINUTE)
        assert len(pushes(world)) - before == sent

    play(story, settings=SLOW)


def test_a_second_restart_joins_the_resync_of_the_first() -> None:
    async def story(world: World) -> None:
        before = await restarted(world)
        first = fact(world, "resync")
        await world.stop()
        await world.start()
        await world.live(5 * MINUTE)
        known = fact(world, "resync")
        assert (known["phase"], known["number"], known["asked_at_ms"]) == (
            "done",
            first["number"],
            first["asked_at_ms"],
        )
        assert len(pushes(world)) - before == 400
        await world.stop()
        await world.start()
        await world.live(5 * MINUTE)
        assert fact(world, "resync")["number"] == first["number"] + 1
        assert len(pushes(world)) - before == 800, "and the next start that is asked for has one of its own"
        assert live(world, world.tiktok.catalogue.skus[next(iter(world.tiktok.catalogue.skus))].seller_sku) == 10

    play(story, settings=SLOW)
