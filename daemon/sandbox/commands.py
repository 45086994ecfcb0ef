"""The commands `demo` and `sandbox`: their arguments, and what they print around what they run.

`demo` is a whole day with an end (`demo.py`). `sandbox` serves both simulated services alone, with their control API,
until Ctrl-C: for a daemon of one's own, for tests, for looking around.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shlex
import signal
import sys
from contextlib import suppress
from typing import Any

from daemon.clock import SystemClock
from daemon.ops.cli.commands import FAILED, OK, Ended
from daemon.ops.cli.tables import print_json
from daemon.sandbox.demo import run_demo
from daemon.sandbox.demo_catalogue import EAST, DemoCatalogue
from daemon.sandbox.demo_process import DaemonFailed
from daemon.sandbox.demo_screen import Screen
from daemon.sandbox.pipe17 import Pipe17Sandbox
from daemon.sandbox.serve import Served, serve_sandbox
from daemon.sandbox.tiktok import TikTokOptions, TikTokSandbox

TIKTOK_PORT, PIPE17_PORT = 9811, 9812
ORDERS, ORDERS_MAX = 300, 2_000
SEED = 17
TERMINATED = 143


def demo_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `demo`."""
    parser.add_argument("--orders", type=_orders, default=ORDERS, metavar="N", help=f"how many (default {ORDERS})")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"another day (default {SEED})")
    parser.add_argument("--stay", action="store_true", help="keep everything up afterwards, until Ctrl-C")


def demo(args: argparse.Namespace) -> int:
    """Play the day; 0 only if both sides agree at its end."""
    if args.env_file:
        sys.stderr.write("demo needs no settings and reads none; --env-file is left aside\n")
    screen = Screen(sys.stderr if args.json else sys.stdout)
    try:
        result = run_demo(orders=args.orders, seed=args.seed, stay=args.stay, screen=screen)
    except DaemonFailed as failure:
        raise Ended(str(failure), FAILED) from None
    except asyncio.CancelledError:
        return TERMINATED
    if args.json:
        document = {"orders_asked": args.orders, "seed": args.seed, "seconds": round(result.seconds, 1)}
        print_json(document | result.verdict.as_json())
    return OK if result.verdict.agree else FAILED


