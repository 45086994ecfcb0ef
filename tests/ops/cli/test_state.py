"""`status`, `backlog`, `exceptions`, `trace`: what they show, in words and as JSON, with and without a daemon."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.core.findings import Finding
from daemon.store import exceptions, facts
from daemon.store.database import take_lock

Command = Callable[..., Any]


@pytest.mark.usefixtures("filled")
def test_status_is_one_page(command: Command) -> None:
    ran = command("status")
    assert ran.status == 0
    assert "the daemon is not running" in ran.out
    assert re.search(r"shop +Sim Shop \(US, 7495000000000000001\)", ran.out)
    assert re.search(r"TikTok +refused since 3 h grant again", ran.out)
    assert re.search(r"grant +needs_reauth, ends in 2[89] d", ran.out)
    assert "fails since 10 min" in ran.out
    assert "2 open exceptions" in ran.out
    head, orders = (next(line for line in ran.out.splitlines() if line.startswith(name)) for name in ("FLOW", "orders"))
    columns = {name: orders[head.index(name) :].split()[0] for name in ("HELD", "READY", "DEAD", "DONE")}
    assert columns == {"HELD": "1", "READY": "1", "DEAD": "1", "DONE": "1"}


def test_status_sees_a_running_daemon_and_leaves_its_lock_alone(filled: Path, command: Command) -> None:
    lock = take_lock(filled)
    assert command("status", "--json").json["daemon"] == "running"
    os.close(lock)
    assert command("status", "--json").json["daemon"] == "stopped"
    os.close(take_lock(filled))


@pytest.mark.usefixtures("filled")
def test_status_names_what_a_person_paused(command: Command, in_store: Command) -> None:
    assert "paused" not in command("status").out
    in_store(lambda tx: facts.put(tx, "paused", ["orders"], 0))
    assert re.search(r"^paused +orders$", command("status").out, re.MULTILINE)


@pytest.mark.usefixtures("filled")
def test_status_as_json(command: Command) -> None:
    report = command("--json", "status").json
    assert report["flows"]["orders"]["backlog"] == {"held": 1, "ready": 1, "dead": 1}
    assert report["exceptions"] == [
        {"flow": "connection", "code": "tiktok_expired", "open": 1},
        {"flow": "orders", "code": "bad_request", "open": 1},
    ]


@pytest.mark.usefixtures("filled")
def test_backlog_says_when_and_why(command: Command) -> None:
    ran = command("backlog")
    lines = {line.split()[1]: line for line in ran.out.splitlines() if line.startswith(("orders", "fulfillments"))}
    assert re.search(r"held +48 min +in 1[12] min .*hold_window", lines["576000000000000004"])
    assert re.search(r"ready .*in 12 min .*TikTok is slow", lines["576000000000000003"])
    assert re.search(r"dead .*after `retry` .*Pipe17 refuses the address", lines["576000000000000002"])
    assert re.search(r"unknown .*no answer", lines["f00d1"])
    assert "nothing is tried until it starts" in ran.out


@pytest.mark.usefixtures("filled")
def test_backlog_by_flow_and_limit(command: Command) -> None:
    rows = command("backlog", "--flow", "fulfillments", "--json").json["backlog"]
    assert [(row["key"], row["state"], row["order"]) for row in rows] == [("f00d1", "unknown", "576000000000000001")]
    limited = command("backlog", "--limit", "1")
    assert "the first 1" in limited.out
    assert command("backlog", "--limit", "0").status == 2


@pytest.mark.usefixtures("filled")
def test_exceptions_name_the_cure(command: Command) -> None:
    ran = command("exceptions")
    assert re.search(r"^orders 576000000000000002  bad_request  since \d+ s", ran.out, re.MULTILINE)
    assert re.search(r"^  what +Pipe17 refuses the address$", ran.out, re.MULTILINE)
    assert re.search(r"^  cure +\S", ran.out, re.MULTILINE)
    assert re.search(r"^  next +after `retry`$", ran.out, re.MULTILINE)
    assert re.search(r"^  deadline +in 26 h$", ran.out, re.MULTILINE) or "in 25 h" in ran.out
    rows = command("exceptions", "--json").json["exceptions"]
    assert all(row["cure"] for row in rows)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("subject", ["576000000000000001", "p17order0001", "f00d1"])
def test_trace_finds_an_order_by_every_id(command: Command, subject: str) -> None:
    ran = command("trace", subject)
    assert ran.status == 0
    assert "order 576000000000000001" in ran.out
    assert re.search(r"Pipe17 order +p17order0001", ran.out)
    assert re.search(r"Pipe17 fulfillment +f00d1", ran.out)
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC +orders +576000000000000001 +accepted", ran.out)


@pytest.mark.usefixtures("filled")
def test_trace_says_why_it_waits_and_until_when(command: Command) -> None:
    held = command("trace", "576000000000000004").out
    assert re.search(r"why +hold_window", held)
    assert re.search(r"next attempt +in 1[12] min \(\d{4}-", held)
    refused = command("trace", "576000000000000002").out
    assert re.search(r"why +Pipe17 refuses the address \[bad_request\]", refused)
    assert "exception bad_request" in refused
    found = command("trace", "576000000000000002", "--json").json
    assert found["exceptions"][0]["cure"]


@pytest.mark.usefixtures("filled")
def test_an_unknown_id_is_1_with_a_hint(command: Command) -> None:
    ran = command("trace", "999")
    assert ran.status == 1
    assert "nothing is known by the id 999" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize("name", [["status"], ["backlog"], ["exceptions"], ["trace", "1"]])
def test_without_a_store_the_text_says_where_it_looked(command: Command, environment: Path, name: list[str]) -> None:
    ran = command(*name)
    assert ran.status == 78
    assert str(environment) in ran.err
    assert not environment.exists()


def test_an_empty_house_says_so(in_store: Command, command: Command) -> None:
    in_store(lambda tx: None)
    assert command("backlog").out.startswith("Nothing is owed.")
    assert command("exceptions").out.startswith("No open exceptions.")
    assert "not known yet" in command("status").out


@pytest.mark.usefixtures("filled")
def test_a_control_character_of_the_other_side_is_not_printed(in_store: Command, command: Command) -> None:
    spoilt = Finding("spoilt", "\x1b[31mred\nline")
    in_store(lambda tx: exceptions.open_exception(tx, "orders", "1", "1", spoilt, 0))
    ran = command("exceptions")
    assert "\x1b" not in ran.out
    assert "[31mred line" in ran.out


@pytest.mark.usefixtures("filled")
def test_trace_shows_both_versions_of_an_edit_only_when_asked(command: Command, in_store: Any) -> None:
    order_id = "576000000000000001"
    edit = {"code": "edited_after_ship", "at_ms": 1_767_218_400_000, "members": ["address1"]}
    versions = {"before": {"address1": "18 Larch Road"}, "after": {"address1": "3 Elm Row"}}
    result = {"document": {}, "edits": [edit | versions]}
    in_store(
        lambda tx: tx._connection.execute("UPDATE outbox SET result = ? WHERE key = ?", (json.dumps(result), order_id))
    )
    plain = command("trace", order_id)
    assert "address1" in plain.out
    assert "--personal" in plain.out
    assert "Larch" not in plain.out + command("trace", order_id, "--json").out
    shown = command("trace", order_id, "--personal")
    assert "18 Larch Road" in shown.out
    assert "3 Elm Row" in shown.out
    assert command("trace", order_id, "--personal", "--json").json["edits"] == [edit | versions]
