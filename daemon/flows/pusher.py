"""The second loop: claim what is due, send it, and write down what became of it (design laws 2, 3, 8).

One pusher per flow; at most `flow.concurrency` attempts at once, never two of one group. `sending` is on disk before
`deliver` is called. What an attempt ends with, and what follows:

    an Outcome            applied as it is
    ApiError              its verdict: again later, look up first, dead and shown, or everything paused (Reauth)
    BadShape              the other side's answer makes no sense: tried a few times, then dead and shown
    any other exception   a bug of ours: logged with its place, the row is looked up before it is sent again
    cancellation          the daemon stops: the row stays `sending` and is looked up after the next start

The end of an attempt rings every pusher: rows of other flows may have waited for its group.

On stop the pusher claims nothing more and gives what is under way `GRACE` to end.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import anyio.abc

from daemon.core import backoff
from daemon.core.lifecycle import State
from daemon.core.owed import Absent, Done, Dropped, Later, Outcome, Owed, Refused, Settled
from daemon.core.reading import BadShape
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Failure, Reauth, Rejected, Retry, Throttled, Unknown
from daemon.errors import ApiError
from daemon.flows.connections import PROBE_EVERY, SCOPE, note_failure
from daemon.flows.engine import Engine, Signal
from daemon.flows.flow import Sender
from daemon.store import attempts, journal, outbox
from daemon.store.database import Tx

log = logging.getLogger("daemon.pusher")

GRACE = timedelta(seconds=12)
"""How long calls under way may take to end after a stop."""
SETTLE_AFTER = timedelta(seconds=2)
"""Wait before a look-up, so that a request that is still on its way has arrived."""


class Pusher:
    """Sends one flow's rows."""

    def __init__(self, engine: Engine, flow: Sender) -> None:
        self.flow = flow
        self._engine = engine
        self._bell = Signal()
        self._under_way = 0
        self._stopping = False
        self._pause = anyio.CancelScope()
        engine.timekeeper.listen(self._bell.ring)

    async def run(self) -> None:
        """Until `stop`; returns when nothing is under way any more."""
        async with anyio.create_task_group() as group:
            while not self._stopping:
                with anyio.CancelScope() as self._pause:
                    await self._engine.connections.opened()
                while not self._stopping and await self._claim(group):
                    pass
                if not self._stopping:
                    await self._bell.wait()
            with anyio.move_on_after(GRACE.total_seconds()):
                while self._under_way:
                    await self._bell.wait()
            group.cancel_scope.cancel()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping = True
        self._pause.cancel()
        self._bell.ring()

    async def _claim(self, group: anyio.abc.TaskGroup) -> bool:
        """Take what fits; True when there may be more (several rows of one group at the head leave places free)."""
        free = self.flow.concurrency - self._under_way
        if free <= 0 or self.flow.name in self._engine.paused:
            return False
        flow, now_ms = self.flow.name, self._engine.clock.now_ms()
        claimed = await self._engine.database.write(lambda tx: outbox.claim(tx, flow, free, now_ms))
        for one in claimed:
            self._under_way += 1
            group.start_soon(self._attempt, one)
        return bool(claimed)

    async def _attempt(self, claimed: outbox.Claimed) -> None:
        try:
            await self._try(claimed)
        finally:
            self._under_way -= 1
            self._engine.timekeeper.announce()

    async def _try(self, claimed: outbox.Claimed) -> None:
        attempt = _Attempt(self._engine, claimed.row)
        try:
            if claimed.settling:
                outcome: Outcome | Settled = await self.flow.settle(attempt)
            else:
                outcome = await self.flow.deliver(attempt)
        except ApiError as error:
            await note_failure(self._engine.connections, error)
            await self._failed(claimed, error.verdict, str(error))
        except BadShape as problem:
            text = f"the answer cannot be understood: {problem}"
            await self._failed(claimed, Retry("malformed_answer", tries=UNKNOWN_CODE_TRIES), text)
        except Exception as error:
            row = claimed.row
            log.exception("%s %s broke", row.flow, row.key, extra={"flow": row.flow, "key": row.key})
            verdict: Failure = Unknown("internal_error")
            if row.attempts + 1 >= UNKNOWN_CODE_TRIES:
                verdict = Rejected("internal_error")
            await self._failed(claimed, verdict, f"{type(error).__name__} in our code; see the log, and report it")
        else:
            await self._finished(claimed.row, outcome)

    async def _finished(self, row: Owed, outcome: Outcome | Settled) -> None:
        now_ms = self._engine.clock.now_ms()

        def work(tx: Tx) -> outbox.Moved:
            moved = attempts.finish(tx, row, outcome, now_ms)
            event, detail = _told(outcome, moved)
            journal.note(tx, row.flow, row.key, row.group, event, detail, now_ms)
            return moved

        moved = await self._engine.database.write(work)
        self._observe(row, outcome, moved, now_ms)

    async def _failed(self, claimed: outbox.Claimed, verdict: Failure, text: str) -> None:
        engine, row, now_ms = self._engine, claimed.row, self._engine.clock.now_ms()
        wait = backoff.delay(row.attempts + 1, engine.rng.random())
        if isinstance(verdict, Reauth) and verdict.code == SCOPE:
            wait = PROBE_EVERY

        def work(tx: Tx) -> outbox.Moved:
            moved = attempts.fail(tx, row, verdict, text, now_ms, wait, SETTLE_AFTER)
            journal.note(tx, row.flow, row.key, row.group, _FAILED[type(verdict)], text, now_ms)
            return moved

        moved = await engine.database.write(work)
        if moved.after is State.DEAD:
            engine.observer.record(row.flow, "failed")
            log.error("%s %s is refused for good: %s", row.flow, row.key, text, extra={"flow": row.flow})
        self._wait_for(moved)

    def _observe(self, row: Owed, outcome: Outcome | Settled, moved: outbox.Moved, now_ms: int) -> None:
        observer = self._engine.observer
        match outcome:
            case Done(unchanged=True):
                observer.record(row.flow, "unchanged")
            case Done():
                observer.record(row.flow, "delivered")
                observer.delivered(row.flow, max(now_ms - row.changed_at_ms, 0) / 1000)
            case Dropped():
                observer.record(row.flow, "dropped")
            case Refused():
                observer.record(row.flow, "failed")
                log.error("%s %s: %s", row.flow, row.key, outcome.text, extra={"flow": row.flow, "code": outcome.code})
            case _:
                pass
        for follow_up in outcome.follow_ups if isinstance(outcome, Done) else ():
            self._engine.timekeeper.expect(follow_up.due_at_ms)
        self._wait_for(moved)

    def _wait_for(self, moved: outbox.Moved) -> None:
        self._engine.timekeeper.expect(moved.due_at_ms)
        if moved.after in (State.READY, State.UNKNOWN) and moved.due_at_ms is None:
            self._bell.ring()


