"""The token bucket: never faster than its rate, slower after a 429, back to full in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.bucket import FLOOR_PARTS, RECOVERY_S, Bucket


def taken(bucket, start_s, seconds, step_s=0.01):
    count, steps = 0, round(seconds / step_s)
    for step in range(steps):
        while bucket.take(start_s + step * step_s):
            count += 1
    return count


def test_a_burst_then_the_rate():
    bucket = Bucket(rate=10, burst=3)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.ready_in(0.0) == pytest.approx(0.1)
    assert not bucket.take(0.09)
    assert bucket.take(0.1)


def test_saved_up_calls_are_bounded_by_the_burst():
    bucket = Bucket(rate=10, burst=3)
    bucket.take(0.0)
    assert sum(bucket.take(1_000.0) for _ in range(10)) == 3


def test_a_429_halves_the_rate_down_to_a_floor():
    bucket = Bucket(rate=16, burst=1)
    rates = []
    for _ in range(6):
        bucket.slow_down(0.0)
        rates.append(bucket.rate_now)
    assert rates == [8, 4, 2, 1, 1, 1]
    assert bucket.rate_now == bucket.rate / FLOOR_PARTS


def test_the_rate_recovers_in_a_straight_line_and_stops_at_full():
    bucket = Bucket(rate=10, burst=1)
    bucket.slow_down(0.0)
    bucket.ready_in(RECOVERY_S / 4)
    assert bucket.rate_now == pytest.approx(7.5)
    bucket.ready_in(RECOVERY_S * 2)
    assert bucket.rate_now == 10


def test_a_clock_that_stands_still_or_goes_back_gives_nothing_away():
    bucket = Bucket(rate=1, burst=1)
    assert bucket.take(5.0)
    assert not bucket.take(4.0)
    assert not bucket.take(5.0)
    assert bucket.take(6.0)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0.5)])
def test_a_bucket_that_could_never_serve_is_refused(rate, burst):
    with pytest.raises(ValueError, match="positive rate"):
        Bucket(rate=rate, burst=burst)


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=80), st.floats(0.5, 50), st.floats(1, 5))
def test_no_window_sees_more_than_burst_plus_rate(gaps, rate, burst):
    bucket, now_s, granted = Bucket(rate=rate, burst=burst), 0.0, []
    for gap in gaps:
        now_s += gap
        while bucket.take(now_s):
            granted.append(now_s)
    for first, start_s in enumerate(granted):
        for last in range(first, len(granted)):
            assert last - first + 1 <= burst + rate * (granted[last] - start_s) + 1e-6


def test_waiting_as_long_as_told_is_always_enough():
    bucket, now_s = Bucket(rate=3, burst=1), 0.0
    for _ in range(200):
        now_s += bucket.ready_in(now_s)
        assert bucket.take(now_s)
    assert now_s == pytest.approx(199 / 3)


def test_the_throughput_is_the_rate():
    assert taken(Bucket(rate=20, burst=1), 0.0, 10.0) == pytest.approx(200, abs=2)
