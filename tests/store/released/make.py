"""Writes the dump of a store of the present version, with a row in every table and in every state.

Run once for every released schema, before it is released: `python tests/store/released/make.py`. Never edit one.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2])]

from store_bench import NOW_MS, Bench, change, finding, wanted  # noqa: E402

from daemon.core.lifecycle import State  # noqa: E402
from daemon.core.links import Kind, SkuSeen, WarehouseSeen  # noqa: E402
from daemon.core.marks import Mark  # noqa: E402
from daemon.core.owed import Done, Refused  # noqa: E402
from daemon.core.stock_rows import StockRow  # noqa: E402
from daemon.core.verdicts import Unknown  # noqa: E402
from daemon.store import cursors, facts, hints, journal, levels, links, marks, outbox, reservations, unlinked  # noqa: E402
from daemon.store.database import Tx  # noqa: E402
from daemon.store.migrate import migrations  # noqa: E402


def fill(bench: Bench) -> None:
    """One row in every state, and one of everything else."""
    bench.stage(change("done"), wanted("a", findings=(finding("further_numbers", lasting=True),)))
    bench.finish(bench.claim_one(), Done("a", "3f0c9a41d27be860", result={"document": {"status": "new"}}))
    bench.stage(change("dead", at_ms=NOW_MS - 5), wanted("a", deadline_at_ms=NOW_MS + 1))
    bench.finish(bench.claim_one(), Refused("bad_sku", "no such SKU"))
    bench.stage(change("unknown"), wanted("a"))
    bench.fail(bench.claim_one(), Unknown("timeout"))
    bench.stage(change("dropped"), wanted("", State.DROPPED, reason="cancelled_unpaid"))
    bench.stage(change("held"), wanted("a", State.HELD, due_at_ms=NOW_MS + 60_000, reason="hold_window"))
    bench.stage(change("sending"), wanted("a"))
    row = bench.claim_one()
    bench.stage(change("sending", version=2), wanted("b", State.HELD, due_at_ms=NOW_MS + 90_000))
    bench.stage(change("ready", group="done"), wanted("a"), "fulfillments")
    bench.do(lambda tx: outbox.intend(tx, row.id, {"order_id": "sending"}, NOW_MS))
    bench.do(_rest)


def _rest(tx: Tx) -> None:
    cursors.move(tx, "orders", str(NOW_MS), NOW_MS)
    cursors.succeeded(tx, "orders", NOW_MS)
    cursors.failed(tx, "fulfillments", "no answer", NOW_MS)
    facts.put(tx, "pipe17_integration", "b7712ce05d9f3a48", NOW_MS)
    hints.add(tx, hints.Hint("7001", "orders", "done"), NOW_MS)
    journal.note(tx, "orders", "done", "done", "wanted", "ready new", NOW_MS)
    tx.run("set_aside_put", ("orders", "unreadable-1", "{}", "id: is missing", NOW_MS))
    tx.run("throttle_save", ("tiktok", "orders.search", NOW_MS + 1_000, 1))
    links.put_product(tx, "1729", "ACTIVATE", "stamp", NOW_MS, NOW_MS)
    links.put(tx, SkuSeen("17291", "1729", "MUG-BLUE", "ACTIVATE", Kind.NORMAL, (("7068", 5),)), NOW_MS)
    links.put_warehouse(tx, WarehouseSeen("7068", "Main", "SALES_WAREHOUSE", "", "ENABLED", True), NOW_MS)
    levels.put(tx, StockRow("MUG-BLUE", "5ad3709be8c41f26", 118, 6, 0, 0, NOW_MS, "", 0), 1, NOW_MS)
    marks.put(tx, Mark("MUG-BLUE", preowned=True, buffer_units=1), NOW_MS)
    reservations.take(tx, "held", {"MUG-BLUE": 2}, first=True)
    unlinked.put(tx, "held", "MUG-GREEN", NOW_MS)
    tx.run("stock_zeroed_put", ("17291", NOW_MS))
    tx.run("pushed_add", ("17291", NOW_MS, "", '{"7068":5}'))
    tx.run("stock_doubtful_put", ("17291",))
    tx.run("stock_unanswered_put", ("17291", 1, NOW_MS, NOW_MS + 1))
    tx.run("token_put", ("current", '{"access_token":"a"}', NOW_MS))


def main() -> None:
    bench = Bench()
    fill(bench)
    number = migrations()[-1][0]
    lines = [*bench.connection.iterdump(), f"PRAGMA user_version = {number};"]
    (HERE / f"{number:04}.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
