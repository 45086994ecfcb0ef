"""A backfill: orders of the past, asked for by a person, behind everything that happens now.

One loop beside the poller. It reads what TikTok changed since a date, in slices of `SLICE` and small pages, oldest
first, and hands every page to the same `stage_page` as the poller; how an order is judged and sent is all
`pull_orders.py`. Orders made since the date are wanted even when they are shipped already (`fulfilled`).

Where it stands is the fact `backfill`, and commits with each page: after a crash it goes on where it was, `status`
shows it while no daemon runs, and a request that was stored meanwhile starts with the next daemon. One at a time.

It keeps out of the way: its calls ride in `Lane.RESYNC`, and it reads no page while more than `ROOM` orders are on
their way to Pipe17, so an order of the present finds a place at once.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from daemon.core.lifecycle import State
from daemon.core.owed import Page
from daemon.core.reading import BadShape
from daemon.errors import ApiError
from daemon.flows.connections import note_failure
from daemon.flows.engine import Engine, Signal
from daemon.flows.order_source import SLICE
from daemon.flows.poller import stage_page
from daemon.flows.pull_orders import NAME, PullOrders
from daemon.store import facts
from daemon.store.database import Tx

log = logging.getLogger("daemon.backfill")

FACT = "backfill"
WAITING, RUNNING, DONE = "waiting", "running", "done"
ROOM = 10
"""Orders on their way to Pipe17 above which no further page is read."""
LOOK_AGAIN_S = 0.5
RETRY_S = 15.0
SAY_AFTER_S = 60.0
"""How long it gives way before `status` says so."""
_SLICE_MS = SLICE // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a backfill stands. Instants are by the update time of orders, but the two with `at`."""

    state: str
    since_ms: int
    until_ms: int | None
    """None: up to the present."""
    asked_at_ms: int
    position_ms: int
    """Everything before it is stored."""
    read: int = 0
    """Orders read; those of a page that a crash interrupted count twice."""
    taken: int = 0
    """Orders that asked for something new."""
    ended_at_ms: int | None = None
    problem: str = ""
    """Why it does not get on at the moment, "" when it does."""

    @property
    def ended(self) -> bool:
        """Nothing is left to read."""
        return self.state == DONE

    @property
    def percent(self) -> int:
        """How much of its time is read; 100 only at the end."""
        if self.ended:
            return 100
        whole_ms = max((self.until_ms or self.asked_at_ms) - self.since_ms, 1)
        return min(max((self.position_ms - self.since_ms) * 100 // whole_ms, 0), 99)

    def covers(self, since_ms: int, until_ms: int | None) -> bool:
        """Whether another request asks for nothing more than this one does."""
        whole = self.until_ms is None or (until_ms is not None and until_ms <= self.until_ms)
        return since_ms >= self.since_ms and whole

    def public(self) -> dict[str, Any]:
        """As it is stored and shown."""
        return {
            "state": self.state,
            "percent": self.percent,
            "since_ms": self.since_ms,
            "until_ms": self.until_ms,
            "asked_at_ms": self.asked_at_ms,
            "position_ms": self.position_ms,
            "read": self.read,
            "taken": self.taken,
            "ended_at_ms": self.ended_at_ms,
            "problem": self.problem,
        }


def find(tx: Tx) -> Standing | None:
    """The last backfill that was asked for."""
    known = facts.get(tx, FACT)
    return None if known is None else Standing(**{name: value for name, value in known.items() if name != "percent"})


def request(tx: Tx, since_ms: int, until_ms: int | None, now_ms: int) -> dict[str, Any]:
    """Ask for a backfill; `started` is false when another one has not ended, `covered` says it does the same.

    The daemon wakes its loop afterwards: `backfill.bell.ring()`.
    """
    known = find(tx)
    if known is not None and not known.ended:
        return {"started": False, "covered": known.covers(since_ms, until_ms), "backfill": known.public()}
    asked = Standing(WAITING, since_ms, until_ms, now_ms, since_ms)
    _keep(tx, asked, now_ms)
    return {"started": True, "covered": True, "backfill": asked.public()}


class Backfill:
    """The loop."""

    def __init__(self, engine: Engine, orders: PullOrders) -> None:
        self.bell = Signal()
        self._engine = engine
        self._orders = orders

    async def run(self) -> None:
        """Forever: one backfill after the other, when there is one."""
        while True:
            standing = await self._engine.database.write(find)
            if standing is None or standing.ended:
                await self.bell.wait()
            elif not await self._go_on(standing):
                await self.bell.wait(RETRY_S)

    async def _go_on(self, standing: Standing) -> bool:
        """Read on from where it stands; False when something is in the way."""
        if standing.until_ms is None:
            self._orders.wanted_since_ms = standing.since_ms
        if standing.state == WAITING and not standing.problem:
            log.info("a backfill begins", extra={"flow": NAME})
        try:
            await self._read(replace(standing, state=RUNNING))
        except ApiError as error:
            await note_failure(self._engine.connections, error)
            await self._hindered(str(error))
            return False
        except BadShape as problem:
            await self._hindered(f"the answer cannot be understood: {problem}")
            return False
        except Exception as error:
            log.exception("the backfill broke", extra={"flow": NAME})
            await self._hindered(f"{type(error).__name__} in our code; see the log, and report it")
            return False
        return True

    async def _read(self, standing: Standing) -> None:
        while not standing.ended:
            now_ms = self._engine.clock.now_ms()
            limit_ms = now_ms if standing.until_ms is None else min(standing.until_ms, now_ms)
            end_ms: int | None = standing.position_ms + _SLICE_MS
            last = standing.position_ms + _SLICE_MS >= limit_ms
            if last:
                end_ms = standing.until_ms
            await self._give_way()
            async for page in self._orders.past(standing.since_ms, standing.position_ms, end_ms):
                standing = await self._store(page, _after(standing, page, end_ms, last=last))
                if page.cursor is None:
                    await self._give_way()
        log.info("a backfill has ended: %d orders read", standing.read, extra={"flow": NAME})

    async def _store(self, page: Page, standing: Standing) -> Standing:
        """Store a page and where that leaves the backfill, in one transaction."""
        now_ms, kept = self._engine.clock.now_ms(), standing
        if standing.ended:
            standing = replace(standing, ended_at_ms=now_ms)

        def also(tx: Tx, taken: int) -> None:
            nonlocal kept
            kept = replace(standing, taken=standing.taken + taken)
            _keep(tx, kept, now_ms)

        await stage_page(self._engine, self._orders, replace(page, cursor=None), also=also)
        return kept

    async def _give_way(self) -> None:
        """Until both sides let us in and little is on its way."""
        clock = self._engine.clock
        await self._engine.connections.opened()
        say_at_s = clock.monotonic() + SAY_AFTER_S
        while await self._engine.database.write(_under_way) > ROOM:
            if clock.monotonic() >= say_at_s:
                say_at_s = math.inf
                await self._hindered(f"gives way: more than {ROOM} orders are on their way to Pipe17 (`backlog`)")
            await self.bell.wait(LOOK_AGAIN_S)

    async def _hindered(self, problem: str) -> None:
        now_ms = self._engine.clock.now_ms()

        def work(tx: Tx) -> None:
            standing = find(tx)
            if standing is not None:
                _keep(tx, replace(standing, problem=problem[:500]), now_ms)

        log.warning("the backfill waits: %s", problem, extra={"flow": NAME})
        await self._engine.database.write(work)


def _after(standing: Standing, page: Page, end_ms: int | None, *, last: bool) -> Standing:
    """Where it stands once the page is stored.

    In the middle of a slice that is the *oldest* change of the page: some rows may have moved on while it was read.
    """
    found = replace(standing, read=standing.read + len(page.changes) + len(page.set_aside), problem="")
    if page.cursor is not None:
        reached_ms = int(page.cursor) if end_ms is None else end_ms
        return replace(found, position_ms=max(reached_ms, found.position_ms), state=DONE if last else RUNNING)
    oldest_ms = min((change.source_version for change in page.changes), default=found.position_ms)
    ceiling_ms = oldest_ms if end_ms is None else min(oldest_ms, end_ms)
    return replace(found, position_ms=max(ceiling_ms, found.position_ms))


def _under_way(tx: Tx) -> int:
    busy = (State.READY, State.SENDING, State.UNKNOWN)
    return sum(items for flow, state, items in tx.all("tally_all") if flow == NAME and state in busy)


def _keep(tx: Tx, standing: Standing, now_ms: int) -> None:
    facts.put(tx, FACT, standing.public(), now_ms)
