"""Which units Pipe17 no longer wants: told by comparison, never more than was taken back, never one twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import document, fulfillment, order, raw_unit
from test_bundles import bundle

from daemon.core.cancel_plan import CancelPlan, NothingToCancel, plan_cancellation, quantities, taken_back
from daemon.core.findings import Refusal
from daemon.core.fulfillments import Fulfillment
from daemon.core.tiktok_order import TikTokOrder

GONE, LEFT = {"display_status": "CANCELLED"}, {"display_status": "AWAITING_COLLECTION", "tracking_number": "T1"}
CANCELED = {"status": "canceled"}


def record(accepted: dict[str, Any], **pieces: int) -> dict[str, Any]:
    """Pipe17's order with other quantities, by SKU; 0: a person removed the line."""
    lines = [{**line, "quantity": pieces.get(line["sku"], line["quantity"])} for line in accepted["lineItems"]]
    return {**accepted, "status": "readyForFulfillment", "lineItems": [line for line in lines if line["quantity"]]}


def rejected(*lines: tuple[str, str, int], name: str = "r1") -> Fulfillment:
    return fulfillment(None, *lines, name=name, rejected=True)


def plan(wanted: TikTokOrder, accepted: Any, now: Any, *made: Fulfillment, claimed: Any = ()) -> Any:
    return plan_cancellation(wanted, accepted, now, made, claimed)


TWO_AND_ONE = (raw_unit("100"), raw_unit("101"), raw_unit("200", "B"))


def test_a_canceled_order_is_cancelled_whole() -> None:
    wanted = order(*TWO_AND_ONE)
    accepted = document(wanted)
    assert plan(wanted, accepted, accepted | CANCELED) == CancelPlan(("100", "101", "200"), whole=True)


def test_what_is_cancelled_at_tiktok_asks_for_nothing() -> None:
    wanted = order(raw_unit("100", **GONE), status="CANCELLED")
    accepted = document(order())
    assert plan(wanted, accepted, accepted | CANCELED) == NothingToCancel()


def test_of_a_canceled_order_what_has_left_stays() -> None:
    wanted = order(raw_unit("100", **LEFT), raw_unit("101"), raw_unit("200", "B", **GONE), status="PARTIALLY_SHIPPING")
    accepted = document(order(*TWO_AND_ONE))
    assert plan(wanted, accepted, accepted | CANCELED) == CancelPlan(("101",), whole=False)


def test_a_canceled_order_that_has_left_is_refused() -> None:
    wanted = order(raw_unit("100", **LEFT), status="AWAITING_COLLECTION")
    accepted = document(order())
    found = plan(wanted, accepted, accepted | CANCELED)
    assert isinstance(found, Refusal)
    assert found.code == "cancel_refused"


@pytest.mark.parametrize(
    ("pieces", "units"),
    [({"A": 1}, ("101",)), ({"A": 0}, ("100", "101")), ({"B": 0}, ("200",)), ({"A": 1, "B": 0}, ("101", "200"))],
)
def test_a_line_made_smaller_gives_up_its_highest_units(pieces: dict[str, int], units: tuple[str, ...]) -> None:
    wanted = order(*TWO_AND_ONE)
    accepted = document(wanted)
    assert plan(wanted, accepted, record(accepted, **pieces)) == CancelPlan(units, whole=False)


def test_every_line_removed_is_the_whole_order() -> None:
    wanted = order(*TWO_AND_ONE)
    accepted = document(wanted)
    assert plan(wanted, accepted, record(accepted, A=0, B=0)) == CancelPlan(("100", "101", "200"), whole=True)


def test_a_line_made_larger_or_left_alone_asks_for_nothing() -> None:
    wanted = order(*TWO_AND_ONE)
    accepted = document(wanted)
    for pieces in ({}, {"A": 5}):
        assert plan(wanted, accepted, record(accepted, **pieces)) == NothingToCancel()


def test_a_line_that_we_made_smaller_is_no_cancel() -> None:
    """TikTok cancelled one, Pipe17 has it, and only our memory does not know yet."""
    accepted = document(order(*TWO_AND_ONE))
    now = order(raw_unit("100"), raw_unit("101", **GONE), raw_unit("200", "B"))
    assert plan(now, accepted, record(accepted, A=1)) == NothingToCancel()


def test_what_was_shipped_from_here_counts_as_part_of_the_line() -> None:
    wanted = order(raw_unit("100", **LEFT), raw_unit("101"), raw_unit("102"), status="PARTIALLY_SHIPPING")
    accepted = document(order(raw_unit("100"), raw_unit("101"), raw_unit("102")))
    assert plan(wanted, accepted, record(accepted, A=2), claimed={"100"}) == CancelPlan(("102",), whole=False)
    # somebody else shipped it, and a person took it out so that it is not shipped twice
    assert plan(wanted, accepted, record(accepted, A=2)) == NothingToCancel()


def test_units_that_a_shipment_claims_go_last() -> None:
    wanted = order(*TWO_AND_ONE)
    accepted = document(wanted)
    assert plan(wanted, accepted, record(accepted, A=1), claimed={"101"}) == CancelPlan(("100",), whole=False)


