"""What `check` looks at on this machine: settings that clash with this version, the store, the disk, the clock."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from daemon.ops.cli import times
from daemon.ops.cli.findings import Finding, fail, ok, warn
from daemon.ops.cli.given import RUNNING
from daemon.ops.cli.tables import bytes_text
from daemon.settings import Settings, planned_in_use
from daemon.settings.values import Direction
from daemon.store.database import size_of

DISK_LEAST = 100_000_000
DISK_COMFORTABLE = 1_000_000_000
CLOCK_NOISE = timedelta(seconds=5)
TIMESTAMPS_BEHIND = timedelta(minutes=5)
TIMESTAMPS_AHEAD = timedelta(seconds=30)
"""TikTok takes a signature whose time is at most this far behind, or ahead of, its own clock."""


def check_settings(settings: Settings) -> Iterator[Finding]:
    """They were read; what is in them that a person should know?"""
    yield ok("settings", f"{len(settings.found)} set, the rest at their defaults (`settings` shows all)")
    for name in planned_in_use(settings):
        yield warn("settings", f"{name} has no effect: this version does not have that flow yet", f"take {name} out")
    flows = (settings.orders, settings.fulfillments)
    if all(flow is Direction.OFF for flow in flows):
        yield warn("settings", "ORDERS and FULFILLMENTS are both off: there is nothing to do")
    listen = settings.connector_listen
    if not listen.local_only and settings.connector_admin_token is None:
        yield warn(
            "settings",
            f"others can reach {listen}, and without CONNECTOR_ADMIN_TOKEN no command can change anything there",
            "set CONNECTOR_ADMIN_TOKEN, or listen on 127.0.0.1 or a unix socket",
        )
    if settings.connector_dry_run:
        text = "CONNECTOR_DRY_RUN: this version cannot run without writing yet, and does not start with it"
        yield fail("settings", text, "take CONNECTOR_DRY_RUN out")


def check_store(store: Path, daemon: str) -> Iterator[Finding]:
    """The file and its disk; that it opens was seen before."""
    held = "a running daemon holds it" if daemon == RUNNING else "no daemon runs"
    yield ok("store", f"{store} opens ({bytes_text(size_of(store))}; {held})")
    try:
        mode = stat.S_IMODE(store.stat().st_mode)
        free = shutil.disk_usage(store.parent).free
    except OSError as error:
        yield warn("store", f"its file cannot be looked at: {(error.strerror or 'no reason given').lower()}")
        return
    if mode & 0o077:
        text = f"{store} can be read by others (mode {mode:04o}) and holds tokens and personal data"
        yield warn("store", text, f"chmod 600 {store}")
    if free < DISK_LEAST:
        yield fail("disk", f"only {bytes_text(free)} free for the store", "make room: without it nothing can be kept")
    elif free < DISK_COMFORTABLE:
        yield warn("disk", f"{bytes_text(free)} free for the store", "make room before it is full")
    else:
        yield ok("disk", f"{bytes_text(free)} free for the store")


def check_clock(offset_ms: int | None) -> Finding:
    """The host's clock against TikTok's."""
    if offset_ms is None:
        return warn("clock", "not compared: TikTok has not answered with its time")
    offset = timedelta(milliseconds=-offset_ms)
    if abs(offset) <= CLOCK_NOISE:
        return ok("clock", "within 5 s of TikTok's")
    way = "ahead of" if offset > timedelta() else "behind"
    what = f"this host is {times.span(round(offset_ms, -3))} {way} TikTok, which takes signatures from -5 min to +30 s"
    cure = "switch on time synchronisation (timedatectl set-ntp true); until then the daemon corrects its own time"
    if -TIMESTAMPS_BEHIND <= offset <= TIMESTAMPS_AHEAD:
        return warn("clock", what, cure)
    return fail("clock", what, cure)
