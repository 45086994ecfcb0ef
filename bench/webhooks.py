"""How long TikTok waits for its 200, which is given only when the notification is on disk, at 500 a second.

Notifications are sent on a fixed timetable, whatever became of those before, and each is timed from the instant it was
due: a daemon that stalls is charged for everybody who had to wait. They are signed and all different, and name orders
that exist, so the daemon reads those at the same time, as it does in life.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from pathlib import Path

from bench import process
from bench.figures import Figure, Plan, folder, percentile, say
from bench.shop import Shop, open_shop

PER_SECOND = 500
LINES = 64
"""Connections that the notifications come in on, kept open."""


def run(plan: Plan) -> list[Figure]:
    """Latencies in milliseconds."""
    p50, p99, worst = [], [], []
    for number in range(plan.runs):
        with folder() as where:
            took_ms = asyncio.run(_deliver(where, plan.of(10 * PER_SECOND, 20), plan.of(200, 2)))
        p50.append(percentile(took_ms, 0.5))
        p99.append(percentile(took_ms, 0.99))
        worst.append(max(took_ms))
        say(f"  run {number + 1}: p50 {p50[-1]:.1f} ms, p99 {p99[-1]:.1f} ms, longest {worst[-1]:.1f} ms")
    return [
        Figure(f"webhook to durable 200, p50 at {PER_SECOND}/s", "ms", tuple(p50)),
        Figure(f"webhook to durable 200, p99 at {PER_SECOND}/s", "ms", tuple(p99), "< 50"),
        Figure(f"webhook to durable 200, longest at {PER_SECOND}/s", "ms", tuple(worst)),
    ]


async def _deliver(where: Path, count: int, orders: int) -> list[float]:
    async with open_shop(on_hold=False) as shop:
        placed = shop.place_orders(orders)
        running = await process.start(where, shop.settings())
        try:
            await asyncio.sleep(1)
            lines: asyncio.Queue[_Line] = asyncio.Queue()
            for _ in range(min(LINES, count)):
                lines.put_nowait(await _Line.open(running.port))
            bodies = [_notification(number, placed[number % orders], shop) for number in range(count)]
            begun_s = time.perf_counter() + 0.1
            took_ms = await asyncio.gather(
                *(_one(lines, body, shop, begun_s + number / PER_SECOND) for number, body in enumerate(bodies))
            )
            while not lines.empty():
                await lines.get_nowait().aclose()
        finally:
            await running.stop()
    return list(took_ms)


async def _one(lines: asyncio.Queue[_Line], body: bytes, shop: Shop, due_s: float) -> float:
    await asyncio.sleep(due_s - time.perf_counter())
    line = await lines.get()
    status = await line.post("/webhooks/tiktok", body, _sign(shop, body))
    took_ms = (time.perf_counter() - due_s) * 1000
    lines.put_nowait(line)
    assert status == 200, status
    return took_ms


def _notification(number: int, order_id: str, shop: Shop) -> bytes:
    second = int(time.time())
    data = {"order_id": order_id, "order_status": "AWAITING_SHIPMENT", "is_on_hold_order": False, "update_time": second}
    return json.dumps(
        {
            "type": 1,
            "tts_notification_id": str(7_588_000_000_000_000_000 + number),
            "shop_id": shop.tiktok.options.shop_id,
            "timestamp": second,
            "data": data,
        }
    ).encode()


def _sign(shop: Shop, body: bytes) -> str:
    options = shop.tiktok.options
    return hmac.new(options.app_secret.encode(), options.app_key.encode() + body, hashlib.sha256).hexdigest()


class _Line:
    """A kept connection; as little work per request as possible, because it runs beside the simulated services."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> _Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, body: bytes, signature: str) -> int:
        """The status of the answer; its body is read and thrown away."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"authorization: {signature}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for row in answer.lower().split(b"\r\n"):
            if row.startswith(b"content-length:"):
                length = int(row.partition(b":")[2])
        await self._reader.readexactly(length)
        return int(answer.split(b" ", 2)[1])

    async def aclose(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()
