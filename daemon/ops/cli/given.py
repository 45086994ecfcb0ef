"""What a command is given: the settings, and whether a daemon runs on their store.

A running daemon holds an exclusive `flock` beside its store. Commands ask for a shared one and give it back in the same
moment, so they never keep a daemon from starting and never see each other.
"""

from __future__ import annotations

import argparse
import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

from daemon.settings import Settings, load_settings

RUNNING, STOPPED, UNKNOWN = "running", "stopped", "unknown"


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
