"""What claiming costs as the outbox grows: the same claim on 10^4, 10^5 and 10^6 rows.

Nine rows in ten are done, the rest wait for their hold; 64 of those are made ready. Measured is one transaction that
claims 64 rows, its commit included, and one that finds nothing to claim.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench.figures import Figure, Plan, folder, percentile, say
from bench.filled import DUE_MS, FLOW, HELD_EVERY, fill
from daemon.store import outbox
from daemon.store.database import Database, Tx

CLAIMED = 64
NOW_MS = 1_767_225_600_000


def run(plan: Plan) -> list[Figure]:
    """The median claim of every size, and how the largest compares with the smallest."""
    sizes = [plan.of(10_000, 1_000), plan.of(100_000, 2_000), plan.of(1_000_000, 4_000)]
    full: dict[int, list[float]] = {size: [] for size in sizes}
    empty: dict[int, list[float]] = {size: [] for size in sizes}
    with folder() as where:
        for size in sizes:
            fill(where / f"{size}.db", rows=size)
        for number in range(plan.runs):
            for size in sizes:
                found = asyncio.run(_claims(where / f"{size}.db", size, plan.of(100, 3)))
                full[size].append(found[0])
                empty[size].append(found[1])
            say(f"  run {number + 1}: " + ", ".join(f"{size:,} rows {full[size][-1]:.0f} us" for size in sizes))
    growth = tuple(last / first for first, last in zip(full[sizes[0]], full[sizes[-1]], strict=True))
    return [
        *(Figure(f"claim {CLAIMED} of {size:,} rows", "µs", tuple(full[size])) for size in sizes),
        *(Figure(f"find nothing among {size:,} rows", "µs", tuple(empty[size])) for size in sizes),
        Figure(f"{sizes[-1]:,} rows : {sizes[0]:,} rows", "times", growth, "about 1"),
    ]


async def _claims(path: Path, rows: int, times: int) -> tuple[float, float]:
    """Medians in microseconds: claiming `CLAIMED` rows, and finding none."""
    database = await Database.open(path)
    full: list[float] = []
    empty: list[float] = []
    for _ in range(times):
        await database.write(lambda tx: _set(tx, rows, "ready"))
        started_s = time.perf_counter()
        claimed = await database.write(lambda tx: outbox.claim(tx, FLOW, CLAIMED, NOW_MS))
        full.append(time.perf_counter() - started_s)
        assert len(claimed) == CLAIMED
        started_s = time.perf_counter()
        assert not await database.write(lambda tx: outbox.claim(tx, FLOW, CLAIMED, NOW_MS))
        empty.append(time.perf_counter() - started_s)
        await database.write(lambda tx: _set(tx, rows, "held"))
    await database.aclose()
    return percentile(full, 0.5) * 1e6, percentile(empty, 0.5) * 1e6


def _set(tx: Tx, rows: int, state: str) -> None:
    """Put `CLAIMED` held rows, spread over the whole store, into the queue, or back."""
    ready = state == "ready"
    for number in range(CLAIMED):
        row_id = (rows * number // CLAIMED) // HELD_EVERY * HELD_EVERY + HELD_EVERY
        tx._connection.execute(
            "UPDATE outbox SET state = ?, queued = ?, busy = 0, due_at_ms = ? WHERE id = ?",
            (state, int(ready), None if ready else DUE_MS, row_id),
        )
