"""`pull` and `backfill`: read orders that nobody would read by themselves.

By the running daemon, or stored under the store's lock for its next start when none runs. How a backfill gets on is
read from the store, so it can be seen either way.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from daemon.ops.cli.commands import FAILED, OK, USAGE, Ended
from daemon.ops.cli.given import BY, RUNNING, STOPPED, daemon_on, in_store, settings_of
from daemon.ops.cli.state import backfill_text, read
from daemon.ops.cli.tables import print_json
from daemon.settings import Settings
from daemon.store import reports
from daemon.store.reader import Reader

PULL_WAIT_S = 15.0
LOOK_EVERY_S = 0.25
SHOW_EVERY_S = 2.0
_ON_ITS_WAY = ("ready", "sending", "unknown")
_STARTS_LATER = "no daemon runs: it is stored, and done when the daemon starts"


def pull_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `pull`."""
    parser.add_argument("ids", nargs="+", metavar="ID", help="a TikTok order, or a Pipe17 fulfillment")


def backfill_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `backfill`."""
    parser.add_argument("--since", required=True, metavar="DATE", help="2026-01-31, an instant, or a duration: 30d")
    parser.add_argument("--until", default="", metavar="DATE", help="changes after this are left out (default: now)")
    parser.add_argument("--wait", action="store_true", help="show how it gets on, until it has ended")


def pull(args: argparse.Namespace) -> int:
    """Read these now; 1 when one of them is not known to the other side."""
    from daemon.flows import operator

    ids = [one.strip() for one in args.ids]
    if not all(1 <= len(one) <= 100 for one in ids) or len(ids) > operator.PULLED_AT_ONCE:
        raise Ended(f"pull takes up to {operator.PULLED_AT_ONCE} ids", USAGE)
    settings = settings_of(args, credentials_needed=False)
    _refuse_what_is_off(settings, {operator.flow_of(one) for one in ids})
    runs = daemon_on(settings.store_path) == RUNNING
    if runs:
        from daemon.ops.cli.line import ask_daemon

        asked = ask_daemon(settings, "/api/pull", {"ids": ids})["pulled"]
    else:
        asked = in_store(settings, lambda tx, now_ms: [one.public() for one in operator.pull(tx, ids, now_ms, BY)])
    found = [one | became for one, became in zip(asked, _became(args, asked, wait=runs), strict=True)]
    if args.json:
        print_json({"daemon": RUNNING if runs else STOPPED, "pulled": found})
    else:
        for one in found:
            print(_told(one))
        if not runs:
            print(f"({_STARTS_LATER})")
    return FAILED if any(_unknown(one) for one in found) else OK


def backfill(args: argparse.Namespace) -> int:
    """Ask for it; 1 when another one runs that does not cover it."""
    from daemon.ops.past import window

    try:
        since_ms, until_ms = window(args.since, args.until, _now_ms())
    except ValueError as problem:
        raise Ended(f"--{problem}", USAGE) from None
    settings = settings_of(args, credentials_needed=False)
    _refuse_what_is_off(settings, {"orders"})
    runs = daemon_on(settings.store_path) == RUNNING
    if runs:
        from daemon.ops.cli.line import ask_daemon

        answer = ask_daemon(settings, "/api/backfill", {"since": args.since, "until": args.until})
    else:
        from daemon.flows.backfill import request

        answer = in_store(settings, lambda tx, now_ms: request(tx, since_ms, until_ms, now_ms))
    status = OK if answer["covered"] else FAILED
    if not args.json:
        _print_answer(answer, runs=runs)
    if args.wait and runs and status == OK:
        answer["backfill"] = _wait(args)
    if args.json:
        print_json({"daemon": RUNNING if runs else STOPPED, **answer})
    return status


def _wait(args: argparse.Namespace) -> dict[str, Any]:
    """Show how it gets on until it has ended, or the daemon has."""
    shown, shown_at_s = "", 0.0
    while True:
        one, daemon = read(args, reports.backfill)
        text, ended = backfill_text(one), one.get("state") == "done"
        if not args.json and text != shown and (ended or time.monotonic() - shown_at_s >= SHOW_EVERY_S):
            shown, shown_at_s = text, time.monotonic()
            print(text, flush=True)
        if ended:
            return one
        if daemon != RUNNING:
            raise Ended("the daemon has stopped; the backfill goes on when it starts")
        time.sleep(LOOK_EVERY_S)


def _print_answer(answer: dict[str, Any], *, runs: bool) -> None:
    one = answer["backfill"]
    if answer["started"]:
        print("the backfill begins; `tiktok-pipe17 status` shows how it gets on" if runs else _STARTS_LATER)
        return
    print(f"already running, {one['percent']} %: {backfill_text(one)}")
    if not answer["covered"]:
        print("it does not cover what was asked for; ask again when it has ended")


def _became(args: argparse.Namespace, asked: list[dict[str, Any]], *, wait: bool) -> list[dict[str, Any]]:
    """What became of each; waits a little for what is on its way."""

    async def look(reader: Reader) -> list[dict[str, Any]]:
        return [await reports.pulled(reader, one["flow"], one["key"], one["hint"]) for one in asked]

    end_s = time.monotonic() + PULL_WAIT_S
    while True:
        found, _ = read(args, look)
        if not wait or all(one["read"] and one["state"] not in _ON_ITS_WAY for one in found):
            return found
        if time.monotonic() >= end_s:
            return found
        time.sleep(LOOK_EVERY_S)


def _told(one: dict[str, Any]) -> str:
    head = f"{one['flow']} {one['key']}"
    if _unknown(one):
        if one["flow"] == "orders":
            return f"{head}: TikTok shows no order by this id in this shop"
        return f"{head}: Pipe17 shows no fulfillment by this id for this shop (a TikTok order id has 17 to 20 digits)"
    state = one["state"] or "not read yet"
    if not one["read"] and one["state"]:
        state += " (not read again yet)"
    why = " ".join(part for part in (one["reason"], one["code"] and f"[{one['code']}]") if part)
    known = "known" if one["known"] else "new"
    return f"{head}: {known}, {state}{f': {why}' if why else ''}"


def _unknown(one: dict[str, Any]) -> bool:
    return bool(one["read"]) and not one["state"]


def _refuse_what_is_off(settings: Settings, flows: set[str]) -> None:
    if "orders" in flows and not settings.orders.pulls:
        raise Ended("orders are switched off in the settings (ORDERS)")
    if "fulfillments" in flows and not settings.fulfillments.pushes:
        raise Ended("fulfillments are switched off in the settings (FULFILLMENTS)")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
