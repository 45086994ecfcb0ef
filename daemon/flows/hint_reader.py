"""Reads what webhooks and people named, at once, and through the same door as the poller (design law 5).

Each flow has a loop and a bell of its own: a side that does not answer, or a flow with much to read, never delays the
hints of another. What cannot be read now is tried again; what cannot be read this way at all is left to the poller,
which finds every change without a hint. A hint for a flow that does not run is put away.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

import anyio

from daemon.core.owed import Asked, Page
from daemon.core.reading import BadShape
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError
from daemon.flows.connections import note_failure
from daemon.flows.engine import Engine, Signal
from daemon.flows.flow import Flow
from daemon.flows.poller import stage_page
from daemon.store import hints
from daemon.store.hints import Hint

log = logging.getLogger("daemon.hints")

BATCH = 50
RETRY_S = 5.0


class Bells:
    """Wakes the loop of one kind of hint, or all of them."""

    def __init__(self, kinds: Collection[str]) -> None:
        self.others = Signal()
        """For hints of no flow that runs."""
        self.of = {kind: Signal() for kind in kinds}

    def ring(self, kind: str = "") -> None:
        """A hint of this kind was stored; "": of any."""
        if kind:
            self.of.get(kind, self.others).ring()
            return
        for bell in (*self.of.values(), self.others):
            bell.ring()


class HintReader:
    """The loops of all flows."""

    def __init__(self, engine: Engine, flows: Sequence[Flow]) -> None:
        self._engine = engine
        self._flows = {flow.name: flow for flow in flows}
        self.bell = Bells(self._flows)

    async def run(self) -> None:
        """Forever."""
        async with anyio.create_task_group() as group:
            for flow in self._flows.values():
                group.start_soon(self._serve, flow)
            while True:
                await self._put_away_strangers()
                await self.bell.others.wait()

    async def once(self) -> bool:
        """Handle a batch of every kind; False when nothing waits. Raises `ApiError` where trying later may help."""
        await self._put_away_strangers()
        return any([await self._batch(flow) for flow in self._flows.values()])

    async def _serve(self, flow: Flow) -> None:
        bell = self.bell.of[flow.name]
        while True:
            try:
                more = await self._batch(flow)
            except ApiError as error:
                await note_failure(self._engine.connections, error)
                await bell.wait(RETRY_S)
                more = True
            if not more:
                await bell.wait()

    async def _batch(self, flow: Flow) -> bool:
        """Handle the oldest hints of a flow; False when none waits."""
        mine = await self._engine.database.write(lambda tx: hints.waiting(tx, flow.name, BATCH))
        if mine and not await self._handle(flow, mine):
            # what a webhook named the poller will find; what a person asked for is read one by one
            await self._put_away([hint.notification_id for hint in mine if not hint.asked])
            for hint in mine:
                if hint.asked and not await self._handle(flow, [hint]):
                    await self._put_away([hint.notification_id])
        return bool(mine)

    async def _handle(self, flow: Flow, named: Sequence[Hint]) -> bool:
        """Read and store what these name; False when they cannot be read together."""
        page = await self._read(flow, sorted({hint.subject for hint in named}))
        if page is None:
            return False
        page = _asked_for(page, {hint.subject for hint in named if hint.asked})
        await stage_page(self._engine, flow, page, handled=[hint.notification_id for hint in named])
        return True

    async def _read(self, flow: Flow, keys: Sequence[str]) -> Page | None:
        """None when they cannot be read this way at all: the poller's next run finds them."""
        try:
            return await flow.read(keys)
        except ApiError as error:
            if not isinstance(error.verdict, Rejected):
                raise
            log.warning("what a webhook named is refused: %s", error, extra={"flow": flow.name})
        except BadShape as problem:
            log.warning("what a webhook named cannot be understood: %s", problem, extra={"flow": flow.name})
        except Exception:
            log.exception("reading what a webhook named broke", extra={"flow": flow.name})
        return None

    async def _put_away(self, notification_ids: Sequence[str]) -> None:
        """Nothing more to do for these."""
        now_ms = self._engine.clock.now_ms()
        await self._engine.database.write(lambda tx: hints.handled(tx, notification_ids, now_ms))

    async def _put_away_strangers(self) -> None:
        """Hints of flows that are switched off, and notices that were acted on when they came."""
        now_ms, known = self._engine.clock.now_ms(), frozenset(self._flows)
        await self._engine.database.write(lambda tx: hints.put_away_strangers(tx, known, now_ms))


def _asked_for(page: Page, keys: Collection[str]) -> Page:
    """The page, with these records marked as asked for by name."""
    asked = Asked(since_ms=0, hurry=True)
    return replace(
        page,
        changes=tuple(replace(change, asked=asked) if change.key in keys else change for change in page.changes),
    )
