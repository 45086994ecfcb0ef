"""Stock rows and reservations in the store: newest wins, missing is remembered, marks come with every change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from store_bench import NOW_MS, Bench

from daemon.core.links import Kind, SkuSeen
from daemon.core.stock_rows import StockRow
from daemon.flows import stock_exclusions
from daemon.store import levels, links, reservations
from daemon.store.levels import Cause


@pytest.fixture
def bench() -> Iterator[Bench]:
    found = Bench()
    for sku_id in ("1", "2"):
        seen = SkuSeen(sku_id, f"p{sku_id}", "A", "ACTIVATE", Kind.NORMAL, (("W1", 5),))
        found.do(lambda tx, seen=seen: links.put(tx, seen, NOW_MS))
    judged(found)
    yield found
    found.connection.close()


def marked(bench: Bench) -> dict[str, str]:
    return dict(bench.rows("SELECT sku_id, cause FROM stock_changes"))


def judged(bench: Bench) -> None:
    bench.do(lambda tx: [tx.run("stock_settled", (sku_id,)) for sku_id in ("1", "2")])


def put(bench: Bench, on_hand: int, version: int = 1, *, location: str = "L1", committed: int = 0) -> bool:
    row = StockRow("A", location, on_hand, committed, 0, 0, version, "", 0)
    return bench.do(lambda tx: levels.put(tx, row, 1, NOW_MS))


def sellable(bench: Bench) -> dict[str, int]:
    return {row.location: row.sellable for row in bench.do(lambda tx: levels.of_sku(tx, "A"))}


def test_every_sku_behind_a_new_row_is_marked(bench: Bench) -> None:
    assert put(bench, 7)
    assert marked(bench) == {"1": "read", "2": "read"}


def test_an_older_row_never_replaces_a_newer_one_and_the_same_says_nothing(bench: Bench) -> None:
    put(bench, 7, version=5)
    judged(bench)
    assert not put(bench, 9, version=4)
    assert not put(bench, 7, version=5)
    assert (sellable(bench), marked(bench)) == ({"L1": 7}, {})
    assert put(bench, 9, version=5), "two changes within a millisecond"
    assert sellable(bench) == {"L1": 9}


def test_a_row_that_is_not_shown_keeps_its_figures_and_is_known_as_missing(bench: Bench) -> None:
    put(bench, 7)
    put(bench, 8, location="L2")
    judged(bench)
    bench.do(lambda tx: levels.only(tx, "A", {"L1"}, 2, NOW_MS))
    found = {row.location: row.missing_since_ms for row in bench.do(lambda tx: levels.of_sku(tx, "A"))}
    assert found == {"L1": None, "L2": NOW_MS}
    assert sellable(bench) == {"L1": 7, "L2": 8}
    assert marked(bench) == {"1": "read", "2": "read"}
    judged(bench)
    assert not put(bench, 8, location="L2")
    assert marked(bench) == {"1": "doubt", "2": "doubt"}, "it is there again, unchanged"
    assert not any(row.missing_since_ms for row in bench.do(lambda tx: levels.of_sku(tx, "A")))


def test_what_a_sweep_has_not_shown(bench: Bench) -> None:
    put(bench, 7)
    assert bench.do(lambda tx: levels.unseen(tx, 1, 10)) == []
    assert bench.do(lambda tx: levels.unseen(tx, 2, 10)) == ["A"]
    bench.do(lambda tx: levels.only(tx, "A", {"L1"}, 2, NOW_MS))
    assert bench.do(lambda tx: levels.unseen(tx, 2, 10)) == []


def test_places_with_stock_and_what_is_kept_there(bench: Bench) -> None:
    for number, place in enumerate(("L2", "L1", "L3")):
        for sku in ("A", "B", "C"):
            row = StockRow(sku, place, number + (sku != "A"), 0, 0, 0, 1, "", 0)
            bench.do(lambda tx, row=row: levels.put(tx, row, 1, NOW_MS))
    future = StockRow("F", "L4", 0, 0, 9, 0, 1, "", 0)
    bench.do(lambda tx: levels.put(tx, future, 1, NOW_MS))
    assert bench.do(levels.stocked_places) == ["L1", "L2", "L3", "L4"]
    assert bench.do(lambda tx: levels.stocked_at(tx, "L2", "", 10)) == ["B", "C"]
    assert bench.do(lambda tx: levels.stocked_at(tx, "L1", "A", 1)) == ["B"]


def test_a_location_that_lost_rows_lately_is_not_judged(bench: Bench) -> None:
    """It may be failing: what the totals leave out then says nothing about an exclusion."""
    rows = {"A": {"L1": {"onHand": 7}, "L2": {"onHand": 8}}}
    totals = [{"sku": "A", "onHand": 7}]
    put(bench, 7)
    put(bench, 8, location="L2")

    def told(now_ms: int) -> set[str]:
        return set(bench.do(lambda tx: stock_exclusions.tells(tx, rows, totals, totals, now_ms)))

    assert told(NOW_MS) == {"L1", "L2"}
    other = StockRow("Z", "L2", 4, 0, 0, 0, 1, "", 0)
    bench.do(lambda tx: levels.put(tx, other, 1, NOW_MS))
    bench.do(lambda tx: levels.only(tx, "Z", (), 2, NOW_MS))
    assert told(NOW_MS + 60_000) == {"L1"}
    assert told(NOW_MS + 3_700_000) == {"L1", "L2"}, "a row that was removed for good does not keep it from being told"


def test_a_link_marks_when_it_says_something_about_stock(bench: Bench) -> None:
    def see(**more: object) -> dict[str, str]:
        judged(bench)
        known = {"status": "ACTIVATE", "kind": Kind.NORMAL, "warehouses": (("W1", 5),)} | more
        seen = SkuSeen("1", "p1", "A", **known)  # type: ignore[arg-type]
        bench.do(lambda tx: links.put(tx, seen, NOW_MS))
        return marked(bench)

    assert see() == {}
    assert see(warehouses=(("W1", 3),)) == {}, "buyers change quantities all the time"
    assert see(warehouses=(("W1", 3), ("W2", 0))) == {"1": "link"}
    assert see(status="FREEZE") == {"1": "link"}
    assert see(kind=Kind.PREOWNED) == {"1": "link"}


def test_a_kind_that_an_answer_told_outlives_a_reading_that_does_not_show_it(bench: Bench) -> None:
    bench.do(lambda tx: links.found_out(tx, "1", Kind.SHARED, NOW_MS))
    seen = SkuSeen("1", "p1", "A", "ACTIVATE", Kind.NORMAL, (("W1", 5),))
    bench.do(lambda tx: links.put(tx, seen, NOW_MS))
    link = bench.do(lambda tx: links.get(tx, "1"))
    assert link is not None
    assert link.kind is Kind.SHARED
    assert marked(bench) == {}


def reserved(bench: Bench) -> int:
    return bench.do(lambda tx: reservations.units(tx, "A"))


def test_a_reservation_ends_with_the_decrease_it_explains_and_does_not_come_back(bench: Bench) -> None:
    put(bench, 10)
    assert bench.do(lambda tx: reservations.take(tx, "o1", {"A": 2}, first=True)) == {"A"}
    assert bench.do(lambda tx: reservations.take(tx, "o1", {"A": 2}, first=True)) == set()
    assert reserved(bench) == 2
    bench.do(lambda tx: reservations.accepted(tx, "o1", "r1", NOW_MS, released=True))
    put(bench, 10, 2, committed=2)
    assert reserved(bench) == 0
    bench.do(lambda tx: reservations.take(tx, "o1", {"A": 2}, first=False))
    assert reserved(bench) == 0, "an update of the order takes nothing a second time"
    assert bench.do(lambda tx: reservations.take(tx, "o1", {}, first=False)) == set(), "it is in Pipe17's hands"
    assert bench.rows("SELECT count(*) FROM reservations") == [(0,)]


def test_an_order_that_is_cancelled_gives_its_units_back(bench: Bench) -> None:
    bench.do(lambda tx: reservations.take(tx, "o1", {"A": 2, "B": 1}, first=True))
    assert bench.do(lambda tx: reservations.take(tx, "o1", {"A": 1}, first=True)) == {"A", "B"}
    assert reserved(bench) == 1
    assert bench.do(lambda tx: reservations.take(tx, "o1", {}, first=True)) == {"A"}
    assert reserved(bench) == 0


def test_an_order_that_pipe17_had_before_this_version_reserves_nothing(bench: Bench) -> None:
    assert bench.do(lambda tx: reservations.take(tx, "old", {"A": 2}, first=False)) == set()
    assert reserved(bench) == 0


def test_an_order_without_a_sign_in_the_figures_is_given_up_after_an_hour(bench: Bench) -> None:
    bench.do(lambda tx: reservations.take(tx, "o1", {"A": 2}, first=True))
    hour_ms = 3_600_000
    assert bench.do(lambda tx: reservations.give_up(tx, NOW_MS + 9 * hour_ms)) == set(), "not released yet"
    bench.do(lambda tx: reservations.accepted(tx, "o1", "r1", NOW_MS, released=True))
    assert bench.do(lambda tx: reservations.give_up(tx, NOW_MS + hour_ms)) == set()
    assert bench.do(lambda tx: reservations.give_up(tx, NOW_MS + hour_ms + 1)) == {"A"}
    assert reserved(bench) == 0


def test_the_marks_of_an_order(bench: Bench) -> None:
    bench.do(lambda tx: levels.mark(tx, "A", Cause.ORDER, NOW_MS))
    assert marked(bench) == {"1": "order", "2": "order"}
