"""`selftest`: is the whole way open, from a product at TikTok to a tracking number back there? One line for each step.

    ok       order          812 ms  in Pipe17 as new  (tiktok 5764..., pipe17 9f3c...)
    BROKEN   fulfilment   60012 ms  after 60 s: TikTok does not show 9400...

Against the simulated services (`tiktok-pipe17 sandbox`) everything happens by itself; they are recognised by asking
the configured endpoints, and where no daemon runs one runs for the length of the test. Against a real shop a running
daemon is tested, with the order that a person placed (`--order ID`) and the SKU that they name (`--sku`); no other
order is touched. 0: every step is ok or skipped; 1: a step is broken, and it is named.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio

from daemon.app import Daemon
from daemon.ops.cli.bench import bench
from daemon.ops.cli.commands import FAILED, OK, Ended
from daemon.ops.cli.given import RUNNING, STOPPED, daemon_on, settings_of
from daemon.ops.cli.tables import print_json, printable
from daemon.ops.redact import Redactor
from daemon.ops.selftest.hands import Hands, PersonHands, SandboxHands, sandbox_of
from daemon.ops.selftest.steps import Run, Step, Worker
from daemon.settings import Settings
from daemon.store import hints

WAIT_S, PERSON_S = 60.0, 1_800.0


def selftest_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `selftest`."""
    parser.add_argument("--order", default="", metavar="ID", help="the test order that was placed in the shop")
    parser.add_argument("--sku", default="", metavar="SKU", help="a product of the shop, for the product step")
    parser.add_argument("--sandbox", default="", metavar="URL", help="the sandbox's control address, when another one")
    parser.add_argument("--wait", type=float, default=WAIT_S, metavar="S", help="seconds for the connector (60)")
    parser.add_argument("--wait-person", type=float, default=PERSON_S, metavar="S", help="seconds for a person (1800)")


def selftest(args: argparse.Namespace) -> int:
    """Play it; 1 when a step is broken."""
    settings = settings_of(args)
    redactor = Redactor(settings.secret_values())

    def show(step: Step) -> None:
        if not args.json:
            print(redactor.text(_line(step)), flush=True)

    steps, about = asyncio.run(_played(args, settings, show))
    broken = [step.name for step in steps if step.outcome == "broken"]
    if args.json:
        found = [step.public() | {"text": redactor.text(step.text)} for step in steps]
        print_json({"ok": not broken, "broken": broken[0] if broken else None, **about, "steps": found})
    elif broken:
        print(f"\nbroken: {broken[0]}")
    else:
        print("\nevery step is well")
    return FAILED if broken else OK


async def _played(
    args: argparse.Namespace, settings: Settings, show: Callable[[Step], None]
) -> tuple[list[Step], dict[str, Any]]:
    runs = daemon_on(settings.store_path) == RUNNING
    async with bench(settings, beside_daemon=runs) as open_bench:
        parts, transport = open_bench.parts, open_bench.transport
        control = await sandbox_of(settings, transport, args.sandbox.rstrip("/"))
        if control is None and not runs:
            raise Ended("no daemon runs, and it is the running connector that is tested: start it first")
        hands: Hands = PersonHands(_say, args.order, args.sku, args.wait_person)
        if control is not None:
            hands = SandboxHands(control, control.address, lambda: secrets.token_hex(4).upper(), args.order)
        if not args.json:
            print(
                f"the {'sandbox' if control else 'real sides'}; {'the running daemon' if runs else 'a daemon for it'}\n"
            )
        async with _worker(settings, None if runs else Daemon(parts)) as worker:
            run = Run(parts, hands, worker, args.wait, args.wait_person)
            steps = await run.play(show)
    return steps, {"sandbox": hands.sandbox or None, "daemon": RUNNING if runs else STOPPED}


@asynccontextmanager
async def _worker(settings: Settings, daemon: Daemon | None) -> AsyncIterator[Worker]:
    """The running daemon, or one that runs meanwhile."""
    if daemon is None:
        yield _Running(settings)
        return
    async with anyio.create_task_group() as group:
        await group.start(_run, daemon)
        try:
            yield _Meanwhile(daemon)
        finally:
            daemon.stop()


async def _run(daemon: Daemon, *, task_status: Any) -> None:
    await daemon.run(task_status=task_status)


class _Meanwhile:
    """`Worker` over a daemon of our own."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def nudge(self, flow: str, key: str) -> None:
        parts = self._daemon.parts
        if key and any(known.name == flow for known, _ in parts.flows):
            now_ms = parts.clock.now_ms()
            hint = hints.asked_for(flow, key, now_ms)
            await parts.database.write(lambda tx: hints.add(tx, hint, now_ms))
            self._daemon.hints.bell.ring()


class _Running:
    """`Worker` over the daemon that holds the store."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def nudge(self, flow: str, key: str) -> None:
        if key:
            from daemon.ops.cli.line import ask_daemon

            await asyncio.to_thread(ask_daemon, self._settings, "/api/pull", {"ids": [key], "flow": flow})


def _line(step: Step) -> str:
    ids = ", ".join(f"{name} {value}" for name, value in step.ids.items())
    word = step.outcome.upper() if step.outcome == "broken" else step.outcome
    tail = f"  ({ids})" if ids else ""
    return f"{word:8} {step.name:11} {step.took_ms:7} ms  {printable(step.text)}{tail}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
