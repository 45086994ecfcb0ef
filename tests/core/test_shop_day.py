"""The shop's day, against the time-zone database."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.shop_day import day_of, next_day_ms

ZONES = {
    "US": "America/Los_Angeles",
    "GB": "Europe/London",
    "DE": "Europe/Berlin",
    "VN": "Asia/Ho_Chi_Minh",
    "JP": "Asia/Tokyo",
    "??": "UTC",
}
INSTANTS = st.integers(1_735_689_600_000, 2_208_988_800_000)


@given(INSTANTS, st.sampled_from(sorted(ZONES)))
def test_the_day_is_that_of_the_markets_zone(at_ms: int, region: str) -> None:
    assert day_of(at_ms, region) == datetime.fromtimestamp(at_ms / 1000, ZoneInfo(ZONES[region])).date().isoformat()


@given(INSTANTS, st.sampled_from(sorted(ZONES)))
def test_the_next_day_begins_at_midnight_and_not_before(at_ms: int, region: str) -> None:
    next_ms = next_day_ms(at_ms, region)
    assert at_ms < next_ms <= at_ms + 25 * 3_600_000
    assert day_of(next_ms - 1, region) == day_of(at_ms, region)
    assert day_of(next_ms, region) > day_of(at_ms, region)


@pytest.mark.parametrize(
    ("at", "region", "hours"),
    [
        ("2026-03-08T12:00:00+00:00", "US", 19),  # the day with 23 hours
        ("2026-11-01T12:00:00+00:00", "US", 20),  # the day with 25
        ("2026-03-29T00:00:00+00:00", "DE", 22),
    ],
)
def test_the_days_on_which_clocks_change(at: str, region: str, hours: int) -> None:
    at_ms = int(datetime.fromisoformat(at).timestamp()) * 1000
    assert next_day_ms(at_ms, region) - at_ms == hours * 3_600_000
