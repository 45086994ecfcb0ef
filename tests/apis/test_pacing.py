"""Budgets, lanes and closed operations, in virtual time."""

import asyncio
import random
from datetime import timedelta

import pytest
from fake_wire import START_MS, Counted, LoopClock, Throttles, virtual

from daemon.apis.pacing import PATIENCE, Closure, Pacer
from daemon.core.lanes import Lane
from daemon.core.verdicts import Throttled
from daemon.errors import ApiError


def pacer(per_second=10.0, *, shared=False, throttles=None, system="tiktok"):
    clock, counted = LoopClock(), Counted()
    made = Pacer(clock=clock, rng=random.Random(1), observer=counted, memory=throttles)
    made.budget(system, per_second=per_second, shared=shared)
    return made, clock, counted


async def go(made, operation, lane=Lane.ORDERS, log=None, name=None, system="tiktok"):
    at_s = await made.permit(system, operation, lane)
    if log is not None:
        log.append(name or operation)
    return at_s


@virtual
async def test_the_rate_holds_for_each_tiktok_operation_by_itself():
    made, clock, _ = pacer(10)
    start_s = clock.monotonic()
    calls = [go(made, operation) for operation in ("orders.search", "orders.detail") for _ in range(50)]
    await asyncio.gather(*calls)
    assert clock.monotonic() - start_s == pytest.approx(4.8, abs=0.1)


@virtual
async def test_a_shared_budget_is_one_for_all_operations():
    made, clock, _ = pacer(10, shared=True, system="pipe17")
    start_s = clock.monotonic()
    calls = [go(made, name, system="pipe17") for name in ("orders.get", "orders.create") for _ in range(50)]
    await asyncio.gather(*calls)
    assert clock.monotonic() - start_s == pytest.approx(9.8, abs=0.2)


@virtual
async def test_no_second_sees_more_than_the_rate_and_a_fifth():
    made, _, _ = pacer(20, shared=True)
    times = sorted(await asyncio.gather(*(go(made, f"op{number % 3}") for number in range(200))))
    for start_s in times:
        assert sum(start_s <= at_s < start_s + 1.0 for at_s in times) <= 25


@virtual
async def test_the_better_lane_goes_first_then_who_came_first():
    made, _, _ = pacer(10, shared=True)
    log = []
    await go(made, "warm")
    await go(made, "warm")
    waiting = [
        asyncio.create_task(go(made, "orders.list", lane, log, f"{lane.name}{number}"))
        for number in (1, 2)
        for lane in (Lane.RESYNC, Lane.ORDERS, Lane.FULFILLMENTS)
    ]
    await asyncio.gather(*waiting)
    assert log == ["FULFILLMENTS1", "FULFILLMENTS2", "ORDERS1", "ORDERS2", "RESYNC1", "RESYNC2"]


@virtual
async def test_a_resync_flood_delays_an_order_by_one_call_at_most():
    made, clock, _ = pacer(10, shared=True)
    flood = [asyncio.create_task(go(made, "orders.update", Lane.RESYNC)) for _ in range(500)]
    await asyncio.sleep(5)
    asked_s = clock.monotonic()
    assert await go(made, "orders.create", Lane.ORDERS) - asked_s <= 0.1 + 1e-6
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


@virtual
async def test_a_429_closes_only_its_own_operation():
    """X2: a minute of refusals for orders.search costs packages.mark_shipped nothing."""
    made, _, counted = pacer(10)
    let_go_s = await go(made, "orders.search")
    closed_for = await made.throttled("tiktok", "orders.search", let_go_s, timedelta(seconds=60))
    assert closed_for == timedelta(seconds=60)
    asked_s = asyncio.get_running_loop().time()
    assert await go(made, "packages.mark_shipped", Lane.FULFILLMENTS) == asked_s
    with pytest.raises(ApiError) as refused:
        await go(made, "orders.search")
    assert refused.value.verdict == Throttled("closed", timedelta(seconds=60))
    assert counted.limited == ["orders.search"]
    await asyncio.sleep(60)
    await go(made, "orders.search")


@virtual
async def test_a_429_of_pipe17_leaves_the_others_at_full_speed():
    made, clock, _ = pacer(10, shared=True, system="pipe17")
    let_go_s = await go(made, "orders.create", system="pipe17")
    await made.throttled("pipe17", "orders.create", let_go_s, timedelta(seconds=60))
    start_s = clock.monotonic()
    await asyncio.gather(*(go(made, "fulfillments.list", system="pipe17") for _ in range(50)))
    assert clock.monotonic() - start_s == pytest.approx(5, abs=0.2)


@virtual
async def test_those_in_line_are_sent_away_when_the_operation_closes_for_long():
    made, _, _ = pacer(1)
    let_go_s = await go(made, "orders.search")
    waiting = [asyncio.create_task(go(made, "orders.search")) for _ in range(3)]
    await asyncio.sleep(0.01)
    await made.throttled("tiktok", "orders.search", let_go_s, timedelta(seconds=30))
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(end) for end in ends} == {ApiError}


