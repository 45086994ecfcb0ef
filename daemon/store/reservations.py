"""Units of TikTok orders that Pipe17's figures do not count yet (core/reservations.py has the rules).

Written in the transaction in which the orders flow stages or finishes its row, so an order and what it takes are never
seen apart. A reservation that Pipe17 counts is kept until the order ends: a later update of the order must not take
its units once more.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.core.reservations import LONGEST, Reservation, explained
from daemon.core.spans import milliseconds
from daemon.core.stock_rows import StockRow
from daemon.store.database import Tx

EXPIRED_AT_ONCE = 500


def take(tx: Tx, order_id: str, units: Mapping[str, int], *, first: bool) -> set[str]:
    """What an order takes now, by seller SKU; the SKUs for which that is news.

    `first`: Pipe17 does not have the order yet. One that it had before nothing was ever reserved for is its own affair.
    """
    before = {sku: (held, counted) for sku, held, _, _, counted in tx.all("reservations_of_order", (order_id,))}
    changed = set()
    for sku in before.keys() - units.keys():
        tx.run("reservation_drop", (order_id, sku))
        if not before[sku][1]:
            changed.add(sku)
    for sku, count in units.items():
        held, counted = before.get(sku, (0, 0))
        if counted or held == count or not (first or before):
            continue
        tx.run("reservation_put", (order_id, sku, count))
        changed.add(sku)
    return changed


def accepted(tx: Tx, order_id: str, remote_id: str, now_ms: int, *, released: bool) -> None:
    """Pipe17 has the order; `released`: it may ship it."""
    tx.run("reservations_accepted", (remote_id, now_ms, now_ms if released else None, order_id))


def units(tx: Tx, sku: str) -> int:
    """Units of a seller SKU that orders have taken and Pipe17 does not count."""
    return int(tx.one("reserved_units", (sku,))[0] or 0)


def explain(tx: Tx, row: StockRow, decrease: int) -> None:
    """A newer row of Pipe17 may count what was reserved."""
    reserved = [Reservation(*found) for found in tx.all("reservations_of_sku", (row.sku,))]
    for one in explained(reserved, decrease, row.order_id, row.quantity, row.version_ms):
        tx.run("reservation_counted", (one.order_id, one.sku))


def give_up(tx: Tx, now_ms: int) -> set[str]:
    """Orders that Pipe17 has had for long without a sign of them in its figures; their SKUs."""
    found = tx.all("reservations_unexplained", (now_ms - milliseconds(LONGEST), EXPIRED_AT_ONCE))
    for order_id, sku in found:
        tx.run("reservation_counted", (order_id, sku))
    return {sku for _, sku in found}
