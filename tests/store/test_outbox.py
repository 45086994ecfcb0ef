"""The outbox, mechanism by mechanism: one example for every rule of design laws 1 to 3."""

from __future__ import annotations

from datetime import timedelta

import pytest
from store_bench import NOW_MS, SETTLE_AFTER, Bench, change, finding, wanted

from daemon.core.lifecycle import IllegalMove, State
from daemon.core.owed import Absent, Done, Dropped, Later, Refused
from daemon.core.verdicts import Failure, Reauth, Rejected, Retry, Throttled, Unknown
from daemon.store import attempts, outbox
from daemon.store.exceptions import Kind, open_exception

SECOND_MS = 1_000


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _in_the_dark(bench: Bench, newer: State | None = None) -> None:
    """A row `unknown`, due for its look-up; with `newer` a state staged while its call was under way."""
    bench.stage(change(version=1), wanted("a"))
    row = bench.claim_one()
    if newer is not None:
        due = bench.now_ms + 60 * SECOND_MS if newer is State.HELD else None
        bench.stage(change(version=2), wanted("b", newer, due_at_ms=due))
    bench.fail(row, Unknown("timeout"))
    bench.now_ms += SETTLE_AFTER // timedelta(milliseconds=1)
    assert bench.wake() == (1, None)


# staging


