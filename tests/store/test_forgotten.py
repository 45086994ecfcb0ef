"""What TikTok accepted is forgotten while a send is under way: its success does not count, it goes once more."""

from __future__ import annotations

import pytest
from store_bench import SETTLE_AFTER, Bench, change, wanted

from daemon.core.lifecycle import State
from daemon.core.owed import Absent, Done, Later, Owed, Settled
from daemon.core.verdicts import Unknown


def forget(bench: Bench) -> None:
    bench.do(lambda tx: tx.run("stock_accepted_forget", ("orders", "k1")))


def sending(bench: Bench) -> Owed:
    bench.stage(change(), wanted("a"))
    return bench.claim_one()


def looked_up(bench: Bench) -> Owed:
    bench.fail(sending(bench), Unknown("timeout"))
    bench.now_ms += int(SETTLE_AFTER.total_seconds() * 1000)
    bench.wake()
    return bench.claim_one()


@pytest.mark.parametrize("begin", [sending, looked_up], ids=lambda begin: begin.__name__)
@pytest.mark.parametrize("restaged", [False, True], ids=["untouched", "worked out again"])
def test_a_success_that_was_under_way_leaves_the_row_ready(begin: object, *, restaged: bool) -> None:
    bench = Bench()
    row = begin(bench)  # type: ignore[operator]
    forget(bench)
    if restaged:
        bench.stage(change(version=2), wanted("a"))
    bench.finish(row, Done("a", "r1", result={"sent": 1}))
    assert bench.row().state is State.READY
    assert bench.row().accepted_digest == ""
    assert bench.row().result == {"sent": 1}
    bench.finish(bench.claim_one(), Done("a", "r1"))
    assert (bench.row().state, bench.row().accepted_digest) == (State.DONE, "a")
    assert bench.claim() == []


@pytest.mark.parametrize("other", [Absent(), Later(9_999_999_999_999, "wait")], ids=lambda one: type(one).__name__)
def test_any_other_end_goes_once_more_as_ever(other: Settled | Later) -> None:
    bench = Bench()
    row = looked_up(bench) if isinstance(other, Absent) else sending(bench)
    forget(bench)
    bench.finish(row, other)
    assert bench.row().state is State.READY


def test_a_newer_state_meanwhile_is_what_goes() -> None:
    bench = Bench()
    row = sending(bench)
    forget(bench)
    bench.stage(change(version=2), wanted("b"))
    bench.finish(row, Done("a"))
    again = bench.claim_one()
    assert again.payload == {"digest": "b"}
    bench.finish(again, Done("b"))
    assert (bench.row().state, bench.row().accepted_digest) == (State.DONE, "b")


def test_what_came_to_rest_before_is_worked_out_again() -> None:
    bench = Bench()
    bench.finish(sending(bench), Done("a"))
    forget(bench)
    assert (bench.row().state, bench.row().accepted_digest) == (State.DONE, "")
    bench.stage(change(version=2), wanted("a"))
    assert bench.row().state is State.READY
