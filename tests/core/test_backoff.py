"""Waits: doubling, capped, stretched, and what Retry-After really asks for."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.backoff import CAP, LONGEST_REQUESTED, delay, http_date_ms, retry_after

NOON_MS = 1767268800_000  # Thu, 01 Jan 2026 12:00:00 GMT


def test_it_doubles_up_to_the_cap():
    assert [delay(attempt, 0.0).total_seconds() for attempt in (1, 2, 3, 6, 7, 8)] == [1, 2, 4, 32, 60, 60]
    assert delay(0, 0.0) == delay(1, 0.0)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_jitter_stretches_by_less_than_a_half_and_never_shortens(attempt, jitter):
    assert delay(attempt, 0.0) <= delay(attempt, jitter) <= CAP * 1.5


def test_a_huge_base_is_still_capped():
    assert delay(60, 0.0, base=timedelta(days=100_000), cap=timedelta(hours=2)) == timedelta(hours=2)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("99999999999999999999999999", 3600),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30),
        ("Thu, 01 Jan 2026 18:00:00 GMT", 3600),
    ],
)
def test_a_wait_that_is_believed(header, seconds):
    assert retry_after(header, NOON_MS) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "header",
    [None, "", "0", "-5", "1.5", "soon", "٣", "Thu, 01 Jan 2026 11:00:00 GMT", "Thu, 99 Foo 2026", "\x00"],
)
def test_a_wait_that_is_not(header):
    assert retry_after(header, NOON_MS) is None


@given(st.text())
def test_no_header_can_hurt(header):
    wait = retry_after(header, NOON_MS)
    assert wait is None or timedelta(0) < wait <= LONGEST_REQUESTED


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Thu, 01 Jan 2026 12:00:00 GMT", NOON_MS),
        ("Thu, 01 Jan 2026 12:00:00 -0000", NOON_MS),
        ("Thu, 01 Jan 2026 13:00:00 +0100", NOON_MS),
        ("yesterday", None),
        (None, None),
    ],
)
def test_http_dates(header, expected):
    assert http_date_ms(header) == expected
