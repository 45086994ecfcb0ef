"""The database: one file, one writer, group commit (design law 6).

A transaction is a plain synchronous function over `Tx`, handed to `Database.write`. The writer takes everything that
is waiting, runs it in one transaction, commits once (WAL, synchronous=FULL), and only then answers: a
caller that got its result can rely on it after a power cut. A function that raises undoes itself
alone (a batch with one is run again in savepoints). Cancelling the
caller does not cancel the write.

Two writers exist. `threaded` (the daemon) has its own thread, so an fsync never stops the event loop. `inline` (the
simulation) runs the same batches on the loop, so that virtual time cannot run ahead of the disk. Reading for pages and
commands goes through `reader`, a second, read-only connection (aiosqlite); decisions read inside their transaction.

Opening takes an `flock` next to the file: a second daemon on the same store is refused, whatever it was told.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import anyio
import anyio.to_thread

from daemon.errors import StoreClosed, StoreError, StoreLocked
from daemon.store.migrate import migrate
from daemon.store.sql import SQL

T = TypeVar("T")

LOCK_TRIES, LOCK_PAUSE_S = 3, 0.05

BATCH_MAX = 1024
"""Transactions in one commit at most; bounds how long the first of them waits."""

WAL_AUTOCHECKPOINT_PAGES = 8_000


class Tx:
    """What a transaction may do: run the named statements of queries.sql, and say which rows changed state."""

    __slots__ = ("_connection", "moves")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.moves: Counter[tuple[str, str]] = Counter()

    def run(self, name: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> sqlite3.Cursor:
        """Execute the statement called `name`."""
        return self._connection.execute(SQL[name], parameters)

    def each(self, name: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once for every row of parameters."""
        self._connection.executemany(SQL[name], rows)

    def one(self, name: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """The first row of a statement, or None."""
        return self._connection.execute(SQL[name], parameters).fetchone()

    def all(self, name: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """All rows of a statement."""
        return self._connection.execute(SQL[name], parameters).fetchall()


Work = Callable[[Tx], T]


class CommitHook(Protocol):
    """A seam for the crash simulation: called around every commit."""

    def before(self) -> None: ...
    def after(self) -> None: ...


class _Batcher:
    """Runs a batch of transactions in one commit. Knows no threads and no loop."""

    def __init__(self, connection: sqlite3.Connection, hook: CommitHook | None) -> None:
        self._connection = connection
        self._hook = hook
        self._tx = Tx(connection)
        self._moves = self._tx.moves
        self.checkpoint_next = False
        """Empty the write-ahead log after the next commit."""

    def run(self, batch: Sequence[tuple[Work[Any], Any]]) -> list[tuple[Any, Any, Exception | None]]:
        """(ticket, result, error) of every transaction; an error of the commit is everybody's error.

        The batch is first run as one; only when a transaction raises is it undone and run again with a savepoint
        around each, so that the good ones still commit. A transaction must therefore bear being run twice.
        """
        try:
            try:
                return self._commit([(ticket, *self._plain(work)) for work, ticket in self._begin(batch)])
            except _Raised:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                return self._commit([(ticket, *self._guarded(work)) for work, ticket in self._begin(batch)])
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            problem = StoreError(f"the store could not commit: {error}")
            return [(ticket, None, problem) for _, ticket in batch]

    def _begin(self, batch: Sequence[tuple[Work[Any], Any]]) -> Sequence[tuple[Work[Any], Any]]:
        self._moves.clear()
        self._connection.execute("BEGIN IMMEDIATE")
        return batch

    def _plain(self, work: Work[Any]) -> tuple[Any, Exception | None]:
        try:
            return work(self._tx), None
        except Exception as error:
            raise _Raised from error

    def _guarded(self, work: Work[Any]) -> tuple[Any, Exception | None]:
        tx = Tx(self._connection)
        self._connection.execute("SAVEPOINT work")
        try:
            result = work(tx)
        except Exception as error:
            self._connection.execute("ROLLBACK TO work")
            self._connection.execute("RELEASE work")
            if isinstance(error, sqlite3.OperationalError):
                return None, StoreError(f"the store could not write: {error}")
            return None, error
        self._connection.execute("RELEASE work")
        self._moves.update(tx.moves)
        return result, None

    def _commit(self, results: list[tuple[Any, Any, Exception | None]]) -> list[tuple[Any, Any, Exception | None]]:
        for (flow, state), items in self._moves.items():
            if items:
                self._connection.execute(SQL["tally_add"], (flow, str(state), items))
        if self._hook is not None:
            self._hook.before()
        self._connection.execute("COMMIT")
        if self._hook is not None:
            self._hook.after()
        if self.checkpoint_next:
            self.checkpoint_next = False
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return results


class _Raised(Exception):
    """A transaction of the batch raised; the batch is run again, each on its own."""


class _Writer(Protocol):
    def submit(self, work: Work[Any], future: asyncio.Future[Any]) -> None: ...
    async def close(self) -> None: ...


class _ThreadWriter:
    """The daemon's writer: a thread that sleeps until there is something to commit."""

    def __init__(self, batcher: _Batcher, loop: asyncio.AbstractEventLoop) -> None:
        self._batcher = batcher
        self._loop = loop
        self._waiting: SimpleQueue[tuple[Work[Any], asyncio.Future[Any]] | None] = SimpleQueue()
        """None at the end: close."""
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[Any], future: asyncio.Future[Any]) -> None:
        self._waiting.put((work, future))

    async def close(self) -> None:
        self._waiting.put(None)
        await anyio.to_thread.run_sync(self._thread.join)

    def _serve(self) -> None:
        waiting = self._waiting
        closing = False
        while not closing:
            taken = [waiting.get()]
            taken += [waiting.get() for _ in range(min(waiting.qsize(), BATCH_MAX - 1))]
            batch = [one for one in taken if one is not None]
            closing = len(batch) < len(taken)
            if batch:
                self._loop.call_soon_threadsafe(_answer, self._batcher.run(batch))


class _InlineWriter:
    """The simulation's writer: everything submitted in one turn of the loop is one commit at the end of that turn."""

    def __init__(self, batcher: _Batcher, loop: asyncio.AbstractEventLoop) -> None:
        self._batcher = batcher
        self._loop = loop
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []

    def submit(self, work: Work[Any], future: asyncio.Future[Any]) -> None:
        if not self._waiting:
            self._loop.call_soon(self._serve)
        self._waiting.append((work, future))

    async def close(self) -> None:
        if self._waiting:
            self._serve()

    def _serve(self) -> None:
        batch, self._waiting = self._waiting, []
        if batch:
            _answer(self._batcher.run(batch))


def _answer(results: list[tuple[Any, Any, Exception | None]]) -> None:
    for future, result, error in results:
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


class Database:
    """An open store. Get one from `Database.open`, give it back with `aclose`."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        lock: int,
        writer: _Writer,
        batcher: _Batcher | None = None,
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
        batcher = _Batcher(connection, hook)
        writer: _Writer = _InlineWriter(batcher, loop) if inline else _ThreadWriter(batcher, loop)
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
