"""Pull orders at its edges: pages and slices, answers that are lost, orders that change or vanish on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from house import NOW_MS, House, error, in_house
from sides import HOUR_S, NOW_S, ORDER, LostAnswer, Sides, order, unit

from daemon.apis.tiktok.client import OrderPage
from daemon.core.lifecycle import State
from daemon.core.verdicts import Rejected, Retry, Unknown

Test = Callable[[Sides], Awaitable[None]]
DAY_MS = 86_400_000


def run(tmp_path: Path, test: Test, *orders: dict[str, Any], **rules: Any) -> None:
    async def main(house: House) -> None:
        await test(Sides(house, *orders, **rules))

    in_house(tmp_path, main, empty=True)


# the source


def test_the_cursor_is_the_start_of_the_fetch_and_comes_with_the_last_page(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.pages = [OrderPage([order()], "t2"), OrderPage([], "")]
        pages = [page async for page in sides.orders.source(str(NOW_MS - 60_000))]
        assert [(len(page.changes), page.cursor) for page in pages] == [(1, None), (0, str(NOW_MS))]
        since_s = NOW_S - 60 - 600
        assert sides.tiktok.named("search") == [(since_s, None, ""), (since_s, None, "t2")]

    run(tmp_path, test)


def test_a_long_absence_is_read_in_slices_with_a_cursor_each(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        start_ms = NOW_MS - 17 * DAY_MS
        pages = [page async for page in sides.orders.source(str(start_ms))]
        assert [page.cursor for page in pages] == [str(start_ms + 7 * DAY_MS), str(start_ms + 14 * DAY_MS), str(NOW_MS)]
        windows = sides.tiktok.named("search")
        assert [to_s for _, to_s, _ in windows] == [NOW_S - 10 * 86_400, NOW_S - 3 * 86_400, None]
        assert [from_s for from_s, _, _ in windows[1:]] == [NOW_S - 10 * 86_400 - 600, NOW_S - 3 * 86_400 - 600]

    run(tmp_path, test)


def test_the_first_run_starts_now_or_where_the_owner_says(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        assert [page.cursor async for page in sides.orders.source(None)] == [str(NOW_MS)]
        assert sides.tiktok.named("search")[0][0] == first_s

    first_s = NOW_S - 600
    run(tmp_path / "now", test)
    first_s = NOW_S - 86_400 - 600
    run(tmp_path / "since", test, since_ms=NOW_MS - DAY_MS)


def test_a_page_token_that_comes_back_is_an_error_and_no_endless_loop(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.pages = [OrderPage([order()], "t"), OrderPage([], "t"), OrderPage([], "t")]
        assert not await sides.house.pollers[0].once()
        assert await sides.house.rows("SELECT position FROM cursors") == []
        assert (await sides.house.row(ORDER)).state is State.READY

    run(tmp_path, test)


def test_unreadable_orders_do_not_stop_the_page(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        without_id, without_time = order(), order(id="2", update_time=None, create_time=None)
        del without_id["id"]
        bad_units = order(id="3", line_items="none")
        sides.tiktok.pages = [OrderPage([without_id, without_time, bad_units, order()], "")]
        assert await sides.house.pollers[0].once()
        shown = {key for key, code in await sides.house.open_exceptions() if code == "malformed_record"}
        assert {"2", "3"} < shown
        assert len(shown) == 3
        assert await sides.house.rows("SELECT key FROM outbox") == [(ORDER,)]

    run(tmp_path, test)


# delivery


def test_the_hold_is_over_and_the_order_of_that_moment_is_released(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.pull(order(paid_ago_s=600))
        await sides.run_for(10)
        [made] = sides.pipe17.orders.values()
        assert made["status"] == "onHold"
        moved = order(paid_ago_s=600)
        moved["recipient_address"] = {**moved["recipient_address"], "address_line1": "1 New Street"}
        moved["update_time"] = NOW_S + 2_000
        sides.tiktok.orders[ORDER] = moved
        await sides.run_for(2_980)
        assert made["status"] == "onHold", "not a second before"
        await sides.run_for(30)
        assert (made["status"], made["shippingAddress"]["address1"]) == ("new", "1 New Street")
        assert (await sides.house.row(ORDER)).state is State.DONE

    run(tmp_path, test)


def test_an_order_cancelled_in_its_hold_is_never_routable(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.pull(order(paid_ago_s=600))
        await sides.run_for(10)
        cancelled = order(paid_ago_s=600, status="CANCELLED", line_items=[unit(0, display_status="CANCELLED")])
        sides.tiktok.orders[ORDER] = cancelled
        await sides.run_for(2 * HOUR_S)
        [made] = sides.pipe17.orders.values()
        assert made["status"] == "canceled"
        assert "new" not in [change.get("status") for change in sides.pipe17.named("update")]

    run(tmp_path, test)


def test_an_order_cancelled_before_it_was_made_is_dropped_at_delivery(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.pull(order())
        sides.tiktok.orders[ORDER] = order(status="CANCELLED", line_items=[unit(0, display_status="CANCELLED")])
        await sides.run_for(10)
        row = await sides.house.row(ORDER)
        assert (row.state, row.reason) == (State.DROPPED, "cancelled_on_hold")
        assert sides.pipe17.named("create") == []

    run(tmp_path, test)


def test_the_time_of_release_survives_a_poll_during_the_delivery(tmp_path: Path) -> None:
    """Poller and delivery read the same newer order; the row must still come back when the hold ends."""

    async def test(sides: Sides) -> None:
        await sides.pull(order(paid_ago_s=600))
        newer = order(paid_ago_s=600, update_time=NOW_S, buyer_message="Please ring twice")
        newer["recipient_address"] = {**newer["recipient_address"], "address_line1": "1 New Street"}
        sides.tiktok.orders[ORDER] = newer
        create = sides.pipe17.create_order

        async def create_while_polling(document: dict[str, Any]) -> Any:
            await sides.pull(newer)
            return await create(document)

        sides.pipe17.create_order = create_while_polling  # type: ignore[method-assign]
        await sides.run_for(10)
        row = await sides.house.row(ORDER)
        assert (row.state, row.due_at_ms) == (State.HELD, NOW_MS + 3_000_000)

    run(tmp_path, test)


def test_an_order_that_tiktok_does_not_show_is_asked_for_again_and_told(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.pull(order())
        shown = sides.tiktok.orders.pop(ORDER)
        await sides.run_for(400)
        assert (ORDER, "order_not_shown") in await sides.house.open_exceptions()
        assert len(sides.tiktok.named("details")) == 2
        sides.tiktok.orders[ORDER] = shown
        await sides.run_for(400)
        assert await sides.house.open_exceptions() == set()
        assert len(sides.pipe17.orders) == 1

    run(tmp_path, test)


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_create_whose_answer_is_lost_makes_one_order(tmp_path: Path, took_effect: bool) -> None:
    async def test(sides: Sides) -> None:
        lost = error(Unknown("timeout"), system="pipe17", status=0)
        sides.pipe17.errors["create"] = [LostAnswer(lost) if took_effect else lost]
        await sides.pull(order())
        await sides.run_for(30)
        assert len(sides.pipe17.orders) == 1
        assert len(sides.pipe17.named("create")) == (1 if took_effect else 2)
        row = await sides.house.row(ORDER)
        assert (row.state, row.remote_id) == (State.DONE, "p-1")

    run(tmp_path, test)


def test_a_cancellation_during_a_lost_create_reaches_the_order(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        lost = error(Unknown("timeout"), system="pipe17", status=0)
        sides.pipe17.errors["create"] = [LostAnswer(lost)]
        await sides.pull(order())
        await sides.run_for(1)
        assert (await sides.house.row(ORDER)).state is State.UNKNOWN
        cancelled = order(status="CANCELLED", update_time=NOW_S, line_items=[unit(0, display_status="CANCELLED")])
        await sides.pull(cancelled)
        await sides.run_for(30)
        [made] = sides.pipe17.orders.values()
        assert made["status"] == "canceled"

    run(tmp_path, test)


def test_an_order_that_is_in_pipe17_already_is_adopted_and_brought_up_to_date(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.released(order())
        await sides.house.rows("DELETE FROM outbox")
        sides.pipe17.orders["p-1"]["status"] = "onHold"
        await sides.pull(order())
        await sides.run_for(10)
        assert len(sides.pipe17.orders) == 1
        assert sides.pipe17.orders["p-1"]["status"] == "new"

    run(tmp_path, test)


def test_an_order_deleted_in_pipe17_is_refused_and_not_made_twice(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.released(order())
        sides.pipe17.orders.clear()
        moved = order(update_time=NOW_S)
        moved["recipient_address"] = {**moved["recipient_address"], "address_line1": "1 New Street"}
        await sides.pull(moved)
        await sides.run_for(10)
        assert await sides.house.open_exceptions() == {(ORDER, "order_missing_in_pipe17")}
        assert sides.pipe17.orders == {}

    run(tmp_path, test)


@pytest.mark.parametrize(("status", "late"), [("readyForFulfillment", True), ("new", False)])
def test_an_edit_that_pipe17_refuses_is_told_once_it_has_moved_on(tmp_path: Path, status: str, late: bool) -> None:
    async def test(sides: Sides) -> None:
        await sides.released(order())
        sides.pipe17.orders["p-1"]["status"] = status
        sides.pipe17.errors["update"] = [error(Rejected("invalid"), system="pipe17")]
        moved = order(update_time=NOW_S)
        moved["recipient_address"] = {**moved["recipient_address"], "address_line1": "1 New Street"}
        await sides.pull(moved)
        await sides.run_for(10)
        code, state = ("edited_after_release", State.DONE) if late else ("invalid", State.DEAD)
        assert (ORDER, code) in await sides.house.open_exceptions()
        assert (await sides.house.row(ORDER)).state is state

    run(tmp_path, test)


def test_the_same_order_again_sends_nothing(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.released(order())
        calls = len(sides.pipe17.calls)
        await sides.pull(order(), order(update_time=NOW_S))
        await sides.run_for(10)
        assert len(sides.pipe17.calls) == calls

    run(tmp_path, test)


def test_many_deliveries_read_their_orders_in_few_calls(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.released(*(order(id=str(number)) for number in range(60)))
        assert len(sides.pipe17.orders) == 60
        assert len(sides.tiktok.named("details")) == 2

    run(tmp_path, test)


def test_a_failed_read_fails_all_who_shared_it_and_all_go_out_later(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.errors["details"] = [error(Retry("busy"), status=500)]
        await sides.pull(*(order(id=str(number)) for number in range(5)))
        await sides.run_for(30)
        assert len(sides.pipe17.orders) == 5
        assert await sides.house.open_exceptions() == set()

    run(tmp_path, test)


def test_we_learn_who_we_are_from_the_first_order(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.released(order())
        assert sides.ownership.integration_id == "b7712ce05d9f3a48"
        sides.ownership.integration_id = ""
        await sides.ownership.load()
        assert sides.ownership.integration_id == "b7712ce05d9f3a48"

    run(tmp_path, test, integration="")


def test_an_unpaid_order_waits_and_leaves_when_it_is_paid_and_its_hold_over(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        unpaid = order(status="UNPAID", paid_time=None, create_time=NOW_S)
        await sides.pull(unpaid)
        await sides.run_for(100)
        row = await sides.house.row(ORDER)
        assert (row.state, bool(row.reason)) == (State.HELD, True)
        assert sides.pipe17.orders == {}
        await sides.pull(order(paid_ago_s=-100, create_time=NOW_S, update_time=NOW_S + 100))
        await sides.run_for(2 * HOUR_S)
        assert [made["status"] for made in sides.pipe17.orders.values()] == ["new"]

    run(tmp_path, test, hold=timedelta(minutes=30), pull_on_hold=False)
