"""`status`, `backlog`, `exceptions`: where everything stands, over the read-only side of the store.

They work while the daemon runs and while it does not, and say which. Nothing is called and nothing is written; the
HTTP client and the web server are not even imported.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from daemon import __version__
from daemon.errors import StoreError
from daemon.ops.cli import times
from daemon.ops.cli.commands import OK
from daemon.ops.cli.given import RUNNING, STOPPED, daemon_on, settings_of
from daemon.ops.cli.tables import bytes_text, pairs, print_json, table
from daemon.ops.stock_locations import left_out, left_out_text
from daemon.store import reports
from daemon.store.reader import Reader

LIMIT = 50
_STATES = ("held", "ready", "sending", "unknown", "dead")

T = TypeVar("T")


def list_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `backlog` and `exceptions`."""
    parser.add_argument("--flow", default="", help="only this flow: orders, fulfillments ...")
    parser.add_argument("--limit", type=_limit, default=LIMIT, help=f"how many at most (default {LIMIT})")


def status(args: argparse.Namespace) -> int:
    """The whole picture on one page."""
    now_ms, settings = _now_ms(), settings_of(args, credentials_needed=False)

    async def whole(reader: Reader) -> dict[str, Any]:
        known = await reports.facts(reader)
        live = {"paused": known.get("paused", []), "stock_locations": left_out(settings, known)}
        return live | await reports.status(reader, now_ms)

    found, daemon = read(args, whole)
    report = {"version": __version__, "daemon": daemon, **found}
    if args.json:
        print_json(report)
    else:
        _print_status(report, now_ms)
    return OK


def backlog(args: argparse.Namespace) -> int:
    """What is owed, and why it is not done."""
    rows, daemon = read(args, lambda reader: reports.backlog(reader, args.limit, args.flow))
    if args.json:
        print_json({"daemon": daemon, "backlog": rows})
        return OK
    now_ms = _now_ms()
    head = ("flow", "key", "state", "waits", "next attempt", "tries", "deadline", "why")
    cells = [
        (
            row["flow"],
            " ".join(part for part in (row["key"], row.get("sku")) if part),
            row["state"],
            times.span(now_ms - row["changed_at_ms"]),
            _next(row["state"], row["due_at_ms"], now_ms),
            str(row["attempts"] or ""),
            times.due(row["deadline_at_ms"], now_ms),
            row["reason"],
        )
        for row in rows
    ]
    print(table(head, cells) if cells else "Nothing is owed.")
    _say_more(len(rows), args.limit)
    _say_stopped(daemon)
    return OK


def exceptions(args: argparse.Namespace) -> int:
    """What a person has to look at: what happened, since when, the cure, the next attempt."""
    rows, daemon = read(args, lambda reader: reports.exceptions(reader, args.limit, args.flow))
    cure = cures()
    for row in rows:
        row["cure"] = cure(row["code"])
    if args.json:
        print_json({"daemon": daemon, "exceptions": rows})
        return OK
    now_ms = _now_ms()
    for number, row in enumerate(rows):
        if number:
            print()
        times_text = f", seen {row['times']} times" if row["times"] > 1 else ""
        print(f"{row['flow']} {row['key']}  {row['code']}  {times.since(row['opened_at_ms'], now_ms)}{times_text}")
        attempt = _next(row["state"], row["next_attempt_at_ms"], now_ms) if row["state"] else ""
        lines = [
            *((f"  {name}", row[name]) for name in reports.PART_OF if row.get(name)),
            ("  what", row["detail"]),
            ("  cure", row["cure"]),
            ("  next", attempt or "when a person acts, or the record changes"),
            ("  deadline", times.due(row["deadline_at_ms"], now_ms)),
        ]
        print(pairs(lines))
    if not rows:
        print("No open exceptions.")
    _say_more(len(rows), args.limit)
    _say_stopped(daemon)
    return OK


def read(args: argparse.Namespace, report: Callable[[Reader], Awaitable[T]]) -> tuple[T, str]:
    """A report of the store, and whether a daemon runs on it."""
    store = settings_of(args, credentials_needed=False).store_path

    async def reading() -> T:
        reader = await Reader.open(store)
        try:
            return await report(reader)
        finally:
            await reader.aclose()

    if not store.exists():
        raise StoreError(
            f"there is no store at {store}: the daemon has not run yet, or it keeps it elsewhere "
            "(CONNECTOR_STORE_URL, or STATE_DIRECTORY for a service)"
        )
    return asyncio.run(reading()), daemon_on(store)


def cures() -> Callable[[str], str]:
    """What a person does about an exception code; "" for one without an entry."""
    from daemon.ops.cures import cure_of

    return cure_of


def resync_text(one: dict[str, Any]) -> str:
    """Where a resync of stock stands, in a line; "" for none."""
    if not one or not one["by"]:
        return ""
    what = "sends every level again" if one["sends"] else "reads every level"
    text = f"{one['phase']}, {one['percent']} %: {what}, asked for by {one['by']}"
    if one["sends"]:
        text += f"; {one['marked']} of {one['total']} SKUs taken up, {one['skipped']} left out, {one['left']} to send"
    return f"{text}; {one['problem']}" if one["problem"] else text


