"""A store with very many rows, made in seconds: what a shop's outbox looks like after years.

One row in ten waits for its hold far in the future, the others are done. Every row has its own ids, digests and times;
payloads are about as long as the document of an order with one line. The journal and the exceptions stay empty.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daemon.core.jsontext import dumps
from daemon.store.migrate import migrate

FLOW = "orders"
HELD_EVERY = 10
"""Rows with an id that this divides are held."""
DUE_MS = 4_102_444_800_000
"""When their hold ends: the year 2100."""
FIRST_MS = 1_735_689_600_000
COLUMNS = (
    "id, flow, key, group_key, state, queued, busy, due_at_ms, rank_ms, version, sent_version, payload, digest,"
    " accepted_digest, remote_id, source_version, source_stamp, attempts, flagged, code, reason, deadline_at_ms,"
    " changed_at_ms, created_at_ms, updated_at_ms, finished_at_ms"
)


def fill(path: Path, *, rows: int) -> None:
    """Create a store at `path` with so many rows."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    migrate(connection)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    connection.execute("BEGIN")
    marks = ", ".join("?" * len(COLUMNS.split(",")))
    connection.executemany(f"INSERT INTO outbox ({COLUMNS}) VALUES ({marks})", _rows(rows))
    held = rows // HELD_EVERY
    connection.executemany("INSERT INTO tally VALUES (?, ?, ?)", [(FLOW, "held", held), (FLOW, "done", rows - held)])
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def _rows(rows: int) -> Iterator[tuple[Any, ...]]:
    payload = dumps({"document": _document(), "wanted": True, "standing": "released", "units": {"1": ["1"]}})
    for row_id in range(1, rows + 1):
        held = row_id % HELD_EVERY == 0
        key, at_ms = f"5776{row_id:014d}", FIRST_MS + row_id * 30_000
        digest = f"{row_id:032x}"
        yield (
            row_id, FLOW, key, key, "held" if held else "done", 0, 0, DUE_MS if held else None, at_ms, 1, int(not held),
            payload, digest, "" if held else digest, "" if held else f"{row_id * 7919:016x}", at_ms, digest, 0, 0, "",
            "hold_window" if held else "new", at_ms + 172_800_000, at_ms, at_ms, at_ms, None if held else at_ms,
        )  # fmt: skip


def _document() -> dict[str, Any]:
    return {
        "extOrderId": "577600000000000001",
        "status": "new",
        "orderSource": "TikTok Shop",
        "currency": "USD",
        "lineItems": [{"uniqueId": "577600000000000002", "sku": "SKU-A", "quantity": 1, "itemPrice": 12, "itemTax": 1}],
        "subTotalPrice": 12,
        "totalPrice": 13,
        "shippingAddress": {"firstName": "Jo", "address1": "1 Main Street", "city": "Austin", "country": "US"},
        "customFields": [{"name": "tiktok_status", "value": "AWAITING_SHIPMENT"}],
    }
