"""Push fulfillments: every shipment that Pipe17 reports reaches TikTok once, with its tracking number.

    source   /fulfillments by update time, from the last fetch's start minus `OVERLAP`
    decide   ours or not (`ownership.py`); nearest ship-by deadline first
    deliver  reads the order, picks the units (core.shipments) and the carrier (core.carriers), notes both as its
             intent, then calls Mark Package As Shipped or, outside its markets, Ship Package
    settle   reads the order: do the units of the intent stand there as shipped with our tracking number?

One attempt per order at a time, so two packages of an order never take the same unit. An order that TikTok still holds,
or whose buyer asks to cancel it (ORDERS_CANCEL_RACE), makes the tracking wait, and so does a bundle whose other parts
have not left yet: the fulfillment of the last part ships it. Nothing that TikTok refuses is dropped: it stands on the
exceptions page with the code, and a retry or a new mapping sends it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.assumptions import ORDER_INTEGRATION
from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.carriers import CarrierChoice, choose_carrier
from daemon.core.findings import Finding, Refusal
from daemon.core.fulfillments import Fulfillment, read_fulfillment
from daemon.core.holds import hold_of
from daemon.core.jsontext import digest, dumps
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.lines import units_of
from daemon.core.owed import (
    MALFORMED,
    Absent,
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
from daemon.core.reading import BadShape, iso_as_ms, required_text
from daemon.core.shipments import (
    AlreadyShipped,
    PartsAwaited,
    ShipPlan,
    marks_as_shipped,
    package_to_ship,
    plan_shipment,
)
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import TikTokOrder, read_order
from daemon.core.verdicts import Rejected, Retry, Throttled
from daemon.errors import ApiError
from daemon.flows import pull_orders
from daemon.flows.flow import Attempt, Known
from daemon.flows.order_reader import OrderReader
from daemon.flows.ownership import Ownership
from daemon.flows.providers import Providers

NAME = "fulfillments"
OVERLAP = timedelta(minutes=10)
RECHECK = timedelta(seconds=30)
"""How soon an order is looked at again that TikTok holds, or that its buyer wants to cancel: few do at any time, and
the tracking goes out half a minute after it may."""
LONG_RECHECK = timedelta(minutes=5)
"""The same while the timers of the hold still run: TikTok may release earlier than they say."""
_STAMP_WITHOUT = ("updatedAt", "autoEngUpdateStatus", "timeline", "exceptions", "exceptionCategories")


@dataclass(frozen=True, slots=True)
class ShippingRules:
    """The settings that decide about shipments. `ship_despite_cancel`: ORDERS_CANCEL_RACE is `ship`."""

    hold: timedelta
    carrier_map: Mapping[str, str]
    fallback_carrier: str
    ship_despite_cancel: bool
    since_ms: int | None
    virtual_bundles: bool = False
    """Bundles stand in Pipe17 as their parts."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What TikTok accepted, and its remark."""

    plan: ShipPlan
    carrier: CarrierChoice
    carrier_in_pipe17: str
    warning: str


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
    ) -> None:
        """`fell_back` is told of every shipment that went out under the fallback carrier."""
        self.every = every
        self._tiktok = tiktok.at(Lane.FULFILLMENTS)
        self._pipe17 = pipe17.at(Lane.FULFILLMENTS)
        self._orders = OrderReader(self._tiktok)
        self._providers = Providers(self._tiktok, clock)
        self._clock = clock
        self._rules = rules
        self._ownership = ownership
        self._fell_back = fell_back

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
        if fulfillment.rejected:
            text = "the warehouse rejected these lines; cancel them at TikTok or ship them from elsewhere"
            return Refused("fulfillment_rejected", text, attempt.row.deadline_at_ms)
        order = await self._order(attempt, order_id)
        if order is None:
            return Refused("order_not_shown", "TikTok shows no order by this id", attempt.row.deadline_at_ms)
        wait = self._must_wait(order)
        if wait is not None:
            return wait
        plan = await self._plan(attempt, fulfillment, order)
        if isinstance(plan, Refusal):
            return _refused(plan, attempt)
        if isinstance(plan, PartsAwaited):
            return Later(self._clock.now_ms() + milliseconds(LONG_RECHECK), plan.text)
        if isinstance(plan, AlreadyShipped):
            return _done(attempt, plan.package_id, "TikTok has it already")
        carrier = await self._carrier(fulfillment, order)
        if isinstance(carrier, Refusal):
            return _refused(carrier, attempt)
        return await self._ship(attempt, fulfillment.carrier, order, plan, carrier)

    async def settle(self, attempt: Attempt) -> Settled:
        intent = attempt.row.intent
        if intent is None:
            return Absent()
        raw = await self._orders.read(str(intent["order_id"]))
        if raw is None:
            return Absent()
        units = [unit for unit in read_order(raw).units if unit.id in intent["unit_ids"]]
        if not any(unit.shipped for unit in units):
            return Absent()
        if all(
            unit.shipped and unit.tracking_number.upper() == str(intent["tracking_number"]).upper() for unit in units
        ):
            sent_digest = str(intent.get("digest", ""))
            return _done(attempt, units[0].package_id, "found at TikTok", sent_digest=sent_digest)
        return _elsewhere(attempt)

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
        """The order as it is now; while the order endpoint is closed for us, as we last saw it."""
        try:
            raw = await self._orders.read(order_id)
        except ApiError as error:
            rows = await attempt.neighbours(pull_orders.NAME)
            facts = rows[0].payload.get("facts") if rows else None
            if facts is None or not isinstance(error.verdict, Throttled | Retry):
                raise
            await attempt.note("planned on what we know", f"the order cannot be read now: {error}")
            return read_order(facts)
        return None if raw is None else read_order(raw)

    def _must_wait(self, order: TikTokOrder) -> Later | None:
        """What keeps tracking back by TikTok's rules or the owner's."""
        now_ms = self._clock.now_ms()
        if order.status in ("ON_HOLD", "UNPAID"):
            ends_ms = hold_of(order, self._rules.hold, now_ms).ends_ms
            due_at_ms = (
                min(ends_ms, now_ms + milliseconds(LONG_RECHECK))
                if ends_ms > now_ms
                else now_ms + milliseconds(RECHECK)
            )
            return Later(due_at_ms, f"TikTok has the order {order.status}; tracking waits for its release")
        if order.is_buyer_request_cancel and not self._rules.ship_despite_cancel and not order.cancelled:
            text = "the buyer asks to cancel and shipping would refuse it; answer in Seller Center"
            return Later(now_ms + milliseconds(RECHECK), text, code="cancel_requested")
        return None

    async def _plan(
        self, attempt: Attempt, fulfillment: Fulfillment, order: TikTokOrder
    ) -> ShipPlan | AlreadyShipped | PartsAwaited | Refusal:
        of_order: list[Fulfillment] = []
        taken: dict[str, str] = {}
        numbers: dict[str, str] = {}
        for row in await attempt.neighbours(NAME):
            of_order.append(read_fulfillment(row.payload["fulfillment"]))
            if row.intent is not None and row.state not in (State.DEAD, State.DROPPED):
                taken.update(dict.fromkeys(row.intent["unit_ids"], row.key))
                numbers[row.intent["tracking_number"]] = row.key
        return plan_shipment(
            fulfillment,
            order,
            units_of(order),
            taken,
            numbers,
            of_order=of_order,
            parts_by_sku=self._rules.virtual_bundles,
        )

    async def _carrier(self, fulfillment: Fulfillment, order: TikTokOrder) -> CarrierChoice | Refusal:
        region = (await self._tiktok.shop()).region
        for fresh in (False, True):
            providers = await self._providers.of(order.delivery_option_id, order.address.region_code, fresh=fresh)
            choice = choose_carrier(
                fulfillment.carrier,
                fulfillment.service,
                region,
                providers,
                self._rules.carrier_map,
                self._rules.fallback_carrier,
            )
            if isinstance(choice, CarrierChoice) and choice.how != "fallback":
                break
        return choice

    async def _ship(
        self, attempt: Attempt, carrier_in_pipe17: str, order: TikTokOrder, plan: ShipPlan, carrier: CarrierChoice
    ) -> Outcome:
        region, package_id = (await self._tiktok.shop()).region, ""
        if not marks_as_shipped(region):
            package = package_to_ship(order, plan.unit_ids)
            if isinstance(package, Refusal):
                return _refused(package, attempt)
            package_id = package
        await attempt.intend(
            {
                "order_id": order.id,
                "unit_ids": list(plan.unit_ids),
                "tracking_number": plan.tracking_number,
                "provider_id": carrier.provider_id,
                "package_id": package_id,
                "digest": attempt.row.digest,
            }
        )
        warning = ""
        try:
            if package_id:
                await self._tiktok.ship_package(package_id, plan.tracking_number, carrier.provider_id)
            else:
                shipped = await self._tiktok.mark_package_as_shipped(
                    order.id, plan.unit_ids, plan.tracking_number, carrier.provider_id
                )
                package_id, warning = shipped.package_id, shipped.warning
        except ApiError as error:
            return await self._after_refusal(attempt, error)
        if carrier.how == "fallback":
            self._fell_back()
        sent = _Sent(plan, carrier, carrier_in_pipe17, warning)
        told = f"as {carrier.provider_name} ({carrier.how} for {carrier_in_pipe17 or 'no carrier'})"
        return _done(attempt, package_id, told, sent)

    async def _after_refusal(self, attempt: Attempt, error: ApiError) -> Outcome:
        """An order still on hold waits; "already shipped" is a success when it was shipped with our number."""
        if isinstance(error.verdict, Retry) and error.verdict.code == "on_hold":
            due_at_ms = self._clock.now_ms() + milliseconds(RECHECK)
            return Later(due_at_ms, "TikTok still holds the order; tracking waits for its release")
        if isinstance(error.verdict, Rejected) and error.verdict.code == "already_shipped":
            settled = await self.settle(attempt)
            return settled if isinstance(settled, Done) else _elsewhere(attempt)
        raise error


