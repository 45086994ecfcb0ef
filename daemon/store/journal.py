"""The timeline of an order: one line for everything that happened to it, across flows, as `trace` prints it.

Details are for people and hold no personal data: states, codes, ids, instants. What waits or fails for hours comes by
again and again: of such a row the first line and the newest stay, so that the rest of the story is not pushed out.
"""

from __future__ import annotations

from itertools import takewhile

from daemon.store.database import Tx

DETAIL_MAX = 500
"""Characters of one line; more says nothing more."""

PASSING = frozenset({"waits", "failed, tried again", "asked to slow down", "paused", "planned on what we know"})
"""Events that may repeat without end."""


def note(tx: Tx, flow: str, key: str, group: str, event: str, detail: str, now_ms: int) -> None:
    """Add a line."""
    if event in PASSING:
        lately = takewhile(lambda line: line[1] in PASSING, tx.all("journal_lately", (key, flow)))
        same = [line_id for line_id, before in lately if before == event]
        if len(same) > 1:
            tx.run("journal_drop", (same[0],))
    tx.run("journal_add", (now_ms, flow, key, group, event, detail[:DETAIL_MAX]))
