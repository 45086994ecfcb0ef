"""How long an order must not leave."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import HOUR_MS, MINUTE_MS, PAID_MS, PAID_S, order

from daemon.core.holds import MARGIN, RECHECK, Hold, hold_of, told_until_ms, unpaid_look_ms
from daemon.core.spans import milliseconds

WINDOW = timedelta(minutes=60)
DAY_S = 86_400
RELEASE = {"order_type": "PRE_ORDER", "release_date": PAID_S + 12 * DAY_S}
RELEASE_MS = PAID_MS + 12 * DAY_S * 1000


@pytest.mark.parametrize(
    ("status", "members", "after_ms", "expected"),
    [
        ("AWAITING_SHIPMENT", {}, HOUR_MS - 1, (False, PAID_MS + HOUR_MS, "hold_window")),
        ("AWAITING_SHIPMENT", {}, HOUR_MS, (True, None, "")),
        ("PARTIALLY_SHIPPING", {}, HOUR_MS, (True, None, "")),
        ("ON_HOLD", {}, 0, (False, PAID_MS + HOUR_MS, "on_hold")),
        ("ON_HOLD", {}, HOUR_MS, (False, PAID_MS + HOUR_MS + milliseconds(RECHECK), "on_hold")),
        ("ON_HOLD", RELEASE, 0, (False, RELEASE_MS, "pre_order")),
        ("AWAITING_SHIPMENT", RELEASE, HOUR_MS, (False, RELEASE_MS, "pre_order")),
        ("AWAITING_SHIPMENT", {**RELEASE, "release_date": PAID_S}, 0, (False, PAID_MS + HOUR_MS, "hold_window")),
        ("AWAITING_SHIPMENT", {**RELEASE, "order_type": "NORMAL"}, HOUR_MS, (True, None, "")),
        ("AWAITING_SHIPMENT", {**RELEASE, "release_date": None}, HOUR_MS, (True, None, "")),
        ("UNPAID", {}, 0, (False, None, "unpaid")),
        ("IN_TRANSIT", {}, 0, (True, None, "")),
        ("CANCELLED", {}, 0, (True, None, "")),
    ],
)
def test_a_hold_ends_at_the_latest_of_status_window_and_release(
    status: str, members: dict[str, object], after_ms: int, expected: tuple[object, ...]
) -> None:
    hold = hold_of(order(status=status, **members), WINDOW, PAID_MS + after_ms)
    assert (hold.released, hold.until_ms, hold.reason) == expected


def test_without_a_payment_time_the_window_counts_from_creation() -> None:
    assert hold_of(order(paid_time=None), WINDOW, PAID_MS).ends_ms == PAID_MS - MINUTE_MS + HOUR_MS


def test_a_wider_window_holds_longer_than_tiktok_does() -> None:
    hold = hold_of(order(), timedelta(hours=5), PAID_MS + HOUR_MS)
    assert (hold.released, hold.until_ms) == (False, PAID_MS + 5 * HOUR_MS)


def test_an_unpaid_order_is_looked_at_when_the_payment_can_no_longer_be_retried_and_daily_then() -> None:
    unpaid = order(status="UNPAID")
    gives_up_ms = PAID_MS - MINUTE_MS + 24 * HOUR_MS + 10 * MINUTE_MS
    assert unpaid_look_ms(unpaid, PAID_MS) == gives_up_ms
    assert unpaid_look_ms(unpaid, gives_up_ms) == gives_up_ms + 24 * HOUR_MS


@given(st.integers(-(10**9), 10**10), st.sampled_from(["UNPAID", "ON_HOLD", "AWAITING_SHIPMENT"]))
def test_nothing_is_released_before_its_window_is_over(after_ms: int, status: str) -> None:
    hold = hold_of(order(status=status), WINDOW, PAID_MS + after_ms)
    assert not hold.released or (status == "AWAITING_SHIPMENT" and after_ms >= HOUR_MS)
    assert hold.until_ms is None or hold.until_ms > PAID_MS + after_ms


@given(st.integers(0, 10**9))
def test_pipe17_is_always_told_to_hold_longer_than_we_look_away(late_ms: int) -> None:
    hold = Hold(False, None, "on_hold", PAID_MS)
    told_ms = told_until_ms(hold, PAID_MS + late_ms)
    assert told_ms - (PAID_MS + late_ms) >= milliseconds(MARGIN - RECHECK) > milliseconds(RECHECK)
    assert (told_ms - PAID_MS - milliseconds(MARGIN)) % HOUR_MS == 0


def test_what_pipe17_is_told_changes_once_an_hour_at_most() -> None:
    hold = Hold(False, None, "on_hold", PAID_MS)
    told = {told_until_ms(hold, PAID_MS + minute * MINUTE_MS) for minute in range(6, 66)}
    assert told == {PAID_MS + HOUR_MS + milliseconds(MARGIN)}


def test_an_order_that_tiktok_lets_go_a_moment_late_costs_no_write() -> None:
    hold = Hold(False, None, "on_hold", PAID_MS)
    told = {told_until_ms(hold, PAID_MS + late_ms) for late_ms in (-HOUR_MS, 0, 1, 999, milliseconds(RECHECK))}
    assert told == {PAID_MS + milliseconds(MARGIN)}
