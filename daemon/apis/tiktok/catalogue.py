"""The catalogue over the wire: products as they are searched and read, and their stock (catalog contract 1 and 3).

A search shows no description, pictures and attributes; `product` does. Stock is absolute and names every warehouse of a
SKU; an answer that says success may still refuse some SKUs, and those are what the calls return (goods.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daemon.apis.tiktok.goods import (
    MOST_SWITCHED,
    ProductFailure,
    ProductsPage,
    SkuFailure,
    SkuLevels,
    ids_of,
    product_failures,
    products_page,
    sku_failures,
)
from daemon.apis.tiktok.session import Session, objects
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, record, required_text
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError

LARGEST_PAGE = 100


class Catalogue:
    """Every method raises `ApiError`; a write that ends in the dark is `Unknown` and looked up."""

    __slots__ = ("_lane", "_session")

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    async def search_products(
        self,
        *,
        update_time_ge: int | None = None,
        update_time_le: int | None = None,
        page_token: str = "",
        page_size: int = LARGEST_PAGE,
    ) -> ProductsPage:
        """Products changed in [ge, le], epoch *seconds*, both ends included and open when None; one page.

        In no promised order, and without images, description and attributes: `product` has those.
        """
        window = {"update_time_ge": update_time_ge, "update_time_le": update_time_le}
        body = {name: value for name, value in window.items() if value is not None}
        params = {"page_size": str(page_size), **({"page_token": page_token} if page_token else {})}
        data = await self._session.call("products.search", self._lane, params=params, body=lambda _: body)
        try:
            return products_page(record(data, "data"))
        except BadShape as shape:
            raise self._session.misshapen("products.search", shape) from None

    async def product(self, product_id: str) -> dict[str, Any] | None:
        """A product as it is live, whole; None when the shop has no such product."""
        try:
            data = await self._session.call("products.get", self._lane, ids={"product_id": product_id})
        except ApiError as error:
            if error.verdict == Rejected("product_unknown"):
                return None
            raise
        try:
            found = dict(record(data, "data"))
            required_text(found, "id")
        except BadShape as shape:
            raise self._session.misshapen("products.get", shape) from None
        return found

    async def category_attributes(self, category_id: str) -> list[dict[str, Any]]:
        """The attributes of a leaf category; `is_requried` (TikTok's spelling) says which it demands."""
        data = await self._session.call(
            "categories.attributes", self._lane, ids={"category_id": category_id}, params={"category_version": "v2"}
        )
        try:
            return objects(record(data, "data"), "attributes")
        except BadShape as shape:
            raise self._session.misshapen("categories.attributes", shape) from None

    async def search_inventory(
        self, *, sku_ids: Sequence[str] = (), product_ids: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Available and committed units by warehouse, of up to 600 SKUs or 100 products; unknown ids are left out."""
        body = ids_of(sku_ids, product_ids)
        data = await self._session.call("inventory.search", self._lane, body=lambda _: body)
        try:
            return objects(record(data, "data"), "inventory")
        except BadShape as shape:
            raise self._session.misshapen("inventory.search", shape) from None

    async def update_inventory(self, product_id: str, skus: Sequence[SkuLevels]) -> tuple[SkuFailure, ...]:
        """Set the stock of SKUs of one product, absolute and in every warehouse; the SKUs that were refused."""
        body = {"skus": [levels.as_json() for levels in skus]}
        data = await self._session.call(
            "inventory.update", self._lane, ids={"product_id": product_id}, body=lambda _: body
        )
        try:
            return sku_failures(record(data if data is not None else {}, "data"))
        except BadShape as shape:
            raise self._session.misshapen("inventory.update", shape) from None

    async def deactivate_products(self, product_ids: Sequence[str]) -> tuple[ProductFailure, ...]:
        """Take up to 20 products off sale; those that were refused."""
        if len(product_ids) > MOST_SWITCHED:
            raise ValueError(f"{len(product_ids)} product ids in one call, {MOST_SWITCHED} are allowed")
        body = {"product_ids": list(product_ids)}
        data = await self._session.call("products.deactivate", self._lane, body=lambda _: body)
        try:
            return product_failures(record(data if data is not None else {}, "data"))
        except BadShape as shape:
            raise self._session.misshapen("products.deactivate", shape) from None
