"""How SQLite runs our statements: every one of a hot path by an index, whatever the tables grow to."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from store_bench import Bench, change, wanted

from daemon.core.lifecycle import State
from daemon.core.owed import Done
from daemon.store.sql import SQL, read_statements

GROWING = (
    *("outbox", "journal", "exceptions", "hints", "set_aside", "links", "products"),
    *("levels", "stock_changes", "stock_zeroed", "stock_doubtful", "reservations", "pushed", "marks"),
    "stock_unanswered",
)
SMALL = {"tally_all", "runs_all", "throttles_all", "facts_all", "warehouses_all", "warehouse_change_next"}
"""A handful of rows for ever: flows, states, operations, facts."""
BOUNDED = {"journal_expire", "links_count"}
"""Reads from the head of a table as many rows as it is told, see the test of its own."""
BY_INDEX = {
    "outbox_queue": "outbox_queue",
    "outbox_queue_of_group": "outbox_group",
    "outbox_due": "outbox_waiting",
    "outbox_next_due": "outbox_waiting",
    "outbox_oldest": "outbox_open",
    "outbox_oldest_busy": "outbox_busy",
    "outbox_backlog": "outbox_open",
    "outbox_backlog_busy": "outbox_busy",
    "outbox_nearest_deadline": "outbox_deadline",
    "outbox_group": "outbox_group",
    "outbox_group_flow": "outbox_group",
    "outbox_by_remote": "outbox_remote",
    "outbox_by_remote_id": "outbox_remote",
    "outbox_expire": "outbox_finished",
    "outbox_orphans": "outbox_busy",
    "outbox_dead_of_flow": "outbox_open",
    "outbox_dead_of_group": "outbox_group",
    "outbox_waiting_of_flow": "outbox_open",
    "exception_of_group_before": "exceptions_group",
    "journal_of_group": "journal_group",
    "journal_groups_of_key": "journal_key",
    "exceptions_of_group": "exceptions_group",
    "exceptions_expire": "exceptions_closed",
    "exceptions_open": "exceptions_open",
    "hints_waiting": "hints_waiting",
    "hints_waiting_count": "hints_waiting",
    "hints_waiting_kinds": "hints_waiting",
    "hints_put_away": "hints_waiting",
    "hints_expire": "hints_handled",
    "set_aside_expire": "set_aside_age",
    "outbox_late_count": "outbox_queue",
    "resync_again": "sqlite_autoindex_outbox_1",
    "resync_rolled_back": "sqlite_autoindex_outbox_1",
    "stock_looks_due": "stock_unanswered_looks",
    "resync_stretch": "links_alive",
    "levels_of_sku": "sqlite_autoindex_levels_1",
    "levels_unseen": "levels_sweep",
    "levels_missing_by_location": "levels_missing",
    "level_next_place": "levels_place",
    "levels_of_place": "levels_place",
    "level_lost_lately": "levels_missing",
    "stock_unweighed": "stock_changes_turn",
    "stock_to_stage": "stock_changes_turn",
    "stock_zeroed_count": "stock_zeroed_at",
    "reservations_of_sku": "reservations_sku",
    "reserved_units": "reservations_sku",
    "reservations_unexplained": "reservations_released",
    "pushed_since": "pushed_sku",
    "pushed_expire": "pushed_at",
    "links_by_seller_sku": "links_seller_sku",
    "links_by_product": "links_product",
    "products_unseen": "products_seen",
}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    found = Bench()
    for number in range(300):
        found.stage(change(f"k{number}"), wanted("a", State.HELD if number % 3 else State.READY, due_at_ms=1))
    found.wake()
    found.finish(found.claim_one(), Done("a", "r"))
    yield found
    found.connection.close()


def _plan(bench: Bench, name: str) -> list[str]:
    statement = SQL[name]
    named = sorted(set(re.findall(r":(\w+)", statement)))
    parameters = dict.fromkeys(named, 1) if named else [1] * statement.count("?")
    return [row[3] for row in bench.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize("name", sorted(set(SQL) - SMALL - BOUNDED))
def test_no_statement_reads_a_whole_table(bench: Bench, name: str) -> None:
    for step in _plan(bench, name):
        for table in (*GROWING, "candidate", "other"):
            assert not re.match(rf"SCAN {table}(?! USING (COVERING )?INDEX)", step), step


@pytest.mark.parametrize(("name", "index"), sorted(BY_INDEX.items()))
def test_the_statement_uses_the_index_made_for_it(bench: Bench, name: str, index: str) -> None:
    steps = _plan(bench, name)
    assert any(f"INDEX {index}" in step for step in steps), steps
    flow_alone = [step for step in steps if "sqlite_autoindex_outbox_1 (flow=?)" in step]
    assert not flow_alone, "all rows of a flow, finished ones too"


@pytest.mark.parametrize(
    "name", ["outbox_queue", "outbox_due", "outbox_backlog", "outbox_expire", "journal_of_group", "levels_of_place"]
)
def test_the_order_comes_from_the_index(bench: Bench, name: str) -> None:
    assert not [step for step in _plan(bench, name) if "TEMP B-TREE" in step]


def test_claiming_asks_for_busy_groups_by_index(bench: Bench) -> None:
    assert any("other" in step and "INDEX outbox_group (group_key=?)" in step for step in _plan(bench, "outbox_queue"))


def test_the_retention_of_the_journal_reads_the_oldest_lines_only(bench: Bench) -> None:
    """Many lines, none of them old: the statement must not go through them."""
    bench.connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "INSERT INTO journal (at_ms, flow, key, group_key, event, detail) SELECT 100 + i, 'f', 'k', 'g', 'e', '' FROM n"
    )
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    bench.connection.set_progress_handler(count, 100)
    bench.connection.execute(SQL["journal_expire"], (50, 500))
    bench.connection.set_progress_handler(None, 0)
    assert steps < 200, "hundreds of operations of the database's machine"


def test_a_name_is_used_once_and_comments_stay_out() -> None:
    text = "-- about it\n-- name: one\nSELECT 1;\n-- name: two\nSELECT\n    2;\n"
    assert read_statements(text) == {"one": "SELECT 1", "two": "SELECT\n    2"}
    with pytest.raises(ValueError, match="one is defined twice"):
        read_statements(text + "-- name: one\nSELECT 3;\n")


def test_the_statements_stay_in_the_dialect_of_two_databases() -> None:
    for name, statement in SQL.items():
        for word in ("INSERT OR", "REPLACE INTO", "IFNULL(", "datetime(", "strftime(", "rowid", "GLOB", "json_"):
            assert word.lower() not in statement.lower(), (name, word)
