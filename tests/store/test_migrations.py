"""Every released store can be opened: the dumps in released/ hold a row in every table of their version."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from daemon.core.lifecycle import OPEN, State
from daemon.errors import StoreError, StoreTooNew
from daemon.store import migrate as migrate_module
from daemon.store import outbox, reports
from daemon.store.database import Database
from daemon.store.migrate import migrate, migrations
from daemon.store.reader import Reader

RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))
NEWEST = migrations()[-1][0]


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def _schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    return [(name, "".join(line.split("--")[0] for line in sql.splitlines()).replace(" ", "")) for name, sql in rows]


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _restore(path: Path, dump: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(dump.read_text(encoding="utf-8"))
    connection.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in migrations()] == list(range(1, NEWEST + 1))


def test_an_empty_file_becomes_a_store_of_the_newest_version() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    assert migrate(connection) == NEWEST
    assert _version(connection) == NEWEST
    assert {"outbox", "tally", "cursors", "journal", "exceptions", "hints", "tokens"} <= set(_tables(connection))
    assert migrate(connection) == 0
    connection.close()


def test_the_newest_version_has_a_released_store() -> None:
    assert [int(path.stem) for path in RELEASED][-1] == NEWEST


@pytest.mark.parametrize("dump", RELEASED, ids=lambda path: path.stem)
def test_a_released_store_holds_a_row_in_every_table(dump: Path) -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(dump.read_text(encoding="utf-8"))
    assert _version(connection) == int(dump.stem)
    for table in _tables(connection):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0, table
    states = {state for (state,) in connection.execute("SELECT state FROM outbox")}
    assert states == {state.value for state in State}
    connection.close()


@pytest.mark.parametrize("dump", RELEASED, ids=lambda path: path.stem)
async def test_a_released_store_is_migrated_and_read(tmp_path: Path, dump: Path) -> None:
    path = tmp_path / "store.db"
    _restore(path, dump)
    fresh, old = sqlite3.connect(":memory:", isolation_level=None), sqlite3.connect(path)
    migrate(fresh)
    rows_before = {table: old.execute(f"SELECT count(*) FROM {table}").fetchone() for table in _tables(old)}
    old.close()
    database = await Database.open(path, inline=True, durable=False)
    orphans = await database.write(outbox.recover)
    assert orphans
    await database.aclose()
    migrated = sqlite3.connect(path)
    assert _schema(migrated) == _schema(fresh)
    rows_after = {table: migrated.execute(f"SELECT count(*) FROM {table}").fetchone() for table in rows_before}
    rows_before.pop("tally")
    rows_after.pop("tally")
    assert rows_after == rows_before
    migrated.close()
    fresh.close()
    reader = await Reader.open(path)
    status = await reports.status(reader, 1_767_218_500_000)
    assert status["flows"]["orders"]["backlog"]
    assert {row["state"] for row in await reports.backlog(reader, 100)} <= {state.value for state in OPEN}
    await reader.aclose()


def test_a_migration_that_fails_leaves_the_store_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    before = _schema(connection)
    bad = (NEWEST + 1, "CREATE TABLE extra (id INTEGER);\nINSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr(migrate_module, "migrations", lambda: [*migrations(), bad])
    with pytest.raises(StoreError, match=f"migration {NEWEST + 1} of the store failed"):
        migrate(connection)
    assert (_schema(connection), _version(connection)) == (before, NEWEST)
    monkeypatch.setattr(migrate_module, "migrations", lambda: [*migrations(), (NEWEST + 1, "CREATE TABLE extra (id);")])
    assert migrate(connection) == 1
    assert _version(connection) == NEWEST + 1
    monkeypatch.undo()
    with pytest.raises(StoreTooNew):
        migrate(connection)
    connection.close()


async def test_two_starts_at_once_migrate_once(tmp_path: Path) -> None:
    opened = await asyncio.gather(
        *(Database.open(tmp_path / "store.db", inline=True) for _ in range(3)), return_exceptions=True
    )
    stores = [one for one in opened if isinstance(one, Database)]
    assert len(stores) == 1
    await stores[0].aclose()
