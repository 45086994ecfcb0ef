"""Which Pipe17 records belong to this shop's channel.

Pipe17 writes the integration of the key that created an order on the order, and (by inference, P17-11) as
`orderIntegration` on its shipping requests and fulfillments. Our own id is set by PIPE17_INTEGRATION_ID or learnt from
the first order we create, and kept as a fact. A fulfillment is asked in this order: does it name an integration; do we
know its order; does its shipping request; does its order.
"""

from __future__ import annotations

from dataclasses import dataclass

from daemon.apis.pipe17.assumptions import ORDER_INTEGRATION
from daemon.apis.pipe17.client import Pipe17
from daemon.clock import Clock
from daemon.core.fulfillments import Fulfillment
from daemon.store import facts
from daemon.store.database import Database

FACT = "pipe17_integration"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whether a record is ours, and the TikTok order it is about."""

    ours: bool
    order_id: str


class Ownership:
    """Knows our integration id."""

    def __init__(self, database: Database, clock: Clock, configured: str) -> None:
        self._database = database
        self._clock = clock
        self.integration_id = configured

    async def load(self) -> None:
        """Take up what an earlier run has learnt."""
        if not self.integration_id:
            self.integration_id = await self._database.write(lambda tx: facts.get(tx, FACT)) or ""

    async def learn(self, integration_id: str) -> None:
        """An order that we created says who we are."""
        if integration_id and not self.integration_id:
            self.integration_id = integration_id
            now_ms = self._clock.now_ms()
            await self._database.write(lambda tx: facts.put(tx, FACT, integration_id, now_ms))

    def foreign(self, order_integration: str) -> bool:
        """The record names another integration than ours."""
        return bool(order_integration and self.integration_id and order_integration != self.integration_id)

    async def of(self, fulfillment: Fulfillment, pipe17: Pipe17) -> Owner:
        """Ask Pipe17 whose order a fulfillment is about that our store does not know."""
        integration, order_id = fulfillment.order_integration, fulfillment.ext_order_id
        if not integration and fulfillment.shipment_id:
            shipment = await pipe17.shipment(fulfillment.shipment_id) or {}
            integration = str(shipment.get(ORDER_INTEGRATION.value) or "")
            order_id = order_id or str(shipment.get("extOrderId") or "")
        if (not integration or not order_id) and fulfillment.order_id:
            order = await pipe17.order(fulfillment.order_id) or {}
            integration = integration or str(order.get("integration") or "")
            order_id = order_id or str(order.get("extOrderId") or "")
        return Owner(bool(integration and integration == self.integration_id), order_id)
