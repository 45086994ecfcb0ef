"""Puts the deadline of a buyer's open cancel request on the orders that have one.

An order says that its buyer asks to cancel, but not until when the seller must answer; that stands on the cancellation.
One search serves a whole page, and most pages need none. An order never waits for it: where the search is refused (the
grant may lack the scope) the deadline is worked out from the order.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.apis.tiktok.cancelling import ROWS
from daemon.apis.tiktok.client import TikTok
from daemon.core.cancellations import Cancellation, answer_due_ms
from daemon.core.reading import BadShape
from daemon.core.tiktok_order import read_order
from daemon.errors import ApiError

log = logging.getLogger("daemon.flows")

ANSWER_DUE = "answer_due_ms"
"""The member that we add to a record; TikTok has none of this name."""

_NO = (None, False, "", "0", 0, "false")


class BuyerRequests:
    """Knows the deadlines of one shop, with the priority of one lane."""

    def __init__(self, tiktok: TikTok) -> None:
        self._tiktok = tiktok

    async def told(self, orders: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The same orders, in the same order; those with an open request with its deadline."""
        asked = [str(raw.get("id")) for raw in orders if raw.get("is_buyer_request_cancel") not in _NO]
        if not asked:
            return list(orders)
        requests, region = await self._requests(list(dict.fromkeys(asked)))
        return [
            {**raw, ANSWER_DUE: _due_ms(raw, requests, region)} if str(raw.get("id")) in asked else raw
            for raw in orders
        ]

    async def _requests(self, order_ids: list[str]) -> tuple[list[Cancellation], str]:
        found: list[Cancellation] = []
        region = ""
        try:
            region = (await self._tiktok.shop()).region
            for start in range(0, len(order_ids), ROWS):
                found += await self._tiktok.cancelling.of_orders(order_ids[start : start + ROWS])
        except ApiError as error:
            log.warning("the deadlines of cancel requests cannot be read, they are worked out: %s", error)
        return found, region


def _due_ms(raw: Mapping[str, Any], requests: Sequence[Cancellation], region: str) -> int | None:
    try:
        order = read_order(raw)
    except BadShape:
        return None  # whoever decides about the order says so
    return answer_due_ms(order, [one for one in requests if one.order_id == order.id], region)
