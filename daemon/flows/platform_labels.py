"""Orders that TikTok carries itself (`shipping_type` TIKTOK): the label is TikTok's, and so is the tracking number.

    already shipped there       done; TikTok's number is kept with the row and shown by `trace`
    markets with Ship Package   handed over by Ship Package with `handover_method`; TikTok assigns the number
    US, UK, EU, JP              the label has to be bought, with weight, size and service, which nobody here knows:
                                `platform_label`, looked at again until the seller has shipped it in Seller Center

A number of ours is never sent for such an order, and TikTok's is not written to Pipe17: a fulfillment never changes.
"""

from __future__ import annotations

from datetime import timedelta

from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.findings import Refusal
from daemon.core.fulfillments import Fulfillment
from daemon.core.labels import Labelled, labelled_units
from daemon.core.order_shipments import OrderShipments
from daemon.core.owed import Done, Later, Outcome
from daemon.core.packages import package_for
from daemon.core.shipments import marks_as_shipped
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import read_order
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError
from daemon.flows.flow import Attempt
from daemon.flows.order_reader import OrderReader
from daemon.flows.shipping_answers import done, refused
from daemon.flows.shipping_calls import ShippingCalls

LOOK_AGAIN = timedelta(minutes=15)
"""How soon an order is looked at again whose label a person has to buy."""


class PlatformLabels:
    """The shipping of orders with TikTok's label."""

    def __init__(self, tiktok: TikTok, orders: OrderReader, clock: Clock, calls: ShippingCalls) -> None:
        self._tiktok = tiktok
        self._orders = orders
        self._clock = clock
        self._calls = calls

    async def ship(self, attempt: Attempt, fulfillment: Fulfillment, shipments: OrderShipments) -> Outcome:
        """Hand the units over, or wait for the seller to."""
        order = shipments.order
        found = labelled_units(fulfillment, order, shipments.units_by_line, shipments.taken)
        if isinstance(found, Refusal):
            return refused(found, attempt)
        if not found.waiting:
            return _labelled(attempt, found, "shipped with TikTok's label")
        if marks_as_shipped((await self._tiktok.shop()).region):
            return self._wait("buy TikTok's label in Seller Center: it needs weight, size and a service")
        package = package_for(order, found.waiting)
        if not isinstance(package, str):
            return self._wait("TikTok's package holds other units too: split and ship it in Seller Center")
        await attempt.intend(
            {
                "order_id": order.id,
                "unit_ids": list(found.waiting),
                "tracking_number": "",
                "package_id": package,
                "digest": attempt.row.digest,
                "label": True,
            }
        )
        try:
            await self._tiktok.packages.hand_over_package(package)
        except ApiError as error:
            if not isinstance(error.verdict, Rejected) or error.verdict.code != "already_shipped":
                raise
            settled = await self._calls.settle(attempt)
            if not isinstance(settled, Done):
                raise
        raw = await self._orders.read(order.id)
        shown = [unit for unit in read_order(raw).units if unit.id in found.waiting] if raw is not None else []
        return _labelled(attempt, Labelled(tuple(shown) or found.units), "handed over with TikTok's label")

    def _wait(self, text: str) -> Later:
        due_at_ms = self._clock.now_ms() + milliseconds(LOOK_AGAIN)
        return Later(due_at_ms, f"TikTok carries this order and takes no number of ours; {text}", code="platform_label")


def _labelled(attempt: Attempt, found: Labelled, how: str) -> Done:
    return done(attempt, found.package_id, f"{how} {found.number}".strip(), label_number=found.number)
