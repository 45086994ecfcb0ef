"""What a search over simulated orders finds, page by page, while everything moves."""

from __future__ import annotations

from typing import Any

import pytest
from shop_caller import T0_MS, open_shop

SEARCH = "/order/202309/orders/search"
OLDEST = {"page_size": "100", "sort_field": "update_time", "sort_order": "ASC"}


def test_the_search_index_lags_and_the_row_is_live() -> None:
    shop = open_shop(index_lag_ms=30_000)
    for _ in range(50):
        shop.sandbox.place_order()
    assert len(shop.search(update_time_ge=0)) < 10
    shop.clock.forward(15_000)
    half = len({order["id"] for order in shop.search(update_time_ge=0)})
    assert 5 < half < 45
    shop.clock.forward(15_000)
    rows = shop.search(update_time_ge=0)
    assert len({order["id"] for order in rows}) == 50
    shop.clock.forward(1_000_000)
    moved = rows[0]["id"]
    shop.sandbox.touch(moved)
    until = T0_MS // 1000 + 60
    late = [order for order in shop.search(update_time_ge=0, update_time_lt=until) if order["id"] == moved]
    assert late
    assert late[0]["update_time"] > until
    shop.clock.forward(30_000)
    assert moved not in {order["id"] for order in shop.search(update_time_ge=0, update_time_lt=until)}
    assert moved in {order["id"] for order in shop.search(update_time_ge=until)}


def test_a_row_may_change_while_the_search_runs() -> None:
    shop = open_shop(index_lag_ms=0, restless_rows=1.0)
    order_id = shop.sandbox.place_order()
    shop.clock.forward(60_000)
    (row,) = shop.search(update_time_ge=0, update_time_lt=T0_MS // 1000 + 1)
    assert (row["id"], row["update_time"]) == (order_id, T0_MS // 1000 + 60)
    assert shop.search(update_time_ge=0, update_time_lt=T0_MS // 1000 + 1) == []


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_pages_cover_everything_and_rows_repeat(order: str) -> None:
    shop = open_shop(index_lag_ms=0, repeat_rows=1.0)
    for _ in range(60):
        shop.sandbox.place_order()
        shop.clock.forward(1000)
    rows: list[dict[str, Any]] = []
    query = {**OLDEST, "page_size": "20", "sort_order": order}
    while True:
        data = shop.call("POST", SEARCH, query, {"update_time_ge": 0})
        assert data["total_count"] == 60
        rows += data["orders"]
        if not data.get("next_page_token"):
            break
        query["page_token"] = data["next_page_token"]
    assert len({row["id"] for row in rows}) == 60 < len(rows)


def test_nothing_slips_through_when_rows_move_between_pages() -> None:
    shop = open_shop(index_lag_ms=0)
    ids = []
    for _ in range(40):
        ids.append(shop.sandbox.place_order())
        shop.clock.forward(1000)
    query = {**OLDEST, "page_size": "10"}
    seen: set[str] = set()
    for turn in range(12):
        data = shop.call("POST", SEARCH, query, {"update_time_ge": 0})
        seen.update(row["id"] for row in data.get("orders", []))
        if not data.get("next_page_token"):
            break
        query["page_token"] = data["next_page_token"]
        shop.sandbox.touch(ids[turn])
        shop.clock.forward(1000)
    assert seen == set(ids)


def test_with_offset_pages_a_moved_row_hides_another() -> None:
    shop = open_shop(index_lag_ms=0, paging="offset")
    ids = []
    for _ in range(20):
        ids.append(shop.sandbox.place_order())
        shop.clock.forward(1000)
    query = {**OLDEST, "page_size": "10"}
    first = shop.call("POST", SEARCH, query, {"update_time_ge": 0})
    shop.sandbox.touch(ids[0])
    second = shop.call("POST", SEARCH, {**query, "page_token": first["next_page_token"]}, {"update_time_ge": 0})
    seen = {row["id"] for row in first["orders"] + second["orders"]}
    assert set(ids) - seen == {ids[10]}


def test_a_page_token_is_bound_to_its_filters_and_dies() -> None:
    shop = open_shop(index_lag_ms=0)
    for _ in range(5):
        shop.sandbox.place_order()
    query = {**OLDEST, "page_size": "2"}
    token = shop.call("POST", SEARCH, query, {"update_time_ge": 0})["next_page_token"]
    assert shop.code("POST", SEARCH, {**query, "page_token": token}, {"update_time_ge": 1}) == 36009004
    assert shop.code("POST", SEARCH, {**query, "page_token": token}, {"update_time_ge": 0}) == 0
    shop.clock.forward(10 * 60_000 + 1)
    assert shop.code("POST", SEARCH, {**query, "page_token": token}, {"update_time_ge": 0}) == 36009004


def test_windows_are_closed_below_and_open_above() -> None:
    shop = open_shop(index_lag_ms=0, on_hold=False)
    ids = []
    for _ in range(4):
        ids.append(shop.sandbox.place_order())
        shop.clock.forward(1000)
    start = T0_MS // 1000
    assert [row["id"] for row in shop.search(update_time_ge=start + 1, update_time_lt=start + 3)] == ids[1:3]
    assert [row["id"] for row in shop.search(create_time_ge=start + 1, update_time_lt=start + 3)] == ids[1:3]
    shop.sandbox.touch(ids[0])
    assert [row["id"] for row in shop.search(create_time_lt=start + 2)] == [ids[1], ids[0]]
    by_age = shop.call("POST", SEARCH, {"page_size": "10"}, {})
    assert [row["id"] for row in by_age["orders"]] == ids[::-1]


def test_filters() -> None:
    shop = open_shop(index_lag_ms=0)
    plain, unpaid = shop.sandbox.place_order(), shop.sandbox.place_order(paid=False)
    asked = shop.ready(buyer_id="7", shipping_type="TIKTOK")
    shop.sandbox.request_cancel(asked)

    def found(**body: Any) -> set[str]:
        return {row["id"] for row in shop.search(**body)}

    assert found() == {plain, unpaid, asked}
    assert found(order_status="UNPAID") == {unpaid}
    assert found(shipping_type="TIKTOK") == found(buyer_user_id="7") == found(is_buyer_request_cancel=True) == {asked}
    assert found(warehouse_ids=["1"]) == set()
    assert found(order_status="UNPAID", update_time_ge=4_000_000_000) == set()
