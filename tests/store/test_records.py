"""The smaller tables: tokens, facts, hints, cursors, the journal, exceptions and what retention takes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_bench import NOW_MS, Bench, finding

from daemon.clock import SystemClock
from daemon.core.tokens import Secret, TokenPair
from daemon.errors import StoreError
from daemon.store import cursors, exceptions, facts, hints, journal
from daemon.store.database import Database
from daemon.store.exceptions import Kind
from daemon.store.tokens import StoredTokens

KEY, OTHER_KEY = bytes(range(32)), bytes(32)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "store.db", inline=True, durable=False)
    yield opened
    await opened.aclose()


def _pair(number: int) -> TokenPair:
    return TokenPair(
        access_token=Secret(f"access-{number}"),
        access_expires_at_ms=NOW_MS + number,
        refresh_token=Secret(f"refresh-{number}"),
        refresh_expires_at_ms=NOW_MS + number,
        open_id="open",
        scopes=("seller.order.info", "seller.fulfillment.basic"),
        seller_name="Shop",
        region="US",
        obtained_at_ms=NOW_MS,
    )


async def _documents(database: Database) -> str:
    rows = await database.write(lambda tx: [tx.one("token_get", (slot,)) for slot in ("current", "previous")])
    return " ".join(row[0] for row in rows if row)


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "sealed"])
async def test_the_newest_pair_is_in_force_and_the_one_before_is_kept(database: Database, key: bytes | None) -> None:
    tokens = StoredTokens(database, SystemClock(), key)
    assert await tokens.load() is None
    assert await tokens.previous() is None
    for number in (1, 2, 3):
        await tokens.save(_pair(number))
    again = StoredTokens(database, SystemClock(), key)
    assert (await again.load(), await again.previous()) == (_pair(3), _pair(2))
    assert ("access-3" in await _documents(database)) == (key is None)


async def test_sealed_tokens_need_their_key_and_say_so(database: Database) -> None:
    await StoredTokens(database, SystemClock(), KEY).save(_pair(1))
    with pytest.raises(StoreError, match="sealed"):
        await StoredTokens(database, SystemClock(), None).load()
    with pytest.raises(StoreError, match="CONNECTOR_TOKEN_KEY"):
        await StoredTokens(database, SystemClock(), OTHER_KEY).load()
    assert await StoredTokens(database, SystemClock(), KEY).load() == _pair(1)


async def test_tokens_saved_before_there_was_a_key_are_read_and_sealed_next_time(database: Database) -> None:
    await StoredTokens(database, SystemClock(), None).save(_pair(1))
    sealed = StoredTokens(database, SystemClock(), KEY)
    assert await sealed.load() == _pair(1)
    await sealed.save(_pair(2))
    assert "access" not in await _documents(database)
    assert (await sealed.load(), await sealed.previous()) == (_pair(2), _pair(1))


async def test_a_sealed_document_is_bound_to_its_slot_and_never_the_same_twice(database: Database) -> None:
    tokens = StoredTokens(database, SystemClock(), KEY)
    await tokens.save(_pair(1))
    first = await _documents(database)
    await tokens.save(_pair(1))
    assert first not in await _documents(database)

    def swap(tx: object) -> None:
        previous = tx.one("token_get", ("previous",))[0]  # type: ignore[attr-defined]
        tx.run("token_put", ("current", previous, 0))  # type: ignore[attr-defined]

    await database.write(swap)
    with pytest.raises(StoreError, match="CONNECTOR_TOKEN_KEY"):
        await tokens.load()


@pytest.mark.parametrize("document", ["sealed:!!!", "sealed:", "sealed:" + "QUJD" * 2, "sealed:" + "QUJD" * 40])
async def test_a_damaged_sealed_document_is_a_store_error(database: Database, document: str) -> None:
    await database.write(lambda tx: tx.run("token_put", ("current", document, 0)))
    with pytest.raises(StoreError):
        await StoredTokens(database, SystemClock(), os.urandom(32)).load()


def test_facts_are_remembered_by_name(bench: Bench) -> None:
    assert bench.do(lambda tx: facts.get(tx, "shop")) is None
    bench.do(lambda tx: facts.put(tx, "shop", {"id": "7495"}, NOW_MS))
    bench.do(lambda tx: facts.put(tx, "shop", {"id": "7496"}, NOW_MS))
    bench.do(lambda tx: facts.put(tx, "empty", "", NOW_MS))
    assert bench.do(lambda tx: facts.get(tx, "shop")) == {"id": "7496"}
    assert bench.do(facts.everything) == {"shop": {"id": "7496"}, "empty": ""}


def test_hints_of_a_flow_that_does_not_run_are_put_away(bench: Bench) -> None:
    for number, kind in enumerate(["orders", "orders", "returns"]):
        bench.do(lambda tx, n=number, kind=kind: hints.add(tx, hints.Hint(f"n{n}", kind, "1"), NOW_MS))  # type: ignore[misc]
    assert bench.do(lambda tx: hints.crowded(tx, "orders", 2))
    assert not bench.do(lambda tx: hints.crowded(tx, "orders", 3))
    bench.do(lambda tx: hints.put_away_strangers(tx, {"orders"}, NOW_MS))
    assert len(bench.do(lambda tx: hints.waiting(tx, "orders", 10))) == 2
    assert bench.do(lambda tx: hints.waiting(tx, "returns", 10)) == []


def test_a_notification_is_stored_once_and_handled_once(bench: Bench) -> None:
    hint = hints.Hint("7001", "orders", "576")
    assert bench.do(lambda tx: hints.add(tx, hint, NOW_MS))
    assert not bench.do(lambda tx: hints.add(tx, hints.Hint("7001", "orders", "other"), NOW_MS + 1))
    bench.do(lambda tx: hints.add(tx, hints.Hint("7002", "orders", "577"), NOW_MS - 1))
    assert [one.notification_id for one in bench.do(lambda tx: hints.waiting(tx, "orders", 10))] == ["7002", "7001"]
    assert bench.do(lambda tx: hints.waiting(tx, "orders", 1))[0].subject == "577"
    assert bench.do(lambda tx: hints.waiting(tx, "returns", 10)) == []
    bench.do(lambda tx: hints.handled(tx, ["7001", "7002"], NOW_MS))
    assert bench.do(lambda tx: hints.waiting(tx, "orders", 10)) == []
    assert not bench.do(lambda tx: hints.add(tx, hint, NOW_MS + 2)), "remembered against duplicates"
    bench.do(lambda tx: tx.run("hints_expire", (NOW_MS + 1,)))
    assert bench.do(lambda tx: hints.add(tx, hint, NOW_MS + 3))


def test_a_cursor_and_the_story_of_its_runs(bench: Bench) -> None:
    assert bench.do(lambda tx: cursors.get(tx, "orders")) is None
    for position in ("5", "9"):
        bench.do(lambda tx, position=position: cursors.move(tx, "orders", position, NOW_MS))
    assert bench.do(lambda tx: cursors.get(tx, "orders")) == "9"
    story = "SELECT last_run_at_ms, last_success_at_ms, failing_since_ms, problem FROM flow_runs"
    bench.do(lambda tx: cursors.failed(tx, "orders", "x" * 900, 1))
    bench.do(lambda tx: cursors.failed(tx, "orders", "no answer", 2))
    assert bench.rows(story) == [(2, None, 1, "no answer")]
    bench.do(lambda tx: cursors.succeeded(tx, "orders", 3))
    assert bench.rows(story) == [(3, 3, None, "")]
    bench.do(lambda tx: cursors.failed(tx, "orders", "x" * 900, 4))
    assert bench.rows(story) == [(4, 3, 4, "x" * 500)]


def test_a_line_of_the_journal_is_cut(bench: Bench) -> None:
    bench.do(lambda tx: journal.note(tx, "orders", "k", "g", "refused", "x" * 900, NOW_MS))
    assert [len(detail) for (detail,) in bench.rows("SELECT detail FROM journal")] == [journal.DETAIL_MAX]


def test_what_repeats_for_hours_keeps_its_first_and_newest_line(bench: Bench) -> None:
    told = ["wanted", *["waits"] * 4, "failed, tried again", "waits", "accepted", "waits", "waits"]
    for at_ms, event in enumerate(told):
        bench.do(lambda tx, at_ms=at_ms, event=event: journal.note(tx, "orders", "k", "g", event, "", at_ms))
    bench.do(lambda tx: journal.note(tx, "fulfillments", "k", "g", "waits", "", 99))
    assert bench.rows("SELECT event, at_ms FROM journal WHERE flow = 'orders' ORDER BY id") == [
        ("wanted", 0), ("waits", 1), ("failed, tried again", 5), ("waits", 6), ("accepted", 7), ("waits", 8),
        ("waits", 9),
    ]  # fmt: skip


def test_retention_takes_the_oldest_lines_a_batch_at_a_time(bench: Bench) -> None:
    for at_ms in range(10):
        bench.do(lambda tx, at_ms=at_ms: journal.note(tx, "orders", "k", "g", "e", "", at_ms))
    gone = [bench.do(lambda tx: tx.run("journal_expire", (7, 3)).rowcount) for _ in range(4)]
    assert gone == [3, 3, 1, 0]
    assert [at for (at,) in bench.rows("SELECT at_ms FROM journal")] == [7, 8, 9]


def test_an_exception_is_open_once_per_code_and_closes_once(bench: Bench) -> None:
    def open_it(code: str, kind: Kind = Kind.SEND) -> bool:
        return bench.do(lambda tx: exceptions.open_exception(tx, "orders", "k", "g", finding(code), NOW_MS, kind))

    assert [open_it("a"), open_it("a"), open_it("b", Kind.EVENT)] == [True, False, True]
    assert bench.tally() == {("exception:orders", "a"): 1, ("exception:orders", "b"): 1}
    assert bench.do(lambda tx: exceptions.close(tx, "orders", "k", "a", NOW_MS, "ana", "fixed"))
    assert not bench.do(lambda tx: exceptions.close(tx, "orders", "k", "a", NOW_MS, "ana"))
    assert open_it("a"), "opened anew after it was closed"
    assert sorted(bench.do(lambda tx: exceptions.close_all(tx, "orders", "k", NOW_MS, "ana"))) == ["a", "b"]
    assert bench.tally() == {}
    assert len(bench.rows("SELECT id FROM exceptions")) == 3
