"""The first loop: read the source, decide, and store rows and cursor in one transaction (design laws 1, 4, 10).

One poller per flow, so a slow source never delays another. A run that fails leaves the cursor where it was; the next
run reads the same window again and finds most of it known. A record that cannot be read is set aside with its raw text
and an exception, and the page goes on. `hint_reader.py` takes the same way for the records that webhooks named.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence

from daemon.core.findings import Finding
from daemon.core.jsontext import dumps
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.owed import MALFORMED, WANTED_WHEN_ASKED, Change, Owed, Page, SetAside, Wanted
from daemon.core.reading import BadShape
from daemon.errors import ApiError
from daemon.flows.connections import note_failure
from daemon.flows.engine import Engine, Signal, StoredRows, Watcher
from daemon.flows.flow import Decider, Flow, Keeps
from daemon.flows.order_limit import count_new
from daemon.store import cursors, exceptions, hints, journal, outbox
from daemon.store.database import Tx

log = logging.getLogger("daemon.poller")

GAP_S = 10.0
RAW_MAX = 100_000
"""Characters kept of a record that could not be read."""


class Poller:
    """Reads one flow's source every `flow.every`."""

    def __init__(self, engine: Engine, flow: Flow, source_system: str) -> None:
        self.flow = flow
        self.source_system = source_system
        self._engine = engine
        self._bell = Signal()
        self._now = self._soon = False
        self._failing = ""
        self.ran_once = False
        """A run has ended, well or badly; readiness waits for it."""

    def poke(self) -> None:
        """Read now instead of at the next interval."""
        self._now = True
        self._bell.ring()

    def poke_soon(self) -> None:
        """The same, `GAP_S` after the last run began at the earliest: however often it is said, that costs little."""
        self._soon = True
        self._bell.ring()

    async def run(self) -> None:
        """Forever."""
        while True:
            started_s = self._engine.clock.monotonic()
            await self.once()
            took_s = self._engine.clock.monotonic() - started_s
            await self._bell.wait(max(self.flow.every.total_seconds() - took_s, 0.05))
            while self._soon and not self._now:
                left_s = started_s + GAP_S - self._engine.clock.monotonic()
                if left_s <= 0:
                    break
                await self._bell.wait(left_s)
            self._now = self._soon = False

    async def once(self) -> bool:
        """One run over the source; True when it was read to the end."""
        flow, engine = self.flow, self._engine
        cursor = await engine.database.write(lambda tx: cursors.get(tx, flow.name))
        try:
            async for page in flow.source(cursor):
                await stage_page(engine, flow, page)
                # a first reading of a whole catalogue takes an hour; being ready does not wait for its end
                self.ran_once = self.ran_once or flow.lane >= Lane.PRODUCTS
        except ApiError as error:
            await note_failure(engine.connections, error)
            await self._failed(getattr(error.verdict, "code", "refused"), str(error))
            return False
        except BadShape as problem:
            await self._failed("malformed_answer", f"the answer cannot be understood: {problem}")
            return False
        except Exception as error:
            log.exception("reading the source of %s broke", flow.name, extra={"flow": flow.name})
            await self._failed("internal_error", f"{type(error).__name__} in the source of {flow.name}")
            return False
        now_ms = engine.clock.now_ms()
        await engine.connections.accept(self.source_system)
        await engine.database.write(lambda tx: cursors.succeeded(tx, flow.name, now_ms))
        engine.observer.run_finished(flow.name, "ok")
        if self._failing:
            log.warning("%s reads its source again", flow.name, extra={"flow": flow.name})
        self._failing, self.ran_once = "", True
        return True

    async def _failed(self, code: str, problem: str) -> None:
        flow, engine, now_ms = self.flow, self._engine, self._engine.clock.now_ms()
        if self._failing != code:
            log.warning("%s cannot read its source: %s", flow.name, problem, extra={"flow": flow.name})
        self._failing, self.ran_once = code, True
        engine.observer.run_finished(flow.name, code)
        await engine.database.write(lambda tx: cursors.failed(tx, flow.name, problem, now_ms))


