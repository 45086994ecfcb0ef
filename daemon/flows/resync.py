"""Forced resync: every level is read from Pipe17 again and sent to TikTok again, behind everything that happens now.

    reading   a sweep of Pipe17's whole inventory, in the lowest lane (the same sweep runs by itself once a day)
    marking   the link table, stretch by stretch (resync_marking.py)
    sending   until the last late row is gone; the outbox does that

Where it stands (resync_standing.py) commits with every step, so a kill -9 costs one page. A restart asks for one
(INVENTORY_RESYNC_ON_START), but only a restart that somebody asked for: after a crash the daemon goes on with what was
under way and starts nothing, however often it crashes.

A sweep that shows nothing at all while levels are known changes nothing, is shown, and is repeated. Rows that a sweep
does not show are asked for by SKU; those that stay away are missing, which is not zero.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape
from daemon.core.spans import milliseconds
from daemon.errors import ApiError
from daemon.flows import resync_standing
from daemon.flows.connections import note_failure
from daemon.flows.engine import Engine, Signal
from daemon.flows.push_inventory import PushInventory
from daemon.flows.resync_marking import AT_ONCE, RULES, fingerprint, mark_stretch
from daemon.flows.resync_standing import DONE, FACT, MARKING, READING, SENDING, Standing, find
from daemon.flows.stock_reader import NAME, close_empty, tell_empty
from daemon.store import facts, levels, links
from daemon.store.database import Tx
from daemon.store.outbox import LATE_MS

log = logging.getLogger("daemon.resync")

BOOT = "inventory_boot"
SWEEP_EVERY = timedelta(days=1)
RETRY_S = 15.0
LOOK_AGAIN_S = 1.0
IDLE_S = 600.0
_LATE_FROM_MS = LATE_MS // 2


class Resync:
    """The loop."""

    def __init__(self, engine: Engine, flow: PushInventory, pipe17: Pipe17, *, on_start: bool) -> None:
        self.bell = Signal()
        self._engine = engine
        self._flow = flow
        self._pipe17 = pipe17.at(Lane.RESYNC)
        self._on_start = on_start

    async def booted(self) -> None:
        """The daemon starts: ask for a resync if a person asked for this start, and remember what to go on with."""
        now_ms = self._engine.clock.now_ms()

        def work(tx: Tx) -> None:
            clean = (facts.get(tx, BOOT) or {"clean": True})["clean"]
            facts.put(tx, BOOT, {"clean": False}, now_ms)
            known_rules = facts.get(tx, RULES)
            other_rules = known_rules is not None and known_rules != fingerprint(self._flow.rules)
            if levels.any_known(tx) and (other_rules or (self._on_start and clean)):
                resync_standing.request(tx, "changed settings" if other_rules else "restart", now_ms)
            if known_rules is None:
                facts.put(tx, RULES, fingerprint(self._flow.rules), now_ms)
            known = find(tx)
            self._flow.reader.sweep_number = 0 if known is None else known.number

        await self._engine.database.write(work)

    async def ask(self, by: str) -> dict[str, Any]:
        """A person asks for one."""
        now_ms = self._engine.clock.now_ms()
        answer = await self._engine.database.write(lambda tx: resync_standing.request(tx, by, now_ms))
        self.bell.ring()
        return answer

    async def stopped(self) -> None:
        """The daemon stops because somebody asked for it."""
        now_ms = self._engine.clock.now_ms()
        await self._engine.database.write(lambda tx: facts.put(tx, BOOT, {"clean": True}, now_ms))

    async def run(self) -> None:
        """Forever: what was asked for, else a sweep a day."""
        while True:
            standing = await self._engine.database.write(self._next)
            if standing is None:
                await self.bell.wait(IDLE_S)
            elif not await self._go_on(standing):
                await self.bell.wait(RETRY_S)

    def _next(self, tx: Tx) -> Standing | None:
        now_ms, known = self._engine.clock.now_ms(), find(tx)
        if known is not None and not known.ended:
            return known
        if not levels.any_known(tx):
            return None
        last_ms = known.ended_at_ms if known is not None else None
        if last_ms is None:
            first = Standing(DONE, "", now_ms, sends=False, number=0, ended_at_ms=now_ms)
            facts.put(tx, FACT, first.public(), now_ms)
            return None
        if known is None or now_ms - last_ms < milliseconds(SWEEP_EVERY):
            return None
        sweep = Standing(READING, "daily sweep", now_ms, sends=False, number=known.number + 1)
        facts.put(tx, FACT, sweep.public(), now_ms)
        return sweep

    async def _go_on(self, standing: Standing) -> bool:
        try:
            if standing.phase == READING:
                return await self._sweep(standing)
            if standing.phase == MARKING:
                await self._mark()
                return True
            return await self._watch(standing)
        except ApiError as error:
            await note_failure(self._engine.connections, error)
            await self._hindered(str(error))
        except BadShape as problem:
            await self._hindered(f"the answer cannot be understood: {problem}")
        except Exception as error:
            log.exception("the resync broke", extra={"flow": NAME})
            await self._hindered(f"{type(error).__name__} in our code; see the log, and report it")
        return False

    # --- reading

    async def _sweep(self, standing: Standing) -> bool:
        reader = self._flow.reader
        reader.sweep_number = standing.number
        await self._engine.connections.opened()
        read = standing.read
        self._flow.exclusions.ask()
        if not read:
            await self._flow.marks.whole(self._pipe17)
        async for rows in reader.pages(self._pipe17, None, skip=read):
            if not rows and not read:
                return await self._nothing_shown()
            await reader.store(rows)
            read += len(rows)
            await self._keep(read=read, problem="")
        while unseen := await self._engine.database.write(lambda tx: levels.unseen(tx, standing.number, AT_ONCE)):
            await reader.whole(self._pipe17, unseen)
        now_ms = self._engine.clock.now_ms()
        await self._engine.database.write(lambda tx: close_empty(tx, now_ms))
        self._flow.bell.ring()
        await self._keep(phase=MARKING if standing.sends else DONE, ended_at_ms=None if standing.sends else now_ms)
        return True

    async def _nothing_shown(self) -> bool:
        now_ms = self._engine.clock.now_ms()
        text = await self._engine.database.write(lambda tx: tell_empty(tx, self._flow.rules, now_ms))
        await self._hindered(text)
        return False

    # --- marking

    async def _mark(self) -> None:
        """One stretch of the link table."""
        now_ms = self._engine.clock.now_ms()

        def work(tx: Tx) -> bool:
            standing = find(tx)
            if standing is None or standing.phase != MARKING:
                return False
            last, count = tx.one("resync_stretch", (standing.position, AT_ONCE))
            if not count:
                facts.put(tx, RULES, fingerprint(self._flow.rules), now_ms)
                facts.put(tx, FACT, replace(standing, phase=SENDING, total=links.count(tx)).public(), now_ms)
                return False
            marked = mark_stretch(tx, self._flow.rules, standing.position, last, now_ms)
            now = replace(
                standing,
                position=last,
                marked=standing.marked + marked,
                skipped=standing.skipped + count - marked,
            )
            facts.put(tx, FACT, now.public(), now_ms)
            return True

        if await self._engine.database.write(work):
            self._engine.timekeeper.announce()
        self._flow.bell.ring()

    # --- sending

    async def _watch(self, standing: Standing) -> bool:
        """True when the last late row is gone."""
        now_ms = self._engine.clock.now_ms()
        late = (NAME, _from(now_ms))
        left = await self._engine.database.write(lambda tx: int(tx.one("outbox_late_count", (*late, *late))[0]))
        if left:
            await self._keep(left=left, problem="")
            await self.bell.wait(LOOK_AGAIN_S if left < 100 else 5 * LOOK_AGAIN_S)
            return True
        await self._keep(phase=DONE, left=0, ended_at_ms=now_ms, problem="")
        log.info("a resync has ended: %d SKUs sent again", standing.marked, extra={"flow": NAME})
        return True

    # --- where it stands

    async def _keep(self, **changed: Any) -> None:
        now_ms = self._engine.clock.now_ms()

        def work(tx: Tx) -> None:
            standing = find(tx)
            if standing is not None and not standing.ended:
                facts.put(tx, FACT, replace(standing, **changed).public(), now_ms)

        await self._engine.database.write(work)

    async def _hindered(self, problem: str) -> None:
        log.warning("the resync waits: %s", problem, extra={"flow": NAME})
        await self._keep(problem=problem[:500])


def _from(now_ms: int) -> int:
    """Ranks from here on are those of late rows."""
    return now_ms + _LATE_FROM_MS
