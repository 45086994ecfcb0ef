"""How a change of an order becomes known: its `update_time` moves, and the webhook of its kind leaves.

Most changes have no webhook and show in a search alone; PARTIALLY_SHIPPING has none either. A delivery names ids and
instants; whoever gets it reads the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from daemon.sandbox.tiktok.book import OrderBook
from daemon.sandbox.tiktok.cancellations import IN_WEBHOOK, Cancellation
from daemon.sandbox.tiktok.records import Order
from daemon.sandbox.tiktok.webhooks import Webhooks


class News:
    """What one shop tells of its orders."""

    def __init__(self, book: OrderBook, webhooks: Webhooks) -> None:
        self._book = book
        self._webhooks = webhooks

    def changed(self, order: Order, at_ms: int, *, status: bool = False) -> None:
        """Something about the order changed; `status` when its status did, which has a webhook."""
        self._book.touch(order, at_ms)
        if status and order.status != "PARTIALLY_SHIPPING":
            data = {
                "order_id": order.id,
                "order_status": "CANCEL" if order.status == "CANCELLED" else order.status,
                "is_on_hold_order": order.went_on_hold,
                "update_time": order.update_ms // 1000,
            }
            self._webhooks.emit("ORDER_STATUS_CHANGE", data, at_ms)

    def address(self, order: Order, at_ms: int) -> None:
        """The buyer edited where the order goes."""
        self.changed(order, at_ms)
        data = {"order_id": order.id, "update_time": at_ms // 1000}
        self._webhooks.emit("RECIPIENT_ADDRESS_UPDATE", data, at_ms)

    def cancellation(self, order: Order, one: Cancellation, at_ms: int) -> None:
        """A cancellation began or moved on."""
        data = {
            "order_id": order.id,
            "cancel_id": one.id,
            "cancellations_role": one.role,
            "cancel_status": IN_WEBHOOK.get(one.status, one.status),
            "create_time": one.create_ms // 1000,
        }
        self._webhooks.emit("CANCELLATION_STATUS_CHANGE", data, at_ms)

    def packages(self, orders: Sequence[Order], kind: str, role: str, now_ms: int) -> None:
        """The packages of these orders were split, combined or dissolved: webhook 4."""
        packages: dict[str, list[str]] = {}
        for order in orders:
            self.changed(order, now_ms)
            for package_id in order.package_ids:
                packages[package_id] = self._book.packages[package_id].order_ids
        data = {
            "sc_type": kind,
            "role_type": role,
            "package_list": [{"package_id": item, "order_id_list": ids} for item, ids in packages.items()],
            "update_time": now_ms // 1000,
        }
        self._webhooks.emit("PACKAGE_UPDATE", data, now_ms)
