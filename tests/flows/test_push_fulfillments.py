"""Push fulfillments at its edges: whose it is, what keeps it back, lost answers, several packages, odd carriers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from house import NOW_MS, House, error, in_house
from sides import NOW_S, ORDER, LostAnswer, Sides, fulfillment, order, unit

from daemon.apis.pipe17.session import Rows
from daemon.core.carriers import Provider
from daemon.core.lifecycle import State
from daemon.core.verdicts import Rejected, Retry, Throttled, Unknown

Test = Callable[[Sides], Awaitable[None]]
NUMBER = "1Z999AA10123456784"


def run(tmp_path: Path, test: Test, *orders: dict[str, Any], **rules: Any) -> None:
    async def main(house: House) -> None:
        sides = Sides(house, *(orders or (order(),)), **rules)
        await sides.released()
        await test(sides)

    in_house(tmp_path, main, empty=True)


async def _state(sides: Sides, key: str = "f1") -> State:
    return (await sides.house.row(key, "fulfillments")).state


def test_a_shipment_reaches_tiktok_once(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        for _ in range(2):
            await sides.push(fulfillment())
            await sides.run_for(10)
        assert sides.tiktok.named("mark") == [(ORDER, ("100",), NUMBER, "71")]
        row = await sides.house.row("f1", "fulfillments")
        assert (row.state, row.remote_id, row.group) == (State.DONE, f"pkg-{NUMBER}", ORDER)

    run(tmp_path, test)


def test_pages_advance_by_rows_and_the_cursor_comes_last(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.pipe17.pages = [Rows([fulfillment("f1"), fulfillment("f2")], last=False), Rows([], last=True)]
        pages = [page async for page in sides.fulfillments.source(str(NOW_MS - 1))]
        assert [(len(page.changes), page.cursor) for page in pages] == [(2, None), (0, str(sides.house.clock.now_ms()))]
        assert [skip for _, skip in sides.pipe17.named("fulfillments")] == [0, 2]
        assert sides.pipe17.named("fulfillments")[0][0] == NOW_MS - 1 - 600_000

    run(tmp_path, test)


def test_another_channels_fulfillment_is_none_of_ours(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        foreign = fulfillment("f9", orderIntegration="other", extOrderId="amazon-1")
        unnamed = fulfillment("f8", orderIntegration="", extOrderId="amazon-2", orderId="p-8", shipmentId="s-8")
        sides.pipe17.shipments["s-8"] = {"orderIntegration": "other", "extOrderId": "amazon-2"}
        await sides.push(foreign, unnamed)
        await sides.run_for(10)
        assert await sides.house.rows("SELECT key, state, reason FROM outbox WHERE flow = 'fulfillments'") == [
            ("f8", "dropped", "not_ours")
        ]
        assert sides.tiktok.named("mark") == []

    run(tmp_path, test)


def test_a_fulfillment_without_our_order_id_is_found_by_the_id_in_pipe17(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.push(fulfillment(extOrderId="", orderIntegration=""))
        await sides.run_for(10)
        assert (await sides.house.row("f1", "fulfillments")).group == ORDER
        assert len(sides.tiktok.named("mark")) == 1

    run(tmp_path, test)


def test_an_order_our_store_does_not_know_is_asked_for_at_pipe17(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.house.rows("DELETE FROM outbox")
        await sides.push(fulfillment(extOrderId="", orderIntegration="", shipmentId="unknown"))
        await sides.run_for(10)
        assert len(sides.tiktok.named("mark")) == 1

    run(tmp_path, test)


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_call_whose_answer_is_lost_ships_once(tmp_path: Path, took_effect: bool) -> None:
    async def test(sides: Sides) -> None:
        lost = error(Unknown("timeout"), status=0)
        sides.tiktok.errors["mark"] = [LostAnswer(lost) if took_effect else lost]
        await sides.push(fulfillment())
        await sides.run_for(30)
        assert len(sides.tiktok.named("mark")) == (1 if took_effect else 2)
        row = await sides.house.row("f1", "fulfillments")
        assert (row.state, row.remote_id) == (State.DONE, f"pkg-{NUMBER}")
        assert await sides.house.open_exceptions() == set()

    run(tmp_path, test)


def test_a_new_number_during_a_lost_call_is_not_swallowed(tmp_path: Path) -> None:
    """The old number is at TikTok, the new one is not: a person must know."""

    async def test(sides: Sides) -> None:
        sides.tiktok.errors["mark"] = [LostAnswer(error(Unknown("timeout"), status=0))]
        mark = sides.tiktok.mark_package_as_shipped

        async def change_and_mark(*details: Any) -> Any:
            await sides.push(fulfillment(number="NEW-NUMBER-1"))
            return await mark(*details)

        sides.tiktok.mark_package_as_shipped = change_and_mark  # type: ignore[method-assign]
        await sides.push(fulfillment())
        await sides.run_for(30)
        assert await sides.house.open_exceptions() == {("f1", "already_shipped_elsewhere")}

    run(tmp_path, test)


def test_units_shipped_by_somebody_else_are_not_shipped_again(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.errors["mark"] = [error(Unknown("timeout"), status=0)]
        await sides.push(fulfillment())
        await sides.run_for(1)
        sides.tiktok.ship(["100"], "SOMEBODY-1")
        await sides.run_for(30)
        assert await sides.house.open_exceptions() == {("f1", "already_shipped_elsewhere")}
        assert len(sides.tiktok.named("mark")) == 1

    run(tmp_path, test)


@pytest.mark.parametrize(("number", "state"), [(NUMBER, State.DONE), ("OTHER-123", State.DEAD)])
def test_already_shipped_is_read_back(tmp_path: Path, number: str, state: State) -> None:
    async def test(sides: Sides) -> None:
        mark = sides.tiktok.mark_package_as_shipped

        async def shipped_meanwhile(*details: Any) -> Any:
            sides.tiktok.ship(["100"], number)
            return await mark(*details)

        sides.tiktok.mark_package_as_shipped = shipped_meanwhile  # type: ignore[method-assign]
        sides.tiktok.errors["mark"] = [error(Rejected("already_shipped"))]
        await sides.push(fulfillment())
        await sides.run_for(30)
        assert await _state(sides) is state

    run(tmp_path, test)


def test_two_packages_of_an_order_take_different_units_whatever_their_order(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.push(fulfillment("f2", "NUMBER-2"), fulfillment("f1", "NUMBER-1"), fulfillment("f3", "NUMBER-3"))
        await sides.run_for(30)
        units = [units for _, units, _, _ in sides.tiktok.named("mark")]
        assert sorted(units) == [("100",), ("101",)]
        assert [code for _, code in await sides.house.open_exceptions()] in (
            ["over_fulfilment"], ["already_shipped_elsewhere"],
        )  # fmt: skip

    run(tmp_path, test, order(units=2))


def test_units_claimed_by_a_call_in_the_dark_stay_claimed(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.errors["mark"] = [error(Retry("busy"), status=500)]
        await sides.push(fulfillment("f1", "NUMBER-1"), fulfillment("f2", "NUMBER-2"))
        await sides.run_for(30)
        sent = {number: units for _, units, number, _ in sides.tiktok.named("mark")}
        assert sent == {"NUMBER-1": ("100",), "NUMBER-2": ("101",)}

    run(tmp_path, test, order(units=2))


def test_two_fulfillments_with_one_number_are_told(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.push(fulfillment("f1"), fulfillment("f2"))
        await sides.run_for(30)
        assert await sides.house.open_exceptions() == {("f2", "duplicate_tracking")}

    run(tmp_path, test, order(units=2))


# what keeps tracking back


def test_tracking_waits_for_the_hold_of_tiktok(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.orders[ORDER]["status"] = "ON_HOLD"
        await sides.push(fulfillment())
        await sides.run_for(1_000)
        assert (await _state(sides), sides.tiktok.named("mark")) == (State.READY, [])
        assert (await sides.house.row("f1", "fulfillments")).attempts == 0
        sides.tiktok.orders[ORDER]["status"] = "AWAITING_SHIPMENT"
        await sides.run_for(400)
        assert len(sides.tiktok.named("mark")) == 1
        assert await sides.house.open_exceptions() == set()

    run(tmp_path, test)


def test_tiktok_refuses_because_of_its_hold_and_the_row_waits(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.errors["mark"] = [error(Retry("on_hold"))]
        await sides.push(fulfillment())
        await sides.run_for(5)
        row = await sides.house.row("f1", "fulfillments")
        assert (row.state, row.attempts) == (State.READY, 0)
        assert "hold" in row.reason
        await sides.run_for(400)
        assert await _state(sides) is State.DONE

    run(tmp_path, test)


@pytest.mark.parametrize("ship", [True, False])
def test_a_buyer_who_asks_to_cancel_keeps_the_tracking_back_as_set(tmp_path: Path, ship: bool) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.orders[ORDER]["is_buyer_request_cancel"] = True
        await sides.push(fulfillment())
        await sides.run_for(10)
        assert await _state(sides) is (State.DONE if ship else State.READY)
        assert await sides.house.open_exceptions() == (set() if ship else {("f1", "cancel_requested")})
        sides.tiktok.orders[ORDER]["is_buyer_request_cancel"] = False
        await sides.run_for(400)
        assert len(sides.tiktok.named("mark")) == 1
        assert await sides.house.open_exceptions() == set()

    run(tmp_path, test, ship=ship)


@pytest.mark.parametrize(
    ("record", "members", "code"),
    [
        (fulfillment(fulfillmentType="rejected"), {}, "fulfillment_rejected"),
        (fulfillment(number=""), {}, "tracking_missing"),
        (fulfillment(number="#!"), {}, "tracking_invalid"),
        (fulfillment(quantity=9), {}, "over_fulfilment"),
        (fulfillment(lineItems=[{"uniqueId": "5", "sku": "Z", "quantity": 1}]), {}, "line_unknown"),
        (fulfillment(shippingCarrier="Pigeon"), {}, "carrier_unmapped"),
        (
            fulfillment(),
            {"status": "CANCELLED", "line_items": [unit(0, display_status="CANCELLED")]},
            "order_cancelled",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_shipped_is_shown_and_nothing_is_sent(
    tmp_path: Path, record: dict[str, Any], members: dict[str, Any], code: str
) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.orders[ORDER] |= members
        await sides.push(record)
        await sides.run_for(30)
        assert await sides.house.open_exceptions() == {("f1", code)}
        assert await _state(sides) is State.DEAD
        assert sides.tiktok.named("mark") == []

    run(tmp_path, test)


def test_an_order_that_tiktok_does_not_show_is_shown(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.orders.clear()
        await sides.push(fulfillment())
        await sides.run_for(10)
        assert await sides.house.open_exceptions() == {("f1", "order_not_shown")}

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("problem", "planned"),
    [
        (error(Throttled("slow", timedelta(hours=1)), status=429), True),
        (error(Retry("busy"), status=500), True),
        (error(Rejected("36009004")), False),
    ],
)
def test_while_the_order_endpoint_is_closed_tracking_goes_out_on_what_we_know(
    tmp_path: Path, problem: Exception, planned: bool
) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.errors["details"] = [problem]
        await sides.push(fulfillment())
        await sides.run_for(10)
        assert len(sides.tiktok.named("mark")) == planned
        assert ("planned on what we know" in await sides.house.events("f1")) == planned

    run(tmp_path, test)


def test_an_order_that_shares_a_package_waits_for_a_reading(tmp_path: Path) -> None:
    """The other order may have shipped the package since."""

    async def test(sides: Sides) -> None:
        sides.tiktok.errors["details"] = [error(Throttled("slow", timedelta(seconds=20)), status=429)]
        await sides.push(fulfillment())
        await sides.run_for(10)
        assert (sides.tiktok.named("mark"), await _state(sides)) == ([], State.READY)
        sides.tiktok.ship(["100"], NUMBER)
        await sides.run_for(60)
        assert (sides.tiktok.named("mark"), await _state(sides)) == ([], State.DONE)

    run(tmp_path, test, order(split_or_combine_tag="COMBINED"))


def test_what_was_tried_once_is_not_planned_on_what_we_know(tmp_path: Path) -> None:
    """The first call took effect, its refusal says so, and the order cannot be read to see by whom."""

    async def test(sides: Sides) -> None:
        closed = error(Throttled("slow", timedelta(seconds=20)), status=429)
        sides.tiktok.errors["mark"] = [LostAnswer(error(Rejected("already_shipped")))]
        sides.tiktok.errors["details"] = [closed] * 3
        await sides.push(fulfillment())
        await sides.run_for(120)
        assert len(sides.tiktok.named("mark")) == 1
        assert await _state(sides) is State.DONE

    run(tmp_path, test)


def test_what_we_know_of_the_order_is_what_was_read_last(tmp_path: Path) -> None:
    """An update that asks for nothing new at Pipe17 still tells that a unit has left."""

    async def test(sides: Sides) -> None:
        sides.tiktok.ship(["100"], "NUMBER-1")
        sides.tiktok.orders[ORDER]["update_time"] = NOW_S
        await sides.pull(sides.tiktok.orders[ORDER])
        sides.tiktok.errors["details"] = [error(Throttled("slow", timedelta(hours=1)), status=429)]
        await sides.push(fulfillment("f2", "NUMBER-2"))
        await sides.run_for(10)
        assert [units for _, units, _, _ in sides.tiktok.named("mark")] == [("101",)]

    run(tmp_path, test, order(units=2))


# carriers and regions


def test_a_carrier_that_tiktok_added_today_is_found_on_a_fresh_list(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.provider_lists = [(Provider("1", "USPS"),), (Provider("1", "USPS"), Provider("2", "UPS"))]
        await sides.push(fulfillment("f1", shippingCarrier="USPS"))
        await sides.run_for(1_000)
        await sides.push(fulfillment("f1", shippingCarrier="USPS"), fulfillment("f2", "NUMBER-2"))
        await sides.run_for(10)
        assert [provider for *_, provider in sides.tiktok.named("mark")] == ["1", "2"]
        assert len(sides.tiktok.named("providers")) == 2

    run(tmp_path, test, order(units=2))


def test_a_fallback_carrier_is_used_and_named(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.push(fulfillment(shippingCarrier="Pigeon"))
        await sides.run_for(10)
        assert [provider for *_, provider in sides.tiktok.named("mark")] == ["72"]
        assert "USPS (fallback" in (await sides.house.row("f1", "fulfillments")).reason

    run(tmp_path, test, fallback="USPS")


def test_outside_its_markets_the_package_of_the_units_is_shipped(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        sides.tiktok.region = "SG"
        await sides.push(fulfillment())
        await sides.run_for(10)
        assert sides.tiktok.named("ship") == [("pkg-9", NUMBER, "71")]
        assert sides.tiktok.named("mark") == []
        assert (await sides.house.row("f1", "fulfillments")).remote_id == "pkg-9"

    run(tmp_path, test, order(line_items=[unit(0, package_id="pkg-9")]))


def test_further_numbers_are_told_and_the_first_is_sent(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        await sides.push(fulfillment(trackingNumbers=["NUMBER-2", "NUMBER-3"]))
        await sides.run_for(10)
        assert [number for _, _, number, _ in sides.tiktok.named("mark")] == [NUMBER]
        assert await sides.house.open_exceptions() == {("f1", "further_numbers")}

    run(tmp_path, test)


def test_an_unreadable_fulfillment_is_set_aside_and_the_page_goes_on(tmp_path: Path) -> None:
    async def test(sides: Sides) -> None:
        without_id = fulfillment()
        del without_id["fulfillmentId"]
        bad_lines = fulfillment("f7", lineItems=[{"uniqueId": "100", "sku": "A"}])
        await sides.push(without_id, bad_lines, fulfillment())
        await sides.run_for(10)
        assert {code for _, code in await sides.house.open_exceptions()} == {"malformed_record"}
        assert len(sides.tiktok.named("mark")) == 1
        await sides.push(fulfillment("f7", "NUMBER-7"))
        await sides.run_for(10)
        assert len(sides.tiktok.named("mark")) == 2

    run(tmp_path, test, order(units=2))
