"""Both simulated services on loopback in this process, with orders past their hold, for a daemon in another."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from daemon.clock import SystemClock
from daemon.sandbox.pipe17 import Pipe17Options, Pipe17Sandbox
from daemon.sandbox.serve import Served, serve_sandbox
from daemon.sandbox.tiktok import TikTokOptions, TikTokSandbox

SKUS = ("SKU-A", "SKU-B", "SKU-C")


class MovedClock(SystemClock):
    """The host's clock, moved; orders are placed in the past with it."""

    def __init__(self) -> None:
        super().__init__()
        self.moved_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.moved_ms


@dataclass(slots=True)
class Shop:
    """Both sides, listening."""

    clock: MovedClock
    tiktok: TikTokSandbox
    pipe17: Pipe17Sandbox
    served: Served
    rng: random.Random

    def place_orders(self, count: int, *, ago_ms: int = 0) -> list[str]:
        """`count` paid orders of one to three units, placed so long ago."""
        self.clock.moved_ms = -ago_ms
        placed = [self.tiktok.place_order(self.rng.choices(SKUS, k=self.rng.randint(1, 3))) for _ in range(count)]
        self.clock.moved_ms = 0
        return placed

    def settings(self) -> dict[str, str]:
        """What a daemon needs to work between them, at full speed."""
        return {
            "TIKTOK_APP_KEY": self.tiktok.options.app_key,
            "TIKTOK_APP_SECRET": self.tiktok.options.app_secret,
            "TIKTOK_REFRESH_TOKEN": str(self.tiktok.tokens()["refresh_token"]),
            "TIKTOK_API_URL": self.served.tiktok_url,
            "TIKTOK_AUTH_URL": self.served.tiktok_url,
            "TIKTOK_REQUESTS_PER_SECOND": "10000",
            "PIPE17_API_KEY": self.pipe17.options.api_key,
            "PIPE17_API_URL": self.served.pipe17_url + self.pipe17.options.base_path,
            "PIPE17_REQUESTS_PER_SECOND": "10000",
            "FULFILLMENTS_FALLBACK_CARRIER": "USPS",
        }


@asynccontextmanager
async def open_shop(**options: int | bool | None) -> AsyncIterator[Shop]:
    """Friendly services: no limits, no lag, nothing repeated. `options` are TikTok's beyond that."""
    clock, rng = MovedClock(), random.Random(17)
    friendly = TikTokOptions(
        requests_per_second=None,
        index_lag_ms=0,
        repeat_rows=0.0,
        restless_rows=0.0,
        strict_webhook_address=False,
    )
    for name, value in options.items():
        setattr(friendly, name, value)
    tiktok = TikTokSandbox(clock, random.Random(1), options=friendly)
    pipe17 = Pipe17Sandbox(clock, random.Random(2), options=Pipe17Options(record_bodies=False))
    served = await serve_sandbox(tiktok, pipe17, clock=clock, webhooks=False)
    try:
        yield Shop(clock, tiktok, pipe17, served, rng)
    finally:
        await served.aclose()
