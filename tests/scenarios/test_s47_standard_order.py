"""S47 Standard order, and X1: the same order with the process killed at every step there is.

The uninterrupted run records every point it passes: before each call, at each effect, at each answer, before and after
each commit that writes anything. Then the day is lived once for each of them, with the process gone at that point and
started again. Every one of these days must end like the uninterrupted one, with the same number of writes that took
effect. A commit that only read leaves disk and other side as the points around it do: two of three are such.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    differences,
    fact,
    fulfill,
    opened,
    play,
    released_ms,
    row,
    shop,
    sql,
    status,
    units_shipped,
    ups,
    writes,
)
from tests.sim.world import World

POINTS = ("call", "effect", "answer", "writing", "written")


@dataclass(frozen=True)
class Ended:
    """How a day ended, on both sides."""

    writes: dict[str, int]
    tiktok: str
    packages: list[Any]
    pipe17: str
    order: dict[str, Any]
    orders: int
    open_exceptions: dict[str, str]
    outbox: list[Any]


MOVES_BY_ITSELF = ("updatedAt", "fulfilledAt", "extOrderUpdatedAt", "lastRoutedAt", "createdAt")


SHORT = {"ORDERS_HOLD": "4m", "ORDERS_EVERY": "3m", "FULFILLMENTS_EVERY": "3m"}
SHORT_MS = 4 * 60_000


async def _day(world: World) -> str:
    """T0 paid, released when the hold is over, routed, fulfilled in two packages, delivered, completed."""
    order_id = world.tiktok.place_order(["SKU-A", "SKU-A", "SKU-B"])
    await world.live(5 * MINUTE)
    fulfill(world, order_id, {"SKU-A": 2}, "UPS", ups(order_id, 1))
    await world.live(3.6 * MINUTE)
    fulfill(world, order_id, {"SKU-B": 1}, "USPS", "9400111899223197428490")
    await world.live(3.6 * MINUTE)
    world.tiktok.carrier_scan(order_id)
    world.tiktok.deliver(order_id)
    await world.live(3.6 * MINUTE)
    world.tiktok.complete(order_id)
    await world.live(5 * MINUTE)
    return order_id


def _ended(world: World, order_id: str) -> Ended:
    document = dict(world.pipe17.order_of(order_id) or {})
    packages = map(world.tiktok.book.packages.get, world.tiktok.order(order_id).package_ids)
    return Ended(
        writes=dict(writes(world)),
        tiktok=world.tiktok.order(order_id).status,
        packages=[(one.tracking_number, one.provider_name, sorted(one.unit_ids)) for one in packages if one],
        pipe17=status(world, order_id),
        order={name: value for name, value in document.items() if name not in MOVES_BY_ITSELF},
        orders=len(list(world.pipe17.books.orders)),
        open_exceptions=opened(world),
        outbox=sql(world, "SELECT flow, key, state FROM outbox ORDER BY flow, key"),
    )


def _run(crash: tuple[str, int] | None) -> tuple[Ended, Counter[str], int]:
    """The day, from a daemon that is connected; `crash` counts the points from T0."""

    async def live(loop: VirtualLoop) -> tuple[Ended, Counter[str], int]:
        world = World(loop, 17, tiktok=shop(hold_ms=SHORT_MS), settings=SHORT)
        try:
            await world.start()
            await world.live(2.5 * MINUTE)
            before = Counter(world.passed)
            world.crash_at = crash
            order_id = await _day(world)
            assert world.broken == []
            assert world.pipe17.audit.refused_creates.total() == 0
            assert differences(world, hold=timedelta(milliseconds=SHORT_MS)) == []
            return _ended(world, order_id), Counter(world.passed) - before, world.crashes
        finally:
            await world.aclose()

    return run_virtual(live)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_every_step_the_end_is_that_of_the_uninterrupted_run(point: str) -> None:
    expected, passed, _ = _run(None)
    assert expected.writes == {"orders.create": 1, "orders.update": 1, "packages.mark_shipped": 2}
    assert (expected.tiktok, expected.pipe17, expected.open_exceptions) == ("COMPLETED", "fulfilled", {})
    wrong: list[str] = []
    assert passed[point] > 40
    for number in range(1, passed[point] + 1):
        ended, _, crashes = _run((point, number))
        if crashes != 1:
            wrong.append(f"{point} {number}: {crashes} crashes")
        wrong += [f"{point} {number}: {text}" for text in _other(ended, expected)]
    assert wrong == []


@pytest.mark.parametrize("rotate", [False, True])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("number", range(1, 5))
def test_killed_in_the_first_seconds_of_its_life(number: int, point: str, rotate: bool) -> None:
    """The first refresh is the one write that TikTok may take back with it: then the owner has to grant again."""

    async def story(world: World) -> None:
        world.crash_at = (point, number)
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(5 * MINUTE)
        assert world.crashes == 1
        if status(world, order_id) == "":
            assert rotate
            assert fact(world, "authorization")["state"] == "needs_reauth"
            assert world.parts is not None
            await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code())
            await world.live(5 * MINUTE)
        assert status(world, order_id) == "onHold"
        assert opened(world) == {}

    play(story, tiktok=shop(rotate_refresh=rotate))


def _other(ended: Ended, expected: Ended) -> list[str]:
    return [
        f"{name} {getattr(ended, name)!r} instead of {getattr(expected, name)!r}"
        for name in Ended.__dataclass_fields__
        if getattr(ended, name) != getattr(expected, name)
    ]


@pytest.mark.parametrize("market", ["US", "GB"])
def test_the_standard_order(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A", "SKU-B"])
        await world.live(HOUR + 5 * MINUTE)
        assert 3_600_000 <= (released_ms(world, order_id) or 0) < 3_610_000
        fulfill(world, order_id, None, "UPS" if market == "US" else "EVRi")
        await world.live(2 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A", "SKU-B"]}
        for step in (world.tiktok.carrier_scan, world.tiktok.deliver, world.tiktok.complete):
            step(order_id)
            await world.live(2 * MINUTE)
        assert world.tiktok.order(order_id).status == "COMPLETED"
        assert status(world, order_id) == "fulfilled"
        assert len(list(world.pipe17.books.orders)) == 1
        assert writes(world) == {"orders.create": 1, "orders.update": 1, "packages.mark_shipped": 1}
        lines = sql(world, "SELECT flow, event, detail FROM journal WHERE group_key = ? ORDER BY id", order_id)
        told = [(flow, event) for flow, event, _ in lines if flow != "references"]
        assert told[:4] == [("orders", "wanted"), ("orders", "accepted"), ("orders", "wanted"), ("orders", "accepted")]
        assert ("fulfillments", "accepted") in told
        assert ("orders", 1) in Counter(flow for flow, _ in world.observed.latencies).items() or len(
            world.observed.latencies
        ) >= 2
        assert {flow for flow, _ in world.observed.latencies} == {"orders", "fulfillments", "references"}
        assert opened(world) == {}
        assert differences(world) == []

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("seen", ["AWAITING_COLLECTION", "COMPLETED"])
@pytest.mark.parametrize("since", ["", "1d"])
def test_an_order_first_seen_already_shipped(seen: str, since: str) -> None:
    """Not created, unless ORDERS_SINCE asks for it; then as fulfilled, and never routable."""

    async def story(world: World) -> None:
        order_id = world.tiktok.place_order(["SKU-A"])
        order = world.tiktok.order(order_id)
        await _sleep(world, HOUR + 5 * MINUTE)
        world.tiktok.market.tick(world.truth.now_ms())
        package = world.tiktok.market.new_package(order, [order.units[0].id], world.truth.now_ms())
        package.tracking_number, package.status = "9400111899223197428490", "PROCESSING"
        order.units[0].status = "AWAITING_COLLECTION"
        world.tiktok.market.shipped(order, world.truth.now_ms())
        if seen == "COMPLETED":
            for step in (world.tiktok.carrier_scan, world.tiktok.deliver, world.tiktok.complete):
                step(order_id)
        await world.start()
        await world.live(10 * MINUTE)
        assert status(world, order_id) == ("fulfilled" if since else "")
        assert world.pipe17.audit.first_routable_ms(order_id) is None
        found = row(world, "orders", order_id)
        assert found is not None
        assert (found.state, found.reason) == (("done", "fulfilled") if since else ("dropped", "first_seen_shipped"))

    play(story, settings={"ORDERS_SINCE": since} if since else None)


async def _sleep(world: World, seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


def test_the_trace_has_every_step_and_no_document() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await _day(world)
        lines = sql(world, "SELECT detail FROM journal WHERE group_key = ?", order_id)
        text = json.dumps(lines)
        assert "Sim Street" not in text
        assert len(lines) < 40

    play(story, settings=SHORT, tiktok=shop(hold_ms=SHORT_MS))
