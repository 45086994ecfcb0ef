"""SKUs of orders that no product at TikTok is known to carry, until one is, or the order needs them no more.

A row waits until it is due; then a person is told, once. Usual orders have none.
"""

from __future__ import annotations

from collections.abc import Collection

from daemon.store.database import Tx


def known(tx: Tx, seller_sku: str) -> bool:
    """Whether a SKU at TikTok carries it, or did."""
    return tx.one("link_known", (seller_sku,)) is not None


def of_order(tx: Tx, order_id: str) -> dict[str, bool]:
    """Seller SKU -> whether a person was told of it."""
    return {str(sku): due_at_ms is None for sku, due_at_ms in tx.all("unlinked_of_order", (order_id,))}


def orders_of(tx: Tx, seller_sku: str) -> list[str]:
    """The orders that wait for this SKU."""
    return [str(order_id) for (order_id,) in tx.all("unlinked_orders", (seller_sku,))]


def waits(tx: Tx, seller_sku: str) -> bool:
    """Whether some order waits for it of which nobody was told."""
    return tx.one("unlinked_waits", (seller_sku,)) is not None


def put(tx: Tx, order_id: str, seller_sku: str, due_at_ms: int) -> None:
    """This order needs a SKU that nobody knows; a person is told at that instant."""
    tx.run("unlinked_put", (order_id, seller_sku, due_at_ms))


def drop(tx: Tx, order_id: str, skus: Collection[str]) -> None:
    """These are known now, or no longer needed."""
    for sku in skus:
        tx.run("unlinked_drop", (order_id, sku))


def due(tx: Tx, now_ms: int, limit: int) -> list[str]:
    """Orders with a SKU of which a person is to be told now; from here on it counts as told."""
    found = [str(order_id) for (order_id,) in tx.all("unlinked_due", (now_ms, limit))]
    for order_id in found:
        tx.run("unlinked_told", (order_id, now_ms))
    return found
