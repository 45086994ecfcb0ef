"""What really became of every order: the evidence for "was it ever routable before its time, or with that address".

One `Change` is written for every change of an order's status, address, quantities or hold, with what is in force from
then on, whoever made it; orders of other channels are left out. The connector never sees this; tests and the comparison
of both sides do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

ROUTABLE = frozenset({"new", "toBeValidated", "readyForFulfillment", "sentToFulfillment", "partialFulfillment"})
"""Statuses in which Pipe17 sends, or may any moment send, the goods on their way."""

RANK = {
    "draft": 0,
    "onHold": 1,
    "new": 2,
    "toBeValidated": 3,
    "reviewRequired": 3,
    "readyForFulfillment": 4,
    "sentToFulfillment": 5,
    "partialFulfillment": 6,
    "fulfilled": 7,
    "canceled": 8,
    "archived": 9,
}
"""How far along an order is; a write to a smaller rank takes the status back."""


class By(StrEnum):
    """Who changed the order."""

    CONNECTOR = "connector"
    ENGINE = "engine"
    WAREHOUSE = "warehouse"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an order and what is in force from `at_ms` on. `before` is the status until then ("" at first)."""

    at_ms: int
    order_id: str
    ext_order_id: str
    by: By
    before: str
    status: str
    hold_until: str
    address: Mapping[str, Any]
    quantities: Mapping[str, int | Decimal]
    """Quantity by line: `uniqueId`, or the SKU where a line has none."""

    @property
    def routable(self) -> bool:
        """Whether the goods may leave from here on."""
        return self.status in ROUTABLE


class Audit:
    """All changes in the order in which they happened, and the creates that took effect, by external order id."""

    def __init__(self) -> None:
        self.history: list[Change] = []
        self.creates: Counter[str] = Counter()
        """Records made through the API per external order id; more than one is a duplicate order."""
        self.refused_creates: Counter[str] = Counter()
        """Creates refused because the order exists, per external order id."""
        self.lowered: list[Change] = []
        """Writes through the API that took an order's status back."""
        self._by_order: dict[str, list[Change]] = {}

    def note(self, document: Mapping[str, Any], before: Mapping[str, Any] | None, at_ms: int, by: By) -> None:
        """Write down what changed, if it is something an invariant asks about."""
        if before is not None and all(
            document.get(member) == before.get(member)
            for member in ("status", "holdUntil", "shippingAddress", "lineItems")
        ):
            return
        earlier = self._by_order.setdefault(document["extOrderId"], [])
        if before is not None and earlier and document.get("lineItems") is before.get("lineItems"):
            quantities = earlier[-1].quantities
        else:
            quantities = {line_key(line): line.get("quantity", 0) for line in document.get("lineItems", ())}
        change = Change(
            at_ms=at_ms,
            order_id=document["orderId"],
            ext_order_id=document["extOrderId"],
            by=by,
            before=before["status"] if before else "",
            status=document["status"],
            hold_until=document.get("holdUntil", ""),
            address=document.get("shippingAddress", {}),
            quantities=quantities,
        )
        self.history.append(change)
        earlier.append(change)
        if by is By.CONNECTOR and RANK.get(change.status, 9) < RANK.get(change.before, 0):
            self.lowered.append(change)

    def of(self, ext_order_id: str) -> list[Change]:
        """The changes of one order, oldest first."""
        return self._by_order.get(ext_order_id, [])

    def statuses(self, ext_order_id: str) -> list[str]:
        """The statuses an order went through, without repeats in a row."""
        seen: list[str] = []
        for change in self.of(ext_order_id):
            if not seen or seen[-1] != change.status:
                seen.append(change.status)
        return seen

    def first_routable_ms(self, ext_order_id: str) -> int | None:
        """When the order could first have left; None: never."""
        return next((change.at_ms for change in self.of(ext_order_id) if change.routable), None)

    def routable_before(self, ext_order_id: str, instant_ms: int) -> bool:
        """Whether the order could ever have left before an instant."""
        first = self.first_routable_ms(ext_order_id)
        return first is not None and first < instant_ms

    def routable_with(self, ext_order_id: str, **address: str) -> bool:
        """Whether the order could ever have left with these members in its address (`address1="18 Larch Road"`)."""
        return any(
            change.routable and all(change.address.get(name) == value for name, value in address.items())
            for change in self.of(ext_order_id)
        )


def line_key(line: Mapping[str, Any]) -> str:
    """What tells the lines of an order apart."""
    return str(line.get("uniqueId") or line.get("sku") or "")
