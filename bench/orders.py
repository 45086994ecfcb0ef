"""Orders a second from TikTok to Pipe17, end to end: the real daemon, real sockets, a real disk.

A fresh store; 3,000 orders wait at the simulated TikTok Shop, an hour past their hold. Measured is from the daemon's
READY to the last order created at the simulated Pipe17; the CPU time to the last external reference at TikTok. Each
order is searched, read again before it is released, created, and committed at every step. Both services run in this
process, in one thread; with two cores they and the daemon have one each, and either may be the slower one: their CPU
time is given beside the daemon's.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from bench import process
from bench.figures import Figure, Plan, folder, say
from bench.shop import open_shop

HOUR_MS = 3_600_000
LONGEST_S = 300.0


def run(plan: Plan) -> list[Figure]:
    """Speed, and the CPU time of both processes."""
    results = []
    for number in range(plan.runs):
        with folder() as where:
            results.append(asyncio.run(_orders(where, plan.of(3_000, 20))))
        rate, daemon_ms, services_ms = results[-1]
        say(f"  run {number + 1}: {rate:.0f} orders/s, CPU {daemon_ms:.2f} ms (daemon) {services_ms:.2f} ms (services)")
    rates, daemon_ms_each, services_ms_each = zip(*results, strict=True)
    return [
        Figure("orders, end to end", "orders/s", rates, ">= 300"),
        Figure("CPU of the daemon", "ms an order", daemon_ms_each, "<= 3"),
        Figure("CPU of both simulated services", "ms an order", services_ms_each),
    ]


async def _orders(where: Path, count: int) -> tuple[float, float, float]:
    """(orders a second, CPU milliseconds of the daemon per order, the same of the services)."""
    async with open_shop() as shop:
        placed = set(shop.place_orders(count, ago_ms=2 * HOUR_MS))
        profile = os.environ.get("BENCH_PROFILE")
        running = await process.start(
            where, shop.settings() | {"ORDERS_SINCE": "1d"}, profile=Path(profile) if profile else None
        )
        try:
            ready_s, cpu_s, services_s = time.monotonic(), running.cpu_s(), time.process_time()
            while len(shop.pipe17.books.orders) < count:
                await asyncio.sleep(0.01)
                running.must_live()
                assert time.monotonic() - ready_s < LONGEST_S, "the daemon does not create the orders"
            took_s = time.monotonic() - ready_s
            # what follows an order is its cost, too: Pipe17's ids, written to TikTok some seconds later
            while len(shop.tiktok.external.of_order) < count:
                await asyncio.sleep(0.2)
                running.must_live()
                assert time.monotonic() - ready_s < LONGEST_S, "the daemon does not write the references"
            services_s, cpu_s = time.process_time() - services_s, running.cpu_s() - cpu_s
        finally:
            await running.stop()
        assert {row.document["extOrderId"] for row in shop.pipe17.books.orders} == placed
        assert all(row.document["status"] != "onHold" for row in shop.pipe17.books.orders)
    return count / took_s, cpu_s / count * 1000, services_s / count * 1000