def _done(attempt: Attempt, package_id: str, reason: str, sent: _Sent | None = None, sent_digest: str = "") -> Done:
    """TikTok has it; what it said about the number is kept with the row and shown by `trace`.

    `sent_digest`: what a look-up found sent, which need not be the newest wanted state any more.
    """
    findings: tuple[Finding, ...] = ()
    result: dict[str, Any] = {"package_id": package_id}
    if sent is not None:
        result |= {
            "carrier": sent.carrier_in_pipe17,
            "provider": sent.carrier.provider_name,
            "how": sent.carrier.how,
            "warning": sent.warning,
        }
        if sent.warning:
            reason = f"{reason}; TikTok remarks: {sent.warning}"
        if sent.plan.other_numbers:
            text = (
                f"the fulfillment has {len(sent.plan.other_numbers) + 1} tracking numbers; TikTok takes the first only"
            )
            findings = (Finding("further_numbers", text, lasting=True),)
    return Done(
        digest=sent_digest or attempt.row.digest,
        remote_id=package_id,
        result=result,
        reason=reason.strip(),
        findings=findings,
    )


def _refused(refusal: Refusal, attempt: Attempt) -> Refused:
    return Refused(refusal.code, refusal.text, attempt.row.deadline_at_ms)


def _elsewhere(attempt: Attempt) -> Refused:
    text = (
        "TikTok shows these units shipped under another number; is a second connector or a person shipping this shop?"
    )
    return Refused("already_shipped_elsewhere", text, attempt.row.deadline_at_ms)
