"""Which call ships these units in which market, under which carrier, and what to believe of its answer.

    ship     picks the carrier (core.carriers), notes units, number and carrier as the intent, then calls Mark Package
             As Shipped or, outside its markets, Ship Package
settle   reads the order: do the units of the intent stand there as shipped with our tracking number?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.carriers import CarrierChoice, choose_carrier
from daemon.core.findings import Refusal
from daemon.core.fulfillments import Fulfillment
from daemon.core.owed import Absent, Done, Later, Outcome, Settled
from daemon.core.shipments import ShipPlan, marks_as_shipped, package_to_ship
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

    async def ship(self, attempt: Attempt, fulfillment: Fulfillment, order: TikTokOrder, plan: ShipPlan) -> Outcome:
        """Ship the units of the plan; raises `ApiError` for what the engine decides about."""
        carrier = await self._carrier(fulfillment, order)
        if isinstance(carrier, Refusal):
            return refused(carrier, attempt)
        region, package_id = (await self._tiktok.shop()).region, ""
        if not marks_as_shipped(region):
            package = package_to_ship(order, plan.unit_ids)
            if isinstance(package, Refusal):
                return refused(package, attempt)
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
        sent = Sent(plan, carrier, fulfillment.carrier, warning)
        told = f"as {carrier.provider_name} ({carrier.how} for {fulfillment.carrier or 'no carrier'})"
        return done(attempt, package_id, told, sent)

    async def settle(self, attempt: Attempt) -> Settled:
        """Whether the attempt that ended in the dark shipped its units."""
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
            return done(attempt, units[0].package_id, "found at TikTok", sent_digest=sent_digest)
        return elsewhere(attempt)

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

    async def _after_refusal(self, attempt: Attempt, error: ApiError) -> Outcome:
        """An order still on hold waits; "already shipped" is a success when it was shipped with our number."""
        if isinstance(error.verdict, Retry) and error.verdict.code == "on_hold":
            due_at_ms = self._clock.now_ms() + milliseconds(RECHECK)
            return Later(due_at_ms, "TikTok still holds the order; tracking waits for its release")
        if isinstance(error.verdict, Rejected) and error.verdict.code == "after_sale_open":
            due_at_ms = self._clock.now_ms() + milliseconds(RECHECK)
            text = f"TikTok takes no tracking number while a cancellation or return of the order is open ({error})"
            return Later(due_at_ms, text, code="after_sale_open")
        if isinstance(error.verdict, Rejected) and error.verdict.code == "already_shipped":
            settled = await self.settle(attempt)
            return settled if isinstance(settled, Done) else elsewhere(attempt)
        raise error
