"""What is believed of a location: two looks in a row that agree, and nothing less."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.exclusions import Sees
from daemon.core.standings import TRIES, Place, Places, Standing, read_places

IN, OUT = Sees.INCLUDED, Sees.EXCLUDED
looks = st.lists(st.sampled_from([IN, OUT, None]), max_size=12)


def after(*sees: Sees | None, start: Place = Place()) -> Place:  # noqa: B008
    place = start
    for number, one in enumerate(sees):
        place = place.after_look(one, number)
    return place


@pytest.mark.parametrize(
    ("sees", "standing"),
    [
        ((), Standing.NEW),
        ((OUT,), Standing.NEW),
        ((OUT, OUT), Standing.EXCLUDED),
        ((IN, IN), Standing.INCLUDED),
        ((OUT, None, OUT), Standing.NEW),
        ((None, None, None), Standing.ASSUMED),
        ((OUT, IN, OUT, IN), Standing.ASSUMED),
        ((None, None, None, OUT, OUT), Standing.EXCLUDED),
        ((IN, IN, OUT), Standing.INCLUDED),
        ((IN, IN, OUT, OUT), Standing.EXCLUDED),
        ((IN, IN, OUT, None, OUT), Standing.INCLUDED),
        ((OUT, OUT, IN, OUT, IN), Standing.EXCLUDED),
        ((OUT, OUT, *[None] * 9), Standing.EXCLUDED),
    ],
)
def test_standing(sees: tuple[Sees | None, ...], standing: Standing) -> None:
    assert after(*sees).standing is standing


@given(looks)
def test_a_settled_standing_changes_with_the_second_of_two_looks_in_a_row(sees: list[Sees | None]) -> None:
    place, last = Place(), None
    for one in sees:
        before, place = place, place.after_look(one, 1)
        if place.standing is not before.standing and place.standing is not Standing.ASSUMED:
            assert one is not None
            assert one is last
            assert place.standing.value == one.value
        last = one


@given(looks)
def test_nothing_stays_new_for_good(sees: list[Sees | None]) -> None:
    if len(sees) > 2 * TRIES:
        assert after(*sees).standing is not Standing.NEW


def test_the_first_look_ends_when_nothing_with_stock_is_new() -> None:
    places = Places({})
    places = places.after_look(["L1"], {"L1": IN}, ["L1", "L2"], 1)
    assert places.looked_at_ms is None
    places = places.after_look(["L1", "L2"], {"L1": IN, "L2": OUT}, ["L1", "L2"], 2)
    assert places.looked_at_ms is None
    places = places.after_look(["L2"], {"L2": OUT}, ["L1", "L2"], 3)
    assert (places.looked_at_ms, places.excluded) == (3, {"L2"})
    assert places.after_look([], {}, ["L1", "L9"], 4).looked_at_ms == 4, "a later one is not the first"
    assert places.is_new("L9")


def test_who_has_to_be_worked_out_anew() -> None:
    old = Places({"L1": Place(Standing.INCLUDED), "L2": Place(Standing.EXCLUDED), "L3": Place()}, looked_at_ms=1)
    new = Places({"L1": Place(Standing.EXCLUDED), "L2": Place(Standing.INCLUDED), "L3": Place(Standing.ASSUMED)}, 2)
    assert new.moved_from(old) == ["L1", "L2", "L3"]
    assert new.moved_from(new) == []
    assert Places({"L4": Place(Standing.INCLUDED), "L5": Place(Standing.EXCLUDED)}, 2).moved_from(Places({})) == ["L5"]
    assumed = Places({"L1": Place(Standing.ASSUMED)}, 2)
    assert Places({"L1": Place(Standing.INCLUDED)}, 3).moved_from(assumed) == [], "it counted, and it counts"


def test_without_looks_what_is_new_counts_and_what_is_known_stays() -> None:
    places = Places({"L1": Place(Standing.EXCLUDED, 5)}, looked_at_ms=5).given_up(["L1", "L2"], "refused", 7, 6)
    assert (places.place("L1").standing, places.place("L2")) == (Standing.EXCLUDED, Place(Standing.ASSUMED, 7))
    assert (places.problem, places.looked_at_ms) == ("refused", 6)


def test_it_is_kept_as_json() -> None:
    places = Places({"L1": Place(Standing.NEW, 0, OUT, 2), "L2": Place(Standing.EXCLUDED, 5)}, 7, "why")
    assert read_places(json.loads(json.dumps(places.public()))) == places
    assert read_places(None) == read_places({}) == Places({})
