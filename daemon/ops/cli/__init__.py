"""The command line: `tiktok-pipe17 COMMAND`, one file for each group of commands.

    commands.py   every command with its arguments; nothing is imported that the chosen command does not need
    run.py        run, demo, sandbox        state.py, trace.py   status, backlog, exceptions; trace (read-only)
    operate.py    retry, dismiss            settings.py          settings
    connect.py    the owner's grant, with redirect.py (where the browser comes back)
    check.py      the checks, with check_here.py, check_tiktok.py, check_pipe17.py and findings.py
    bench.py      the daemon's parts for one command: really open, or on the store of a running daemon, read-only
    line.py       requests to a running daemon        times.py, tables.py   what people read

A command is a function `(args) -> int` that returns its exit status. Errors that a person can act on are raised
(`SettingsError`, `StoreError`, `ApiError`, `Ended`) and become a text on stderr and a status in `daemon/__main__.py`.
"""
