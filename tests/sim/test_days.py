"""Fourteen seeded days (`make soak` plays more) and dangers that a day meets only by luck: the invariants hold."""

from __future__ import annotations

import pytest

from tests.sim import catalogue, scenarios

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("seed", range(9))
def test_a_day_with_crashes_and_faults_ends_with_both_sides_agreeing(seed: int) -> None:
    assert scenarios.a_day(seed) == []


CRASHES = (
    *(("written", number) for number in range(1, 13)),
    *(("writing", number) for number in (1, 3, 5, 8, 20)),
    *(("call", number) for number in (1, 2, 3, 4, 5, 8, 20)),
    *(("effect", number) for number in (3, 6, 20, 40)),
    *(("answer", number) for number in (3, 6, 20, 40)),
)


AROUND_A_CREATE = tuple((point, number) for point in ("writing", "written") for number in range(1, 9))


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: f"{crash[0]}-{crash[1]}")
def test_catching_up_after_two_hours_survives_a_crash_anywhere(crash: tuple[str, int]) -> None:
    assert scenarios.catching_up(crash) == []


def test_orders_that_are_late_in_the_search_index_are_found() -> None:
    assert scenarios.late_in_the_index() == []


@pytest.mark.parametrize("delay_s", [8, 25])
def test_an_edit_during_a_slow_create_is_not_lost(delay_s: int) -> None:
    assert scenarios.edit_while_the_create_is_on_its_way(delay_s) == []


@pytest.mark.parametrize("before_end_s", [60.0, 20.0, 2.0])
def test_an_address_changed_in_the_last_minute_of_the_hold_is_the_one_released(before_end_s: float) -> None:
    assert scenarios.edit_in_the_last_minute(before_end_s) == []


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("operation", ["orders.create", "orders.update", "packages.mark_shipped"])
def test_a_write_whose_answer_is_lost_is_looked_up_and_not_repeated(operation: str, crash: bool) -> None:
    assert scenarios.answers_lost(operation, crash) == []


def test_what_cannot_be_sent_is_dead_and_seen() -> None:
    assert scenarios.outage_with_refusals() == []


@pytest.mark.parametrize("danger", [catalogue.a_list_that_lies, catalogue.a_short_page, catalogue.a_late_list])
def test_lists_of_the_catalogue_that_are_not_whole_do_no_harm(danger: scenarios.Scenario) -> None:
    assert danger() == []


@pytest.mark.parametrize("crash", AROUND_A_CREATE, ids=lambda crash: f"{crash[0]}-{crash[1]}")
def test_what_follows_an_order_survives_a_crash_anywhere(crash: tuple[str, int]) -> None:
    assert scenarios.told_despite_a_crash(crash) == []


def test_a_buyer_is_told_once_though_answers_are_lost() -> None:
    assert scenarios.told_though_answers_are_lost() == []
