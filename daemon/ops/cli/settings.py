"""`settings`: what is in force and where each value comes from; `--example` prints `config.example.env`."""

from __future__ import annotations

import argparse

from daemon.ops.cli.commands import OK
from daemon.ops.cli.tables import print_json, table


def settings_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `settings`."""
    parser.add_argument("--example", action="store_true", help="print config.example.env: every setting, its default")


def settings(args: argparse.Namespace) -> int:
    """Print them; secrets show only that they are set."""
    from daemon.settings import effective, example

    if args.example:
        if args.json:
            print_json({"example": example()})
        else:
            print(example(), end="")
        return OK
    from daemon.ops.cli.given import settings_of

    lines = effective(settings_of(args))
    if args.json:
        names = ("name", "value", "source", "secret", "planned")
        print_json([{name: getattr(line, name) for name in names} for line in lines])
    else:
        rows = [(line.name, line.value, line.source, "planned" if line.planned else "") for line in lines]
        print(table(("name", "value", "source", "note"), rows))
    return OK
