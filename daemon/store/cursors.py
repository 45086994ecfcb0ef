"""How far each source has been read, and how its last runs went. A cursor commits with the page that made it true."""

from __future__ import annotations

from daemon.store.database import Tx


def get(tx: Tx, flow: str) -> str | None:
    """Where the next fetch of a flow starts; None before the first."""
    row = tx.one("cursor_get", (flow,))
    return None if row is None else str(row[0])


def move(tx: Tx, flow: str, position: str, now_ms: int) -> None:
    """Remember that everything before `position` is stored."""
    tx.run("cursor_set", (flow, position, now_ms))


def succeeded(tx: Tx, flow: str, now_ms: int) -> None:
    """The flow read its source to the end."""
    tx.run("run_succeeded", {"flow": flow, "now_ms": now_ms})


def failed(tx: Tx, flow: str, problem: str, now_ms: int) -> None:
    """The flow could not read its source; `problem` is what a person reads in `status`."""
    tx.run("run_failed", {"flow": flow, "problem": problem[:500], "now_ms": now_ms})
