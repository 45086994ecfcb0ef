"""The writer: group commit, results that can be relied on, faults that hit only whom they must."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.errors import StoreClosed, StoreError, StoreLocked, StoreTooNew
from daemon.store import facts, writer
from daemon.store.database import Database, Tx

BOTH = pytest.mark.parametrize("inline", [True, False], ids=["inline", "threaded"])


class Hook:
    """Counts commits; `fail` makes the next ones fail, `gate` holds the writer before its commit."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.done = 0
        self.fail = 0
        self.gate: threading.Event | None = None

    def before(self) -> None:
        self.begun.set()
        if self.gate is not None:
            self.gate.wait(5)
        if self.fail:
            self.fail -= 1
            raise sqlite3.OperationalError("database or disk is full")

    def after(self) -> None:
        self.done += 1


async def _open(path: Path, *, inline: bool, hook: Hook | None = None) -> Database:
    return await Database.open(path, inline=inline, durable=False, hook=hook)


def _put(name: str, value: object = 1) -> Callable[[Tx], str]:
    def work(tx: Tx) -> str:
        facts.put(tx, name, value, 0)
        return name

    return work


def _put_and_raise(name: str) -> Callable[[Tx], None]:
    def work(tx: Tx) -> None:
        facts.put(tx, name, 1, 0)
        tx.moves["flow", "state"] += 1
        raise ValueError(name)

    return work


async def _names(database: Database) -> set[str]:
    return set(await database.write(facts.everything))


@BOTH
async def test_many_writes_share_few_commits(tmp_path: Path, inline: bool) -> None:
    hook = Hook()
    database = await _open(tmp_path / "store.db", inline=inline, hook=hook)
    results = await asyncio.gather(*(database.write(_put(f"n{number}")) for number in range(500)))
    assert results == [f"n{number}" for number in range(500)]
    assert hook.done <= (1 if inline else 50)
    await database.aclose()


@BOTH
async def test_a_transaction_that_raises_undoes_itself_alone(tmp_path: Path, inline: bool) -> None:
    hook = Hook()
    database = await _open(tmp_path / "store.db", inline=inline, hook=hook)

    def good(tx: Tx) -> str:
        tx.moves["flow", "state"] += 1
        return _put("good")(tx)

    results = await asyncio.gather(
        database.write(_put("before")),
        database.write(_put_and_raise("bad")),
        database.write(good),
        database.write(_put_and_raise("worse")),
        return_exceptions=True,
    )
    assert [str(result) for result in results] == ["before", "bad", "good", "worse"]
    assert [type(result) for result in results] == [str, ValueError, str, ValueError]
    assert await _names(database) == {"before", "good"}
    tally = await database.write(lambda tx: tx.all("tally_all"))
    assert [tuple(row) for row in tally] == [("flow", "state", 1)], "what was undone is not counted"
    await database.aclose()


@BOTH
async def test_the_good_ones_of_a_batch_are_run_again_and_count_once(tmp_path: Path, inline: bool) -> None:
    database = await _open(tmp_path / "store.db", inline=inline)
    runs: list[int] = []

    def work(tx: Tx) -> int:
        runs.append(1)
        facts.put(tx, "count", (facts.get(tx, "count") or 0) + 1, 0)
        return int(facts.get(tx, "count"))

    results = await asyncio.gather(
        database.write(work), database.write(work), database.write(_put_and_raise("bad")), return_exceptions=True
    )
    assert results[:2] == [1, 2]
    assert await database.write(lambda tx: facts.get(tx, "count")) == 2
    await database.aclose()


async def test_results_come_after_the_commit_only(tmp_path: Path) -> None:
    hook = Hook()
    hook.gate = threading.Event()
    database = await _open(tmp_path / "store.db", inline=False, hook=hook)
    pending = asyncio.ensure_future(database.write(_put("n")))
    assert await asyncio.to_thread(hook.begun.wait, 5)
    await asyncio.sleep(0.02)
    assert not pending.done()
    hook.gate.set()
    assert await pending == "n"
    assert hook.done == 1
    await database.aclose()


@BOTH
async def test_cancelling_the_caller_does_not_cancel_the_write(tmp_path: Path, inline: bool) -> None:
    database = await _open(tmp_path / "store.db", inline=inline)
    pending = asyncio.ensure_future(database.write(_put("kept")))
    await asyncio.sleep(0)
    pending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pending
    assert await _names(database) == {"kept"}
    await database.aclose()


