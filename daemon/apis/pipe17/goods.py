"""Goods over the wire: products, stock and locations of Pipe17 (contract 5 to 7).

A product is single by its SKU: a refusal that smells of a duplicate is believed only after the product was found, and
tried again where lists are late. Pipe17 knows no key that would keep a location from being made twice. Totals are
sums over the locations that count; they tell nothing of a location that fails (core/exclusions.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.assumptions import LARGEST_COUNT
from daemon.apis.pipe17.records import Records
from daemon.apis.pipe17.session import Rows
from daemon.core.reading import iso
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Rejected, Retry
from daemon.errors import ApiError

LIST_IS_LATE = timedelta(minutes=1)
"""How much later than it was made a record may show up in a list."""


@dataclass(frozen=True, slots=True)
class Made:
    """A product or location that is in Pipe17 now; `fresh` is False when it was there before our call."""

    record: dict[str, Any]
    fresh: bool


class Goods:
    """Every method raises `ApiError` when it does not return."""

    __slots__ = ("_lane", "_records", "_session")

    def __init__(self, records: Records) -> None:
        self._session = records.session
        self._lane = records.lane
        self._records = records

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
        return await self._records.page("products", filters, skip, count, ",".join(members) or "*")

    async def product(self, product_id: str) -> dict[str, Any] | None:
        """One product by its Pipe17 id, None when there is none."""
        return await self._records.one("products.get", "products", product_id, "product")

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
        return await self._records.update("products", product_id, changes, "product")

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
        return await self._records.page("inventory", filters, skip, count)

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
        return await self._records.every(
            "locations", lambda skip: self._records.page("locations", (), skip, LARGEST_COUNT.value)
        )

    async def create_location(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """A new location; Pipe17 knows no key that would keep it from being made twice."""
        body = await self._session.call("locations.create", self._lane, "POST", "/locations", document=document)
        made = body.get("location")
        if not isinstance(made, dict) or not made.get("locationId"):
            raise self._session.misshapen("locations.create", write=True, member="location")
        return made

    async def update_location(self, location_id: str, changes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change members of a location (arrays whole); the new record where Pipe17 sends it, else None."""
        return await self._records.update("locations", location_id, changes, "location")
