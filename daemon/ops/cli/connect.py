"""`connect`: the owner grants access, and the tokens are stored.

It prints the authorize link with a random state, gets the code that TikTok sends back (from `--listen`, `--code`, or
pasted at the prompt), hands it to the running daemon or exchanges it under the store's lock, and shows the shops. The
link opens TikTok's page; where the browser returns to is fixed in Partner Center (the app's redirect URL).
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import time
from typing import Any

from daemon.ops.cli import times
from daemon.ops.cli.commands import FAILED, OK, UNREACHABLE, USAGE, WRONG_SETTINGS, Ended
from daemon.ops.cli.given import RUNNING, daemon_on, settings_of
from daemon.ops.cli.redirect import Redirect, RedirectServer, problem_of, read_redirect
from daemon.ops.cli.tables import print_json, table
from daemon.settings import Settings
from daemon.settings.addresses import listen
from daemon.settings.grammar import duration
from daemon.settings.values import Listen


def connect_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `connect`."""
    parser.add_argument("--code", default="", help="the code, or the whole address the browser ended on")
    parser.add_argument("--listen", type=_listen, metavar="HOST:PORT", help="wait there for the browser to come back")
    parser.add_argument("--wait", type=_wait, default=1800.0, metavar="DURATION", help="how long (default 30m)")
    parser.add_argument("--market", default="", metavar="REGION", help="the shop's region, e.g. US: chooses the page")


def connect(args: argparse.Namespace) -> int:
    """Get a code, turn it into tokens; 0 when connected, 78 when a setting must be set first."""
    settings = settings_of(args)
    redirect = read_redirect(args.code) if args.code else _ask_owner(settings, args)
    problem = problem_of(redirect, "")
    if problem:
        raise Ended(problem, FAILED)
    if daemon_on(settings.store_path) == RUNNING:
        from daemon.ops.cli.line import ask_daemon

        result = ask_daemon(settings, "/api/connect", {"code": redirect.code})
    else:
        result = asyncio.run(_directly(settings, redirect.code))
    if args.json:
        print_json(result)
    else:
        _print(result, settings)
    return _status(result)


async def _directly(settings: Settings, code: str) -> dict[str, Any]:
    from daemon.ops.cli.bench import bench
    from daemon.ops.connecting import take_code

    async with bench(settings, beside_daemon=False) as open_bench:
        return await take_code(open_bench.parts, code)


def _ask_owner(settings: Settings, args: argparse.Namespace) -> Redirect:
    """Show the link and wait for what comes back. The link goes to stderr with `--json`."""
    from daemon.apis.tiktok.grants import App
    from daemon.core.tokens import Secret

    if not settings.tiktok_service_id:
        text = "TIKTOK_SERVICE_ID: is needed for the authorize link (Partner Center shows it); or pass --code"
        raise Ended(text, WRONG_SETTINGS)
    out = sys.stderr if args.json else sys.stdout
    state = secrets.token_urlsafe(24)
    app = App("", Secret(""), settings.tiktok_service_id, authorize_url=settings.tiktok_authorize_url)
    server = _listening(args.listen, state) if args.listen is not None else None
    try:
        print("The owner of the shop (its main account) opens this page and chooses Authorize:\n", file=out)
        if settings.tiktok_authorize_url or args.market:
            print(f"    {app.authorize_link(state, args.market)}\n", file=out)
        else:
            print(f"    a shop in the US:  {app.authorize_link(state, 'US')}", file=out)
            print(f"    any other shop:    {app.authorize_link(state)}\n", file=out)
        if server is None:
            redirect = _pasted(out)
        else:
            print(f"Waiting for the browser to come back to port {server.port} ...", file=out, flush=True)
            redirect = _waited(server, args.wait)
    finally:
        if server is not None:
            server.close()
    problem = problem_of(redirect, state)
    if problem:
        raise Ended(problem, FAILED)
    if redirect.state is None:
        # the App Store's start has no state; the contract says not to turn it away
        print("It came back without a state, as a start from the App Store does: check the shop below.", file=out)
    return redirect


def _listening(where: Listen, state: str) -> RedirectServer:
    try:
        return RedirectServer(where.host, where.port, state)
    except OSError as error:
        why = (error.strerror or "not possible").lower()
        raise Ended(f"--listen {where}: cannot listen there: {why}", USAGE) from None


def _pasted(out: Any) -> Redirect:
    print("Then paste the whole address that the browser ended on:", file=out, flush=True)
    line = sys.stdin.readline()
    if not line.strip():
        raise Ended("no code was given; use --listen, --code, or paste the address", USAGE)
    return read_redirect(line)


def _waited(server: RedirectServer, seconds: float) -> Redirect:
    redirect = server.wait(seconds)
    if redirect is None:
        text = f"nobody came back within {times.span(int(seconds * 1000))}; is the app's redirect URL this address?"
        raise Ended(text, FAILED)
    return redirect


def _print(result: dict[str, Any], settings: Settings) -> None:
    if result["connected"]:
        now_ms = time.time_ns() // 1_000_000
        print(f"TikTok takes the tokens; the grant {times.end_of_grant(result['refresh_expires_at_ms'], now_ms)}.")
    if result["shops"]:
        chosen = result["shop_id"]
        rows = [
            (shop["id"], shop["name"], shop["region"], shop["code"], "this one" if shop["id"] == chosen else "")
            for shop in result["shops"]
        ]
        print(table(("shop id", "name", "region", "code", ""), rows))
    if result["missing_scopes"]:
        scopes = ", ".join(result["missing_scopes"])
        print(
            f"The grant lacks {scopes}: add it to the app in Partner Center, then grant again.",
            file=sys.stderr,
        )
    if result["problem"]:
        print(result["problem"], file=sys.stderr)


def _status(result: dict[str, Any]) -> int:
    if not result["problem"]:
        return OK if not result["missing_scopes"] else FAILED
    if result["unreachable"]:
        return UNREACHABLE
    return WRONG_SETTINGS if len(result["shops"]) > 1 and not result["shop_id"] else FAILED


def _listen(text: str) -> Listen:
    try:
        where = listen(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if where.path:
        raise argparse.ArgumentTypeError("a browser needs HOST:PORT")
    return where


def _wait(text: str) -> float:
    try:
        return duration(text).total_seconds()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
