"""What a success makes us owe is staged with it: once where it says so, again where it asks for something new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from store_bench import SETTLE_AFTER, Bench, change, finding, wanted

from daemon.core.lifecycle import State
from daemon.core.owed import Done, Dropped, FollowUp
from daemon.core.verdicts import Unknown

TEXT = FollowUp("messages", "k1:text", {"kind": "TEXT"}, "TEXT", 5, once=True)
IDS = FollowUp("references", "k1", {"id": "p1"}, "p1", 5)


@pytest.fixture
def bench() -> Iterator[Bench]:
    found = Bench()
    yield found
    found.connection.close()


def succeed(bench: Bench, digest: str, *follow_ups: FollowUp) -> None:
    bench.stage(change(version=bench.now_ms, stamp=digest), wanted(digest))
    bench.finish(bench.claim_one(), Done(digest, follow_ups=follow_ups))


def test_it_stands_in_the_outbox_with_the_group_of_what_it_follows(bench: Bench) -> None:
    succeed(bench, "a", TEXT, IDS)
    row = bench.row("k1:text", "messages")
    assert (row.state, row.group, row.payload, row.changed_at_ms) == (State.READY, "k1", {"kind": "TEXT"}, 5)
    assert bench.row("k1", "references").digest == "p1"
    assert bench.tally() == bench.counted()


@pytest.mark.parametrize("way", ["with findings", "looked up"])
def test_every_way_of_a_success_takes_it_along(way: str, bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    row = bench.claim_one()
    if way == "looked up":
        bench.fail(row, Unknown("timeout"))
        bench.now_ms += int(SETTLE_AFTER.total_seconds() * 1000)
        bench.wake()
        row = bench.claim_one()
    findings = (finding("odd"),) if way == "with findings" else ()
    bench.finish(row, Done("a", findings=findings, follow_ups=(TEXT,)))
    assert bench.row("k1:text", "messages").state is State.READY


def test_what_is_owed_once_is_never_opened_again(bench: Bench) -> None:
    succeed(bench, "a", TEXT)
    bench.finish(bench.claim_one("messages"), Dropped("the order was cancelled"))
    bench.now_ms += 1
    succeed(bench, "b", TEXT, replace(TEXT, digest="OTHER"))
    assert bench.row("k1:text", "messages").state is State.DROPPED
    assert bench.claim(flow="messages") == []


def test_what_may_change_is_owed_again_only_when_it_did(bench: Bench) -> None:
    succeed(bench, "a", IDS)
    bench.finish(bench.claim_one("references"), Done("p1"))
    bench.now_ms += 1
    succeed(bench, "b", IDS)
    assert bench.row("k1", "references").state is State.DONE
    bench.now_ms += 1
    succeed(bench, "c", replace(IDS, digest="p2", payload={"id": "p2"}))
    assert bench.claim_one("references").payload == {"id": "p2"}


def test_it_waits_for_its_time(bench: Bench) -> None:
    succeed(bench, "a", replace(IDS, due_at_ms=bench.now_ms + 10))
    assert bench.claim(flow="references") == []
    bench.now_ms += 10
    bench.wake()
    assert bench.claim_one("references").digest == "p1"


def test_only_a_success_is_followed_by_anything(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    bench.finish(bench.claim_one(), Dropped("nothing"))
    bench.stage(change("k2", version=1), wanted("a"))
    bench.finish(bench.claim_one(), Done("a"))
    assert {flow for flow, _ in bench.tally()} == {"orders"}
