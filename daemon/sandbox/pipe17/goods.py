"""What the API does to products and locations: creates and updates, and what it refuses (contract 5 and 7).

A product's SKU is unique in the organisation. A product that an integration made is changed by that integration alone;
others may only write `mappedProduct`, their own entry in `published`. Products made by people or files may be changed
by any. A location has a name; nothing else about it is known to be needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from daemon.core.reading import iso
from daemon.sandbox.pipe17.gateway import NO_RESULTS, Refusal
from daemon.sandbox.pipe17.options import Duplicate, Pipe17Options
from daemon.sandbox.pipe17.shapes import LOCATION, PRODUCT, clean
from daemon.sandbox.pipe17.table import Row, Table

DUPLICATE_SKU = "Product with this sku already exists"
FOREIGN = "Product belongs to another integration"
PUBLISHED = ("tobepublished", "published", "tobeunpublished", "unpublished", "disabled")
PEOPLE = ""
"""Owner of what a person or a file made."""


class Goods:
    """Products and locations of one organisation."""

    def __init__(self, options: Pipe17Options, rng: Random) -> None:
        self.products = Table("products", "product", ("productId", "sku", "extProductId", "parentExtProductId"))
        self.locations = Table("locations", "location", ("locationId",))
        self._options = options
        self._rng = rng

    def create_product(self, raw: Any, owner: str, at_ms: int) -> Row | Refusal:
        """A new product, or why there can be none."""
        members, problems = clean(raw, PRODUCT)
        problems += [f"{name} is required" for name in ("sku", "name") if not members.get(name)]
        problems += self._mapping_problems(members, owner)
        if problems:
            return Refusal(400, "Validation failed", tuple(problems))
        if self.products.find("sku", members["sku"]):
            return Refusal(400 if self._options.duplicate == Duplicate.BAD_REQUEST else 409, DUPLICATE_SKU)
        document: dict[str, Any] = {"orgKey": self._options.org_key, "status": "active", "published": []}
        if owner != PEOPLE:
            document["integration"] = owner
        return self._add(self.products, "productId", _with_mapping({**document}, members, at_ms), owner, at_ms)

    def update_product(self, row: Row | None, raw: Any, who: str, at_ms: int) -> Row | Refusal:
        """Merge members into a product."""
        if row is None:
            return Refusal(404, NO_RESULTS)
        members, problems = clean(raw, PRODUCT)
        problems += self._mapping_problems(members, who)
        if problems:
            return Refusal(400, "Validation failed", tuple(problems))
        if row.owner not in (who, PEOPLE) and members.keys() - {"mappedProduct"}:
            return Refusal(self._options.foreign_product_status, FOREIGN)
        sku = members.get("sku", row.document["sku"])
        if sku != row.document["sku"] and self.products.find("sku", sku):
            return Refusal(409, DUPLICATE_SKU)
        document = _with_mapping(dict(row.document), members, at_ms)
        return self.products.replace(row, {**document, "updatedAt": iso(at_ms)}, at_ms, self._listed_at_ms(at_ms))

    def create_location(self, raw: Any, owner: str, at_ms: int) -> Row | Refusal:
        """A new location, or why there can be none."""
        members, problems = clean(raw, LOCATION)
        if not members.get("name"):
            problems.append("name is required")
        if problems:
            return Refusal(400, "Validation failed", tuple(problems))
        document = {"orgKey": self._options.org_key, "status": "active", **self._kept(members)}
        if owner != PEOPLE:
            document["integration"] = owner
        return self._add(self.locations, "locationId", document, owner, at_ms)

    def update_location(self, row: Row | None, raw: Any, at_ms: int) -> Row | Refusal:
        """Merge members into a location."""
        if row is None:
            return Refusal(404, NO_RESULTS)
        members, problems = clean(raw, LOCATION)
        if problems:
            return Refusal(400, "Validation failed", tuple(problems))
        document = {**row.document, **self._kept(members), "updatedAt": iso(at_ms)}
        return self.locations.replace(row, document, at_ms, self._listed_at_ms(at_ms))

    def _kept(self, members: Mapping[str, Any]) -> dict[str, Any]:
        dropped = frozenset() if self._options.keeps_external_system else frozenset({"externalSystem"})
        return {name: value for name, value in members.items() if name not in dropped}

    def _add(self, table: Table, id_name: str, document: Mapping[str, Any], owner: str, at_ms: int) -> Row:
        record_id = str(document.get(id_name) or f"{self._rng.getrandbits(64):016x}")
        stamps = {"createdAt": iso(at_ms), "updatedAt": iso(at_ms)}
        return table.add(record_id, owner, {id_name: record_id, **document, **stamps}, at_ms, self._listed_at_ms(at_ms))

    def place_at(self, location_id: str, name: str, at_ms: int) -> Row:
        """A location with an id that is known beforehand."""
        document = {"locationId": location_id, "orgKey": self._options.org_key, "status": "active", "name": name}
        return self._add(self.locations, "locationId", document, PEOPLE, at_ms)

    def _listed_at_ms(self, at_ms: int) -> int | None:
        lag_ms = self._options.list_lag_ms
        return at_ms + self._rng.randrange(lag_ms + 1) if lag_ms else None

    def _mapping_problems(self, members: Mapping[str, Any], who: str) -> list[str]:
        mapped = members.get("mappedProduct")
        if not isinstance(mapped, dict):
            return []
        problems = []
        if mapped.get("integrationId") != who:
            problems.append("mappedProduct.integrationId is not the integration of this key")
        if mapped.get("status", "published") not in PUBLISHED:
            problems.append("mappedProduct.status is not one of its values")
        return problems


def shown(row: Row, who: str) -> Mapping[str, Any]:
    """A product as one integration sees it: its own entry of `published` is `mappedProduct`."""
    own = next((item for item in row.document.get("published", ()) if item.get("integrationId") == who), None)
    return row.document if own is None else {**row.document, "mappedProduct": own}


def _with_mapping(document: dict[str, Any], members: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    document |= {name: value for name, value in members.items() if name != "mappedProduct"}
    mapped = members.get("mappedProduct")
    if mapped:
        others = [item for item in document.get("published", ()) if item["integrationId"] != mapped["integrationId"]]
        before = [item for item in document.get("published", ()) if item["integrationId"] == mapped["integrationId"]]
        document["published"] = [*others, {**(before[0] if before else {}), **mapped, "updatedAt": iso(at_ms)}]
    return document
