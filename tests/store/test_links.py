"""The link table: what a reading changes, what stays, and who shares a seller SKU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from store_bench import NOW_MS, Bench

from daemon.core.links import Kind, SkuSeen, WarehouseSeen
from daemon.store import links


@pytest.fixture
def bench() -> Iterator[Bench]:
    found = Bench()
    yield found
    found.connection.close()


def sku(sku_id: str = "11", seller_sku: str = "MUG", product_id: str = "1", quantity: int = 5) -> SkuSeen:
    return SkuSeen(sku_id, product_id, seller_sku, "ACTIVATE", Kind.NORMAL, (("7068", quantity),))


def put(bench: Bench, seen: SkuSeen) -> tuple[str, ...]:
    return bench.do(lambda tx: links.put(tx, seen, bench.now_ms))


def test_a_link_is_put_read_and_keeps_its_product_in_pipe17(bench: Bench) -> None:
    assert put(bench, sku()) == ("MUG",)
    bench.do(lambda tx: links.made(tx, "11", "p1", NOW_MS))
    assert put(bench, sku(quantity=3)) == ()
    (link,) = bench.do(lambda tx: links.by_sku(tx, "MUG"))
    assert (link.sku_id, link.kind, link.warehouses) == ("11", Kind.NORMAL, (("7068", 3),))
    assert (link.pipe17_product_id, link.gone_at_ms) == ("p1", None)
    assert put(bench, sku(seller_sku="CUP")) == ("MUG", "CUP")
    renamed = bench.do(lambda tx: links.get(tx, "11"))
    assert renamed is not None
    assert renamed.pipe17_product_id == ""


def test_a_sku_that_is_gone_is_kept_and_comes_back(bench: Bench) -> None:
    put(bench, sku())
    bench.do(lambda tx: links.gone(tx, "11", NOW_MS))
    assert bench.do(lambda tx: links.by_sku(tx, "MUG")) == []
    (kept,) = bench.do(lambda tx: links.by_product(tx, "1"))
    assert kept.gone_at_ms == NOW_MS
    assert put(bench, sku()) == ("MUG",)
    assert len(bench.do(lambda tx: links.by_sku(tx, "MUG"))) == 1


def test_two_skus_may_share_a_seller_sku_and_none_is_none(bench: Bench) -> None:
    for sku_id in ("11", "12"):
        put(bench, sku(sku_id))
    put(bench, sku("13", seller_sku=""))
    assert [link.sku_id for link in bench.do(lambda tx: links.by_sku(tx, "MUG"))] == ["11", "12"]
    assert bench.do(lambda tx: links.by_sku(tx, "")) == []
    assert bench.do(links.count) == 3


def test_all_links_page_by_page(bench: Bench) -> None:
    for number in range(7):
        put(bench, sku(f"{number:02d}", f"S{number}"))
    bench.do(lambda tx: links.gone(tx, "03", NOW_MS))
    seen, at = [], ""
    while page := bench.do(lambda tx, at=at: links.after(tx, at, 3)):
        seen += [link.sku_id for link in page]
        at = page[-1].sku_id
    assert seen == ["00", "01", "02", "04", "05", "06"]


def test_a_product_that_was_not_seen_is_found_and_an_older_reading_changes_nothing(bench: Bench) -> None:
    bench.do(lambda tx: links.put_product(tx, "1", "ACTIVATE", "new", 20, NOW_MS))
    bench.do(lambda tx: links.put_product(tx, "1", "DRAFT", "old", 10, NOW_MS + 1))
    found = bench.do(lambda tx: links.product(tx, "1"))
    assert found is not None
    assert (found.status, found.stamp) == ("ACTIVATE", "new")
    assert bench.do(lambda tx: links.unseen(tx, NOW_MS + 1, 10)) == ["1"]
    bench.do(lambda tx: links.product_seen(tx, "1", NOW_MS + 1))
    assert bench.do(lambda tx: links.unseen(tx, NOW_MS + 1, 10)) == []
    put(bench, sku())
    assert bench.do(lambda tx: links.product_gone(tx, "1", NOW_MS)) == ("MUG",)
    assert bench.do(lambda tx: links.product_gone(tx, "1", NOW_MS)) == ()
    assert bench.do(lambda tx: links.unseen(tx, NOW_MS + 9, 10)) == []


def test_what_an_answer_told_about_a_sku(bench: Bench) -> None:
    put(bench, sku())
    bench.do(lambda tx: links.found_out(tx, "11", Kind.BUNDLE, NOW_MS))
    bench.do(lambda tx: links.reassigned(tx, "11", (("a", 1), ("b", 2)), NOW_MS))
    link = bench.do(lambda tx: links.get(tx, "11"))
    assert link is not None
    assert (link.kind, link.warehouses) == (Kind.BUNDLE, (("a", 1), ("b", 2)))


def test_a_warehouse_keeps_its_location_and_is_usable_while_it_is_on(bench: Bench) -> None:
    def seen(status: str) -> WarehouseSeen:
        return WarehouseSeen("7068", "Main", "SALES_WAREHOUSE", "", status, is_default=True)

    bench.do(lambda tx: links.put_warehouse(tx, seen("ENABLED"), NOW_MS))
    bench.do(lambda tx: links.located(tx, "7068", "loc"))
    bench.do(lambda tx: links.put_warehouse(tx, seen("DISABLED"), NOW_MS))
    (found,) = bench.do(links.warehouses)
    assert (found.location_id, found.is_default, found.usable) == ("loc", True, False)
    bench.do(lambda tx: links.put_warehouse(tx, seen("RESTRICTED"), NOW_MS))
    again = bench.do(lambda tx: links.warehouse(tx, "7068"))
    assert again is not None
    assert again.usable
    assert bench.do(lambda tx: links.warehouse(tx, "9")) is None
