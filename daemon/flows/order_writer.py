"""How Pipe17 is told of an order: created, or the members put that differ; and what came too late for that.

Pipe17's present record is read before it is changed, so what people and its own engine did there is respected
(core/orders_diff.py). What it takes no more (an edit of an order that is on its way) becomes a finding, with both
versions kept for who must act (core/edits.py). A cancel is followed by a look at what was sent (`recalls.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.clock import Clock
from daemon.core.edits import EDITED, edit_of, told
from daemon.core.findings import Finding
from daemon.core.lanes import Lane
from daemon.core.orders import OrderPlan
from daemon.core.orders_diff import HOLDING, changes, findings, line_changes
from daemon.core.owed import Owed
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError
from daemon.flows.flow import Attempt
from daemon.flows.ownership import Ownership
from daemon.flows.recalls import CANCELS_IN_PIPE17, recalled, taken_back


@dataclass(frozen=True, slots=True)
class Told:
    """What became of telling Pipe17 of an order."""

    remote_id: str
    """Its id there."""
    late: tuple[Finding, ...] = ()
    """What came too late."""
    edits: tuple[Mapping[str, Any], ...] = ()
    """Both versions of it."""
    unchanged: bool = False
    """Nothing had to be sent."""
    fresh: bool = False
    """Made just now."""


class OrderWriter:
    """Writes orders to Pipe17."""

    def __init__(self, pipe17: Pipe17, clock: Clock, ownership: Ownership) -> None:
        self._pipe17 = pipe17.at(Lane.ORDERS)
        self._late_pipe17 = pipe17.at(Lane.RESYNC)
        self._clock = clock
        self._ownership = ownership

    async def released_by_hand(self, row: Owed) -> Mapping[str, Any] | None:
        """Pipe17's order, where a person has let it go there while it is kept back here; it is out like any other."""
        current = await self._pipe17.order(row.remote_id) if row.remote_id else None
        return None if current is None or current.get("status") in HOLDING else current

    async def found(self, order_id: str) -> Mapping[str, Any] | None:
        """What Pipe17 has of an order, by TikTok's id."""
        current = await self._pipe17.order_by_ext(order_id)
        if current is not None:
            await self._ownership.learn(str(current.get("integration") or ""))
        return current

    async def tell(self, attempt: Attempt, plan: OrderPlan, document: Mapping[str, Any]) -> Told | None:
        """Make Pipe17's order what `document` says; None: the one that we created is gone. Raises `ApiError`."""
        row = attempt.row
        pipe17 = self._late_pipe17 if late_row(row) else self._pipe17
        if row.remote_id:
            current, remote_id = await pipe17.order(row.remote_id), row.remote_id
            if current is None:
                return None
        else:
            created = await pipe17.create_order(document)
            current, remote_id = created.order, str(created.order.get("orderId") or "")
            await self._ownership.learn(str(current.get("integration") or ""))
            if created.fresh:
                return Told(remote_id, fresh=True)
        accepted = accepted_document(row)
        body = changes(current, document, accepted)
        late = findings(current, document, accepted)
        if late:
            late = findings(current, document, accepted, await taken_back(attempt, plan))
        if body.get("status") == "canceled":
            await attempt.intend(CANCELS_IN_PIPE17)
        if body:
            try:
                await pipe17.update_order(remote_id, body)
            except ApiError as error:
                if not _came_too_late(error, current, body):
                    raise
                what = line_changes(current, document, await taken_back(attempt, plan)) or "its address or notes"
                text = f"TikTok changed the order after its release ({what}) and Pipe17 refuses the change ({error})"
                late = (*late, Finding("edited_after_release", text, row.deadline_at_ms))
        if document["status"] == "canceled":
            late = await recalled(attempt, pipe17, remote_id, late)
        edits = {one.code: edit_of(one, current, document, self._clock.now_ms()) for one in late if one.code in EDITED}
        late = tuple(told(one, edits[one.code], row.key) if one.code in edits else lasting(one) for one in late)
        return Told(remote_id, late, tuple(edits.values()), unchanged=not body)

    async def recall(self, attempt: Attempt, remote_id: str) -> tuple[Finding, ...]:
        """What must be called back of an order that is found canceled after an attempt that ended in the dark."""
        return tuple(lasting(finding) for finding in await recalled(attempt, self._pipe17, remote_id, ()))


def late_row(row: Owed) -> bool:
    """A backfill asked for it last: it goes behind what happens now."""
    return bool(row.payload.get("late"))


def accepted_document(row: Owed | None) -> Mapping[str, Any] | None:
    """What Pipe17 last took of an order."""
    return row.result.get("document") if row is not None and row.result else None


def lasting(finding: Finding) -> Finding:
    """A finding that a later look at the order does not take back."""
    return Finding(finding.code, finding.text, finding.deadline_at_ms, lasting=True)


def _came_too_late(error: ApiError, current: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Pipe17 refuses an edit of an order that it has moved on with (pipe17 contract 16 #20)."""
    moved_on = current.get("status") not in ("onHold", "draft", "new")
    return isinstance(error.verdict, Rejected) and moved_on and "status" not in body
