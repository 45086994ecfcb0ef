"""What the API does to orders: creates and updates, and what it refuses.

Creating is not idempotent and never updates: a second create with the same `extOrderId` in the same integration is
refused, also when the first order is canceled. An update merges at the top level and replaces arrays whole; the last
write wins. It may cancel anything that is not closed, and may change address and lines until a warehouse has the order.
Writing a status that lies behind (a routed order back to `new`) is taken as it comes, as nothing says it is refused;
the audit keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.sandbox.pipe17.audit import RANK, By
from daemon.sandbox.pipe17.books import Books
from daemon.sandbox.pipe17.engine import CLOSED, UNSENT, Engine
from daemon.sandbox.pipe17.gateway import NO_RESULTS, Refusal
from daemon.sandbox.pipe17.options import Duplicate, EditsUntil
from daemon.sandbox.pipe17.shapes import ORDER, clean, line_problems
from daemon.sandbox.pipe17.table import Row

DUPLICATE = "Order with this extOrderId already exists"
ROUTED_MEMBERS = ("shippingAddress", "lineItems")
"""Members that a warehouse works from."""


class Desk:
    """Order writes of one organisation."""

    def __init__(self, books: Books, engine: Engine) -> None:
        self._books = books
        self._engine = engine

    def check_new(self, raw: Any, integration: str) -> dict[str, Any] | Refusal:
        """The members of a new order that are kept, or why there can be no such order."""
        members, problems = clean(raw, ORDER)
        if not members.get("extOrderId"):
            problems.append("extOrderId is required")
        problems = problems or line_problems(members)
        if problems:
            return Refusal(400, "Validation failed", tuple(problems))
        if self._books.own_order(members["extOrderId"], integration) is not None:
            self._books.audit.refused_creates[members["extOrderId"]] += 1
            return Refusal(400 if self._books.options.duplicate == Duplicate.BAD_REQUEST else 409, DUPLICATE)
        return members

    def create(self, members: Mapping[str, Any], integration: str, at_ms: int) -> Row:
        """Make the order, and let the engine see it."""
        self._books.audit.creates[members["extOrderId"]] += 1
        row = self._books.add_order(members, integration, at_ms, By.CONNECTOR)
        self._engine.watch(row, at_ms)
        return self._books.orders.get(row.id) or row

    def create_later(self, members: Mapping[str, Any], integration: str, at_ms: int) -> None:
        """Make the order at an instant, unless it exists by then: nobody is told of that."""

        def create(due_ms: int) -> None:
            if self._books.own_order(members["extOrderId"], integration) is None:
                self.create(members, integration, due_ms)
            else:
                self._books.audit.refused_creates[members["extOrderId"]] += 1

        self._engine.later(at_ms, create)

    def update(self, row: Row | None, raw: Any, at_ms: int, by: By = By.CONNECTOR) -> Row | Refusal:
        """Merge the members into the order."""
        if row is None:
            return Refusal(404, NO_RESULTS)
        changes, problems = clean(raw, ORDER)
        problems = problems or line_problems({**row.document, **changes})
        if problems:
            return Refusal(400, "Validation failed", tuple(problems))
        refusal = self._refuse(row, changes)
        if refusal is not None:
            return refusal
        if changes.get("status") == row.document["status"]:
            del changes["status"]
        moved = any(changes.get(name, row.document.get(name)) != row.document.get(name) for name in ROUTED_MEMBERS)
        newer = self._books.change_order(row, changes, at_ms, by)
        if "status" in changes or "holdUntil" in changes:
            self._engine.watch(newer, at_ms)
        if moved and newer.document["status"] != "canceled":
            self._engine.reroute(newer, at_ms)
        return self._books.orders.get(row.id) or newer

    def _refuse(self, row: Row, changes: Mapping[str, Any]) -> Refusal | None:
        status = row.document["status"]
        wanted = changes.get("status", status)
        if wanted != status and status in CLOSED:
            return Refusal(400, f"Order is {status}")
        if self._books.options.refuse_lowering and RANK.get(wanted, 9) < RANK.get(status, 0) and wanted != "onHold":
            return Refusal(400, f"Order status can not go from {status} to {wanted}")
        for name in ROUTED_MEMBERS:
            if name in changes and changes[name] != row.document.get(name) and self._is_settled(row):
                return Refusal(400, f"{name} can not be changed: the order is {status}")
        ext_order_id = changes.get("extOrderId", row.document["extOrderId"])
        if ext_order_id != row.document["extOrderId"] and self._books.own_order(ext_order_id, row.owner) is not None:
            return Refusal(409, DUPLICATE)
        return None

    def _is_settled(self, row: Row) -> bool:
        if row.document["status"] in CLOSED:
            return True
        active = self._books.active_shipments(row.id)
        until = self._books.options.edits_until
        if until == EditsUntil.ROUTED:
            return bool(active)
        if until == EditsUntil.SENT:
            return any(item.document["status"] not in UNSENT for item in active)
        return False
