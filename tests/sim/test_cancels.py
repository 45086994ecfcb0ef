"""The dangers of cancelling that a random day meets only by luck."""

from __future__ import annotations

import pytest

from tests.sim import scenarios_cancels

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_cancel_whose_answers_are_lost_is_sent_once(took_effect: bool) -> None:
    assert scenarios_cancels.cancelled_while_the_sides_are_deaf(took_effect) == []


def test_what_is_canceled_on_hold_is_not_released_while_tiktok_is_deaf() -> None:
    assert scenarios_cancels.cancelled_on_hold() == []


def test_a_shipment_waits_while_a_cancel_is_carried_out() -> None:
    assert scenarios_cancels.shipped_while_cancelled() == []


def test_cancels_of_tiktok_do_not_come_back() -> None:
    assert scenarios_cancels.cancelled_at_tiktok() == []


def test_what_has_left_is_told_before_the_rest_is_cancelled() -> None:
    assert scenarios_cancels.cancelled_behind_a_shipment() == []
