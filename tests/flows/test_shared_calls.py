"""Rows of a group that share a call: claimed together, one outcome each, one look-up after a lost answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
from house import NOW_MS, FakeFlow, House, absent, change, error, in_house

from daemon.core.lifecycle import State
from daemon.core.owed import Done, Failed, Later, Outcome, Refused, Settled
from daemon.core.verdicts import Rejected, Retry, Unknown
from daemon.flows.flow import Attempt


class Shelves(FakeFlow):
    """A flow whose calls take several rows; `answers` are what one call after the other ends with."""

    batch = 3

    def __init__(self, *answers: dict[str, Outcome | Failed] | Exception) -> None:
        super().__init__("inventory")
        self.answers = list(answers)
        self.calls: list[list[str]] = []
        self.look_ups: list[list[str]] = []
        self.takes_s = 0.0

    async def deliver_together(self, attempts: Sequence[Attempt]) -> Sequence[Outcome | Failed]:
        keys = [attempt.row.key for attempt in attempts]
        self.calls.append(keys)
        await anyio.sleep(self.takes_s)
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return [answer.get(key, Done("a")) for key in keys]

    async def settle_together(self, attempts: Sequence[Attempt]) -> Sequence[Settled | Failed]:
        self.look_ups.append([attempt.row.key for attempt in attempts])
        return [self.settled(attempt) for attempt in attempts]


def test_rows_of_a_group_share_a_call_up_to_the_batch(tmp_path: Path) -> None:
    shelves = Shelves()

    async def test(house: House) -> None:
        await house.stage(*(change(f"s{n}", group="p") for n in range(5)), change("other"))
        await house.run_for(5)
        assert shelves.calls == [["s0", "s1", "s2"], ["other"], ["s3", "s4"]]
        assert house.counts.records == {("inventory", "delivered"): 6}

    in_house(tmp_path, test, shelves)


def test_every_row_has_its_own_outcome(tmp_path: Path) -> None:
    shelves = Shelves(
        {
            "s1": Refused("stock_refused", "never"),
            "s2": Later(NOW_MS + 60_000, "locked", code="stock_locked_by_campaign"),
        }
    )

    async def test(house: House) -> None:
        await house.stage(*(change(f"s{n}", group="p") for n in range(3)))
        await house.run_for(5)
        states = [(await house.row(f"s{n}", "inventory")).state for n in range(3)]
        assert states == [State.DONE, State.DEAD, State.READY]
        assert await house.open_exceptions() == {("s1", "stock_refused"), ("s2", "stock_locked_by_campaign")}
        assert len(shelves.calls) == 1

    in_house(tmp_path, test, shelves)


def test_a_row_may_fail_alone(tmp_path: Path) -> None:
    shelves = Shelves({"s1": Failed(Retry("odd"), "odd"), "s2": Failed(Rejected("s_no"), "no")})

    async def test(house: House) -> None:
        await house.stage(*(change(f"s{n}", group="p") for n in range(3)))
        await house.run_for(20)
        assert shelves.calls == [["s0", "s1", "s2"], ["s1"]]
        assert (await house.row("s2", "inventory")).state is State.DEAD
        assert (await house.row("s1", "inventory")).state is State.DONE

    in_house(tmp_path, test, shelves)


def test_an_error_of_the_call_meets_all_its_rows_and_they_are_looked_up_together(tmp_path: Path) -> None:
    shelves = Shelves(error(Unknown("timeout")))
    shelves.settled = absent

    async def test(house: House) -> None:
        await house.stage(*(change(f"s{n}", group="p") for n in range(3)))
        await house.run_for(20)
        assert shelves.look_ups == [["s0", "s1", "s2"]]
        assert shelves.calls == [["s0", "s1", "s2"], ["s0", "s1", "s2"]]

    in_house(tmp_path, test, shelves)


def test_a_newer_state_of_a_row_under_way_is_sent_after_the_call(tmp_path: Path) -> None:
    shelves = Shelves()
    shelves.takes_s = 2

    async def test(house: House) -> None:
        await house.stage(*(change(f"s{n}", group="p") for n in range(3)))
        async with anyio.create_task_group() as group:
            group.start_soon(house.run_for, 10)
            await anyio.sleep(1)
            await house.stage(change("s1", version=2, group="p", digest="b"), change("s3", group="p"))
        assert shelves.calls == [["s0", "s1", "s2"], ["s1", "s3"]]

    in_house(tmp_path, test, shelves)


def test_a_crash_leaves_every_row_of_the_call_to_be_looked_up(tmp_path: Path) -> None:
    shelves = Shelves()
    shelves.takes_s = 1000

    async def test(house: House) -> None:
        await house.stage(*(change(f"s{n}", group="p") for n in range(3)))
        async with anyio.create_task_group() as group:
            house.start(group)
            await anyio.sleep(1)
            group.cancel_scope.cancel()
        states = await house.rows("SELECT DISTINCT state, busy FROM outbox")
        assert states == [("sending", 1)]

    in_house(tmp_path, test, shelves)


def test_a_flow_that_forgets_a_row_is_our_fault_and_loses_nothing(tmp_path: Path) -> None:
    class Forgetful(Shelves):
        async def deliver_together(self, attempts: Sequence[Attempt]) -> Sequence[Outcome | Failed]:
            return (await super().deliver_together(attempts))[1:]

    async def test(house: House) -> None:
        await house.stage(*(change(f"s{n}", group="p") for n in range(2)))
        await house.run_for(1)
        assert await house.rows("SELECT DISTINCT state FROM outbox") == [("unknown",)]

    in_house(tmp_path, test, Forgetful())


def test_what_must_be_looked_up_shares_no_call_with_what_is_sent(tmp_path: Path) -> None:
    shelves = Shelves(error(Unknown("timeout")))
    shelves.settled = absent

    async def test(house: House) -> None:
        await house.stage(change("s0", group="p"))
        async with anyio.create_task_group() as group:
            house.start(group)
            await anyio.sleep(1)
            await house.rows("UPDATE outbox SET due_at_ms = NULL, queued = 1, rank_ms = 0")
            await house.stage(change("s1", group="p"))
            await anyio.sleep(5)
            group.cancel_scope.cancel()
        assert shelves.look_ups == [["s0"]]
        assert shelves.calls == [["s0"], ["s0", "s1"]]

    in_house(tmp_path, test, shelves)
