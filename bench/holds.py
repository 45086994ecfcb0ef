"""How late an order leaves after its hold: from the end of the hold to the create at the simulated Pipe17.

The orders are known before, each ends its hold at an instant of its own, spread evenly; TikTok's payment times are
whole seconds, so they end in clumps at the full second. Each is read again from TikTok before it is created.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench import process
from bench.figures import Figure, Plan, folder, percentile, say
from bench.shop import open_shop

HOLD_MS = 60_000
GRACE_S = 60.0


def run(plan: Plan) -> list[Figure]:
    """Lateness in milliseconds; a negative one would be an order released early, and ends the bench."""
    p50, p99, worst = [], [], []
    for number in range(plan.runs):
        with folder() as where:
            late_ms = asyncio.run(_release(where, plan.of(1_000, 6), plan.of(8, 3), plan.of(20, 1)))
        assert min(late_ms) >= 0, "an order left before its hold was over"
        p50.append(percentile(late_ms, 0.5))
        p99.append(percentile(late_ms, 0.99))
        worst.append(max(late_ms))
        say(f"  run {number + 1}: p50 {p50[-1]:.0f} ms, p99 {p99[-1]:.0f} ms, longest {worst[-1]:.0f} ms")
    return [
        Figure("hold release lateness, p50", "ms", tuple(p50)),
        Figure("hold release lateness, p99", "ms", tuple(p99), "< 1,000"),
        Figure("hold release lateness, longest", "ms", tuple(worst)),
    ]


async def _release(where: Path, count: int, lead_s: int, over_s: int) -> list[float]:
    """Milliseconds of each order. The first hold ends in `lead_s` seconds, when the daemon has read all of them, the
    last one `over_s` later."""
    async with open_shop(on_hold=False) as shop:
        placed = [
            order_id
            for number in range(count)
            for order_id in shop.place_orders(1, ago_ms=HOLD_MS - lead_s * 1000 - over_s * 1000 * number // count)
        ]
        settings = {"ORDERS_SINCE": "1d", "ORDERS_HOLD": f"{HOLD_MS // 1000}s", "ORDERS_PULL_ON_HOLD": "false"}
        running = await process.start(where, shop.settings() | settings)
        try:
            end_s = time.monotonic() + over_s + GRACE_S
            while len(shop.pipe17.books.orders) < count:
                await asyncio.sleep(0.05)
                running.must_live()
                assert time.monotonic() < end_s, "orders are not released"
        finally:
            await running.stop()
        due_ms = {key: int(shop.tiktok.shown(key)["paid_time"]) * 1000 + HOLD_MS for key in placed}
        rows = shop.pipe17.books.orders
        return [float(row.created_ms - due_ms[str(row.document["extOrderId"])]) for row in rows]
