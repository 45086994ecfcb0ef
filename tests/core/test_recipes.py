"""Which lines of an order may be bundles that the search does not take apart."""

from __future__ import annotations

from typing import Any

import pytest
from order_builders import raw_order, raw_unit
from test_bundles import bundle

from daemon.core.order_facts import facts_of, products_of_skus
from daemon.core.reading import BadShape
from daemon.core.recipes import WHOLE, unclear_skus

NOW_S = 1_767_218_400
LATELY_MS = (NOW_S - 3_600) * 1000
A, B = raw_unit("1", "A"), raw_unit("2", "B")


def unclear(*units: dict[str, Any], **members: Any) -> frozenset[str]:
    return unclear_skus(dict(raw_order(*units, **{"update_time": NOW_S, **members})), LATELY_MS)


@pytest.mark.parametrize("status", ["UNPAID", "ON_HOLD", "AWAITING_SHIPMENT", "PARTIALLY_SHIPPING", "unpaid"])
def test_lines_without_a_recipe_of_orders_that_take_stock(status: str) -> None:
    assert unclear(A, A | {"id": "9"}, B, bundle("3"), status=status) == {A["sku_id"], B["sku_id"]}


@pytest.mark.parametrize("status", ["AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED", "SOMETHING_NEW"])
def test_what_takes_none_any_more_is_not_asked_for(status: str) -> None:
    assert unclear(A, status=status) == frozenset()


def test_what_has_left_or_was_read_whole_is_clear() -> None:
    assert unclear(A | {"display_status": "IN_TRANSIT"}, B, status="PARTIALLY_SHIPPING") == {B["sku_id"]}
    assert unclear(A, **{WHOLE: True}) == frozenset()


def test_what_was_cancelled_a_moment_ago_gives_back_and_long_ago_nothing_that_counts() -> None:
    gone = A | {"display_status": "CANCELLED"}
    assert unclear(gone, status="CANCELLED") == {A["sku_id"]}
    assert unclear(gone, status="CANCELLED", update_time=NOW_S - 3_601) == frozenset()
    assert unclear(gone, status="CANCELLED", update_time=None) == frozenset()
    assert unclear(gone, B, status="ON_HOLD") == {A["sku_id"], B["sku_id"]}


def test_a_record_that_cannot_be_read_says_so() -> None:
    with pytest.raises(BadShape):
        unclear_skus({"status": "UNPAID", "line_items": "none"}, 0)


def test_products_of_what_has_to_be_picked() -> None:
    nameless, unknown = raw_unit("4", "C", seller_sku=""), raw_unit("5", "A", product_id="")
    facts = facts_of(dict(raw_order(unknown, A, nameless, bundle("3"))))
    assert products_of_skus(facts) == {"A": "1729", "B": ""}
    assert products_of_skus({}) == {}
