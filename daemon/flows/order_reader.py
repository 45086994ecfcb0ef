"""Reads orders by id for everybody who needs one now, up to 50 in a call.

Deliveries run side by side and each wants the order as it is at this moment. The first one opens a batch and waits a
moment; whoever asks meanwhile rides along. The answer is never older than the question, and a page of 100 orders costs
two calls instead of a hundred.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import anyio

from daemon.apis.tiktok.client import IDS_IN_A_CALL, TikTok
from daemon.core.recipes import WHOLE

GATHER_S = 0.005
"""How long a batch stays open."""


class OrderReader:
    """`read(id)` for many callers at once."""

    def __init__(self, tiktok: TikTok) -> None:
        self._tiktok = tiktok
        self._batch: dict[str, asyncio.Future[Mapping[str, Any] | None]] = {}

    async def read(self, order_id: str) -> Mapping[str, Any] | None:
        """The order as TikTok has it now, None when it shows none by this id. Raises `ApiError`."""
        answer = self._batch.get(order_id)
        if answer is None:
            answer = asyncio.get_running_loop().create_future()
            self._batch[order_id] = answer
            if len(self._batch) == 1:
                await self._lead(self._batch)
            elif len(self._batch) == IDS_IN_A_CALL:
                self._batch = {}
        return await asyncio.shield(answer)

    async def _lead(self, batch: dict[str, asyncio.Future[Mapping[str, Any] | None]]) -> None:
        try:
            await anyio.sleep(GATHER_S)
            if self._batch is batch:
                self._batch = {}
            found = {str(order.get("id")): order for order in await whole_orders(self._tiktok, list(batch))}
        except BaseException as error:
            if self._batch is batch:
                self._batch = {}
            _fail(batch, error)
            raise
        for order_id, answer in batch.items():
            if not answer.done():
                answer.set_result(found.get(order_id))


async def whole_orders(tiktok: TikTok, order_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Orders in detail, at most `IDS_IN_A_CALL`, each marked as such; those that TikTok does not show are left out."""
    return [{**order, WHOLE: True} for order in await tiktok.order_details(order_ids)]


def _fail(batch: Mapping[str, asyncio.Future[Mapping[str, Any] | None]], error: BaseException) -> None:
    """Everybody of the batch shares the failure; a cancelled leader makes the others ask again later."""
    shared = error if isinstance(error, Exception) else TimeoutError("the batch was cancelled")
    for answer in batch.values():
        if not answer.done():
            answer.set_exception(shared)
            answer.exception()
