"""Cancellations as TikTok tells them: stages, deadlines, and the reason for the seller's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from order_builders import PAID_MS, PAID_S, order, raw_unit

from daemon.core.cancel_reasons import InProcess, choose_reason, read_eligibility
from daemon.core.cancellations import Stage, answer_due_ms, read_cancellation, request_finding
from daemon.core.findings import Refusal
from daemon.core.reading import BadShape

DUE_S = PAID_S + 86_400
PAID = ("seller_cancel_reason_out_of_stock", "seller_cancel_reason_wrong_price")


def row(**members: Any) -> dict[str, Any]:
    """A row as the contract's own example has it (15.7)."""
    return {
        "cancel_id": "4040000000000009339",
        "order_id": "576461413038785752",
        "cancel_type": "BUYER_CANCEL",
        "cancel_status": "CANCELLATION_REQUEST_PENDING",
        "role": "BUYER",
        "cancel_reason": "ecom_order_to_ship_canceled_reason_high_delivery_costs",
        "seller_next_action_response": [{"action": "SELLER_RESPOND_BUYER_CANCEL", "deadline": DUE_S}],
        "cancel_line_items": [{"order_line_item_id": "100"}, {"order_line_item_id": "101"}],
        "create_time": PAID_S,
        **members,
    }


def test_a_buyers_request() -> None:
    found = read_cancellation(row())
    assert (found.stage, found.asked, found.running, found.unit_ids) == (Stage.PENDING, True, True, ("100", "101"))
    assert (found.deadline_ms, found.created_at_ms) == (DUE_S * 1000, PAID_MS)


@pytest.mark.parametrize(
    ("status", "role", "asked", "running"),
    [
        ("CANCELLATION_REQUEST_PENDING", "SELLER", False, True),
        ("CANCELLATION_REQUEST_SUCCESS", "BUYER", False, True),
        ("CANCELLATION_REQUEST_COMPLETE", "BUYER", False, False),
        ("CANCELLATION_REQUEST_CANCEL", "BUYER", False, False),
        ("CANCELLATION_REQUEST_CANCELLED", "BUYER", False, False),
        ("SOMETHING_NEW", "BUYER", False, True),
    ],
)
def test_stages(status: str, role: str, asked: bool, running: bool) -> None:
    found = read_cancellation(row(cancel_status=status, role=role, cancel_line_items=None))
    assert (found.asked, found.running, found.unit_ids) == (asked, running, ())


@pytest.mark.parametrize("answers", [None, [], [{"action": "X"}], [{"deadline": "soon"}]])
def test_a_deadline_that_is_not_there_is_none(answers: Any) -> None:
    assert read_cancellation(row(seller_next_action_response=answers)).deadline_ms is None


def test_a_row_without_an_id_is_refused() -> None:
    with pytest.raises(BadShape):
        read_cancellation(row(cancel_id=""))


@pytest.mark.parametrize(
    ("region", "told", "wanted_h"), [("US", True, 24), ("US", False, 24), ("GB", False, 48), ("", False, 48)]
)
def test_the_deadline_is_told_or_worked_out(region: str, told: bool, wanted_h: int) -> None:
    wanted = order(is_buyer_request_cancel=True, request_cancel_time=PAID_S)
    requests = [read_cancellation(row())] if told else []
    assert answer_due_ms(wanted, requests, region) == PAID_MS + wanted_h * 3_600_000


def test_a_request_of_unknown_time_has_no_deadline() -> None:
    wanted = order(is_buyer_request_cancel=True)
    assert answer_due_ms(wanted, [], "US") is None
    found = request_finding(wanted, None)
    assert found is not None
    assert (found.code, found.deadline_at_ms) == ("cancel_requested", None)


def test_what_a_person_is_told() -> None:
    found = request_finding(order(is_buyer_request_cancel=True), DUE_S * 1000)
    assert found is not None
    assert "2026-01-01T22:00:00" in found.text
    assert found.deadline_at_ms == DUE_S * 1000
    assert request_finding(order(), DUE_S * 1000) is None
    cancelled = order(raw_unit("100", display_status="CANCELLED"), status="CANCELLED", is_buyer_request_cancel=True)
    assert request_finding(cancelled, DUE_S * 1000) is None
    assert timedelta(days=1) == timedelta(milliseconds=DUE_S * 1000 - PAID_MS)


# --- reasons


def eligible(*units: str, names: tuple[str, ...] = PAID, **members: Any) -> dict[str, Any]:
    return {
        "request_type": "CANCEL",
        "order_line_items_ids": list(units),
        "eligible": True,
        "available_reason_names": list(names),
        **members,
    }


def refused(code: int, text: str, *units: str) -> dict[str, Any]:
    return eligible(*units, names=(), eligible=False, ineligible_code=code, ineligible_reason=text)


def choose(*rows: dict[str, Any], units: tuple[str, ...] = ("100",), whole: bool = True) -> Any:
    raw = {"sku_eligibility": [{"sku_id": "1", "line_item_eligibility": list(rows)}]}
    return choose_reason(read_eligibility(raw), units, whole=whole)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (PAID, PAID[0]),
        (tuple(reversed(PAID)), PAID[0]),
        ((f"{PAID[1]}_uk", f"{PAID[0]}_uk"), f"{PAID[0]}_uk"),
        (
            (PAID[1], "seller_cancel_paid_reason_buyer_requested_cancellation"),
            "seller_cancel_paid_reason_buyer_requested_cancellation",
        ),
        (("some_reason_of_another_market", "and_another"), "some_reason_of_another_market"),
    ],
)
def test_the_best_reason_that_is_allowed(names: tuple[str, ...], wanted: str) -> None:
    assert choose(eligible("100", names=names)) == wanted


def test_the_reason_must_do_for_all_units() -> None:
    rows = eligible("100"), eligible("101", names=PAID[1:])
    assert choose(*rows, units=("100", "101")) == PAID[1]
    assert isinstance(choose(*rows, units=("100", "101"), whole=False), Refusal)


def test_lines_go_only_as_out_of_stock_and_the_others_are_named() -> None:
    found = choose(eligible("100", names=PAID[1:]), whole=False)
    assert isinstance(found, Refusal)
    assert PAID[1] in found.text
    assert choose(eligible("100"), whole=False) == PAID[0]


def test_nothing_allowed_is_said() -> None:
    found = choose(eligible("100", names=()))
    assert isinstance(found, Refusal)
    assert "none" in found.text


def test_what_is_in_process_is_waited_for() -> None:
    assert choose(refused(25001011, "in process", "100")) == InProcess()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((refused(25001003, "Invalid order status.", "100"),), "Invalid order status. (25001003)"),
        ((eligible("100"), refused(0, "", "101")), "no reason given (0)"),
        ((eligible("100"),), "it names no reason"),
        ((eligible("100", "101", request_type="REFUND"),), "it names no reason"),
    ],
)
def test_units_that_may_not_be_cancelled_are_a_persons(rows: tuple[dict[str, Any], ...], said: str) -> None:
    found = choose(*rows, units=("100", "101"))
    assert isinstance(found, Refusal)
    assert found.code == "cancel_refused"
    assert said in found.text


def test_the_answer_may_leave_things_out() -> None:
    assert read_eligibility({}).reasons == {}
    odd = eligible("100", request_type="", available_reason_names=None)
    assert read_eligibility({"sku_eligibility": [{"line_item_eligibility": [odd]}]}).reasons == {"100": ()}
