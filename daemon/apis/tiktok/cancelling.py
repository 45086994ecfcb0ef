"""TikTok's calls about cancellations: the seller's own, and the buyer's requests that wait for an answer.

Typed calls in, `core.cancellations` out; errors are `ApiError` with a verdict. A search is about a few orders and is
read to its end: it never looks complete when it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.apis.tiktok.session import Session
from daemon.core.cancel_reasons import Eligibility, read_eligibility
from daemon.core.cancellations import Cancellation, read_cancellation
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, record, records, required_text, text

ROWS = 50
"""Rows of one page, and orders named in one search."""
MOST_PAGES = 20
"""More pages than the cancellations of `ROWS` orders can fill."""


class Cancelling:
    """The cancellations of one shop, with the priority of one lane."""

    __slots__ = ("_lane", "_session")

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    async def of_orders(self, order_ids: Sequence[str]) -> list[Cancellation]:
        """Every cancellation of these orders (at most `ROWS`), newest first, whatever became of it."""
        if len(order_ids) > ROWS:
            raise ValueError(f"{len(order_ids)} orders in one search, {ROWS} are allowed")
        found: list[Cancellation] = []
        asked, token = {"order_ids": list(order_ids)}, ""
        for _ in range(MOST_PAGES):
            params = {"page_size": str(ROWS), "sort_field": "create_time", "sort_order": "DESC"}
            if token:
                params["page_token"] = token
            data = await self._session.call("cancellations.search", self._lane, params=params, body=lambda _: asked)
            try:
                page = record(data, "data")
                found += [read_cancellation(row) for row in records(page, "cancellations")]
                token = text(page, "next_page_token")
            except BadShape as shape:
                raise self._session.misshapen("cancellations.search", shape) from None
            if not token:
                return found
        raise self._session.misshapen("cancellations.search", BadShape("next_page_token", "does not end"))

    async def eligibility(self, order_id: str) -> Eligibility:
        """What the seller may cancel of an order now, and why."""
        params = {"initiate_aftersale_user": "SELLER", "request_types": "CANCEL"}
        ids = {"order_id": order_id}
        data = await self._session.call("cancellations.eligibility", self._lane, ids=ids, params=params)
        try:
            return read_eligibility(record(data, "data"))
        except BadShape as shape:
            raise self._session.misshapen("cancellations.eligibility", shape) from None

    async def cancel(self, order_id: str, reason: str, unit_ids: Sequence[str]) -> str:
        """Cancel these units, or the whole order when none is named; the id of the cancellation."""
        wanted: dict[str, Any] = {"order_id": order_id, "cancel_reason": reason}
        if unit_ids:
            wanted["order_line_item_ids"] = list(unit_ids)
        data = await self._session.call("cancellations.cancel", self._lane, body=lambda _: wanted)
        try:
            return required_text(record(data, "data"), "cancel_id")
        except BadShape as shape:
            raise self._session.misshapen("cancellations.cancel", shape) from None

    async def approve(self, cancel_id: str, idempotency_key: str) -> None:
        """Grant the buyer's request; the same key may be sent again (tag TT-52)."""
        params: Mapping[str, str] = {"idempotency_key": idempotency_key}
        ids = {"cancel_id": cancel_id}
        await self._session.call("cancellations.approve", self._lane, ids=ids, params=params, body=lambda _: {})