def sandbox_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sandbox`."""
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default 127.0.0.1)")
    parser.add_argument(
        "--port", type=_port, default=TIKTOK_PORT, metavar="PORT", help=f"of TikTok (default {TIKTOK_PORT}, 0: any)"
    )
    parser.add_argument(
        "--pipe17-port", type=_port, default=PIPE17_PORT, metavar="PORT", help=f"of Pipe17 (default {PIPE17_PORT})"
    )
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"other ids and prices (default {SEED})")
    parser.add_argument("--empty", action="store_true", help="without products and stock")


def sandbox(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_serve(args))
    return OK


async def _serve(args: argparse.Namespace) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "runs in a task"
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    clock = SystemClock()
    options = TikTokOptions(strict_webhook_address=False)
    tiktok = TikTokSandbox(clock, random.Random(f"tiktok-{args.seed}"), None, options)
    pipe17 = Pipe17Sandbox(clock, random.Random(f"pipe17-{args.seed}"))
    if not args.empty:
        DemoCatalogue(tiktok, pipe17, orders=0, seed=args.seed).open()
    try:
        served = await serve_sandbox(
            tiktok, pipe17, host=args.host, tiktok_port=args.port, pipe17_port=args.pipe17_port
        )
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Ended(
            f"cannot listen on {args.host} ports {args.port} and {args.pipe17_port}: {why}; use --port"
        ) from None
    try:
        settings = _settings(served, tiktok, pipe17)
        if args.json:
            print_json({"tiktok_url": served.tiktok_url, "pipe17_url": served.pipe17_url, "settings": settings})
        else:
            print(_told(served, settings))
        sys.stdout.flush()
        await asyncio.Event().wait()
    finally:
        await served.aclose()


def _settings(served: Served, tiktok: TikTokSandbox, pipe17: Pipe17Sandbox) -> dict[str, str]:
    """What a daemon needs to know to find both services."""
    return {
        "TIKTOK_APP_KEY": tiktok.options.app_key,
        "TIKTOK_APP_SECRET": tiktok.options.app_secret,
        "TIKTOK_SERVICE_ID": tiktok.options.service_id,
        "TIKTOK_REFRESH_TOKEN": str(tiktok.tokens()["refresh_token"]),
        "TIKTOK_API_URL": served.tiktok_url,
        "TIKTOK_AUTH_URL": served.tiktok_url,
        "TIKTOK_AUTHORIZE_URL": f"{served.tiktok_url}/open/authorize",
        "PIPE17_API_KEY": pipe17.options.api_key,
        "PIPE17_API_URL": f"{served.pipe17_url}{pipe17.options.base_path}",
    }


def _told(served: Served, settings: dict[str, str]) -> str:
    here = f"{served.tiktok_url}/_sandbox"
    lines = [
        f"TikTok Shop, simulated   {served.tiktok_url}",
        f"Pipe17, simulated        {served.pipe17_url}",
        "",
        "For the env file of a daemon (a fresh token every time; ORDERS_HOLD=20s makes waiting shorter):",
        "",
        *(f"{name}={value}" for name, value in settings.items()),
        "",
        "A buyer orders, another one gets an exchange, TikTok has its limits for a while, and what became of it all:",
        "",
        _curl("POST", f"{here}/tiktok/actions/place_order", '{"skus": ["MUG-BLUE", "MUG-RED"]}'),
        _curl("POST", f"{here}/tiktok/actions/place_order", '{"kind": "exchange", "fees": {"handling_fee": "0.75"}}'),
        _curl(
            "POST",
            f"{here}/tiktok/faults",
            '{"kind": "rate_limit", "operation": "orders.*", "times": 5, "retry_after": "3"}',
        ),
        _curl("GET", f"{here}/pipe17/state"),
        "",
        "Stock moves in Pipe17, a campaign at TikTok forbids to lower it, and what TikTok has on sale:",
        "",
        _curl("POST", f"{here}/pipe17/actions/add_stock", '{"sku": "MUG-BLUE", "on_hand": 7, "event": "adjust"}'),
        _curl("POST", f"{here}/tiktok/actions/lock_campaign", '{"sku": "MUG-BLUE"}'),
        _curl("POST", f"{here}/pipe17/actions/add_stock", '{"sku": "MUG-BLUE", "on_hand": 3, "event": "adjust"}'),
        _curl("GET", f"{here}/tiktok/state"),
        "",
        "The merchant excludes a location in Pipe17, so that its stock is not sold any more:",
        "",
        _curl("POST", f"{here}/pipe17/actions/exclude_location", f'{{"location": "{EAST}"}}'),
        "",
        "Everything else that can be done and go wrong, by name:",
        "",
        _curl("GET", f"{here}/tiktok/actions"),
        _curl("GET", f"{here}/pipe17/actions"),
        _curl("GET", f"{here}/tiktok/faults"),
        "",
        "The shop holds orders for an hour; this makes it 20 seconds for orders from now on:",
        "",
        _curl("PATCH", f"{here}/tiktok/options", '{"hold_ms": 20000}'),
        "",
        "Ctrl-C ends it, and everything in it is gone.",
    ]
    return "\n".join(lines)


def _curl(method: str, url: str, body: str = "") -> str:
    words: list[Any] = ["curl", *(["-X", method] if method != "GET" else []), url]
    return shlex.join([*words, "-d", body] if body else words)


def _orders(text: str) -> int:
    number = int(text)
    if not 1 <= number <= ORDERS_MAX:
        raise argparse.ArgumentTypeError(f"between 1 and {ORDERS_MAX}")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError("between 0 and 65535")
    return number
