"""The commands beside a real daemon process: it holds the store, so whatever changes something goes through it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def daemon(house: Any, filled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A daemon without a grant, on the store of `filled`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("CONNECTOR_LISTEN", f"127.0.0.1:{port}")
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "run", "--json"], stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


def until(says: Callable[[], bool]) -> None:
    """Wait for it, 20 seconds at most."""
    end = time.monotonic() + 20
    while not says():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def test_a_grant_handed_to_the_daemon_lets_everything_go_on(
    house: Any, daemon: subprocess.Popen[str], command: Command, environment: Path
) -> None:
    until(lambda: command("status", "--json").json["connections"].get("tiktok", {}).get("state") == "refused")
    assert "the daemon is running" in command("status").out
    ran = command("connect", "--code", house.tiktok.issue_code())
    assert (ran.status, "this one" in ran.out) == (0, True), ran.err
    until(lambda: command("status", "--json").json["connections"]["tiktok"]["state"] == "connected")
    assert "used before" in command("connect", "--code", "SIMCODE_used").err

    assert command("retry", "orders", "576000000000000002").out == "queued: orders 576000000000000002\n"
    assert "asked for by command line" in command("trace", "576000000000000002").out
    assert command("dismiss", "connection", "nothing", "--note", "x").status == 1

    checked = command("check", "--json")
    assert checked.status == 0, checked.out
    assert any("a running daemon holds it" in one["what"] for one in checked.json["findings"])

    daemon.send_signal(signal.SIGTERM)
    _, log = daemon.communicate(timeout=20)
    assert daemon.returncode == 0
    assert all(line.startswith("{") for line in log.splitlines())
    for secret in [*house.tiktok.grants.access, *house.tiktok.grants.refresh, os.environ["TIKTOK_APP_SECRET"]]:
        assert secret not in log


def test_the_second_daemon_is_refused(daemon: subprocess.Popen[str]) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "daemon", "run"], capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode not in (0, 70)
    assert "Another daemon holds this store" in second.stderr
    assert daemon.poll() is None
