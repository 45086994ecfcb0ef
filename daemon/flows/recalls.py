"""What must be called back when TikTok cancels, and what need not: the going of units that Pipe17 took back itself.

A cancel of an order in Pipe17 is followed by a look at its shipping requests. The intent of that write is on disk, so
the look comes also when its answer, or the process, was lost. A cancel that Pipe17 asked for is no news for anybody
there (`canceller.py` keeps which units those are).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.core.findings import Finding
from daemon.core.orders import OrderPlan
from daemon.core.orders_diff import recall
from daemon.flows.canceller import CANCELLATIONS, FULFILLMENTS, born_here
from daemon.flows.flow import Attempt

CANCELS_IN_PIPE17: Mapping[str, Any] = {"cancels_in_pipe17": True}
"""The intent of the one write that may have to be followed by a recall."""


async def recalled(attempt: Attempt, pipe17: Pipe17, remote_id: str, late: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings `late` of a cancelled order with a recall that names what was sent, or without any."""
    row = attempt.row
    others = tuple(finding for finding in late if finding.code != "recall")
    accepted = (row.result or {}).get("document") or {}
    if row.intent != CANCELS_IN_PIPE17 or accepted.get("status") == "canceled":
        return others
    units = {unit_id for unit_ids in row.payload.get("units", {}).values() for unit_id in unit_ids}
    if units <= await _cancelled_by_us(attempt):
        return others
    sent = recall(await pipe17.shipments(remote_id))
    return late if sent is None else (*others, sent)


async def taken_back(attempt: Attempt, plan: OrderPlan) -> set[str]:
    """Lines whose cancelled units all were taken back in Pipe17."""
    ours = await _cancelled_by_us(attempt)
    return {line for line, gone in plan.cancelled.items() if gone and ours.issuperset(gone)}


async def _cancelled_by_us(attempt: Attempt) -> set[str]:
    return born_here([*await attempt.neighbours(CANCELLATIONS), *await attempt.neighbours(FULFILLMENTS)])
