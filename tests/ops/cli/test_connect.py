"""`connect`: the link, the ways a code comes back, and what becomes of it, against the simulated shop."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from daemon.ops.cli.redirect import RedirectServer, problem_of, read_redirect

Command = Callable[..., Any]


def get(url: str) -> tuple[int, str, str]:
    """Status, body and location of a page."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("GET", f"{parts.path or '/'}?{parts.query}")
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("location", "")
    finally:
        connection.close()


def test_a_code_becomes_stored_tokens(house: Any, command: Command) -> None:
    ran = command("connect", "--code", house.tiktok.issue_code())
    assert ran.status == 0
    assert "has no end" in ran.out
    assert re.search(r"7495000000000000001 +Sim Shop US +US +USSIM00001 +this one", ran.out)
    status = command("status", "--json").json
    assert status["authorization"]["state"] == "authorized"
    assert status["shop"]["id"] == house.tiktok.options.shop_id
    assert status["connections"]["tiktok"]["state"] == "connected"


def test_a_pasted_address_and_json(house: Any, command: Command) -> None:
    address = "https://example.org/cb?" + urlencode({"code": house.tiktok.issue_code(), "state": "x", "locale": "en"})
    result = command("connect", "--code", address, "--json").json
    assert result["connected"] is True
    assert result["shop_id"] == house.tiktok.options.shop_id


def test_a_code_is_taken_once(house: Any, command: Command) -> None:
    code = house.tiktok.issue_code()
    command("connect", "--code", code)
    ran = command("connect", "--code", code)
    assert ran.status == 1
    assert "used before, or is older than 30 minutes" in ran.err
    assert code not in ran.out + ran.err