def test_a_newer_state_replaces_the_payload_and_raises_the_version(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    moved = bench.stage(change(version=2), wanted("b"))
    row = bench.row()
    assert (row.version, row.digest, row.payload, moved.changed) == (2, "b", {"digest": "b"}, True)


def test_an_older_record_and_the_same_record_are_no_news(bench: Bench) -> None:
    bench.stage(change(version=5, stamp="s"), wanted("a"))
    row = bench.row()
    assert not outbox.is_news(row, change(version=4, stamp="other"))
    assert not outbox.is_news(row, change(version=5, stamp="s"))
    assert outbox.is_news(row, change(version=5, stamp="other"))
    assert outbox.is_news(row, change(version=6, stamp="s"))
    assert outbox.is_news(None, change(version=0))


def test_a_back_off_goes_on_when_the_record_is_seen_again(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    bench.fail(bench.claim_one(), Retry("busy"))
    moved = bench.stage(change(version=2), wanted("a", payload={"facts": "younger"}, deadline_at_ms=NOW_MS + 9))
    row = bench.row()
    assert (moved.changed, row.due_at_ms, row.attempts) == (False, NOW_MS + 4_000, 1)
    assert (row.payload, row.deadline_at_ms, row.source_version) == ({"facts": "younger"}, NOW_MS + 9, 2)


def test_a_newer_state_under_way_does_not_cut_a_back_off_short(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    row = bench.claim_one()
    bench.stage(change(version=2), wanted("b"))
    moved = bench.fail(row, Retry("busy"))
    assert (moved.after, moved.due_at_ms, bench.row().attempts) == (State.READY, NOW_MS + 4_000, 0)


def test_what_the_other_side_accepted_is_not_sent_again(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    bench.finish(bench.claim_one(), Done("a", "r1"))
    assert not bench.stage(change(version=2), wanted("a")).changed
    assert bench.claim() == []
    assert bench.stage(change(version=3), wanted("b")).after is State.READY


def test_a_dropped_row_is_dropped_once_and_opened_by_a_newer_state(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("", State.DROPPED, reason="cancelled_unpaid"))
    assert not bench.stage(change(version=2), wanted("", State.DROPPED)).changed
    assert bench.row().reason == "cancelled_unpaid"
    assert bench.stage(change(version=3), wanted("a")).after is State.READY
    assert bench.claim_one().key == "k1"


def test_a_held_row_is_restaged_only_when_its_time_or_its_content_moves(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a", State.HELD, due_at_ms=NOW_MS + 10))
    assert not bench.stage(change(version=2), wanted("a", State.HELD, due_at_ms=NOW_MS + 10)).changed
    moved = bench.stage(change(version=3), wanted("a", State.HELD, due_at_ms=NOW_MS + 20))
    assert (moved.changed, moved.due_at_ms, bench.row().due_at_ms) == (True, NOW_MS + 20, NOW_MS + 20)


def test_a_ready_state_with_a_due_time_waits_for_it(bench: Bench) -> None:
    bench.stage(change(), wanted("a", due_at_ms=NOW_MS + 10))
    assert bench.claim() == []
    assert bench.wake() == (0, NOW_MS + 10)
    bench.now_ms += 10
    assert bench.wake() == (1, None)
    assert bench.claim_one().key == "k1"


# claiming


def test_the_nearest_deadline_goes_first_then_the_oldest_change(bench: Bench) -> None:
    bench.stage(change("late", at_ms=NOW_MS), wanted("a", deadline_at_ms=NOW_MS + 50))
    bench.stage(change("soon", at_ms=NOW_MS), wanted("a", deadline_at_ms=NOW_MS + 20))
    bench.stage(change("young", at_ms=NOW_MS + 9), wanted("a"))
    bench.stage(change("old", at_ms=NOW_MS - 9), wanted("a"))
    assert [one.row.key for one in bench.claim()] == ["soon", "late", "old", "young"]


def test_one_of_a_group_at_a_time_across_claims_and_flows(bench: Bench) -> None:
    bench.stage(change("order", group="g"), wanted("a"), "orders")
    bench.stage(change("f1", group="g"), wanted("a"), "fulfillments")
    bench.stage(change("f2", group="g"), wanted("a"), "fulfillments")
    bench.stage(change("f3", group="h"), wanted("a"), "fulfillments")
    assert [one.row.key for one in bench.claim(flow="fulfillments")] == ["f1", "f3"]
    assert bench.claim(flow="fulfillments") == []
    assert bench.claim(flow="orders") == []
    bench.finish(bench.row("f1", "fulfillments"), Done("a"))
    assert [one.row.key for one in bench.claim(flow="orders")] == ["order"]
    assert bench.claim(flow="fulfillments") == []


def test_a_claimed_row_is_sending_on_disk_and_its_intent_with_it(bench: Bench) -> None:
    bench.stage(change(), wanted("a"))
    row = bench.claim_one()
    bench.do(lambda tx: outbox.intend(tx, row.id, {"unit_ids": ["1"]}, NOW_MS))
    now = bench.row()
    assert (now.state, now.intent) == (State.SENDING, {"unit_ids": ["1"]})


# the end of an attempt


def test_a_send_that_ends_on_an_older_version_leaves_the_newer_to_be_sent(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    row = bench.claim_one()
    bench.stage(change(version=2), wanted("b"))
    moved = bench.finish(row, Done("a", "r1", result={"said": "ok"}))
    now = bench.row()
    assert (moved.after, now.digest, now.accepted_digest, now.remote_id) == (State.READY, "b", "a", "r1")
    assert now.result == {"said": "ok"}
    assert bench.claim_one().payload == {"digest": "b"}


def test_a_fresh_read_of_the_attempt_wins_over_an_older_staged_state(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    row = bench.claim_one()
    bench.stage(change(version=2), wanted("b"))
    moved = bench.finish(row, Done("c", payload={"digest": "c"}, source_version=3))
    assert (moved.after, bench.row().payload, bench.row().source_version) == (State.DONE, {"digest": "c"}, 3)


def test_a_hold_survives_a_newer_state_that_says_the_same(bench: Bench) -> None:
    """The poller reads the order while its delivery reads it, too; the time of its release must not be forgotten."""
    bench.stage(change(version=1), wanted("a"))
    row = bench.claim_one()
    bench.stage(change(version=2), wanted("b"))
    moved = bench.finish(row, Done("b", source_version=2, hold_until_ms=NOW_MS + 60))
    assert (moved.after, moved.due_at_ms) == (State.HELD, NOW_MS + 60)
    assert bench.row().due_at_ms == NOW_MS + 60


def test_a_newer_hold_under_way_keeps_its_due_time(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    row = bench.claim_one()
    bench.stage(change(version=2), wanted("b", State.HELD, due_at_ms=NOW_MS + 99))
    assert bench.finish(row, Done("a")).due_at_ms == NOW_MS + 99
    assert bench.row().state is State.HELD


def test_a_newer_drop_under_way_drops_what_was_not_sent_and_leaves_what_was(bench: Bench) -> None:
    for key, outcome, state in (("k1", Done("a"), State.DONE), ("k2", Later(NOW_MS + 5, "no"), State.DROPPED)):
        bench.stage(change(key, version=1), wanted("a"))
        row = bench.claim_one()
        bench.stage(change(key, version=2), wanted("", State.DROPPED))
        assert bench.finish(row, outcome).after is state
    assert bench.wake() == (0, None)


def test_what_was_accepted_stays_so_when_the_record_takes_its_drop_back(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    row = bench.claim_one()
    bench.stage(change(version=2), wanted("", State.DROPPED))
    bench.finish(row, Done("a"))
    assert not bench.stage(change(version=3), wanted("a")).changed
    assert bench.claim() == []


def test_done_can_hold_and_come_back(bench: Bench) -> None:
    bench.stage(change(), wanted("a"))
    bench.finish(bench.claim_one(), Done("a", hold_until_ms=NOW_MS + 60))
    bench.now_ms += 60
    assert bench.wake() == (1, None)
    assert bench.claim_one().accepted_digest == "a"


@pytest.mark.parametrize(
    ("verdict", "state", "wait_ms", "counted"),
    [
        (Retry("busy"), State.READY, 4_000, 1),
        (Retry("busy", after=timedelta(seconds=9)), State.READY, 9_000, 1),
        (Retry("busy", after=timedelta(seconds=1)), State.READY, 4_000, 1),
        (Throttled("slow"), State.READY, 4_000, 0),
        (Throttled("slow", after=timedelta(seconds=30)), State.READY, 30_000, 0),
        (Reauth("expired"), State.READY, 4_000, 0),
        (Unknown("timeout"), State.UNKNOWN, 2_000, 1),
        (Rejected("never"), State.DEAD, None, 0),
        (Retry("odd", tries=1), State.DEAD, None, 1),
    ],
)
def test_what_follows_a_verdict(
    bench: Bench, verdict: Failure, state: State, wait_ms: int | None, counted: int
) -> None:
    bench.stage(change(), wanted("a"))
    moved = bench.fail(bench.claim_one(), verdict, "the text")
    row = bench.row()
    assert (moved.after, row.state, row.attempts) == (state, state, counted)
    assert row.due_at_ms == (None if wait_ms is None else NOW_MS + wait_ms)
    assert "the text" in row.reason
    assert bench.open_exceptions() == ({verdict.code: "send"} if state is State.DEAD else {})


def test_a_bounded_retry_dies_after_its_tries_and_says_how_many(bench: Bench) -> None:
    bench.stage(change(), wanted("a"))
    for tried in (1, 2, 3):
        moved = bench.fail(bench.claim_one(), Retry("odd", tries=3), "what?")
        assert moved.after is (State.DEAD if tried == 3 else State.READY)
        bench.now_ms += 10_000
        bench.wake()
    assert bench.row().reason == "what?; given up after 3 attempts"


def test_what_an_outage_cost_is_not_counted_against_a_code_that_nobody_knows(bench: Bench) -> None:
    bench.stage(change(), wanted("a"))
    outage: list[Failure] = [Retry("http_503"), Unknown("timeout")] * 3
    for verdict in (*outage, Retry("odd", tries=3), Retry("odd", tries=3)):
        if bench.row().state is State.UNKNOWN:
            bench.finish(bench.claim_one(), Absent())
        assert bench.fail(bench.claim_one(), verdict, "what?").after is not State.DEAD
        bench.now_ms += 100_000
        bench.wake()
    assert bench.fail(bench.claim_one(), Retry("odd", tries=3), "what?").after is State.DEAD


# in the dark


def test_what_ended_in_the_dark_is_looked_up_and_then_sent_again(bench: Bench) -> None:
    _in_the_dark(bench)
    [claimed] = bench.claim()
    assert claimed.settling
    assert bench.finish(claimed.row, Absent("r-other")).after is State.READY
    [claimed] = bench.claim()
    assert (claimed.settling, claimed.row.remote_id) == (False, "r-other")


def test_a_failed_look_up_is_a_look_up_again(bench: Bench) -> None:
    _in_the_dark(bench)
    for verdict in (Retry("busy"), Throttled("slow"), Reauth("expired"), Unknown("timeout")):
        [claimed] = bench.claim()
        assert claimed.settling
        assert bench.fail(claimed.row, verdict).after is State.UNKNOWN
        assert bench.claim() == []
        bench.now_ms += 100_000
        bench.wake()


def test_a_newer_state_outlives_a_call_that_ended_in_the_dark(bench: Bench) -> None:
    _in_the_dark(bench, State.READY)
    [claimed] = bench.claim()
    moved = bench.finish(claimed.row, Done("a", "r1"))
    assert moved.after is State.READY, "b was never sent"
    row = bench.claim_one()
    assert (row.digest, row.accepted_digest, row.remote_id) == ("b", "a", "r1")


def test_a_newer_hold_outlives_a_call_that_ended_in_the_dark(bench: Bench) -> None:
    _in_the_dark(bench, State.HELD)
    [claimed] = bench.claim()
    assert bench.finish(claimed.row, Absent()).after is State.HELD
    assert bench.row().due_at_ms == NOW_MS + 60 * SECOND_MS


def test_a_newer_drop_outlives_a_call_that_ended_in_the_dark(bench: Bench) -> None:
    _in_the_dark(bench, State.DROPPED)
    [claimed] = bench.claim()
    assert bench.finish(claimed.row, Absent()).after is State.DROPPED


def test_a_record_may_ask_for_nothing_while_the_look_up_is_due(bench: Bench) -> None:
    _in_the_dark(bench)
    moved = bench.stage(change(version=2), wanted("", State.DROPPED))
    assert (moved.before, moved.after) == (State.UNKNOWN, State.UNKNOWN)
    [claimed] = bench.claim()
    assert bench.finish(claimed.row, Done("a")).after is State.DONE


def test_after_a_crash_what_was_under_way_is_looked_up(bench: Bench) -> None:
    bench.stage(change("sent"), wanted("a"))
    bench.stage(change("waiting"), wanted("a"))
    assert bench.claim(1)
    assert bench.do(outbox.recover) == [("orders", "sent", "sent")]
    assert {one.row.key: one.settling for one in bench.claim()} == {"sent": True, "waiting": False}
    assert bench.do(outbox.recover) != []
    assert bench.tally() == bench.counted() == {("orders", "unknown"): 2}


# exceptions


def test_a_send_exception_is_counted_and_closed_by_the_next_success(bench: Bench) -> None:
    bench.stage(change(), wanted("a"))
    for _ in range(3):
        bench.finish(bench.claim_one(), Later(bench.now_ms + 1, "not shown", code="order_not_shown"))
        bench.now_ms += 1
        bench.wake()
    assert bench.rows("SELECT times FROM exceptions") == [(3,)]
    assert bench.tally()["exception:orders", "order_not_shown"] == 1
    bench.finish(bench.claim_one(), Done("a"))
    assert bench.open_exceptions() == {}
    assert bench.rows("SELECT closed_by FROM exceptions") == [("delivered",)]
    assert ("exception:orders", "order_not_shown") not in bench.tally()


def test_a_refusal_closes_what_earlier_attempts_complained_about(bench: Bench) -> None:
    bench.stage(change(), wanted("a", findings=(finding("sku_missing"),)))
    bench.finish(bench.claim_one(), Later(NOW_MS + 1, "not shown", code="order_not_shown"))
    bench.now_ms += 1
    bench.wake()
    bench.finish(bench.claim_one(), Refused("bad_sku", "no"))
    assert bench.open_exceptions() == {"sku_missing": "finding", "bad_sku": "send"}


def test_a_finding_closes_with_the_reading_that_no_longer_shows_it(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a", findings=(finding("sku_missing"), finding("edited", lasting=True))))
    bench.stage(change(version=2), wanted("b", findings=(finding("sku_missing"),)))
    assert bench.open_exceptions() == {"sku_missing": "finding", "edited": "event"}
    bench.stage(change(version=3), wanted("b"))
    assert bench.open_exceptions() == {"edited": "event"}


def test_a_finding_of_a_record_that_asks_for_nothing_new_closes_as_well(bench: Bench) -> None:
    bench.stage(change(version=1), wanted("a"))
    assert not bench.stage(change(version=2), wanted("a", findings=(finding("sku_missing"),))).changed
    assert bench.open_exceptions() == {"sku_missing": "finding"}
    bench.stage(change(version=3), wanted("a"))
    assert bench.open_exceptions() == {}


def test_a_refusal_closes_when_nothing_is_owed_any_more(bench: Bench) -> None:
    for key in ("k1", "k2"):
        bench.stage(change(key, version=1), wanted("a"))
    first, second = bench.claim()
    bench.finish(first.row, Refused("bad_sku", "no"))
    bench.stage(change("k2", version=2), wanted("", State.DROPPED))
    bench.finish(second.row, Refused("bad_sku", "no"))
    assert (bench.row("k1").state, bench.row("k2").state) == (State.DEAD, State.DROPPED)
    assert bench.open_exceptions(key="k2") == {}
    bench.stage(change("k1", version=2), wanted("", State.DROPPED))
    assert bench.open_exceptions(key="k1") == {}
    bench.stage(change("k1", version=3), wanted("b"))
    bench.finish(bench.claim_one(), Dropped("needless"))
    assert bench.row("k1").state is State.DROPPED


def test_a_success_keeps_lasting_findings_and_shows_its_own(bench: Bench) -> None:
    bench.stage(change(), wanted("a", findings=(finding("total_mismatch"),)))
    bench.finish(bench.claim_one(), Done("a", findings=(finding("further_numbers", lasting=True),)))
    assert bench.open_exceptions() == {"further_numbers": "event"}
    bench.stage(change(version=2), wanted("b"))
    bench.finish(bench.claim_one(), Done("b"))
    assert bench.open_exceptions() == {"further_numbers": "event"}


# the operator


def test_an_operator_retries_dead_and_waiting_rows_only(bench: Bench) -> None:
    bench.stage(change("dead"), wanted("a"))
    bench.finish(bench.claim_one(), Refused("bad_sku", "no"))
    bench.stage(change("waiting"), wanted("a"))
    bench.fail(bench.claim_one(), Retry("busy"))
    bench.stage(change("held"), wanted("a", State.HELD, due_at_ms=NOW_MS + 5))
    answers = {
        key: bench.do(lambda tx, key=key: outbox.retry(tx, "orders", key, NOW_MS))
        for key in ("dead", "waiting", "held", "nobody")
    }
    assert answers == {"dead": True, "waiting": True, "held": False, "nobody": False}
    assert {one.row.key for one in bench.claim()} == {"dead", "waiting"}
    assert bench.row("waiting").attempts == 0
    assert bench.open_exceptions(key="dead") == {"bad_sku": "send"}, "closed by the success, not by the retry"


def test_an_operator_dismisses_and_the_note_stays(bench: Bench) -> None:
    bench.stage(change(), wanted("a"))
    bench.finish(bench.claim_one(), Refused("bad_sku", "no"))
    bench.do(lambda tx: open_exception(tx, "orders", "k1", "k1", finding("edited"), NOW_MS, Kind.EVENT))
    codes = bench.do(lambda tx: outbox.dismiss(tx, "orders", "k1", "customer informed", NOW_MS, "ana"))
    assert sorted(codes) == ["bad_sku", "edited"]
    assert (bench.row().state, bench.row().reason) == (State.DROPPED, "dismissed: customer informed")
    assert bench.rows("SELECT DISTINCT closed_by, note FROM exceptions") == [("ana", "customer informed")]
    assert bench.tally() == bench.counted() == {("orders", "dropped"): 1}


def test_an_outcome_the_table_does_not_know_changes_nothing(bench: Bench) -> None:
    _in_the_dark(bench)
    [claimed] = bench.claim()
    with pytest.raises(IllegalMove):
        bench.do(lambda tx: attempts.finish(tx, claimed.row, Later(NOW_MS, "held", held=True), NOW_MS))
    assert bench.row().state is State.UNKNOWN
    assert bench.tally() == bench.counted()


def test_rows_are_found_by_their_id_on_the_other_side(bench: Bench) -> None:
    bench.stage(change("k1"), wanted("a"))
    bench.stage(change("k2"), wanted("a"))
    bench.finish(bench.claim_one(), Done("a", "r1"))
    found = bench.do(lambda tx: outbox.find_by_remote(tx, "orders", "r1"))
    assert found is not None
    assert found.key == "k1"
    assert bench.do(lambda tx: outbox.find_by_remote(tx, "fulfillments", "r1")) is None
    assert bench.do(lambda tx: outbox.find_by_remote(tx, "orders", "")) is None
    assert [row.key for row in bench.do(lambda tx: outbox.group_of(tx, "k2", "orders"))] == ["k2"]


# flows that are switched off


def test_what_waits_in_a_flow_that_is_off_is_dropped_a_few_at_a_time_and_the_rest_is_left_alone(bench: Bench) -> None:
    _in_the_dark(bench, State.HELD)
    bench.stage(change("held"), wanted("a", State.HELD, due_at_ms=bench.now_ms + SECOND_MS))
    for key in ("refused", "done", "asked"):
        bench.stage(change(key), wanted("a"))
    in_doubt, *_, asked = bench.claim()
    for claimed in (in_doubt, asked):
        if claimed.row.key == "asked":
            bench.finish(claimed.row, Later(bench.now_ms + 1, "not shown", code="order_not_shown"))
    bench.do(outbox.recover)
    for claimed in bench.claim():
        if claimed.row.key == "refused":
            bench.fail(claimed.row, Rejected("refused"))
        elif claimed.row.key == "done":
            bench.finish(claimed.row, Done("a"))
    bench.do(outbox.recover)
    bench.stage(change("k1"), wanted("a"), flow="fulfillments")

    def drop() -> int:
        return bench.do(lambda tx: outbox.drop_waiting(tx, "orders", "switched off (X)", bench.now_ms, 2))

    assert [drop(), drop(), drop()] == [2, 1, 0]
    states = dict(bench.rows("SELECT key, state FROM outbox WHERE flow = 'orders'"))
    assert states == {"k1": "dropped", "held": "dropped", "asked": "dropped", "refused": "dead", "done": "done"}
    assert bench.row("held").reason == "switched off (X)"
    assert "not known" in bench.row("k1").reason
    assert bench.open_exceptions(key="asked") == {}
    assert bench.open_exceptions(key="refused") == {"refused": "send"}
    assert bench.row("k1", "fulfillments").state is State.READY
    assert bench.tally() == bench.counted()
    assert bench.rows("SELECT count(*) FROM journal WHERE event = 'dropped'") == [(3,)]
    assert bench.wake() == (0, None)
