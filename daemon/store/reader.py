"""The read-only side: what pages and commands show, over a connection that cannot write (aiosqlite, `mode=ro`).

It works while the daemon runs and while it does not. Nothing here counts a table: totals come from the tally.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from daemon.errors import StoreError
from daemon.store.database import size_of
from daemon.store.sql import SQL


class Reader:
    """Named statements, read-only; rows by column name."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    async def open(cls, path: Path) -> Reader:
        """Raises `StoreError` when there is no store at `path`, or none of ours."""
        if size_of(path) == 0:
            raise StoreError(f"there is no store at {path}; has the daemon run yet?")
        try:
            connection = await aiosqlite.connect(f"file:{path}?mode=ro", uri=True)
        except sqlite3.Error as error:
            raise StoreError(f"the store {path} cannot be read: {error}") from error
        connection.row_factory = sqlite3.Row
        try:
            await connection.execute("PRAGMA busy_timeout = 2000")
            cursor = await connection.execute("PRAGMA user_version")
            row = await cursor.fetchone()
        except sqlite3.Error as error:
            await connection.close()
            raise StoreError(f"the store {path} cannot be read: {error}") from error
        if row is None or row[0] == 0:
            await connection.close()
            raise StoreError(f"{path} is not a store of tiktok-pipe17, or the daemon has not run yet")
        return cls(path, connection)

    async def rows(self, name: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of the statement called `name`."""
        cursor = await self._connection.execute(SQL[name], parameters)
        return list(await cursor.fetchall())

    async def row(self, name: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of the statement called `name`."""
        cursor = await self._connection.execute(SQL[name], parameters)
        return await cursor.fetchone()

    @property
    def size_bytes(self) -> int:
        """Bytes on disk: the database and its write-ahead log."""
        return sum(size_of(Path(f"{self.path}{suffix}")) for suffix in ("", "-wal"))

    async def aclose(self) -> None:
        await self._connection.close()