def test_several_shops_ask_for_a_setting(house: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    two_shops(house)
    ran = command("connect", "--code", house.tiktok.issue_code())
    assert ran.status == 78
    assert "TIKTOK_SHOP_ID" in ran.err
    assert "7495000000000000002" in ran.out
    monkeypatch.setenv("TIKTOK_SHOP_ID", "7495000000000000002")
    assert command("connect", "--code", house.tiktok.issue_code()).status == 0


def test_a_grant_without_a_scope_says_which(house: Any, command: Command) -> None:
    scopes = tuple(one for one in house.tiktok.tokens()["granted_scopes"] if one != "seller.order.info")
    ran = command("connect", "--code", house.tiktok.issue_code(scopes))
    assert ran.status == 1
    assert "seller.order.info" in ran.err


def test_nobody_there_is_69(house: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_AUTH_URL", "http://127.0.0.1:1")
    assert command("connect", "--code", "whatever").status == 69


def test_a_wrong_secret_names_the_settings(house: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_APP_SECRET", "canary-wrong-secret")
    ran = command("connect", "--code", house.tiktok.issue_code())
    assert ran.status == 1
    assert "TIKTOK_APP_SECRET" in ran.err
    assert "canary-wrong-secret" not in ran.out + ran.err


def test_without_a_service_id_there_is_no_link(command: Command) -> None:
    ran = command("connect")
    assert ran.status == 78
    assert "TIKTOK_SERVICE_ID" in ran.err


def test_pasting_at_the_prompt(house: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(f"{house.tiktok.issue_code()}\n"))
    ran = command("connect")
    assert ran.status == 0
    assert "open/authorize?service_id=" in ran.out
    monkeypatch.setattr("sys.stdin", StringIO(""))
    assert command("connect").status == 2


def test_both_links_while_the_market_is_unknown(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_SERVICE_ID", "7300000000000000001")
    monkeypatch.setattr("sys.stdin", StringIO(""))
    links = re.findall(
        r"https://(\S+?)/open/authorize\?service_id=7300000000000000001&state=(\S{20,})", command("connect").out
    )
    assert {host for host, _ in links} == {"services.us.tiktokshop.com", "services.tiktokshop.com"}
    assert len({state for _, state in links}) == 1
    monkeypatch.setattr("sys.stdin", StringIO(""))
    assert "services.tiktokshop.com" not in command("connect", "--market", "US").out


@pytest.fixture
def waiting(house: Any) -> Iterator[tuple[str, int, subprocess.Popen[str]]]:
    """`connect --listen` in a process of its own: its link, its port, itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "connect", "--listen", "127.0.0.1:0", "--wait", "20s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    link, port = "", 0
    while not port:
        line = process.stdout.readline()
        assert line or process.poll() is None
        link = line.strip() if "http" in line else link
        port = int(line.split()[-2]) if line.startswith("Waiting") else 0
    yield link, port, process
    process.kill()
    process.communicate()


def test_the_browser_comes_back(house: Any, waiting: tuple[str, int, subprocess.Popen[str]]) -> None:
    link, port, process = waiting
    house.tiktok.options.auto_approve = True
    _, _, location = get(link)
    assert get(f"http://127.0.0.1:{port}/favicon.ico")[0] == 404
    query = parse_qs(urlsplit(location).query)
    foreign = urlencode({"code": "stolen", "state": "another"})
    status, page, _ = get(f"http://127.0.0.1:{port}/cb?{foreign}")
    assert (status, "another attempt" in page) == (400, True)
    status, page, _ = get(f"http://127.0.0.1:{port}/cb?{urlsplit(location).query}")
    assert (status, "Thank you" in page) == (200, True)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Sim Shop US" in out
    assert query["code"][0] not in out + err


def test_the_owner_says_no(house: Any, waiting: tuple[str, int, subprocess.Popen[str]]) -> None:
    link, port, process = waiting
    _, _, location = get(f"{link}&answer=deny")
    status, page, _ = get(f"http://127.0.0.1:{port}/?{urlsplit(location).query}")
    assert (status, "denied access" in page) == (400, True)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "denied access" in err


def test_a_start_from_the_app_store_has_no_state(house: Any, waiting: tuple[str, int, subprocess.Popen[str]]) -> None:
    _, port, process = waiting
    assert get(f"http://127.0.0.1:{port}/?code={house.tiktok.issue_code()}")[0] == 200
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "without a state" in out


def test_nobody_comes_back(house: Any, command: Command) -> None:
    ran = command("connect", "--listen", "127.0.0.1:0", "--wait", "1s")
    assert ran.status == 1
    assert "nobody came back within 1 s" in ran.err


def test_a_taken_port_is_usage(house: Any, command: Command) -> None:
    assert command("connect", "--listen", f"127.0.0.1:{house.served.tiktok_port}").status == 2


@pytest.mark.parametrize(
    ("text", "code", "state", "error"),
    [
        ("ABC_123", "ABC_123", None, ""),
        (" 'ABC' ", "ABC", None, ""),
        ("https://h/cb?code=A%2BB&state=s&app_key=k", "A+B", "s", ""),
        ("code=A&state=s", "A", "s", ""),
        ("https://h/cb?code=null&error=auth_denied&state=s", "", "s", "auth_denied"),
        ("https://h/cb?code=null", "", None, "no code"),
        ("https://h/cb", "", None, ""),
        ("https://h/cb?code=A#fragment", "A", None, ""),
    ],
)
def test_reading_what_came_back(text: str, code: str, state: str | None, error: str) -> None:
    redirect = read_redirect(text)
    assert (redirect.code, redirect.state, redirect.error) == (code, state, error)
    assert code not in repr(redirect) or not code


def test_a_foreign_denial_does_not_end_the_wait() -> None:
    server = RedirectServer("127.0.0.1", 0, "ours")
    try:
        get(f"http://127.0.0.1:{server.port}/?code=null&error=auth_denied&state=theirs")
        assert server.wait(0.2) is None
        late = threading.Timer(0.1, get, [f"http://127.0.0.1:{server.port}/?code=A&state=ours"])
        late.start()
        began = time.monotonic()
        redirect = server.wait(10)
        assert redirect is not None
        assert problem_of(redirect, "ours") == ""
        assert time.monotonic() - began < 5
        late.join()
    finally:
        server.close()


def two_shops(house: Any) -> None:
    """The grant covers a second shop."""
    one = house.tiktok.grants.shops(None)["shops"][0]
    second = {**one, "id": "7495000000000000002", "name": "Sim Shop UK", "region": "GB", "code": "GBSIM00002"}
    house.tiktok._handlers["shops.list"] = lambda ask: {"shops": [one, second]}
