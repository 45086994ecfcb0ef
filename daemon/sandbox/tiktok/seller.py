"""What the shop's owner does with products, stock and warehouses: the actions that tests, demo and curious people set
off, as plain methods that take and give JSON values.

SKUs are named by their TikTok id or by their seller SKU (the first one that has it). An order for "SKU-A" takes from
the product that holds "SKU-A". Ids are derived from seller SKUs, as they are for orders, but for many products at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from daemon.sandbox.tiktok.catalogue import Catalogue
from daemon.sandbox.tiktok.goods import Product, Sku
from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE, Logistics
from daemon.sandbox.tiktok.pricing import id_of
from daemon.sandbox.tiktok.stock import Stock

PRODUCT_MEMBERS = frozenset(item.name for item in fields(Product)) - {"id", "skus", "create_ms", "update_ms"}
SKU_MEMBERS = frozenset(item.name for item in fields(Sku)) - {"id", "product_id", "available", "committed"}


class Seller:
    """The owner's hands."""

    def __init__(self, catalogue: Catalogue, stock: Stock, logistics: Logistics, now: Callable[[], int]) -> None:
        self._catalogue = catalogue
        self._stock = stock
        self._logistics = logistics
        self._now = now
        self._bulk = 0

    def add_product(
        self,
        skus: Sequence[str | Mapping[str, Any]] = ("SKU-A",),
        *,
        product_id: str = "",
        stock: int | Mapping[str, int] = 10,
        **members: Any,
    ) -> str:
        """List a product; each SKU is a seller SKU or the members of one (`id`, `stock`, those of `Sku`). Its id."""
        first = skus[0] if isinstance(skus[0], str) else str(skus[0].get("seller_sku") or skus[0].get("id", ""))
        product_id = product_id or id_of(first, "product")
        now_ms = self._now()
        wrong = members.keys() - PRODUCT_MEMBERS
        if wrong or product_id in self._catalogue.products:
            raise ValueError(f"no such members: {sorted(wrong)}" if wrong else f"product {product_id} exists")
        members = {name: _frozen(value) for name, value in members.items()}
        made = [self._sku(product_id, item, stock) for item in skus]
        product = Product(product_id, members.pop("title", f"Product {first}"), now_ms, now_ms, made, **members)
        self._catalogue.add(product, now_ms)
        return product_id

    def create_products(
        self, count: int, *, skus_each: int = 1, prefix: str = "BULK", stock: int = 10, warehouses: Sequence[str] = ()
    ) -> int:
        """Many products at once, without events: `<prefix>-000000-0` and so on. How many SKUs that made."""
        now_ms = self._now()
        places = tuple(warehouses) or (MAIN_WAREHOUSE,)
        for number in range(count):
            names = [f"{prefix}-{number:06d}-{place}" for place in range(skus_each)]
            self._bulk += 1
            product_id = f"17296{self._bulk:010d}0000"
            skus = [
                Sku(
                    f"17296{self._bulk:010d}{place + 1:04d}",
                    product_id,
                    name,
                    available=dict.fromkeys(places, stock),
                    options=(("Size", str(place)),) if skus_each > 1 else (),
                )
                for place, name in enumerate(names)
            ]
            product = Product(product_id, f"Product {names[0]}", now_ms, now_ms, skus)
            self._catalogue.add(product, now_ms, announce=False)
        return count * skus_each

    def change_product(self, product_id: str, **members: Any) -> None:
        """Change members of a product (`title="..."`, `status="FREEZE"`)."""
        product, now_ms = self._catalogue.product(product_id), self._now()
        _set(product, members, PRODUCT_MEMBERS)
        if "status" in members:
            self._catalogue.set_status(product, members["status"], now_ms)
        if members.keys() - {"status"}:
            named = [name if name in ("title", "description") else "others" for name in members]
            self._catalogue.changed(product, set(named), now_ms)

    def change_sku(self, sku: str, **members: Any) -> None:
        """Change members of a SKU (`price="19.90"`, `seller_sku="NEW"`, `campaign="Sale"`)."""
        found = self._find(sku)
        if "seller_sku" in members:
            self._catalogue.rename(found, str(members.pop("seller_sku")))
        _set(found, members, SKU_MEMBERS)
        self._catalogue.changed(self._catalogue.product(found.product_id), ("others",), self._now())

    def add_sku(self, product_id: str, sku: str | Mapping[str, Any], stock: int | Mapping[str, int] = 10) -> str:
        """One more SKU of a product; its id."""
        product = self._catalogue.product(product_id)
        made = self._sku(product_id, sku, stock)
        self._catalogue.put_skus(product, [*product.skus, made], self._now())
        return made.id

    def remove_sku(self, sku: str) -> None:
        """The SKU is deleted; its product stays."""
        found = self._find(sku)
        product = self._catalogue.product(found.product_id)
        self._catalogue.put_skus(product, [item for item in product.skus if item.id != found.id], self._now())

    def vanish_product(self, product_id: str) -> None:
        """The product is gone from search and detail, without an event."""
        self._catalogue.vanish(product_id)

    def set_stock(self, sku: str, stock: int | Mapping[str, int]) -> None:
        """Type in other numbers; a mapping also says which warehouses the SKU has."""
        found = self._find(sku)
        levels = dict.fromkeys(found.available, stock) if isinstance(stock, int) else dict(stock)
        self._stock.set(found, levels, self._now())

    def stock_of(self, sku: str) -> dict[str, Any]:
        """What the SKU has: available and committed by warehouse."""
        found = self._find(sku)
        return {"available": dict(found.available), "committed": dict(found.committed)}

    def lock_campaign(self, sku: str, campaign: str = "Summer sale") -> None:
        """A campaign takes the SKU's stock: it can not be lowered."""
        self._find(sku).campaign = campaign

    def unlock_campaign(self, sku: str) -> None:
        """The campaign is over."""
        self._find(sku).campaign = ""

    def add_warehouse(
        self, name: str, *, kind: str = "SALES_WAREHOUSE", default: bool = False, sub_type: str = "DOMESTIC_WAREHOUSE"
    ) -> str:
        """One more warehouse, for sales or (`RETURN_WAREHOUSE`) for returns; its id."""
        return self._logistics.add(name, kind, default=default, sub_type=sub_type)

    def add_platform_warehouse(self, name: str) -> str:
        """A warehouse of TikTok's own (FBT); the id that SKUs show as their warehouse."""
        return self._logistics.add_platform(name)

    def set_warehouse(self, warehouse_id: str, status: str = "DISABLED") -> None:
        """ENABLED, DISABLED or RESTRICTED."""
        self._logistics.set_status(warehouse_id, status)

    def rename_warehouse(self, warehouse_id: str, name: str) -> None:
        """The owner calls it something else."""
        self._logistics.warehouse(warehouse_id)["name"] = name

    def remove_warehouse(self, warehouse_id: str) -> None:
        """The list no longer shows it."""
        self._logistics.warehouses.remove(self._logistics.warehouse(warehouse_id))

    def _find(self, name: str) -> Sku:
        found = self._catalogue.skus.get(name)
        if found is None:
            found = next(iter(self._catalogue.by_seller_sku(name)), None)
        if found is None:
            raise KeyError(name)
        return found

    def _sku(self, product_id: str, raw: str | Mapping[str, Any], stock: int | Mapping[str, int]) -> Sku:
        members: dict[str, Any] = {"seller_sku": raw} if isinstance(raw, str) else dict(raw)
        seller_sku = str(members.pop("seller_sku", ""))
        sku_id = str(members.pop("id", "") or id_of(seller_sku, "sku"))
        if sku_id in self._catalogue.skus:
            raise ValueError(f"SKU {sku_id} exists")
        levels = members.pop("stock", stock)
        made = Sku(sku_id, product_id, seller_sku)
        made.available = dict(levels) if isinstance(levels, Mapping) else {MAIN_WAREHOUSE: int(levels)}
        _set(made, members, SKU_MEMBERS)
        return made


def _set(record: Product | Sku, members: Mapping[str, Any], allowed: frozenset[str]) -> None:
    wrong = members.keys() - allowed
    if wrong:
        raise ValueError(f"no such members: {sorted(wrong)}")
    for name, value in members.items():
        setattr(record, name, _frozen(value))


def _frozen(value: Any) -> Any:
    """Lists of JSON as the tuples that the records hold."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value
