"""The daemon as a process: how it starts, what it says to systemd, how it ends, and when it refuses to begin."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from running_daemon import Sides, running, settings_for, until

from daemon.clock import SystemClock
from daemon.core.tokens import Secret, TokenPair
from daemon.ops import run
from daemon.ops.run import EXIT_CONFIG, EXIT_LOCKED, run_daemon
from daemon.store.database import Database, take_lock
from daemon.store.tokens import StoredTokens

PROCESS = "import os, sys; from daemon.settings import load_settings; from daemon.ops.run import run_daemon; " + (
    "sys.exit(run_daemon(load_settings(os.environ)))"
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "connector.db"


@pytest.fixture
def own_log() -> Iterator[None]:
    """`run_daemon` makes the process's log its own; give it back."""
    root = logging.getLogger()
    handlers, level, hooks = list(root.handlers), root.level, (sys.excepthook, sys.unraisablehook, threading.excepthook)
    yield
    root.handlers[:], root.level = handlers, level
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.NOTSET)


async def test_an_order_goes_through_and_the_end_leaves_the_store_to_others(store: Path) -> None:
    sides = Sides()
    async with running(store, sides) as house:
        await until(lambda: house.running.daemon.ready)
        order_id = sides.tiktok.place_order()
        for poller in house.running.daemon.pollers:
            poller.poke()
        await until(lambda: any(row["extOrderId"] == order_id for row in _created(sides)))
    assert sides.pipe17.calls
    database = await Database.open(store)
    await database.aclose()


def _created(sides: Sides) -> list[dict[str, str]]:
    return [call.body for call in sides.pipe17.calls if call.operation == "orders.create" and call.status < 300]


async def test_a_dead_network_and_a_wrong_key_do_not_keep_it_from_starting(store: Path) -> None:
    sides = Sides()
    async with running(store, sides, PIPE17_API_KEY="wrong-key-0000", TIKTOK_REFRESH_TOKEN="ROW_spent-0000") as house:
        await until(lambda: house.running.daemon.parts.engine.connections.refusals)
        answer = await house.ask("GET", "/readyz")
        assert answer.status == 503
        assert b"refuses us" in answer.body
        assert (await house.ask("GET", "/healthz")).status == 200
        begun = time.monotonic()
    assert time.monotonic() - begun < 3, "a daemon whose sends are paused stops at once, too"


async def test_what_does_not_end_in_time_is_cut_off_and_looked_up_later(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "STOP_WITHIN", run.timedelta(seconds=0.3))
    sides = Sides()
    sides.silent.add(("POST", "/api/v3/orders"))
    alone = {"LOCATIONS": "off", "PRODUCTS": "off"}
    async with running(store, sides, **alone) as house:
        await until(lambda: house.running.daemon.ready)
        sides.tiktok.place_order()
        house.running.daemon.pollers[0].poke()
        await until(lambda: house.backlog("sending"))
        begun = time.monotonic()
    assert time.monotonic() - begun < 3
    with contextlib.closing(sqlite3.connect(store)) as left:
        assert left.execute("SELECT state, busy FROM outbox").fetchall() == [("sending", 1)]
    sides.silent.clear()
    async with running(store, sides) as house:
        await until(lambda: house.backlog("done"))
    assert len(_created(sides)) == 1


async def test_a_pause_outlives_a_restart(store: Path) -> None:
    sides = Sides()
    async with running(store, sides) as house:
        assert await house.post("/api/pause", {"flow": "orders"}) == (200, {"paused": ["orders"]})
    async with running(store, sides) as house:
        assert (await house.get("/api/status"))["paused"] == ["orders"]
        sides.tiktok.place_order()
        house.running.daemon.pollers[0].poke()
        await until(lambda: house.backlog("ready"))
        await anyio.sleep(0.2)
        assert not _created(sides)
        assert await house.post("/api/resume", {"flow": "orders"}) == (200, {"paused": []})
        await until(lambda: _created(sides))


async def test_tokens_that_were_got_later_are_hidden_from_the_log(store: Path) -> None:
    sides = Sides()
    async with running(store, sides) as house:
        keeper = house.running.daemon.parts.tiktok.keeper
        await until(lambda: keeper.pair is not None)
        assert keeper.pair is not None
        token = keeper.pair.access_token.get_secret_value()
        await until(lambda: token not in house.redactor.text(f"got {token}"))


