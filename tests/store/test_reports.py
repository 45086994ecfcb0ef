"""What people are shown: status, backlog, exceptions and trace, over a connection that cannot write."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_bench import NOW_MS

from daemon.core.lifecycle import State
from daemon.errors import StoreError
from daemon.store import reports
from daemon.store.database import Database
from daemon.store.reader import Reader
from daemon.store.sql import SQL
from daemon.store.trace import trace

DUMP = sorted((Path(__file__).parent / "released").glob("*.sql"))[-1]


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    """Over the store of released/make.py: one order in every state, a fulfillment of the order `done`."""
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.executescript(DUMP.read_text(encoding="utf-8"))
    connection.close()
    database = await Database.open(tmp_path / "store.db", inline=True, durable=False)
    opened = await Reader.open(tmp_path / "store.db")
    yield opened
    await opened.aclose()
    await database.aclose()


async def test_status_shows_where_everything_stands(reader: Reader) -> None:
    status = await reports.status(reader, NOW_MS + 1_000)
    orders, fulfillments = status["flows"]["orders"], status["flows"]["fulfillments"]
    assert orders["backlog"] == {"held": 1, "sending": 1, "unknown": 1, "dead": 1}
    assert (orders["done"], orders["dropped"], status["orders_on_hold"]) == (1, 1, 1)
    assert orders["oldest_ms"] == {"held": 1_000, "sending": 1_000, "unknown": 1_000, "dead": 1_005}
    assert (orders["last_success_at_ms"], orders["failing_since_ms"]) == (NOW_MS, None)
    assert (fulfillments["failing_since_ms"], fulfillments["problem"]) == (NOW_MS, "no answer")
    assert fulfillments["backlog"] == {"ready": 1}
    assert status["exceptions"] == [
        {"flow": "orders", "code": "bad_sku", "open": 1},
        {"flow": "orders", "code": "further_numbers", "open": 1},
    ]
    assert status["pipe17_integration"] == "b7712ce05d9f3a48"
    assert status["store_bytes"] > 0
    assert orders["nearest_deadline_at_ms"] == NOW_MS + 1


async def test_the_backlog_lists_what_is_owed_and_why(reader: Reader) -> None:
    rows = await reports.backlog(reader, 100)
    assert {(row["flow"], row["key"]) for row in rows} == {
        ("orders", "held"), ("orders", "sending"), ("orders", "unknown"), ("orders", "dead"), ("fulfillments", "ready"),
    }  # fmt: skip
    held = next(row for row in rows if row["key"] == "held")
    assert (held["reason"], held["due_at_ms"], held["state"]) == ("hold_window", NOW_MS + 60_000, "held")
    assert [row["key"] for row in await reports.backlog(reader, 100, "fulfillments")] == ["ready"]
    assert len(await reports.backlog(reader, 2)) == 2
    assert await reports.backlog(reader, 0) == []


async def test_exceptions_tell_when_they_are_tried_again(reader: Reader) -> None:
    rows = {row["code"]: row for row in await reports.exceptions(reader, 100)}
    assert (rows["bad_sku"]["state"], rows["bad_sku"]["detail"]) == ("dead", "no such SKU")
    assert (rows["further_numbers"]["state"], rows["further_numbers"]["next_attempt_at_ms"]) == ("done", None)
    assert await reports.exceptions(reader, 100, "fulfillments") == []
    assert len(await reports.exceptions(reader, 1, "orders")) == 1


@pytest.mark.parametrize("subject", ["done", "3f0c9a41d27be860"], ids=["order", "pipe17_order"])
async def test_trace_finds_an_order_by_its_ids(reader: Reader, subject: str) -> None:
    found = await trace(reader, subject)
    assert found is not None
    assert found["subject"] == "done"
    assert [(row["flow"], row["key"]) for row in found["records"]] == [("orders", "done"), ("fulfillments", "ready")]
    assert [row["code"] for row in found["exceptions"]] == ["further_numbers"]
    assert [line["event"] for line in found["timeline"]] == ["wanted"]
    assert found["records"][0]["result"] == {}, "documents hold addresses and are not shown"


async def test_trace_finds_the_order_of_a_fulfillment_without_a_line_in_the_journal(reader: Reader) -> None:
    found = await trace(reader, "ready")
    assert found is not None
    assert found["subject"] == "done"


async def test_trace_of_nobody_is_nothing(reader: Reader) -> None:
    assert await trace(reader, "nobody") is None
    assert await trace(reader, "") is None


async def test_oldest_and_deadline_of_a_flow_without_rows(reader: Reader) -> None:
    assert await reports.oldest(reader, "returns", State.READY) is None
    assert await reports.oldest(reader, "returns", State.SENDING) is None
    assert await reports.nearest_deadline(reader, "returns") is None


async def test_the_reader_cannot_write(reader: Reader) -> None:
    for name in ("fact_set", "outbox_claim", "token_drop"):
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await reader.rows(name, ["1"] * SQL[name].count("?"))


async def test_there_must_be_a_store_to_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        await Reader.open(tmp_path / "none.db")
    (tmp_path / "junk.db").write_bytes(b"junk" * 4000)
    with pytest.raises(StoreError, match="cannot be read"):
        await Reader.open(tmp_path / "junk.db")
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(StoreError, match="not a store of tiktok-pipe17"):
        await Reader.open(tmp_path / "other.db")
