"""A second fulfillment for the same lines: a new number for a package, a repeat, or one piece too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import fulfillment, order, raw_unit

from daemon.core.corrections import Correction, CorrectionAwaited, Superseded, Unclear, correction_of
from daemon.core.fulfillments import Fulfillment
from daemon.core.lines import units_of
from daemon.core.shipments import AlreadyShipped, Refusal, ShipPlan, plan_shipment

A1, A2, B1 = ("101", "A", 1), ("101", "A", 2), ("201", "B", 1)
AAB = [raw_unit("101"), raw_unit("102"), raw_unit("201", "B")]


def left(unit: dict[str, Any], number: str, package: str = "p1", **members: Any) -> dict[str, Any]:
    state = {"display_status": "AWAITING_COLLECTION", "tracking_number": number, "package_id": package}
    return {**unit, **state, **members}


def made(number: str, name: str, *lines: tuple[str, str, int], at: int, request: str = "") -> Fulfillment:
    return replace(fulfillment(number, *lines, name=name), created_at_ms=at, shipment_id=request)


FIRST = made("1Z001", "f1", A2, at=1)
SECOND = made("1Z002", "f2", A2, at=2)
SHIPPED = [left(AAB[0], "1Z001"), left(AAB[1], "1Z001")]
CLAIMS = {"f1": ["101", "102"]}


def test_the_same_lines_under_another_number_are_a_correction_of_the_order() -> None:
    found = correction_of(SECOND, order(*SHIPPED), [FIRST, SECOND], CLAIMS)
    assert found == Correction("f1", "p1", ("101", "102"), "1Z001", "1Z002", whole_order=True)


@pytest.mark.parametrize(
    ("others", "members"),
    [
        ([left(AAB[2], "1Z009", "p2")], {}),
        ([AAB[2]], {}),
        ([], {"split_or_combine_tag": "SPLIT"}),
        ([], {"split_or_combine_tag": "COMBINED"}),
        ([], {"auto_combine_group_id": "77"}),
    ],
)
def test_of_an_order_in_several_packages_the_package_is_corrected(
    others: list[dict[str, Any]], members: dict[str, Any]
) -> None:
    found = correction_of(SECOND, order(*SHIPPED, *others, **members), [FIRST, SECOND], CLAIMS)
    assert isinstance(found, Correction)
    assert (found.package_id, found.whole_order) == ("p1", False)


def test_a_cancelled_unit_of_the_package_does_not_make_it_two() -> None:
    at = order(SHIPPED[0], {**AAB[1], "display_status": "CANCELLED"})
    found = correction_of(SECOND, at, [FIRST, SECOND], CLAIMS)
    assert isinstance(found, Correction)
    assert (found.unit_ids, found.whole_order) == (("101",), True)
    gone = [{**unit, "display_status": "CANCELLED"} for unit in AAB[:2]]
    assert correction_of(SECOND, order(*gone), [FIRST, SECOND], CLAIMS) is None


def test_units_entered_by_hand_count_by_their_number() -> None:
    assert isinstance(correction_of(SECOND, order(*SHIPPED), [FIRST, SECOND], {}), Correction)


def test_an_older_one_and_a_repeat_are_done() -> None:
    corrected = order(left(AAB[0], "1Z002"), left(AAB[1], "1z002"))
    claims = {"f1": ["101", "102"], "f2": ["101", "102"]}
    assert correction_of(FIRST, corrected, [FIRST, SECOND], claims) == Superseded("p1", ("101", "102"))
    assert correction_of(SECOND, corrected, [FIRST, SECOND], claims) == Superseded("p1", ("101", "102"))
    third = made("1Z003", "f3", A2, at=3)
    again = correction_of(third, corrected, [FIRST, SECOND, third], claims)
    assert isinstance(again, Correction)
    assert (again.corrects, again.old_number) == ("f2", "1Z002")


def test_what_is_not_at_tiktok_yet_is_waited_for() -> None:
    found = correction_of(SECOND, order(*AAB[:2]), [FIRST, SECOND], CLAIMS)
    assert isinstance(found, CorrectionAwaited)
    assert "f1" in found.text


@pytest.mark.parametrize("wanted", [made("1Z002", "f2", A1, at=2), made("1Z002", "f2", A2, B1, at=2)])
def test_other_lines_or_quantities_correct_nothing(wanted: Fulfillment) -> None:
    assert correction_of(wanted, order(*SHIPPED), [FIRST, wanted], CLAIMS) is None


def test_a_rejected_one_and_one_that_sent_nothing_are_not_corrected() -> None:
    rejected = replace(FIRST, rejected=True)
    assert correction_of(SECOND, order(*SHIPPED), [rejected, SECOND], CLAIMS) is None
    assert correction_of(SECOND, order(*AAB[:2]), [FIRST, SECOND], {}) is None


def test_of_several_packages_of_a_line_the_shipping_request_says_which() -> None:
    one, two = made("1Z001", "f1", A1, at=1, request="s1"), made("1Z002", "f2", A1, at=2, request="s2")
    at = order(left(AAB[0], "1Z001"), left(AAB[1], "1Z002", "p2"))
    claims = {"f1": ["101"], "f2": ["102"]}
    found = correction_of(made("1Z003", "f3", A1, at=3, request="s2"), at, [one, two], claims)
    assert isinstance(found, Correction)
    assert (found.corrects, found.package_id) == ("f2", "p2")
    for request in ("", "s3"):
        unclear = correction_of(made("1Z003", "f3", A1, at=3, request=request), at, [one, two], claims)
        assert unclear == Unclear(("1Z001", "1Z002"))


# --- any sequence ----------------------------------------------------------------------------------------------------


class Shop:
    """TikTok and our store in small: ships, corrects, and refuses to do either to a unit of another package."""

    def __init__(self, units: Sequence[dict[str, Any]]) -> None:
        self.units = {unit["id"]: unit for unit in units}
        self.taken: dict[str, str] = {}
        self.claims: dict[str, list[str]] = {}
        self.numbers: dict[str, str] = {}
        self.made: list[Fulfillment] = []
        self.shipped: list[str] = []

    def receive(self, wanted: Fulfillment) -> object:
        if wanted not in self.made:
            self.made.append(wanted)
        at = order(*self.units.values())
        found = plan_shipment(
            wanted, at, units_of(at), self.taken, self.numbers, of_order=self.made, claims=self.claims
        )
        if isinstance(found, ShipPlan):
            assert all(self.units[one]["display_status"] == "AWAITING_SHIPMENT" for one in found.unit_ids)
            self.shipped += found.unit_ids
            self._note(wanted, found.unit_ids, found.tracking_number, f"p-{wanted.id}")
        elif isinstance(found, Correction):
            package = {self.units[one]["package_id"] for one in found.unit_ids}
            assert package == {found.package_id}
            assert {one for one, unit in self.units.items() if unit.get("package_id") in package} == {*found.unit_ids}
            self._note(wanted, found.unit_ids, found.number, found.package_id)
        return found

    def _note(self, wanted: Fulfillment, unit_ids: Sequence[str], number: str, package: str) -> None:
        self.taken.update(dict.fromkeys(unit_ids, wanted.id))
        self.claims[wanted.id] = list(unit_ids)
        self.numbers[number] = wanted.id
        for one in unit_ids:
            self.units[one] = left(self.units[one], number, package)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[Fulfillment]]:
    """Lines that leave whole in packages of their own, each followed by some corrections."""
    skus = draw(st.lists(st.sampled_from("AABBCD"), min_size=1, max_size=7))
    units = [raw_unit(str(place), sku) for place, sku in enumerate(skus, 100)]
    lines = [(ids[0], len(ids)) for ids in units_of(order(*units)).values()]
    sku_of = {unit["id"]: unit["seller_sku"] for unit in units}
    found, number = [], 0
    for line, many in lines:
        for _ in range(1 + draw(st.integers(0, 3))):
            number += 1
            found.append(made(f"1Z{number:03d}", f"f{number}", (line, sku_of[line], many), at=number))
    return units, found


@given(histories(), st.data())
def test_any_sequence_of_shipments_and_corrections_uses_every_unit_once(history: Any, data: st.DataObject) -> None:
    units, fulfillments = history
    shop = Shop(units)
    told = data.draw(st.permutations(fulfillments))
    for wanted in [*told, *data.draw(st.permutations(fulfillments))]:
        assert not isinstance(shop.receive(wanted), Refusal)
    assert sorted(shop.shipped) == sorted(shop.units)
    newest = {one.lines: one.tracking_numbers[0] for one in fulfillments}
    at_tiktok = {unit["tracking_number"] for unit in shop.units.values()}
    assert at_tiktok == set(newest.values()), "the newest number of every package, whatever came first"
    for wanted in told:
        assert isinstance(shop.receive(wanted), AlreadyShipped | Superseded)


@given(histories())
def test_one_more_piece_is_never_a_correction(history: Any) -> None:
    units, fulfillments = history
    shop = Shop(units)
    for wanted in fulfillments:
        shop.receive(wanted)
    line = fulfillments[0].lines[0]
    extra = made("1Z999", "extra", (line.unique_id, line.sku, line.quantity + 1), at=999)
    refusal = shop.receive(extra)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "over_fulfilment"
