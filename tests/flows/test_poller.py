"""Reading the source: pages and cursors, records that cannot be read, and what webhooks name."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from house import NOW_MS, FakeFlow, House, change, error, in_house

from daemon.core.lifecycle import State
from daemon.core.owed import Page, SetAside
from daemon.core.reading import BadShape
from daemon.core.verdicts import Reauth, Rejected, Retry
from daemon.store import hints
from daemon.store.hints import Hint


async def _hint(house: House, number: int, subject: str, kind: str = "orders") -> None:
    await house.database.write(lambda tx: hints.add(tx, Hint(f"n{number}", kind, subject), NOW_MS + number))


def test_a_page_and_its_cursor_are_stored_together(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        assert await house.poll(Page((change("a"),)), Page((change("b"),), cursor="100"))
        assert (await house.row("a")).state is State.READY
        await house.poll()
        assert house.flows[0].cursors == [None, "100"]
        assert house.counts.runs == [("orders", "ok")] * 2
        assert house.connections.state("tiktok").state == "connected"

    in_house(tmp_path, test)


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (error(Retry("busy"), status=500), "busy"),
        (error(Reauth("expired"), status=401), "expired"),
        (BadShape("orders", "is not a list"), "malformed_answer"),
        (RuntimeError("ours"), "internal_error"),
    ],
)
def test_a_failed_page_keeps_the_cursor_and_what_was_read(tmp_path: Path, problem: Exception, code: str) -> None:
    async def test(house: House) -> None:
        assert await house.poll(Page((), cursor="100"))
        assert not await house.poll(Page((change("a"),)), problem, Page((change("b"),), cursor="200"))
        assert await house.rows("SELECT key FROM outbox") == [("a",)]
        [(failing, text)] = await house.rows("SELECT failing_since_ms, problem FROM flow_runs")
        assert failing == NOW_MS
        assert text
        assert house.pollers[0].ran_once
        assert await house.poll(Page((change("a"), change("b")), cursor="300"))
        assert house.flows[0].cursors == [None, "100", "100"]
        assert [outcome for _, outcome in house.counts.runs] == ["ok", code, "ok"]
        assert await house.rows("SELECT failing_since_ms, problem FROM flow_runs") == [(None, "")]
        assert await house.events("a") == ["wanted"], "seen again, nothing new"

    in_house(tmp_path, test)


def test_the_poller_reads_again_at_its_interval_or_when_poked(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(house.pollers[0].run)
            await anyio.sleep(121)
            assert len(house.flows[0].cursors) == 3
            house.pollers[0].poke()
            await anyio.sleep(1)
            assert len(house.flows[0].cursors) == 4
            group.cancel_scope.cancel()

    in_house(tmp_path, test)


def test_a_record_that_cannot_be_read_is_set_aside_and_healed_later(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        bad = change("bad", bad=True)
        unreadable = SetAside("unreadable-1", "raw", "malformed_record", "id: is missing")
        for _ in range(2):
            assert await house.poll(Page((change("a"), bad, change("b")), (unreadable,), cursor="5"))
        assert await house.rows("SELECT key FROM outbox ORDER BY key") == [("a",), ("b",)]
        assert await house.open_exceptions() == {("bad", "malformed_record"), ("unreadable-1", "malformed_record")}
        assert await house.rows("SELECT DISTINCT times FROM exceptions") == [(1,)], "told once, not with every poll"
        assert await house.events("bad") == ["set aside"]
        assert await house.rows("SELECT raw FROM set_aside WHERE key = 'bad'") == [('{"id":"bad","bad":true}',)]
        await house.stage(change("bad", version=2, bad="still"))
        assert await house.events("bad") == ["set aside", "set aside"], "another text is told again"
        await house.stage(change("bad", version=3))
        assert await house.open_exceptions() == {("unreadable-1", "malformed_record")}
        assert await house.rows("SELECT key FROM set_aside") == [("unreadable-1",)]
        assert (await house.row("bad")).state is State.READY

    in_house(tmp_path, test)


def test_what_is_none_of_ours_leaves_no_row(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        assert await house.poll(Page((change("foreign", none=True), change("drop", state="dropped")), skipped=3))
        assert await house.rows("SELECT key, state FROM outbox") == [("drop", "dropped")]
        assert house.counts.records == {("orders", "skipped"): 4}
        await house.stage(change("gone"))
        await house.stage(change("gone", version=2, state="dropped"))
        assert house.counts.records["orders", "dropped"] == 1

    in_house(tmp_path, test)


def test_a_source_that_is_poked_again_and_again_is_read_at_intervals(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        (one,), (flow,) = house.pollers, house.flows
        async with anyio.create_task_group() as group:
            group.start_soon(one.run)
            for _ in range(40):
                await anyio.sleep(0.5)
                one.poke_soon()
            assert len(flow.cursors) == 2
            await anyio.sleep(5)
            assert len(flow.cursors) == 3, "what is said between two runs is not forgotten"
            one.poke_soon()
            await anyio.sleep(0.1)
            one.poke()
            await anyio.sleep(0.1)
            assert len(flow.cursors) == 4, "now is now"
            group.cancel_scope.cancel()

    in_house(tmp_path, test)


# webhooks


def test_hints_are_read_through_the_same_door_and_handled_once(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        flow = house.flows[0]
        flow.records = {"a": change("a"), "b": change("b", bad=True)}
        for number, subject in enumerate(["a", "a", "b", "unknown"]):
            await _hint(house, number, subject)
        await _hint(house, 9, "x", kind="returns")
        assert await house.hints.once()
        assert not await house.hints.once()
        assert await house.rows("SELECT subject FROM hints WHERE handled_at_ms IS NULL") == []
        assert flow.read_keys == [("a", "b", "unknown")]
        assert await house.rows("SELECT key FROM outbox") == [("a",)]
        assert await house.open_exceptions() == {("b", "malformed_record")}

    in_house(tmp_path, test)


@pytest.mark.parametrize("problem", [error(Retry("busy"), status=500), error(Reauth("expired"), status=401)])
def test_a_hint_that_cannot_be_read_now_is_read_later(tmp_path: Path, problem: Exception) -> None:
    async def test(house: House) -> None:
        flow = house.flows[0]
        flow.records, flow.read_errors = {"a": change("a")}, [problem]
        await _hint(house, 1, "a")
        async with anyio.create_task_group() as group:
            group.start_soon(house.hints.run)
            await anyio.sleep(1)
            assert await house.rows("SELECT key FROM outbox") == []
            await anyio.sleep(10)
            assert await house.rows("SELECT key FROM outbox") == [("a",)]
            group.cancel_scope.cancel()

    in_house(tmp_path, test)


def test_a_side_that_does_not_answer_keeps_no_other_flow_from_its_hints(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        stuck, well = house.flows
        stuck.read_errors = [error(Retry("busy"), status=503) for _ in range(100)]
        well.records = {"b": change("b")}
        for number in range(60):
            await _hint(house, number, f"a{number}")
        await _hint(house, 99, "b", kind="returns")
        async with anyio.create_task_group() as group:
            group.start_soon(house.hints.run)
            await anyio.sleep(1)
            assert await house.rows("SELECT flow, key FROM outbox") == [("returns", "b")]
            group.cancel_scope.cancel()

    in_house(tmp_path, test, FakeFlow(), FakeFlow("returns"))


@pytest.mark.parametrize(
    "problem", [BadShape("orders", "is not a list"), RuntimeError("ours"), error(Rejected("36009004"))]
)
def test_a_hint_that_cannot_be_read_at_all_is_left_to_the_poller(tmp_path: Path, problem: Exception) -> None:
    async def test(house: House) -> None:
        flow = house.flows[0]
        flow.records, flow.read_errors = {"a": change("a"), "b": change("b")}, [problem]
        await _hint(house, 1, "a")
        async with anyio.create_task_group() as group:
            group.start_soon(house.hints.run)
            await anyio.sleep(1)
            assert await house.rows("SELECT key FROM hints WHERE handled_at_ms IS NULL".replace("key", "subject")) == []
            await _hint(house, 2, "b")
            house.hints.bell.ring()
            await anyio.sleep(1)
            assert await house.rows("SELECT key FROM outbox") == [("b",)]
            group.cancel_scope.cancel()

    in_house(tmp_path, test)


def test_a_hint_and_a_poll_of_the_same_record_ask_for_it_once(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        flow = house.flows[0]
        flow.records = {"a": change("a")}
        await _hint(house, 1, "a")
        await house.stage(change("a"))
        await house.hints.once()
        await house.stage(change("a"))
        assert await house.events("a") == ["wanted"]
        assert (await house.row("a")).version == 1

    in_house(tmp_path, test)


def test_an_older_record_never_replaces_a_newer(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        await house.stage(change("a", version=5, digest="new"))
        await house.stage(change("a", version=4, digest="old"))
        assert (await house.row("a")).digest == "new"

    in_house(tmp_path, test, FakeFlow())
