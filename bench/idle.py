"""What the daemon costs while nothing happens: resident memory after half a minute, and CPU over the half minute after.

All flows are on and polled at their default pace (once a minute); the simulated services have no orders.
"""

from __future__ import annotations

import asyncio
import time

from bench import process
from bench.figures import Figure, Plan, folder, say
from bench.shop import open_shop


def run(plan: Plan) -> list[Figure]:
    """Memory and CPU; two runs are enough for what hardly varies."""
    measured = []
    for number in range(min(plan.runs, 2)):
        measured.append(asyncio.run(_idle(plan.of(30, 1), plan.of(60, 1))))
        say(f"  run {number + 1}: {measured[-1][0]:.1f} MB, {measured[-1][1]:.2f} % CPU")
    return [
        Figure("idle: resident memory", "MB", tuple(one[0] for one in measured), "<= 75"),
        Figure("idle: CPU", "% of a core", tuple(one[1] for one in measured), "< 1"),
    ]


async def _idle(settle_s: float, watch_s: float) -> tuple[float, float]:
    with folder() as where:
        async with open_shop() as shop:
            running = await process.start(where, shop.settings())
            try:
                await asyncio.sleep(settle_s)
                rss_mb, cpu_s, started_s = running.rss_mb(), running.cpu_s(), time.monotonic()
                await asyncio.sleep(watch_s)
                return rss_mb, (running.cpu_s() - cpu_s) / (time.monotonic() - started_s) * 100
            finally:
                await running.stop()
