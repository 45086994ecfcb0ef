"""How near a shop is to its orders a day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.order_limit import DAYS_KEPT, counted, nearness


@pytest.mark.parametrize(
    ("count", "code"),
    [(0, ""), (79, ""), (80, "order_limit_near"), (99, "order_limit_near"), (100, "order_limit_reached")],
)
def test_eighty_percent_is_near_and_all_of_it_is_reached(count: int, code: str) -> None:
    found = nearness(count, 100, "2026-01-31")
    assert (found.code if found else "") == code


DAYS = st.dictionaries(st.dates().map(str), st.integers(1, 100), max_size=8)


@given(DAYS, DAYS)
def test_counts_add_up_and_only_the_newest_days_are_kept(known: dict[str, int], more: dict[str, int]) -> None:
    days = counted(known, more)
    assert list(days) == sorted({*known, *more})[-DAYS_KEPT:]
    assert all(count == known.get(day, 0) + more.get(day, 0) for day, count in days.items())
