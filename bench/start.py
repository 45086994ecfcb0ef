"""From the start of the process to READY=1 with a million rows in the store, and what the daemon then weighs.

The store has 900,000 rows that are done and 100,000 that wait for a hold far in the future (filled.py). Everything from
`python -m daemon run` counts: the interpreter, the imports, the migrations, the lock, the loops, the web server.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench import process
from bench.figures import Figure, Plan, folder, say
from bench.filled import fill
from bench.shop import open_shop


def run(plan: Plan) -> list[Figure]:
    """READY with a full and with an empty store, memory with the full one, and the time SIGTERM takes."""
    rows = plan.of(1_000_000, 1_000)
    with folder() as where:
        (where / "full").mkdir()
        fill(where / "full" / "connector.db", rows=rows)
        (where / "empty").mkdir()
        full, empty = [], []
        for number in range(plan.runs):
            full.append(asyncio.run(_start(where / "full", plan.of(10, 0))))
            empty.append(asyncio.run(_start(where / "empty", 0)))
            ready_s, rss_mb, stop_s = full[-1]
            told = f"READY {ready_s:.2f} s (empty {empty[-1][0]:.2f}), {rss_mb:.0f} MB, stop {stop_s:.2f} s"
            say(f"  run {number + 1}: {told}")
    return [
        Figure(f"READY with {rows:,} rows", "s", tuple(one[0] for one in full), "< 3"),
        Figure("READY with an empty store", "s", tuple(one[0] for one in empty)),
        Figure(f"resident memory with {rows:,} rows", "MB", tuple(one[1] for one in full), "<= 150"),
        Figure("SIGTERM to exit", "s", tuple(one[2] for one in full), "< 20"),
    ]


async def _start(where: Path, settled_s: float) -> tuple[float, float, float]:
    """(seconds to READY, megabytes `settled_s` later, seconds from SIGTERM to the end)."""
    async with open_shop() as shop:
        running = await process.start(where, shop.settings())
        try:
            await asyncio.sleep(settled_s)
            rss_mb = running.rss_mb()
        finally:
            stop_s = await running.stop()
    return running.ready_s, rss_mb, stop_s
