"""The timeline of an order: one line for everything that happened to it, across flows, as `trace` prints it.

Details are for people and hold no personal data: states, codes, ids, instants.
"""

from __future__ import annotations

from daemon.store.database import Tx

DETAIL_MAX = 500
"""Characters of one line; more says nothing more."""


def note(tx: Tx, flow: str, key: str, group: str, event: str, detail: str, now_ms: int) -> None:
    """Add a line."""
    tx.run("journal_add", (now_ms, flow, key, group, event, detail[:DETAIL_MAX]))
