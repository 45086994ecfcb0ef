"""How a worked out SKU becomes a row of the outbox, and what a row says when TikTok has it; needs neither side.

A pre-owned piece is one or none: a row of it takes its product off sale and never names a quantity. It does not come
back by itself; a person lists a new product (S21, S52).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.core.findings import Finding
from daemon.core.jsontext import digest
from daemon.core.lifecycle import State
from daemon.core.owed import Absent, Change, Done, Owed, Settled, Wanted
from daemon.flows.flow import Known
from daemon.flows.stock_reader import NAME

DEACTIVATED = "deactivated"
"""Fingerprint of a pre-owned piece that is sold."""
PREOWNED = "a pre-owned piece: no quantity is sent for it"
"""Why nothing is sent for one that is not sold."""
RESYNCED = "sent again by a resync"
"""Reason of a row that a resync queued; its call is in nobody's way."""


class StockRows:
    """How a worked out SKU becomes a row; needs neither side."""

    name = NAME

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        record = change.record
        if record["drop"]:
            if row is None:
                return None
            return Wanted(State.DROPPED, dict(record), "", reason=record["drop"])
        if record["preowned"]:
            return _preowned(record, row)
        return Wanted(
            State.READY,
            dict(record),
            digest(record["levels"]),
            summary=f"stock {sum(record['levels'].values())}",
        )


ROWS = StockRows()


def _preowned(record: Mapping[str, Any], row: Owed | None) -> Wanted | None:
    """Sold: off sale. There again: a person must list a new product, for TikTok takes no sold piece back."""
    sold = not any(record["levels"].values())
    if sold:
        return Wanted(State.READY, dict(record), DEACTIVATED, summary="off sale")
    if row is None:
        return None
    if DEACTIVATED not in (row.digest, row.accepted_digest):
        return Wanted(State.DROPPED, dict(record), "", reason=PREOWNED)
    text = f"pre-owned SKU {record['sku']} was sold and is there again in Pipe17; TikTok takes no sold piece back"
    finding = Finding("preowned_needs_new_product", text, lasting=True)
    return Wanted(State.DROPPED, dict(record), DEACTIVATED, reason="sold once", findings=(finding,))


def settled(row: Owed, live: Mapping[str, int] | None, status: str) -> Settled:
    if row.payload.get("preowned"):
        return done(row) if status == "SELLER_DEACTIVATED" else Absent()
    return done(row) if live is not None and dict(live) == dict(row.payload["levels"]) else Absent()


def done(row: Owed, reason: str = "") -> Done:
    levels: Mapping[str, int] = row.payload["levels"]
    told = reason or f"stock {sum(levels.values())}"
    return Done(row.digest, remote_id=row.key, result={"levels": dict(levels)}, reason=told)
