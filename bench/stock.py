"""Stock: a resync of the whole catalogue, orders beside it, and what one change costs in a small and a large one.

The store is made beforehand, as products, locations and a first reading would have left it: every SKU linked, its
level known and accepted by TikTok. Then the real daemon runs on it, over real sockets, with a budget that is set. The
resync is asked for by a restart (INVENTORY_RESYNC_ON_START). Measured are

    enqueued   from READY until every SKU is in the queue; Pipe17 is read first, page by page, which is shown apart
    drained    calls a second that TikTok sees while the queue is emptied, against the budget
    orders     with twenty new ones a second meanwhile: from TikTok's update until Pipe17 has it
    one        a level moves, a webhook says so: until TikTok has it, and the daemon's CPU for it
    memory     of the daemon while all this goes on, single changes with five locations to a SKU
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from bench import process
from bench.figures import Figure, Plan, folder, percentile, say
from bench.shelves import ON_HAND, fill, names, open_shelves
from bench.shop import Shop, open_shop
from daemon.apis.http import HttpxTransport, Request, Response

SKUS, FEW, LOCATIONS = 100_000, 1_000, 5
PER_SECOND = 100
"""Calls to TikTok's stock endpoint a second that the daemon may make: twice what TikTok allows a real shop."""
ORDERS_PER_SECOND = 20
WATCHED_S = 30.0
"""How long the draining and the orders are looked at."""
SETTLE_S = 2.0
"""Before changes are measured: what a start does is over."""
CHANGES = 200
PUBLIC = "http://localhost:1"
LONGEST_S = 300.0


def run(plan: Plan) -> list[Figure]:
    """Everything above; the large catalogue takes minutes."""
    many, few = plan.of(SKUS, 400), plan.of(FEW, 20)
    watched_s, settle_s = (0.5, 0.1) if plan.small else (WATCHED_S, SETTLE_S)
    series: list[list[float]] = [[] for _ in range(8)]
    read, enqueued, drained, late, rss, moved, cpu_many, ratio = series
    for number in range(plan.runs):
        with folder() as where:
            resync = asyncio.run(_resync(where, many, watched_s))
        with folder() as where:
            large = asyncio.run(_one_change(where, many, plan.of(CHANGES, 3), settle_s))
        with folder() as where:
            small = asyncio.run(_one_change(where, few, plan.of(CHANGES, 3), settle_s))
        read.append(resync.read_s)
        enqueued.append(resync.enqueued_s)
        drained.append(resync.per_second)
        late.append(percentile(resync.orders_s, 0.99))
        rss.append(max(resync.rss_mb, large.rss_mb))
        moved.append(percentile(large.took_s, 0.99))
        cpu_many.append(large.cpu_ms)
        ratio.append(large.cpu_ms / small.cpu_ms)
        say(f"  run {number + 1}: read {read[-1]:.1f} s, enqueued {enqueued[-1]:.1f} s, drained at {drained[-1]:.1f}/s")
        say(f"    orders p99 {late[-1]:.2f} s, one change p99 {moved[-1]:.2f} s, {rss[-1]:.0f} MB")
        say(f"    CPU for one change {large.cpu_ms:.1f} ms, {small.cpu_ms:.1f} ms in the small catalogue")
    return [
        Figure(f"resync of {many} SKUs enqueued", "s", tuple(enqueued), "< 15"),
        Figure("of that, reading Pipe17", "s", tuple(read)),
        Figure(f"drained at a budget of {PER_SECOND}/s", "calls/s", tuple(drained), "98 to 102"),
        Figure(f"order to Pipe17 meanwhile, p99 at {ORDERS_PER_SECOND}/s", "s", tuple(late), "< 5"),
        Figure("one change to TikTok after a webhook, p99", "s", tuple(moved), "< 2"),
        Figure(f"CPU for one change, {many} SKUs", "ms", tuple(cpu_many)),
        Figure(f"the same against {few} SKUs", "times", tuple(ratio), "<= 1.2"),
        Figure("memory of the daemon", "MB", tuple(rss), "<= 150"),
    ]


class _Resynced:
    """What one resync came to."""

    def __init__(self) -> None:
        self.read_s = 0.0
        self.enqueued_s = 0.0
        self.per_second = 0.0
        self.orders_s: list[float] = []
        self.rss_mb = 0.0


class _Moved:
    """What single changes came to."""

    def __init__(self) -> None:
        self.took_s: list[float] = []
        self.cpu_ms = 0.0
        self.rss_mb = 0.0


