"""`resync`, `approve` and `rollback`: stock sent again, a held change let pass, the way back to what was pushed.

By the running daemon, or in the store under its lock when none runs; then the daemon does it when it starts.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from daemon.ops.cli import times
from daemon.ops.cli.commands import FAILED, OK, USAGE, Ended
from daemon.ops.cli.given import BY, RUNNING, STOPPED, daemon_on, in_store, settings_of
from daemon.ops.cli.state import read, resync_text
from daemon.ops.cli.tables import print_json, table
from daemon.settings import Settings
from daemon.store import reports

FLOW = "inventory"
LOOK_EVERY_S = 0.5
_STARTS_LATER = "no daemon runs: it is stored, and done when the daemon starts"


def resync_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `resync`."""
    parser.add_argument("flow", metavar="FLOW", choices=(FLOW,), help="inventory")
    parser.add_argument("--wait", action="store_true", help="show how it gets on, until it has ended")


def approve_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `approve`."""
    parser.add_argument("--show", action="store_true", help="only show what is held")


def rollback_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `rollback`."""
    parser.add_argument(
        "to", nargs="?", default="", metavar="SNAPSHOT", help="an id of the list, a date, an instant, or 2h ago as 2h"
    )


def resync(args: argparse.Namespace) -> int:
    """Send every level again, or join the resync that does."""
    settings = _settings(args)
    runs = daemon_on(settings.store_path) == RUNNING
    if runs:
        from daemon.ops.cli.line import ask_daemon

        answer = ask_daemon(settings, "/api/resync", {"flow": FLOW})
    else:
        from daemon.flows.resync_standing import request

        answer = in_store(settings, lambda tx, now_ms: request(tx, BY, now_ms))
    if not args.json:
        print(answer["text"] if runs or not answer["started"] else _STARTS_LATER)
    if args.wait and runs:
        answer["resync"] = _wait(args)
    if args.json:
        print_json({"daemon": RUNNING if runs else STOPPED, **answer})
    return OK


def approve(args: argparse.Namespace) -> int:
    """Let what the guard holds pass; 1 when it holds nothing."""
    settings = _settings(args)
    held, daemon = read(args, reports.facts)
    change = held.get("inventory_guard") or {}
    if args.show or not change:
        if args.json:
            print_json({"daemon": daemon, "change": change})
        else:
            _print_change(change)
        return OK if change else FAILED
    if daemon == RUNNING:
        from daemon.ops.cli.line import ask_daemon

        answer = ask_daemon(settings, "/api/approve", {"flow": FLOW})
    else:
        from daemon.flows import stock_judge

        answer = in_store(settings, lambda tx, now_ms: stock_judge.approve(tx, now_ms, BY))
    if args.json:
        print_json({"daemon": daemon, **answer})
    else:
        _print_change(answer.get("change") or {})
        print(answer["problem"] or "approved: it is sent now")
    return OK if answer["approved"] else FAILED


def rollback(args: argparse.Namespace) -> int:
    """Send what was pushed at an earlier instant; without one, list them."""
    if not args.to:
        return _list(args)
    from daemon.ops.past import remembered

    settings, now_ms = _settings(args), time.time_ns() // 1_000_000
    try:
        to_ms = remembered("SNAPSHOT", args.to, now_ms, settings.connector_retention)
    except ValueError as problem:
        raise Ended(str(problem), USAGE) from None
    if daemon_on(settings.store_path) == RUNNING:
        from daemon.ops.cli.line import ask_daemon

        answer = ask_daemon(settings, "/api/rollback", {"to": args.to})
    else:
        from daemon.assembly import stock_rules
        from daemon.flows.stock_history import roll_back_all

        rules = stock_rules(settings)
        answer = in_store(settings, lambda tx, now_ms: roll_back_all(tx, rules, to_ms, now_ms))
    if args.json:
        print_json(answer)
    else:
        print(f"{answer['skus']} SKUs get what they had at {times.instant(answer['to_ms'])}")
        if answer["left_alone"]:
            print(f"{answer['left_alone']} SKUs stay as they are: nothing from here before, or other warehouses since")
        print("each stays so until its stock changes again, or a resync")
    return OK


def _list(args: argparse.Namespace) -> int:
    now_ms = time.time_ns() // 1_000_000
    found, daemon = read(args, lambda reader: reports.stock_snapshots(reader, now_ms))
    if args.json:
        print_json({"daemon": daemon, "snapshots": found})
    elif not found:
        print(f"no stock was pushed in the last {reports.HOURS_SHOWN} hours")
    else:
        rows = [
            (one["id"], times.instant(one["at_ms"]), f"{one['pushed']} within {times.span(one['span_ms'])}")
            for one in found
        ]
        print(table(("snapshot", "the stock of", "pushed after it"), rows))
    if not args.json:
        print(
            "\nAny instant will do as well: `rollback 2h` is two hours ago, `rollback 2026-11-23T14:30:00Z` an instant"
        )
    return OK


def _wait(args: argparse.Namespace) -> dict[str, Any]:
    shown = ""
    while True:
        known, daemon = read(args, reports.facts)
        one: dict[str, Any] = known.get("resync") or {}
        text = resync_text(one)
        if not args.json and text != shown:
            shown = text
            print(text, flush=True)
        if one.get("phase") == "done":
            return one
        if daemon != RUNNING:
            raise Ended("the daemon has stopped; the resync goes on when it starts")
        time.sleep(LOOK_EVERY_S)


def _print_change(change: dict[str, Any]) -> None:
    if not change:
        print("the inventory guard holds nothing")
        return
    print(change["text"])
    rows = [(one["sku"], str(one["before"]), str(one["after"])) for one in change["sample"]]
    print(table(("SKU", "now", "would be"), rows))


def _settings(args: argparse.Namespace) -> Settings:
    settings = settings_of(args, credentials_needed=False)
    if not settings.inventory.pushes:
        raise Ended("inventory is switched off in the settings (INVENTORY)")
    return settings
