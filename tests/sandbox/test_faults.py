"""The list of things that go wrong on purpose."""

from __future__ import annotations

from random import Random

import pytest

from daemon.sandbox.faults import Fault, FaultKind, Faults, distort, lost_before
from daemon.sandbox.wire import Loss, Reply

RNG = Random(1)


def test_a_fault_strikes_its_operation_as_often_as_it_says() -> None:
    faults = Faults(Fault(FaultKind.RATE_LIMIT, "orders.*", times=2))
    struck = [
        faults.pick(name, 0, RNG) is not None
        for name in ("shops.list", "orders.search", "orders.detail", "orders.search")
    ]
    assert struck == [False, True, True, False]


def test_the_first_calls_can_be_let_through() -> None:
    faults = Faults(Fault(FaultKind.UNAVAILABLE, "orders.search", skip=1))
    assert [faults.pick("orders.search", 0, RNG) is not None for _ in range(3)] == [False, True, False]


def test_a_window_has_a_closed_start_and_an_open_end() -> None:
    faults = Faults(Fault(FaultKind.DELAY, times=None, after_ms=10, until_ms=20))
    assert [faults.pick("x", at, RNG) is not None for at in (9, 10, 19, 20)] == [False, True, True, False]


def test_probability_follows_the_seed() -> None:
    def run(seed: int) -> list[bool]:
        faults, rng = Faults(Fault(FaultKind.RESET, times=None, probability=0.3)), Random(seed)
        return [faults.pick("x", 0, rng) is not None for _ in range(200)]

    assert run(7) == run(7)
    assert 30 < sum(run(7)) < 90


def test_the_first_that_fits_wins_and_a_spent_one_makes_room() -> None:
    faults = Faults(Fault(FaultKind.RESET), Fault(FaultKind.GARBAGE, times=None))
    kinds = [picked.kind for _ in range(3) if (picked := faults.pick("x", 0, RNG))]
    assert kinds == [FaultKind.RESET, FaultKind.GARBAGE, FaultKind.GARBAGE]
    faults.add(Fault(FaultKind.DELAY), first=True)
    picked = faults.pick("x", 0, RNG)
    assert picked is not None
    assert picked.kind is FaultKind.DELAY
    faults.clear()
    assert faults.pick("x", 0, RNG) is None


def test_an_added_fault_is_a_copy_that_counts() -> None:
    mine = Fault(FaultKind.DELAY, times=3, delay_ms=5)
    faults = Faults()
    held = faults.add(mine)
    faults.pick("x", 0, RNG)
    assert (mine.times, held.times, held.hits) == (3, 2, 1)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (None, None),
        ("", None),
        ("7", "7"),
        ("soon", "soon"),
        ("-3", "-3"),
        ("date+60", "Thu, 01 Jan 1970 00:01:00 GMT"),
    ],
)
def test_retry_after_comes_in_every_kind(text: str | None, header: str | None) -> None:
    assert Fault(FaultKind.RATE_LIMIT, retry_after=text).headers(0).get("retry-after") == header


def test_what_happens_to_the_answer() -> None:
    def after(kind: FaultKind) -> Reply:
        return distort(Reply(200, b"0123456789"), Fault(kind, delay_ms=40))

    assert after(FaultKind.DELAY) == Reply(200, b"0123456789", delay_ms=40)
    assert after(FaultKind.LOST_ANSWER).loss is Loss.AFTER
    assert after(FaultKind.TRUNCATED).body == b"01234"
    assert after(FaultKind.GARBAGE).status == 200
    assert after(FaultKind.GARBAGE).body.startswith(b"<html>")
    assert after(FaultKind.ERROR_AFTER).status == 504
    assert lost_before(Fault(FaultKind.RESET)).loss is Loss.BEFORE
    assert distort(Reply(201, b"x"), None) == Reply(201, b"x")


def test_faults_come_and_go_as_json() -> None:
    faults = Faults()
    held = faults.add_json({"kind": "rate_limit", "operation": "orders.search", "times": None, "retry_after": "2"})
    assert held.as_json()["kind"] == "rate_limit"
    assert faults.pick("orders.search", 0, RNG) is held
    with pytest.raises(ValueError, match="no_such_kind"):
        faults.add_json({"kind": "no_such_kind"})
    with pytest.raises(TypeError):
        faults.add_json({"kind": "reset", "colour": "red"})
