"""The writer: transactions one after the other, many of them in one commit (design law 6).

`Batcher` takes everything that is waiting, runs it in one transaction and commits once; a function that raises undoes
itself alone. Two writers feed it, both first come, first served: `ThreadWriter` (the daemon) has its own thread, so an
fsync never stops the event loop; `InlineWriter` (the simulation) runs the same batches on the loop, so that virtual
time cannot run ahead of the disk. A caller is answered after the commit and never before.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import anyio.to_thread

from daemon.errors import StoreError
from daemon.store.sql import SQL

T = TypeVar("T")

BATCH_MAX = 1024
"""Transactions in one commit at most; bounds how long the first of them waits."""


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


class Batcher:
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


class Writer(Protocol):
    def submit(self, work: Work[Any], future: asyncio.Future[Any]) -> None: ...
    async def close(self) -> None: ...


class ThreadWriter:
    """The daemon's writer: a thread that sleeps until there is something to commit."""

    def __init__(self, batcher: Batcher, loop: asyncio.AbstractEventLoop) -> None:
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


class InlineWriter:
    """The simulation's writer: everything submitted in one turn of the loop is one commit at the end of that turn."""

    def __init__(self, batcher: Batcher, loop: asyncio.AbstractEventLoop) -> None:
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
