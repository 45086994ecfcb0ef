"""What stands between Pipe17's figures and what TikTok sells: the small worlds, each without a planted mistake."""

from __future__ import annotations

import pytest

from tests.sim import scenarios_taken as worlds

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("slow", [False, True], ids=["answered", "its answer still on the way"])
def test_a_cancel_that_nobody_saw_leaves_what_pipe17_has(*, slow: bool) -> None:
    assert worlds.gone_between_two_looks(slow=slow) == []


def test_parts_of_unpaid_bundles_are_off_sale() -> None:
    assert worlds.bundles_wait_for_their_buyers() == []


def test_what_people_mark_in_pipe17_is_kept() -> None:
    assert worlds.marked_by_people() == []


def test_stock_follows_the_default_warehouse() -> None:
    assert worlds.a_warehouse_is_switched_off() == []
