"""The link table: which TikTok SKU is which SKU of Pipe17, and which warehouses it has; and the shop's warehouses.

Every stock line (and every order line that must be told apart) goes through here. A SKU that vanishes is marked `gone`
and kept: nothing is deleted because a list did not show it. Two TikTok SKUs may carry one seller SKU; then both are
found, and both get the levels of that SKU.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.core.jsontext import dumps, loads
from daemon.core.links import Kind, SkuSeen, WarehouseSeen
from daemon.store.database import Tx


@dataclass(frozen=True, slots=True)
class Link:
    """One TikTok SKU. `seller_sku` is the SKU of Pipe17."""

    sku_id: str
    product_id: str
    seller_sku: str
    status: str
    """The product's status in TikTok's words; `DEACTIVATED` when the SKU itself is switched off."""
    kind_seen: Kind
    """What TikTok says it is."""
    warehouses: tuple[tuple[str, int], ...]
    """(warehouse id, quantity as last seen)."""
    pipe17_product_id: str
    seen_at_ms: int
    gone_at_ms: int | None
    marked_preowned: bool = False
    """Somebody marked it so in Pipe17 (store/marks.py)."""

    @property
    def kind(self) -> Kind:
        """What it is: a mark in Pipe17 makes a piece of its own of what TikTok takes for a usual SKU."""
        return Kind.PREOWNED if self.marked_preowned and self.kind_seen is Kind.NORMAL else self.kind_seen


@dataclass(frozen=True, slots=True)
class Warehouse:
    """One warehouse of the shop. `location_id` is "" until Pipe17 has it."""

    id: str
    name: str
    type: str
    sub_type: str
    effect_status: str
    is_default: bool
    location_id: str
    seen_at_ms: int

    @property
    def usable(self) -> bool:
        """Whether stock may be sent to it."""
        return self.type == "SALES_WAREHOUSE" and self.effect_status not in ("DISABLED", "GONE")


@dataclass(frozen=True, slots=True)
class Product:
    """What is known of a product as a whole."""

    product_id: str
    status: str
    stamp: str
    version_ms: int
    seen_at_ms: int
    gone_at_ms: int | None


def get(tx: Tx, sku_id: str) -> Link | None:
    """The link of a TikTok SKU, also when it is gone."""
    row = tx.one("link_get", (sku_id,))
    return None if row is None else link_of(row)


def by_sku(tx: Tx, seller_sku: str) -> list[Link]:
    """The TikTok SKUs with this seller SKU that are not gone."""
    return [link_of(row) for row in tx.all("links_by_seller_sku", (seller_sku,))]


def by_product(tx: Tx, product_id: str) -> list[Link]:
    """Every SKU of a product, the gone ones too."""
    return [link_of(row) for row in tx.all("links_by_product", (product_id,))]


def after(tx: Tx, sku_id: str, limit: int) -> list[Link]:
    """The next links in the order of SKU ids, for whoever goes through all of them page by page ("" to begin)."""
    return [link_of(row) for row in tx.all("links_after", (sku_id, limit))]


def count(tx: Tx) -> int:
    """How many SKUs are linked and not gone."""
    return int(tx.one("links_count")[0])


def settable(tx: Tx, chosen: Collection[str] | None) -> int:
    """How many of them are of a kind whose stock may be set; only those with these seller SKUs, unless it is None."""
    if chosen is None:
        return int(tx.one("links_settable_count")[0])
    return sum(link.kind in (Kind.NORMAL, Kind.PREOWNED) for sku in chosen for link in by_sku(tx, sku))


def put(tx: Tx, seen: SkuSeen, now_ms: int) -> tuple[str, ...]:
    """A SKU as a reading shows it; the seller SKUs whose set of TikTok SKUs this changed."""
    before = get(tx, seen.sku_id)
    place = dumps([{"id": warehouse, "quantity": quantity} for warehouse, quantity in seen.warehouses])
    values = (seen.sku_id, seen.product_id, seen.seller_sku, seen.status, seen.kind.value, place, now_ms, now_ms)
    tx.run("link_put", values)
    if before is None or before.gone_at_ms is not None or _says_more_of_stock(before, seen):
        tx.run("stock_changed", (seen.sku_id, now_ms, "link"))
    if before is None or before.gone_at_ms is not None:
        return (seen.seller_sku,)
    return () if before.seller_sku == seen.seller_sku else (before.seller_sku, seen.seller_sku)


def _says_more_of_stock(before: Link, seen: SkuSeen) -> bool:
    """Whether the quantity of the SKU must be worked out again (store/levels.py)."""
    places = {place for place, _ in before.warehouses} != {place for place, _ in seen.warehouses}
    kind = before.kind_seen if seen.kind is Kind.NORMAL and before.kind_seen is not Kind.PREOWNED else seen.kind
    known = (before.product_id, before.seller_sku, before.status, before.kind_seen)
    return places or known != (seen.product_id, seen.seller_sku, seen.status, kind)


def gone(tx: Tx, sku_id: str, now_ms: int) -> None:
    """TikTok no longer has this SKU."""
    tx.run("stock_changed", (sku_id, now_ms, "link"))
    tx.run("link_gone", (now_ms, now_ms, sku_id))


def made(tx: Tx, sku_id: str, pipe17_product_id: str, now_ms: int) -> None:
    """Pipe17 has the product of this SKU under this id."""
    tx.run("link_made", (pipe17_product_id, now_ms, sku_id))


def found_out(tx: Tx, sku_id: str, kind: Kind, now_ms: int) -> None:
    """An answer of TikTok told what kind of SKU this is."""
    tx.run("link_kind", (kind.value, now_ms, sku_id))


def reassigned(tx: Tx, sku_id: str, warehouses: Sequence[tuple[str, int]], now_ms: int) -> None:
    """A fresh reading of TikTok told which warehouses the SKU has."""
    place = dumps([{"id": warehouse, "quantity": quantity} for warehouse, quantity in warehouses])
    tx.run("link_warehouses", (place, now_ms, sku_id))


def product(tx: Tx, product_id: str) -> Product | None:
    """What is known of a product."""
    row = tx.one("product_get", (product_id,))
    return None if row is None else Product(*row)


def put_product(tx: Tx, product_id: str, status: str, stamp: str, version_ms: int, seen_at_ms: int) -> None:
    """A product as a reading shows it; an older reading changes nothing."""
    tx.run("product_put", (product_id, status, stamp, version_ms, seen_at_ms))


def product_seen(tx: Tx, product_id: str, seen_at_ms: int) -> None:
    """A reading showed the product, unchanged."""
    tx.run("product_seen", (seen_at_ms, product_id))


def product_gone(tx: Tx, product_id: str, now_ms: int) -> tuple[str, ...]:
    """TikTok no longer has the product: it and its SKUs are marked; their seller SKUs."""
    tx.run("product_gone", (now_ms, product_id))
    alive = [link for link in by_product(tx, product_id) if link.gone_at_ms is None]
    for link in alive:
        gone(tx, link.sku_id, now_ms)
    return tuple(link.seller_sku for link in alive)


def unseen(tx: Tx, since_ms: int, limit: int) -> list[str]:
    """Products that no reading has shown since then."""
    return [product_id for (product_id,) in tx.all("products_unseen", (since_ms, limit))]


def warehouse(tx: Tx, warehouse_id: str) -> Warehouse | None:
    """One warehouse."""
    row = tx.one("warehouse_get", (warehouse_id,))
    return None if row is None else _warehouse(row)


def warehouses(tx: Tx) -> list[Warehouse]:
    """Every warehouse that was ever seen."""
    return [_warehouse(row) for row in tx.all("warehouses_all")]


def put_warehouse(tx: Tx, seen: WarehouseSeen, now_ms: int) -> None:
    """A warehouse as a reading shows it; its location stays.

    One that takes stock now, or takes none any more, has the SKUs kept there looked at (flows/stock_places.py).
    """
    before = warehouse(tx, seen.id)
    values = (seen.id, seen.name, seen.type, seen.sub_type, seen.effect_status, int(seen.is_default), now_ms)
    tx.run("warehouse_put", values)
    after = warehouse(tx, seen.id)
    had = (True, False) if before is None else (before.usable, before.is_default)
    if after is not None and had != (after.usable, after.is_default):
        tx.run("warehouse_changed", (seen.id, now_ms))


def located(tx: Tx, warehouse_id: str, location_id: str) -> None:
    """Pipe17 has this warehouse as this location."""
    tx.run("warehouse_located", (location_id, warehouse_id))


def link_of(row: Sequence[Any]) -> Link:
    """A row of one of the `link` statements."""
    sku_id, product_id, seller_sku, status, kind, places, pipe17_product_id, seen_at_ms, gone_at_ms, marked = row
    levels = tuple((str(item["id"]), int(item["quantity"])) for item in loads(places))
    seen = (sku_id, product_id, seller_sku, status, Kind(kind), levels, pipe17_product_id, seen_at_ms, gone_at_ms)
    return Link(*seen, marked_preowned=bool(marked))


def _warehouse(row: Sequence[Any]) -> Warehouse:
    warehouse_id, name, kind, sub_type, effect_status, default, location_id, seen_at_ms = row
    return Warehouse(warehouse_id, name, kind, sub_type, effect_status, bool(default), location_id, seen_at_ms)
