"""`resync`, `approve` and `rollback`: in the store when no daemon runs, asked of the daemon when one does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.core.links import Kind, SkuSeen
from daemon.flows import resync_standing
from daemon.store import facts, levels, links, outbox
from daemon.store.database import Tx

Command = Callable[..., Any]
AT_MS = 1_767_225_600_000
HELD = {
    "since_ms": AT_MS,
    "text": "4 of 10 linked SKUs would go to zero (INVENTORY_GUARD is 30%)",
    "linked": 10,
    "zeroed": 4,
    "wild": 0,
    "sample": [{"sku": "MUG", "sku_id": "17291", "effect": "zeroed", "before": 7, "after": 0}],
}

pytestmark = pytest.mark.usefixtures("filled")


def pushed(tx: Tx) -> None:
    links.put(tx, SkuSeen("17291", "1729", "MUG", "ACTIVATE", Kind.NORMAL, (("W1", 7),)), AT_MS)
    tx.run("pushed_add", ("17291", AT_MS, '{"W1":7}', '{"W1":3}'))
    tx.run("pushed_add", ("17291", AT_MS + 1_000, '{"W1":3}', '{"W1":0}'))


def test_a_resync_is_stored_and_joined(command: Command, in_store: Callable[..., Any]) -> None:
    ran = command("resync", "inventory")
    assert (ran.status, "done when the daemon starts" in ran.out) == (0, True)
    assert in_store(resync_standing.find).phase == "reading"
    assert command("resync", "inventory").out.strip() == "already running, 0 %"
    assert command("resync", "inventory", "--json").json["started"] is False
    assert "reading, 0 %: sends every level again, asked for by command line" in command("status").out
    assert command("resync", "orders").status == 2


def test_nothing_held(command: Command) -> None:
    ran = command("approve")
    assert (ran.status, ran.out.strip()) == (1, "the inventory guard holds nothing")


def test_what_is_held_is_shown_and_let_pass(command: Command, in_store: Callable[..., Any]) -> None:
    def hold(tx: Tx) -> None:
        facts.put(tx, "inventory_guard", HELD, AT_MS)
        levels.mark_id(tx, "17291", levels.Cause.READ, AT_MS)
        tx.run("stock_weighed", ("zeroed", 7, 0, "17291"))
        tx.run("stock_hold", (10,))

    in_store(hold)
    shown = command("approve", "--show")
    assert shown.status == 0
    for text in ("4 of 10 linked SKUs would go to zero", "MUG", "7"):
        assert text in shown.out
    assert "MUG 7 -> 0" in command("status").out
    ran = command("approve")
    assert (ran.status, ran.out.splitlines()[-1]) == (0, "approved: it is sent now")
    assert in_store(lambda tx: tx.all("stock_to_stage", (10,))) == [("17291", AT_MS, "approved")]
    assert command("approve").status == 1


def test_the_way_back(command: Command, in_store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_RETENTION", "3650d")
    assert command("rollback").out.strip() == "no stock was pushed yet"
    in_store(pushed)
    listed = command("rollback", "--json").json["snapshots"]
    assert listed == [{"id": str(AT_MS - 1), "at_ms": AT_MS - 1, "pushed": 2}]
    assert str(AT_MS - 1) in command("rollback").out
    ran = command("rollback", str(AT_MS - 1))
    assert ran.status == 0
    assert ran.out.startswith("1 SKUs get what they had at ")
    row = in_store(lambda tx: outbox.find(tx, "inventory", "17291"))
    assert (row.state, row.payload["levels"]) == ("ready", {"W1": 7})
    for nonsense in ("sometime", "2999-01-01", "2001-01-01"):
        assert command("rollback", nonsense).status == 2


def test_what_is_switched_off_says_so(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY", "off")
    for words in (("resync", "inventory"), ("approve",), ("rollback", str(AT_MS))):
        ran = command(*words)
        assert ran.status == 1
        assert "inventory is switched off" in ran.err


def test_a_running_daemon_is_asked(
    command: Command, in_store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, filled: Path
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    answers = {
        "/api/resync": {"started": True, "text": "started", "resync": {}},
        "/api/approve": {"approved": True, "problem": "", "change": HELD},
        "/api/rollback": {"to_ms": AT_MS, "skus": 2, "left_alone": 1},
    }

    def ask(settings: object, path: str, body: dict[str, Any]) -> dict[str, Any]:
        asked.append((path, body))
        return answers[path]

    monkeypatch.setattr("daemon.ops.cli.stock.daemon_on", lambda store: "running")
    monkeypatch.setattr("daemon.ops.cli.state.daemon_on", lambda store: "running")
    monkeypatch.setattr("daemon.ops.cli.line.ask_daemon", ask)
    in_store(lambda tx: facts.put(tx, "inventory_guard", HELD, AT_MS))
    in_store(lambda tx: facts.put(tx, "resync", {"phase": "done", "percent": 100, "by": ""}, AT_MS))
    assert command("resync", "inventory", "--wait").out.splitlines()[0] == "started"
    assert command("approve").status == 0
    assert "1 SKUs stay as they are" in command("rollback", "2h").out
    assert asked == [
        ("/api/resync", {"flow": "inventory"}),
        ("/api/approve", {"flow": "inventory"}),
        ("/api/rollback", {"to": "2h"}),
    ]
