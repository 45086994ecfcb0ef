"""The simulated shop's products and stock: what searches show, what updates are refused, what orders take."""

from __future__ import annotations

from typing import Any

import pytest
from shop_caller import Shop, open_shop

from daemon.sandbox.faults import Fault, FaultKind, Faults
from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE
from daemon.sandbox.tiktok.pricing import id_of
from daemon.sandbox.wire import Loss

SEARCH = "/product/202502/products/search"
SKU = id_of("A", "sku")


def seller_of(shop: Shop) -> Any:
    return shop.sandbox.seller


def found(shop: Shop, size: int = 100, **body: Any) -> list[str]:
    ids, token = [], ""
    while True:
        query = {"page_size": str(size), **({"page_token": token} if token else {})}
        data = shop.call("POST", SEARCH, query, body)
        ids += [row["id"] for row in data.get("products", [])]
        token = data.get("next_page_token", "")
        if not token:
            return ids


def update(shop: Shop, product_id: str, *levels: tuple[str, int], sku_id: str = SKU) -> list[tuple[str, int]]:
    """(warehouse, code) of what was refused."""
    rows = [{"warehouse_id": place, "quantity": quantity} for place, quantity in levels]
    path = f"/product/202309/products/{product_id}/inventory/update"
    data = shop.call("POST", path, None, {"skus": [{"id": sku_id, "inventory": rows}]})
    complaints = [item for error in data.get("errors", []) for item in error["detail"]["extra_errors"]]
    return [(item.get("warehouse_id", ""), item["code"]) for item in complaints]


def test_a_search_shows_every_product_once_it_is_indexed_and_pages_through_them() -> None:
    shop = open_shop()
    seller_of(shop).create_products(25)
    shop.clock.forward(30_000)
    rows = found(shop, 10)
    assert sorted(set(rows)) == sorted(shop.sandbox.catalogue.products)


def test_a_window_includes_both_of_its_ends() -> None:
    shop = open_shop(index_lag_ms=0)
    second = shop.clock.at_ms // 1000
    product = seller_of(shop).add_product(("A",))
    assert found(shop, update_time_ge=second, update_time_le=second) == [product]
    assert found(shop, update_time_ge=second + 1) == []
    assert found(shop, update_time_le=second - 1) == []


def test_a_change_is_in_the_detail_at_once_and_in_the_search_later() -> None:
    shop = open_shop(index_lag_ms=30_000)
    product = seller_of(shop).add_product(("A",))
    shop.clock.forward(60_000)
    after = shop.clock.at_ms // 1000
    seller_of(shop).change_product(product, title="New")
    assert shop.call("GET", f"/product/202309/products/{product}")["title"] == "New"
    shop.clock.forward(30_000)
    assert found(shop, update_time_ge=after) == [product]


def test_too_many_hits_are_refused() -> None:
    shop = open_shop(index_lag_ms=0, product_hits=5)
    seller_of(shop).create_products(6)
    assert shop.code("POST", SEARCH, {"page_size": "1"}, {}) == 12052180


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"seller_skus": ["x"] * 11}, 12019027),
        ({"sku_ids": ["x"] * 11}, 12019087),
        ({"update_time_ge": 2, "update_time_le": 1}, 12019118),
        ({"page_size": 10}, 36009004),
    ],
)
def test_a_search_that_cannot_be_is_refused(body: dict[str, Any], code: int) -> None:
    assert open_shop().code("POST", SEARCH, {"page_size": "10"}, body) == code


def test_a_product_that_is_not_there_is_refused() -> None:
    assert open_shop().code("GET", "/product/202309/products/123") == 12052032


def test_stock_is_absolute_and_names_every_warehouse_in_use() -> None:
    shop = open_shop()
    second = seller_of(shop).add_warehouse("Second")
    returns = str(int(MAIN_WAREHOUSE) + 1)
    product = seller_of(shop).add_product(("A",), stock={MAIN_WAREHOUSE: 1, second: 2})
    elsewhere = seller_of(shop).add_warehouse("Elsewhere")
    platform = seller_of(shop).add_platform_warehouse("Ontario")
    main = (MAIN_WAREHOUSE, 5)
    assert update(shop, product, main) == [(second, 12019028)]
    assert update(shop, product, main, (second, 7), (elsewhere, 1)) == [(elsewhere, 12052516)]
    assert update(shop, product, main, (second, 7), (returns, 1)) == [(returns, 12052532)]
    assert update(shop, product, main, (second, 7), ("99", 1)) == [("99", 12052097)]
    assert update(shop, product, main, (second, 7), (platform, 1)) == [(platform, 12052144)]
    assert update(shop, product, main, (second, 7), main) == [(MAIN_WAREHOUSE, 12052555)]
    assert update(shop, product, main, (second, -1)) == [(second, 12052055)]
    assert seller_of(shop).stock_of("A")["available"] == {MAIN_WAREHOUSE: 1, second: 2}
    assert update(shop, product, main, (second, 7)) == []
    assert seller_of(shop).stock_of("A")["available"] == {MAIN_WAREHOUSE: 5, second: 7}
    seller_of(shop).set_warehouse(second)
    assert update(shop, product, main, (second, 8)) == [(second, 12052531)]
    assert update(shop, product, (MAIN_WAREHOUSE, 6)) == []


