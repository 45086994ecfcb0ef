"""What a command is given: the settings, and whether a daemon runs on their store.

A running daemon holds an exclusive `flock` beside its store. Commands ask for a shared one and give it back in the same
moment, so they never keep a daemon from starting and never see each other. When none runs, a command that changes
state works in the store itself (`in_store`).
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from daemon.settings import Settings, load_settings

RUNNING, STOPPED, UNKNOWN = "running", "stopped", "unknown"
BY = "command line"
"""Who asked, in what is written down; also how our commands name themselves to the daemon."""


def settings_of(
    args: argparse.Namespace, instead: Mapping[str, str] | None = None, *, credentials_needed: bool = True
) -> Settings:
    """The settings from the environment and `--env-file`; raises `SettingsError` with every problem."""
    path = Path(args.env_file) if args.env_file else None
    return load_settings({**os.environ, **(instead or {})}, path, credentials_needed=credentials_needed)


def daemon_on(store: Path) -> str:
    """Whether a daemon holds this store: running, stopped, or unknown when we may not look."""
    try:
        lock = os.open(f"{store}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return STOPPED
    except OSError:
        return UNKNOWN
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return RUNNING
    finally:
        os.close(lock)
    return STOPPED


def in_store(settings: Settings, work: Callable[[Any, int], Any]) -> Any:
    """`work(tx, now_ms)` in one transaction of the store, under its lock: for when no daemon runs."""
    from daemon.ops.cli.bench import open_store

    now_ms = time.time_ns() // 1_000_000

    async def write() -> Any:
        database = await open_store(settings.store_path, create=False)
        try:
            return await database.write(lambda tx: work(tx, now_ms))
        finally:
            await database.aclose()

    return asyncio.run(write())
