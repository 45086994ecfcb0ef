"""The simulated Pipe17: one organisation, one channel key, strict, and with the vendor's habits.

`handle` answers one API call. The other public methods are what people and warehouses do; `calls` is every request,
`audit` what really became of every order. Nothing waits and nothing reads a clock but the one it was given; the same
seed, clock and calls give the same ids, instants and answers.

What the evidence lacks is not offered: no upsert on create, no PATCH, no If-Match, no cursors, no idempotency keys, no
update addressed by an external id, no change of a fulfillment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from daemon.clock import Clock
from daemon.sandbox.deliveries import Delivery
from daemon.sandbox.faults import PAGE_FAULTS, REFUSALS, Fault, FaultKind, Faults, distort, lost_before
from daemon.sandbox.pipe17.audit import Audit, By
from daemon.sandbox.pipe17.bodies import json_body
from daemon.sandbox.pipe17.books import Books, Quantity
from daemon.sandbox.pipe17.desk import DUPLICATE, Desk
from daemon.sandbox.pipe17.engine import Engine
from daemon.sandbox.pipe17.gateway import NO_RESULTS, Refusal, Route, admit, failure, find_route, success
from daemon.sandbox.pipe17.goods import shown
from daemon.sandbox.pipe17.hooks import Hooks
from daemon.sandbox.pipe17.keeper import Keeper
from daemon.sandbox.pipe17.listing import page, read_query
from daemon.sandbox.pipe17.options import Creation, Duplicate, Pipe17Options, Totals
from daemon.sandbox.pipe17.shapes import FULFILLMENT, ORDER, clean
from daemon.sandbox.pipe17.struck import loss_of, refused, spoiled
from daemon.sandbox.pipe17.table import Row, Table
from daemon.sandbox.pipe17.totals import totals_page
from daemon.sandbox.pipe17.warehouse import Warehouse
from daemon.sandbox.recorded import Recorded
from daemon.sandbox.wire import Call, Reply

ALTERNATE = {"orders": {"ext": "extOrderId", "api": "extOrderApiId"}, "fulfillments": {"ext": "extFulfillmentId"}}
"""Prefix of an address to the member it looks up, per entity."""


class Pipe17Sandbox:
    """A `Service` that behaves as Pipe17 is known to."""

    def __init__(
        self,
        clock: Clock,
        rng: Random | None = None,
        faults: Faults | None = None,
        options: Pipe17Options | None = None,
    ) -> None:
        self.options = options or Pipe17Options()
        self.faults = faults or Faults()
        self.calls: list[Recorded] = []
        self._clock = clock
        self._rng = rng or Random(17)
        self.books = Books(self.options, self._rng)
        self.engine = Engine(self.books)
        self._desk = Desk(self.books, self.engine)
        self._warehouse = Warehouse(self.books, self.engine)
        self.keeper = Keeper(self.options, self.books.goods, self.books.stock, self.advance)
        self.actors = (self.keeper,)
        self.hooks = Hooks(self.options)
        for table in self.books.tables.values():
            table.changed = self.hooks.changed

    @property
    def clock(self) -> Clock:
        """The clock it was given."""
        return self._clock

    @property
    def audit(self) -> Audit:
        """What became of every order."""
        return self.books.audit

    def advance(self) -> int:
        """Let the engines and the lists catch up with the clock; the instant it shows."""
        now_ms = self._clock.now_ms()
        self.engine.advance(now_ms)
        self.books.settle(now_ms)
        return now_ms

    # --- the API -----------------------------------------------------------------------------------------------------

    def handle(self, call: Call) -> Reply:
        """Answer one call."""
        now_ms = self.advance()
        route = find_route(call, self.options)
        operation = route.operation if isinstance(route, Route) else "unknown"
        fault = self.faults.pick(operation, now_ms, self._rng)
        body = json_body(call)
        if fault is not None and fault.kind is FaultKind.RESET:
            reply = lost_before(fault)
            self._record(call, operation, now_ms, reply, body, fault)
            return reply
        if fault is not None and fault.kind in REFUSALS:
            reply = refused(fault, now_ms)
        else:
            allowed = admit(call, route, self.options)
            reply = (
                failure(allowed) if isinstance(allowed, Refusal) else self._answer(allowed, call, body, now_ms, fault)
            )
            if fault is not None and fault.kind in PAGE_FAULTS and isinstance(route, Route) and reply.status == 200:
                reply = spoiled(reply, route.entity, fault)
            if fault is not None and fault.kind is FaultKind.NULL_DATA and reply.status < 300:
                reply = success({}, reply.status)
            self.advance()
        self._record(call, operation, now_ms, reply, body, fault)
        return distort(reply, fault)

    def _answer(self, route: Route, call: Call, body: Any, now_ms: int, fault: Fault | None) -> Reply:
        if route.entity == "webhooks":
            return self.hooks.answer(route, body, now_ms)
        table = self._table(route.entity)
        if route.action == "list":
            query = read_query(table, call.query, self.options)
            if isinstance(query, Refusal):
                return failure(query)
            if query.totals and self.options.totals is not Totals.IGNORED:
                totals = totals_page(table, query, self.options, fault)
                return failure(totals) if isinstance(totals, Refusal) else success(totals)
            owner = None if self.options.org_wide else self.options.integration
            return success(page(table, query, owner, self._shown))
        if route.action == "create":
            if route.entity == "orders":
                return self._create_orders(body, now_ms)
            if route.entity == "fulfillments":
                return self._create_fulfillment(body, now_ms)
            return self._changed(table, self._create_goods(route, body, now_ms))
        row = self._find(table, route)
        if route.action == "get":
            return failure(Refusal(404, NO_RESULTS)) if row is None else success({table.singular: self._shown(row)})
        goods = self.books.goods
        if route.entity == "products":
            return self._changed(table, goods.update_product(row, body, self.options.integration, now_ms))
        if route.entity == "locations":
            return self._changed(table, goods.update_location(row, body, now_ms))
        updated = self._desk.update(row, body, now_ms)
        if isinstance(updated, Refusal):
            return failure(updated)
        return success({"order": updated.document} if self.options.echo_updates else {})

    def _create_orders(self, body: Any, now_ms: int) -> Reply:
        if isinstance(body, list):
            return success({"orders": [self._create_item(raw, now_ms) for raw in body]})
        integration = self.options.integration
        members = self._desk.check_new(body, integration)
        if isinstance(members, Refusal):
            if members.message == DUPLICATE and self.options.duplicate == Duplicate.ITEM_FAILED:
                return failure(Refusal(200, DUPLICATE), orders=[{"status": "failed", "message": DUPLICATE}])
            return failure(members)
        if self.options.creation == Creation.ACCEPTED:
            self._desk.create_later(members, integration, now_ms + self.options.accepted_after_ms)
            return success({}, 202)
        return success({"order": self._desk.create(members, integration, now_ms).document})

    def _create_item(self, raw: Any, now_ms: int) -> dict[str, Any]:
        members = self._desk.check_new(raw, self.options.integration)
        if isinstance(members, Refusal):
            return {"status": "failed", "message": members.message, "errors": list(members.errors)}
        row = self._desk.create(members, self.options.integration, now_ms)
        return {"status": "submitted", "order": row.document}

    def _create_fulfillment(self, body: Any, now_ms: int) -> Reply:
        members, problems = clean(body, FULFILLMENT)
        shipment = None if problems else self.books.shipments.get(members.get("shipmentId", ""))
        if not problems and (shipment is None or not self._sees(shipment)):
            problems.append("shipmentId is not a shipping request")
        if problems or shipment is None:
            return failure(Refusal(400, "Validation failed", tuple(problems)))
        document = self._warehouse.record(shipment, members, self.options.integration, now_ms)
        return success({"fulfillment": document})

    def _create_goods(self, route: Route, body: Any, now_ms: int) -> Row | Refusal:
        goods = self.books.goods
        create = goods.create_product if route.entity == "products" else goods.create_location
        return create(body, self.options.integration, now_ms)

    def _changed(self, table: Table, result: Row | Refusal) -> Reply:
        return failure(result) if isinstance(result, Refusal) else success({table.singular: self._shown(result)})

    def _shown(self, row: Row) -> Mapping[str, Any]:
        return shown(row, self.options.integration)

    def _table(self, entity: str) -> Table:
        return self.books.tables[entity]

    def _find(self, table: Table, route: Route) -> Row | None:
        name = route.record or ""
        prefix, colon, external = name.partition(":")
        member = ALTERNATE.get(route.entity, {}).get(prefix) if colon else None
        if member is None:
            row = table.get(name)
            return row if row is not None and self._sees(row) else None
        if route.action != "get":
            return None
        found = [row for row in table.find(member, external) if self._sees(row)]
        own = [row for row in found if row.owner == self.options.integration]
        return next(iter(own or found), None)

    def _sees(self, row: Row) -> bool:
        return self.options.org_wide or row.owner == self.options.integration

    def _record(self, call: Call, operation: str, now_ms: int, reply: Reply, body: Any, fault: Fault | None) -> None:
        keep = self.options.record_bodies
        self.calls.append(
            Recorded(
                at_ms=now_ms,
                operation=operation,
                method=call.method,
                path=call.path,
                status=reply.status,
                code=0 if reply.status in (200, 201, 202) and b'"success":true' in reply.body[:20] else reply.status,
                body=body if keep and isinstance(body, dict) else {},
                query=dict(call.query),
                fault=fault.kind.value if fault else "",
                loss=loss_of(fault),
            )
        )
        if len(self.calls) > self.options.keep_calls:
            del self.calls[: len(self.calls) // 2]

    # --- evidence ----------------------------------------------------------------------------------------------------

    def next_due_ms(self) -> int | None:
        """When something happens by itself: a hold ends, a webhook leaves. None: nothing is waiting."""
        waiting = (self.engine.next_due_ms, self.hooks.out.next_due_ms())
        return min((due_ms for due_ms in waiting if due_ms is not None), default=None)

    def deliveries_due(self, now_ms: int) -> list[Delivery]:
        """The webhooks to POST now; report each with `delivery_result`."""
        self.advance()
        return self.hooks.out.due(now_ms)

    def delivery_result(self, delivery_id: int, ok: bool) -> None:
        """The receiver answered 200 in time, or it did not."""
        self.hooks.out.result(delivery_id, ok=ok, now_ms=self._clock.now_ms())

    def called(self, operation: str, *, effective: bool = False) -> list[Recorded]:
        """The recorded calls of one operation; with `effective` only those that did what was asked."""
        return [call for call in self.calls if call.operation == operation and (call.effective or not effective)]

    def state(self) -> dict[str, Any]:
        """What the organisation has, in short."""
        self.advance()
        return {
            "orders": {row.document["extOrderId"]: row.document["status"] for row in self.books.orders},
            "shipments": {row.id: [row.document["extOrderId"], row.document["status"]] for row in self.books.shipments},
            "fulfillments": {row.id: row.document["extOrderId"] for row in self.books.fulfillments},
            "stock": self.books.stock.by_sku(),
            "webhooks": {document["webhookId"]: document["topics"] for document in self.hooks.registered.values()},
        }

    # --- people and warehouses ---------------------------------------------------------------------------------------

    def send_shipments(self, order: str) -> list[str]:
        """Hand an order's open shipping requests to their warehouse; their ids."""
        return self._warehouse.send(order, self.advance())

    def shipments_of(self, order: str) -> list[Mapping[str, Any]]:
        """All shipping requests of an order, canceled ones too, oldest first."""
        self.advance()
        return [row.document for row in self._warehouse.shipments(order)]

    def fulfill(
        self,
        shipment_id: str,
        lines: Mapping[str, Quantity] | None = None,
        carrier: str = "USPS",
        tracking: str | Sequence[str] = "",
        *,
        service: str = "",
    ) -> Mapping[str, Any]:
        """One package leaves; `lines` is quantity by `uniqueId` or SKU, None all that is open. The fulfillment."""
        return self._warehouse.fulfill(
            shipment_id, lines, carrier=carrier, service=service, tracking=tracking, at_ms=self.advance()
        )

    def reject(self, shipment_id: str, lines: Mapping[str, Quantity] | None = None) -> Mapping[str, Any]:
        """The warehouse can not ship these; a fulfillment of type `rejected`."""
        return self._warehouse.fulfill(
            shipment_id, lines, carrier="", service="", tracking="", at_ms=self.advance(), rejected=True
        )

    def cancel_order(self, order: str, *, restock: bool = False) -> None:
        """A person cancels the order in Pipe17."""
        self._warehouse.cancel(order, self.advance(), restock=restock)

    def take_out(self, order: str, line: str, quantity: int = 1) -> None:
        """A person takes pieces out of a line (`uniqueId` or SKU); with the last one the line is gone."""
        self._warehouse.take_out(order, line, quantity, self.advance())

    def change_order(self, order: str, **changes: Any) -> None:
        """A person changes members of the order in Pipe17 (`status="readyForFulfillment"`)."""
        self._warehouse.change(order, changes, self.advance())

    def order_of(self, order: str) -> Mapping[str, Any] | None:
        """The order with this Pipe17 id or external id, as it is now."""
        self.advance()
        try:
            return self._warehouse.order(order).document
        except KeyError:
            return None

    def add_foreign_order(self, document: Mapping[str, Any], integration: str = "0c41d97be85a2f36") -> str:
        """An order of another channel in the same organisation; its Pipe17 id."""
        now_ms = self.advance()
        members, problems = clean(dict(document), ORDER)
        if problems:
            raise ValueError("; ".join(problems))
        row = self.books.add_order(members, integration, now_ms, By.USER)
        self.engine.watch(row, now_ms)
        return row.id
