"""`retry` and `dismiss`: in the store when no daemon runs, by the daemon when one does."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any, ClassVar

import pytest

from daemon.store import exceptions, outbox
from daemon.store.database import take_lock

Command = Callable[..., Any]
DEAD = "576000000000000002"


def state_of(in_store: Command, flow: str, key: str) -> str:
    return str(in_store(lambda tx: outbox.find(tx, flow, key)).state)


@pytest.mark.usefixtures("filled")
def test_one_dead_row_goes_out_again(command: Command, in_store: Command) -> None:
    ran = command("retry", "orders", DEAD)
    assert (ran.status, ran.out) == (0, f"queued: orders {DEAD}\n")
    assert state_of(in_store, "orders", DEAD) == "ready"
    assert "asked for by command line" in command("trace", DEAD).out


@pytest.mark.usefixtures("filled")
def test_one_that_waits_goes_now(command: Command) -> None:
    assert command("retry", "orders", "576000000000000003").status == 0
    (row,) = command("backlog", "--flow", "orders", "--json").json["backlog"][1:2]
    assert (row["key"], row["state"], row["due_at_ms"]) == ("576000000000000003", "ready", None)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("flow", "key", "why"),
    [
        ("orders", "576000000000000004", "a hold cannot be shortened"),
        ("orders", "576000000000000001", "nothing waits to be sent"),
        ("fulfillments", "f00d1", "looked up first"),
        ("orders", "1", "no such record"),
    ],
)
def test_what_cannot_be_sent_again_says_why(command: Command, flow: str, key: str, why: str) -> None:
    ran = command("retry", flow, key)
    assert ran.status == 1
    assert why in ran.out


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--all"], 1),
        (["--flow", "orders"], 1),
        (["--flow", "orders", "--code", "bad_request"], 1),
        (["--all", "--code", "another"], 0),
        (["--flow", "fulfillments"], 0),
    ],
)
def test_by_filter(command: Command, arguments: list[str], found: int) -> None:
    ran = command("retry", *arguments, "--json")
    assert len(ran.json["queued"]) == found
    assert ran.status == (0 if found else 1)


def test_a_filter_takes_everything_however_much_it_is(
    command: Command, in_store: Command, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.flows.operator.AT_ONCE", 1)
    command("retry", "orders", "576000000000000003")
    in_store(lambda tx: tx._connection.execute("UPDATE outbox SET state = 'dead', queued = 0 WHERE state = 'ready'"))
    assert len(command("retry", "--flow", "orders", "--json").json["queued"]) == 2


@pytest.mark.usefixtures("filled")
def test_a_record_that_could_not_be_read_is_read_again(command: Command, in_store: Command) -> None:
    in_store(lambda tx: tx.one("set_aside_put", ("orders", "77", "{}", "no id", 1)))
    assert command("retry", "orders", "77").out == "read again: orders 77\n"
    ((_, kind, subject),) = in_store(lambda tx: tx.all("hints_waiting", ("orders", 10)))
    assert (kind, subject) == ("orders", "77")


@pytest.mark.parametrize(
    "arguments",
    [[], ["orders"], ["--all", "--flow", "orders"], ["orders", "1", "--all"], ["orders", "1", "--code", "x"]],
)
def test_retry_wants_one_way_of_saying_what(command: Command, arguments: list[str]) -> None:
    assert command("retry", *arguments).status == 2


@pytest.mark.usefixtures("filled")
def test_dismiss_closes_with_the_note(command: Command, in_store: Command) -> None:
    ran = command("dismiss", "orders", DEAD, "--note", "made by hand in Pipe17")
    assert ran.status == 0
    assert ran.out.startswith(f"closed orders {DEAD}: bad_request; it is not sent any more")
    assert state_of(in_store, "orders", DEAD) == "dropped"
    assert in_store(lambda tx: tx.all("exceptions_of_key", ("orders", DEAD))) == []
    assert "made by hand in Pipe17" in command("trace", DEAD).out
    again = command("dismiss", "orders", DEAD, "--note", "once more")
    assert again.status == 1
    assert "has nothing open" in again.out


@pytest.mark.usefixtures("filled")
def test_dismiss_leaves_what_is_still_owed(command: Command, in_store: Command) -> None:
    from daemon.core.findings import Finding

    key = "576000000000000003"
    in_store(lambda tx: exceptions.open_exception(tx, "orders", key, key, Finding("total_mismatch", "1 != 2"), 0))
    assert "not sent any more" not in command("dismiss", "orders", key, "--note", "known").out
    assert state_of(in_store, "orders", key) == "ready"
    assert command("dismiss", "orders", "1", "--note", "x").status == 1
    assert command("dismiss", "orders", key).status == 2
    assert command("dismiss", "orders", key, "--note", " ").status == 2


@pytest.mark.parametrize("arguments", [["retry", "--all"], ["dismiss", "orders", "1", "--note", "x"]])
def test_without_a_store_none_is_made(command: Command, environment: Path, arguments: list[str]) -> None:
    assert command(*arguments).status == 78
    assert not environment.exists()


class _Daemon(BaseHTTPRequestHandler):
    """The web side of a daemon, as far as these commands see it."""

    seen: ClassVar[list[tuple[str, str | None, dict[str, Any]]]] = []
    answers: ClassVar[list[tuple[int, dict[str, Any]]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, self.headers["authorization"], body))
        status, document = self.answers.pop(0)
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def address_string(self) -> str:
        return "here"


class _UnixServer(UnixStreamServer):
    def get_request(self) -> tuple[socket.socket, Any]:
        request, _ = super().get_request()
        return request, ("local", 0)


@pytest.fixture(params=["tcp", "unix"])
def running(
    request: pytest.FixtureRequest, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[_Daemon]]:
    """A process that holds the store and answers."""
    _Daemon.seen, _Daemon.answers = [], []
    if request.param == "tcp":
        server: Any = HTTPServer(("127.0.0.1", 0), _Daemon)
        monkeypatch.setenv("CONNECTOR_LISTEN", f"0.0.0.0:{server.server_address[1]}")
    else:
        server = _UnixServer(str(tmp_path / "web.sock"), _Daemon)
        monkeypatch.setenv("CONNECTOR_LISTEN", f"unix:{tmp_path / 'web.sock'}")
    lock = take_lock(filled)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield _Daemon
    server.shutdown()
    thread.join()
    server.server_close()
    os.close(lock)


def test_a_running_daemon_is_asked(running: type[_Daemon], command: Command) -> None:
    queued = {"queued": [{"flow": "orders", "key": DEAD}], "reread": [], "refused": [], "more": True}
    running.answers = [(200, queued), (200, {**queued, "more": False})]
    ran = command("retry", "--flow", "orders", "--code", "bad_request")
    assert ran.out == f"queued: orders {DEAD}\n" * 2
    wanted = ("/api/retry", "Bearer canary-admin-token-0001", {"flow": "orders", "code": "bad_request"})
    assert running.seen == [wanted, wanted]


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ((401, {"error": "no"}), 78, "CONNECTOR_ADMIN_TOKEN"),
        ((404, {"error": "no such page"}), 1, "no such page"),
        ((503, {"error": "stopping"}), 69, "stopping"),
    ],
)
def test_a_daemon_that_says_no(
    running: type[_Daemon], command: Command, answer: tuple[int, dict[str, Any]], status: int, text: str
) -> None:
    running.answers = [answer]
    ran = command("dismiss", "orders", DEAD, "--note", "x")
    assert ran.status == status
    assert text in ran.err


@pytest.mark.parametrize("where", ["127.0.0.1:1", "unix:/nowhere/web.sock"])
def test_a_daemon_that_does_not_answer_is_69(
    filled: Path, command: Command, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    lock = take_lock(filled)
    monkeypatch.setenv("CONNECTOR_LISTEN", where)
    ran = command("retry", "--all")
    os.close(lock)
    assert ran.status == 69
    assert where in ran.err
