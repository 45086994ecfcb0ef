"""`resync`, `approve` and `rollback`: in the store when no daemon runs, asked of the daemon when one does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.core.findings import Finding
from daemon.core.links import Kind, SkuSeen
from daemon.core.marks import Mark
from daemon.core.standings import Place, Places, Standing
from daemon.core.stock_rows import StockRow
from daemon.flows import resync_standing
from daemon.store import exceptions, facts, journal, levels, links, marks, outbox, reservations
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


def test_what_is_left_out_and_why_is_shown(
    command: Command, in_store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = command("status")
    assert "excluded in Pipe17" not in ran.out
    places = Places({"L3": Place(Standing.EXCLUDED, AT_MS), "L4": Place(Standing.ASSUMED, AT_MS)}, AT_MS)
    in_store(lambda tx: facts.put(tx, "stock_locations", places.public(), AT_MS))
    monkeypatch.setenv("INVENTORY_LOCATIONS_EXCEPT", "L9")
    shown = " ".join(command("status").out.split())
    assert "without L3 (excluded in Pipe17, since" in shown
    assert "L9 (INVENTORY_LOCATIONS_EXCEPT); whether Pipe17 excludes L4 cannot be told" in shown
    said = command("status", "--json").json["stock_locations"]
    assert said["excluded_in_pipe17"] == [{"location": "L3", "since_ms": AT_MS}]
    assert said["left_out_by_setting"] == ["L9"]
    in_store(lambda tx: facts.put(tx, "stock_locations", replace(places, problem="no totals").public(), AT_MS))
    assert "(INVENTORY_LOCATIONS_EXCEPT); no totals" in " ".join(command("status").out.split())
    monkeypatch.setenv("INVENTORY", "off")
    assert command("status", "--json").json["stock_locations"] == {}


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


def goods(tx: Tx) -> None:
    """A product of a mug, whose change the guard holds, and a set; of a jug only Pipe17 knows."""
    links.put(tx, SkuSeen("17291", "1729", "MUG", "ACTIVATE", Kind.NORMAL, (("W1", 7),)), AT_MS)
    links.put(tx, SkuSeen("17292", "1729", "SET", "ACTIVATE", Kind.BUNDLE, (("W1", 2),)), AT_MS)
    for sku, place, on_hand in (("MUG", "L1", 5), ("MUG", "L2", 4), ("JUG", "L1", 3)):
        levels.put(tx, StockRow(sku, place, on_hand, 1, 2, 2, AT_MS, "", 0), 0, AT_MS)
    levels.only(tx, "MUG", {"L1"}, 0, AT_MS)
    reservations.take(tx, "576000000000000009", {"MUG": 2}, first=True)
    marks.put(tx, Mark("MUG", buffer_units=1), AT_MS)
    tx.run("stock_weighed", ("zeroed", 7, 0, "17291"))
    tx.run("stock_hold", (10,))
    journal.note(tx, "inventory", "17291", "1729", "wanted", "ready stock 7", AT_MS)


@pytest.mark.parametrize("subject", ["MUG", "17291"])
def test_trace_of_a_sku_says_where_its_stock_comes_from(
    command: Command, in_store: Callable[..., Any], subject: str
) -> None:
    in_store(goods)
    told = " ".join(command("trace", subject).out.split())
    for text in (
        "product 1729",
        "SKU MUG",
        "4 at L1 (5 on hand, 1 committed, 2 to come of which 2 are committed)",
        "3 at L2 (4 on hand, 1 committed, 2 to come of which 2 are committed; not shown any more since",
        "taken by orders 2 by 576000000000000009",
        "kept back 1 by its product in Pipe17",
        "7 in W1 (as last read; nothing was sent)",
        "the inventory guard holds 7 -> 0",
        "ready stock 7",
    ):
        assert text in told
    assert "SET" not in told


def test_trace_of_a_sku_says_what_is_not_sold_and_why(
    command: Command, in_store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_store(goods)
    places = Places({"L2": Place(Standing.EXCLUDED, AT_MS)}, AT_MS)
    in_store(lambda tx: facts.put(tx, "stock_locations", places.public(), AT_MS))

    def uncounted() -> dict[str, str]:
        (one,) = command("trace", "MUG", "--json").json["skus"]
        return {row["location_id"]: row["uncounted"] for row in one["levels"]}

    assert uncounted() == {"L1": "", "L2": "excluded in Pipe17"}
    assert "; not sold: excluded in Pipe17)" in " ".join(command("trace", "MUG").out.split())
    monkeypatch.setenv("INVENTORY_LOCATIONS_EXCEPT", "L1")
    assert uncounted() == {"L1": "INVENTORY_LOCATIONS_EXCEPT names it", "L2": "excluded in Pipe17"}
    monkeypatch.setenv("INVENTORY_LOCATION", "L2")
    assert uncounted() == {"L1": "the settings name other locations", "L2": ""}


def test_trace_of_a_product_shows_all_of_it(command: Command, in_store: Callable[..., Any]) -> None:
    in_store(goods)
    found = command("trace", "1729", "--json").json
    assert [(one["sku"], one["left_alone"]) for one in found["skus"]] == [
        ("MUG", ""),
        ("SET", "a virtual bundle: TikTok works out its stock from its parts"),
    ]
    assert "not sent" in command("trace", "SET").out


def test_trace_of_a_sku_that_only_pipe17_knows(command: Command, in_store: Callable[..., Any]) -> None:
    in_store(goods)
    told = command("trace", "JUG").out
    assert "none carries it: its stock goes nowhere" in told
    assert "2 at L1" in told


def test_an_exception_about_goods_names_them(command: Command, in_store: Callable[..., Any]) -> None:
    def work(tx: Tx) -> None:
        goods(tx)
        finding = Finding("stock_locked_by_campaign", "a campaign locks it")
        exceptions.open_exception(tx, "inventory", "17291", "1729", finding, AT_MS)

    in_store(work)
    (one,) = command("exceptions", "--flow", "inventory", "--json").json["exceptions"]
    assert (one["product"], one["sku"], "order" in one) == ("1729", "MUG", False)
    told = command("exceptions", "--flow", "inventory").out
    assert ("  product  1729" in told, "  sku      MUG" in told, "  order" in told) == (True, True, False)


def test_the_way_back(command: Command, in_store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_RETENTION", "3650d")
    assert command("rollback").out.startswith("no stock was pushed in the last 48 hours")
    in_store(pushed)
    assert command("rollback", "--json").json["snapshots"] == [], "long ago"
    ran = command("rollback", str(AT_MS - 1))
    assert ran.status == 0
    assert ran.out.startswith("1 SKUs get what they had at ")
    row = in_store(lambda tx: outbox.find(tx, "inventory", "17291"))
    assert (row.state, row.payload["levels"]) == ("ready", {"W1": 7})
    for nonsense in ("sometime", "2999-01-01", "2001-01-01"):
        assert command("rollback", nonsense).status == 2


def test_the_snapshots_are_minutes_of_late_and_hours_of_before(command: Command, in_store: Callable[..., Any]) -> None:
    minute_ms, hour_ms = 60_000, 3_600_000
    now_ms = time.time_ns() // 1_000_000
    late_ms = now_ms - 10 * minute_ms
    before_ms = (now_ms - 20 * hour_ms) // hour_ms * hour_ms

    def work(tx: Tx) -> None:
        for at_ms in (before_ms, before_ms + 40 * minute_ms, late_ms, now_ms):
            tx.run("pushed_add", ("17291", at_ms, '{"W1":7}', '{"W1":3}'))

    in_store(work)
    listed = command("rollback", "--json").json["snapshots"]
    assert [(one["at_ms"] + 1, one["pushed"], one["span_ms"]) for one in listed] == [
        (now_ms, 1, minute_ms),
        (late_ms, 1, minute_ms),
        (before_ms, 2, hour_ms),
    ]
    told = command("rollback").out
    assert f"{late_ms - 1}" in told
    assert "2 within 60 min" in told


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