def guard_text(one: dict[str, Any]) -> str:
    """What the inventory guard holds, in a line; "" for nothing."""
    if not one:
        return ""
    shown = ", ".join(f"{item['sku']} {item['before']} -> {item['after']}" for item in one["sample"][:5])
    return f"holds a change: {one['text']}; {shown}; `tiktok-pipe17 approve` lets it pass"


def backfill_text(one: dict[str, Any]) -> str:
    """Where a backfill stands, in a line; "" for none."""
    if not one:
        return ""
    span = f"since {times.instant(one['since_ms'])}"
    if one["until_ms"] is not None:
        span += f" until {times.instant(one['until_ms'])}"
    parts = [f"{one['state']}, {one['percent']} %", span, f"{one['read']} orders read, {one['taken']} taken up"]
    if one["problem"]:
        parts.append(f"waits: {one['problem']}")
    return "; ".join(parts)


def _print_status(report: dict[str, Any], now_ms: int) -> None:
    shop, grant = report["shop"], report["authorization"]
    head = [
        ("tiktok-pipe17", f"{report['version']}, {_daemon_text(report['daemon'])}"),
        ("shop", f"{shop['name']} ({shop['region']}, {shop['id']})" if shop else "not known yet"),
        ("TikTok", _connection_text(report, "tiktok", now_ms)),
        ("grant", _grant_text(grant, now_ms)),
        ("Pipe17", _connection_text(report, "pipe17", now_ms)),
        ("paused", ", ".join(report["paused"])),
        ("backfill", backfill_text(report["backfill"])),
        ("inventory guard", guard_text(report["inventory_guard"])),
        ("stock", left_out_text(report["stock_locations"], now_ms)),
        ("resync", resync_text(report["resync"])),
        ("store", bytes_text(report["store_bytes"])),
    ]
    print(pairs(head))
    rows = [
        (
            flow,
            _read_text(one, now_ms),
            *(str(one["backlog"].get(state, 0) or "-") for state in _STATES),
            times.span(max(one["oldest_ms"].values())) if one["oldest_ms"] else "-",
            times.due(one["nearest_deadline_at_ms"], now_ms) or "-",
            str(one["done"]),
            str(one["dropped"]),
            one["problem"],
        )
        for flow, one in report["flows"].items()
    ]
    if rows:
        columns = ("flow", "read", *_STATES, "oldest", "deadline", "done", "dropped", "problem")
        print(f"\n{table(columns, rows)}")
    opened = report["exceptions"]
    if opened:
        texts = [f"{one['open']} {one['flow']} {one['code']}" for one in opened]
        print(f"\n{sum(one['open'] for one in opened)} open exceptions (`exceptions` shows them): {', '.join(texts)}")


def _daemon_text(daemon: str) -> str:
    if daemon == STOPPED:
        return "the daemon is not running; this is how it left things"
    return "the daemon is running" if daemon == RUNNING else "whether the daemon runs cannot be seen by this user"


def _connection_text(report: dict[str, Any], system: str, now_ms: int) -> str:
    known = report["connections"].get(system)
    if not known:
        return "not called yet"
    return " ".join(part for part in (known["state"], times.since(known["since_ms"], now_ms), known["text"]) if part)


def _grant_text(grant: dict[str, Any], now_ms: int) -> str:
    if not grant:
        return "not known yet"
    parts = [grant["state"], times.end_of_grant(grant.get("refresh_expires_at_ms"), now_ms)]
    if grant.get("missing_scopes"):
        parts.append(f"lacks {', '.join(grant['missing_scopes'])}")
    return ", ".join(parts)


def _read_text(one: dict[str, Any], now_ms: int) -> str:
    if one["failing_since_ms"] is not None:
        return f"fails {times.since(one['failing_since_ms'], now_ms)}"
    # flows without a source (messages, references) are never read
    return "" if one["last_success_at_ms"] is None else times.ago(one["last_success_at_ms"], now_ms)


def _next(state: str, due_at_ms: int | None, now_ms: int) -> str:
    """When something is tried again, in words."""
    if state == "dead":
        return "after `retry`"
    if state in ("done", "dropped"):
        return ""
    return "under way" if state == "sending" else times.next_try(due_at_ms, now_ms)


def _say_more(shown: int, limit: int) -> None:
    if shown == limit:
        print(f"(the first {limit}; --limit shows more)")


def _say_stopped(daemon: str) -> None:
    if daemon == STOPPED:
        print("(the daemon is not running: nothing is tried until it starts)")


def _limit(text: str) -> int:
    number = int(text)
    if not 1 <= number <= reports.PAGE_MAX:
        raise argparse.ArgumentTypeError(f"a number from 1 to {reports.PAGE_MAX}")
    return number


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