_FAILED: dict[type, str] = {
    Retry: "failed, tried again",
    Throttled: "asked to slow down",
    Unknown: "ended in the dark",
    Rejected: "refused",
    Reauth: "paused",
}


def _told(outcome: Outcome | Settled, moved: outbox.Moved) -> tuple[str, str]:
    """The line of the timeline for an outcome."""
    match outcome:
        case Done():
            event = "nothing to send" if outcome.unchanged else "accepted"
            detail = " ".join(part for part in (outcome.remote_id, outcome.reason) if part)
        case Later():
            event, detail = "waits", outcome.reason
        case Dropped():
            event, detail = "dropped", outcome.reason
        case Absent():
            event, detail = "looked up", "the other side does not have it; it is sent again"
        case Refused():
            event, detail = "refused", f"{outcome.code}: {outcome.text}"
    return event, f"{detail} -> {moved.after.value}".strip()


class _Attempt:
    """`Attempt` over the store."""

    def __init__(self, engine: Engine, row: Owed) -> None:
        self._engine = engine
        self._row = row

    @property
    def row(self) -> Owed:
        return self._row

    async def intend(self, intent: Mapping[str, Any]) -> None:
        now_ms = self._engine.clock.now_ms()
        await self._engine.database.write(lambda tx: outbox.intend(tx, self._row.id, intent, now_ms))
        self._row = replace(self._row, intent=intent)

    async def note(self, event: str, detail: str) -> None:
        row, now_ms = self._row, self._engine.clock.now_ms()
        await self._engine.database.write(
            lambda tx: journal.note(tx, row.flow, row.key, row.group, event, detail, now_ms)
        )

    async def neighbours(self, flow: str) -> Sequence[Owed]:
        return await self._engine.database.write(lambda tx: outbox.group_of(tx, self._row.group, flow))

    async def owner_of(self, flow: str, remote_id: str) -> Owed | None:
        return await self._engine.database.write(lambda tx: outbox.find_by_remote(tx, flow, remote_id))
