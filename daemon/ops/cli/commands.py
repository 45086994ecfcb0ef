"""Every command, its one line of help and where it lives; what its arguments are is said beside it.

The list is names only, so `--help` imports no room of the daemon. The module of a command is imported when the command
is chosen: it then adds its arguments and runs. The simulated services are reached by name, because nothing outside
`sandbox/` may import them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from daemon import __version__

OK, FAILED, USAGE, UNREACHABLE, WRONG_SETTINGS = 0, 1, 2, 69, 78
"""Exit statuses; the last two are EX_UNAVAILABLE and EX_CONFIG of sysexits.h."""


class Ended(Exception):
    """A command cannot go on: a text for the person who called, and the exit status."""

    def __init__(self, text: str, status: int = FAILED) -> None:
        self.status = status
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Command:
    """`arguments` and `run` are functions of `module`; `arguments` is "" where a command has none of its own."""

    name: str
    help: str
    module: str
    run: str
    arguments: str = ""


_HERE = "daemon.ops.cli"
COMMANDS = (
    Command("run", "the daemon (systemd starts this)", f"{_HERE}.run", "run"),
    Command(
        "demo",
        "both simulated services and the daemon play a shop's day",
        "daemon.sandbox.commands",
        "demo",
        "demo_arguments",
    ),
    Command("sandbox", "the two simulated services alone", "daemon.sandbox.commands", "sandbox", "sandbox_arguments"),
    Command(
        "connect",
        "the owner's grant: prints the link, takes the code, stores the tokens",
        f"{_HERE}.connect",
        "connect",
        "connect_arguments",
    ),
    Command("check", "settings, store, clock, both APIs, scopes, shop; names each cure", f"{_HERE}.check", "check"),
    Command("status", "flows, backlog, holds, exceptions, authorization", f"{_HERE}.state", "status"),
    Command(
        "trace", "one order or fulfillment: what happened, why it waits", f"{_HERE}.trace", "trace", "trace_arguments"
    ),
    Command("backlog", "what is owed, and why it is not done", f"{_HERE}.state", "backlog", "list_arguments"),
    Command("exceptions", "what failed, since when, and the cure", f"{_HERE}.state", "exceptions", "list_arguments"),
    Command("retry", "send again: one record, or all that failed", f"{_HERE}.operate", "retry", "retry_arguments"),
    Command("dismiss", "close an exception with a note", f"{_HERE}.operate", "dismiss", "dismiss_arguments"),
    Command("pull", "read these orders or fulfillments now", f"{_HERE}.past", "pull", "pull_arguments"),
    Command("backfill", "read the orders of the past", f"{_HERE}.past", "backfill", "backfill_arguments"),
    Command("resync", "send every stock level again", f"{_HERE}.stock", "resync", "resync_arguments"),
    Command(
        "approve", "let a stock change pass that the guard holds", f"{_HERE}.stock", "approve", "approve_arguments"
    ),
    Command("rollback", "stock as it was pushed before", f"{_HERE}.stock", "rollback", "rollback_arguments"),
    Command(
        "selftest",
        "product, stock, order and fulfilment through both sides, step by step",
        f"{_HERE}.selftest",
        "selftest",
        "selftest_arguments",
    ),
    Command(
        "settings", "the effective settings, secrets hidden", f"{_HERE}.settings", "settings", "settings_arguments"
    ),
)


class _Parser(argparse.ArgumentParser):
    """A parser that asks the command for its arguments when the command is chosen."""

    def __init__(self, *args: Any, command: Command | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._command = command

    # typeshed has overloads; argparse itself passes both by position
    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        command, self._command = self._command, None
        if command is not None and command.arguments:
            _function(command, command.arguments)(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="tiktok-pipe17",
        description="Keeps a TikTok Shop and Pipe17 in step.",
        epilog="exit status: 0 ok, 1 a check failed, 2 usage, 69 other side unreachable, 78 settings",
    )
    top.add_argument("--version", action="version", version=f"tiktok-pipe17 {__version__}")
    _everywhere(top, top=True)
    found = top.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in COMMANDS:
        one = found.add_parser(command.name, help=command.help, description=command.help, command=command)
        _everywhere(one, top=False)
    return top


def chosen(args: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    """The function of the command that was named."""
    command = next(command for command in COMMANDS if command.name == args.command)
    run: Callable[[argparse.Namespace], int] = _function(command, command.run)
    return run


def _everywhere(one: argparse.ArgumentParser, *, top: bool) -> None:
    """What every command takes, before its name or after it."""
    path, json = (None, False) if top else (argparse.SUPPRESS, argparse.SUPPRESS)
    one.add_argument("--env-file", metavar="PATH", help="read settings from this file", default=path)
    one.add_argument("--json", action="store_true", help="print JSON for machines", default=json)


def _function(command: Command, name: str) -> Any:
    try:
        return getattr(importlib.import_module(command.module), name)
    except ModuleNotFoundError as error:
        if error.name is not None and command.module.startswith(error.name):
            raise Ended(f"this installation does not have `{command.name}`") from None
        raise
