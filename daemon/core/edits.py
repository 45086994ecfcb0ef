"""What TikTok changed when Pipe17 no longer takes it: both versions, kept with the order for whoever must decide.

An exception names the members that differ and never what is in them (an address is personal data). What Pipe17 has and
what TikTok says are kept in the store with the row, as long as the row is; `tiktok-pipe17 trace ID --personal` shows
them to whoever may read the store on this machine, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from daemon.core import addresses
from daemon.core.findings import Finding

EDITED = frozenset({"edited_after_release", "edited_after_ship"})
KEPT = 10
"""Edits remembered of one order; the oldest go first."""


def edit_of(finding: Finding, current: Mapping[str, Any], wanted: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """The edit behind a finding: `members` that differ, `before` (Pipe17's record) and `after` (TikTok's)."""
    before, after = _version(current), _version(wanted)
    shown = addresses.merge(current.get("shippingAddress"), wanted.get("shippingAddress") or {})
    after = {name: value for name, value in after.items() if name not in addresses.MEMBERS} | shown
    members = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return {
        "code": finding.code,
        "at_ms": now_ms,
        "members": members,
        "before": {name: before.get(name, "") for name in members},
        "after": {name: after.get(name, "") for name in members},
    }


def told(finding: Finding, edit: Mapping[str, Any], order_id: str) -> Finding:
    """The finding with the names of what differs, and where both versions can be read."""
    names = ", ".join(edit["members"]) or "nothing that both sides show"
    where = f"`tiktok-pipe17 trace {order_id} --personal` shows both versions"
    return replace(finding, text=f"{finding.text} ({names}); {where}", lasting=True)


def with_edits(result: Mapping[str, Any], before: Mapping[str, Any] | None, edits: Sequence[Any]) -> dict[str, Any]:
    """The result of a delivery with the edits of this one and of those before it."""
    kept = [*((before or {}).get("edits") or ()), *edits][-KEPT:]
    return {**result, "edits": kept} if kept else dict(result)


def _version(document: Mapping[str, Any]) -> dict[str, Any]:
    lines = {
        f"quantity of line {line.get('uniqueId')}": line.get("quantity") for line in document.get("lineItems") or ()
    }
    return {**addresses.clear(document.get("shippingAddress") or {}), **lines}
