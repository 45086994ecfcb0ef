"""`trace ID`: everything about one order: both sides' ids, why it waits, when it is tried next, its timeline.

What TikTok changed too late for Pipe17 is named; `--personal` shows both versions, addresses and all, out of the store
of this machine. The web side never does.

The id may be a TikTok order, a Pipe17 order, a fulfillment or a package; all lead to the order.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from daemon.ops.cli import times
from daemon.ops.cli.commands import OK, Ended
from daemon.ops.cli.state import cures, read
from daemon.ops.cli.tables import pairs, print_json, table
from daemon.store import reports

_KIND = {
    "orders": ("TikTok order", "Pipe17 order"),
    "fulfillments": ("Pipe17 fulfillment", "TikTok package"),
    "cancellations": ("TikTok order", "TikTok cancellation"),
}
"""What the key and the remote id of a flow's record name."""


def trace_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `trace`."""
    parser.add_argument("id", metavar="ID", help="an order, fulfillment or package id of either side")
    parser.add_argument(
        "--personal", action="store_true", help="also show addresses that TikTok changed too late, old and new"
    )


def trace(args: argparse.Namespace) -> int:
    """Print it; 1 when nothing is known by this id."""
    found, daemon = read(args, lambda reader: reports.trace(reader, args.id.strip(), personal=args.personal))
    if found is None:
        raise Ended(
            f"nothing is known by the id {args.id}: it may belong to another channel, be older than "
            "CONNECTOR_RETENTION or ORDERS_SINCE, or not have been read yet (`status` shows the last reading)"
        )
    cure = cures()
    for one in found["exceptions"]:
        one["cure"] = cure(one["code"])
    if args.json:
        print_json({"daemon": daemon, **found})
    else:
        _print(found, time.time_ns() // 1_000_000)
    return OK


def _print(found: dict[str, Any], now_ms: int) -> None:
    print(f"order {found['subject']}")
    for row in found["records"]:
        print(f"\n{row['flow']}\n{pairs(_record(row, now_ms))}")
    for one in found["exceptions"]:
        print(f"\nexception {one['code']}\n{pairs(_exception(one, now_ms))}")
    for edit in found["edits"]:
        print(f"\nchanged at TikTok too late ({edit['code']}, {times.instant(edit['at_ms'])})\n{_versions(edit)}")
    lines = [
        (times.instant(line["at_ms"]), line["flow"], line["key"], line["event"], line["detail"])
        for line in found["timeline"]
    ]
    if lines:
        print(f"\n{table(('when', 'flow', 'key', 'event', 'detail'), lines)}")
    if len(lines) == reports.TIMELINE_MAX:
        print(f"(the first {reports.TIMELINE_MAX} lines)")


def _record(row: dict[str, Any], now_ms: int) -> list[tuple[str, str]]:
    here, there = _KIND.get(row["flow"], ("key", "other side"))
    waits = row["state"] in ("held", "ready", "unknown")
    deadline = row["deadline_at_ms"]
    return [
        (f"  {here}", row["key"]),
        (f"  {there}", row["remote_id"] or "none yet"),
        ("  state", _state(row["state"])),
        ("  why", " ".join(part for part in (row["reason"], row["code"] and f"[{row['code']}]") if part)),
        ("  next attempt", f"{times.next_try(row['due_at_ms'], now_ms)} {_at(row['due_at_ms'])}" if waits else ""),
        ("  tries", str(row["attempts"] or "")),
        ("  deadline", f"{times.due(deadline, now_ms)} {_at(deadline)}" if deadline is not None else ""),
        ("  changed", f"{times.ago(row['changed_at_ms'], now_ms)} {_at(row['changed_at_ms'])}"),
        *((f"  {name}", value) for name, value in row["result"].items()),
    ]


def _versions(edit: dict[str, Any]) -> str:
    """Which members differ; what they are on either side where that was asked for."""
    if "before" not in edit:
        return f"  {', '.join(edit['members'])}; `--personal` shows both versions"
    rows = [(name, str(edit["before"][name]), str(edit["after"][name])) for name in edit["members"]]
    return table(("member", "in Pipe17", "at TikTok"), rows)


def _exception(one: dict[str, Any], now_ms: int) -> list[tuple[str, str]]:
    closed = one["closed_at_ms"]
    return [
        ("  about", f"{one['flow']} {one['key']}"),
        ("  what", one["detail"]),
        ("  cure", "" if closed is not None else one["cure"]),
        ("  opened", f"{times.ago(one['opened_at_ms'], now_ms)} {_at(one['opened_at_ms'])}"),
        ("  closed", f"{times.ago(closed, now_ms)} {_at(closed)}" if closed is not None else ""),
    ]


def _at(at_ms: int | None) -> str:
    return f"({times.instant(at_ms)})" if at_ms is not None else ""


def _state(state: str) -> str:
    explained = {
        "held": "held until its time",
        "ready": "ready to be sent",
        "sending": "a call is under way",
        "unknown": "the last call ended in the dark; it is looked up first",
        "done": "the other side has it",
        "dead": "refused; waits for a person (`retry` or `dismiss`)",
        "dropped": "nothing is owed",
    }
    return explained.get(state, state)
