"""S42 Forced resync and restarts: one per start that somebody asks for, none by a crash, never from its beginning."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

from daemon.flows import resync, stock_reader
from daemon.flows.resync_standing import MARKING, READING, SENDING
from daemon.ops.cli.state import resync_text
from daemon.sandbox.recorded import Recorded
from tests.scenarios.stage import MINUTE, fact, play
from tests.scenarios.stock_stage import live, pushes
from tests.scenarios.test_s42_resync import EVERY, ask, shelves
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


@pytest.mark.parametrize("phase", [READING, MARKING, SENDING])
def test_a_kill_in_every_phase_goes_on_behind_what_was_done(phase: str) -> None:
    """Six pages of 50 are read and six stretches of 50 marked; the process ends right behind a commit half-way."""

    async def story(world: World) -> None:
        await shelves(world, 300)
        before, begun_ms = len(pushes(world)), world.truth.now_ms()
        assert (await ask(world))["started"]
        first = fact(world, "resync")
        with _ends_half_way(world, phase):
            await world.live(5 * MINUTE)
        assert world.crashes == 1
        known = fact(world, "resync")
        assert (known["phase"], known["number"], known["asked_at_ms"]) == (
            "done",
            first["number"],
            first["asked_at_ms"],
        )
        assert (known["marked"], known["total"]) == (300, 300)
        pages = [int(call.query["skip"]) for call in world.pipe17.called("inventory.list") if _sweeps(call, begun_ms)]
        assert sorted(set(pages)) == [0, 50, 100, 150, 200, 250, 300]
        assert len(pages) <= 7 + 1, "not read from the beginning again; a kill costs one page"
        assert 300 - MOST_UNDER_WAY <= len(pushes(world)) - before <= 300 + MOST_UNDER_WAY

    with mock.patch.object(stock_reader, "COUNT", 50), mock.patch.object(resync, "AT_ONCE", 50):
        play(story, settings=SLOW)


@contextmanager
def _ends_half_way(world: World, phase: str) -> Iterator[None]:
    """The process is gone as soon as a step of this phase is on disk and half of the phase is done."""

    def look() -> None:
        known = fact(world, "resync")
        done = {READING: known["read"] >= 150, MARKING: known["marked"] >= 150, SENDING: 0 < known["left"] < 200}
        if known["phase"] == phase and done[phase] and not world.crashes:
            world.end()

    def watched(real: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def step(self: resync.Resync, **changed: Any) -> None:
            await real(self, **changed)
            look()

        return step

    loop = resync.Resync
    with mock.patch.multiple(loop, _keep=watched(loop._keep), _mark=watched(loop._mark)):
        yield


def _sweeps(call: Recorded, begun_ms: int) -> bool:
    asked_for = {"updatedSince", "sku", "inventoryId"} & call.query.keys()
    return call.at_ms >= begun_ms and not asked_for
