"""Pull orders: from TikTok Shop into Pipe17, each exactly once, none before its hold is over.

    source   what changed at TikTok (`order_source.py`)
    decide   core.orders.plan_order: held, `onHold`, `new`, `canceled`, or nothing for ever
    deliver  reads the order *again*, plans again, then creates it or puts what differs (`order_writer.py`)
    settle   asks Pipe17 for `ext:<order id>`

An order that a person canceled in Pipe17 stays canceled there, whatever TikTok says; `push_cancellations.py` tells
TikTok. A buyer who asks to cancel makes a finding with the deadline of the answer (`buyer_requests.py`).

What follows from an order that Pipe17 has now (a message to the buyer, our ids at TikTok) is staged with that success
(core/follow_ups.py).

Orders that a person asks for (`pull`, `backfill`) come the same way, marked as `Change.asked`. From when on they are
wanted even when shipped is kept in the row, because `deliver` plans again.

The hold is a due time on the row. When it comes, `deliver` reads the order from TikTok before anything becomes
routable, so an address changed in minute 59 is the one that is released, and an order cancelled in it is not.

Deliver reads the order's detail, which has the recipes of bundles; search may leave them out, and then they are taken
from what the row remembers, or read before the row is first stored (`recipes.py`). An order that Pipe17 has keeps its
lines when ORDERS_VIRTUAL_BUNDLES changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.addresses import merge
from daemon.core.cancellations import request_finding
from daemon.core.edits import with_edits
from daemon.core.findings import Finding
from daemon.core.follow_ups import FollowUpRules, follow_ups
from daemon.core.jsontext import digest
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.order_document import has_bundles_apart
from daemon.core.order_facts import facts_of, with_recipes
from daemon.core.orders import KEPT_BACK, OrderPlan, OrderRules, plan_order
from daemon.core.orders_diff import changes, essential, findings
from daemon.core.owed import (
    Absent,
    Change,
    Done,
    Dropped,
    Later,
    Outcome,
    Owed,
    Page,
    Refused,
    Settled,
    Wanted,
)
from daemon.core.reading import seconds_as_ms
from daemon.core.recipes import WHOLE
from daemon.core.reservations import taken_by
from daemon.core.shop_day import day_of
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import read_order
from daemon.flows.buyer_requests import ANSWER_DUE
from daemon.flows.flow import Attempt, Known
from daemon.flows.order_source import OrderSource, update_ms
from daemon.flows.order_writer import OrderWriter, Told, accepted_document, late_row
from daemon.flows.ownership import Ownership
from daemon.flows.recipes import Recipes

NAME = "orders"
GONE_RECHECK = timedelta(minutes=5)
NOTHING_FOLLOWS = FollowUpRules()


class PullOrders:
    """The flow; see the module."""

    name = NAME
    lane = Lane.ORDERS
    concurrency = 64

    def __init__(
        self,
        tiktok: TikTok,
        pipe17: Pipe17,
        clock: Clock,
        rules: OrderRules,
        every: timedelta,
        ownership: Ownership,
        afterwards: FollowUpRules = NOTHING_FOLLOWS,
        recipes: Recipes | None = None,
    ) -> None:
        self.every = every
        self.wanted_since_ms: int | None = None
        """The date of a running backfill: an order that moves on meanwhile, and so meets the poller first, is judged
        as the backfill would. Kept when that ends, because the search shows some changes late."""
        self._orders = OrderSource(tiktok, clock, recipes)
        self._writer = OrderWriter(pipe17, clock, ownership)
        self._clock = clock
        self._rules = rules
        self._afterwards = afterwards
        self._region = ""

    async def source(self, cursor: str | None) -> AsyncIterator[Page]:
        start_ms = self._first_start_ms() if cursor is None else int(cursor)
        await self._learn_region()
        async for page in self._orders.recent(start_ms):
            yield page

    def past(self, since_ms: int, start_ms: int, end_ms: int | None) -> AsyncIterator[Page]:
        """For a backfill: orders changed in [start, end), at the lowest priority, wanted when made since `since_ms`."""
        return self._orders.past(since_ms, start_ms, end_ms)

    async def read(self, keys: Sequence[str]) -> Page:
        await self._learn_region()
        return await self._orders.of(keys)

    def _first_start_ms(self) -> int:
        return self._clock.now_ms() if self._rules.since_ms is None else self._rules.since_ms

    async def _learn_region(self) -> None:
        """Where the shop is says when its day begins."""
        if self._rules.count_by_day and not self._region:
            self._region = await self._orders.region()

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        in_doubt = row is not None and row.state in (State.SENDING, State.UNKNOWN)
        asked_ms = change.asked.since_ms if change.asked else None
        since_ms = _earliest(_since_ms(row), asked_ms, self.wanted_since_ms)
        raw = with_recipes(change.record, _facts(row))
        plan = self._plan(raw, row, now_ms, since_ms, created=_created(row) or in_doubt)
        document = plan.document
        wanted = digest(essential(document)) if document else ""
        state, due_at_ms = State.READY, None
        if plan.drop:
            state = State.DROPPED
        elif document is None or (
            plan.look_again_at_ms is not None and row is not None and row.accepted_digest == wanted
        ):
            state, due_at_ms = State.HELD, plan.look_again_at_ms
        return Wanted(
            state=state,
            payload=_payload(plan, raw, row, since_ms) | {"late": change.asked is not None and not change.asked.hurry},
            digest=wanted,
            reason=_why(plan),
            due_at_ms=due_at_ms,
            deadline_at_ms=None if document and document["status"] == "fulfilled" else plan.ship_by_ms,
            findings=plan.findings,
            summary=str((document or {}).get("status", plan.standing)),
            counts_on=self._counts_on(raw) if row is None else "",
        )

    def _counts_on(self, raw: Mapping[str, Any]) -> str:
        made_ms = seconds_as_ms(raw, "create_time") if self._rules.count_by_day else None
        return "" if made_ms is None else day_of(made_ms, self._region)

    async def deliver(self, attempt: Attempt) -> Outcome:
        row = attempt.row
        raw = await self._orders.now(row.key, late=late_row(row))
        if raw is None:
            due_at_ms = self._clock.now_ms() + milliseconds(GONE_RECHECK)
            return Later(due_at_ms, "TikTok shows no order by this id; it is read again", code="order_not_shown")
        since_ms, raw = _since_ms(row), with_recipes(raw, _facts(row))
        plan = self._plan(raw, row, self._clock.now_ms(), since_ms, created=_created(row))
        released = await self._writer.released_by_hand(row) if plan.reason in KEPT_BACK else None
        if released is not None:
            plan = self._plan(raw, row, self._clock.now_ms(), since_ms, created=True, released=released)
        version, payload = update_ms(raw), _payload(plan, raw, row, since_ms)
        if plan.drop:
            return Dropped(plan.reason, version)
        if plan.document is None:
            again_ms = plan.look_again_at_ms or self._clock.now_ms() + milliseconds(timedelta(hours=1))
            return Later(again_ms, _why(plan), held=True, payload=payload, source_version=version)
        document, wanted = plan.document, digest(essential(plan.document))
        told: Told | None = Told(row.remote_id, unchanged=True)
        if row.accepted_digest != wanted:
            told = await self._writer.tell(attempt, plan, document)
        if told is None:
            return Refused(
                "order_missing_in_pipe17",
                "Pipe17 no longer has the order that we created; restore it there and retry, or dismiss this",
            )
        return Done(
            digest=wanted,
            remote_id=told.remote_id,
            payload=payload,
            result=with_edits({"document": document}, row.result, told.edits),
            hold_until_ms=plan.look_again_at_ms,
            reason=_why(plan) or str(document["status"]),
            source_version=version,
            findings=(*plan.findings, *told.late),
            unchanged=told.unchanged,
            follow_ups=follow_ups(
                row, told.remote_id, payload, self._afterwards, self._clock.now_ms(), fresh=told.fresh
            ),
        )

    async def settle(self, attempt: Attempt) -> Settled:
        row = attempt.row
        current = await self._writer.found(row.key)
        if current is None:
            return Absent()
        remote_id = str(current.get("orderId") or "")
        document = row.payload.get("document")
        accepted = accepted_document(row)
        if document is None or not row.payload.get("wanted") or changes(current, document, accepted):
            return Absent(remote_id)
        if findings(current, document, accepted):
            return Absent(remote_id)  # the attempt did not come to say what Pipe17 takes no more
        late: tuple[Finding, ...] = ()
        if document["status"] == "canceled":
            late = await self._writer.recall(attempt, remote_id)
        return Done(
            digest=digest(essential(document)),
            remote_id=remote_id,
            result=with_edits({"document": document}, row.result, ()),
            hold_until_ms=row.payload.get("look_again_at_ms"),
            reason="found in Pipe17",
            findings=late,
            follow_ups=follow_ups(row, remote_id, row.payload, self._afterwards, self._clock.now_ms(), fresh=False),
        )

    def _plan(
        self,
        raw: Mapping[str, Any],
        row: Owed | None,
        now_ms: int,
        since_ms: int | None,
        *,
        created: bool,
        released: Mapping[str, Any] | None = None,
    ) -> OrderPlan:
        previous = dict((row.payload.get("document") if row else None) or {})
        accepted = accepted_document(row)
        if previous and accepted is not None:
            previous["status"] = accepted.get("status")
        if released is not None:
            address = merge(previous.get("shippingAddress"), released.get("shippingAddress") or {})
            previous |= {"status": "new", "shippingAddress": address}
        rules = self._rules
        if since_ms is not None:
            rules = replace(rules, since_ms=_earliest(rules.since_ms, since_ms))
        if accepted is not None:
            rules = replace(rules, virtual_bundles=has_bundles_apart(accepted))
        order = read_order(raw)
        plan = plan_order(order, rules, now_ms, previous or None, created)
        request = None if plan.drop else request_finding(order, raw.get(ANSWER_DUE))
        return plan if request is None else replace(plan, findings=(*plan.findings, request))


WAITS: Mapping[str, str] = {
    "unpaid": "waits for the buyer's payment",
    "on_hold": "TikTok holds it: the buyer may still change or cancel it",
    "hold_window": "inside ORDERS_HOLD: the buyer may still change or cancel it",
    "pre_order": "a pre-order that waits for its release date",
    "address_hidden": "TikTok shows no street for it yet; it is read again until it does",
    "shipper_unknown": "TikTok says a way of shipping that this version does not know; a person must release it",
    "status_unknown": "TikTok gives it a status that this version does not know",
}
"""What `backlog` and `trace` say for the words of `plan_order`; every other word speaks for itself."""


def _why(plan: OrderPlan) -> str:
    return WAITS.get(plan.reason, plan.reason)


def _payload(plan: OrderPlan, raw: Mapping[str, Any], row: Owed | None, since_ms: int | None) -> dict[str, Any]:
    """What the row keeps: the document (the last one where none is wanted now) and what shipping will need."""
    return {
        "document": plan.document or (row.payload.get("document") if row else None),
        "wanted": plan.document is not None,
        "standing": plan.standing.value,
        "look_again_at_ms": plan.look_again_at_ms,
        "units": plan.units,
        "facts": facts_of(raw),
        "takes": taken_by(read_order(raw)),
        "since_ms": since_ms,
        ANSWER_DUE: raw.get(ANSWER_DUE),
        WHOLE: bool(raw.get(WHOLE) or (row and row.payload.get(WHOLE))),
    }


def _since_ms(row: Owed | None) -> int | None:
    """From when on a person wants it even when it is shipped; None: nobody asked."""
    return row.payload.get("since_ms") if row is not None else None


def _earliest(*instants_ms: int | None) -> int | None:
    return min((at_ms for at_ms in instants_ms if at_ms is not None), default=None)


def _facts(row: Owed | None) -> Mapping[str, Any] | None:
    return row.payload.get("facts") if row is not None else None


def _created(row: Owed | None) -> bool:
    return row is not None and bool(row.remote_id or row.accepted_digest)
