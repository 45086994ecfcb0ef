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
from urllib.parse import quote

from daemon.apis.caller import Caller
from daemon.apis.gate import PROBE_EVERY, Access, Gate
from daemon.apis.http import Transport
from daemon.apis.pacing import CallObserver, Pacer
from daemon.apis.pipe17.assumptions import LARGEST_COUNT, ORDERS_SORT_BY
from daemon.apis.pipe17.session import SYSTEM, Params, Rows, Session, judge
from daemon.apis.pipe17.webhooks import Webhooks
from daemon.clock import Clock
from daemon.core.lanes import Lane
from daemon.core.pipe17_errors import pipe17_verdict
from daemon.core.reading import iso
from daemon.core.tokens import Secret
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Rejected, Retry, Unknown
from daemon.errors import ApiError

LIST_IS_LATE = timedelta(minutes=1)
"""How much later than it was made a record may show up in a list."""
MOST_PAGES = 100
"""Pages of what belongs to one order that we are willing to read; the bound that a broken `last` cannot pass."""


@dataclass(frozen=True, slots=True)
class Made:
    """A product or location that is in Pipe17 now; `fresh` is False when it was there before our call."""

    record: dict[str, Any]
    fresh: bool


@dataclass(frozen=True, slots=True)
class Created:
    """An order that is in Pipe17 now; `fresh` is False when it was there before our call."""

    order: dict[str, Any]
    fresh: bool


