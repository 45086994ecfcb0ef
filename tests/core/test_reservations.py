"""Units of orders: counted once, never twice for long."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import order, raw_unit
from test_bundles import bundle

from daemon.core.order_facts import facts_of
from daemon.core.reservations import Reservation, explained, given_back, taken_by, units_taken

BY_TIKTOK = "FULFILLMENT_BY_TIKTOK"
NOW = 1_767_218_400_000


def held(order_id: str, units: int = 1, **more: Any) -> Reservation:
    return Reservation(order_id, "A", units, **more)


def released(order_id: str, units: int = 1) -> Reservation:
    return held(order_id, units, remote_id=f"r-{order_id}", accepted_at_ms=NOW - 9_000_000, released_at_ms=NOW - 60_000)


def ids(found: list[Reservation]) -> list[str]:
    return [one.order_id for one in found]


def test_the_order_that_the_row_names_is_counted() -> None:
    reserved = [released("1"), held("2", remote_id="r-2", accepted_at_ms=NOW - 9_000_000)]
    assert ids(explained(reserved, 1, "r-2", 1, NOW)) == ["2"]


def test_a_decrease_counts_released_orders_in_their_turn() -> None:
    reserved = [released("1"), released("2", 2), released("3")]
    assert ids(explained(reserved, 1, "", 0, NOW)) == ["1"]
    assert ids(explained(reserved, 3, "", 0, NOW)) == ["1", "2"]
    assert ids(explained(reserved, 0, "", 0, NOW)) == []
    assert ids(explained(reserved, -4, "", 0, NOW)) == []


def test_what_another_order_took_counts_none_of_ours() -> None:
    assert ids(explained([released("1")], 2, "r-other", 2, NOW)) == []
    assert ids(explained([released("1")], 3, "r-other", 2, NOW)) == ["1"]


@pytest.mark.parametrize(
    ("accepted_ago_ms", "counted"), [(-5_000, True), (0, True), (100_000, True), (200_000, False), (-60_000, False)]
)
def test_a_held_order_is_behind_a_decrease_only_just_after_it_was_handed_over(
    accepted_ago_ms: int, counted: bool
) -> None:
    reserved = [held("1", remote_id="r-1", accepted_at_ms=NOW - accepted_ago_ms)]
    assert bool(explained(reserved, 1, "", 0, NOW)) == counted


def test_an_order_that_pipe17_does_not_have_is_never_counted() -> None:
    assert explained([held("1")], 9, "", 0, NOW) == []


@given(
    st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=6),
    st.integers(-3, 12),
    st.integers(0, 4),
    st.booleans(),
)
def test_never_more_is_counted_than_disappeared(
    orders: list[tuple[int, bool]], decrease: int, quantity: int, foreign: bool
) -> None:
    reserved = [released(str(at), units) if out else held(str(at), units) for at, (units, out) in enumerate(orders)]
    found = explained(reserved, decrease, "r-other" if foreign else "", quantity, NOW)
    assert sum(one.units for one in found) <= max(decrease - (quantity if foreign else 0), 0)
    assert all(one.released_at_ms is not None for one in found)


def test_units_of_an_order_that_is_on_its_way() -> None:
    payload = {"standing": "held", "takes": [["A", 2], ["B", 1]]}
    assert units_taken(payload) == {"A": 2, "B": 1}
    for standing in ("shipped", "cancelled", "platform", "digital"):
        assert units_taken(payload | {"standing": standing}) == {}
    assert units_taken({"standing": "held"}) == {}


def test_what_an_order_takes_are_its_live_units_that_have_not_left_and_bundles_as_their_parts() -> None:
    found = order(
        raw_unit("1", "A"),
        raw_unit("2", "A"),
        raw_unit("3", "B", display_status="CANCELLED"),
        raw_unit("4", "B", display_status="IN_TRANSIT"),
        bundle("5"),
        bundle("6"),
    )
    assert taken_by(found) == [["A", 6], ["B", 2]]


def test_an_order_that_may_ship_is_a_likelier_cause_than_one_that_is_held() -> None:
    just_made = held("2", remote_id="r-2", accepted_at_ms=NOW - 10_000)
    assert ids(explained([just_made, released("1", 2)], 2, "", 0, NOW)) == ["1"]
    assert ids(explained([just_made, released("1", 2)], 3, "", 0, NOW)) == ["1", "2"]
    assert ids(explained([just_made, released("1", 2)], 1, "", 0, NOW)) == ["2"]


def test_what_adds_up_is_likelier_than_what_comes_first() -> None:
    reserved = [released("1"), released("2", 2), released("3", 4)]
    assert ids(explained(reserved, 2, "", 0, NOW)) == ["2"], "not the first, and then nothing that fits"
    assert ids(explained(reserved, 5, "", 0, NOW)) == ["1", "3"]
    assert ids(explained(reserved, 9, "", 0, NOW)) == ["1", "2", "3"], "somebody else took the rest"


def test_an_order_released_after_the_change_is_a_less_likely_cause() -> None:
    later = held("1", remote_id="r-1", accepted_at_ms=NOW - 9_000_000, released_at_ms=NOW + 30_000)
    assert ids(explained([later, released("2")], 1, "", 0, NOW)) == ["2"]
    assert ids(explained([later], 1, "", 0, NOW)) == ["1"], "its answer was late, perhaps"


@given(st.lists(st.integers(1, 4), max_size=8), st.integers(0, 20))
def test_units_that_add_up_are_counted_whenever_some_do(units: list[int], decrease: int) -> None:
    reserved = [released(str(at), count) for at, count in enumerate(units)]
    sums = {sum(some) for size in range(len(units) + 1) for some in itertools.combinations(units, size)}
    counted = sum(one.units for one in explained(reserved, decrease, "", 0, NOW))
    assert counted == decrease or decrease not in sums


def row_of(*units: dict[str, Any], updated_s: int = NOW // 1000) -> dict[str, Any]:
    return {"facts": facts_of(dict(order(*units).raw) | {"update_time": updated_s})}


def test_units_that_were_cancelled_since_are_given_back_and_bundles_as_their_parts() -> None:
    gone = {"display_status": "CANCELLED"}
    before = row_of(raw_unit("1", "A"), raw_unit("2", "B"), raw_unit("3", "C", **gone))
    after = row_of(raw_unit("1", "A"), raw_unit("2", "B", **gone), raw_unit("3", "C", **gone), bundle("4") | gone)
    assert given_back(before, after, NOW) == {"A", "B"}, "the bundle is made of A"
    assert given_back(after, after, NOW) == set()
    assert given_back(None, before, NOW) == {"C"}
    assert given_back(None, before, NOW + 3_700_000) == set(), "long ago: whatever was published since has it"
    assert given_back(None, {"standing": "held"}, NOW) == set()


def test_a_cancelled_order_gives_everything_back_whatever_its_lines_say() -> None:
    before, after = (
        row_of(raw_unit("1", "A"), raw_unit("2", "B", display_status="cancelled")),
        row_of(raw_unit("1", "A")),
    )
    assert given_back(None, before, NOW) == {"B"}
    after["facts"] |= {"status": "CANCELLED"}
    assert given_back(before, after, NOW) == {"A"}


def test_what_the_platform_ships_takes_nothing_of_ours_and_gives_nothing_back() -> None:
    theirs = order(raw_unit("1", "A", display_status="CANCELLED"), raw_unit("2", "B"), fulfillment_type=BY_TIKTOK)
    assert taken_by(theirs) == []
    assert given_back(None, {"facts": facts_of(dict(theirs.raw) | {"update_time": NOW // 1000})}, NOW) == set()
