"""Products and stock on their way over the wire: what an inventory update says and how its partial failures read.

TikTok answers code 0 also when SKUs of an update were refused: what went wrong is in `data.errors`, one entry a SKU,
with the warehouses (or the SKU as a whole, warehouse "") inside. Reading the code alone has cost others their stock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.core.reading import identifier, optional_record, records, required_text, text, whole


@dataclass(frozen=True, slots=True)
class ProductsPage:
    """One page of a product search. `next_page_token` "" means that this was the last one."""

    products: list[dict[str, Any]]
    next_page_token: str
    total: int
    """How many match in all, as far as TikTok says."""


@dataclass(frozen=True, slots=True)
class SkuLevels:
    """The absolute quantity of one SKU in each of its warehouses: (warehouse id, quantity)."""

    sku_id: str
    inventory: tuple[tuple[str, int], ...]

    def as_json(self) -> dict[str, Any]:
        """One entry of the request."""
        rows = [{"warehouse_id": place, "quantity": quantity} for place, quantity in self.inventory]
        return {"id": self.sku_id, "inventory": rows}


@dataclass(frozen=True, slots=True)
class SkuFailure:
    """A SKU whose update was refused. `code` is the most telling one: that of the first inner complaint."""

    sku_id: str
    code: int
    message: str
    by_warehouse: Mapping[str, int]
    """Warehouse id ("" for the SKU as a whole) to code, as far as TikTok says."""


@dataclass(frozen=True, slots=True)
class ProductFailure:
    """A product that was not switched off or on."""

    product_id: str
    code: int
    message: str


def sku_failures(data: Mapping[str, Any]) -> tuple[SkuFailure, ...]:
    """The refused SKUs in the answer to an inventory update; raises `BadShape`."""
    return tuple(_sku_failures(data))


def _sku_failures(data: Mapping[str, Any]) -> Iterator[SkuFailure]:
    for error in records(data, "errors"):
        detail = optional_record(error, "detail")
        inner = list(records(detail, "extra_errors"))
        told = inner[0] if inner else error
        places = {identifier(item, "warehouse_id"): whole(item, "code") or 0 for item in inner}
        yield SkuFailure(required_text(detail, "sku_id"), whole(told, "code") or 0, text(told, "message"), places)


def product_failures(data: Mapping[str, Any]) -> tuple[ProductFailure, ...]:
    """The products in `errors` of a call that switches products; raises `BadShape`."""
    found = []
    for error in records(data, "errors"):
        detail = optional_record(error, "detail")
        told = next(records(detail, "extra_errors"), error)
        failure = ProductFailure(required_text(detail, "product_id"), whole(told, "code") or 0, text(told, "message"))
        found.append(failure)
    return tuple(found)


def products_page(data: Mapping[str, Any]) -> ProductsPage:
    """A page of a product search; raises `BadShape`."""
    rows = [dict(row) for row in records(data, "products")]
    return ProductsPage(rows, text(data, "next_page_token"), whole(data, "total_count") or 0)


def ids_of(sku_ids: Sequence[str], product_ids: Sequence[str]) -> dict[str, list[str]]:
    """The body of an inventory search; SKU ids win at TikTok when both are given, so only one may be."""
    if bool(sku_ids) == bool(product_ids):
        raise ValueError("either SKU ids or product ids")
    if len(sku_ids) > MOST_SKUS or len(product_ids) > MOST_PRODUCTS:
        raise ValueError(f"at most {MOST_SKUS} SKUs or {MOST_PRODUCTS} products in one inventory search")
    return {"sku_ids": list(sku_ids)} if sku_ids else {"product_ids": list(product_ids)}


MOST_SKUS = 600
MOST_PRODUCTS = 100
MOST_SWITCHED = 20
"""Product ids in one call that switches products off."""
