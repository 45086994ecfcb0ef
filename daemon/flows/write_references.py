"""External references: Pipe17's ids of an order and its lines, written to TikTok once the order is in Pipe17.

A flow without a source: its rows are staged with the order's own success (core/follow_ups.py), again whenever Pipe17's
id of the order changes; writing again replaces. They become due in steps of ten seconds, go side by side, and
one call carries up to 100: the first opens a batch and waits a moment, whoever comes meanwhile rides along.

    deliver  adds the order to the batch; an order that TikTok refuses dies alone
    settle   asks TikTok for the order's reference

A missing scope is asked about by one batch a minute (`Connections` says so once); the others wait an hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import anyio

from daemon.apis.tiktok.client import TikTok
from daemon.apis.tiktok.references import ORDERS_IN_A_CALL, NotTaken, Reference, References
from daemon.clock import Clock
from daemon.core.follow_ups import REFERENCES
from daemon.core.lanes import Lane
from daemon.core.lines import line_of_units
from daemon.core.owed import Absent, Done, Later, Outcome, Owed, Refused, Settled
from daemon.core.spans import milliseconds
from daemon.core.verdicts import Reauth, Rejected
from daemon.errors import ApiError
from daemon.flows.flow import Attempt

NAME = REFERENCES
GATHER_S = 0.01
"""How long a batch stays open. References become due together, so that is enough."""
REFUSED_RECHECK = timedelta(hours=1)


class WriteReferences:
    """The flow; see the module."""

    name = NAME
    lane = Lane.STATEMENTS
    concurrency = ORDERS_IN_A_CALL

    def __init__(self, tiktok: TikTok, clock: Clock) -> None:
        self._references = tiktok.at(self.lane).references
        self._batches = _Batches(self._references)
        self._clock = clock
        self._refused_until_ms = 0

    async def deliver(self, attempt: Attempt) -> Outcome:
        row, now_ms = attempt.row, self._clock.now_ms()
        if now_ms < self._refused_until_ms:
            return Later(self._refused_until_ms, "the grant lacks the scope seller.order.ext_ref.write")
        try:
            refused = await self._batches.add(_reference(row))
        except ApiError as error:
            if isinstance(error.verdict, Reauth) and error.verdict.code == "scope":
                self._refused_until_ms = now_ms + milliseconds(REFUSED_RECHECK)
            raise
        self._refused_until_ms = 0
        if refused is not None:
            text = f"TikTok refuses Pipe17's id {row.payload['id']} for the order: {refused.message} ({refused.code})"
            return Refused("reference_refused", text)
        return Done(digest=row.digest, remote_id=str(row.payload["id"]))

    async def settle(self, attempt: Attempt) -> Settled:
        row = attempt.row
        if await self._references.of(row.key) == _reference(row):
            return Done(digest=row.digest, remote_id=str(row.payload["id"]))
        return Absent()


def _reference(row: Owed) -> Reference:
    return Reference(row.key, str(row.payload["id"]), line_of_units(row.payload["units"]))


class _Batches:
    """`add(reference)` for many callers at once; the answer is what TikTok has against this one."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._batch: dict[str, tuple[Reference, asyncio.Future[NotTaken | None]]] = {}

    async def add(self, reference: Reference) -> NotTaken | None:
        answer: asyncio.Future[NotTaken | None] = asyncio.get_running_loop().create_future()
        batch = self._batch
        batch[reference.order_id] = reference, answer
        if len(batch) == 1:
            await self._lead(batch)
        elif len(batch) == ORDERS_IN_A_CALL:
            self._batch = {}
        return await asyncio.shield(answer)

    async def _written(self, references: Sequence[Reference]) -> dict[str, NotTaken]:
        """What TikTok refuses, by order id; a batch refused as a whole is written order by order."""
        try:
            return await self._references.add(references)
        except ApiError as error:
            if not isinstance(error.verdict, Rejected) or len(references) == 1:
                raise
        refused: dict[str, NotTaken] = {}
        for reference in references:
            try:
                refused |= await self._references.add([reference])
            except ApiError as error:
                if not isinstance(error.verdict, Rejected):
                    raise
                refused[reference.order_id] = NotTaken(error.code, error.message)
        return refused

    async def _lead(self, batch: dict[str, tuple[Reference, asyncio.Future[NotTaken | None]]]) -> None:
        try:
            await anyio.sleep(GATHER_S)
            if self._batch is batch:
                self._batch = {}
            refused = await self._written([reference for reference, _ in batch.values()])
        except BaseException as error:
            if self._batch is batch:
                self._batch = {}
            shared = error if isinstance(error, Exception) else TimeoutError("the batch was cancelled")
            for _, answer in batch.values():
                if not answer.done():
                    answer.set_exception(shared)
                    answer.exception()
            raise
        for order_id, (_, answer) in batch.items():
            if not answer.done():
                answer.set_result(refused.get(order_id))