@pytest.mark.parametrize("line", [("100", "A", 1), ("100", "", 1), ("", "A", 1), ("unknown", "A", 1)])
def test_a_rejected_line_is_found_by_id_or_sku(line: tuple[str, str, int]) -> None:
    wanted = order(*TWO_AND_ONE)
    accepted = document(wanted)
    assert plan(wanted, accepted, record(accepted), rejected(line)) == CancelPlan(("101",), whole=False)


def test_rejections_add_up_to_the_whole_order() -> None:
    wanted = order(*TWO_AND_ONE)
    accepted = document(wanted)
    made = (rejected(("100", "A", 1)), rejected(("100", "A", 1), ("200", "B", 1), name="r2"))
    assert plan(wanted, accepted, record(accepted), *made) == CancelPlan(("100", "101", "200"), whole=True)


def test_a_rejection_of_what_the_buyer_cancelled_is_no_cancel() -> None:
    accepted = document(order(*TWO_AND_ONE))
    now = order(raw_unit("100"), raw_unit("101", **GONE), raw_unit("200", "B"))
    assert plan(now, accepted, record(accepted), rejected(("100", "A", 1))) == NothingToCancel()


@pytest.mark.parametrize("line", [("100", "X", 1), ("", "X", 1), ("", "", 1), ("", "A", 3)])
def test_a_rejected_line_that_is_none_of_the_order_is_a_persons(line: tuple[str, str, int]) -> None:
    wanted = order(*TWO_AND_ONE)
    accepted = document(wanted)
    found = plan(wanted, accepted, record(accepted), rejected(line))
    assert isinstance(found, Refusal)
    assert found.code == "cancel_refused"


def test_bundles_go_whole_or_not_at_all() -> None:
    wanted = order(bundle("100"), bundle("101"), raw_unit("200", "C"))
    accepted = document(wanted, virtual_bundles=True)
    assert plan(wanted, accepted, record(accepted)) == NothingToCancel()
    assert plan(wanted, accepted, record(accepted, A=2, B=1)) == CancelPlan(("101",), whole=False)
    assert plan(wanted, accepted, record(accepted, A=0, B=0)) == CancelPlan(("100", "101"), whole=False)
    for pieces in ({"A": 2}, {"B": 1}, {"A": 3, "B": 1}, {"A": 3}):
        found = plan(wanted, accepted, record(accepted, **pieces))
        assert isinstance(found, Refusal), pieces
        assert "bundle V" in found.text


def test_rejected_parts_of_a_bundle_are_counted_like_removed_ones() -> None:
    wanted = order(bundle("100"), bundle("101"))
    accepted = document(wanted, virtual_bundles=True)
    names = {line["sku"]: line["uniqueId"] for line in accepted["lineItems"]}
    part = rejected((names["A"], "A", 2))
    assert isinstance(plan(wanted, accepted, record(accepted), part), Refusal)
    whole = rejected((names["A"], "A", 2), (names["B"], "B", 1))
    assert plan(wanted, accepted, record(accepted), whole) == CancelPlan(("101",), whole=False)


def test_what_was_taken_back_by_line() -> None:
    wanted = order(*TWO_AND_ONE)
    accepted = document(wanted)
    assert taken_back(accepted, record(accepted)) == {}
    assert taken_back(accepted, record(accepted, A=1, B=0)) == {"100": 1, "200": 1}
    assert taken_back(accepted, accepted | CANCELED) == quantities(accepted) == {"100": 2, "200": 1}
    assert quantities({"lineItems": ["odd", {"sku": "A"}]}) == {"": 0}


STATUSES = st.sampled_from(["AWAITING_SHIPMENT", "AWAITING_COLLECTION", "CANCELLED"])


@given(
    statuses=st.lists(STATUSES, min_size=1, max_size=8),
    stands=st.integers(0, 8),
    back=st.integers(0, 8),
    claimed=st.sets(st.integers(0, 7)),
    canceled=st.booleans(),
)
def test_never_more_than_was_taken_back_and_only_open_units(
    statuses: list[str], stands: int, back: int, claimed: set[int], canceled: bool
) -> None:
    units = [raw_unit(f"10{place}", display_status=status) for place, status in enumerate(statuses)]
    accepted = document(order(*[raw_unit(f"10{place}") for place in range(len(statuses))]))
    now = record(accepted, A=min(stands, len(statuses)))
    if canceled:
        now = {**now, **CANCELED}
    mine = {f"10{place}" for place in claimed}
    found = plan(order(*units), accepted, now, rejected(("100", "A", back)), claimed=mine)
    if not isinstance(found, CancelPlan):
        return
    standing = {f"10{place}": status for place, status in enumerate(statuses)}
    assert {standing[unit] for unit in found.unit_ids} == {"AWAITING_SHIPMENT"}
    assert len(set(found.unit_ids)) == len(found.unit_ids)
    live = [unit for unit, status in standing.items() if status != "CANCELLED"]
    assert found.whole == (set(found.unit_ids) == set(live))
    if not canceled:
        assert len(found.unit_ids) <= len(statuses) - min(stands, len(statuses)) + back
        # carried out, the same question asks for nothing more
        units = [
            raw_unit(unit, display_status="CANCELLED" if unit in found.unit_ids else status)
            for unit, status in standing.items()
        ]
        again = plan(order(*units), accepted, now, rejected(("100", "A", back)), claimed=mine)
        assert again == NothingToCancel()
