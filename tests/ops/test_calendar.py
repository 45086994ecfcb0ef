"""The night's work: at its time, once, and a failure stops neither the calendar nor the daemon."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from daemon.errors import StoreError
from daemon.ops.calendar import Job, keep, perform
from daemon.store import journal
from daemon.store.database import Database, size_of


async def test_a_job_runs_at_its_time() -> None:
    ran = anyio.Event()

    async def work() -> None:
        ran.set()

    soon = (datetime.now(UTC) + timedelta(seconds=1)).time().replace(microsecond=0)
    async with anyio.create_task_group() as group:
        group.start_soon(keep, [Job("test", soon, work)], UTC)
        with anyio.fail_after(5):
            await ran.wait()
        group.cancel_scope.cancel()
    await asyncio.sleep(0)


@pytest.mark.parametrize("error", [StoreError("the disk is full"), ValueError("a bug")])
async def test_a_failure_is_logged_and_goes_no_further(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "daemon.calendar")

    async def work() -> None:
        raise error

    assert not await perform(Job("checkpoint", datetime.now(UTC).time(), work))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "checkpoint" in record.getMessage()


async def test_the_checkpoint_empties_the_log_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "connector.db"
    database = await Database.open(path)
    try:
        for number in range(200):
            line = "x" * 400
            await database.write(lambda tx, n=number, t=line: journal.note(tx, "orders", str(n), "g", "wanted", t, n))
        log = Path(f"{path}-wal")
        assert size_of(log) > 100_000
        assert await perform(Job("checkpoint", datetime.now(UTC).time(), database.checkpoint))
        assert size_of(log) == 0
        assert len(await database.write(lambda tx: tx.all("journal_of_group", ("g", 1_000)))) == 200
    finally:
        await database.aclose()