@BOTH
async def test_a_caller_cancelled_while_the_batch_runs_harms_nobody(tmp_path: Path, inline: bool) -> None:
    problems: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    database = await _open(tmp_path / "store.db", inline=inline)
    first, second = (asyncio.ensure_future(database.write(_put(name))) for name in ("one", "two"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "two"
    await database.aclose()
    await asyncio.sleep(0.01)
    assert problems == []


@BOTH
async def test_a_commit_that_fails_is_everybodys_error_and_the_store_goes_on(tmp_path: Path, inline: bool) -> None:
    hook = Hook()
    database = await _open(tmp_path / "store.db", inline=inline, hook=hook)
    hook.fail = 1
    results = await asyncio.gather(*(database.write(_put(f"n{n}")) for n in range(3)), return_exceptions=True)
    failed = [result for result in results if isinstance(result, StoreError)]
    assert failed
    assert "disk is full" in str(failed[0])
    stored = {result for result in results if isinstance(result, str)}
    assert await _names(database) == stored
    assert await database.write(_put("later")) == "later"
    await database.aclose()


async def test_a_failed_commit_of_a_batch_tells_all_of_it(tmp_path: Path) -> None:
    hook = Hook()
    database = await _open(tmp_path / "store.db", inline=True, hook=hook)
    hook.fail = 1
    results = await asyncio.gather(*(database.write(_put(f"n{n}")) for n in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [StoreError] * 5
    assert await _names(database) == set()
    await database.aclose()


@BOTH
async def test_a_full_disk_is_a_store_error_and_passes(tmp_path: Path, inline: bool) -> None:
    database = await _open(tmp_path / "store.db", inline=inline)
    await database.write(_put("small"))

    def limit(pages: str) -> Callable[[Tx], None]:
        return lambda tx: tx._connection.execute(f"PRAGMA max_page_count = {pages}").close()

    await database.write(limit("1"))
    big = "x" * 2_000_000
    results = await asyncio.gather(
        database.write(_put("big", big)), database.write(_put("other")), return_exceptions=True
    )
    assert isinstance(results[0], StoreError)
    await database.write(limit("1000000"))
    assert await database.write(_put("big", big)) == "big"
    assert {"small", "big"} <= await _names(database)
    await database.aclose()


@BOTH
async def test_closing_commits_what_was_submitted(tmp_path: Path, inline: bool) -> None:
    path = tmp_path / "store.db"
    database = await _open(path, inline=inline)
    pending = [asyncio.ensure_future(database.write(_put(f"n{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await database.aclose()
    await database.aclose()
    assert await asyncio.gather(*pending) == [f"n{n}" for n in range(20)]
    with pytest.raises(StoreClosed):
        await database.write(_put("late"))
    again = await _open(path, inline=inline)
    assert len(await _names(again)) == 20
    await again.aclose()


async def test_an_abandoned_store_keeps_what_was_committed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = await _open(path, inline=True)
    await database.write(_put("committed"))
    pending = asyncio.ensure_future(database.write(_put("submitted")))
    database.abandon()
    pending.cancel()
    again = await _open(path, inline=True)
    assert await _names(again) == {"committed"}
    await again.aclose()


async def test_both_writers_answer_alike(tmp_path: Path) -> None:
    seen = []
    for inline in (True, False):
        database = await _open(tmp_path / f"{inline}.db", inline=inline)
        works = [_put_and_raise(f"n{n}") if n % 7 == 3 else _put(f"n{n}") for n in range(60)]
        results = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
        seen.append(([repr(result) for result in results], sorted(await _names(database))))
        await database.aclose()
    assert seen[0] == seen[1]


async def test_a_batch_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "BATCH_MAX", 10)
    hook = Hook()
    hook.gate = threading.Event()
    database = await _open(tmp_path / "store.db", inline=False, hook=hook)
    pending = [asyncio.ensure_future(database.write(_put("first")))]
    assert await asyncio.to_thread(hook.begun.wait, 5)
    pending += [asyncio.ensure_future(database.write(_put(f"n{n}"))) for n in range(25)]
    await asyncio.sleep(0)
    hook.gate.set()
    await asyncio.gather(*pending)
    assert hook.done == 4
    await database.aclose()


# opening


async def test_a_second_daemon_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = await _open(path, inline=True)
    with pytest.raises(StoreLocked, match="Another daemon"):
        await _open(path, inline=True)
    await first.aclose()
    second = await _open(path, inline=True)
    await second.aclose()


async def test_a_second_daemon_in_another_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = await _open(path, inline=True)
    code = (
        "import asyncio, pathlib, sys\n"
        "from daemon.errors import StoreLocked\n"
        "from daemon.store.database import Database\n"
        "try:\n    asyncio.run(Database.open(pathlib.Path(sys.argv[1]), inline=True))\n"
        "except StoreLocked:\n    sys.exit(7)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    root = Path(__file__).parents[2]
    assert (await asyncio.to_thread(subprocess.run, command, cwd=root)).returncode == 7
    await first.aclose()
    assert (await asyncio.to_thread(subprocess.run, command, cwd=root)).returncode == 0


async def test_a_newer_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await (await _open(path, inline=True)).aclose()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreTooNew):
            await _open(path, inline=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is not a database" * 400, b"SQLite format 3\0" + b"\xff" * 8000])
async def test_a_corrupt_file_is_a_store_error_and_no_lock_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            await _open(path, inline=True)
        assert not isinstance(caught.value, StoreLocked)
    assert path.read_bytes() == content


async def test_a_place_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        await _open(tmp_path / "file" / "store.db", inline=True)


async def test_nobody_else_may_read_the_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = await _open(tmp_path / "new" / "store.db", inline=True)
        await database.write(_put("n"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
        await database.aclose()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm", "store.db.lock"), 0o600)


async def test_the_store_survives_power_cuts_by_its_settings(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "store.db", inline=True)
    pragmas = {}
    for name in ("journal_mode", "synchronous", "foreign_keys"):
        pragmas[name] = await database.write(
            lambda tx, name=name: tx._connection.execute(f"PRAGMA {name}").fetchone()[0]
        )
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert database.size_bytes > 0
    await database.aclose()
