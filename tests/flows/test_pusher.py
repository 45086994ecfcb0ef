"""Sending: what follows an attempt, who may send beside whom, due times, refusals and stops."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from house import NOW_MS, FakeFlow, House, Scripted, absent, change, error, in_house

from daemon.core.lifecycle import State
from daemon.core.owed import Done, Dropped, Later, Outcome, Refused
from daemon.core.reading import BadShape
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Reauth, Rejected, Retry, Throttled, Unknown
from daemon.flows.flow import Attempt
from daemon.store import outbox


def test_what_is_ready_is_sent_once_and_observed(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        await house.stage(*(change(f"k{n}") for n in range(20)))
        await house.run_for(5)
        assert sorted(house.flows[0].keys_sent) == sorted(f"k{n}" for n in range(20))
        assert house.counts.records == {("orders", "delivered"): 20}
        row = await house.row("k3")
        assert (row.state, row.remote_id, row.accepted_digest) == (State.DONE, "r-k3", "a")
        assert await house.events("k3") == ["wanted", "accepted"]

    in_house(tmp_path, test)


def test_never_more_at_once_than_the_flow_allows(tmp_path: Path) -> None:
    async def slow(attempt: Attempt) -> Outcome:
        await anyio.sleep(1)
        return Done("a")

    async def test(house: House) -> None:
        house.flows[0].delivery = slow
        await house.stage(*(change(f"k{n}") for n in range(10)))
        await house.run_for(2.5)
        assert house.flows[0].widest == 3
        assert len(house.flows[0].sent) == 9

    in_house(tmp_path, test, FakeFlow(concurrency=3))


def test_one_attempt_per_group_at_a_time_also_across_flows(tmp_path: Path) -> None:
    async def slow(attempt: Attempt) -> Outcome:
        key = attempt.row.key
        assert not busy
        busy.add(key)
        await anyio.sleep(1)
        busy.remove(key)
        return Done("a")

    busy: set[str] = set()

    async def test(house: House) -> None:
        for number, flow in enumerate(house.flows):
            flow.delivery = slow
            await house.stage(*(change(f"{flow.name}{n}", group="g") for n in range(3)), flow=number)
        await house.run_for(6.5)
        assert [len(flow.sent) for flow in house.flows] == [3, 3], "nobody waits for a bell that does not ring"
        assert {state for (state,) in await house.rows("SELECT state FROM outbox")} == {"done"}

    in_house(tmp_path, test, FakeFlow("orders"), FakeFlow("fulfillments"))


def test_a_full_group_does_not_keep_others_waiting(tmp_path: Path) -> None:
    async def slow(attempt: Attempt) -> Outcome:
        await anyio.sleep(100 if attempt.row.group == "g" else 0)
        return Done("a")

    async def test(house: House) -> None:
        house.flows[0].delivery = slow
        await house.stage(*(change(f"g{n}", group="g") for n in range(8)), change("other"))
        await house.run_for(1)
        assert set(house.flows[0].keys_sent) == {"g0", "other"}

    in_house(tmp_path, test)


def test_a_due_time_is_kept_to_the_millisecond(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        due = {"soon": 10_000, "late": 4_000_000, "later": 4_000_001}
        await house.stage(*(change(key, state="held", due_at_ms=NOW_MS + ms) for key, ms in due.items()))
        await house.run_for(5_000)
        assert {key: at - NOW_MS for at, key, _ in house.flows[0].sent} == due

    in_house(tmp_path, test)


def test_a_nearer_due_time_shortens_the_sleep(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        async with anyio.create_task_group() as group:
            house.start(group)
            await house.stage(change("far", state="held", due_at_ms=NOW_MS + 50_000))
            await anyio.sleep(1)
            await house.stage(change("near", state="held", due_at_ms=NOW_MS + 3_000))
            await anyio.sleep(60)
            group.cancel_scope.cancel()
        assert [(at - NOW_MS, key) for at, key, _ in house.flows[0].sent] == [(3_000, "near"), (50_000, "far")]

    in_house(tmp_path, test)


def test_a_hold_whose_end_moves_is_released_at_the_new_one(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        await house.stage(change("a", version=1, state="held", due_at_ms=NOW_MS + 5_000))
        await house.stage(change("a", version=2, state="held", due_at_ms=NOW_MS + 9_000))
        await house.run_for(30)
        assert [at - NOW_MS for at, _, _ in house.flows[0].sent] == [9_000]

    in_house(tmp_path, test)


def test_a_failure_is_tried_again_later_and_later(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        house.flows[0].delivery = Scripted(*[error(Retry("busy"), status=500)] * 4)
        await house.stage(change("a"))
        await house.run_for(120)
        instants = [at for at, _, _ in house.flows[0].sent]
        waits = [later - earlier for earlier, later in pairwise(instants)]
        assert len(waits) == 4
        assert all(base * 1_000 <= wait <= base * 1_500 for base, wait in zip((1, 2, 4, 8), waits, strict=True)), waits
        assert (await house.row("a")).state is State.DONE
        assert house.flows[0].looked_up == []

    in_house(tmp_path, test)


def test_a_throttled_row_waits_as_asked_and_nothing_is_counted(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        house.flows[0].delivery = Scripted(*[error(Throttled("slow", timedelta(seconds=30)), status=429)] * 3)
        await house.stage(change("a"))
        await house.run_for(89)
        assert [at - NOW_MS for at, _, _ in house.flows[0].sent] == [0, 30_000, 60_000]
        assert (await house.row("a")).attempts == 0

    in_house(tmp_path, test)


@pytest.mark.parametrize(
    "problem", [error(Unknown("timeout"), status=0), RuntimeError("ours")], ids=["no_answer", "our_bug"]
)
@pytest.mark.parametrize("found", [True, False])
def test_what_ended_in_the_dark_is_looked_up_before_it_is_sent_again(
    tmp_path: Path, problem: Exception, found: bool
) -> None:
    async def test(house: House) -> None:
        flow = house.flows[0]
        flow.delivery = Scripted(problem)
        if not found:
            flow.settled = absent
        await house.stage(change("a"))
        await house.run_for(20)
        assert flow.looked_up == ["a"]
        assert len(flow.sent) == (1 if found else 2)
        assert (await house.row("a")).state is State.DONE

    in_house(tmp_path, test)


def test_a_bug_of_ours_dies_after_some_tries_and_is_shown(tmp_path: Path) -> None:
    async def broken(attempt: Attempt) -> Outcome:
        raise RuntimeError("secret-canary")

    async def test(house: House) -> None:
        house.flows[0].delivery = broken
        house.flows[0].settled = absent
        await house.stage(change("a"), change("b"))
        await house.run_for(600)
        row = await house.row("a")
        assert row.state is State.DEAD
        assert "secret-canary" not in row.reason
        assert ("a", "internal_error") in await house.open_exceptions()
        assert house.counts.records == {("orders", "failed"): 2}
        assert len([key for key in house.flows[0].keys_sent if key == "a"]) <= UNKNOWN_CODE_TRIES

    in_house(tmp_path, test)


def test_an_answer_that_makes_no_sense_is_tried_a_few_times(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        house.flows[0].delivery = Scripted(*[BadShape("orderId", "is missing")] * 9)
        await house.stage(change("a"))
        await house.run_for(600)
        assert len(house.flows[0].sent) == UNKNOWN_CODE_TRIES
        assert await house.open_exceptions() == {("a", "malformed_answer")}

    in_house(tmp_path, test)


@pytest.mark.parametrize(
    ("outcome", "state", "counted"),
    [
        (Done("a", unchanged=True), State.DONE, {("orders", "unchanged"): 1}),
        (Dropped("needless"), State.DROPPED, {("orders", "dropped"): 1}),
        (Refused("bad_sku", "no"), State.DEAD, {("orders", "failed"): 1}),
        (error(Rejected("bad_sku")), State.DEAD, {("orders", "failed"): 1}),
        (Later(NOW_MS + 10**9, "waits"), State.READY, {}),
        (Later(NOW_MS + 10**9, "waits", held=True), State.HELD, {}),
    ],
)
def test_what_an_outcome_leaves_behind(
    tmp_path: Path, outcome: Outcome | Exception, state: State, counted: dict[tuple[str, str], int]
) -> None:
    async def test(house: House) -> None:
        house.flows[0].delivery = Scripted(outcome)
        await house.stage(change("a"))
        await house.run_for(5)
        assert (await house.row("a")).state is state
        assert house.counts.records == counted
        assert (await house.open_exceptions() == {("a", "bad_sku")}) == (state is State.DEAD)
        assert len(house.flows[0].sent) == 1

    in_house(tmp_path, test)


def test_a_newer_state_during_a_call_is_sent_after_it(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        house.flows[0].delivery = Scripted(5.0)
        async with anyio.create_task_group() as group:
            house.start(group)
            await house.stage(change("a", version=1, digest="old"))
            await anyio.sleep(1)
            await house.stage(change("a", version=2, digest="new"))
            await anyio.sleep(10)
            group.cancel_scope.cancel()
        assert [(at - NOW_MS, payload["digest"]) for at, _, payload in house.flows[0].sent] == [
            (0, "old"),
            (5_000, "new"),
        ]
        assert (await house.row("a")).accepted_digest == "new"

    in_house(tmp_path, test)


# refusals


@pytest.mark.parametrize("system", ["tiktok", "pipe17"])
def test_a_refusal_pauses_sends_counts_nothing_and_everything_goes_out_once_after_it(
    tmp_path: Path, system: str
) -> None:
    async def test(house: House) -> None:
        refusal = error(Reauth("expired"), system=system, status=401)
        house.refusals[system] = refusal
        flow = house.flows[0]
        flow.delivery = Scripted(refusal, refusal)
        async with anyio.create_task_group() as group:
            group.start_soon(house.connections.run)
            await anyio.lowlevel.checkpoint()
            await house.stage(change("a"))
            house.start(group)
            await anyio.sleep(600)
            assert house.connections.refusals
            assert len(flow.sent) <= 1
            assert (await house.row("a")).attempts == 0
            assert (system, f"{system}_expired") in await house.open_exceptions()
            flow.delivery = Scripted()
            sent = len(flow.sent)
            house.refusals.clear()
            await anyio.sleep(70)
            assert len(flow.sent) == sent + 1
            assert (await house.row("a")).state is State.DONE
            assert await house.open_exceptions() == set()
            group.cancel_scope.cancel()
        assert house.probes[system] <= 14, "probed about once a minute"

    in_house(tmp_path, test)


def test_sends_go_on_only_when_neither_side_refuses(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        for system in ("tiktok", "pipe17"):
            await house.connections.fail(error(Reauth("key"), system=system, status=401), refused=True)
        with anyio.move_on_after(5) as waited:
            await house.connections.accept("tiktok")
            await house.connections.opened()
        assert waited.cancelled_caught
        await house.connections.accept("pipe17")
        with anyio.fail_after(1):
            await house.connections.opened()
        assert await house.open_exceptions() == set()

    in_house(tmp_path, test)


def test_no_answer_is_not_a_refusal_and_does_not_hide_one(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        await house.connections.fail(error(Retry("no_answer"), status=0), refused=False)
        assert (house.connections.state("tiktok").state, house.connections.refusals) == ("unreachable", [])
        await house.connections.fail(error(Reauth("revoked"), status=401), refused=True)
        await house.connections.fail(error(Retry("no_answer"), status=0), refused=False)
        assert house.connections.state("tiktok").state == "refused"
        assert "connect" in house.connections.state("tiktok").text

    in_house(tmp_path, test)


def test_a_pusher_that_waits_for_a_refused_side_stops_at_once(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        await house.connections.fail(error(Reauth("key"), status=401), refused=True)
        with anyio.fail_after(30):
            await house.run_for(1)
        assert house.flows[0].sent == []

    in_house(tmp_path, test)


# stopping


def test_a_stop_gives_the_calls_under_way_their_time_and_claims_nothing_more(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        house.flows[0].delivery = Scripted(5.0)
        await house.stage(change("a"), change("b"))
        started = house.clock.now_ms()
        await house.run_for(1)
        assert house.clock.now_ms() - started == 5_000
        assert [(await house.row(key)).state for key in "ab"] == [State.DONE, State.READY]

    in_house(tmp_path, test, FakeFlow(concurrency=1))


def test_a_call_that_outlasts_the_stop_is_looked_up_after_the_next_start(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        flow = house.flows[0]
        flow.delivery = Scripted(500.0)
        await house.stage(change("a"))
        started = house.clock.now_ms()
        await house.run_for(1)
        assert house.clock.now_ms() - started == 13_000
        assert (await house.row("a")).state is State.SENDING
        assert await house.database.write(outbox.recover) == [("orders", "a", "a")]
        flow.delivery = Scripted()
        await house.engine.connections.accept("tiktok")
        again = House.__new__(House)
        again.__dict__ = {**house.__dict__}
        again.pushers = [type(house.pushers[0])(house.engine, flow)]
        await again.run_for(10)
        assert flow.looked_up == ["a"]
        assert len(flow.sent) == 1
        assert (await house.row("a")).state is State.DONE

    in_house(tmp_path, test)


def test_an_intent_is_on_disk_before_the_call_and_seen_by_the_neighbours(tmp_path: Path) -> None:
    seen: list[object] = []

    async def deliver(attempt: Attempt) -> Outcome:
        await attempt.intend({"unit_ids": [attempt.row.key]})
        await attempt.note("looked", "at it")
        seen.append([row.intent for row in await attempt.neighbours("orders")])
        assert attempt.row.intent == {"unit_ids": [attempt.row.key]}
        return Done("a")

    async def test(house: House) -> None:
        house.flows[0].delivery = deliver
        await house.stage(change("a", group="g"), change("b", group="g"))
        await house.run_for(5)
        assert seen == [[{"unit_ids": ["a"]}, None], [{"unit_ids": ["a"]}, {"unit_ids": ["b"]}]]
        assert await house.events("a") == ["wanted", "looked", "accepted"]

    in_house(tmp_path, test)


def test_a_missing_scope_holds_up_only_what_needs_it_and_hammers_nobody(tmp_path: Path) -> None:
    async def needs_scope(attempt: Attempt) -> Outcome:
        if attempt.row.key == "needs":
            raise error(Reauth("scope"), status=403)
        return Done("a")

    async def test(house: House) -> None:
        house.flows[0].delivery = needs_scope
        await house.stage(change("needs"), change("other"))
        await house.run_for(600)
        assert (await house.row("other")).state is State.DONE
        assert (await house.row("needs")).state is State.READY
        assert (await house.row("needs")).attempts == 0
        assert house.flows[0].keys_sent.count("needs") <= 15

    in_house(tmp_path, test)
