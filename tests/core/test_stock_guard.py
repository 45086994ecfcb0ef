"""What a cycle may do to the catalogue without asking."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.stock_guard import LEAST_WILD, LEAST_ZEROED, Counted, Effect, effect_of, objection

GUARD = Decimal("0.30")


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        (10, 0, Effect.ZEROED),
        (1, 0, Effect.ZEROED),
        (0, 0, Effect.USUAL),
        (None, 0, Effect.USUAL),
        (0, 500, Effect.USUAL),
        (20, 2, Effect.USUAL),
        (20, 1, Effect.WILD),
        (5, 50, Effect.USUAL),
        (5, 51, Effect.WILD),
    ],
)
def test_effect(before: int | None, after: int, effect: Effect) -> None:
    assert effect_of(before, after) is effect


@pytest.mark.parametrize(
    ("linked", "zeroed", "wild", "stops"),
    [
        (10, 3, 0, False),
        (10, 4, 0, True),
        (2, 2, 0, False),
        (3, 3, 0, True),
        (1000, 300, 0, False),
        (1000, 301, 0, True),
        (40, 0, 20, False),
        (40, 0, 21, True),
        (40, 11, 10, True),
        (30, 0, 19, False),
        (10, 0, 10, False),
        (0, 3, 0, True),
    ],
)
def test_a_cycle_beyond_reason_is_stopped(linked: int, zeroed: int, wild: int, *, stops: bool) -> None:
    assert bool(objection(Counted(linked, zeroed, wild), GUARD)) == stops


@pytest.mark.parametrize(
    ("guard", "zeroed", "wild", "stops"),
    [
        ("0", 3, 0, True),
        ("0", 2, 0, False),
        ("1", 40, 0, False),
        ("1", 0, 40, False),
        ("0.6", 24, 0, False),
        ("0.6", 25, 0, True),
        ("0.6", 12, 13, True),
    ],
)
def test_a_share_beyond_a_half_is_meant_as_it_is_set(guard: str, zeroed: int, wild: int, *, stops: bool) -> None:
    assert bool(objection(Counted(40, zeroed, wild), Decimal(guard))) == stops


def test_the_objection_says_how_many_and_which_setting() -> None:
    assert objection(Counted(10, 4), GUARD) == "4 of 10 linked SKUs would go to zero (INVENTORY_GUARD is 30%)"


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000), st.decimals(0, 1, places=2))
def test_more_harm_is_never_less_of_a_reason(linked: int, zeroed: int, wild: int, guard: Decimal) -> None:
    if objection(Counted(linked, zeroed, wild), guard):
        assert objection(Counted(linked, zeroed + 1, wild), guard)
        assert objection(Counted(linked, zeroed, wild + 1), guard)


@given(st.integers(0, 2000), st.integers(0, LEAST_ZEROED - 1), st.integers(0, LEAST_WILD - LEAST_ZEROED))
def test_a_few_skus_never_stop_anything(linked: int, zeroed: int, wild: int) -> None:
    assert objection(Counted(linked, zeroed, wild), Decimal(0)) == ""
