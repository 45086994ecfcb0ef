"""Stock in bad weather: I4 holds when the dust has settled, and what was never true is never pushed on the way."""

from __future__ import annotations

import pytest

from tests.sim import scenarios_stock as worlds

pytestmark = pytest.mark.sim


HIDDEN_TO_THE_END = 119
"""A seed in which a location shows nothing while the last levels move."""


@pytest.mark.parametrize("seed", [*range(6), HIDDEN_TO_THE_END])
def test_a_source_that_loses_its_figures_zeroes_nothing_and_levels_converge(seed: int) -> None:
    assert worlds.a_nasty_source(seed) == []


@pytest.mark.parametrize("seed", range(4))
def test_units_of_orders_count_once_from_the_order_to_its_shipment(seed: int) -> None:
    assert worlds.orders_take_units_once(seed) == []


@pytest.mark.parametrize("seed", [0, 7, 9])
def test_what_is_excluded_in_pipe17_is_never_sold_and_what_fails_is_not_taken_for_it(seed: int) -> None:
    assert worlds.an_excluded_location_beside_failing_ones(seed) == []


CRASHES = (
    None,
    *(("committed", number) for number in (1, 2, 3, 5, 8, 13, 21, 34)),
    *(("commit", number) for number in (2, 7, 15)),
    *(("effect", number) for number in (1, 4, 9)),
    *(("answer", number) for number in (2, 6)),
    ("call", 5),
)


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: f"{crash[0]}-{crash[1]}" if crash else "no-crash")
def test_levels_that_move_during_a_resync_are_never_set_back(crash: tuple[str, int] | None) -> None:
    assert worlds.levels_move_during_a_resync(crash) == []


def test_a_crash_loop_does_not_make_a_resync_start_over() -> None:
    assert worlds.a_crash_loop_in_a_resync() == []


def test_lists_that_stay_empty_hide_no_change_for_good() -> None:
    assert worlds.empty_for_twenty_minutes() == []


def test_an_answer_that_comes_late_sets_nothing_back() -> None:
    assert worlds.an_answer_that_comes_late() == []


def test_what_changes_where_nothing_is_shown_is_read_when_it_is_back() -> None:
    assert worlds.a_location_that_shows_nothing() == []


@pytest.mark.parametrize("late_s", [8.0, 29.0, 200.0])
def test_calls_that_land_late_set_nothing_back_or_not_for_good(late_s: float) -> None:
    assert worlds.calls_that_land_late(late_s) == []


@pytest.mark.parametrize("slices", [1, 2, 5])
@pytest.mark.parametrize("share", [0.2, 0.4, 1.0])
def test_a_catalogue_that_goes_to_zero_is_held_until_a_person_approves(share: float, slices: int) -> None:
    assert worlds.a_source_that_zeroes_everything(share, slices) == []
