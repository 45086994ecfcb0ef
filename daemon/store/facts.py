"""Small facts the daemon has learnt and must not forget: ids, the shop, the state of each connection."""

from __future__ import annotations

from typing import Any

from daemon.core.jsontext import dumps, loads
from daemon.store.database import Tx


def get(tx: Tx, name: str) -> Any:
    """The value of a fact, None when unknown."""
    row = tx.one("fact_get", (name,))
    return None if row is None else loads(row[0])


def put(tx: Tx, name: str, value: Any, now_ms: int) -> None:
    """Remember a fact."""
    tx.run("fact_set", (name, dumps(value), now_ms))


def everything(tx: Tx) -> dict[str, Any]:
    """All facts by name."""
    return {name: loads(value) for name, value, _ in tx.all("facts_all")}
