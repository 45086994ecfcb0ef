"""Pull orders: from TikTok Shop into Pipe17, each exactly once, none before its hold is over.

    source   orders/search by update time, from the last fetch's start minus `OVERLAP`, in slices of `SLICE`
    decide   core.orders.plan_order: held, `onHold`, `new`, `canceled`, or nothing for ever
    deliver  reads the order *again*, plans again, then creates it or puts what differs
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
from what the row remembers. An order that Pipe17 has keeps its lines when ORDERS_VIRTUAL_BUNDLES changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import LARGEST_PAGE, TikTok
from daemon.clock import Clock
from daemon.core.addresses import merge
from daemon.core.cancellations import request_finding
from daemon.core.edits import EDITED, edit_of, told, with_edits
from daemon.core.findings import Finding
from daemon.core.follow_ups import FollowUpRules, follow_ups
from daemon.core.jsontext import digest, dumps
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.order_document import has_bundles_apart
from daemon.core.order_facts import facts_of, with_recipes
from daemon.core.orders import KEPT_BACK, OrderPlan, OrderRules, plan_order
from daemon.core.orders_diff import HOLDING, changes, essential, findings, line_changes
from daemon.core.owed import (
    MALFORMED,
    Absent,
    Asked,
    Change,
    Done,
    Dropped,
    Later,
    Outcome,
    Owed,
    Page,
    Refused,
    SetAside,
    Settled,
    Wanted,
)
from daemon.core.reading import BadShape, required_text, seconds_as_ms
from daemon.core.reservations import taken_by
from daemon.core.shop_day import day_of
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import read_order
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError
from daemon.flows.buyer_requests import ANSWER_DUE, BuyerRequests
from daemon.flows.flow import Attempt, Known
from daemon.flows.order_reader import OrderReader
from daemon.flows.ownership import Ownership
from daemon.flows.recalls import CANCELS_IN_PIPE17, recalled, taken_back

NAME = "orders"
OVERLAP = timedelta(minutes=10)
"""Read again at every fetch: the search index lags, and update times move while a page is read (contract 3.6)."""
SLICE = timedelta(days=7)
"""Longest window of one fetch (contract 14 #7)."""
BACKFILL_PAGE = 20
"""Orders a backfill reads at once: few, so that those of the present never wait for many of the past."""
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
    ) -> None:
        self.every = every
        self.wanted_since_ms: int | None = None
        """The date of a running backfill: an order that moves on meanwhile, and so meets the poller first, is judged
        as the backfill would. Kept when that ends, because the search shows some changes late."""
        self._tiktok = tiktok.at(Lane.ORDERS)
        self._pipe17 = pipe17.at(Lane.ORDERS)
        self._orders = OrderReader(self._tiktok)
        self._requests = BuyerRequests(self._tiktok)
        self._late_tiktok = tiktok.at(Lane.RESYNC)
        self._late_pipe17 = pipe17.at(Lane.RESYNC)
        self._late_orders = OrderReader(self._late_tiktok)
        self._clock = clock
        self._rules = rules
        self._ownership = ownership
        self._afterwards = afterwards
        self._region = ""

    async def source(self, cursor: str | None) -> AsyncIterator[Page]:
        start_ms = self._first_start_ms() if cursor is None else int(cursor)
        await self._learn_region()
        while True:
            now_ms = self._clock.now_ms()
            slice_end_ms = start_ms + milliseconds(SLICE)
            end_ms = slice_end_ms if slice_end_ms < now_ms else None
            async for page in self._window(
                self._tiktok, start_ms - milliseconds(OVERLAP), end_ms, str(end_ms or now_ms)
            ):
                yield page
            if end_ms is None:
                return
            start_ms = end_ms

    async def past(self, since_ms: int, start_ms: int, end_ms: int | None) -> AsyncIterator[Page]:
        """Orders changed in [start, end), at the lowest priority, wanted when they were made since `since_ms`."""
        asked = Asked(since_ms, hurry=False)
        cursor = str(end_ms or self._clock.now_ms())
        async for page in self._window(self._late_tiktok, start_ms, end_ms, cursor, BACKFILL_PAGE):
            # by when they were asked for: their own time would put them in front of those of the present
            now_ms = self._clock.now_ms()
            found = (replace(change, asked=asked, changed_at_ms=now_ms) for change in page.changes)
            yield replace(page, changes=tuple(found))

    async def _window(
        self, tiktok: TikTok, start_ms: int, end_ms: int | None, cursor: str, page_size: int = LARGEST_PAGE
    ) -> AsyncIterator[Page]:
        token = ""
        while True:
            found = await tiktok.search_orders(
                update_time_ge=max(start_ms, 0) // 1000,
                update_time_lt=None if end_ms is None else -(-end_ms // 1000),
                page_token=token,
                page_size=page_size,
            )
            last = not found.next_page_token
            yield _page(await self._requests.told(found.orders), cursor if last else None)
            if last:
                return
            if found.next_page_token == token:
                raise BadShape("next_page_token", "is the one of the page before")
            token = found.next_page_token

    def _first_start_ms(self) -> int:
        return self._clock.now_ms() if self._rules.since_ms is None else self._rules.since_ms

    async def read(self, keys: Sequence[str]) -> Page:
        await self._learn_region()
        return _page(await self._requests.told(await self._tiktok.order_details(keys)), None)

    async def _learn_region(self) -> None:
        """Where the shop is says when its day begins."""
        if self._rules.count_by_day and not self._region:
            self._region = (await self._tiktok.shop()).region

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
        raw = await (self._late_orders if _late(row) else self._orders).read(row.key)
        if raw is None:
            due_at_ms = self._clock.now_ms() + milliseconds(GONE_RECHECK)
            return Later(due_at_ms, "TikTok shows no order by this id; it is read again", code="order_not_shown")
        (raw,) = await self._requests.told([raw])
        since_ms, raw = _since_ms(row), with_recipes(raw, _facts(row))
        plan = self._plan(raw, row, self._clock.now_ms(), since_ms, created=_created(row))
        released = await self._released_by_hand(row) if plan.reason in KEPT_BACK else None
        if released is not None:
            plan = self._plan(raw, row, self._clock.now_ms(), since_ms, created=True, released=released)
        version, payload = _update_ms(raw), _payload(plan, raw, row, since_ms)
        if plan.drop:
            return Dropped(plan.reason, version)
        if plan.document is None:
            again_ms = plan.look_again_at_ms or self._clock.now_ms() + milliseconds(timedelta(hours=1))
            return Later(again_ms, _why(plan), held=True, payload=payload, source_version=version)
        document, wanted = plan.document, digest(essential(plan.document))
        remote_id, unchanged, fresh = row.remote_id, row.accepted_digest == wanted, False
        late: tuple[Finding, ...] = ()
        edits: list[Any] = []
        if not unchanged:
            remote_id, late, edits, unchanged, fresh = await self._send(attempt, plan, document)
            if not remote_id:
                return Refused(
                    "order_missing_in_pipe17",
                    "Pipe17 no longer has the order that we created; restore it there and retry, or dismiss this",
                )
        return Done(
            digest=wanted,
            remote_id=remote_id,
            payload=payload,
            result=with_edits({"document": document}, row.result, edits),
            hold_until_ms=plan.look_again_at_ms,
            reason=_why(plan) or str(document["status"]),
            source_version=version,
            findings=(*plan.findings, *late),
            unchanged=unchanged,
            follow_ups=follow_ups(row, remote_id, payload, self._afterwards, self._clock.now_ms(), fresh=fresh),
        )

    async def _released_by_hand(self, row: Owed) -> Mapping[str, Any] | None:
        """Pipe17's order, where a person has let it go there while it is kept back here; it is out like any other."""
        current = await self._pipe17.order(row.remote_id) if row.remote_id else None
        return None if current is None or current.get("status") in HOLDING else current

    async def _send(
        self, attempt: Attempt, plan: OrderPlan, document: dict[str, Any]
    ) -> tuple[str, tuple[Finding, ...], list[Any], bool, bool]:
        """(id in Pipe17 or "" when it is gone, what came too late and its versions, whether nothing had to be sent,
        made just now)."""
        row = attempt.row
        pipe17 = self._late_pipe17 if _late(row) else self._pipe17
        if row.remote_id:
            current, remote_id = await pipe17.order(row.remote_id), row.remote_id
            if current is None:
                return "", (), [], False, False
        else:
            created = await pipe17.create_order(document)
            current, remote_id = created.order, str(created.order.get("orderId") or "")
            await self._ownership.learn(str(current.get("integration") or ""))
            if created.fresh:
                return remote_id, (), [], False, True
        accepted = _accepted(row)
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
        late = tuple(told(one, edits[one.code], row.key) if one.code in edits else _lasting(one) for one in late)
        return remote_id, late, list(edits.values()), not body, False

    async def settle(self, attempt: Attempt) -> Settled:
        row = attempt.row
        current = await self._pipe17.order_by_ext(row.key)
        if current is None:
            return Absent()
        remote_id = str(current.get("orderId") or "")
        await self._ownership.learn(str(current.get("integration") or ""))
        document = row.payload.get("document")
        accepted = _accepted(row)
        if document is None or not row.payload.get("wanted") or changes(current, document, accepted):
            return Absent(remote_id)
        if findings(current, document, accepted):
            return Absent(remote_id)  # the attempt did not come to say what Pipe17 takes no more
        late: tuple[Finding, ...] = ()
        if document["status"] == "canceled":
            late = await recalled(attempt, self._pipe17, remote_id, ())
        return Done(
            digest=digest(essential(document)),
            remote_id=remote_id,
            result=with_edits({"document": document}, row.result, ()),
            hold_until_ms=row.payload.get("look_again_at_ms"),
            reason="found in Pipe17",
            findings=tuple(_lasting(finding) for finding in late),
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
        accepted = _accepted(row)
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


def _page(orders: Sequence[Mapping[str, Any]], cursor: str | None) -> Page:
    changes_found: list[Change] = []
    set_aside: list[SetAside] = []
    for raw in orders:
        stamp = digest(raw)
        try:
            order_id, version = required_text(raw, "id"), _update_ms(raw)
        except BadShape as problem:
            key = raw.get("id") if isinstance(raw.get("id"), str) and raw.get("id") else f"unreadable-{stamp[:12]}"
            set_aside.append(SetAside(str(key), dumps(raw), MALFORMED, str(problem)))
        else:
            changes_found.append(Change(order_id, order_id, raw, stamp, version, version))
    return Page(tuple(changes_found), tuple(set_aside), cursor)


def _update_ms(raw: Mapping[str, Any]) -> int:
    update_ms = seconds_as_ms(raw, "update_time") or seconds_as_ms(raw, "create_time")
    if update_ms is None:
        raise BadShape("update_time", "is missing")
    return update_ms


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
    }


def _since_ms(row: Owed | None) -> int | None:
    """From when on a person wants it even when it is shipped; None: nobody asked."""
    return row.payload.get("since_ms") if row is not None else None


def _late(row: Owed) -> bool:
    """A backfill asked for it last: it goes behind what happens now."""
    return bool(row.payload.get("late"))


def _earliest(*instants_ms: int | None) -> int | None:
    return min((at_ms for at_ms in instants_ms if at_ms is not None), default=None)


def _facts(row: Owed | None) -> Mapping[str, Any] | None:
    return row.payload.get("facts") if row is not None else None


def _created(row: Owed | None) -> bool:
    return row is not None and bool(row.remote_id or row.accepted_digest)


def _accepted(row: Owed | None) -> Mapping[str, Any] | None:
    return row.result.get("document") if row is not None and row.result else None


def _lasting(finding: Finding) -> Finding:
    return Finding(finding.code, finding.text, finding.deadline_at_ms, lasting=True)


def _came_too_late(error: ApiError, current: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Pipe17 refuses an edit of an order that it has moved on with (pipe17 contract 16 #20)."""
    moved_on = current.get("status") not in ("onHold", "draft", "new")
    return isinstance(error.verdict, Rejected) and moved_on and "status" not in body
