"""Which locations totals leave out: what can be told is true, what cannot is not told, and absent is never excluded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.exclusions import (
    MOST_SOLVED,
    Sees,
    Weighing,
    are_totals,
    sample,
    telling,
    told,
    weighings,
)

IN, OUT = Sees.INCLUDED, Sees.EXCLUDED


def weighed(total: int, **parts: int) -> Weighing:
    return Weighing(parts, total)


@pytest.mark.parametrize(
    ("equations", "expected"),
    [
        ([weighed(12, L1=5, L2=7, L3=8)], {"L1": IN, "L2": IN, "L3": OUT}),
        ([weighed(20, L1=5, L2=7, L3=8)], {"L1": IN, "L2": IN, "L3": IN}),
        ([weighed(0, L3=8)], {"L3": OUT}),
        ([weighed(5, L1=5, L2=5)], {}),
        ([weighed(10, L1=5, L2=5)], {"L1": IN, "L2": IN}),
        # one of two is left out, and another SKU tells which
        ([weighed(5, L1=5, L2=5), weighed(3, L1=3)], {"L1": IN, "L2": OUT}),
        ([weighed(8, L1=5, L2=5, L3=3), weighed(7, L1=7, L2=9)], {"L1": IN, "L2": OUT, "L3": IN}),
        # less than nothing somewhere: two ways to the same sum
        ([weighed(5, L1=5, L2=2, L3=-2)], {"L1": IN}),
        ([], {}),
    ],
)
def test_what_totals_tell(equations: list[Weighing], expected: Mapping[str, Sees]) -> None:
    assert told(equations) == expected


def test_skus_that_contradict_each_other_tell_nothing_of_the_location() -> None:
    assert told([weighed(5, L1=5, L2=8), weighed(9, L2=9)]) == {}
    assert told([weighed(5, L1=5, L2=8), weighed(9, L2=9), weighed(4, L1=4), weighed(6, L4=6)]) == {"L4": IN}


def test_a_total_that_no_sum_explains_tells_nothing_of_its_locations() -> None:
    assert told([weighed(11, L1=5, L2=7), weighed(3, L1=3), weighed(6, L4=6)]) == {"L4": IN}


def test_a_sku_of_very_many_locations_tells_only_all_or_nothing() -> None:
    many = {f"L{number}": number + 1 for number in range(MOST_SOLVED + 1)}
    assert set(told([Weighing(many, sum(many.values()))]).values()) == {IN}
    assert set(told([Weighing(many, 0)]).values()) == {OUT}
    assert told([Weighing(many, sum(many.values()) - 1)]) == {}
    assert told([Weighing({**many, "L0": -3}, 0)]) == {}


places = st.sampled_from(["L1", "L2", "L3", "L4", "L5"])
parts_made = st.dictionaries(places, st.integers(-3, 40).filter(bool), min_size=1)


@given(st.lists(parts_made, max_size=8), st.sets(places))
def test_what_is_told_of_honest_totals_is_true(parts: list[dict[str, int]], excluded: set[str]) -> None:
    honest = [Weighing(one, sum(units for place, units in one.items() if place not in excluded)) for one in parts]
    for place, sees in told(honest).items():
        assert (sees is OUT) == (place in excluded)
        assert any(place in one for one in parts), "nothing is told of a location that was not shown"


@given(parts_made, st.sets(places))
def test_a_sku_that_should_tell_of_a_location_does(parts: dict[str, int], excluded: set[str]) -> None:
    found = told([Weighing(parts, sum(units for place, units in parts.items() if place not in excluded))])
    for place in parts:
        if telling(parts, place):
            assert found[place] is (OUT if place in excluded else IN)


@given(st.lists(st.builds(Weighing, parts_made, st.integers(-20, 150)), max_size=6))
def test_any_totals_are_borne(equations: list[Weighing]) -> None:
    assert told(equations).keys() <= {place for one in equations for place in one.parts}


# --- rows and totals as Pipe17 sends them ----------------------------------------------------------------------------


def row(**members: Any) -> dict[str, Any]:
    return {"committed": 0, **members}


ROWS = {"A": {"L1": row(onHand=5, available=4), "L2": row(onHand=7, available=7)}}


def test_rows_are_weighed_against_totals_by_what_both_carry() -> None:
    assert weighings(ROWS, [{"sku": "A", "onHand": 12}], [{"sku": "A", "onHand": 12}]) == [weighed(12, L1=5, L2=7)]
    just = [{"sku": "A", "available": "11"}]
    assert weighings(ROWS, just, just) == [weighed(11, L1=4, L2=7)]
    other = [{"sku": "A", "availableToPromise": 9}]
    assert weighings(ROWS, other, other) == [], "it may already be less what is kept back for us"


def test_stock_that_is_to_come_is_weighed_too() -> None:
    rows = {"A": {"L1": row(onHand=0, future=5), "L2": row(onHand=7, future=0)}}
    totals = [{"sku": "A", "onHand": 7, "future": 0}]
    assert weighings(rows, totals, totals) == [weighed(7, L2=7), weighed(0, L1=5)]


@pytest.mark.parametrize(
    "totals",
    [
        [],
        [{"sku": "B", "onHand": 12}],
        [{"onHand": 12}],
        [{"sku": ["A"], "onHand": 12}],
        [{"sku": "A", "onHand": 5}, {"sku": "A", "onHand": 7}],
        [{"sku": "A", "onHand": None}],
        [{"sku": "A", "onHand": "many"}],
    ],
)
def test_a_sku_without_its_total_is_not_a_total_of_nothing(totals: list[dict[str, Any]]) -> None:
    assert weighings(ROWS, totals, totals) == []


def test_totals_that_moved_meanwhile_tell_nothing() -> None:
    assert weighings(ROWS, [{"sku": "A", "onHand": 12}], [{"sku": "A", "onHand": 13}]) == []
    assert weighings(ROWS, [{"sku": "A", "onHand": 12}], []) == []


def test_a_row_that_cannot_be_read_keeps_its_sku_from_being_weighed() -> None:
    rows = {"A": {"L1": row(onHand=5), "L2": row(onHand="seven")}, "B": {}}
    totals = [{"sku": "A", "onHand": 5}, {"sku": "B", "onHand": 0}]
    assert weighings(rows, totals, totals) == []


def test_rows_of_locations_are_no_totals() -> None:
    assert are_totals([{"sku": "A", "onHand": 12}])
    assert are_totals([])
    assert not are_totals([{"sku": "A", "locationId": "L1", "onHand": 12}])


# --- which SKUs to look at -------------------------------------------------------------------------------------------


def test_a_sku_tells_of_a_location_when_nothing_else_can_make_up_for_it() -> None:
    assert telling({"L1": 5, "L2": 7, "L3": 8}, "L3")
    assert not telling({"L1": 5, "L2": 3, "L3": 8}, "L3")
    assert not telling({"L1": 5, "L2": 5}, "L1")
    assert not telling({"L1": 5}, "L2")
    assert not telling({f"L{number}": 10**number for number in range(7)}, "L1"), "too many to try"


def test_the_sample_takes_what_tells_most_for_each_location() -> None:
    alike, alone, two = {"L1": 5, "L2": 5}, {"L1": 3}, {"L1": 5, "L2": 7}
    candidates = {"L1": [("A", alike), ("B", two), ("C", alone)], "L2": [("A", alike), ("B", two)]}
    assert sample(candidates, 2) == ["C", "B"]
    assert sample(candidates, 4) == ["C", "B", "A"]
    assert sample({}, 4) == []
    assert sample({f"L{number}": [(f"S{number}", {f"L{number}": 1})] for number in range(9)}, 4) == [
        "S0",
        "S1",
        "S2",
        "S3",
    ]
