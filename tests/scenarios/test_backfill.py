"""`backfill` and `pull`: orders of the past, each once, whatever happens, and never in front of the present."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from daemon.flows import backfill, operator
from daemon.flows.order_source import BACKFILL_PAGE
from daemon.sandbox.faults import Fault, FaultKind
from daemon.store import hints
from daemon.store.hints import Hint
from tests.scenarios.stage import (
    DAY,
    HOUR,
    MINUTE,
    backlog,
    differences,
    fact,
    opened,
    play,
    row,
    sql,
    standing,
    status,
    writes,
)
from tests.sim.world import World

DAY_MS = 86_400_000


async def ask(world: World, days: float, until_days: float | None = None) -> dict[str, Any]:
    """What `POST /api/backfill` does."""
    assert world.parts is not None
    assert world.daemon is not None
    assert world.daemon.backfill is not None
    now_ms = world.clock.now_ms()
    until_ms = None if until_days is None else now_ms - int(until_days * DAY_MS)
    since_ms = now_ms - int(days * DAY_MS)
    answer = await world.parts.database.write(lambda tx: backfill.request(tx, since_ms, until_ms, now_ms))
    world.daemon.backfill.bell.ring()
    return answer


async def pull(world: World, *ids: str) -> list[operator.Pulled]:
    """What `POST /api/pull` does."""
    assert world.parts is not None
    assert world.daemon is not None
    now_ms = world.clock.now_ms()
    found = await world.parts.database.write(lambda tx: operator.pull(tx, ids, now_ms, "test"))
    world.daemon.hints.bell.ring()
    return found


async def notify(world: World, order_id: str) -> None:
    """A webhook names an order."""
    assert world.parts is not None
    assert world.daemon is not None
    now_ms = world.clock.now_ms()
    await world.parts.database.write(lambda tx: hints.add(tx, Hint(f"hook-{order_id}", "orders", order_id), now_ms))
    world.daemon.hints.bell.ring()


async def past(world: World, count: int, days: float) -> list[str]:
    """Orders of a time before the connector, evenly spread."""
    found = []
    for _ in range(count):
        found.append(world.tiktok.place_order(["SKU-A"]))
        await world.live(days * DAY / count)
    return found


async def ended(world: World, within_s: float = HOUR) -> dict[str, Any]:
    """Let time pass until the backfill has ended and nothing is on its way."""
    end_s = world.loop.time() + within_s
    while world.loop.time() < end_s:
        await world.live(1)
        waits = backlog(world)
        on_its_way = waits["ready"] + waits["sending"] + waits["unknown"]
        if fact(world, "backfill").get("state") == "done" and not on_its_way:
            return fact(world, "backfill")
    raise AssertionError(f"not ended: {fact(world, 'backfill')} {backlog(world)}")


LATE = {"ship_deadline_missed", "ship_deadline_near"}
"""Orders of the past that nobody has shipped are said to be late; nothing else is wrong."""


def shipped(world: World, order_id: str) -> None:
    """Somebody shipped it, long before us."""
    market, order, now_ms = world.tiktok.market, world.tiktok.order(order_id), world.truth.now_ms()
    market.tick(now_ms)
    package = market.new_package(order, [unit.id for unit in order.units], now_ms)
    package.tracking_number, package.status = "9400111899223197428490", "PROCESSING"
    for unit in order.units:
        unit.status = "AWAITING_COLLECTION"
    market.shipped(order, now_ms)


def test_open_orders_are_created_shipped_ones_as_fulfilled_and_others_not_at_all() -> None:
    async def story(world: World) -> None:
        before = world.tiktok.place_order(["SKU-A"])
        await world.live(10 * DAY)
        waiting, left, gone = await past(world, 3, 6)
        unpaid = world.tiktok.place_order(["SKU-A"], paid=False)
        held = world.tiktok.place_order(["SKU-A"])
        await world.live(1)
        shipped(world, before)
        shipped(world, left)
        world.tiktok.cancel_order(gone)
        await world.start()
        await world.live(2 * MINUTE)
        assert writes(world)["orders.create"] == 1, "the one that was placed a moment ago"
        assert (await ask(world, 8))["started"]
        found = await ended(world)
        await world.live(MINUTE)
        assert (found["percent"], found["read"], found["problem"]) == (100, 6, "")
        seen = {one: status(world, one) for one in (before, waiting, left, gone, unpaid, held)}
        assert seen == {
            before: "",
            waiting: "readyForFulfillment",
            left: "fulfilled",
            gone: "",
            unpaid: "",
            held: "onHold",
        }
        assert world.pipe17.shipments_of(left) == []
        assert row(world, "orders", before).reason == "first_seen_shipped"  # type: ignore[union-attr]
        assert opened(world).keys() <= LATE
        made = writes(world)
        assert (await ask(world, 8))["started"]
        await ended(world)
        assert writes(world) == made
        await world.live(2 * HOUR)
        assert status(world, held) == "readyForFulfillment"

    play(story)


def test_one_at_a_time_and_the_answer_says_how_far_it_is() -> None:
    async def story(world: World) -> None:
        await past(world, 60, 20)
        await world.start()
        await world.live(MINUTE)
        assert (await ask(world, 20))["started"]
        await world.live(6)
        second = await ask(world, 10)
        assert (second["started"], second["covered"]) == (False, True)
        assert 0 < second["backfill"]["percent"] < 100
        assert (await ask(world, 30))["covered"] is False
        await ended(world)
        assert writes(world)["orders.create"] == 60
        assert (await ask(world, 30))["started"]
        await ended(world)
        assert writes(world)["orders.create"] == 60

    play(story)


def test_with_an_end_nothing_later_is_read() -> None:
    async def story(world: World) -> None:
        orders = await past(world, 10, 10)
        await world.start()
        await world.live(MINUTE)
        await ask(world, 8.5, 4.5)
        await ended(world)
        assert [bool(status(world, one)) for one in orders] == [False] * 2 + [True] * 4 + [False] * 4

    play(story)


@pytest.mark.parametrize("crash", [("committed", 12), ("commit", 40), ("call", 25), ("effect", 30), ("answer", 45)])
def test_killed_in_the_middle_it_goes_on_where_it_was_and_creates_once(crash: tuple[str, int]) -> None:
    async def story(world: World) -> None:
        orders = await past(world, 120, 25)
        await world.start()
        await world.live(MINUTE)
        world.crash_at = crash
        await ask(world, 26)
        found = await ended(world)
        assert world.crashes == 1
        assert found["read"] < 200
        await world.live(MINUTE)
        assert writes(world)["orders.create"] == 120
        assert Counter(status(world, one) for one in orders) == {"readyForFulfillment": 120}
        assert differences(world) == []

    play(story)


def test_a_restart_in_the_middle_reads_nothing_of_the_first_half_again() -> None:
    async def story(world: World) -> None:
        await past(world, 120, 25)
        await world.start()
        await world.live(MINUTE)
        await ask(world, 26)
        while fact(world, "backfill")["percent"] < 50:
            await world.live(1)
        position_ms = fact(world, "backfill")["position_ms"]
        await world.stop()
        calls = len(world.tiktok.called("orders.search"))
        await world.start()
        await ended(world)
        asked = [call.body for call in world.tiktok.called("orders.search")[calls:]]
        assert min(body["update_time_ge"] for body in asked) >= position_ms // 1000
        assert max(body.get("update_time_lt", 0) - body["update_time_ge"] for body in asked) <= 7 * 86_400
        assert writes(world)["orders.create"] == 120

    play(story)


def test_asked_for_while_no_daemon_runs_it_starts_with_the_next() -> None:
    async def story(world: World) -> None:
        orders = await past(world, 5, 5)
        await world.start()
        await world.live(MINUTE)
        await ask(world, 6)
        await world.kill()
        assert fact(world, "backfill")["state"] == "waiting"
        await world.start()
        await ended(world)
        assert [bool(status(world, one)) for one in orders] == [True] * 5

    play(story)


def test_what_is_in_the_way_is_shown_and_goes_away() -> None:
    async def story(world: World) -> None:
        orders = await past(world, 5, 5)
        await world.start()
        await world.live(10)
        world.faults["tiktok"].add(Fault(FaultKind.UNAVAILABLE, "orders.search", times=3))
        await ask(world, 6)
        await world.live(5)
        assert "503" in fact(world, "backfill")["problem"]
        assert (await ended(world))["problem"] == ""
        assert [bool(status(world, one)) for one in orders] == [True] * 5

    play(story)


def test_while_pipe17_takes_nothing_it_waits_and_says_so() -> None:
    async def story(world: World) -> None:
        orders = await past(world, 60, 20)
        await world.start()
        await world.live(10)
        world.faults["pipe17"].add(Fault(FaultKind.UNAVAILABLE, "orders.create", times=None))
        await ask(world, 21)
        await world.live(3 * MINUTE)
        assert "gives way" in fact(world, "backfill")["problem"]
        assert fact(world, "backfill")["read"] <= backfill.ROOM + BACKFILL_PAGE
        world.faults["pipe17"].clear()
        assert (await ended(world))["problem"] == ""
        assert [bool(status(world, one)) for one in orders] == [True] * 60
        assert opened(world).keys() <= LATE

    play(story)


def test_an_order_that_moves_on_meanwhile_and_meets_the_poller_first_is_not_lost() -> None:
    async def story(world: World) -> None:
        orders = await past(world, 80, 20)
        for one in orders[-10:]:
            shipped(world, one)
        await world.start()
        await world.live(MINUTE)
        await ask(world, 21)
        await world.live(2)
        for one in orders[-10:]:
            world.tiktok.touch(one)
        await ended(world)
        assert {status(world, one) for one in orders[-10:]} == {"fulfilled"}
        assert writes(world)["orders.create"] == 80

    play(story)


def test_a_thousand_of_thirty_days_and_those_of_now_do_not_wait() -> None:
    async def story(world: World) -> None:
        orders = await past(world, 1_000, 30)
        for one in orders[:600]:
            shipped(world, one)
        await world.start()
        await world.live(2 * MINUTE)

        async def live_orders() -> list[float]:
            waited = []
            for _ in range(60):
                one = world.tiktok.place_order(["SKU-B"])
                at_s = world.loop.time()
                await notify(world, one)
                while not status(world, one):
                    await world.live(0.05)
                waited.append(world.loop.time() - at_s)
                await world.live(0.5)
            return sorted(waited)

        quiet = await live_orders()
        await ask(world, 31)
        busy = await live_orders()
        assert busy[-1] <= quiet[-1] + 0.5
        assert fact(world, "backfill")["state"] == "running"
        await ended(world, 2 * HOUR)
        assert writes(world)["orders.create"] == 1_120
        await world.live(HOUR)
        assert Counter(status(world, one) for one in orders) == {"fulfilled": 600, "readyForFulfillment": 400}
        assert opened(world).keys() <= LATE

    # no poll falls into the two measurements: what it finds changed would be in front, with or without a backfill
    play(story, settings={"PIPE17_REQUESTS_PER_SECOND": "5", "ORDERS_EVERY": "10m"})


# --- pull ------------------------------------------------------------------------------------------------------------


def test_a_pull_creates_what_was_left_out_because_it_was_shipped_once() -> None:
    async def story(world: World) -> None:
        order_id, other = await past(world, 2, 2)
        shipped(world, order_id)
        shipped(world, other)
        await world.start()
        world.tiktok.touch(order_id)
        world.tiktok.touch(other)
        await world.live(3 * MINUTE)
        assert row(world, "orders", order_id).reason == "first_seen_shipped"  # type: ignore[union-attr]
        (asked,) = await pull(world, order_id)
        assert (asked.flow, asked.known) == ("orders", True)
        await world.live(10)
        assert status(world, order_id) == "fulfilled"
        await pull(world, order_id)
        world.tiktok.touch(order_id)
        await world.live(HOUR)
        assert writes(world)["orders.create"] == 1
        assert writes(world)["orders.update"] == 0
        assert status(world, other) == ""

    play(story)


def test_a_pull_outlives_a_crash_and_one_bad_id_keeps_no_other() -> None:
    async def story(world: World) -> None:
        order_id, other = await past(world, 2, 2)
        await world.start()
        await world.live(MINUTE)
        world.faults["tiktok"].add(Fault(FaultKind.REFUSE, "orders.detail", status=400, times=1))
        assert world.parts is not None
        now_ms = world.clock.now_ms()
        ids = (order_id, other, "999999999999999999")
        await world.parts.database.write(lambda tx: operator.pull(tx, ids, now_ms, "test"))
        await world.kill()
        await world.start()
        await world.live(10)
        assert status(world, order_id)
        assert status(world, other)
        assert standing(world, "orders", "999999999999999999") == ""
        assert sql(world, "SELECT count(*) FROM hints WHERE handled_at_ms IS NULL") == [(0,)]

    play(story)


def test_what_a_person_has_dismissed_stays_so() -> None:
    async def story(world: World) -> None:
        (order_id,) = await past(world, 1, 1)
        world.faults["pipe17"].add(Fault(FaultKind.REFUSE, "orders.create", status=422, times=1))
        await world.start()
        await world.live(MINUTE)
        await ask(world, 2)
        while standing(world, "orders", order_id) != "dead":
            await world.live(1)
        assert world.parts is not None
        now_ms = world.clock.now_ms()
        await world.parts.database.write(lambda tx: operator.dismiss(tx, "orders", order_id, "by hand", now_ms, "test"))
        await ended(world)
        await ask(world, 2)
        await ended(world)
        assert (standing(world, "orders", order_id), status(world, order_id)) == ("dropped", "")

    play(story)
