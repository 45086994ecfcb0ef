"""Stock in Pipe17: one row per SKU and location, and how orders and fulfillments move it (contract 6).

    available = onHand - committed

A shipping request commits its parts at its location; a fulfillment takes them off the shelf; a cancelled request or a
rejection gives them free. With `commits_at = "created"` the order itself commits and its requests do not. SKUs without
any row are not tracked and cost nothing. Every change is a newer version of the row, so `updatedSince` finds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from daemon.core.reading import iso
from daemon.sandbox.pipe17.options import Pipe17Options
from daemon.sandbox.pipe17.table import Row, Table

COUNTERS = (
    "onHand",
    "committed",
    "future",
    "committedFuture",
    "incoming",
    "hold",
    "damaged",
    "unavailable",
)
Place = tuple[str, str]
"""SKU and location."""


class Stockroom:
    """The inventory rows of one organisation."""

    def __init__(self, options: Pipe17Options, rng: Random) -> None:
        self.rows = Table("inventory", "inventory", ("inventoryId", "sku", "locationId"))
        self._options = options
        self._rng = rng
        self._by_place: dict[Place, str] = {}
        self._held: dict[str, Counter[Place]] = {}

    def row(self, sku: str, location: str) -> Row | None:
        """The row of a SKU at a location."""
        row_id = self._by_place.get((sku, location))
        return None if row_id is None else self.rows.get(row_id)

    def by_sku(self) -> dict[str, dict[str, int]]:
        """`available` by SKU and location."""
        found: dict[str, dict[str, int]] = {}
        for row in self.rows:
            found.setdefault(row.document["sku"], {})[row.document["locationId"]] = row.document["available"]
        return found

    def put(self, sku: str, location: str, counters: Mapping[str, Any], event: str, at_ms: int) -> Row:
        """Set counters of a row; the row is made where there is none."""
        stamp = iso(at_ms)
        row = self.row(sku, location)
        if row is None:
            row_id = f"{self._rng.getrandbits(64):016x}"
            document: dict[str, Any] = {
                "inventoryId": row_id,
                "orgKey": self._options.org_key,
                "sku": sku,
                "locationId": location,
                "type": "physical",
                "inventoryNotTracked": False,
                **dict.fromkeys(COUNTERS, 0),
                "createdAt": stamp,
            }
            self._by_place[sku, location] = row_id
        else:
            row_id, document = row.id, dict(row.document)
        document |= {**counters, "event": event, "updatedAt": stamp}
        document["commitShip"] = document["committed"]
        document["commitXfer"] = 0
        document["available"] = document["onHand"] - document["committed"]
        document["availableToPromise"] = document["available"] + document["future"] - document["committedFuture"]
        if row is None:
            return self.rows.add(row_id, self._options.integration, document, at_ms, self._listed_at_ms(at_ms))
        return self.rows.replace(row, document, at_ms, self._listed_at_ms(at_ms))

    def _listed_at_ms(self, at_ms: int) -> int | None:
        lag_ms = self._options.list_lag_ms
        return at_ms + self._rng.randrange(lag_ms + 1) if lag_ms else None

    # -- what orders do

    def order_made(self, order_id: str, document: Mapping[str, Any], at_ms: int) -> None:
        """An order exists; whether that already commits stock is a switch."""
        if self._options.commits_at != "created" or document.get("status") in ("canceled", "fulfilled", "draft"):
            return
        parts: Counter[str] = Counter()
        for line in document.get("lineItems", ()):
            sku = line.get("sku", "")
            for part, each in self._options.bundles.get(sku, ((sku, 1),)):
                parts[part] += int(line.get("quantity", 0)) * each
        self._commit(order_id, parts.items(), self._options.location, at_ms)

    def routed(self, order_id: str, parts: Iterable[tuple[str, Any]], location: str, at_ms: int) -> None:
        """A shipping request exists."""
        if self._options.commits_at == "routed":
            self._commit(order_id, parts, location, at_ms)

    def unrouted(self, order_id: str, parts: Iterable[tuple[str, Any]], location: str, at_ms: int) -> None:
        """A shipping request was cancelled with these parts open."""
        if self._options.commits_at == "routed":
            self._release(order_id, parts, location, at_ms, "shipCancel")

    def order_gone(self, order_id: str, at_ms: int) -> None:
        """The order was cancelled; what it still holds is free."""
        for (sku, location), units in list(self._held.get(order_id, Counter()).items()):
            self._release(order_id, ((sku, units),), location, at_ms, "shipCancel")

    def rejected(self, order_id: str, parts: Iterable[tuple[str, Any]], location: str, at_ms: int) -> None:
        """The warehouse will not ship these."""
        self._release(order_id, parts, location, at_ms, "release")

    def shipped(self, order_id: str, parts: Iterable[tuple[str, Any]], location: str, at_ms: int) -> None:
        """These left the shelf."""
        for sku, quantity in parts:
            freed = self._take_back(order_id, sku, location, int(quantity))
            row = self._tracked(sku, location, at_ms)
            if row is not None:
                counters = {
                    "onHand": row.document["onHand"] - int(quantity),
                    "committed": row.document["committed"] - freed,
                }
                self.put(sku, location, counters, "ship", at_ms)

    def _commit(self, order_id: str, parts: Iterable[tuple[str, Any]], location: str, at_ms: int) -> None:
        for sku, quantity in parts:
            row = self._tracked(sku, location, at_ms)
            if row is not None and quantity:
                self._held.setdefault(order_id, Counter())[sku, location] += int(quantity)
                self.put(sku, location, {"committed": row.document["committed"] + int(quantity)}, "commit", at_ms)

    def _release(self, order_id: str, parts: Iterable[tuple[str, Any]], location: str, at_ms: int, event: str) -> None:
        for sku, quantity in parts:
            freed = self._take_back(order_id, sku, location, int(quantity))
            row = self.row(sku, location)
            if row is not None and freed:
                self.put(sku, location, {"committed": row.document["committed"] - freed}, event, at_ms)

    def _take_back(self, order_id: str, sku: str, location: str, units: int) -> int:
        held = self._held.get(order_id)
        if held is None:
            return 0
        freed = min(units, held[sku, location])
        held[sku, location] -= freed
        return freed

    def _tracked(self, sku: str, location: str, at_ms: int) -> Row | None:
        row = self.row(sku, location)
        if row is None and self.rows.find("sku", sku):
            return self.put(sku, location, {}, "commit", at_ms)
        return row
