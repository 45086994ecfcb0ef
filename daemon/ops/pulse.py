"""Is the process alive? The loop turns and the store's writer answers; nothing else counts.

`Pulse` samples how late the loop wakes, and feeds systemd's watchdog only after a transaction made the round trip to
the writer. A writer that answers with an error (a full disk) is alive: a restart would not help, and `/readyz`, the log
and the exceptions say what is wrong. It also gives tokens that were got meanwhile to the log's last defence.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import anyio

from daemon.errors import StoreClosed, StoreError
from daemon.ops.metrics import Metrics
from daemon.ops.systemd import Notifier
from daemon.store.database import Database

SAMPLE_EVERY_S = 1.0
WRITER_ANSWERS_WITHIN = timedelta(seconds=5)


async def writer_answers(database: Database, within: timedelta = WRITER_ANSWERS_WITHIN) -> bool:
    """Whether an empty transaction comes back from the writer in time."""
    with anyio.move_on_after(within.total_seconds()):
        try:
            await database.write(lambda tx: None)
        except StoreClosed:
            return False
        except StoreError:
            return True
        return True
    return False


class Pulse:
    """The loop of it. `tell` is called once per sample, for what must be kept up to date cheaply."""

    def __init__(self, database: Database, metrics: Metrics, notifier: Notifier, tell: Callable[[], None]) -> None:
        self._database = database
        self._metrics = metrics
        self._notifier = notifier
        self._tell = tell

    async def run(self) -> None:
        """Forever."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._sample)
            every = self._notifier.watchdog_every
            if every is not None:
                group.start_soon(self._feed, every)

    async def _sample(self) -> None:
        while True:
            started_s = time.monotonic()
            await anyio.sleep(SAMPLE_EVERY_S)
            self._metrics.loop_lag(time.monotonic() - started_s - SAMPLE_EVERY_S)
            self._tell()

    async def _feed(self, every: timedelta) -> None:
        while True:
            if await writer_answers(self._database, every):
                self._notifier.alive()
            await anyio.sleep(every.total_seconds())
