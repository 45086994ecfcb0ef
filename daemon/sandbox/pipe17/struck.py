"""What a call gets when a fault strikes it: the refusal, the spoiled page, and what the wire did."""

from __future__ import annotations

import json
from decimal import Decimal

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17.gateway import Refusal, failure, success
from daemon.sandbox.wire import Loss, Reply

REFUSED = {
    FaultKind.RATE_LIMIT: Refusal(429, "Too many requests"),
    FaultKind.SERVER_ERROR: Refusal(500, "Internal error"),
    FaultKind.UNAVAILABLE: Refusal(503, "Service unavailable"),
}


def spoiled(reply: Reply, entity: str, fault: Fault) -> Reply:
    """A page of a list with a fault that nobody can see."""
    answer = json.loads(reply.body, parse_float=Decimal)
    if "pagination" not in answer:
        return reply
    rows, paging = answer[entity], answer["pagination"]
    if fault.kind is FaultKind.MISSING_LOCATION:
        rows = [row for row in rows if row.get("locationId") != fault.message]
    else:
        rows, paging = ([] if fault.kind is FaultKind.EMPTY_LIST else rows), {**paging, "last": True}
    return success({entity: rows, "pagination": paging})


def refused(fault: Fault, now_ms: int) -> Reply:
    """The answer of a fault that refuses."""
    refusal = REFUSED.get(fault.kind) or Refusal(fault.status or 400, fault.message or "Refused")
    return failure(refusal, fault.headers(now_ms))


def loss_of(fault: Fault | None) -> Loss:
    """Where the call was lost, if it was."""
    if fault is not None and fault.kind is FaultKind.RESET:
        return Loss.BEFORE
    return Loss.AFTER if fault is not None and fault.kind is FaultKind.LOST_ANSWER else Loss.NONE
