"""Which reserved units a newer row of Pipe17 counts."""

from __future__ import annotations

from daemon.core.reservations import Reservation, explained

RELEASED = Reservation("1", "A", 2, "p1", accepted_at_ms=0, released_at_ms=3_600_000)
HELD = Reservation("2", "A", 1, "p2", accepted_at_ms=3_590_000)
NOW_MS = 3_600_500


def _of(reserved: list[Reservation], decrease: int, order_id: str = "", quantity: int = 0) -> list[str]:
    return [one.order_id for one in explained(reserved, decrease, order_id, quantity, NOW_MS)]


def test_a_row_that_names_an_order_counts_that_one() -> None:
    assert _of([RELEASED, HELD], 1, "p2", 1) == ["2"]


def test_an_order_that_may_ship_is_a_likelier_cause_than_one_that_is_held() -> None:
    assert _of([HELD, RELEASED], 2) == ["1"]
    assert _of([RELEASED, HELD], 2) == ["1"]


def test_what_is_left_of_a_decrease_is_the_held_order_that_was_just_handed_over() -> None:
    assert _of([HELD, RELEASED], 3) == ["1", "2"]
    assert _of([HELD, RELEASED], 1) == ["2"]


def test_a_row_that_shows_no_fewer_units_counts_nobody() -> None:
    assert _of([RELEASED, HELD], 0) == []
    assert _of([RELEASED, HELD], -3) == []
