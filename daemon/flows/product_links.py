"""The link table as a page of products shows it, in the transaction of the page (store/links.py).

What was seen is marked so; what changed is stored with its SKUs; a SKU that its product no longer has is marked gone.
An older reading never replaces a newer one. While two TikTok SKUs carry one seller SKU, a person is told
(`sku_duplicate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.core.findings import Finding
from daemon.core.links import PLATFORM_TYPE, skus_seen
from daemon.core.owed import Change, Page
from daemon.core.products import AWAY
from daemon.core.reading import text
from daemon.flows import unlinked_orders
from daemon.store import exceptions, links
from daemon.store.database import Tx
from daemon.store.exceptions import Kind

NAME = "products"


def keep_links(tx: Tx, page: Page, now_ms: int) -> None:
    """Store what a page says of products and their SKUs."""
    platform = frozenset(one.id for one in links.warehouses(tx) if one.type == PLATFORM_TYPE)
    touched: dict[str, str] = {}
    for product_id in page.seen:
        links.product_seen(tx, product_id, now_ms)
    for bad in page.set_aside:
        links.product_seen(tx, bad.key, now_ms)
    for change in page.changes:
        known = links.product(tx, change.key)
        if known is None or known.version_ms <= change.source_version:
            touched |= dict.fromkeys(_keep(tx, change, platform, now_ms), change.key)
        else:
            links.product_seen(tx, change.key, now_ms)
    for seller_sku, product_id in touched.items():
        if seller_sku:
            unlinked_orders.linked(tx, seller_sku, now_ms)
            _watch_duplicates(tx, seller_sku, product_id, now_ms)


def is_gone(raw: Mapping[str, Any]) -> bool:
    """Whether the record stands for a product that TikTok does not have any more."""
    return text(raw, "status") == AWAY


def _keep(tx: Tx, change: Change, platform: frozenset[str], now_ms: int) -> list[str]:
    """Store one product and its links; the seller SKUs that other SKUs may share now or no longer."""
    raw = change.record["detail"]
    if is_gone(raw):
        return list(links.product_gone(tx, change.key, now_ms))
    links.put_product(tx, change.key, text(raw, "status"), change.record["row_stamp"], change.source_version, now_ms)
    touched: list[str] = []
    shown: set[str] = set()
    for seen in skus_seen(raw, platform):
        shown.add(seen.sku_id)
        touched += links.put(tx, seen, now_ms)
    for link in links.by_product(tx, change.key):
        if link.gone_at_ms is None and link.sku_id not in shown:
            links.gone(tx, link.sku_id, now_ms)
            touched.append(link.seller_sku)
    return touched


def _watch_duplicates(tx: Tx, seller_sku: str, product_id: str, now_ms: int) -> None:
    """Tell a person while two TikTok SKUs carry one seller SKU."""
    found = links.by_sku(tx, seller_sku)
    if len(found) < 2:
        exceptions.close(tx, NAME, seller_sku, "sku_duplicate", now_ms, "newer reading")
        return
    where = ", ".join(f"{link.sku_id} of product {link.product_id}" for link in found[:5])
    finding = Finding(
        "sku_duplicate",
        f"seller SKU {seller_sku} is used by {len(found)} TikTok SKUs ({where}); all get its stock, and Pipe17 shows "
        "the first. Give each its own seller SKU in Seller Center",
    )
    exceptions.open_exception(tx, NAME, seller_sku, product_id, finding, now_ms, Kind.FINDING)
