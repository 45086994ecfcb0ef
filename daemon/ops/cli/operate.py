"""`retry` and `dismiss`: by the running daemon, or in the store under its lock when none runs.

Both ways end in the same transaction (flows/operator.py).
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from daemon.ops.cli.commands import FAILED, OK, USAGE, Ended
from daemon.ops.cli.given import BY, RUNNING, daemon_on, settings_of
from daemon.ops.cli.tables import print_json
from daemon.settings import Settings

NOTE_CHARS_MAX = 500


def retry_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `retry`."""
    parser.usage = "tiktok-pipe17 retry FLOW KEY | --flow FLOW [--code CODE] | --all [--code CODE]"
    parser.add_argument("record", nargs="*", metavar="FLOW KEY", help="one record, as `exceptions` shows it")
    parser.add_argument("--flow", default="", help="everything of this flow that was refused")
    parser.add_argument("--code", default="", help="only what has an open exception of this code")
    parser.add_argument("--all", action="store_true", help="everything that was refused, in every flow")


def dismiss_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `dismiss`."""
    parser.add_argument("flow", metavar="FLOW")
    parser.add_argument("key", metavar="KEY", help="the record, as `exceptions` shows it")
    parser.add_argument("--note", required=True, help="why, for whoever looks later")


def retry(args: argparse.Namespace) -> int:
    """Send again; 1 when nothing matched."""
    request = _wanted(args)
    settings = settings_of(args, credentials_needed=False)
    done: dict[str, list[dict[str, str]]] = {"queued": [], "reread": [], "refused": []}
    more = True
    while more:
        answer = _do(settings, "retry", request)
        for name, found in done.items():
            found.extend(answer[name])
        more = bool(answer["more"])
    if args.json:
        print_json(done)
    else:
        _print_retried(done)
    return OK if done["queued"] or done["reread"] else FAILED


def dismiss(args: argparse.Namespace) -> int:
    """Close with a note; 1 when nothing was open."""
    note = " ".join(args.note.split())
    if not 0 < len(note) <= NOTE_CHARS_MAX:
        raise Ended(f"--note needs a text of at most {NOTE_CHARS_MAX} characters: why is it closed?", USAGE)
    settings = settings_of(args, credentials_needed=False)
    answer = _do(settings, "dismiss", {"flow": args.flow, "key": args.key, "note": note})
    if args.json:
        print_json(answer)
    elif answer["problem"]:
        print(f"{answer['problem']}; `tiktok-pipe17 exceptions` lists what is open")
    else:
        dropped = "; it is not sent any more, unless it changes at its source" if answer["dropped"] else ""
        print(f"closed {answer['flow']} {answer['key']}: {', '.join(answer['closed']) or 'refused'}{dropped}")
    return FAILED if answer["problem"] else OK


def _wanted(args: argparse.Namespace) -> dict[str, Any]:
    """The one of the three ways that was asked for, as the daemon takes it."""
    ways = sum((bool(args.record), bool(args.flow), args.all))
    if ways != 1 or len(args.record) not in (0, 2) or (args.record and args.code):
        raise Ended("retry FLOW KEY, or --flow FLOW [--code CODE], or --all [--code CODE]", USAGE)
    if args.record:
        return {"flow": args.record[0], "key": args.record[1]}
    chosen = {"flow": args.flow} if args.flow else {"all": True}
    return chosen | ({"code": args.code} if args.code else {})


def _do(settings: Settings, action: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the daemon, or do it ourselves under the lock."""
    if daemon_on(settings.store_path) == RUNNING:
        from daemon.ops.cli.line import ask_daemon

        return ask_daemon(settings, f"/api/{action}", request)
    return asyncio.run(_directly(settings, action, request))


async def _directly(settings: Settings, action: str, request: dict[str, Any]) -> dict[str, Any]:
    from daemon.clock import SystemClock
    from daemon.flows import operator
    from daemon.ops.cli.bench import open_store
    from daemon.store.database import Tx

    now_ms = SystemClock().now_ms()
    flow, key = request.get("flow", ""), request.get("key", "")

    def work(tx: Tx) -> dict[str, object]:
        if action == "dismiss":
            return operator.dismiss(tx, flow, key, request["note"], now_ms, BY).public()
        return operator.retry(tx, now_ms, BY, flow=flow, key=key, code=request.get("code", "")).public()

    database = await open_store(settings.store_path, create=False)
    try:
        return await database.write(work)
    finally:
        await database.aclose()


def _print_retried(done: dict[str, list[dict[str, str]]]) -> None:
    for one in done["queued"]:
        print(f"queued: {one['flow']} {one['key']}")
    for one in done["reread"]:
        print(f"read again: {one['flow']} {one['key']}")
    for one in done["refused"]:
        print(f"not sent again: {one['flow']} {one['key']}: {one['why']}")
    if not any(done.values()):
        print("nothing that was refused matches")
