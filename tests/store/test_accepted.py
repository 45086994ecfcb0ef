"""The short way of writing an accepted delivery leaves the very row that the long way leaves, whatever came before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from store_bench import SETTLE_AFTER, Bench, change, finding, wanted

from daemon.core.lifecycle import State
from daemon.core.owed import Absent, Done, Owed
from daemon.core.verdicts import Retry, Unknown
from daemon.store import attempts
from daemon.store.outbox import Moved

SETTLE_MS = int(SETTLE_AFTER.total_seconds() * 1000)

Before = Callable[[Bench], Owed]


def first(bench: Bench) -> Owed:
    bench.stage(change(version=5), wanted("a"))
    return bench.claim_one()


def after_a_success(bench: Bench) -> Owed:
    bench.finish(first(bench), Done("a", remote_id="r1", result={"document": 1}, reason="sent"))
    bench.stage(change(version=6), wanted("b"))
    return bench.claim_one()


def after_a_failure(bench: Bench) -> Owed:
    bench.fail(first(bench), Retry("server_error"))
    bench.now_ms += 10_000
    bench.wake()
    return bench.claim_one()


def being_looked_up(bench: Bench) -> Owed:
    bench.fail(after_a_success(bench), Unknown("timeout"))
    bench.now_ms += SETTLE_MS
    bench.wake()
    return bench.claim_one()


def looked_up_and_absent(bench: Bench) -> Owed:
    bench.finish(being_looked_up(bench), Absent())
    return bench.claim_one()


def flagged(bench: Bench) -> Owed:
    bench.stage(change(version=5), wanted("a", findings=(finding("odd"),)))
    return bench.claim_one()


def newer_while_sending(bench: Bench) -> Owed:
    row = first(bench)
    bench.stage(change(version=7), wanted("b"))
    return row


def seen_again_while_sending(bench: Bench) -> Owed:
    row = first(bench)
    bench.stage(change(version=8), wanted("a", payload={"seen": "again"}))
    return row


def cancelled_while_sending(bench: Bench) -> Owed:
    row = first(bench)
    bench.stage(change(version=7), wanted("", State.DROPPED))
    return row


BEFORE: tuple[Before, ...] = (
    first,
    after_a_success,
    after_a_failure,
    being_looked_up,
    looked_up_and_absent,
    flagged,
    newer_while_sending,
    seen_again_while_sending,
    cancelled_while_sending,
)
OUTCOMES = (
    Done("a"),
    Done("a", remote_id="r2", reason="new", source_version=3),
    Done("c", payload={"fresh": "read"}, result={"document": 2}, source_version=9),
    Done("a", findings=(finding("late"),)),
    Done("a", hold_until_ms=1_900_000_000_000),
)


def everything(bench: Bench) -> list[Any]:
    tables = ("outbox", "exceptions", "tally")
    return [bench.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=range(len(OUTCOMES)))
@pytest.mark.parametrize("before", BEFORE, ids=lambda before: before.__name__)
def test_both_ways_leave_the_same_store(before: Before, outcome: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    def play() -> tuple[Moved, list[Any]]:
        bench = Bench()
        row = before(bench)
        bench.now_ms += 1_000
        return bench.finish(row, outcome), everything(bench)

    short = play()
    monkeypatch.setattr(attempts, "_accepted", lambda *_: None)
    assert short == play()


def test_the_short_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def long_way(*_: object) -> None:
        raise AssertionError("an accepted delivery without anything special read its row again")

    monkeypatch.setattr(attempts, "_now", long_way)
    bench = Bench()
    assert bench.finish(first(bench), Done("a", remote_id="r1")).after is State.DONE
