"""All fulfillments of an order when one is to be sent: claims, companions under one number, and what comes next."""

from __future__ import annotations

from typing import Any

from order_builders import order, raw_unit

from daemon.core.fulfillments import read_fulfillment
from daemon.core.lifecycle import State
from daemon.core.order_shipments import OrderShipments
from daemon.core.owed import Owed
from daemon.core.shipments import Refusal, ShipPlan

AAB = [raw_unit("101"), raw_unit("102"), raw_unit("201", "B")]
A1, A2, B1 = ("101", "A", 1), ("101", "A", 2), ("201", "B", 1)


def row(
    name: str,
    number: str,
    *lines: tuple[str, str, int],
    state: State = State.READY,
    intent: dict[str, Any] | None = None,
    **members: Any,
) -> Owed:
    raw = {
        "fulfillmentId": name,
        "trackingNumber": number,
        "createdAt": "2026-01-01T00:00:00Z",
        "lineItems": [{"uniqueId": line, "sku": sku, "quantity": many} for line, sku, many in lines],
        **members,
    }
    return Owed(
        1, "fulfillments", name, "o", state, 1, {"fulfillment": raw}, "", "", "", 1, "", intent, None, 0, False, "",
        None, None, 0,
    )  # fmt: skip


def plan(name: str, *rows: Owed) -> object:
    shipments = OrderShipments.of(order(*AAB), rows, parts_by_sku=False)
    wanted = next(one for one in rows if one.key == name)
    return shipments.plan(read_fulfillment(wanted.payload["fulfillment"]))


def test_what_was_tried_claims_its_units_and_what_is_dead_does_not() -> None:
    tried = row("f1", "1Z001", A1, intent={"unit_ids": ["101"], "tracking_number": "1Z001"})
    assert plan("f2", tried, row("f2", "1Z002", A1)) == ShipPlan(("102",), "1Z002")
    dead = row("f1", "1Z001", A1, state=State.DEAD, intent={"unit_ids": ["101"], "tracking_number": "1Z001"})
    assert plan("f2", dead, row("f2", "1Z002", A1)) == ShipPlan(("101",), "1Z002")


def test_different_lines_under_one_number_lie_in_one_box() -> None:
    rows = [row("f1", "1Z001", A2), row("f2", "1z001", B1), row("f3", "1Z003", B1)]
    found = plan("f1", *rows)
    assert found == ShipPlan(("101", "102"), "1Z001", companions=(("f2", ("201",)),))
    assert isinstance(found, ShipPlan)
    assert found.all_unit_ids == ("101", "102", "201")


def test_the_same_line_twice_under_one_number_is_not_put_together() -> None:
    assert plan("f1", row("f1", "1Z001", A1), row("f2", "1Z001", A1)) == ShipPlan(("101",), "1Z001")
    three = (row("f1", "1Z001", A1), row("f2", "1Z001", B1), row("f3", "1Z001", B1))
    found = plan("f1", *three)
    assert isinstance(found, ShipPlan)
    assert found.companions == (("f2", ("201",)),)


def test_only_what_nothing_was_tried_for_travels_along() -> None:
    held_back = [
        row("f2", "1Z001", B1, state=State.DEAD),
        row("f3", "1Z001", B1, fulfillmentType="rejected"),
        row("f4", "1Z001", B1, state=State.DONE),
        row("f5", "1Z001", ("9", "Z", 1)),
    ]
    assert plan("f1", row("f1", "1Z001", A2), *held_back) == ShipPlan(("101", "102"), "1Z001")


def test_the_shares_of_a_box_belong_to_their_fulfillments() -> None:
    shares = {"f1": ["101", "102"], "f2": ["201"]}
    intent = {"unit_ids": ["101", "102", "201"], "shares": shares, "tracking_number": "1Z001"}
    shipments = OrderShipments.of(
        order(*AAB), [row("f1", "1Z001", A2, intent=intent), row("f2", "1Z001", B1)], parts_by_sku=False
    )
    assert shipments.taken == {"101": "f1", "102": "f1", "201": "f2"}
    assert shipments.claims == shares


def test_a_box_that_is_tried_again_takes_the_same_ones_along() -> None:
    shares = {"f1": ["101", "102"], "f2": ["201"]}
    intent = {"unit_ids": ["101", "102", "201"], "shares": shares, "tracking_number": "1Z001"}
    again = row("f1", "1Z001", A2, intent=intent)
    found = plan("f1", again, row("f2", "1Z001", B1))
    assert found == ShipPlan(("101", "102"), "1Z001", companions=(("f2", ("201",)),))


def test_what_comes_next_is_known_by_its_units() -> None:
    rows = [row("f1", "1Z001", A1), row("f2", "1Z002", A1), row("f3", "1Z003", B1), row("f4", "1Z004", A1)]
    shipments = OrderShipments.of(order(*AAB), rows, parts_by_sku=False)
    wanted = read_fulfillment(rows[0].payload["fulfillment"])
    planned = shipments.plan(wanted)
    assert isinstance(planned, ShipPlan)
    assert shipments.next_boxes(wanted, planned) == [("102",), ("201",)]


def test_a_refusal_stays_one() -> None:
    refusal = plan("f1", row("f1", "1Z001", ("101", "A", 9)), row("f2", "1Z001", B1))
    assert isinstance(refusal, Refusal)
