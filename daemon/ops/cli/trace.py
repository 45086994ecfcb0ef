"""`trace ID`: everything about one order, product or SKU: its ids, why it waits, when it is tried next, its timeline.

Of a SKU it says where its stock comes from: Pipe17's figures by location, what orders have taken, what is kept back,
what TikTok accepted, and why nothing is sent where nothing is.

What TikTok changed too late for Pipe17 is named; `--personal` shows both versions, addresses and all, out of the store
of this machine. The web side never does.

The id may be a TikTok order, a Pipe17 order, a fulfillment or a package; all lead to the order. Or a product of either
side, a TikTok SKU or a seller's SKU.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from daemon.ops.cli import times
from daemon.ops.cli.commands import OK, Ended
from daemon.ops.cli.given import settings_of
from daemon.ops.cli.state import cures, read
from daemon.ops.cli.tables import pairs, print_json, table
from daemon.ops.story import story
from daemon.store.trace import LINES_MAX, LINES_OF_A_SKU

_KIND = {
    "orders": ("TikTok order", "Pipe17 order"),
    "fulfillments": ("Pipe17 fulfillment", "TikTok package"),
    "products": ("TikTok product", "Pipe17 product"),
    "inventory": ("TikTok SKU", ""),
    "cancellations": ("TikTok order", "TikTok cancellation"),
}
"""What the key and the remote id of a flow's record name."""
UNSEEN = "no stock of it has been seen; that is not known, and not zero"


def trace_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `trace`."""
    parser.add_argument("id", metavar="ID", help="an order, fulfillment, package or product of either side, or a SKU")
    parser.add_argument(
        "--personal", action="store_true", help="also show addresses that TikTok changed too late, old and new"
    )


def trace(args: argparse.Namespace) -> int:
    """Print it; 1 when nothing is known by this id."""
    settings = settings_of(args, credentials_needed=False)
    found, daemon = read(args, lambda reader: story(reader, args.id.strip(), settings, personal=args.personal))
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
    print(f"{found['kind']} {found['subject']}")
    for one in found["skus"]:
        print(f"\nSKU {one['sku'] or '(none)'}\n{pairs(_sku(one, now_ms))}")
    if found.get("skus_left_out"):
        print(f"(and {found['skus_left_out']} SKUs more)")
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
    if found["kind"] == "order" and len(lines) == LINES_MAX:
        print(f"(the first {LINES_MAX} lines)")
    if found["kind"] == "product" and len(lines) >= LINES_OF_A_SKU:
        print(f"(the last {LINES_OF_A_SKU} lines of each)")


def _record(row: dict[str, Any], now_ms: int) -> list[tuple[str, str]]:
    here, there = _KIND.get(row["flow"], ("key", "other side"))
    waits = row["state"] in ("held", "ready", "unknown")
    deadline = row["deadline_at_ms"]
    return [
        (f"  {here}", row["key"]),
        *([(f"  {there}", row["remote_id"] or "none yet")] if there else []),
        ("  state", _state(row["state"])),
        ("  why", " ".join(part for part in (row["reason"], row["code"] and f"[{row['code']}]") if part)),
        ("  next attempt", f"{times.next_try(row['due_at_ms'], now_ms)} {_at(row['due_at_ms'])}" if waits else ""),
        ("  tries", str(row["attempts"] or "")),
        ("  deadline", f"{times.due(deadline, now_ms)} {_at(deadline)}" if deadline is not None else ""),
        ("  changed", f"{times.ago(row['changed_at_ms'], now_ms)} {_at(row['changed_at_ms'])}"),
        *((f"  {name}", value) for name, value in row["result"].items()),
    ]


def _sku(one: dict[str, Any], now_ms: int) -> list[tuple[str, str]]:
    """Where the stock of a SKU comes from and where it stands."""
    levels = [_level(row, now_ms) for row in one["levels"]]
    found = [
        *zip(("  Pipe17 has", *[""] * len(levels)), levels or [UNSEEN], strict=False),
        ("  taken by orders", ", ".join(f"{taken['units']} by {taken['order']}" for taken in one["taken"])),
        ("  kept back", f"{one['kept_back']} by its product in Pipe17" if one["kept_back"] else ""),
    ]
    if not one["sku_id"]:
        return [("  TikTok SKU", "none carries it: its stock goes nowhere"), *found]
    accepted = one["accepted_at_ms"]
    places = [
        f"{place['accepted'] if one['sent'] else place['seen']} in {place['id']} {place['name']}".rstrip()
        for place in one["warehouses"]
        if not one["sent"] or place["accepted"] is not None
    ]
    left_out = [f"{place['id']} {place['name']}".rstrip() for place in one["warehouses"] if place["accepted"] is None]
    when = f"as accepted {times.ago(accepted, now_ms) if accepted is not None else 'last'}"
    when = when if one["sent"] else "as last read; nothing was sent"
    return [
        ("  TikTok SKU", f"{one['sku_id']}, {one['of']}, {one['status'].lower()}"),
        ("  Pipe17 product", one["pipe17_product_id"] or "none yet"),
        *found,
        ("  TikTok has", f"{', '.join(places)} ({when})" if places else "no warehouse for it"),
        ("  left out", ", ".join(left_out) if one["sent"] else ""),
        ("  not sent", one["left_alone"]),
        ("  waits", _change(one["change"], now_ms) if one["change"] else ""),
    ]


def _level(row: dict[str, Any], now_ms: int) -> str:
    sellable = row["on_hand"] - row["committed"] + row["future"] - row["committed_future"]
    parts = f"{row['on_hand']} on hand, {row['committed']} committed"
    if row["future"] or row["committed_future"]:
        parts += f", {row['future']} to come of which {row['committed_future']} are committed"
    missing = row["missing_since_ms"]
    gone = f"; not shown any more since {times.ago(missing, now_ms)}" if missing is not None else ""
    left_out = f"; not sold: {row['uncounted']}" if row["uncounted"] else ""
    return f"{sellable} at {row['location_id']} ({parts}{gone}{left_out})"


def _change(change: dict[str, Any], now_ms: int) -> str:
    since = f"since {times.instant(change['changed_at_ms'])}"
    if not change["held"]:
        return f"to be worked out, {since}"
    return (
        f"the inventory guard holds {change['before_units']} -> {change['after_units']} {since}; `approve` lets it pass"
    )


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