async def stage_page(
    engine: Engine,
    flow: Flow,
    page: Page,
    handled: Sequence[str] = (),
    also: Callable[[Tx, int], None] | None = None,
) -> None:
    """Store what a page asks for, its cursor and the hints it answers, in one transaction.

    `also` is more work of the same transaction; it is told how many records now ask for something new.
    """
    now_ms = engine.clock.now_ms()

    def work(tx: Tx) -> list[outbox.Moved]:
        known = StoredRows(tx)
        if isinstance(flow, Keeps):
            flow.keep(tx, page, now_ms)
        by_day = Counter[str]()
        moved = [
            move
            for change in page.changes
            if (move := stage_change(tx, flow, change, known, now_ms, engine.watchers, by_day)) is not None
        ]
        if by_day:
            count_new(tx, by_day, now_ms)
        for bad in page.set_aside:
            _set_aside(tx, flow.name, bad, bad.key, now_ms)
        if page.cursor is not None:
            cursors.move(tx, flow.name, page.cursor, now_ms)
        if handled:
            hints.handled(tx, handled, now_ms)
        if also is not None:
            also(tx, sum(move.changed and move.after is not State.DROPPED for move in moved))
        return moved

    moved = await engine.database.write(work)
    if page.skipped:
        engine.observer.record(flow.name, "skipped", page.skipped)
    announce(engine, flow.name, moved)
    for watcher in engine.watchers:
        watcher.committed()


def announce(engine: Engine, flow: str, moved: Sequence[outbox.Moved]) -> None:
    """Tell those who count and those who send what a transaction staged."""
    ready = False
    for move in moved:
        ready = ready or move.after is State.READY
        engine.timekeeper.expect(move.due_at_ms)
        if move.after is State.DROPPED and move.changed:
            engine.observer.record(flow, "skipped" if move.before is None else "dropped")
    if ready:
        engine.timekeeper.announce()


def stage_change(
    tx: Tx,
    flow: Decider,
    change: Change,
    known: StoredRows,
    now_ms: int,
    watchers: Sequence[Watcher] = (),
    by_day: Counter[str] | None = None,
) -> outbox.Moved | None:
    """Decide on one record and stage what it asks for; None when it asks for nothing.

    `by_day` is told of what counts on a day of the shop.
    """
    row = outbox.find(tx, flow.name, change.key)
    if not outbox.is_news(row, change) and not _opens_again(row, change):
        return None
    try:
        wanted = flow.decide(change, row, known, now_ms)
    except BadShape as problem:
        _set_aside(
            tx, flow.name, SetAside(change.key, dumps(change.record), MALFORMED, str(problem)), change.group, now_ms
        )
        return None
    if wanted is None:
        return None
    if tx.one("set_aside_take", (flow.name, change.key)) is not None:
        exceptions.close(tx, flow.name, change.key, MALFORMED, now_ms, "reads well now")
    move = outbox.stage(tx, flow.name, change, row, wanted, now_ms)
    for watcher in watchers:
        watcher.staged(tx, flow.name, change.key, row, wanted, now_ms)
    if wanted.counts_on and by_day is not None:
        by_day[wanted.counts_on] += 1
    if move.changed:
        journal.note(tx, flow.name, change.key, wanted.group or change.group, "wanted", _told(wanted), now_ms)
    return move


def _opens_again(row: Owed | None, change: Change) -> bool:
    """A person asks for a record that was dropped only because nobody had asked."""
    if row is None or change.asked is None or change.source_version < row.source_version:
        return False
    return row.state is State.DROPPED and row.reason in WANTED_WHEN_ASKED


def _told(wanted: Wanted) -> str:
    return " ".join(part for part in (wanted.state.value, wanted.summary, wanted.reason) if part)


def _set_aside(tx: Tx, flow: str, bad: SetAside, group: str, now_ms: int) -> None:
    """Keep the raw record and tell a person, once per different text of it."""
    if tx.one("set_aside_put", (flow, bad.key, bad.raw[:RAW_MAX], bad.problem, now_ms)) is None:
        return
    text = f"TikTok or Pipe17 sent a record we cannot read ({bad.problem}); it is kept and read again when it changes"
    exceptions.open_exception(tx, flow, bad.key, group, Finding(bad.code, text), now_ms)
    journal.note(tx, flow, bad.key, group, "set aside", bad.problem, now_ms)
    log.error("%s %s set aside: %s", flow, bad.key, bad.problem, extra={"flow": flow, "key": bad.key})
