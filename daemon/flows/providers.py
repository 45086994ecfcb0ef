"""TikTok's shipping providers per delivery option, remembered for a day (contract 14 #17).

A carrier that is not on a remembered list is looked for once more on a fresh one, so a provider that TikTok added today
is found today.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.carriers import Provider

KEPT = timedelta(days=1)
FRESH = timedelta(minutes=5)


class Providers:
    """The provider lists."""

    def __init__(self, tiktok: TikTok, clock: Clock) -> None:
        self._tiktok = tiktok
        self._clock = clock
        self._lists: dict[tuple[str, str], tuple[float, Sequence[Provider]]] = {}

    async def of(self, delivery_option_id: str, buyer_region: str, *, fresh: bool = False) -> Sequence[Provider]:
        """The providers of a delivery option for a buyer's country; `fresh` asks for a list of this minute."""
        shop = await self._tiktok.shop()
        key, now_s = (delivery_option_id, buyer_region), self._clock.monotonic()
        known = self._lists.get(key)
        if known is not None and now_s - known[0] < (FRESH if fresh else KEPT).total_seconds():
            return known[1]
        providers = await self._tiktok.logistics.providers(
            delivery_option_id, warehouse_region=shop.region, buyer_region=buyer_region
        )
        self._lists[key] = (now_s, providers)
        return providers
