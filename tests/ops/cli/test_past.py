"""`pull` and `backfill`: stored for the next start when no daemon runs, watched in the store when one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.core.lifecycle import State
from daemon.core.owed import Change, Wanted
from daemon.flows import backfill, operator
from daemon.store import hints, outbox
from daemon.store.database import Tx

Command = Callable[..., Any]
KNOWN, HELD, NEW = "576000000000000001", "576000000000000004", "576000000000000099"
DAY_MS = 86_400_000


@pytest.fixture
def running(filled: Path, monkeypatch: pytest.MonkeyPatch, in_store: Command) -> dict[str, Callable[..., Any]]:
    """A daemon, as far as these commands see it: what it does to the store when it is asked, by path."""
    answers: dict[str, Callable[..., Any]] = {}
    monkeypatch.setattr("daemon.ops.cli.past.daemon_on", lambda store: "running")
    monkeypatch.setattr("daemon.ops.cli.state.daemon_on", lambda store: "running")
    monkeypatch.setattr("daemon.ops.cli.past.PULL_WAIT_S", 0.5)
    monkeypatch.setattr(
        "daemon.ops.cli.line.ask_daemon",
        lambda settings, path, body: in_store(lambda tx: answers[path](tx, body)),
    )
    return answers


def _pulled(tx: Tx, body: dict[str, Any], *, read: bool = True) -> dict[str, Any]:
    found = operator.pull(tx, body["ids"], 1, "web")
    for one in found:
        if one.key == NEW and read:
            change = Change(NEW, NEW, {}, "stamp", 1, 1)
            outbox.stage(tx, "orders", change, None, Wanted(State.DROPPED, {}, "", reason="cancelled_unpaid"), 1)
    if read:
        hints.handled(tx, [one.hint for one in found], 2)
    return {"pulled": [one.public() for one in found]}


@pytest.mark.usefixtures("filled")
def test_without_a_daemon_a_pull_is_stored(command: Command, in_store: Command) -> None:
    ran = command("pull", KNOWN, NEW, "f00d1", NEW)
    assert ran.status == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith(f"orders {KNOWN}: known, done")
    assert lines[1] == f"orders {NEW}: new, not read yet"
    assert lines[2].startswith("fulfillments f00d1: known, ")
    assert "when the daemon starts" in lines[3]
    for kind, subjects in {"orders": {KNOWN, NEW}, "fulfillments": {"f00d1"}}.items():
        waiting = in_store(lambda tx, kind=kind: hints.waiting(tx, kind, 10))
        assert {hint.subject for hint in waiting if hint.asked} == subjects


def test_what_became_of_each_is_told(running: dict[str, Any], command: Command) -> None:
    running["/api/pull"] = _pulled
    ran = command("pull", KNOWN, HELD, NEW)
    assert ran.status == 0
    assert ran.out.splitlines()[1:] == [
        f"orders {HELD}: known, held: hold_window",
        f"orders {NEW}: new, dropped: cancelled_unpaid",
    ]
    (one,) = command("pull", HELD, "--json").json["pulled"]
    assert (one["flow"], one["key"], one["known"], one["state"]) == ("orders", HELD, True, "held")


@pytest.mark.parametrize(
    ("key", "text"), [("576999999999999999", "TikTok shows no order"), ("f00d9", "Pipe17 shows no fulfillment")]
)
def test_an_unknown_id_is_1(running: dict[str, Any], command: Command, key: str, text: str) -> None:
    running["/api/pull"] = _pulled
    ran = command("pull", key)
    assert ran.status == 1
    assert text in ran.out


def test_what_takes_long_is_said(running: dict[str, Any], command: Command) -> None:
    running["/api/pull"] = lambda tx, body: _pulled(tx, body, read=False)
    ran = command("pull", HELD, NEW)
    assert ran.status == 0
    assert ran.out.splitlines() == [
        f"orders {HELD}: known, held (not read again yet): hold_window",
        f"orders {NEW}: new, not read yet",
    ]


@pytest.mark.usefixtures("filled")
def test_without_a_daemon_a_backfill_is_stored_and_shown(command: Command, in_store: Command) -> None:
    ran = command("backfill", "--since", "30d")
    assert ran.status == 0
    assert "when the daemon starts" in ran.out
    standing = in_store(backfill.find)
    assert (standing.state, standing.until_ms) == ("waiting", None)
    assert abs(standing.asked_at_ms - standing.since_ms - 30 * DAY_MS) < 5_000
    again = command("backfill", "--since", "20d")
    assert (again.status, again.out.splitlines()[0][:20]) == (0, "already running, 0 %")
    wider = command("backfill", "--since", "40d")
    assert wider.status == 1
    assert "does not cover" in wider.out
    assert "backfill" in command("status").out
    assert command("status", "--json").json["backfill"]["state"] == "waiting"
    assert command("backfill", "--since", "20d", "--json").json["covered"] is True


def test_waiting_for_its_end(running: dict[str, Any], command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(tx: Tx, body: dict[str, Any]) -> dict[str, Any]:
        answer = backfill.request(tx, 10 * DAY_MS, None, 20 * DAY_MS)
        standing = backfill.find(tx)
        assert standing is not None
        backfill._keep(tx, replace(standing, state="done", read=7, taken=3, ended_at_ms=1), 1)
        return answer

    running["/api/backfill"] = asked
    ran = command("backfill", "--since", "2026-01-01", "--wait")
    assert ran.status == 0
    assert ran.out.splitlines()[1].startswith("done, 100 %; since 1970-01-11 00:00:00 UTC; 7 orders read, 3 taken up")
    assert command("backfill", "--since", "2026-01-01", "--wait", "--json").json["backfill"]["state"] == "done"
    running["/api/backfill"] = lambda tx, body: backfill.request(tx, 10 * DAY_MS, 15 * DAY_MS, 20 * DAY_MS)
    monkeypatch.setattr("daemon.ops.cli.state.daemon_on", lambda store: "stopped")
    stopped = command("backfill", "--since", "2026-01-01", "--wait")
    assert stopped.status == 1
    assert "until 1970-01-16" in stopped.out
    assert "has stopped" in stopped.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["backfill"],
        ["backfill", "--since", "soon"],
        ["backfill", "--since", "2199-01-01"],
        ["backfill", "--since", "2d", "--until", "3d"],
        ["pull"],
        ["pull", " "],
        ["pull", "x" * 101],
    ],
)
def test_what_cannot_be_meant_is_2(command: Command, arguments: list[str]) -> None:
    assert command(*arguments).status == 2


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("off", "arguments"),
    [("ORDERS", ["pull", KNOWN]), ("ORDERS", ["backfill", "--since", "1d"]), ("FULFILLMENTS", ["pull", "f00d1"])],
)
def test_what_is_switched_off_is_said(
    command: Command, monkeypatch: pytest.MonkeyPatch, off: str, arguments: list[str]
) -> None:
    monkeypatch.setenv(off, "off")
    ran = command(*arguments)
    assert ran.status == 1
    assert off in ran.err


@pytest.mark.parametrize("arguments", [["pull", KNOWN], ["backfill", "--since", "1d"]])
def test_without_a_store_none_is_made(command: Command, environment: Path, arguments: list[str]) -> None:
    assert command(*arguments).status == 78
    assert not environment.exists()
