"""`check`: is everything as it must be? One line for each thing, with the cure where it is not well.

Settings come first; with a wrong one nothing else is looked at (78). Then store and disk, TikTok, Pipe17, the clock.
0: no FAIL; 69: all that failed is that a side cannot be reached; 1: something failed. It works beside a running daemon.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable

from daemon.errors import StoreError
from daemon.ops.cli.bench import bench
from daemon.ops.cli.check_here import check_clock, check_settings, check_store
from daemon.ops.cli.check_pipe17 import check_pipe17
from daemon.ops.cli.check_tiktok import check_tiktok
from daemon.ops.cli.commands import FAILED, OK, UNREACHABLE
from daemon.ops.cli.findings import Finding, Grade, fail
from daemon.ops.cli.given import RUNNING, daemon_on, settings_of
from daemon.ops.cli.tables import print_json
from daemon.ops.redact import Redactor
from daemon.settings import Settings


def check(args: argparse.Namespace) -> int:
    """Print every line; the worst decides."""
    settings = settings_of(args)
    redactor = Redactor(settings.secret_values())
    show: Callable[[Finding], None] = (lambda _: None) if args.json else (lambda one: print(one.text(), flush=True))
    findings = asyncio.run(_gathered(settings, redactor, show))
    failed = [finding for finding in findings if finding.grade is Grade.FAIL]
    status = OK
    if failed:
        status = UNREACHABLE if all(finding.unreachable for finding in failed) else FAILED
    if args.json:
        print_json({"ok": not failed, "findings": [finding.public() for finding in findings]})
    else:
        warned = sum(finding.grade is Grade.WARN for finding in findings)
        print(f"\n{len(failed)} failed, {warned} to look at, {len(findings) - len(failed) - warned} ok")
    return status


async def _gathered(settings: Settings, redactor: Redactor, show: Callable[[Finding], None]) -> list[Finding]:
    found: list[Finding] = []
    async for finding in _everything(settings):
        # the last defence: whatever the other side wrote into its messages
        clean = Finding(
            finding.grade,
            finding.area,
            redactor.text(finding.what),
            redactor.text(finding.cure),
            finding.unreachable,
        )
        found.append(clean)
        show(clean)
    return found


async def _everything(settings: Settings) -> AsyncIterator[Finding]:
    for finding in check_settings(settings):
        yield finding
    store = settings.store_path
    daemon = daemon_on(store)
    try:
        async with bench(settings, beside_daemon=daemon == RUNNING) as open_bench:
            parts = open_bench.parts
            for finding in check_store(store, daemon):
                yield finding
            async for finding in check_tiktok(parts, beside_daemon=daemon == RUNNING):
                yield finding
            yield check_clock(open_bench.transport.offset_ms)
            async for finding in check_pipe17(parts):
                yield finding
    except StoreError as error:
        yield fail("store", str(error), "look at CONNECTOR_STORE_URL, the owner of that directory, and the disk")
