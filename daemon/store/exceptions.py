"""Open exceptions: what a person has to look at, one open entry per (flow, key, code).

Opening the same one again only counts it. What closes it depends on its kind: `send` with the next success of the row,
`finding` when a newer reading of the record no longer shows it, `event` by a person alone. Counts per (flow, code) live
in the tally under `exception:<flow>`, so the metric never counts rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from daemon.core.findings import Finding
from daemon.store.database import Tx


class Kind(StrEnum):
    """What closes an exception; see the module."""

    SEND = "send"
    FINDING = "finding"
    EVENT = "event"


def open_exception(
    tx: Tx,
    flow: str,
    key: str,
    group: str,
    finding: Finding,
    now_ms: int,
    kind: Kind = Kind.SEND,
) -> bool:
    """Open it, or count it again; True when it is new."""
    (times,) = tx.one(
        "exception_open",
        {
            "flow": flow,
            "key": key,
            "group_key": group,
            "code": finding.code,
            "kind": kind.value,
            "detail": finding.text,
            "deadline_at_ms": finding.deadline_at_ms,
            "now_ms": now_ms,
        },
    )
    if times == 1:
        tx.moves[f"exception:{flow}", finding.code] += 1
    return bool(times == 1)


def close(tx: Tx, flow: str, key: str, code: str, now_ms: int, by: str, note: str = "") -> bool:
    """Close one; False when it was not open."""
    if tx.one("exception_close", (now_ms, by, note, flow, key, code)) is None:
        return False
    tx.moves[f"exception:{flow}", code] -= 1
    return True


def close_all(tx: Tx, flow: str, key: str, now_ms: int, by: str, note: str = "") -> list[str]:
    """Close every open exception of a record; returns their codes."""
    codes = [code for (code,) in tx.all("exceptions_close_key", (now_ms, by, note, flow, key))]
    for code in codes:
        tx.moves[f"exception:{flow}", code] -= 1
    return codes


def close_kind(tx: Tx, flow: str, key: str, kind: Kind, now_ms: int, by: str, but: str = "") -> None:
    """Close what is open of one kind, as a success does with `send`; all `but` the one with this code."""
    for code, found in tx.all("exceptions_of_key", (flow, key)):
        if found == kind and code != but:
            close(tx, flow, key, code, now_ms, by)


def show_findings(tx: Tx, flow: str, key: str, group: str, findings: Iterable[Finding], now_ms: int) -> None:
    """Make the open findings of a record those of its newest reading; lasting ones are only ever added."""
    current = {finding.code: finding for finding in findings}
    rows = tx.all("exceptions_of_key", (flow, key))
    known = {code for code, _ in rows}
    for code, kind in rows:
        if kind == Kind.FINDING and code not in current:
            close(tx, flow, key, code, now_ms, "newer reading")
    for code, finding in current.items():
        if code not in known:
            open_exception(tx, flow, key, group, finding, now_ms, Kind.EVENT if finding.lasting else Kind.FINDING)
