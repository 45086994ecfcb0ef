"""The orders a day that TikTok allows a shop on probation (100 for a person, 200 for a company): how near it is.

No call tells the limit or how much of it is used; the limit is a setting, and orders are counted as they come in, by
the shop's day of their creation, unpaid and cancelled ones too. The count never keeps an order out.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.core.findings import Finding

NEAR_PERCENT = 80
DAYS_KEPT = 4


def nearness(count: int, limit: int, day: str) -> Finding | None:
    """What a person should know, None below 80 %."""
    if count >= limit:
        text = (
            f"{count} orders on {day}, and ORDERS_DAILY_LIMIT is {limit}; TikTok may stop the shop's sales for the "
            "rest of its day. Orders that come all the same are taken in"
        )
        return Finding("order_limit_reached", text)
    if count * 100 >= limit * NEAR_PERCENT:
        return Finding("order_limit_near", f"{count} orders on {day}, and ORDERS_DAILY_LIMIT is {limit}")
    return None


def counted(known: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """The counts by day with these added; only the newest days are kept."""
    days = dict(known)
    for day, count in more.items():
        days[day] = days.get(day, 0) + count
    return {day: days[day] for day in sorted(days)[-DAYS_KEPT:]}