async def test_one_line_says_what_runs_and_one_what_does_not_work_yet(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "daemon")
    async with running(store, Sides(), FULFILLMENTS="off", PRODUCTS="push", STATEMENTS="pull") as house:
        address = house.running.address
    starts = [record.getMessage() for record in caplog.records if " runs: " in record.getMessage()]
    assert len(starts) == 1
    assert "runs: orders pull, " in starts[0]
    assert str(address) in starts[0]
    assert "fulfillments" not in starts[0]
    planned = [record.getMessage() for record in caplog.records if "without effect" in record.getMessage()]
    assert len(planned) == 1
    assert "PRODUCTS=push" in planned[0]
    assert "STATEMENTS" in planned[0]
    assert "products" not in starts[0]


@pytest.mark.usefixtures("own_log")
class TestRefusals:
    """Every reason not to begin has its exit code and names what to change."""

    def test_a_second_daemon_on_one_store(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        lock = take_lock(store)
        try:
            assert run_daemon(settings_for(store, Sides())) == EXIT_LOCKED
        finally:
            os.close(lock)
        assert "CONNECTOR_STORE_URL" in capsys.readouterr().err

    def test_a_port_that_is_taken(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert run_daemon(settings_for(store, Sides(), CONNECTOR_LISTEN=f"127.0.0.1:{port}")) == EXIT_CONFIG
        assert f"CONNECTOR_LISTEN: cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err
        os.close(take_lock(store))

    def test_a_store_of_a_newer_version(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with contextlib.closing(sqlite3.connect(store)) as newer:
            newer.execute("PRAGMA user_version = 9999")
        assert run_daemon(settings_for(store, Sides())) == EXIT_CONFIG
        assert "newer version" in capsys.readouterr().err

    def test_a_file_that_is_no_database(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        store.write_bytes(b"this is a letter to my aunt" * 100)
        assert run_daemon(settings_for(store, Sides())) == EXIT_CONFIG
        assert "CONNECTOR_STORE_URL" in capsys.readouterr().err

    def test_a_dry_run_is_refused_rather_than_ignored(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run_daemon(settings_for(store, Sides(), CONNECTOR_DRY_RUN="true")) == EXIT_CONFIG
        assert "CONNECTOR_DRY_RUN" in capsys.readouterr().err
        assert not store.exists()


@pytest.mark.usefixtures("own_log")
def test_a_wrong_token_key_is_one_clear_line_and_no_restart(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def sealed_with_another_key() -> None:
        database = await Database.open(store)
        pair = TokenPair(Secret("ROW_a"), 1, Secret("ROW_r"), 2, "open", (), "Shop", "US", 0)
        await StoredTokens(database, SystemClock(), b"1" * 32).save(pair)
        await database.aclose()

    anyio.run(sealed_with_another_key)
    settings = settings_for(store, Sides(), CONNECTOR_TOKEN_KEY=b64encode(b"2" * 32).decode())
    assert run_daemon(settings, environ={}) == EXIT_CONFIG
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "CONNECTOR_TOKEN_KEY" in said[0]
    assert "connect" in said[0]


def test_systemd_is_told_and_signals_are_heeded(tmp_path: Path) -> None:
    """A real process whose two sides cannot be reached: READY all the same, fed watchdog, SIGHUP, SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.bind(str(tmp_path / "notify"))
    line.settimeout(10)
    environ = {
        **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONWARNINGS": "error",
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "300000",
        "TIKTOK_APP_KEY": "key-of-the-app",
        "TIKTOK_APP_SECRET": "canary-secret-1",
        "TIKTOK_REFRESH_TOKEN": "canary-token-22",
        "TIKTOK_API_URL": closed,
        "TIKTOK_AUTH_URL": closed,
        "PIPE17_API_URL": closed,
        "PIPE17_API_KEY": "canary-key-333",
        "CONNECTOR_STORE_URL": f"sqlite:///{tmp_path / 'connector.db'}",
        "CONNECTOR_LISTEN": "127.0.0.1:0",
    }
    with line, subprocess.Popen([sys.executable, "-c", PROCESS], env=environ, stderr=subprocess.PIPE) as process:
        told: list[str] = []

        def hear(wanted: str) -> None:
            while wanted not in told:
                told.append(line.recv(4096).decode())

        hear("READY=1")
        hear("WATCHDOG=1")
        process.send_signal(signal.SIGHUP)
        hear("WATCHDOG=1")
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
        assert process.returncode == 0
        assert time.monotonic() - begun < 5
        told.append(line.recv(4096).decode())
        while told[-1] != "STOPPING=1":
            told.append(line.recv(4096).decode())
    assert any(one.startswith("STATUS=") for one in told)
    assert b"reading all sources now" in log
    assert b'"event":"stopped"' in log
    assert b"canary" not in log