async def _resync(where: Path, skus: int, watched_s: float) -> _Resynced:
    found = _Resynced()
    async with open_shop(on_hold=False, hold_ms=0) as shop:
        fill(where / "connector.db", shop, skus, open_shelves(shop, skus, shown=names(skus), locations=1))
        settings = shop.settings() | {
            "TIKTOK_REQUESTS_PER_SECOND": str(PER_SECOND),
            "ORDERS_HOLD": "0s",
            "ORDERS_EVERY": "1s",
            "PRODUCTS": "off",
            "LOCATIONS": "off",
        }
        running = await process.start(where, settings)
        try:
            begun_s = time.monotonic()
            while (phase := await _phase(running)) not in ("sending", "done"):
                if phase in ("", "reading"):
                    found.read_s = time.monotonic() - begun_s
                assert time.monotonic() - begun_s < LONGEST_S, "the resync is not enqueued"
                await asyncio.sleep(0.1)
                running.must_live()
            found.enqueued_s = time.monotonic() - begun_s
            await asyncio.sleep(min(watched_s, 1))
            stock = shop.tiktok.stock
            before, since_s = len(stock.pushed), time.monotonic()
            orders = asyncio.create_task(_orders(shop, watched_s))
            await asyncio.sleep(watched_s)
            found.per_second = (len(stock.pushed) - before) / (time.monotonic() - since_s)
            found.orders_s = await orders
            found.rss_mb = running.rss_mb()
        finally:
            await running.stop()
    return found


async def _orders(shop: Shop, seconds: float) -> list[float]:
    """Place orders at a fixed pace; how long each took to be in Pipe17."""
    placed: dict[str, float] = {}
    took: dict[str, float] = {}
    begun_s = time.monotonic()
    for number in range(round(seconds * ORDERS_PER_SECOND)):
        await asyncio.sleep(max(begun_s + number / ORDERS_PER_SECOND - time.monotonic(), 0))
        placed[shop.place_orders(1)[0]] = time.monotonic()
        _arrived(shop, placed, took)
    end_s = time.monotonic() + 30
    while len(took) < len(placed) and time.monotonic() < end_s:
        await asyncio.sleep(0.02)
        _arrived(shop, placed, took)
    return [took.get(order_id, 30.0) for order_id in placed]


def _arrived(shop: Shop, placed: dict[str, float], took: dict[str, float]) -> None:
    now_s = time.monotonic()
    for order_id in placed.keys() - took.keys():
        if shop.pipe17.books.own_order(order_id, shop.pipe17.options.integration) is not None:
            took[order_id] = now_s - placed[order_id]


async def _one_change(where: Path, skus: int, changes: int, settle_s: float) -> _Moved:
    found = _Moved()
    moved = names(skus)[:: skus // changes][:changes]
    async with open_shop() as shop:
        fill(where / "connector.db", shop, skus, open_shelves(shop, skus, shown=moved, locations=LOCATIONS))
        quiet = {"INVENTORY_RESYNC_ON_START": "false", "INVENTORY_EVERY": "1h", "PRODUCTS": "off", "LOCATIONS": "off"}
        running = await process.start(where, shop.settings() | quiet | {"CONNECTOR_PUBLIC_URL": PUBLIC})
        post = asyncio.create_task(_post(shop, running))
        try:
            end_s = time.monotonic() + 60
            while not shop.pipe17.hooks.registered or (await _get(running, "/readyz")).status != 200:
                assert time.monotonic() < end_s, "the webhook is not registered"
                await asyncio.sleep(0.1)
            await asyncio.sleep(settle_s)
            cpu_s = running.cpu_s()
            for sku in moved:
                took_s, begun_s = 0.0, time.monotonic()
                shop.pipe17.keeper.add_stock(sku, ON_HAND - 3)
                sold = shop.tiktok.catalogue.by_seller_sku(sku)[0]
                while sold.total_available != ON_HAND * LOCATIONS - 3:
                    await asyncio.sleep(0.005)
                    took_s = time.monotonic() - begun_s
                    assert took_s < 30, "the change does not arrive"
                found.took_s.append(took_s)
            found.cpu_ms = (running.cpu_s() - cpu_s) * 1000 / changes
            found.rss_mb = running.rss_mb()
        finally:
            post.cancel()
            await running.stop()
    return found


async def _post(shop: Shop, running: process.Measured) -> None:
    """Carry Pipe17's webhooks to the daemon, whatever public address they were registered with."""
    http = HttpxTransport(trust_env=False)
    try:
        while True:
            for item in shop.pipe17.deliveries_due(shop.clock.now_ms()):
                url = running.url + item.url.removeprefix(PUBLIC)
                answer = await http.send(Request("POST", url, item.headers, item.body, 3.0))
                shop.pipe17.delivery_result(item.id, answer.status == 200)
            await asyncio.sleep(0.005)
    finally:
        await http.aclose()


async def _phase(running: process.Measured) -> str:
    """Where the resync stands, as `status` shows it."""
    known = json.loads((await _get(running, "/api/status")).body)
    return str((known.get("resync") or {}).get("phase", ""))


async def _get(running: process.Measured, path: str) -> Response:
    http = HttpxTransport(trust_env=False)
    try:
        return await http.send(Request("GET", running.url + path, {}, None, 10.0))
    finally:
        await http.aclose()