@pytest.mark.parametrize(("late_ms", "code", "left"), [(30_000, 0, 3), (299_000, 0, 3), (301_000, 36009004, 10)])
def test_an_update_that_lands_late_is_judged_when_it_lands(late_ms: int, code: int, left: int) -> None:
    shop = open_shop()
    product_id = seller_of(shop).add_product(("A",), stock={MAIN_WAREHOUSE: 10})
    sku = shop.sandbox.catalogue.by_seller_sku("A")[0]
    shop.sandbox.faults.add(Fault(FaultKind.LANDS_LATE, "inventory.update", delay_ms=late_ms))
    rows = [{"warehouse_id": MAIN_WAREHOUSE, "quantity": 3}]
    path = f"/product/202309/products/{product_id}/inventory/update"
    reply = shop.raw("POST", path, None, {"skus": [{"id": sku.id, "inventory": rows}]})
    assert (reply.body, reply.loss) == (b"", Loss.AFTER)
    shop.clock.forward(late_ms - 1)
    shop.sandbox.deliveries_due(shop.clock.now_ms())
    assert sku.total_available == 10
    shop.clock.forward(1)
    shop.sandbox.deliveries_due(shop.clock.now_ms())
    assert sku.total_available == left
    assert [call.code for call in shop.sandbox.called("inventory.update")] == [code]


def test_one_refused_sku_does_not_stop_the_others() -> None:
    shop = open_shop()
    product = seller_of(shop).add_product(("A", "B"))
    rows = [
        {"id": SKU, "inventory": [{"warehouse_id": "99", "quantity": 1}]},
        {"id": id_of("B", "sku"), "inventory": [{"quantity": 3}]},
    ]
    path = f"/product/202309/products/{product}/inventory/update"
    data = shop.call("POST", path, None, {"skus": rows})
    assert [error["detail"]["sku_id"] for error in data["errors"]] == [SKU]
    assert seller_of(shop).stock_of("B")["available"] == {MAIN_WAREHOUSE: 3}
    shop.sandbox.options.inventory_refusals = "call"
    assert shop.code("POST", path, None, {"skus": rows}) == 12052097


def test_stock_that_is_not_the_sellers_to_set() -> None:
    shop = open_shop()
    product = seller_of(shop).add_product(("A", {"seller_sku": "S", "shared": True}))
    bundle = seller_of(shop).add_product(({"seller_sku": "SET", "bundle": ((SKU, 2),)},))
    piece = seller_of(shop).add_product(("U",), preowned=True, stock=1)
    level = (MAIN_WAREHOUSE, 4)
    assert update(shop, product, level, sku_id=id_of("S", "sku")) == [("", 12052921)]
    assert update(shop, bundle, level, sku_id=id_of("SET", "sku")) == [("", 12052850)]
    assert update(shop, piece, (MAIN_WAREHOUSE, 0), sku_id=id_of("U", "sku")) == [("", 12052159)]
    seller_of(shop).lock_campaign("A")
    assert update(shop, product, level) == [("", 12052393)]
    assert update(shop, product, (MAIN_WAREHOUSE, 11)) == []
    seller_of(shop).change_product(product, status="FREEZE")
    path = f"/product/202309/products/{product}/inventory/update"
    rows = [{"id": SKU, "inventory": [{"quantity": 3}]}]
    assert shop.code("POST", path, None, {"skus": rows}) == 12052901
    assert shop.code("POST", path.replace(product, bundle), None, {"skus": rows}) == 12052557


def test_orders_commit_shipping_removes_and_cancelling_gives_back() -> None:
    shop = open_shop()
    seller_of(shop).add_product(("A",), stock=3)
    seller_of(shop).add_product(({"seller_sku": "SET", "bundle": ((SKU, 2),)},))

    def levels() -> tuple[int, int]:
        stock = seller_of(shop).stock_of("A")
        return stock["available"][MAIN_WAREHOUSE], stock["committed"].get(MAIN_WAREHOUSE, 0)

    cancelled = shop.sandbox.place_order(("A",), paid=False)
    assert levels() == (2, 1)
    shop.sandbox.cancel_order(cancelled)
    assert levels() == (3, 0)
    bundle = shop.ready(("SET",))
    assert levels() == (1, 2)
    assert shop.mark(bundle) == 0
    assert levels() == (1, 0)
    shop.sandbox.place_order(("A",), fulfillment_type="FULFILLMENT_BY_TIKTOK")
    assert levels() == (1, 0), "the platform ships from warehouses of its own"
    shop.sandbox.place_order(("A", "A"))
    assert levels() == (0, 2)
    assert shop.sandbox.stock.oversold[SKU] == 1
    assert shop.sandbox.order(bundle).units[0].sku_id == id_of("SET", "sku")


def test_switching_off_and_on_goes_through_an_audit() -> None:
    shop = open_shop()
    product = seller_of(shop).add_product(("A",))
    path = "/product/202309/products/"
    refused = shop.call("POST", path + "deactivate", None, {"product_ids": [product, "123"]})
    assert refused["errors"] == [
        {"code": 12052048, "message": refused["errors"][0]["message"], "detail": {"product_id": "123"}}
    ]
    again = shop.call("POST", path + "deactivate", None, {"product_ids": [product]})
    assert again["errors"][0]["code"] == 12052901
    assert shop.call("POST", path + "activate", None, {"product_ids": [product]}) == {}
    assert shop.call("GET", path + product)["status"] == "PENDING"
    shop.clock.forward(5_000)
    assert shop.call("GET", path + product)["status"] == "ACTIVATE"
    assert shop.code("POST", path + "deactivate", None, {"product_ids": ["1"] * 21}) == 12019120


def test_pages_with_faults_look_like_good_ones() -> None:
    shop = open_shop(faults=Faults(), index_lag_ms=0, sparse=0.0)
    seller_of(shop).create_products(6)
    shop.sandbox.faults.add(Fault(FaultKind.EMPTY_LIST, "products.search"))
    assert found(shop) == []
    shop.sandbox.faults.add(Fault(FaultKind.SHORT_PAGE, "products.search"))
    assert len(found(shop, 2)) == 2
    assert len(set(found(shop, 2))) == 6
