"""Splitting amounts to the last cent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.money import WITHOUT_CENTS, allocate, smallest_unit, total

CENT = Decimal("0.01")
AMOUNTS = st.decimals(-(10**8), 10**8, places=2)
WEIGHTS = st.lists(st.decimals(0, 10**6, places=3), min_size=1, max_size=12)


@given(AMOUNTS, WEIGHTS)
def test_parts_add_up_to_the_amount_exactly(amount: Decimal, weights: list[Decimal]) -> None:
    assert total(allocate(amount, weights, CENT)) == amount


@given(AMOUNTS, WEIGHTS)
def test_no_part_is_a_step_or_more_off_its_share(amount: Decimal, weights: list[Decimal]) -> None:
    if any(weights):
        for part, weight in zip(allocate(amount, weights, CENT), weights, strict=True):
            assert abs(part * total(weights) - amount * weight) < CENT * total(weights)


@pytest.mark.parametrize(
    ("amount", "weights", "step", "parts"),
    [
        ("30.00", ["12", "12", "7"], "0.01", ["11.61", "11.61", "6.78"]),
        ("0.05", ["1", "1"], "0.01", ["0.03", "0.02"]),
        ("-0.05", ["1", "1"], "0.01", ["-0.03", "-0.02"]),
        ("100", ["0", "0", "0"], "1", ["34", "33", "33"]),
        ("0.005", ["1", "1"], "0.01", ["0.003", "0.002"]),
        ("5", ["0", "3"], "0.01", ["0", "5"]),
    ],
)
def test_what_is_left_goes_to_the_parts_that_lost_most(
    amount: str, weights: list[str], step: str, parts: list[str]
) -> None:
    found = allocate(Decimal(amount), [Decimal(weight) for weight in weights], Decimal(step))
    assert found == tuple(Decimal(part) for part in parts)


@pytest.mark.parametrize("weights", [[], [Decimal(1), Decimal(-1)]])
def test_no_weights_or_negative_ones_are_refused(weights: list[Decimal]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(Decimal(1), weights, CENT)


def test_an_amount_that_is_no_whole_number_of_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        allocate(Decimal("0.05"), [Decimal(1)], Decimal("0.003"))


def test_currencies_without_cents_are_split_into_whole_units() -> None:
    assert (smallest_unit("VND"), smallest_unit("USD")) == (Decimal(1), CENT)


@given(st.integers(0, 4), st.integers(-(10**9), 10**9), WEIGHTS)
def test_whatever_the_smallest_unit_the_parts_are_whole_numbers_of_it_and_add_up(
    digits: int, steps: int, weights: list[Decimal]
) -> None:
    step = Decimal(1).scaleb(-digits)
    parts = allocate(steps * step, weights, step)
    assert total(parts) == steps * step
    assert all(part % step == 0 for part in parts)


@pytest.mark.parametrize("currency", sorted(WITHOUT_CENTS))
def test_an_amount_without_cents_is_split_into_whole_units(currency: str) -> None:
    parts = allocate(Decimal(434566), [Decimal(1)] * 3, smallest_unit(currency))
    assert parts == (144856, 144855, 144855)
