"""Marks of Pipe17's products, and warehouses that changed: which SKUs they have worked out again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from store_bench import NOW_MS, Bench

from daemon.core.links import Kind, SkuSeen, WarehouseSeen
from daemon.core.marks import Mark
from daemon.flows import stock_places
from daemon.store import links, marks
from daemon.store.database import Tx


@pytest.fixture
def bench() -> Iterator[Bench]:
    found = Bench()
    yield found
    found.connection.close()


def sku(sku_id: str, seller_sku: str, product_id: str = "1", place: str = "7068") -> SkuSeen:
    return SkuSeen(sku_id, product_id, seller_sku, "ACTIVATE", Kind.NORMAL, ((place, 5),))


def settle(bench: Bench) -> set[str]:
    """The SKUs that are marked; none are afterwards."""
    found = {sku_id for (sku_id,) in bench.connection.execute("SELECT sku_id FROM stock_changes")}
    for sku_id in found:
        bench.do(lambda tx, sku_id=sku_id: tx.run("stock_settled", (sku_id,)))
    return found


def linked(bench: Bench, *seen: SkuSeen) -> None:
    for one in seen:
        bench.do(lambda tx, one=one: links.put(tx, one, NOW_MS))
    settle(bench)


def warehouse(bench: Bench, status: str = "ENABLED", *, default: bool = False, warehouse_id: str = "7068") -> None:
    seen = WarehouseSeen(warehouse_id, "Main", "SALES_WAREHOUSE", "", status, default)
    bench.do(lambda tx: links.put_warehouse(tx, seen, NOW_MS))


def looked_at(bench: Bench) -> set[str]:
    while bench.do(lambda tx: stock_places.mark_next(tx, NOW_MS)):
        pass
    return settle(bench)


def test_a_mark_has_the_skus_behind_it_worked_out_and_says_nothing_twice(bench: Bench) -> None:
    linked(bench, sku("11", "U"), sku("12", "U", "2"), sku("13", "A", "3"))
    assert bench.do(lambda tx: marks.put(tx, Mark("U", preowned=True, buffer_units=2), NOW_MS))
    assert settle(bench) == {"11", "12"}
    assert not bench.do(lambda tx: marks.put(tx, Mark("U", preowned=True, buffer_units=2), NOW_MS))
    assert settle(bench) == set()
    assert bench.do(lambda tx: marks.put(tx, Mark("U"), NOW_MS))
    assert settle(bench) == {"11", "12"}
    assert bench.connection.execute("SELECT count(*) FROM marks").fetchone() == (0,), "a usual product has no row"


def test_a_mark_at_the_parent_is_one_of_its_skus(bench: Bench) -> None:
    linked(bench, sku("11", "U"), sku("12", "V"), sku("13", "A", "3"))
    bench.do(lambda tx: marks.put(tx, Mark("1", preowned=True, buffer_units=2), NOW_MS))
    assert settle(bench) == {"11", "12"}

    def work(tx: Tx) -> list[tuple[Kind, int]]:
        return [(link.kind, marks.buffer_units(tx, link)) for link in links.after(tx, "", 10)]

    assert bench.do(work) == [(Kind.PREOWNED, 2), (Kind.PREOWNED, 2), (Kind.NORMAL, 0)]


def test_a_mark_changes_nothing_where_the_stock_is_not_ours_and_stays_over_readings(bench: Bench) -> None:
    linked(bench, sku("11", "U"), sku("12", "B"))
    bench.do(lambda tx: links.found_out(tx, "12", Kind.BUNDLE, NOW_MS))
    for name in ("U", "B"):
        bench.do(lambda tx, name=name: marks.put(tx, Mark(name, preowned=True), NOW_MS))
    settle(bench)
    bench.do(lambda tx: links.put(tx, sku("11", "U"), NOW_MS))
    bench.do(lambda tx: links.put(tx, sku("12", "B"), NOW_MS))
    assert settle(bench) == set(), "the same reading again is no news"
    assert [link.kind for link in bench.do(lambda tx: links.after(tx, "", 10))] == [Kind.PREOWNED, Kind.BUNDLE]


def test_a_warehouse_that_changes_has_the_skus_kept_there_looked_at(bench: Bench) -> None:
    linked(bench, sku("11", "U"), sku("12", "A", place="7069"))
    warehouse(bench)
    assert looked_at(bench) == set(), "a usual one that is new changes nothing"
    warehouse(bench, "DISABLED")
    assert looked_at(bench) == {"11"}
    warehouse(bench, "DISABLED")
    assert looked_at(bench) == set()
    warehouse(bench, "ENABLED")
    assert looked_at(bench) == {"11"}
    warehouse(bench, default=True)
    assert looked_at(bench) == {"11"}
    warehouse(bench, "GONE", default=True)
    assert looked_at(bench) == {"11"}


def test_a_large_catalogue_is_looked_at_in_stretches_and_goes_on_where_it_stood(bench: Bench) -> None:
    count = stock_places.AT_ONCE * 2 + 10
    linked(bench, *(sku(f"{number:05}", f"S{number}") for number in range(count)))
    warehouse(bench, "DISABLED")
    marked = []
    while bench.do(lambda tx: stock_places.mark_next(tx, NOW_MS)):
        marked.append(len(settle(bench)))
        if len(marked) == 1:
            warehouse(bench, "DISABLED")
    assert marked == [stock_places.AT_ONCE, stock_places.AT_ONCE, 10]
    warehouse(bench, "ENABLED")
    bench.do(lambda tx: stock_places.mark_next(tx, NOW_MS))
    warehouse(bench, "DISABLED")
    settle(bench)
    assert len(looked_at(bench)) == count, "changed again half-way: from the first one on"
