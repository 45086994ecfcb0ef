"""The day of a shop: TikTok counts some things by it, as the orders of a shop on probation or the calls to its buyers.

No public page says in which time zone; the assumption is the one that Seller Center shows in each market. The United
States count by Pacific time. Zones are fixed rules here (an offset, and for the markets with summer time its two
changes), so that nothing depends on the time-zone files of the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_OFFSETS: Mapping[str, int] = {
    "US": -8, "MX": -6, "BR": -3, "GB": 0, "IE": 0, "ES": 1, "IT": 1, "DE": 1, "FR": 1,
    "ID": 7, "TH": 7, "VN": 7, "SG": 8, "MY": 8, "PH": 8, "JP": 9,
}  # fmt: skip
"""Hours before UTC in winter, by region."""
_SUMMER: Mapping[str, str] = {"US": "US", "GB": "EU", "IE": "EU", "ES": "EU", "IT": "EU", "DE": "EU", "FR": "EU"}


def day_of(at_ms: int, region: str) -> str:
    """The shop's day of an instant, as 2026-01-31; an unknown region counts in UTC."""
    local = datetime.fromtimestamp((at_ms + _offset_ms(at_ms, region)) // 1000, UTC)
    return local.date().isoformat()


def next_day_ms(at_ms: int, region: str) -> int:
    """When the shop's next day begins."""
    local_ms = at_ms + _offset_ms(at_ms, region)
    midnight_ms = (local_ms // DAY_MS + 1) * DAY_MS
    # the change of the clocks lies hours behind midnight, so the offset of the hour before it is the right one
    guess_ms = midnight_ms - _offset_ms(at_ms, region)
    return midnight_ms - _offset_ms(guess_ms - 1, region)


def _offset_ms(at_ms: int, region: str) -> int:
    hours = _OFFSETS.get(region, 0)
    return (hours + _summer(at_ms, hours, _SUMMER.get(region, ""))) * HOUR_MS


def _summer(at_ms: int, hours: int, rule: str) -> int:
    """1 in summer time. US: second Sunday of March to first of November, 2 h local; EU: last Sundays, 1 h UTC."""
    if not rule:
        return 0
    year = datetime.fromtimestamp(at_ms // 1000, UTC).year
    if rule == "US":
        begins_ms = _at(_sunday(year, 3, 8), 2 - hours)
        ends_ms = _at(_sunday(year, 11, 1), 1 - hours)
    else:
        begins_ms, ends_ms = _at(_sunday(year, 3, 25), 1), _at(_sunday(year, 10, 25), 1)
    return int(begins_ms <= at_ms < ends_ms)


def _sunday(year: int, month: int, from_day: int) -> date:
    """The first Sunday from that day on."""
    first = date(year, month, from_day)
    return first + timedelta(days=(6 - first.weekday()) % 7)


def _at(day: date, hour_utc: int) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(midnight.timestamp()) * 1000 + hour_utc * HOUR_MS
