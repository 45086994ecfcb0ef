"""Push fulfillments: every shipment that Pipe17 reports reaches TikTok once, with its tracking number.

    source   /fulfillments by update time, from the last fetch's start minus `OVERLAP`
    decide   ours or not (`ownership.py`); nearest ship-by deadline first
    deliver  reads the order and picks the units, or the package whose number changes (core.shipments); which call then
             names them is `shipping_calls.py`, and `platform_labels.py` for orders that TikTok carries itself
    settle   reads the order: do the units of the intent stand there as shipped with our tracking number?

One attempt per order at a time, so two packages of an order never take the same unit; orders that share a package are
sent one after the other, and the second finds it shipped. An order that TikTok still holds,
or whose buyer asks to cancel it (ORDERS_CANCEL_RACE), makes the tracking wait, and so does a bundle whose other parts
have not left yet: the fulfillment of the last part ships it. What a warehouse rejects is cancelled at TikTok
(`canceller.py`), behind the shipments of the order. Nothing that TikTok refuses is dropped: it stands on the
exceptions page with the code, and a retry or a new mapping sends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from daemon.apis.pipe17.assumptions import ORDER_INTEGRATION
from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.assumptions import COMBINED_LEAVE_TOGETHER
from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.findings import Refusal
from daemon.core.fulfillments import Fulfillment, read_fulfillment
from daemon.core.jsontext import digest, dumps
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.order_shipments import OrderShipments
from daemon.core.owed import (
    MALFORMED,
    Change,
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
from daemon.core.reading import BadShape, iso_as_ms, required_text
from daemon.core.shipments import (
    AlreadyShipped,
    Correction,
    CorrectionAwaited,
    PartsAwaited,
    ShipPlan,
    Superseded,
)
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import TikTokOrder, read_order
from daemon.core.verdicts import Retry, Throttled
from daemon.errors import ApiError
from daemon.flows import pull_orders
from daemon.flows.canceller import Canceller, cancels
from daemon.flows.flow import Attempt, Known
from daemon.flows.order_reader import OrderReader
from daemon.flows.ownership import Ownership
from daemon.flows.platform_labels import PlatformLabels
from daemon.flows.shipping_answers import done, refused
from daemon.flows.shipping_calls import ShippingCalls, ShippingRules
from daemon.flows.shipping_waits import LONG_RECHECK, ShippingWaits
from daemon.flows.strangers import Strangers

T = TypeVar("T")

NAME = "fulfillments"
OVERLAP = timedelta(minutes=10)
_STAMP_WITHOUT = ("updatedAt", "autoEngUpdateStatus", "timeline", "exceptions", "exceptionCategories")


class PushFulfillments:
    """The flow; see the module."""

    name = NAME
    lane = Lane.FULFILLMENTS
    concurrency = 32

    def __init__(
        self,
        tiktok: TikTok,
        pipe17: Pipe17,
        clock: Clock,
        rules: ShippingRules,
        every: timedelta,
        ownership: Ownership,
        fell_back: Callable[[], None],
        strangers: Strangers,
        canceller: Canceller | None = None,
    ) -> None:
        """`fell_back` is told of every shipment that went out under the fallback carrier, `strangers` of every order
        that somebody else shipped. `canceller` cancels at TikTok what a warehouse rejects; None:
        ORDERS_PUSH_CANCELLATIONS is off, and a person does it."""
        self.every = every
        self._tiktok = tiktok.at(Lane.FULFILLMENTS)
        self._pipe17 = pipe17.at(Lane.FULFILLMENTS)
        self._orders = OrderReader(self._tiktok)
        self._calls = ShippingCalls(self._tiktok, self._orders, clock, rules, fell_back)
        self._waits = ShippingWaits(self._tiktok, clock, rules)
        self._canceller = canceller
        self._labels = PlatformLabels(self._tiktok, self._orders, clock, self._calls)
        self._clock = clock
        self._rules = rules
        self._ownership = ownership
        self.strangers = strangers
        self._shared: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def source(self, cursor: str | None) -> AsyncIterator[Page]:
        now_ms = self._clock.now_ms()
        first_ms = now_ms if self._rules.since_ms is None else self._rules.since_ms
        start_ms = first_ms if cursor is None else int(cursor)
        skip = 0
        while True:
            rows = await self._pipe17.fulfillments(updated_since_ms=start_ms - milliseconds(OVERLAP), skip=skip)
            skip += len(rows.rows)
            yield self._page(rows.rows, str(now_ms) if rows.last else None)
            if rows.last:
                return

    async def read(self, keys: Sequence[str]) -> Page:
        found = [await self._pipe17.fulfillment(key) for key in keys]
        return self._page([raw for raw in found if raw is not None], None)

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        fulfillment = read_fulfillment(change.record)
        order = known.row(pull_orders.NAME, fulfillment.ext_order_id) if fulfillment.ext_order_id else None
        if order is None and fulfillment.order_id:
            order = known.row_by_remote(pull_orders.NAME, fulfillment.order_id)
        return Wanted(
            state=State.READY,
            payload={"fulfillment": change.record},
            digest=change.stamp,
            deadline_at_ms=order.deadline_at_ms if order else None,
            summary="tracking",
            group=order.key if order else "",
        )

    async def deliver(self, attempt: Attempt) -> Outcome:
        fulfillment = read_fulfillment(attempt.row.payload["fulfillment"])
        order_id = await self._order_id(attempt, fulfillment)
        if order_id is None:
            return Dropped("not_ours")
        if fulfillment.rejected and self._canceller is not None:
            return await self._canceller.carry_out(attempt)
        if fulfillment.rejected:
            text = "the warehouse rejected these lines; cancel them at TikTok or ship them from elsewhere"
            return Refused("fulfillment_rejected", text, attempt.row.deadline_at_ms)
        order = await self._order(attempt, order_id)
        if order is None:
            return Refused("order_not_shown", "TikTok shows no order by this id", attempt.row.deadline_at_ms)
        wait = await self._waits.of(attempt, order)
        if wait is not None:
            return wait
        if not (order.combined and COMBINED_LEAVE_TOGETHER.value):
            return await self._watched(attempt, order_id, await self._send(attempt, fulfillment, order))
        async with self._alone(order):
            # the other order of the package may have shipped it meanwhile
            order = await self._order(attempt, order_id) or order
            return await self._watched(attempt, order_id, await self._send(attempt, fulfillment, order))

    async def settle(self, attempt: Attempt) -> Settled:
        if self._canceller is not None and cancels(attempt.row) is not None:
            return await self._canceller.settle(attempt)
        settled = await self._calls.settle(attempt)
        return await self._watched(attempt, str((attempt.row.intent or {}).get("order_id", "")), settled)

    async def _send(self, attempt: Attempt, fulfillment: Fulfillment, order: TikTokOrder) -> Outcome:
        """Do at TikTok what the fulfillment asks for, now that nothing keeps it back."""
        rows = await attempt.neighbours(NAME)
        shipments = OrderShipments.of(order, rows, parts_by_sku=self._rules.virtual_bundles)
        if order.platform_label:
            return await self._labels.ship(attempt, fulfillment, shipments)
        planned = shipments.plan(fulfillment)
        match planned:
            case ShipPlan():
                boxes = shipments.next_boxes(fulfillment, planned)
                return await self._calls.ship(attempt, fulfillment, order, planned, boxes)
            case Correction():
                return await self._calls.correct(attempt, fulfillment, order, planned)
            case AlreadyShipped():
                return done(attempt, planned.package_id, "TikTok has it already")
            case Superseded():
                return done(attempt, planned.package_id, "a newer fulfillment has given this package its number")
            case PartsAwaited() | CorrectionAwaited():
                return Later(self._clock.now_ms() + milliseconds(LONG_RECHECK), planned.text)
            case Refusal():
                return refused(planned, attempt)

    async def _watched(self, attempt: Attempt, order_id: str, outcome: T) -> T:
        """The outcome; units that somebody else shipped are counted by order."""
        if isinstance(outcome, Refused) and outcome.code == "already_shipped_elsewhere":
            await self.strangers.shipped(order_id)
        return outcome

    def _alone(self, order: TikTokOrder) -> asyncio.Lock:
        """Orders that share a package are sent one after the other: one call ships it for all of them."""
        packages = {unit.package_id for unit in order.units if unit.package_id and not unit.shipped}
        name = order.auto_combine_group_id or min(packages, default=order.id)
        return self._shared.setdefault(name, asyncio.Lock())

    def _page(self, rows: Sequence[Mapping[str, Any]], cursor: str | None) -> Page:
        found: list[Change] = []
        set_aside: list[SetAside] = []
        skipped = 0
        for raw in rows:
            if self._ownership.foreign(str(raw.get(ORDER_INTEGRATION.value) or "")):
                skipped += 1
                continue
            stamp = digest({name: value for name, value in raw.items() if name not in _STAMP_WITHOUT})
            try:
                key = required_text(raw, "fulfillmentId")
                changed_ms = iso_as_ms(raw, "createdAt") or iso_as_ms(raw, "updatedAt") or 0
                group = str(raw.get("extOrderId") or f"pipe17:{raw.get('orderId') or key}")
            except BadShape as problem:
                name = str(raw.get("fulfillmentId") or f"unreadable-{stamp[:12]}")
                set_aside.append(SetAside(name, dumps(raw), MALFORMED, str(problem)))
            else:
                found.append(Change(key, group, raw, stamp, changed_ms, changed_ms))
        return Page(tuple(found), tuple(set_aside), cursor, skipped)

    async def _order_id(self, attempt: Attempt, fulfillment: Fulfillment) -> str | None:
        """The TikTok order this fulfillment is about; None when it is another channel's."""
        rows = await attempt.neighbours(pull_orders.NAME)
        if rows:
            return rows[0].key
        owner = await self._ownership.of(fulfillment, self._pipe17)
        return owner.order_id if owner.ours and owner.order_id else None

    async def _order(self, attempt: Attempt, order_id: str) -> TikTokOrder | None:
        """The order as it is now; while the order endpoint is closed for us, as we last saw it.

        Not when a call was tried already, and not for an order that shares a package: somebody may have shipped it.
        """
        try:
            raw = await self._orders.read(order_id)
        except ApiError as error:
            rows = await attempt.neighbours(pull_orders.NAME)
            facts = rows[0].payload.get("facts") if rows else None
            if facts is None or attempt.row.intent or not isinstance(error.verdict, Throttled | Retry):
                raise
            known = read_order(facts)
            if known.combined:
                raise
            await attempt.note("planned on what we know", f"the order cannot be read now: {error}")
            return known
        return None if raw is None else read_order(raw)
