"""Orders for SKUs that stand in no product which was read from the shop: `sku_unlinked`.

Whatever such a line takes is kept in the books, but nothing at TikTok is published for it, and Pipe17 may not know the
item. The order goes its way all the same; what helps is to read the product:

    at once           the product that the line names is read, ahead of its turn
    after `PATIENCE`  a person is told, if the SKU is still in none
    by itself         it is closed when a product shows the SKU, and when the order needs it no more

A line without any seller SKU is another matter (`sku_missing`, core/orders.py). Costs a look-up for each SKU of an
order, and only where products are pulled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

import anyio

from daemon.clock import Clock
from daemon.core.findings import Finding
from daemon.core.order_facts import products_of_skus
from daemon.core.owed import Done, Dropped, Later, Outcome, Owed, Settled, Wanted
from daemon.core.reservations import units_taken
from daemon.core.spans import milliseconds
from daemon.flows.pull_orders import NAME as ORDERS
from daemon.store import exceptions, hints, unlinked
from daemon.store.database import Database, Tx
from daemon.store.exceptions import Kind

PATIENCE = timedelta(minutes=10)
"""How long a product may take to be read before a person is told."""
EVERY = timedelta(minutes=1)
AT_ONCE = 200
"""Exceptions opened in one transaction; the next minute goes on."""
CODE = "sku_unlinked"


class UnlinkedOrders:
    """A `Watcher` of the orders, and a loop. `products`: the flow that reads products."""

    def __init__(self, database: Database, clock: Clock, products: str) -> None:
        self._database = database
        self._clock = clock
        self._products = products
        self._hinted = False
        self.rung: Callable[[str], None] | None = None
        """Told when a product is to be read."""

    async def run(self) -> None:
        """Forever: tell what is due."""
        while True:
            await self._database.write(self._look)
            await anyio.sleep(EVERY.total_seconds())

    def _look(self, tx: Tx) -> None:
        look(tx, self._clock.now_ms())

    def staged(self, tx: Tx, flow: str, key: str, before: Owed | None, wanted: Wanted, now_ms: int) -> None:
        if flow == ORDERS:
            self._seen(tx, key, wanted.payload, now_ms)

    def finished(self, tx: Tx, row: Owed, outcome: Outcome | Settled, now_ms: int) -> None:
        if row.flow != ORDERS:
            return
        if isinstance(outcome, Dropped):
            self._seen(tx, row.key, {}, now_ms)
        elif isinstance(outcome, Done | Later) and outcome.payload is not None:
            self._seen(tx, row.key, outcome.payload, now_ms)

    def committed(self) -> None:
        if self._hinted and self.rung is not None:
            self._hinted = False
            self.rung(self._products)

    def _seen(self, tx: Tx, order_id: str, payload: Mapping[str, Any], now_ms: int) -> None:
        """Compare what an order needs with what is known."""
        taken = units_taken(payload)
        before = unlinked.of_order(tx, order_id)
        if not taken and not before:
            return
        products = products_of_skus(payload.get("facts") or {})
        needed = {sku: product for sku, product in products.items() if sku in taken and not unlinked.known(tx, sku)}
        for sku, product_id in needed.items():
            if sku not in before:
                if product_id and not unlinked.waits(tx, sku):
                    hint = hints.Hint(f"order:{order_id}:{product_id}", self._products, product_id)
                    self._hinted |= hints.add(tx, hint, now_ms)
                unlinked.put(tx, order_id, sku, now_ms + milliseconds(PATIENCE))
        _settled(tx, order_id, before.keys() - needed.keys(), now_ms, "the order needs it no more")


def linked(tx: Tx, seller_sku: str, now_ms: int) -> None:
    """A product shows this SKU."""
    for order_id in unlinked.orders_of(tx, seller_sku):
        _settled(tx, order_id, {seller_sku}, now_ms, "a product has it now")


def look(tx: Tx, now_ms: int) -> None:
    """Tell a person of what is due."""
    for order_id in unlinked.due(tx, now_ms, AT_ONCE):
        _tell(tx, order_id, now_ms)


def _settled(tx: Tx, order_id: str, skus: Collection[str], now_ms: int, why: str) -> None:
    """These need nobody any more; what a person was told is taken back, or says what is left."""
    if not skus:
        return
    unlinked.drop(tx, order_id, skus)
    if exceptions.close(tx, ORDERS, order_id, CODE, now_ms, why) and any(unlinked.of_order(tx, order_id).values()):
        _tell(tx, order_id, now_ms)


def _tell(tx: Tx, order_id: str, now_ms: int) -> None:
    skus = [sku for sku, told in unlinked.of_order(tx, order_id).items() if told]
    named = f"seller SKU {skus[0]}" if len(skus) == 1 else f"seller SKUs {', '.join(skus)}"
    text = (
        f"no product that could be read at TikTok has {named}; the order went its way, Pipe17 may not know the item, "
        "and its stock is not kept in step"
    )
    exceptions.open_exception(tx, ORDERS, order_id, order_id, Finding("sku_unlinked", text), now_ms, Kind.EVENT)
