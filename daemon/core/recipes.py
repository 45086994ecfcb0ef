"""Which lines of an order may be virtual bundles whose recipe its record leaves out.

The order's detail has every recipe; the search leaves some out, and the units that such an order has taken would then
stay on sale. A line without a recipe is a bundle or a usual SKU; the record does not say which, the link table does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.core.reading import identifier, records, seconds_as_ms, text
from daemon.core.units import CANCELLED, SHIPPED

WHOLE = "read_whole"
"""The member that we add to a record that came from the order's detail; TikTok has none of this name."""

TAKES_STOCK = frozenset({"UNPAID", "ON_HOLD", "AWAITING_SHIPMENT", "PARTIALLY_SHIPPING"})
"""Statuses of an order with units that are still to leave (contract 4.2)."""


def unclear_skus(raw: Mapping[str, Any], given_back_since_ms: int) -> frozenset[str]:
    """TikTok's SKU ids of the lines that show no recipe, where what they take or give back still counts.

    What was cancelled before `given_back_since_ms` no longer does. Raises `BadShape`.
    """
    status = text(raw, "status").upper()
    late = status in CANCELLED and (seconds_as_ms(raw, "update_time") or 0) >= given_back_since_ms
    if raw.get(WHOLE) or not (late or status in TAKES_STOCK):
        return frozenset()
    return frozenset(
        identifier(item, "sku_id")
        for item in records(raw, "line_items")
        if text(item, "display_status").upper() not in SHIPPED and not item.get("combined_listing_skus")
    )
