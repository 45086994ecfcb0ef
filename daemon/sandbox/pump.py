"""Carries the webhooks of a simulated service to their addresses, by real HTTP.

The service decides what is due and when a failed delivery is tried again; this only sends. A delivery counts as
received when the answer is 200 within three seconds. Many go out at once: nothing about their order is promised.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from daemon.apis.http import HttpxTransport, Request, Transport, TransportError
from daemon.sandbox.deliveries import Delivery, Postman

ANSWER_WITHIN_S = 3.0
LOOK_EVERY_S = 0.02
AT_ONCE = 32


class Pump:
    """Sends until it is stopped."""

    def __init__(self, postman: Postman, transport: Transport | None = None) -> None:
        self._postman = postman
        self._transport = transport or HttpxTransport(connections=AT_ONCE, trust_env=False)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for deliveries."""
        self._task = asyncio.create_task(self._run(), name="sandbox webhooks")

    async def aclose(self) -> None:
        """Stop; what is under way is given up."""
        tasks = [*self._under_way, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._transport.aclose()

    async def _run(self) -> None:
        while True:
            for delivery in self._postman.deliveries_due(self._postman.clock.now_ms()):
                task = asyncio.create_task(self._deliver(delivery))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _deliver(self, delivery: Delivery) -> None:
        request = Request("POST", delivery.url, delivery.headers, delivery.body, ANSWER_WITHIN_S)
        async with self._slots:
            try:
                answer = await self._transport.send(request)
            except TransportError:
                received = False
            else:
                received = answer.status == 200
        self._postman.delivery_result(delivery.id, received)
