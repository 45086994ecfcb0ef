"""Numbered migrations: the files in migrations/, applied in order, each in one transaction, recorded in user_version.

A store that a newer version wrote is refused instead of guessed at. A released file is never edited: a change is a new
file, and tests/store keeps a database of every released version to migrate from.
"""

from __future__ import annotations

import sqlite3
from importlib import resources

from daemon.errors import StoreError, StoreTooNew


def migrations() -> list[tuple[int, str]]:
    """(number, script) of every migration, in order."""
    folder = resources.files("daemon.store").joinpath("migrations")
    found = [(int(entry.name.split("_")[0]), entry) for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [(number, entry.read_text(encoding="utf-8")) for number, entry in sorted(found, key=lambda pair: pair[0])]


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the store to the newest version; returns how many migrations ran. Raises `StoreTooNew`, `StoreError`."""
    try:
        (at,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"the store is not a database of ours: {error}") from error
    known = migrations()
    if at > known[-1][0]:
        raise StoreTooNew
    pending = [(number, script) for number, script in known if number > at]
    for number, script in pending:
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise StoreError(f"migration {number} of the store failed: {error}") from error
    return len(pending)
