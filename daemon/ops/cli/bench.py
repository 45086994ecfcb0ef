"""The daemon's parts for the length of one command, without its loops.

Where no daemon runs the store is opened under its lock, as the daemon would. Where one runs, its store is only looked
at: a database over a read-only connection, where what a part would write (a renewed closure, say) is forgotten, and a
transport that never renews a token, because the answer may be the only copy of the new pair and the daemon would not
have it. The transport also listens to TikTok's clock.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from daemon.apis.http import HttpxTransport, Request, Response, Transport, TransportError
from daemon.assembly import Parts, assemble
from daemon.clock import SystemClock
from daemon.errors import StoreError
from daemon.settings import Settings
from daemon.store.database import Database, Tx, Work, size_of

NOT_RENEWED = "only the running daemon may renew the token"


@dataclass(slots=True)
class Bench:
    """Parts, and what the transport overheard."""

    parts: Parts
    transport: ListeningTransport


@asynccontextmanager
async def bench(settings: Settings, *, beside_daemon: bool) -> AsyncIterator[Bench]:
    """Open everything, close it at the end; raises `StoreError`. `beside_daemon`: a daemon holds the store."""
    # whoever runs a command reads its result; the log lines of the parts say the same again
    logging.getLogger("daemon").addHandler(logging.NullHandler())
    store = settings.store_path
    database = look_at_store(store) if beside_daemon else await open_store(store, create=True)
    transport = ListeningTransport(
        HttpxTransport(), watched=settings.tiktok_api_url, refused=settings.tiktok_auth_url if beside_daemon else ""
    )
    parts = assemble(
        settings,
        clock=SystemClock(),
        rng=random.Random(),  # noqa: S311 (jitter)
        transport=transport,
        database=database,
        observer=Uncounted(),
    )
    try:
        yield Bench(parts, transport)
    finally:
        await parts.tiktok.keeper.finish()
        await transport.aclose()
        await database.aclose()


async def open_store(path: Path, *, create: bool) -> Database:
    """The store under its lock. Never makes one that the daemon's user could not write."""
    if size_of(path) == 0:
        if not create:
            raise StoreError(f"there is no store at {path}; the daemon has not run yet, or keeps it elsewhere")
        _refuse_for_root(path)
    return await Database.open(path)


def look_at_store(path: Path) -> Database:
    """A `Database` that reads the store of a running daemon and forgets what it is told to write."""
    try:
        connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=5
        )
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"the store {path} cannot be read: {error}") from None
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    return Database(path, connection, nothing, _Looking(connection))


class ListeningTransport:
    """Passes requests on, refuses those to the host that nobody may ask now, and reads the clock of another."""

    def __init__(self, inner: Transport, *, watched: str, refused: str) -> None:
        self.offset_ms: int | None = None
        """TikTok's time minus the host's, by the `Date` of its last answer (known to a second); None before one."""
        self._inner = inner
        self._watched = watched
        self._refused = refused

    async def send(self, request: Request) -> Response:
        if self._refused and request.url.startswith(f"{self._refused}/api/v2/token/"):
            raise TransportError(NOT_RENEWED, sent=False)
        started_ms = _host_ms()
        response = await self._inner.send(request)
        if request.url.startswith(self._watched) and "date" in response.headers:
            self._listen(response.headers["date"], (started_ms + _host_ms()) // 2)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _listen(self, date: str, host_ms: int) -> None:
        try:
            said_ms = int(parsedate_to_datetime(date).timestamp()) * 1000
        except (ValueError, TypeError, OverflowError):
            return
        self.offset_ms = said_ms + 500 - host_ms


class Uncounted:
    """`Observer` that counts nothing: a command ends before anybody could ask."""

    def call_finished(self, system: str, operation: str, outcome: str, seconds: float) -> None:
        """Nothing."""

    def rate_limited(self, system: str, operation: str) -> None:
        """Nothing."""

    def waited(self, system: str, operation: str, seconds: float) -> None:
        """Nothing."""

    def run_finished(self, flow: str, outcome: str) -> None:
        """Nothing."""

    def record(self, flow: str, outcome: str, count: int = 1) -> None:
        """Nothing."""

    def delivered(self, flow: str, seconds: float) -> None:
        """Nothing."""

    def carrier_fallback(self) -> None:
        """Nothing."""


class _Looking:
    """A writer that does not write: each transaction runs over the read-only connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._tx = Tx(connection)

    def submit(self, work: Work[Any], future: asyncio.Future[Any]) -> None:
        try:
            future.set_result(work(self._tx))
        except sqlite3.OperationalError as error:
            if "readonly" in str(error):
                future.set_result(None)
            else:
                future.set_exception(StoreError(f"the store cannot be read: {error}"))
        except Exception as error:
            future.set_exception(error)

    async def close(self) -> None:
        """Nothing to end; the database closes the connection."""


def _refuse_for_root(path: Path) -> None:
    """A store made by root would keep the service's own user out."""
    if os.geteuid() != 0:
        return
    owner = path.parent.stat().st_uid if path.parent.exists() else 0
    if owner != 0:
        raise StoreError(f"{path.parent} belongs to another user; run this as that user, who must own the store")


def _host_ms() -> int:
    return time.time_ns() // 1_000_000
