"""A row of Pipe17's inventory, read strictly where a wrong reading could oversell (pipe17 contract 6).

`onHand` must be there: a row without it says nothing, and nothing is not zero. A row without `committed` is believed
when it says what is `available`. The order behind the last change, where the row names one, tells which reserved units
it already counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.core.reading import BadShape, identifier, iso_as_ms, required_text, whole


@dataclass(frozen=True, slots=True)
class StockRow:
    """One SKU at one location."""

    sku: str
    location: str
    on_hand: int
    committed: int
    future: int
    committed_future: int
    version_ms: int
    """Pipe17's own clock on the row; 0 where it says none."""
    order_id: str
    """The Pipe17 order behind the last change, "" for none."""
    quantity: int

    @property
    def sellable(self) -> int:
        return self.on_hand - self.committed + self.future - self.committed_future


def read_stock_row(raw: Mapping[str, Any]) -> StockRow:
    """Raises `BadShape` for a row that does not say what it counts."""
    on_hand = whole(raw, "onHand")
    if on_hand is None:
        raise BadShape("onHand", "is missing")
    return StockRow(
        sku=required_text(raw, "sku"),
        location=required_text(raw, "locationId"),
        on_hand=on_hand,
        committed=_committed(raw, on_hand),
        future=whole(raw, "future") or 0,
        committed_future=whole(raw, "committedFuture") or 0,
        version_ms=iso_as_ms(raw, "updatedAt") or 0,
        order_id=identifier(raw, "orderId"),
        quantity=whole(raw, "quantity") or 0,
    )


def _committed(raw: Mapping[str, Any], on_hand: int) -> int:
    committed = whole(raw, "committed")
    if committed is not None:
        return committed
    available = whole(raw, "available")
    if available is None:
        raise BadShape("committed", "is missing, and so is `available`")
    return on_hand - available
