"""The database: one file, opened under its lock, written by one writer and closed when everything is on disk (law 6).

A transaction is a plain synchronous function over `Tx`, handed to `Database.write`. The writer (`writer.py`) commits
everything that is waiting at once (WAL, synchronous=FULL), and only then answers: a caller that got its result can rely
on it after a power cut. Cancelling the caller does not cancel the write.

Reading for pages and commands goes through `reader`, a second, read-only connection (aiosqlite); decisions read inside
their transaction. Opening takes an `flock` next to the file: a second daemon on the same store is refused, whatever it
was told.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from pathlib import Path
from typing import TypeVar

import anyio

from daemon.errors import StoreClosed, StoreError, StoreLocked
from daemon.store.migrate import migrate
from daemon.store.writer import Batcher, CommitHook, InlineWriter, ThreadWriter, Tx, Work, Writer

__all__ = ["CommitHook", "Database", "Tx", "Work", "connect", "size_of", "take_lock"]

T = TypeVar("T")

LOCK_TRIES, LOCK_PAUSE_S = 3, 0.05

WAL_AUTOCHECKPOINT_PAGES = 8_000


class Database:
    """An open store. Get one from `Database.open`, give it back with `aclose`."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        lock: int,
        writer: Writer,
        batcher: Batcher | None = None,
    ) -> None:
        self.path = path
        self._connection = connection
        self._batcher = batcher
        self._lock = lock
        self._writer = writer
        self._open = True

    @classmethod
    async def open(
        cls, path: Path, *, inline: bool = False, durable: bool = True, hook: CommitHook | None = None
    ) -> Database:
        """Lock, migrate and open the store at `path`, creating it (mode 0600) where there is none.

        `inline` is for virtual time; `durable=False` trades power-cut safety for speed and is for tests alone. Raises
        `StoreLocked`, `StoreTooNew`, `StoreError`.
        """
        lock = await _patiently_locked(path)
        try:
            connection = connect(path, durable=durable)
        except BaseException:
            os.close(lock)
            raise
        try:
            migrate(connection)
        except BaseException:
            connection.close()
            os.close(lock)
            raise
        loop = asyncio.get_running_loop()
        batcher = Batcher(connection, hook)
        writer: Writer = InlineWriter(batcher, loop) if inline else ThreadWriter(batcher, loop)
        return cls(path, connection, lock, writer, batcher)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction; returns its result once it is on disk. Not undone by cancellation."""
        if not self._open:
            raise StoreClosed
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.submit(work, future)
        return await future

    async def checkpoint(self) -> None:
        """Empty the write-ahead log into the file; the writer itself does it, for no second connection may."""
        if self._batcher is not None:
            self._batcher.checkpoint_next = True
        await self.write(lambda tx: None)

    async def aclose(self) -> None:
        """Commit what was submitted, close the file, give the lock back."""
        if not self._open:
            return
        self._open = False
        with anyio.CancelScope(shield=True):
            await self._writer.close()
        self._connection.close()
        os.close(self._lock)

    def abandon(self) -> None:
        """Let go of the file as a killed process would: nothing uncommitted survives. For the crash simulation."""
        self._open = False
        if self._connection.in_transaction:
            self._connection.rollback()
        self._connection.close()
        os.close(self._lock)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk: the database and its write-ahead log."""
        return sum(size_of(Path(f"{self.path}{suffix}")) for suffix in ("", "-wal"))


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def connect(path: Path, *, durable: bool = True) -> sqlite3.Connection:
    """The read-write connection with every pragma we rely on."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_AUTOCHECKPOINT_PAGES}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(f"the store {path} cannot be used: {error}") from error
    return connection


async def _patiently_locked(path: Path) -> int:
    """`take_lock`, but not kept from starting by a command that only asks whether a daemon runs."""
    for _ in range(LOCK_TRIES - 1):
        try:
            return take_lock(path)
        except StoreLocked:
            await asyncio.sleep(LOCK_PAUSE_S)
    return take_lock(path)


def take_lock(path: Path) -> int:
    """The descriptor of the lock beside the store; raises `StoreLocked` when another process has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"the store {path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreLocked from None
    return lock
