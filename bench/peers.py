"""Three queues on SQLite that a Python project could have used instead, at the same durability.

Each does what comes nearest to a life: put a job in, take it out, write down that it is done, and each of the three is
a transaction of its own at `PRAGMA synchronous = FULL` in WAL mode. How that is set:

    huey            `SqliteStorage(fsync=True)`; enqueue, dequeue, put_data (the task's result)
    persist-queue   `SQLiteAckQueue`; WAL is its own choice, synchronous is set on both its connections; put, get, ack
    litequeue       its own default is NORMAL and is raised to FULL on its connection; put, pop, done

They are called without the layers above (no pickled tasks, no worker loop), which is in their favour. Every peer is
run with as many threads as we have callers, and again from one thread; the faster of the two counts. litequeue has one
connection for all threads and no lock of its own, so there it is one thread only.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from huey.storage import SqliteStorage
from litequeue import LiteQueue
from persistqueue import SQLiteAckQueue

FULL = 2
BODY = '{"document":{"extOrderId":"577600000000000001","status":"new"}}'


class Queue(Protocol):
    """A peer, open: one call is one whole life."""

    def life(self, number: int) -> None: ...
    def close(self) -> None: ...


class Huey:
    def __init__(self, where: Path) -> None:
        self._storage = SqliteStorage("bench", str(where / "huey.db"), fsync=True, timeout=60)
        must_be_full(self._storage.conn)

    def life(self, number: int) -> None:
        self._storage.enqueue(BODY.encode())
        assert self._storage.dequeue() is not None
        self._storage.put_data(f"task-{number}", b"accepted")

    def close(self) -> None:
        self._storage.close()


class PersistQueue:
    def __init__(self, where: Path) -> None:
        self._queue: Any = SQLiteAckQueue(str(where), multithreading=True, timeout=60)
        for connection in (self._queue._getter, self._queue._putter):
            connection.execute("PRAGMA synchronous = FULL")
            must_be_full(connection)

    def life(self, number: int) -> None:
        self._queue.put(BODY)
        job = self._queue.get(block=True, raw=True)
        self._queue.ack(id=job["pqid"])

    def close(self) -> None:
        self._queue.close()


class Lite:
    def __init__(self, where: Path) -> None:
        self._queue: Any = LiteQueue(where / "litequeue.db")
        self._queue.conn.execute("PRAGMA synchronous = FULL")
        must_be_full(self._queue.conn)

    def life(self, number: int) -> None:
        self._queue.put(BODY)
        job = self._queue.pop()
        self._queue.done(job.message_id)

    def close(self) -> None:
        self._queue.conn.close()


@dataclass(frozen=True, slots=True)
class Peer:
    """How to open a peer, and whether several threads may use it."""

    name: str
    open: Callable[[Path], Queue]
    threads: bool = True


PEERS = (
    Peer("huey", Huey),
    Peer("persist-queue", PersistQueue),
    Peer("litequeue", Lite, threads=False),
)


def lives_per_second(peer: Peer, where: Path, lives: int, callers: int) -> float:
    """The better of one thread and `callers` threads."""
    best = 0.0
    for threads in (1, callers) if peer.threads else (1,):
        place = where / str(threads)
        place.mkdir()
        queue = peer.open(place)
        try:
            best = max(best, _measure(queue, lives, threads))
        finally:
            queue.close()
    return best


def _measure(queue: Queue, lives: int, threads: int) -> float:
    share = max(lives // threads, 1)
    problems: list[BaseException] = []

    def call(first: int) -> None:
        try:
            for number in range(first, first + share):
                queue.life(number)
        except BaseException as error:
            problems.append(error)

    started_s = time.perf_counter()
    if threads == 1:
        call(0)
    else:
        callers = [threading.Thread(target=call, args=(number * share,)) for number in range(threads)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    took_s = time.perf_counter() - started_s
    if problems:
        raise problems[0]
    return share * threads / took_s


def must_be_full(connection: sqlite3.Connection) -> None:
    """Refuse to measure anything that is less durable than ours."""
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    assert (synchronous, journal.lower()) == (FULL, "wal")
