"""The command `tiktok-pipe17`, also as `python -m daemon`. Exit status:

    0 done, nothing wrong · 1 a check failed, or nothing matched · 2 wrong usage
    69 the other side (or the running daemon) cannot be reached · 78 the settings are wrong

Nothing of the daemon is imported before the command is known. Whatever goes wrong ends in a text for the person who
called, on stderr; an error nobody thought of (status 70) shows where it happened and never what it held.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from daemon.ops.cli.commands import FAILED, UNREACHABLE, USAGE, WRONG_SETTINGS, Ended, chosen, parser

INTERNAL = 70
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    try:
        args = parser().parse_args(argv)
        status = chosen(args)(args)
        sys.stdout.flush()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # the reader (head, less) has seen enough; keep the interpreter's last flush quiet, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _told(error)
    return status


def _told(error: Exception) -> int:
    """Say what went wrong; the exit status for it."""
    from daemon.errors import ApiError, ConnectorError, SettingsError, StoreError

    if isinstance(error, Ended):
        status = error.status
    elif isinstance(error, SettingsError | StoreError):
        status = WRONG_SETTINGS
    elif isinstance(error, ApiError):
        status = UNREACHABLE if error.status == 0 or error.status >= 500 else FAILED
    elif isinstance(error, ConnectorError):
        status = FAILED
    else:
        from daemon.ops.logs import describe

        _say(["this should not have happened; please report it:", *describe(error)])
        return INTERNAL
    _say(error.problems if isinstance(error, SettingsError) else [str(error)])
    return status


def _say(lines: Sequence[str]) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
