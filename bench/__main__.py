"""`python -m bench [NAME ...]`: run these benches, or all of them, and print their figures. `--list` names them."""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module

from bench.figures import Figure, Plan, say, table

BENCHES = ("outbox", "claim", "orders", "start", "idle", "webhooks", "holds", "stock")
"""In the order of bench/README.md; each is a module here with a `run(plan)`."""


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when everything ran, whatever it measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHES)}")
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured; the median counts (5)")
    parser.add_argument("--small", action="store_true", help="tiny sizes: shows that it runs, measures nothing")
    parser.add_argument("--list", action="store_true", help="say what there is")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in BENCHES]
    if unknown:
        parser.error(f"no bench is called {', '.join(unknown)}; there are: {', '.join(BENCHES)}")
    if asked.list:
        for name in BENCHES:
            print(f"{name:10} {summary(name)}")
        return 0
    plan = Plan(runs=max(asked.runs, 1), small=asked.small)
    for name in asked.names or BENCHES:
        started_s = time.monotonic()
        say(f"{name}: {summary(name)}")
        figures = measure(name, plan)
        say(f"{name}: {time.monotonic() - started_s:.0f} s")
        print(f"\n### {name}\n\n{table(figures)}", flush=True)
    return 0


def measure(name: str, plan: Plan) -> list[Figure]:
    """The figures of one bench."""
    figures: list[Figure] = import_module(f"bench.{name}").run(plan)
    return figures


def summary(name: str) -> str:
    """The first line of a bench's docstring."""
    return (import_module(f"bench.{name}").__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
