"""What people set at products of Pipe17 that decides about stock (core/marks.py), by SKU; most products have no row.

A mark at the parent of a product counts for all its SKUs: the parent's SKU is TikTok's product id. Whoever changes a
mark has the SKUs behind it worked out again, in the same transaction.
"""

from __future__ import annotations

from daemon.core.marks import Mark
from daemon.store import levels, links
from daemon.store.database import Tx
from daemon.store.levels import Cause


def put(tx: Tx, mark: Mark, now_ms: int) -> bool:
    """A product as a reading shows it; False when it says nothing new."""
    before = get(tx, mark.sku)
    if before == mark:
        return False
    if mark.plain:
        tx.run("mark_drop", (mark.sku,))
    else:
        tx.run("mark_put", (mark.sku, int(mark.preowned), mark.buffer_units))
    levels.mark(tx, mark.sku, Cause.LINK, now_ms)
    for link in links.by_product(tx, mark.sku):
        levels.mark_id(tx, link.sku_id, Cause.LINK, now_ms)
    return True


def get(tx: Tx, sku: str) -> Mark:
    """What is set at a product; nothing where no row is."""
    row = tx.one("mark_get", (sku,))
    return Mark(sku) if row is None else Mark(sku, bool(row[0]), int(row[1]))


def buffer_units(tx: Tx, link: links.Link) -> int:
    """Units of a SKU that Pipe17 keeps back from TikTok."""
    own, parent = get(tx, link.seller_sku), get(tx, link.product_id)
    return own.buffer_units or parent.buffer_units
