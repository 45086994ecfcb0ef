"""What keeps a tracking number back for a while, by TikTok's rules or the owner's.

the hold            TikTok refuses every shipping call until it is over
a cancel from us    one that Pipe17 asked for is on its way: its units must not be shipped meanwhile
a buyer's request   ORDERS_CANCEL_RACE decides in the US: `hold` waits for the answer, `ship` ships, which makes
                    TikTok refuse the request. Elsewhere TikTok takes no tracking before the answer (contract 5.6)
"""

from __future__ import annotations

from datetime import timedelta

from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.cancellations import answer_due_ms
from daemon.core.holds import hold_of
from daemon.core.owed import Later
from daemon.core.reading import iso
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import TikTokOrder
from daemon.flows.canceller import CANCELLATIONS, FULFILLMENTS, ORDERS, under_way
from daemon.flows.flow import Attempt
from daemon.flows.shipping_calls import RECHECK, ShippingRules

LONG_RECHECK = timedelta(minutes=5)
"""What RECHECK is, while the timers of the hold still run: TikTok may release earlier than they say."""


class ShippingWaits:
    """Asked before every shipping call."""

    def __init__(self, tiktok: TikTok, clock: Clock, rules: ShippingRules) -> None:
        self._tiktok = tiktok
        self._clock = clock
        self._rules = rules

    async def of(self, attempt: Attempt, order: TikTokOrder) -> Later | None:
        """Why the tracking of this order waits; None: it may go."""
        now_ms = self._clock.now_ms()
        if order.status in ("ON_HOLD", "UNPAID"):
            ends_ms = hold_of(order, self._rules.hold, now_ms).ends_ms
            due_at_ms = (
                min(ends_ms, now_ms + milliseconds(LONG_RECHECK))
                if ends_ms > now_ms
                else now_ms + milliseconds(RECHECK)
            )
            return Later(due_at_ms, f"TikTok has the order {order.status}; tracking waits for its release")
        if order.cancelled:
            return None
        rows = [*await attempt.neighbours(CANCELLATIONS), *await attempt.neighbours(FULFILLMENTS)]
        if under_way(row for row in rows if row.id != attempt.row.id):
            text = "a cancel made in Pipe17 is on its way to TikTok; tracking waits until it is through"
            return Later(now_ms + milliseconds(RECHECK), text)
        if order.is_buyer_request_cancel:
            return await self._requested(attempt, order, now_ms)
        return None

    async def _requested(self, attempt: Attempt, order: TikTokOrder, now_ms: int) -> Later | None:
        region = (await self._tiktok.shop()).region
        if region == "US" and self._rules.ship_despite_cancel:
            text = "ORDERS_CANCEL_RACE is ship: with this shipment TikTok refuses the buyer's request to cancel"
            await attempt.note("shipped despite a cancel request", text)
            return None
        due_ms = await self._answer_due_ms(attempt, order, region)
        when = f"by {iso(due_ms)}, when TikTok grants it by itself" if due_ms is not None else "in Seller Center"
        does = "shipping would refuse it" if region == "US" else "TikTok takes no tracking number before the answer"
        text = f"the buyer asks to cancel and {does}; answer {when}, and the tracking goes or the order is cancelled"
        return Later(now_ms + milliseconds(RECHECK), text, code="cancel_requested")

    async def _answer_due_ms(self, attempt: Attempt, order: TikTokOrder, region: str) -> int | None:
        for row in await attempt.neighbours(ORDERS):
            told = row.payload.get("answer_due_ms")
            if told is not None:
                return int(told)
        return answer_due_ms(order, (), region)
