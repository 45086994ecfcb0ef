"""What the organisation has in Pipe17: orders, shipping requests, fulfillments, and the one way to change them.

Every record gets a 16-hex id, `orgKey`, `integration` (from the key that made it), `createdAt` and `updatedAt` here.
A shipping request also has facts that Pipe17 keeps to itself: which order lines it covers and what has left so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from daemon.core.reading import iso
from daemon.sandbox.dice import beside
from daemon.sandbox.pipe17.audit import Audit, By
from daemon.sandbox.pipe17.goods import Goods
from daemon.sandbox.pipe17.options import Pipe17Options
from daemon.sandbox.pipe17.stockroom import Stockroom
from daemon.sandbox.pipe17.table import Row, Table

Quantity = int | Decimal
LinePart = tuple[str, str]
"""One line of a shipping request: key of the order line, SKU."""

CANCELED = frozenset({"canceled", "canceledRestock"})


@dataclass(slots=True)
class Request:
    """What Pipe17 knows of a shipping request beyond its record."""

    covers: Mapping[str, Quantity]
    """Order line to the quantity this request is for."""
    asked: Mapping[LinePart, Quantity]
    shipped: dict[LinePart, Quantity] = field(default_factory=dict)
    rejected: dict[LinePart, Quantity] = field(default_factory=dict)

    def open(self, part: LinePart) -> Quantity:
        """What is neither shipped nor rejected yet."""
        return self.asked.get(part, 0) - self.shipped.get(part, 0) - self.rejected.get(part, 0)

    @property
    def complete(self) -> bool:
        """Whether everything asked for has been shipped."""
        return all(self.shipped.get(part, 0) >= quantity for part, quantity in self.asked.items())


class Books:
    """The records of one organisation."""

    def __init__(self, options: Pipe17Options, rng: Random) -> None:
        self.options = options
        self.audit = Audit()
        self.orders = Table("orders", "order", ("orderId", "extOrderId", "extOrderApiId"))
        self.shipments = Table("shipments", "shipment", ("shipmentId", "orderId", "extOrderId", "extShipmentId"))
        self.fulfillments = Table(
            "fulfillments", "fulfillment", ("fulfillmentId", "shipmentId", "orderId", "extOrderId", "extFulfillmentId")
        )
        self.requests: dict[str, Request] = {}
        self.goods = Goods(options, beside(rng, "goods"))
        self.stock = Stockroom(options, beside(rng, "stock"))
        self.tables = {
            table.plural: table
            for table in (
                *(self.orders, self.shipments, self.fulfillments),
                *(self.goods.products, self.goods.locations, self.stock.rows),
            )
        }
        self._rng = rng

    def _id(self) -> str:
        return f"{self._rng.getrandbits(64):016x}"

    def _listed_at_ms(self, at_ms: int) -> int | None:
        lag_ms = self.options.list_lag_ms
        return at_ms + self._rng.randrange(lag_ms + 1) if lag_ms else None

    def add_order(self, members: Mapping[str, Any], integration: str, at_ms: int, by: By) -> Row:
        """A new order."""
        order_id = self._id()
        stamp = iso(at_ms)
        status = members.get("status", "new")
        document: dict[str, Any] = {
            "orderId": order_id,
            "orgKey": self.options.org_key,
            "integration": integration,
            **members,
            "status": status,
            "routingStatus": "pending" if status in ("draft", "new", "onHold") else "disabled",
            "disposition": ["unrouted"],
            "exceptions": [],
            "exceptionCategories": [],
            "autoEngUpdateStatus": "pending",
            "createdAt": stamp,
            "updatedAt": stamp,
        }
        if status == "fulfilled":
            document |= {"fulfilledAt": stamp, "disposition": ["fulfilled"]}
        _lift_email(document)
        if integration == self.options.integration:
            self.audit.note(document, None, at_ms, by)
        self.stock.order_made(order_id, document, at_ms)
        return self.orders.add(order_id, integration, document, at_ms, self._listed_at_ms(at_ms))

    def change_order(self, row: Row, changes: Mapping[str, Any], at_ms: int, by: By) -> Row:
        """Merge members into an order."""
        document = {**row.document, **changes, "updatedAt": iso(at_ms)}
        _lift_email(document)
        if row.owner == self.options.integration:
            self.audit.note(document, row.document, at_ms, by)
        return self.orders.replace(row, document, at_ms, self._listed_at_ms(at_ms))

    def add_shipment(self, members: Mapping[str, Any], request: Request, owner: str, at_ms: int) -> Row:
        """A new shipping request."""
        shipment_id = self._id()
        stamp = iso(at_ms)
        document = {
            "shipmentId": shipment_id,
            "orgKey": self.options.org_key,
            **members,
            "createdAt": stamp,
            "updatedAt": stamp,
        }
        self.requests[shipment_id] = request
        return self.shipments.add(shipment_id, owner, document, at_ms, self._listed_at_ms(at_ms))

    def change_shipment(self, row: Row, changes: Mapping[str, Any], at_ms: int) -> Row:
        """Merge members into a shipping request."""
        document = {**row.document, **changes, "updatedAt": iso(at_ms)}
        return self.shipments.replace(row, document, at_ms, self._listed_at_ms(at_ms))

    def add_fulfillment(self, members: Mapping[str, Any], owner: str, at_ms: int) -> Row:
        """A new fulfillment; nothing changes it afterwards."""
        fulfillment_id = self._id()
        stamp = iso(at_ms)
        document = {
            "fulfillmentId": fulfillment_id,
            "orgKey": self.options.org_key,
            **members,
            "autoEngUpdateStatus": "updated",
            "createdAt": stamp,
            "updatedAt": stamp,
        }
        return self.fulfillments.add(fulfillment_id, owner, document, at_ms, self._listed_at_ms(at_ms))

    def own_order(self, ext_order_id: str, integration: str) -> Row | None:
        """The order of this integration with this external id."""
        return next((row for row in self.orders.find("extOrderId", ext_order_id) if row.owner == integration), None)

    def active_shipments(self, order_id: str) -> list[Row]:
        """The shipping requests of an order that are not canceled."""
        return [row for row in self.shipments.find("orderId", order_id) if row.document["status"] not in CANCELED]

    def settle(self, now_ms: int) -> None:
        """Let lists show what they may show by now."""
        for table in self.tables.values():
            table.settle(now_ms)


def _lift_email(document: dict[str, Any]) -> None:
    """`email` of an order is read-only and comes from its address."""
    email = document.get("shippingAddress", {}).get("email") or document.get("billingAddress", {}).get("email")
    if email:
        document["email"] = email
