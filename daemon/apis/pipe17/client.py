"""Pipe17 as the flows see it: typed calls in, plain records or `ApiError` out.

`at(lane)` gives the same client with another priority. Records stay JSON objects here; `core` reads and makes them.
Rules that keep orders single: one order a POST; a refusal that smells of a duplicate is believed only after the order
was found under its external id; an answer without a record (202, a job) is looked up, and unknown until it is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.apis.caller import Caller
from daemon.apis.gate import PROBE_EVERY, Access, Gate
from daemon.apis.http import Transport
from daemon.apis.pacing import CallObserver, Pacer
from daemon.apis.pipe17.assumptions import LARGEST_COUNT
from daemon.apis.pipe17.goods import Goods
from daemon.apis.pipe17.records import Records
from daemon.apis.pipe17.session import SYSTEM, Rows, Session, judge
from daemon.apis.pipe17.webhooks import Webhooks
from daemon.clock import Clock
from daemon.core.lanes import Lane
from daemon.core.pipe17_errors import pipe17_verdict
from daemon.core.reading import iso
from daemon.core.tokens import Secret
from daemon.core.verdicts import Rejected, Unknown
from daemon.errors import ApiError


@dataclass(frozen=True, slots=True)
class Created:
    """An order that is in Pipe17 now; `fresh` is False when it was there before our call."""

    order: dict[str, Any]
    fresh: bool


class Pipe17:
    """One organisation, through one integration key. Every method raises `ApiError` when it does not return."""

    __slots__ = ("_lane", "_records", "_session")

    def __init__(self, session: Session, lane: Lane = Lane.ORDERS, unsorted: set[str] | None = None) -> None:
        self._session = session
        self._lane = lane
        self._records = Records(session, lane, unsorted)

    @classmethod
    def connect(
        cls,
        *,
        base_url: str,
        key: Secret,
        transport: Transport,
        pacer: Pacer,
        clock: Clock,
        observer: CallObserver,
        probe_every: timedelta = PROBE_EVERY,
    ) -> Pipe17:
        """Put the parts together; calls nobody. The pacer needs a budget for the system `pipe17`."""
        caller = Caller(
            system=SYSTEM,
            judge=judge,
            transport=transport,
            pacer=pacer,
            clock=clock,
            observer=observer,
            secrets=lambda: (key.get_secret_value(),),
        )
        return cls(Session(base_url=base_url, key=key, caller=caller, gate=Gate(clock, probe_every)))

    def at(self, lane: Lane) -> Pipe17:
        """The same client; its calls ride in `lane`."""
        return Pipe17(self._session, lane, self._records.unsorted)

    @property
    def state(self) -> Access:
        """Where our key stands, for status, metrics and `check`."""
        return self._session.gate.access

    @property
    def reason(self) -> str:
        """Why the state is not `authorized`, cleaned; "" when it is."""
        return self._session.gate.reason

    @property
    def missing_grants(self) -> tuple[str, ...]:
        """Operations that the key may not call."""
        return self._session.gate.missing

    @property
    def goods(self) -> Goods:
        """Products, stock and locations."""
        return Goods(self._records)

    @property
    def webhooks(self) -> Webhooks:
        """What is registered for deliveries."""
        return Webhooks(self._session, self._lane)

    async def probe(self) -> None:
        """The cheapest authorised read: does the key work?"""
        await self._session.rows("orders.list", self._lane, "orders", (("count", "1"), ("keys", "orderId")))

    async def fulfillments(self, *, updated_since_ms: int, skip: int, count: int = LARGEST_COUNT.value) -> Rows:
        """Fulfillments changed since an instant (epoch ms), whole records, oldest change first; one page."""
        return await self._records.page("fulfillments", (("updatedSince", iso(updated_since_ms)),), skip, count)

    async def orders(
        self,
        *,
        updated_since_ms: int,
        status: Sequence[str] = (),
        skip: int,
        count: int = LARGEST_COUNT.value,
        integration: str = "",
        members: Sequence[str] = (),
    ) -> Rows:
        """Orders changed since an instant (epoch ms), oldest change first; one page. Whole records, or `members`."""
        filters = [("updatedSince", iso(updated_since_ms)), *(("status", value) for value in status)]
        if integration:
            filters.append(("integration", integration))
        return await self._records.page("orders", filters, skip, count, ",".join(members) or "*")

    async def fulfillment(self, fulfillment_id: str) -> dict[str, Any] | None:
        """One fulfillment, None when there is none."""
        return await self._records.one("fulfillments.get", "fulfillments", fulfillment_id, "fulfillment")

    async def order(self, order_id: str) -> dict[str, Any] | None:
        """One order by its Pipe17 id, None when there is none."""
        return await self._records.one("orders.get", "orders", order_id, "order")

    async def order_by_ext(self, ext_order_id: str) -> dict[str, Any] | None:
        """One order by the channel's id, None when there is none."""
        order = await self._records.one("orders.get", "orders", f"ext:{ext_order_id}", "order")
        if order is not None and str(order.get("extOrderId", ext_order_id)) != ext_order_id:
            raise self._session.misshapen("orders.get", write=False, member="order.extOrderId")
        return order

    async def create_order(self, document: Mapping[str, Any]) -> Created:
        """Make sure that an order with this `extOrderId` exists; the document needs one."""
        ext_order_id = str(document["extOrderId"])
        try:
            body = await self._session.call("orders.create", self._lane, "POST", "/orders", document=document)
            order = self._made(body)
        except ApiError as error:
            if error.verdict != Rejected("duplicate"):
                raise
            existing = await self._looked_up(ext_order_id)
            if existing is None:
                raise
            return Created(existing, fresh=False)
        if order is None:
            order = await self._looked_up(ext_order_id)
        if order is None:
            raise self._session.caller.error(
                "orders.create", Unknown("accepted"), "accepted without a record, and not found yet"
            )
        return Created(order, fresh=True)

    async def update_order(self, order_id: str, changes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change members of an order (arrays whole); the new record where Pipe17 sends it, else None."""
        return await self._records.update("orders", order_id, changes, "order")

    async def shipment(self, shipment_id: str) -> dict[str, Any] | None:
        """One shipping request, None when there is none."""
        return await self._records.one("shipments.get", "shipments", shipment_id, "shipment")

    async def shipments(self, order_id: str) -> list[dict[str, Any]]:
        """Every shipping request of an order."""
        return await self._of_order("shipments", order_id)

    async def fulfillments_of(self, order_id: str) -> list[dict[str, Any]]:
        """Every fulfillment of an order, by its Pipe17 id."""
        return await self._of_order("fulfillments", order_id)

    async def _of_order(self, plural: str, order_id: str) -> list[dict[str, Any]]:
        async def page(skip: int) -> Rows:
            params = (("orderId", order_id), ("keys", "*"), ("count", str(LARGEST_COUNT.value)), ("skip", str(skip)))
            return await self._session.rows(f"{plural}.list", self._lane, plural, params)

        return await self._records.every(plural, page)

    async def _looked_up(self, ext_order_id: str) -> dict[str, Any] | None:
        """The order after a create that did not hand it over; a look-up that fails leaves the create unknown."""
        try:
            return await self.order_by_ext(ext_order_id)
        except ApiError as error:
            raise self._session.caller.error(
                "orders.create", Unknown("look_up_failed"), "not known whether it exists", status=error.status
            ) from None

    def _made(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The record in the answer to a create; None for an answer without one; raises for one that failed."""
        order = body.get("order")
        if isinstance(order, dict):
            return order if order.get("orderId") else None
        items = body.get("orders")
        if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
            return None
        item = items[0]
        if item.get("status") == "failed":
            message = str(item.get("message") or "")
            verdict = pipe17_verdict(
                operation="orders.create", write=True, status=400, code=400, message=message, retry_after=None
            )
            raise self._session.caller.error("orders.create", verdict, "the order in the list was refused")
        inner = item.get("order", item)
        return inner if isinstance(inner, dict) and inner.get("orderId") else None
