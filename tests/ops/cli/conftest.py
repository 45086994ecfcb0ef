"""What every test of the command line needs: an environment of its own, a store with something in it, both sandboxes.

Commands run in this process through `main()`, as the console script calls it. The simulated services listen on real
sockets in a thread with its own loop, because `main()` starts a loop itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from daemon.__main__ import main
from daemon.clock import SystemClock
from daemon.core.findings import Finding
from daemon.core.lifecycle import State
from daemon.core.owed import Change, Done, Later, Wanted
from daemon.core.verdicts import Rejected, Unknown
from daemon.sandbox.pipe17.service import Pipe17Sandbox
from daemon.sandbox.serve import Served, serve_sandbox
from daemon.sandbox.tiktok.sandbox import TikTokSandbox
from daemon.store import attempts, cursors, exceptions, facts, journal, outbox
from daemon.store.database import Database, Tx

T = TypeVar("T")

CANARIES = {
    "TIKTOK_APP_KEY": "simappkey01",
    "TIKTOK_APP_SECRET": "simsecret0123456789abcdef",
    "PIPE17_API_KEY": "5f1d6c0f9be24a7782c3a1d0e94b6f57",
    "CONNECTOR_ADMIN_TOKEN": "canary-admin-token-0001",
}
"""The secrets of the environment; those of the two sides are what the sandboxes expect."""

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of its own for each test; returns where the store will be."""
    for name in list(os.environ):
        if name.split("_")[0] in ("TIKTOK", "PIPE17", "CONNECTOR", "STATE", "CREDENTIALS"):
            monkeypatch.delenv(name)
    store = tmp_path / "connector.db"
    pace = {"TIKTOK_REQUESTS_PER_SECOND": "50", "PIPE17_REQUESTS_PER_SECOND": "50"}  # the tests are no load test
    for name, value in {**CANARIES, **pace, "CONNECTOR_STORE_URL": f"sqlite:///{store}"}.items():
        monkeypatch.setenv(name, value)
    return store


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run one command in this process; no secret may ever be in what it prints."""

    def run(*argv: str) -> Ran:
        status = main(argv)
        printed = capsys.readouterr()
        for name, secret in CANARIES.items():
            assert secret not in printed.out + printed.err, name
        return Ran(status, printed.out, printed.err)

    return run


@pytest.fixture
def in_store(environment: Path) -> Callable[[Callable[[Tx], Any]], Any]:
    """One transaction in the store, made where there is none."""
    return lambda work: _in_store(environment, work)


def _in_store(store: Path, work: Callable[[Tx], T]) -> T:

    async def run() -> T:
        database = await Database.open(store, durable=False)
        try:
            return await database.write(work)
        finally:
            await database.aclose()

    return asyncio.run(run())


@pytest.fixture
def filled(environment: Path) -> Path:
    """A store with an order in each kind of trouble, as the daemon would leave it."""
    _in_store(environment, _fill)
    return environment


def _fill(tx: Tx) -> None:
    now_ms = SystemClock().now_ms()
    for number, key in enumerate(("576000000000000001", "576000000000000002", "576000000000000003")):
        _stage(tx, "orders", key, key, State.READY, now_ms - (3 - number) * HOUR_MS, now_ms + 26 * HOUR_MS)
    _stage(tx, "orders", "576000000000000004", "576000000000000004", State.HELD, now_ms - 48 * MINUTE_MS, None)
    _stage(tx, "fulfillments", "f00d1", "576000000000000001", State.READY, now_ms - 5 * MINUTE_MS, None)
    done, dead, waits = outbox.claim(tx, "orders", 3, now_ms)
    attempts.finish(tx, done.row, Done(done.row.digest, remote_id="p17order0001"), now_ms)
    journal.note(tx, "orders", done.row.key, done.row.group, "accepted", "p17order0001 -> done", now_ms)
    hour = timedelta(hours=1)
    attempts.fail(tx, dead.row, Rejected("bad_request"), "Pipe17 refuses the address", now_ms, hour, hour)
    attempts.finish(tx, waits.row, Later(now_ms + 12 * MINUTE_MS + 500, "TikTok is slow"), now_ms)
    (tracking,) = outbox.claim(tx, "fulfillments", 1, now_ms)
    attempts.fail(tx, tracking.row, Unknown("timeout"), "no answer", now_ms, timedelta(minutes=2), hour)
    exceptions.open_exception(tx, "connection", "tiktok", "tiktok", Finding("tiktok_expired", "grant again"), now_ms)
    cursors.succeeded(tx, "orders", now_ms - 20_000)
    cursors.failed(tx, "fulfillments", "pipe17 cannot be reached", now_ms - 10 * MINUTE_MS)
    facts.put(tx, "shop", {"id": "7495000000000000001", "name": "Sim Shop", "region": "US", "code": "X"}, now_ms)
    facts.put(
        tx,
        "connection:tiktok",
        {"state": "refused", "code": "expired", "text": "grant again", "since_ms": now_ms - 3 * HOUR_MS},
        now_ms,
    )
    facts.put(
        tx,
        "authorization",
        {
            "state": "needs_reauth",
            "reason": "",
            "missing_scopes": [],
            "refresh_expires_at_ms": now_ms + 29 * 86_400_000,
        },
        now_ms,
    )


def _stage(tx: Tx, flow: str, key: str, group: str, state: State, changed_ms: int, deadline_ms: int | None) -> None:
    change = Change(key, group, {}, f"stamp-{key}", changed_ms, changed_ms)
    wanted = Wanted(
        state,
        {"document": {}},
        f"digest-{key}",
        reason="hold_window" if state is State.HELD else "",
        due_at_ms=changed_ms + HOUR_MS if state is State.HELD else None,
        deadline_at_ms=deadline_ms,
    )
    outbox.stage(tx, flow, change, None, wanted, changed_ms)
    journal.note(tx, flow, key, group, "wanted", state.value, changed_ms)


class House:
    """Both simulated services, listening."""

    def __init__(self) -> None:
        clock = SystemClock()
        self.tiktok = TikTokSandbox(clock)
        self.pipe17 = Pipe17Sandbox(clock)
        self.tiktok.options.index_lag_ms = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.served: Served = self._do(serve_sandbox(self.tiktok, self.pipe17, webhooks=False))

    def _do(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(10)

    def close(self) -> None:
        self._do(self.served.aclose())
        self._do(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The sandboxes, with the environment pointing at them."""
    built = House()
    monkeypatch.setenv("TIKTOK_API_URL", built.served.tiktok_url)
    monkeypatch.setenv("TIKTOK_AUTH_URL", built.served.tiktok_url)
    monkeypatch.setenv("TIKTOK_AUTHORIZE_URL", f"{built.served.tiktok_url}/open/authorize")
    monkeypatch.setenv("TIKTOK_SERVICE_ID", built.tiktok.options.service_id)
    monkeypatch.setenv("PIPE17_API_URL", f"{built.served.pipe17_url}/api/v3")
    yield built
    built.close()
