"""What a shop remembers, in short: the evidence that tests, the control API and `demo` look at.

Ids, statuses and numbers; of a buyer no more than the id and what was said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.sandbox.tiktok.book import OrderBook
from daemon.sandbox.tiktok.cancellations import CancellationBook
from daemon.sandbox.tiktok.catalogue import Catalogue
from daemon.sandbox.tiktok.conversations import Conversation
from daemon.sandbox.tiktok.webhooks import Webhooks


def remembered(
    book: OrderBook,
    cancelled: CancellationBook,
    catalogue: Catalogue,
    webhooks: Webhooks,
    talks: Mapping[str, Conversation],
    references: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Orders with their units, packages, cancellations, stock, webhooks that wait, messages by buyer, other ids."""
    return {
        "orders": {
            order.id: {
                "status": order.status,
                "update_ms": order.update_ms,
                "units": {unit.id: [unit.seller_sku, unit.status, unit.package_id] for unit in order.units},
            }
            for order in book.orders.values()
        },
        "packages": {
            package.id: [package.order_id, package.status, package.tracking_number, package.provider_name]
            for package in book.packages.values()
        },
        "cancellations": {
            one.id: [one.order_id, one.kind, one.status, *one.unit_ids] for one in cancelled.by_id.values()
        },
        "stock": {sku.seller_sku or sku.id: dict(sku.available) for sku in catalogue.skus.values()},
        "webhooks": {event: item.address for event, item in webhooks.registered.items()},
        "deliveries": [item.as_json() for item in webhooks.out.waiting.values()],
        "messages": {
            talk.buyer_id: [[one.kind, one.role, one.content] for one in talk.said] for talk in talks.values()
        },
        "references": references,
    }
