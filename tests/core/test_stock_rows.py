"""A row of Pipe17's inventory: what it leaves out is not zero where that would oversell."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.core.reading import BadShape
from daemon.core.stock_rows import StockRow, read_stock_row

ROW: dict[str, Any] = {
    "sku": "MUG-BLUE",
    "locationId": "5ad3709be8c41f26",
    "onHand": 118,
    "committed": 6,
    "future": 4,
    "committedFuture": 1,
    "orderId": "8e6b21f09d5c74a3",
    "quantity": 2,
    "updatedAt": "2025-03-05T15:46:12.300Z",
}


def test_a_whole_row() -> None:
    row = read_stock_row(ROW)
    assert row == StockRow("MUG-BLUE", "5ad3709be8c41f26", 118, 6, 4, 1, 1_741_189_572_300, "8e6b21f09d5c74a3", 2)
    assert row.sellable == 115


def test_without_committed_the_available_units_are_believed() -> None:
    row = {name: value for name, value in ROW.items() if name != "committed"}
    assert read_stock_row(row | {"available": 112}).committed == 6
    with pytest.raises(BadShape, match="committed"):
        read_stock_row(row)


@pytest.mark.parametrize("member", ["sku", "locationId", "onHand"])
def test_a_row_that_does_not_say_what_it_counts_says_nothing(member: str) -> None:
    with pytest.raises(BadShape, match=member):
        read_stock_row(ROW | {member: None})


def test_what_may_be_missing() -> None:
    row = read_stock_row({"sku": "A", "locationId": "L", "onHand": "3", "committed": 0})
    assert (row.sellable, row.version_ms, row.order_id, row.quantity) == (3, 0, "", 0)