class Pipe17:
    """One organisation, through one integration key. Every method raises `ApiError` when it does not return."""

    __slots__ = ("_lane", "_session", "_unsorted")

    def __init__(self, session: Session, lane: Lane = Lane.ORDERS, unsorted: set[str] | None = None) -> None:
        self._session = session
        self._lane = lane
        self._unsorted = unsorted if unsorted is not None else set()

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
        return Pipe17(self._session, lane, self._unsorted)

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
    def webhooks(self) -> Webhooks:
        """What is registered for deliveries."""
        return Webhooks(self._session, self._lane)

    async def probe(self) -> None:
        """The cheapest authorised read: does the key work?"""
        await self._session.rows("orders.list", self._lane, "orders", (("count", "1"), ("keys", "orderId")))

    async def fulfillments(self, *, updated_since_ms: int, skip: int, count: int = LARGEST_COUNT.value) -> Rows:
        """Fulfillments changed since an instant (epoch ms), whole records, oldest change first; one page."""
        return await self._page("fulfillments", (("updatedSince", iso(updated_since_ms)),), skip, count)

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
        return await self._page("orders", filters, skip, count, ",".join(members) or "*")

    async def fulfillment(self, fulfillment_id: str) -> dict[str, Any] | None:
        """One fulfillment, None when there is none."""
        return await self._one("fulfillments.get", "fulfillments", fulfillment_id, "fulfillment")

    async def order(self, order_id: str) -> dict[str, Any] | None:
        """One order by its Pipe17 id, None when there is none."""
        return await self._one("orders.get", "orders", order_id, "order")

    async def order_by_ext(self, ext_order_id: str) -> dict[str, Any] | None:
        """One order by the channel's id, None when there is none."""
        order = await self._one("orders.get", "orders", f"ext:{ext_order_id}", "order")
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
        return await self._update("orders", order_id, changes, "order")

    async def shipment(self, shipment_id: str) -> dict[str, Any] | None:
        """One shipping request, None when there is none."""
        return await self._one("shipments.get", "shipments", shipment_id, "shipment")

    async def shipments(self, order_id: str) -> list[dict[str, Any]]:
        """Every shipping request of an order."""
        return await self._of_order("shipments", order_id)

    async def fulfillments_of(self, order_id: str) -> list[dict[str, Any]]:
        """Every fulfillment of an order, by its Pipe17 id."""
        return await self._of_order("fulfillments", order_id)

    async def _of_order(self, plural: str, order_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        count = LARGEST_COUNT.value
        for _ in range(MOST_PAGES):
            params = (("orderId", order_id), ("keys", "*"), ("count", str(count)), ("skip", str(len(found))))
            page = await self._session.rows(f"{plural}.list", self._lane, plural, params)
            found += page.rows
            if page.last:
                return found
        raise self._session.misshapen(f"{plural}.list", write=False, member="pagination.last")

    async def products(
        self,
        *,
        updated_since_ms: int | None = None,
        skus: Sequence[str] = (),
        skip: int = 0,
        count: int = LARGEST_COUNT.value,
        members: Sequence[str] = (),
    ) -> Rows:
        """Products changed since an instant (epoch ms), or with these SKUs, oldest change first; whole or `members`."""
        filters = [("sku", sku) for sku in skus]
        if updated_since_ms is not None:
            filters.append(("updatedSince", iso(updated_since_ms)))
        return await self._page("products", filters, skip, count, ",".join(members) or "*")

    async def product(self, product_id: str) -> dict[str, Any] | None:
        """One product by its Pipe17 id, None when there is none."""
        return await self._one("products.get", "products", product_id, "product")

    async def product_by_sku(self, sku: str) -> dict[str, Any] | None:
        """The product with this SKU, None when there is none."""
        rows = (await self.products(skus=[sku])).rows
        return next((row for row in rows if row.get("sku") == sku), None)

    async def create_product(self, document: Mapping[str, Any]) -> Made:
        """Make sure that a product with this `sku` exists; one that was there before is handed over as it is."""
        sku = str(document["sku"])
        try:
            body = await self._session.call("products.create", self._lane, "POST", "/products", document=document)
        except ApiError as error:
            if error.verdict != Rejected("duplicate"):
                raise
            existing = await self.product_by_sku(sku)
            if existing is None:
                # lists are late: a product that we made a moment ago is refused as a duplicate and not shown yet
                error.verdict = Retry("duplicate", LIST_IS_LATE, UNKNOWN_CODE_TRIES)
                raise
            return Made(existing, fresh=False)
        made = body.get("product")
        if not isinstance(made, dict) or not made.get("productId"):
            made = await self.product_by_sku(sku)
        if made is None:
            raise self._session.misshapen("products.create", write=True, member="product")
        return Made(made, fresh=True)

    async def update_product(self, product_id: str, changes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change members of a product (arrays whole); the new record where Pipe17 sends it, else None."""
        return await self._update("products", product_id, changes, "product")

    async def inventory(
        self,
        *,
        updated_since_ms: int | None = None,
        skip: int = 0,
        count: int = LARGEST_COUNT.value,
        skus: Sequence[str] = (),
        row_ids: Sequence[str] = (),
        location_id: str = "",
    ) -> Rows:
        """Stock rows, one a SKU and location, changed since an instant (epoch ms); oldest change first, one page."""
        filters = [*(("sku", sku) for sku in skus), *(("inventoryId", row_id) for row_id in row_ids)]
        if updated_since_ms is not None:
            filters.append(("updatedSince", iso(updated_since_ms)))
        if location_id:
            filters.append(("locationId", location_id))
        return await self._page("inventory", filters, skip, count)

    async def inventory_totals(
        self, *, skus: Sequence[str] = (), skip: int = 0, count: int = LARGEST_COUNT.value, requestor_id: str = ""
    ) -> Rows:
        """Stock by SKU, summed over the locations that count; one page. Not to be combined with an instant.

        `requestor_id`: the integration whose exclusions apply, "" for what Pipe17 makes of our key. A refusal says
        nothing about the other calls to inventory.
        """
        filters = [*(("sku", sku) for sku in skus), ("totals", "true"), ("keys", "*")]
        if requestor_id:
            filters.append(("requestorId", requestor_id))
        params = [*filters, ("count", str(count)), ("skip", str(skip))]
        return await self._session.rows("inventory.totals", self._lane, "inventory", params)

    async def locations(self) -> list[dict[str, Any]]:
        """Every location of the organisation, whole records."""
        found: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            page = await self._page("locations", (), len(found), LARGEST_COUNT.value)
            found += page.rows
            if page.last:
                return found
        raise self._session.misshapen("locations.list", write=False, member="pagination.last")

    async def create_location(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """A new location; Pipe17 knows no key that would keep it from being made twice."""
        body = await self._session.call("locations.create", self._lane, "POST", "/locations", document=document)
        made = body.get("location")
        if not isinstance(made, dict) or not made.get("locationId"):
            raise self._session.misshapen("locations.create", write=True, member="location")
        return made

    async def update_location(self, location_id: str, changes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change members of a location (arrays whole); the new record where Pipe17 sends it, else None."""
        return await self._update("locations", location_id, changes, "location")

    async def _update(self, plural: str, name: str, changes: Mapping[str, Any], singular: str) -> dict[str, Any] | None:
        path = f"/{plural}/{quote(name, safe='')}"
        body = await self._session.call(f"{plural}.update", self._lane, "PUT", path, document=changes)
        found = body.get(singular)
        return found if isinstance(found, dict) else None

    async def _page(self, plural: str, filters: Params, skip: int, count: int, keys: str = "*") -> Rows:
        operation = f"{plural}.list"
        params = [*filters, ("keys", keys), ("count", str(count)), ("skip", str(skip))]
        if operation not in self._unsorted:
            try:
                sort = ("order", ORDERS_SORT_BY.value)
                return await self._session.rows(operation, self._lane, plural, [*params, sort])
            except ApiError as error:
                if error.verdict != Rejected("bad_request"):
                    raise
        page = await self._session.rows(operation, self._lane, plural, params)
        self._unsorted.add(operation)
        return Rows(sorted(page.rows, key=lambda row: str(row.get(ORDERS_SORT_BY.value, ""))), page.last)

    async def _one(self, operation: str, plural: str, name: str, singular: str) -> dict[str, Any] | None:
        try:
            body = await self._session.call(operation, self._lane, "GET", f"/{plural}/{quote(name, safe=':')}")
        except ApiError as error:
            if error.verdict == Rejected("not_found"):
                return None
            raise
        found = body.get(singular)
        if not isinstance(found, dict):
            raise self._session.misshapen(operation, write=False, member=singular)
        return found

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