@virtual
async def test_a_short_closure_is_waited_for():
    made, _, counted = pacer(10)
    let_go_s = await go(made, "orders.search")
    await made.throttled("tiktok", "orders.search", let_go_s, timedelta(seconds=1))
    assert await go(made, "orders.search") - let_go_s == pytest.approx(1, abs=0.2)
    assert counted.waits[-1][0] == "orders.search"
    assert timedelta(seconds=1) < PATIENCE


@virtual
async def test_repeated_429s_without_a_header_close_longer_each_time_up_to_a_minute():
    made, _, _ = pacer(10)
    waits = []
    for _ in range(9):
        at_s = await go(made, "orders.search")
        wait = await made.throttled("tiktok", "orders.search", at_s, None)
        waits.append(wait.total_seconds())
        await asyncio.sleep(wait.total_seconds() + 0.001)
    for number, wait in enumerate(waits):
        assert min(60, 2**number) <= wait <= 1.5 * min(60, 2**number)


@virtual
async def test_answers_to_calls_already_on_their_way_count_once():
    made, _, _ = pacer(100)
    sent = await asyncio.gather(*(go(made, "orders.search") for _ in range(10)))
    waits = [await made.throttled("tiktok", "orders.search", at_s, None) for at_s in sent]
    assert max(waits) <= timedelta(seconds=1.5)


@virtual
async def test_a_success_forgives():
    throttles = Throttles()
    made, _, _ = pacer(100, throttles=throttles)
    for _ in range(3):
        at_s = await go(made, "orders.search")
        wait = await made.throttled("tiktok", "orders.search", at_s, None)
        await asyncio.sleep(wait.total_seconds())
    await made.succeeded("tiktok", "orders.search")
    assert throttles.kept["tiktok", "orders.search"] == Closure("tiktok", "orders.search", 0, 0)
    saves = throttles.saves
    await made.succeeded("tiktok", "orders.search")
    assert throttles.saves == saves
    at_s = await go(made, "orders.search")
    assert await made.throttled("tiktok", "orders.search", at_s, None) <= timedelta(seconds=1.5)


@virtual
async def test_a_late_success_does_not_open_what_a_429_just_closed():
    made, _, _ = pacer(100)
    at_s = await go(made, "orders.search")
    await made.throttled("tiktok", "orders.search", at_s, timedelta(seconds=20))
    await made.succeeded("tiktok", "orders.search")
    assert made.closed_for("tiktok", "orders.search") == timedelta(seconds=20)


@virtual
async def test_a_closure_survives_a_restart():
    throttles = Throttles()
    made, _, _ = pacer(throttles=throttles)
    await made.throttled("tiktok", "orders.search", await go(made, "orders.search"), timedelta(seconds=60))
    assert throttles.kept["tiktok", "orders.search"].until_ms == START_MS + 60_000
    await asyncio.sleep(10)
    again, _, _ = pacer(throttles=throttles)
    await again.load()
    assert again.closed_for("tiktok", "orders.search") == timedelta(seconds=50)


@virtual
async def test_a_remembered_closure_is_bounded_and_a_past_one_is_open():
    throttles = Throttles(
        Closure("tiktok", "a", START_MS + 10**12, 3),
        Closure("tiktok", "b", START_MS - 5, 2),
        Closure("elsewhere", "c", START_MS + 5_000, 1),
    )
    made, _, _ = pacer(throttles=throttles)
    await made.load()
    assert made.closed_for("tiktok", "a") == timedelta(hours=1)
    assert made.closed_for("tiktok", "b") == timedelta(0)


@virtual
async def test_a_correction_of_the_clock_neither_opens_nor_lengthens_a_closure():
    made, clock, _ = pacer()
    await made.throttled("tiktok", "orders.search", await go(made, "orders.search"), timedelta(seconds=60))
    clock.correct(-600_000)
    assert made.closed_for("tiktok", "orders.search") == timedelta(seconds=60)


@virtual
async def test_a_cancelled_caller_leaves_the_line_and_the_others_go_on():
    made, _, _ = pacer(10)
    await asyncio.gather(*(go(made, "orders.search") for _ in range(2)))
    first, second = (asyncio.create_task(go(made, "orders.search")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()


@virtual
async def test_the_rate_gives_way_after_a_429_and_comes_back():
    made, clock, _ = pacer(20)
    await made.throttled("tiktok", "orders.search", await go(made, "orders.search"), timedelta(seconds=0.5))
    await asyncio.sleep(0.5)
    start_s = clock.monotonic()
    await asyncio.gather(*(go(made, "orders.search") for _ in range(20)))
    assert 1.5 < clock.monotonic() - start_s < 2.2
    await asyncio.sleep(60)
    start_s = clock.monotonic()
    await asyncio.gather(*(go(made, "orders.search") for _ in range(24)))
    assert clock.monotonic() - start_s == pytest.approx(1.0, abs=0.1)
