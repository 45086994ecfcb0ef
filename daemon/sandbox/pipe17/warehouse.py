"""What people and warehouses do in Pipe17: the events a test or the demo sets off, as plain methods.

Orders are named by their Pipe17 id or by the connector's own external id. A warehouse may ship what was canceled after
it got the request, ship too much, or leave out the tracking number: such things happen, and nothing here stops them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.core.reading import iso
from daemon.sandbox.pipe17.audit import By
from daemon.sandbox.pipe17.books import Books, LinePart, Quantity
from daemon.sandbox.pipe17.engine import UNSENT, Engine
from daemon.sandbox.pipe17.options import Tracking
from daemon.sandbox.pipe17.table import Row


class Warehouse:
    """The far side of one organisation."""

    def __init__(self, books: Books, engine: Engine) -> None:
        self._books = books
        self._engine = engine
        self._shipped = 0

    def order(self, name: str) -> Row:
        """The order with this Pipe17 id or external id; `KeyError` where there is none."""
        row = self._books.orders.get(name) or self._books.own_order(name, self._books.options.integration)
        if row is None:
            found = self._books.orders.find("extOrderId", name)
            if not found:
                raise KeyError(name)
            row = found[0]
        return row

    def shipments(self, name: str) -> list[Row]:
        """All shipping requests of an order, canceled ones too, oldest first."""
        return self._books.shipments.find("orderId", self.order(name).id)

    def shipment(self, shipment_id: str) -> Row:
        """One shipping request; `KeyError` where there is none."""
        row = self._books.shipments.get(shipment_id)
        if row is None:
            raise KeyError(shipment_id)
        return row

    def send(self, name: str, at_ms: int) -> list[str]:
        """Hand the order's open shipping requests to their warehouse; their ids."""
        order = self.order(name)
        sent: list[str] = []
        for shipment in self._books.active_shipments(order.id):
            if shipment.document["status"] in UNSENT:
                changes = {"status": "sentToFulfillment", "sentToFulfillmentAt": iso(at_ms)}
                self._books.change_shipment(shipment, changes, at_ms)
                sent.append(shipment.id)
        self._engine.roll_up(order.id, at_ms)
        return sent

    def fulfill(
        self,
        shipment_id: str,
        lines: Mapping[str, Quantity] | None,
        *,
        carrier: str,
        service: str,
        tracking: str | Sequence[str],
        at_ms: int,
        rejected: bool = False,
    ) -> Mapping[str, Any]:
        """One package (or rejection) of a request; `lines` is quantity by `uniqueId` or SKU, None all that is open."""
        shipment = self.shipment(shipment_id)
        parts = self._parts(shipment, lines)
        self._shipped += 1
        options = self._books.options
        members: dict[str, Any] = {
            "extFulfillmentId": f"{options.warehouse_integration}:WH-{200_000 + self._shipped}",
            "lineItems": [
                {"uniqueId": key, "sku": sku, "quantity": quantity} for (key, sku), quantity in parts.items()
            ],
        }
        if rejected:
            members["fulfillmentType"] = "rejected"
        else:
            members |= {
                "actualShipDate": iso(at_ms),
                "shippingCarrier": carrier,
                **_tracking(tracking, options.tracking),
            }
            if service:
                members["shippingClass"] = service
        return self.record(shipment, members, options.warehouse_integration, at_ms)

    def record(self, shipment: Row, members: Mapping[str, Any], integration: str, at_ms: int) -> Mapping[str, Any]:
        """A fulfillment as it is stored; the request and the order follow."""
        document = {
            "shipmentId": shipment.id,
            "orderId": shipment.document["orderId"],
            "extOrderId": shipment.document["extOrderId"],
            "integration": integration,
            "locationId": shipment.document["locationId"],
            **members,
        }
        if self._books.options.fulfillment_names_channel:
            document["orderIntegration"] = shipment.owner
        row = self._books.add_fulfillment(document, shipment.owner, at_ms)
        request = self._books.requests[shipment.id]
        book = request.rejected if members.get("fulfillmentType") == "rejected" else request.shipped
        for line in members.get("lineItems", ()):
            part = (line.get("uniqueId", ""), line.get("sku", ""))
            book[part] = book.get(part, 0) + line.get("quantity", 0)
        moved = [(line.get("sku", ""), line.get("quantity", 0)) for line in members.get("lineItems", ())]
        move = self._books.stock.rejected if book is request.rejected else self._books.stock.shipped
        move(shipment.document["orderId"], moved, shipment.document["locationId"], at_ms)
        if request.shipped and not shipment.document["status"].startswith("canceled"):
            status = "fulfilled" if request.complete else "partialFulfillment"
            self._books.change_shipment(shipment, {"status": status}, at_ms)
        self._engine.roll_up(shipment.document["orderId"], at_ms)
        return row.document

    def cancel(self, name: str, at_ms: int, *, restock: bool) -> None:
        """A person cancels the order in Pipe17."""
        order = self._books.change_order(self.order(name), {"status": "canceled"}, at_ms, By.USER)
        self._engine.cancel_shipments(order, at_ms, By.USER, restock=restock)

    def take_out(self, name: str, line: str, quantity: Quantity, at_ms: int) -> None:
        """A person takes pieces out of a line (`uniqueId` or SKU), the whole line when none are left."""
        order = self.order(name)
        lines: list[dict[str, Any]] = []
        for item in order.document.get("lineItems", ()):
            taken = min(quantity, item["quantity"]) if line in (item.get("uniqueId"), item.get("sku")) else 0
            quantity -= taken
            if item["quantity"] > taken:
                lines.append({**item, "quantity": item["quantity"] - taken})
        row = self._books.change_order(order, {"lineItems": lines}, at_ms, By.USER)
        self._engine.reroute(row, at_ms)

    def change(self, name: str, changes: Mapping[str, Any], at_ms: int) -> None:
        """A person edits the order in Pipe17: marks it ready or for review, files it away, corrects something."""
        row = self._books.change_order(self.order(name), changes, at_ms, By.USER)
        self._engine.watch(row, at_ms)

    def _parts(self, shipment: Row, lines: Mapping[str, Quantity] | None) -> dict[LinePart, Quantity]:
        request = self._books.requests[shipment.id]
        if lines is None:
            return {part: request.open(part) for part in request.asked if request.open(part) > 0}
        parts: dict[LinePart, Quantity] = {}
        for name, quantity in lines.items():
            of_line = [part for part in request.asked if part[0] == name]
            of_sku = [part for part in request.asked if part[1] == name]
            if of_line:
                for part in of_line:
                    parts[part] = request.asked[part] * quantity // request.covers[name]
            elif of_sku:
                parts[of_sku[0]] = quantity
            else:
                parts[name, ""] = quantity
        return parts


def _tracking(tracking: str | Sequence[str], form: Tracking) -> dict[str, Any]:
    numbers = [tracking] if isinstance(tracking, str) else list(tracking)
    numbers = [number for number in numbers if number]
    if not numbers:
        return {}
    name = "trackingNumbers" if form in (Tracking.PLURAL_ARRAY, Tracking.PLURAL_TEXT) else "trackingNumber"
    as_list = form in (Tracking.ARRAY, Tracking.PLURAL_ARRAY)
    return {name: numbers if as_list else ",".join(numbers)}
