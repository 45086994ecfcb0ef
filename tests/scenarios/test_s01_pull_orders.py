"""S01 Pull orders: each exactly once, whatever happens to pages, clocks and answers on the way."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from unittest import mock

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.pipe17.options import Creation, Duplicate
from daemon.sandbox.tiktok import TikTokOptions
from daemon.store import hints
from daemon.store.hints import Hint
from tests.scenarios.stage import (
    DAY,
    HOUR,
    MINUTE,
    backlog,
    cursor,
    differences,
    opened,
    play,
    row,
    shop,
    standing,
    status,
    writes,
)
from tests.sim.world import World


async def _old_orders(world: World, count: int, every_s: float = 1.0) -> list[str]:
    """The daemon has run once and is down; `count` orders come and outlive their hold."""
    await world.start()
    await world.live(2 * MINUTE)
    await world.stop()
    found = []
    for _ in range(count):
        found.append(world.tiktok.place_order(["SKU-A"]))
        await asyncio.sleep(every_s)
    await asyncio.sleep(HOUR + 5 * MINUTE)
    return found


@pytest.mark.parametrize("market", ["US", "GB", "VN"])
def test_250_orders_in_three_pages_the_second_of_which_fails_once(market: str) -> None:
    async def story(world: World) -> None:
        orders = await _old_orders(world, 250)
        before, creates = cursor(world, "orders"), len(world.pipe17.called("orders.create"))
        world.faults["tiktok"].add(Fault(FaultKind.UNAVAILABLE, "orders.search", times=1, skip=1))
        seen: list[tuple[int, int | None]] = []
        handle = world.tiktok.handle

        def watched(call: Any) -> Any:
            if call.path.endswith("/orders/search"):
                seen.append((len(world.tiktok.called("orders.search")), cursor(world, "orders")))
            return handle(call)

        with mock.patch.object(world.tiktok, "handle", watched):
            await world.start()
            await world.live(4 * MINUTE)
        refused = next(index for index, call in enumerate(world.tiktok.called("orders.search")) if call.status == 503)
        at_start = next(at for number, at in seen if number == refused)
        assert at_start == before
        assert [at for number, at in seen if number in range(refused - 1, refused + 4)] == [before] * 5
        assert cursor(world, "orders") != before
        assert len(world.pipe17.called("orders.create", effective=True)) - creates == 250
        assert len(world.pipe17.called("orders.create")) - creates == 250
        assert [status(world, order_id) for order_id in orders] == ["readyForFulfillment"] * 250
        assert differences(world) == []

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("crash", [("answer", 3), ("committed", 4), ("committed", 5), ("call", 4), ("commit", 6)])
def test_killed_after_the_first_page_the_end_is_the_same(crash: tuple[str, int]) -> None:
    async def story(world: World) -> None:
        orders = await _old_orders(world, 250)
        before = cursor(world, "orders")
        world.crash_at = crash
        await world.start()
        await world.live(2 * MINUTE, restart_after_s=45)
        assert world.crashes == 1
        assert before is not None
        assert (cursor(world, "orders") or 0) >= before
        await world.live(5 * MINUTE)
        assert writes(world)["orders.create"] == 250
        assert world.pipe17.audit.refused_creates.total() == 0
        assert {status(world, order_id) for order_id in orders} == {"readyForFulfillment"}

    play(story)


@pytest.mark.parametrize("late_s", [20, 5 * 60])
def test_an_order_that_the_index_shows_late_is_still_pulled_and_40_seen_again_are_not_created_twice(
    late_s: int,
) -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(40)]
        await world.live(3 * MINUTE)
        assert writes(world)["orders.create"] == 40
        late = world.tiktok.place_order(["SKU-B"])
        # the index keeps it back: its update time lies before the cursor when it shows
        changed = world.tiktok.order(late).update_ms
        hidden, search = True, world.tiktok.book.search

        def without(ask: Any) -> Any:
            found = json.loads(search(ask))
            if hidden:
                found["orders"] = [order for order in found.get("orders", []) if order["id"] != late]
            return json.dumps(found)

        with mock.patch.dict(world.tiktok._handlers, {"orders.search": without}):
            await world.live(late_s + MINUTE)
            assert status(world, late) == ""
            assert (cursor(world, "orders") or 0) - changed >= 20_000
            hidden = False
            await world.live(2 * MINUTE)
        assert status(world, late) == "onHold"
        assert writes(world)["orders.create"] == 41
        await world.live(90 * MINUTE)
        assert writes(world)["orders.create"] == 41
        assert differences(world) == []
        assert len(orders) == 40

    play(story)


@pytest.mark.parametrize("lead_s", [0.0, 0.2, 1.0, 4.0, 7.9])
@pytest.mark.parametrize("on_hold", [True, False])
def test_webhook_and_poll_bring_the_same_order_while_the_create_takes_8_seconds(lead_s: float, on_hold: bool) -> None:
    async def story(world: World) -> None:
        world.faults["pipe17"].add(Fault(FaultKind.DELAY, "orders.create", times=None, delay_ms=8_000))
        await world.start()
        await world.live(3)
        order_id = world.tiktok.place_order(["SKU-A"])
        assert world.daemon is not None
        assert world.parts is not None
        world.daemon.pollers[0].poke()
        await asyncio.sleep(lead_s)
        for number in range(3):
            hint = Hint(f"n{number}", "orders", order_id)
            await world.parts.database.write(lambda tx, hint=hint: hints.add(tx, hint, world.clock.now_ms()))  # type: ignore[misc]
            world.daemon.hints.bell.ring()
        await world.live(MINUTE)
        assert len(world.pipe17.called("orders.create")) == 1
        assert status(world, order_id) in ("onHold", "readyForFulfillment")
        await world.live(80 * MINUTE)
        assert len(world.pipe17.called("orders.create")) == 1
        assert differences(world, hold=world.settings.orders_hold) == []

    play(story, tiktok=shop(on_hold=on_hold), settings=None if on_hold else {"ORDERS_HOLD": "0s"})


@pytest.mark.parametrize("duplicate", list(Duplicate))
@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER, FaultKind.TRUNCATED, FaultKind.GARBAGE])
def test_a_create_whose_answer_is_lost_makes_one_order(kind: FaultKind, duplicate: Duplicate) -> None:
    async def story(world: World) -> None:
        world.faults["pipe17"].add(Fault(kind, "orders.create", times=4))
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A", "SKU-B"]) for _ in range(6)]
        await world.live(80 * MINUTE)
        assert writes(world)["orders.create"] == 6
        assert {status(world, order_id) for order_id in orders} == {"readyForFulfillment"}
        assert opened(world) == {}
        assert differences(world) == []

    play(story, pipe17=Pipe17Options(duplicate=duplicate))


@pytest.mark.parametrize("duplicate", list(Duplicate))
def test_an_order_that_exists_already_is_taken_up_and_not_made_again(duplicate: Duplicate) -> None:
    """The store was lost, Pipe17 was not: every way to say "duplicate" leads to the order that is there."""

    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(3)]
        await world.live(5 * MINUTE)
        await world.stop()
        for suffix in ("", "-wal", "-shm"):
            world.store.with_name(world.store.name + suffix).unlink(missing_ok=True)
        world.tiktok.change_address(orders[0], {"line1": "8 Later Lane"})
        await world.start()
        await world.live(80 * MINUTE)
        assert writes(world)["orders.create"] == 3
        assert {status(world, order_id) for order_id in orders} == {"readyForFulfillment"}
        assert differences(world) == []
        assert opened(world) == {}

    play(
        story,
        pipe17=Pipe17Options(duplicate=duplicate),
        settings={"ORDERS_SINCE": "1d"},
        tiktok=shop(rotate_refresh=False),
    )


@pytest.mark.parametrize("after_ms", [500, 2_000, 45_000])
@pytest.mark.parametrize("echo", [True, False])
def test_creates_that_are_only_accepted_and_puts_without_an_echo(after_ms: int, echo: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A", "SKU-A"]) for _ in range(5)]
        await world.live(30 * MINUTE)
        world.tiktok.change_address(orders[0], {"line1": "5 Fresh Road"})
        await world.live(80 * MINUTE)
        assert {status(world, order_id) for order_id in orders} == {"readyForFulfillment"}
        assert world.pipe17.audit.creates.total() == 5
        assert differences(world) == []
        assert opened(world) == {}

    options = Pipe17Options(creation=Creation.ACCEPTED, accepted_after_ms=after_ms, echo_updates=echo)
    play(story, pipe17=options)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda order: order["line_items"].clear(),
        lambda order: order.update(line_items="none"),
        lambda order: order.update(create_time="soon"),
        lambda order: order["payment"].update(total_amount="a lot"),
        lambda order: order.update(recipient_address="hidden"),
        lambda order: order.update(id=None),
    ],
)
def test_a_malformed_order_is_set_aside_with_its_text_and_heals(spoil: Any) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(5)
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(3)]
        broken = orders[1]
        search, details = world.tiktok.book.search, world.tiktok.book.details

        def spoiled(read: Any) -> Any:
            def answer(ask: Any) -> Any:
                text = read(ask)
                found = json.loads(text) if isinstance(text, str) else text
                for order in found.get("orders", []):
                    if order["id"] == broken:
                        spoil(order)
                return json.dumps(found)

            return answer

        bad = {"orders.search": spoiled(search), "orders.detail": spoiled(details)}
        with mock.patch.dict(world.tiktok._handlers, bad):
            await world.live(5 * MINUTE)
            assert [status(world, order_id) for order_id in orders] == ["onHold", "", "onHold"]
            assert set(opened(world)) == {"malformed_record"}
        assert writes(world)["orders.create"] == 2
        await world.live(80 * MINUTE)
        assert {status(world, order_id) for order_id in orders} == {"readyForFulfillment"}
        assert differences(world) == []

    play(story)


def test_what_was_set_aside_keeps_its_text_and_is_closed_when_it_reads_well() -> None:
    async def story(world: World) -> None:
        from tests.scenarios.stage import sql

        await world.start()
        await world.live(5)
        order_id = world.tiktok.place_order(["SKU-A"])
        search = world.tiktok.book.search

        def spoiled(ask: Any) -> Any:
            found = json.loads(search(ask))
            for order in found.get("orders", []):
                order["payment"]["total_amount"] = "much"
            return json.dumps(found)

        with mock.patch.dict(world.tiktok._handlers, {"orders.search": spoiled}):
            await world.live(4 * MINUTE)
        ((key, raw),) = sql(world, "SELECT key, raw FROM set_aside")
        assert key == order_id
        assert json.loads(raw)["id"] == order_id
        assert len(sql(world, "SELECT 1 FROM exceptions WHERE code = 'malformed_record'")) == 1
        await world.live(2 * MINUTE)
        assert sql(world, "SELECT 1 FROM set_aside") == []
        assert opened(world) == {}
        assert status(world, order_id) == "onHold"

    play(story)


def test_an_unknown_status_is_seen_and_waited_out() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        search, details = world.tiktok.book.search, world.tiktok.book.details

        def renamed(read: Any) -> Any:
            return lambda ask: read(ask).replace('"status":"ON_HOLD"', '"status":"UNDER_REVIEW"')

        new = {"orders.search": renamed(search), "orders.detail": renamed(details)}
        with mock.patch.dict(world.tiktok._handlers, new):
            await world.live(10 * MINUTE)
            assert status(world, order_id) == ""
            assert "status_unknown" in opened(world, order_id)
        await world.live(80 * MINUTE)
        assert status(world, order_id) == "readyForFulfillment"
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("market", ["GB", "VN"])
@pytest.mark.parametrize(("since", "expected"), [("", 1), ("14d", 121)])
def test_the_first_run_starts_with_the_present_and_orders_since_looks_back(
    market: str, since: str, expected: int
) -> None:
    async def story(world: World) -> None:
        old = [world.tiktok.place_order(["SKU-A"]) for _ in range(120)]
        await asyncio.sleep(12 * DAY)
        fresh = world.tiktok.place_order(["SKU-C"])
        await world.start()
        await world.live(80 * MINUTE)
        assert writes(world)["orders.create"] == expected
        assert {status(world, order_id) for order_id in (fresh, *(old if since else ()))} == {"readyForFulfillment"}

    play(story, tiktok=shop(market), settings={"ORDERS_SINCE": since} if since else None)


def test_an_order_paid_late_is_pulled_after_its_payment_and_one_never_paid_is_not() -> None:
    async def story(world: World) -> None:
        await world.start()
        late, never, given_up = (world.tiktok.place_order(["SKU-A"], paid=False) for _ in range(3))
        await world.live(5 * HOUR)
        assert writes(world)["orders.create"] == 0
        assert {row(world, "orders", one).reason for one in (late, never)} == {"waits for the buyer's payment"}  # type: ignore[union-attr]
        world.tiktok.pay(late)
        world.tiktok.cancel_order(given_up)
        await world.live(30 * MINUTE)
        assert status(world, late) == "onHold"
        await world.live(2 * HOUR)
        assert status(world, late) == "readyForFulfillment"
        assert world.tiktok.order(never).status == "CANCELLED"
        assert (status(world, never), status(world, given_up)) == ("", "")
        assert {standing(world, "orders", one) for one in (never, given_up)} == {"dropped"}
        assert backlog(world).total() == 0

    play(story, tiktok=shop(unpaid_ms=6 * 3_600_000))


@pytest.mark.parametrize("seed", range(2))
def test_a_rough_search_loses_and_doubles_nothing(seed: int) -> None:
    """An index that lags, rows that repeat, move and shift between pages."""

    async def story(world: World) -> None:
        await world.start()
        for _ in range(110):
            world.tiktok.place_order(["SKU-A"])
            await world.live(11)
        await world.live(80 * MINUTE)
        assert writes(world)["orders.create"] == 110
        assert differences(world) == []

    rough = TikTokOptions(index_lag_ms=60_000, repeat_rows=0.6, restless_rows=0.2, paging="offset")
    play(story, tiktok=rough, seed=seed)
