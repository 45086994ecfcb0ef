"""Push cancellations: what people cancel in Pipe17, or take out of its lines, is cancelled at TikTok once.

    source   our own orders in Pipe17 by update time, from the last fetch's start minus `OVERLAP`
    decide   canceled, or fewer pieces of a line than we wrote? Everything else leaves no row
    deliver  `canceller.py`: reads both sides again, asks for the allowed reasons, cancels, looks
    settle   `canceller.py`: are the units of the intent cancelled?

A cancel that came from TikTok ends here as "nothing to send": TikTok has it cancelled. So there is no echo in either
direction. What TikTok refuses stays an exception (`cancel_refused`), and Pipe17 stays as it is. A row whose order is
put back in Pipe17 before it was sent is dropped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.clock import Clock
from daemon.core.cancel_plan import CANCELED, quantities, taken_back
from daemon.core.jsontext import digest, dumps
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.owed import MALFORMED, Change, Outcome, Owed, Page, SetAside, Settled, Wanted
from daemon.core.reading import BadShape, iso_as_ms, required_text
from daemon.core.spans import milliseconds
from daemon.flows.canceller import CANCELLATIONS, ORDERS, Canceller
from daemon.flows.flow import Attempt, Known
from daemon.flows.ownership import Ownership

NAME = CANCELLATIONS
OVERLAP = timedelta(minutes=10)
MEMBERS = ("orderId", "extOrderId", "status", "lineItems", "integration", "updatedAt")


class PushCancellations:
    """The flow; see the module."""

    name = NAME
    lane = Lane.CANCELLATIONS
    concurrency = 8

    def __init__(
        self, pipe17: Pipe17, canceller: Canceller, clock: Clock, every: timedelta, ownership: Ownership
    ) -> None:
        self.every = every
        self._pipe17 = pipe17.at(Lane.CANCELLATIONS)
        self._canceller = canceller
        self._clock = clock
        self._ownership = ownership
        self._seen: dict[str, str] = {}
        """Orders of the last fetch that are stored: `updatedAt` by id. The overlap shows them again, ten times over."""

    async def source(self, cursor: str | None) -> AsyncIterator[Page]:
        now_ms = self._clock.now_ms()
        start_ms = now_ms if cursor is None else int(cursor)
        skip, seen = 0, dict[str, str]()
        if not self._ownership.integration_id:  # no order of ours was ever made
            yield Page((), (), str(now_ms))
            return
        while True:
            rows = await self._pipe17.orders(
                updated_since_ms=start_ms - milliseconds(OVERLAP),
                skip=skip,
                integration=self._ownership.integration_id,
                members=MEMBERS,
            )
            skip += len(rows.rows)
            stamps = {str(raw.get("orderId")): str(raw.get("updatedAt")) for raw in rows.rows}
            news = [raw for raw in rows.rows if self._seen.get(str(raw.get("orderId"))) != str(raw.get("updatedAt"))]
            yield _page(news, str(now_ms) if rows.last else None)
            seen |= stamps  # asked for more: what was yielded is stored
            if rows.last:
                self._seen = seen
                return

    async def read(self, keys: Sequence[str]) -> Page:
        found = [await self._pipe17.order_by_ext(key) for key in keys]
        return _page([raw for raw in found if raw is not None], None)

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        order = known.row(ORDERS, change.key)
        if order is None:
            return None
        record = change.record
        canceled = record.get("status") == CANCELED
        accepted = (order.result or {}).get("document")
        back = {} if accepted is None else taken_back(accepted, record)
        if not canceled and accepted is not None and not back:
            return _nothing(row)
        wanted = {CANCELED: canceled, "taken_back": {} if canceled else back}
        return Wanted(
            state=State.READY,
            payload=wanted,
            digest=digest({CANCELED: canceled, "lines": {} if canceled else quantities(record)}),
            summary=CANCELED if canceled else f"{sum(back.values())} pieces fewer",
            deadline_at_ms=order.deadline_at_ms,
        )

    async def deliver(self, attempt: Attempt) -> Outcome:
        return await self._canceller.carry_out(attempt)

    async def settle(self, attempt: Attempt) -> Settled:
        return await self._canceller.settle(attempt)


def _nothing(row: Owed | None) -> Wanted | None:
    """Nothing is taken back (any more)."""
    if row is None or row.state in (State.DONE, State.DROPPED):
        return None
    return Wanted(State.DROPPED, row.payload, "", reason="put back in Pipe17, or followed from TikTok")


def _page(rows: Sequence[Mapping[str, Any]], cursor: str | None) -> Page:
    found: list[Change] = []
    set_aside: list[SetAside] = []
    for raw in rows:
        stamp = digest({"status": raw.get("status"), "lineItems": raw.get("lineItems")})
        try:
            key = required_text(raw, "extOrderId")
            changed_ms = iso_as_ms(raw, "updatedAt") or 0
        except BadShape as problem:
            name = str(raw.get("orderId") or f"unreadable-{stamp[:12]}")
            set_aside.append(SetAside(name, dumps(raw), MALFORMED, str(problem)))
        else:
            found.append(Change(key, key, raw, stamp, changed_ms, changed_ms))
    return Page(tuple(found), tuple(set_aside), cursor)
