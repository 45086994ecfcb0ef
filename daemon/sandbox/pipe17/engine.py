"""What Pipe17 does by itself: automation, the hold rule, routing into shipping requests, the roll-up of statuses.

    new --automation--> [onHold --holdUntil-->] readyForFulfillment --router--> shipping requests
    all requests sent: sentToFulfillment; something shipped: partialFulfillment; everything shipped: fulfilled

The engine has a list of due events and no thread: whoever looks at the sandbox first lets it catch up (`advance`), and
every step carries the instant at which it was due. An event only says "look at this order"; what happens is decided by
the order's state at that moment, so an event that is late, doubled or overtaken does no harm.

An order that its creator put on hold stays there until the creator makes it `new`; the switch
`releases_connector_holds` lets the hold engine release it at `holdUntil`. Shipping requests are never edited: when an
order that is not sent yet changes its address or lines, its requests are canceled and made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from heapq import heappop, heappush
from typing import Any

from daemon.core.reading import iso
from daemon.sandbox.pipe17.audit import By, line_key
from daemon.sandbox.pipe17.books import Books, LinePart, Quantity, Request
from daemon.sandbox.pipe17.dispositions import disposition
from daemon.sandbox.pipe17.options import HoldFrom
from daemon.sandbox.pipe17.shapes import instant_ms, words
from daemon.sandbox.pipe17.table import Row

COPIED = words(
    "extOrderApiId orderSource orderSourceType shippingAddress shippingCarrier shippingClass shippingCode shippingNote "
    "giftNote incoterms currency expectedDeliveryDate shipByDate shipAfterDate shipCancelByDate"
)
"""Members of an order that its shipping requests repeat."""

UNSENT = frozenset(
    {"new", "pendingInventory", "pendingShippingLabel", "reviewRequired", "readyForFulfillment", "onHold"}
)
CLOSED = frozenset({"fulfilled", "canceled", "archived", "returned", "refunded", "closed", "received"})
"""Statuses of an order that nothing changes any more."""


class Step(Enum):
    """What an event asks the engine to look at."""

    AUTOMATE = "automate"
    RELEASE = "release"
    ROUTE = "route"


class Engine:
    """The engines of one organisation."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._due: list[tuple[int, int, Step | Callable[[int], None], str]] = []
        self._events = 0
        self._held_by_rule: set[str] = set()

    @property
    def next_due_ms(self) -> int | None:
        """When the engine has something to do next."""
        return self._due[0][0] if self._due else None

    def advance(self, now_ms: int) -> None:
        """Do everything that was due by now, each at its own instant."""
        while self._due and self._due[0][0] <= now_ms:
            at_ms, _, step, order_id = heappop(self._due)
            if not isinstance(step, Step):
                step(at_ms)
                continue
            row = self._books.orders.get(order_id)
            if row is None:
                continue
            if step is Step.AUTOMATE:
                self._automate(row, at_ms)
            elif step is Step.RELEASE:
                self._release(row, at_ms)
            else:
                self._route(row, at_ms)

    def later(self, at_ms: int, act: Callable[[int], None]) -> None:
        """Have something else done at an instant."""
        self._push(at_ms, act, "")

    def _push(self, at_ms: int, step: Step | Callable[[int], None], order_id: str) -> None:
        self._events += 1
        heappush(self._due, (at_ms, self._events, step, order_id))

    def watch(self, row: Row, at_ms: int) -> None:
        """An order was made or changed: put what follows from its status on the list."""
        options = self._books.options
        status = row.document["status"]
        if status == "new":
            self._held_by_rule.discard(row.id)
            self._push(at_ms + options.automation_after_ms, Step.AUTOMATE, row.id)
        elif status == "onHold":
            until_ms = instant_ms(row.document.get("holdUntil"))
            if until_ms is not None:
                self._push(max(at_ms, until_ms), Step.RELEASE, row.id)
        elif status == "readyForFulfillment":
            self._push(at_ms + options.routing_after_ms, Step.ROUTE, row.id)
        elif status == "canceled":
            self.cancel_shipments(row, at_ms, By.CONNECTOR)
        self.advance(at_ms)

    def _automate(self, row: Row, at_ms: int) -> None:
        if row.document["status"] != "new":
            return
        options = self._books.options
        start_ms = at_ms
        if options.hold_from == HoldFrom.CHANNEL:
            start_ms = min(at_ms, instant_ms(row.document.get("extOrderCreatedAt")) or at_ms)
        until_ms = start_ms + options.hold_rule_ms
        changes: dict[str, Any] = {"status": "readyForFulfillment", "autoEngUpdateStatus": "updated"}
        if until_ms > at_ms:
            changes |= {"status": "onHold", "holdUntil": iso(until_ms)}
            self._held_by_rule.add(row.id)
        self.watch(self._books.change_order(row, changes, at_ms, By.ENGINE), at_ms)

    def _release(self, row: Row, at_ms: int) -> None:
        until_ms = instant_ms(row.document.get("holdUntil"))
        if row.document["status"] != "onHold" or until_ms is None or until_ms > at_ms:
            return
        if row.id in self._held_by_rule or self._books.options.releases_connector_holds:
            self.watch(self._books.change_order(row, {"status": "readyForFulfillment"}, at_ms, By.ENGINE), at_ms)

    def _route(self, row: Row, at_ms: int) -> None:
        if row.document["status"] != "readyForFulfillment":
            return
        covered: dict[str, Quantity] = {}
        for shipment in self._books.active_shipments(row.id):
            for key, quantity in self._books.requests[shipment.id].covers.items():
                covered[key] = covered.get(key, 0) + quantity
        wanted: list[tuple[Mapping[str, Any], Quantity]] = []
        for line in row.document.get("lineItems", ()):
            missing = line.get("quantity", 0) - covered.get(line_key(line), 0)
            if missing > 0 and line.get("requiresShipping", True):
                wanted.append((line, missing))
        if not wanted:
            return
        for group in [[one] for one in wanted] if self._books.options.request_per_line else [wanted]:
            self._request(row, group, at_ms)
        changes = {"routingStatus": "ready", "lastRoutedAt": iso(at_ms)}
        self.roll_up(row.id, at_ms, changes)

    def _request(self, order: Row, lines: list[tuple[Mapping[str, Any], Quantity]], at_ms: int) -> None:
        options = self._books.options
        earlier = len(self._books.shipments.find("orderId", order.id))
        ext_order_id = order.document["extOrderId"]
        parts: list[dict[str, Any]] = []
        asked: dict[LinePart, Quantity] = {}
        for line, quantity in lines:
            sku = line.get("sku", "")
            for part_sku, each in options.bundles.get(sku, ((sku, 1),)):
                name = line.get("name", part_sku) if part_sku == sku else part_sku
                parts.append({"uniqueId": line_key(line), "sku": part_sku, "name": name, "quantity": quantity * each})
                asked[line_key(line), part_sku] = asked.get((line_key(line), part_sku), 0) + quantity * each
        members = {
            "orderId": order.id,
            "extOrderId": ext_order_id,
            "extShipmentId": ext_order_id if not earlier else f"{ext_order_id}.{earlier + 1}",
            "status": "readyForFulfillment",
            "version": earlier + 1,
            "orderIntegration": order.owner,
            "fulfillmentIntegrationId": options.warehouse_integration,
            "locationId": options.location,
            "lineItems": parts,
            "shippingLabels": [],
            "tags": [],
            **{name: order.document[name] for name in COPIED if name in order.document},
        }
        if "extOrderCreatedAt" in order.document:
            members["orderCreateTime"] = order.document["extOrderCreatedAt"]
        covers = {line_key(line): quantity for line, quantity in lines}
        self._books.add_shipment(members, Request(covers, asked), order.owner, at_ms)
        needed = [(sku, quantity) for (_, sku), quantity in asked.items()]
        self._books.stock.routed(order.id, needed, options.location, at_ms)

    def reroute(self, row: Row, at_ms: int) -> None:
        """The order's address or lines changed: cancel the requests no warehouse has, and have them made again."""
        unsent = [item for item in self._books.active_shipments(row.id) if item.document["status"] in UNSENT]
        for shipment in unsent:
            self._cancel_shipment(shipment, at_ms, By.ENGINE)
        if unsent:
            self._push(at_ms + self._books.options.routing_after_ms, Step.ROUTE, row.id)
            self.advance(at_ms)

    def cancel_shipments(self, row: Row, at_ms: int, by: By, *, restock: bool = False) -> None:
        """Cancel what has not left. A warehouse that has the request already may ship all the same."""
        for shipment in self._books.active_shipments(row.id):
            if shipment.document["status"] != "fulfilled":
                self._cancel_shipment(shipment, at_ms, by, restock=restock)
        self._books.stock.order_gone(row.id, at_ms)
        self._refresh_disposition(row.id, at_ms)

    def _cancel_shipment(self, shipment: Row, at_ms: int, by: By, *, restock: bool = False) -> None:
        changes = {
            "status": "canceledRestock" if restock else "canceled",
            "canceledAt": iso(at_ms),
            "canceledByType": "user" if by is By.USER else "integration",
        }
        self._books.change_shipment(shipment, changes, at_ms)
        request = self._books.requests[shipment.id]
        free = [(part[1], request.open(part)) for part in request.asked if request.open(part) > 0]
        self._books.stock.unrouted(shipment.document["orderId"], free, shipment.document["locationId"], at_ms)

    def roll_up(self, order_id: str, at_ms: int, changes: Mapping[str, Any] | None = None) -> None:
        """Bring the order's status and disposition in line with its shipping requests."""
        row = self._books.orders.get(order_id)
        if row is None:
            return
        merged = dict(changes or {})
        active = self._books.active_shipments(order_id)
        requests = [self._books.requests[item.id] for item in active]
        if row.document["status"] not in CLOSED and active:
            if all(request.complete for request in requests) and self._covered(row):
                merged |= {"status": "fulfilled", "fulfilledAt": iso(at_ms)}
            elif any(request.shipped for request in requests):
                merged["status"] = "partialFulfillment"
            elif all(item.document["status"] not in UNSENT for item in active):
                merged["status"] = "sentToFulfillment"
        merged["disposition"] = disposition(row.document, self._facts(order_id))
        if any(row.document.get(name) != value for name, value in merged.items()):
            by = By.WAREHOUSE if "status" in merged else By.ENGINE
            self._books.change_order(row, merged, at_ms, by)

    def _covered(self, row: Row) -> bool:
        covered: dict[str, Quantity] = {}
        for shipment in self._books.active_shipments(row.id):
            for key, quantity in self._books.requests[shipment.id].covers.items():
                covered[key] = covered.get(key, 0) + quantity
        return all(
            covered.get(line_key(line), 0) >= line.get("quantity", 0)
            for line in row.document.get("lineItems", ())
            if line.get("requiresShipping", True)
        )

    def _facts(self, order_id: str) -> list[tuple[str, Request]]:
        return [
            (row.document["status"], self._books.requests[row.id])
            for row in self._books.shipments.find("orderId", order_id)
        ]

    def _refresh_disposition(self, order_id: str, at_ms: int) -> None:
        row = self._books.orders.get(order_id)
        if row is not None:
            wanted = disposition(row.document, self._facts(order_id))
            if wanted != row.document.get("disposition"):
                self._books.change_order(row, {"disposition": wanted}, at_ms, By.ENGINE)
