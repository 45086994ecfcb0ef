"""Which call ships these units in which market, under which carrier, and what to believe of its answer.

    ship      picks the carrier (core.carriers), notes units, number and carrier as the intent, then calls Mark Package
              As Shipped or, outside its markets, Ship Package, which may ask for a split first (core.packages)
    correct   gives a package that has left its new number, in the one call that TikTok allows for it
    settle    reads the order: do the units of the intent stand there as shipped with our tracking number?

A market that refuses one of the two calls is asked with the other where a package exists, and remembered. A split is
decided on an order that was read for it: when the answer of the last one was lost, its packages are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.apis.tiktok.assumptions import SPLIT_NAMES_THE_REST
from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.carriers import CarrierChoice, choose_carrier
from daemon.core.findings import Refusal
from daemon.core.fulfillments import Fulfillment
from daemon.core.owed import Absent, Done, Later, Outcome, Refused, Settled
from daemon.core.packages import SplitFirst, package_for, why_not_split
from daemon.core.shipments import Correction, ShipPlan, marks_as_shipped
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import TikTokOrder, read_order
from daemon.core.verdicts import Rejected, Retry
from daemon.errors import ApiError
from daemon.flows.flow import Attempt
from daemon.flows.order_reader import OrderReader
from daemon.flows.providers import Providers
from daemon.flows.shipping_answers import Sent, done, elsewhere, refused

RECHECK = timedelta(seconds=30)
"""How soon an order is looked at again that TikTok holds, or that its buyer wants to cancel: few do at any time, and
the tracking goes out half a minute after it may."""


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
class Box:
    """What is to leave now: the plan of a fulfillment, its carrier, and the units of those that come next."""

    order: TikTokOrder
    plan: ShipPlan
    carrier: CarrierChoice
    next_boxes: Sequence[tuple[str, ...]]


class ShippingCalls:
    """The shipping calls of one shop."""

    def __init__(
        self, tiktok: TikTok, orders: OrderReader, clock: Clock, rules: ShippingRules, fell_back: Callable[[], None]
    ) -> None:
        """`fell_back` is told of every shipment that went out under the fallback carrier."""
        self._tiktok = tiktok
        self._orders = orders
        self._providers = Providers(tiktok, clock)
        self._clock = clock
        self._rules = rules
        self._fell_back = fell_back
        self._mark_refused = False

    async def ship(
        self,
        attempt: Attempt,
        fulfillment: Fulfillment,
        order: TikTokOrder,
        plan: ShipPlan,
        next_boxes: Sequence[tuple[str, ...]] = (),
    ) -> Outcome:
        """Ship the units of the plan; raises `ApiError` for what the engine decides about."""
        carrier = await self._carrier(fulfillment, order)
        if isinstance(carrier, Refusal):
            return refused(carrier, attempt)
        box = Box(order, plan, carrier, next_boxes)
        try:
            shipped = await self._in_its_market(attempt, box)
        except ApiError as error:
            return await self._after_refusal(attempt, box, error)
        if isinstance(shipped, Refusal):
            return refused(shipped, attempt)
        if carrier.how == "fallback":
            self._fell_back()
        package_id, warning = shipped
        sent = Sent(plan, carrier, fulfillment.carrier, warning)
        return done(attempt, package_id, _told(carrier, fulfillment), sent)

    async def correct(
        self, attempt: Attempt, fulfillment: Fulfillment, order: TikTokOrder, correction: Correction
    ) -> Outcome:
        """Give the package its new number; what TikTok refuses names both, and the old one stays."""
        carrier = await self._carrier(fulfillment, order)
        if isinstance(carrier, Refusal):
            return refused(carrier, attempt)
        plan = ShipPlan(correction.unit_ids, correction.number, fulfillment.tracking_numbers[1:])
        intent = _intent(Box(order, plan, carrier, ()), attempt, correction.package_id)
        await attempt.intend(intent | {"corrects": correction.corrects, "old_number": correction.old_number})
        try:
            await self._tiktok.packages.update_tracking(
                correction.number,
                carrier.provider_id,
                order_id=order.id if correction.whole_order else "",
                package_id=correction.package_id,
            )
        except ApiError as error:
            if not isinstance(error.verdict, Rejected):
                raise
            settled = await self.settle(attempt)
            if isinstance(settled, Done):
                return settled
            text = f"TikTok keeps {correction.old_number} and does not take {correction.number} in its place ({error})"
            return Refused(error.verdict.code, text, attempt.row.deadline_at_ms)
        reason = f"number corrected from {correction.old_number} to {correction.number}, {_told(carrier, fulfillment)}"
        return done(attempt, correction.package_id, reason, Sent(plan, carrier, fulfillment.carrier, ""))

    async def settle(self, attempt: Attempt) -> Settled:
        """Whether the attempt that ended in the dark shipped its units, or changed their number."""
        intent = attempt.row.intent
        if intent is None:
            return Absent()
        raw = await self._orders.read(str(intent["order_id"]))
        if raw is None:
            return Absent()
        units = [unit for unit in read_order(raw).units if unit.id in intent["unit_ids"]]
        if not any(unit.shipped for unit in units):
            return Absent()
        number = str(intent["tracking_number"]).upper()
        if all(unit.shipped and (intent.get("label") or unit.tracking_number.upper() == number) for unit in units):
            sent_digest = str(intent.get("digest", ""))
            return done(attempt, units[0].package_id, "found at TikTok", sent_digest=sent_digest)
        return Absent() if "corrects" in intent or intent.get("label") else elsewhere(attempt)

    async def _in_its_market(self, attempt: Attempt, box: Box) -> tuple[str, str] | Refusal:
        """(package id, TikTok's remark). The other call where this market refuses the usual one."""
        marks = marks_as_shipped((await self._tiktok.shop()).region)
        has_package = all(unit.package_id for unit in box.order.units if unit.id in box.plan.all_unit_ids)
        if not marks or (self._mark_refused and has_package):
            try:
                return await self._by_package(attempt, box)
            except ApiError as error:
                if marks or not _not_here(error):
                    raise
            return await self._by_order(attempt, box)
        try:
            return await self._by_order(attempt, box)
        except ApiError as error:
            if not has_package or not _not_here(error):
                raise
            self._mark_refused = True
        return await self._by_package(attempt, box)

    async def _by_order(self, attempt: Attempt, box: Box) -> tuple[str, str]:
        await attempt.intend(_intent(box, attempt, ""))
        plan = box.plan
        shipped = await self._tiktok.packages.mark_package_as_shipped(
            box.order.id, plan.all_unit_ids, plan.tracking_number, box.carrier.provider_id
        )
        return shipped.package_id, shipped.warning

    async def _by_package(self, attempt: Attempt, box: Box) -> tuple[str, str] | Refusal:
        target = package_for(box.order, box.plan.all_unit_ids, box.next_boxes)
        if isinstance(target, SplitFirst):
            target = await self._split(attempt, box)
        if isinstance(target, Refusal):
            return target
        await attempt.intend(_intent(box, attempt, target))
        await self._tiktok.packages.ship_package(target, box.plan.tracking_number, box.carrier.provider_id)
        return target, ""

    async def _split(self, attempt: Attempt, box: Box) -> str | Refusal:
        """The package of the units, split off from the others unless that has happened already."""
        order, unit_ids = await self._read_now(box.order), box.plan.all_unit_ids
        target = package_for(order, unit_ids, box.next_boxes)
        if not isinstance(target, SplitFirst):
            return target
        why = await self._tiktok.packages.why_whole(order.id)
        if why:
            return why_not_split(order, unit_ids, "", why)
        await attempt.intend(_intent(box, attempt, ""))
        refusal = why_not_split(order, unit_ids, "", "")
        for groups in dict.fromkeys((target.groups, target.smallest.groups)):
            try:
                named = groups if SPLIT_NAMES_THE_REST.value else groups[:-1]
                package_id = (await self._tiktok.packages.split(order.id, named))[0]
            except ApiError as error:
                if not isinstance(error.verdict, Rejected) or error.verdict.code != "split_refused":
                    raise
                refusal = why_not_split(order, unit_ids, error.code, error.message)
            else:
                await attempt.note("split", f"package {target.package_id} into {len(groups)} packages")
                return package_id
        return refusal

    async def _read_now(self, order: TikTokOrder) -> TikTokOrder:
        raw = await self._orders.read(order.id)
        return order if raw is None else read_order(raw)

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

    async def _after_refusal(self, attempt: Attempt, box: Box, error: ApiError) -> Outcome:
        """An order still on hold waits; "already shipped" is a success when it was shipped with our number."""
        if isinstance(error.verdict, Retry) and error.verdict.code == "on_hold":
            due_at_ms = self._clock.now_ms() + milliseconds(RECHECK)
            return Later(due_at_ms, "TikTok still holds the order; tracking waits for its release")
        if not isinstance(error.verdict, Rejected):
            raise error
        if error.verdict.code == "after_sale_open":
            due_at_ms = self._clock.now_ms() + milliseconds(RECHECK)
            text = f"TikTok takes no tracking number while a cancellation or return of the order is open ({error})"
            return Later(due_at_ms, text, code="after_sale_open")
        if error.verdict.code == "already_shipped":
            settled = await self.settle(attempt)
            return settled if isinstance(settled, Done) else elsewhere(attempt)
        if error.verdict.code == "split_refused":
            return refused(why_not_split(box.order, box.plan.all_unit_ids, error.code, error.message), attempt)
        raise error


def _intent(box: Box, attempt: Attempt, package_id: str) -> dict[str, Any]:
    plan = box.plan
    intent: dict[str, Any] = {
        "order_id": box.order.id,
        "unit_ids": list(plan.all_unit_ids),
        "tracking_number": plan.tracking_number,
        "provider_id": box.carrier.provider_id,
        "package_id": package_id,
        "digest": attempt.row.digest,
    }
    if plan.companions:
        shares = {attempt.row.key: plan.unit_ids, **dict(plan.companions)}
        intent["shares"] = {owner: list(unit_ids) for owner, unit_ids in shares.items()}
    return intent


def _not_here(error: ApiError) -> bool:
    return isinstance(error.verdict, Rejected) and error.verdict.code == "not_for_this_market"


def _told(carrier: CarrierChoice, fulfillment: Fulfillment) -> str:
    return f"as {carrier.provider_name} ({carrier.how} for {fulfillment.carrier or 'no carrier'})"
