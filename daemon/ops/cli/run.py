"""`run`: the daemon in the foreground, until SIGTERM or SIGINT; systemd starts this.

Its log goes to stderr in the format of CONNECTOR_LOG_FORMAT; `--json` asks for JSON whatever the setting says.
"""

from __future__ import annotations

import argparse

from daemon.ops.cli.given import settings_of


def run(args: argparse.Namespace) -> int:
    """Load the settings, then hand over."""
    settings = settings_of(args, {"CONNECTOR_LOG_FORMAT": "json"} if args.json else {})
    from daemon.ops.run import run_daemon

    return run_daemon(settings)
