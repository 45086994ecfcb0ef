"""Which units a fulfillment ships: every unit once, whatever the order of arrival."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import fulfillment, order, raw_unit, sample

from daemon.core.findings import Refusal
from daemon.core.fulfillments import Fulfillment
from daemon.core.lines import units_of
from daemon.core.shipments import AlreadyShipped, ShipPlan, marks_as_shipped, plan_shipment
from daemon.core.tiktok_order import TikTokOrder, read_order

A3_B2 = [raw_unit("101"), raw_unit("102"), raw_unit("103"), raw_unit("201", "B"), raw_unit("202", "B")]
A1 = ("101", "A", 1)
A2 = ("101", "A", 2)
B2 = ("201", "B", 2)


def ship(
    wanted: Fulfillment, at: TikTokOrder, taken: dict[str, str] | None = None, numbers: dict[str, str] | None = None
) -> ShipPlan | AlreadyShipped | Refusal:
    return plan_shipment(wanted, at, units_of(at), taken or {}, numbers)


def code(*found: Any, **members: Any) -> str:
    refusal = ship(*found, **members)
    assert isinstance(refusal, Refusal), refusal
    return refusal.code


def shipped(unit: dict[str, Any], number: str, package: str = "p1") -> dict[str, Any]:
    return {**unit, "display_status": "AWAITING_COLLECTION", "tracking_number": number, "package_id": package}


def cancelled(unit: dict[str, Any]) -> dict[str, Any]:
    return {**unit, "display_status": "CANCELLED"}


def test_the_lowest_open_units_of_the_line_are_shipped() -> None:
    assert ship(fulfillment("1Z001", A2), order(*reversed(A3_B2))) == ShipPlan(("101", "102"), "1Z001")


def test_units_of_several_lines_leave_in_one_package() -> None:
    assert ship(fulfillment("1Z001", A1, B2), order(*A3_B2)) == ShipPlan(("101", "201", "202"), "1Z001")


def test_a_line_named_twice_takes_different_units() -> None:
    assert ship(fulfillment("1Z001", A1, A1), order(*A3_B2)) == ShipPlan(("101", "102"), "1Z001")


def test_cancelled_shipped_and_claimed_units_are_passed_over() -> None:
    units = [cancelled(A3_B2[0]), A3_B2[1], A3_B2[2]]
    assert ship(fulfillment("1Z001", A1), order(*units), {"102": "other"}) == ShipPlan(("103",), "1Z001")


def test_a_fulfillment_keeps_the_units_it_has_claimed() -> None:
    assert ship(fulfillment("1Z001", A1), order(*A3_B2), {"103": "f1", "101": "f0"}) == ShipPlan(("103",), "1Z001")


def test_a_claimed_unit_that_was_cancelled_since_gives_way_to_another() -> None:
    units = [cancelled(A3_B2[0]), A3_B2[1]]
    assert ship(fulfillment("1Z001", A1), order(*units), {"101": "f1"}) == ShipPlan(("102",), "1Z001")


def test_without_a_known_line_the_sku_decides() -> None:
    assert ship(fulfillment("1Z001", ("", "B", 1)), order(*A3_B2)) == ShipPlan(("201",), "1Z001")
    assert ship(fulfillment("1Z001", ("999", "B", 1)), order(*A3_B2)) == ShipPlan(("201",), "1Z001")


def test_further_tracking_numbers_are_handed_on() -> None:
    both = fulfillment("1Z001", A1, tracking_numbers=("1Z001", "1Z002"))
    assert ship(both, order(*A3_B2)) == ShipPlan(("101",), "1Z001", ("1Z002",))


@pytest.mark.parametrize("taken", [{}, {"101": "f1"}])
def test_what_left_under_this_number_is_already_shipped(taken: dict[str, str]) -> None:
    at = order(shipped(A3_B2[0], "1z001", "pkg7"), A3_B2[1])
    assert ship(fulfillment("1Z001", A1), at, taken) == AlreadyShipped("pkg7", ("101",))


def test_a_package_without_an_id_is_already_shipped_too() -> None:
    assert ship(fulfillment("1Z001", A1), order(shipped(A3_B2[0], "1Z001", ""))) == AlreadyShipped("", ("101",))


@pytest.mark.parametrize(
    ("wanted", "members", "expected"),
    [
        (fulfillment("1Z001", A1, rejected=True), {}, "fulfillment_rejected"),
        (fulfillment("1Z001", A1), {"status": "CANCELLED"}, "order_cancelled"),
        (fulfillment("1Z001", A1), {"fulfillment_type": "FULFILLMENT_BY_TIKTOK"}, "shipped_by_platform"),
        (fulfillment(None, A1), {}, "tracking_missing"),
        (fulfillment("1Z9", A1), {}, "tracking_invalid"),
        (fulfillment("1Z#001", A1), {}, "tracking_invalid"),
        (fulfillment("1" * 51, A1), {}, "tracking_invalid"),
        (fulfillment("1Z001"), {}, "line_unknown"),
        (fulfillment("1Z001", ("999", "Z", 1)), {}, "line_unknown"),
        (fulfillment("1Z001", ("999", "", 1)), {}, "line_unknown"),
        (fulfillment("1Z001", ("101", "A", 4)), {}, "over_fulfilment"),
    ],
)
def test_what_cannot_be_shipped_is_refused_by_its_code(
    wanted: Fulfillment, members: dict[str, Any], expected: str
) -> None:
    assert code(wanted, order(*A3_B2, **members)) == expected


def test_a_sixth_unit_is_over_fulfilment() -> None:
    everything = [shipped(unit, "1Z001") for unit in A3_B2]
    taken = {unit["id"]: "f1" for unit in A3_B2}
    assert code(fulfillment("1Z004", A1, name="f4"), order(*everything), taken) == "over_fulfilment"


def test_units_shipped_by_hand_are_not_shipped_again() -> None:
    at = order(*(shipped(unit, "HAND1") for unit in A3_B2))
    assert code(fulfillment("1Z001", A1), at) == "already_shipped_elsewhere"
    assert code(fulfillment("1Z001", A1), at, {"101": "f1"}) == "already_shipped_elsewhere"


def test_units_cancelled_meanwhile_are_not_shipped() -> None:
    at = order(*map(cancelled, A3_B2[:3]), *A3_B2[3:])
    assert code(fulfillment("1Z001", A1), at) == "order_cancelled"


def test_one_tracking_number_is_one_package() -> None:
    at = order(shipped(A3_B2[0], "1Z001"), *A3_B2[1:])
    assert code(fulfillment("1Z001", B2, name="f2"), at, {"101": "f1"}) == "duplicate_tracking"
    assert code(fulfillment("1Z001", A1, B2), at) == "duplicate_tracking"
    assert code(fulfillment("1Z001", B2, name="f2"), order(*A3_B2), {}, {"1Z001": "f1"}) == "duplicate_tracking"
    assert isinstance(ship(fulfillment("1Z001", B2), order(*A3_B2), {}, {"1Z001": "f1"}), ShipPlan)


def test_a_bundle_ships_as_a_whole_and_not_by_its_parts() -> None:
    at = read_order(sample("two_lines_us.json"))
    bundle = "576461413038982360"
    assert ship(fulfillment("1Z001", (bundle, "GIFTSET-1", 1)), at) == ShipPlan((bundle,), "1Z001")
    assert code(fulfillment("1Z001", (bundle, "SPOON", 1)), at) == "bundle_part"
    assert code(fulfillment("1Z001", ("", "TEA-A", 1)), at) == "bundle_part"


@pytest.mark.parametrize(("region", "marks"), [("US", True), ("gb", True), ("JP", True), ("VN", False), ("", False)])
def test_only_some_regions_have_mark_package_as_shipped(region: str, marks: bool) -> None:
    assert marks_as_shipped(region) is marks


class Shop:
    """TikTok and our store in small: carries out the plans, refuses to ship a unit twice."""

    def __init__(self, units: list[dict[str, Any]]) -> None:
        self.units = {unit["id"]: unit for unit in units}
        self.taken: dict[str, str] = {}
        self.calls = 0

    def receive(self, wanted: Fulfillment) -> ShipPlan | AlreadyShipped | Refusal:
        found = ship(wanted, order(*self.units.values()), self.taken)
        if isinstance(found, ShipPlan):
            self.calls += 1
            for unit_id in found.unit_ids:
                assert self.units[unit_id]["display_status"] == "AWAITING_SHIPMENT"
                assert self.taken.setdefault(unit_id, wanted.id) == wanted.id
                self.units[unit_id] = shipped(self.units[unit_id], found.tracking_number, f"p-{wanted.id}")
        return found

    def packages(self) -> dict[str, dict[str, int]]:
        """Tracking number -> how many of each SKU."""
        found: dict[str, dict[str, int]] = {}
        for unit in self.units.values():
            package = found.setdefault(unit.get("tracking_number", ""), {})
            package[unit["seller_sku"]] = package.get(unit["seller_sku"], 0) + 1
        return found


@st.composite
def splits(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[Fulfillment]]:
    """An order and fulfillments that ship each of its units in some package."""
    skus = draw(st.lists(st.sampled_from("AAB"), min_size=1, max_size=8))
    units = [raw_unit(str(place), sku) for place, sku in enumerate(skus, 100)]
    boxes = [draw(st.integers(0, 3)) for _ in units]
    lines = {unit_id: line for line, ids in units_of(order(*units)).items() for unit_id in ids}
    found = []
    for box in sorted(set(boxes)):
        inside = [
            (lines[unit["id"]], unit["seller_sku"]) for unit, place in zip(units, boxes, strict=True) if place == box
        ]
        counted = [(line, sku, inside.count((line, sku))) for line, sku in dict.fromkeys(inside)]
        found.append(fulfillment(f"1Z00{box}", *counted, name=f"f{box}"))
    return units, found


@given(splits(), st.data())
def test_any_split_in_any_order_with_repeats_ships_every_unit_once(split: Any, data: st.DataObject) -> None:
    units, fulfillments = split
    as_made = Shop(units)
    for wanted in fulfillments:
        assert isinstance(as_made.receive(wanted), ShipPlan)
    mixed = Shop(units)
    for wanted in data.draw(st.permutations(fulfillments * 2)):
        assert not isinstance(mixed.receive(wanted), Refusal)
    assert mixed.calls == as_made.calls == len(fulfillments)
    assert mixed.packages() == as_made.packages()
    assert all(unit["display_status"] == "AWAITING_COLLECTION" for unit in mixed.units.values())


@given(splits())
def test_a_fulfillment_too_many_never_ships_anything(split: Any) -> None:
    units, fulfillments = split
    shop = Shop(units)
    for wanted in fulfillments:
        shop.receive(wanted)
    extra = fulfillment("1Z999", ("100", units[0]["seller_sku"], 1), name="extra")
    refusal = shop.receive(extra)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "over_fulfilment"
