"""Push inventory: the stock of Pipe17 to TikTok Shop, absolute, newest wins, never zero because something is not known.

    source   Pipe17's rows that changed, into `store/levels.py` (stock_reader.py), and what people set at its products
             (stock_marks.py); the SKUs behind them are marked. Now and then a look at which locations are excluded in
             Pipe17 (stock_exclusions.py), the first one before anything is pushed
    judge    works out marked SKUs, asks the guard, stages rows (stock_judge.py)
    decide   the quantities of every warehouse of a SKU as a row: key TikTok's SKU id, group its product
    deliver  all SKUs of a product that are due, in one call; what TikTok says of each decides on its row
    settle   asks TikTok for the quantities; whatever it says, the lost call may land late (stock_unanswered.py)

A row says what TikTok should have, whole, so sending it twice does no harm and an older one is simply replaced. One
call per product is under way at a time. How a SKU becomes a row is in stock_wanted.py, and what follows when TikTok
does not take it in stock_refusals.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import TikTok
from daemon.apis.tiktok.goods import SkuFailure, SkuLevels
from daemon.clock import Clock
from daemon.core.lanes import Lane
from daemon.core.links import Kind
from daemon.core.owed import (
    Change,
    Dropped,
    Failed,
    Later,
    Outcome,
    Owed,
    Page,
    Settled,
    Wanted,
)
from daemon.core.reading import BadShape
from daemon.core.spans import milliseconds
from daemon.core.stock import StockRules, Why, Withhold
from daemon.core.verdicts import Rejected, Unknown
from daemon.errors import ApiError
from daemon.flows import stock_unanswered
from daemon.flows.engine import Signal
from daemon.flows.flow import Attempt, Known
from daemon.flows.ownership import Ownership
from daemon.flows.stock_exclusions import Exclusions
from daemon.flows.stock_marks import MarksReader
from daemon.flows.stock_plan import Planner
from daemon.flows.stock_reader import NAME as NAME
from daemon.flows.stock_reader import StockReader, sight
from daemon.flows.stock_refusals import NOT_LIVE, OF_ONE_SKU, Refusals
from daemon.flows.stock_wanted import PREOWNED, RESYNCED, ROWS, done, settled
from daemon.store import links
from daemon.store.database import Database, Tx

ROW = "row:"
"""Before the id of a row of Pipe17, where a SKU might stand: webhooks know no SKU."""
BLIND_RECHECK = timedelta(minutes=5)


class PushInventory:
    """The flow; see the module."""

    name = NAME
    lane = Lane.INVENTORY
    concurrency = 32
    batch = 100

    def __init__(
        self,
        database: Database,
        tiktok: TikTok,
        pipe17: Pipe17,
        clock: Clock,
        rules: StockRules,
        every: timedelta,
        ownership: Ownership,
    ) -> None:
        self.every = every
        self.rules = rules
        self.reader = StockReader(database, clock, rules)
        self.marks = MarksReader(database, clock, ownership)
        self.exclusions = Exclusions(database, clock, rules, self.reader, ownership)
        self.reading_since_ms: int | None = None
        """When the reading of the source that is under way began, or its part; what it marks is judged at the end.
        0 where nothing of Pipe17 is known for certain: everything waits for what the reading will tell."""
        self.bell = Signal()
        """Rung when SKUs were marked; the judge listens."""
        self.fresh = max(3 * every, timedelta(minutes=5))
        """How old a whole reading may be for its figures to be taken as true."""
        self._database = database
        self._tiktok = tiktok.at(Lane.INVENTORY)
        self._late_tiktok = tiktok.at(Lane.RESYNC)
        self._pipe17 = pipe17.at(Lane.INVENTORY)
        self._clock = clock
        self._refusals = Refusals(database, self._tiktok, clock, self.bell.ring)

    async def source(self, cursor: str | None) -> AsyncIterator[Page]:
        now_ms, problem = self._clock.now_ms(), None
        certain = await self._database.write(lambda tx: sight(tx).certain(now_ms, self.fresh))
        self.reading_since_ms = now_ms if certain else 0
        try:
            try:
                await self.marks.changed(self._pipe17)
            except (ApiError, BadShape) as error:
                problem = error
            complete = await self.reader.changed(self._pipe17, cursor, self._part_read)
            if complete:
                await self.exclusions.keep_up(self._pipe17)
        finally:
            self.reading_since_ms = None
            self.bell.ring()
        yield Page((), cursor=str(now_ms) if complete else None)
        if problem is not None:
            raise problem

    def _part_read(self) -> None:
        self.reading_since_ms = self._clock.now_ms()
        self.bell.ring()

    async def read(self, keys: Sequence[str]) -> Page:
        """`keys`: SKUs of Pipe17, or ids of its rows behind `ROW`."""
        rows = [key.removeprefix(ROW) for key in keys if key.startswith(ROW)]
        skus = {key for key in keys if not key.startswith(ROW)}
        if rows:
            skus |= await self.reader.named(self._pipe17, rows)
        await self.reader.whole(self._pipe17, sorted(skus))
        self.bell.ring()
        return Page(())

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        return ROWS.decide(change, row, known, now_ms)

    async def deliver(self, attempt: Attempt) -> Outcome:
        (outcome,) = await self.deliver_together([attempt])
        if isinstance(outcome, Failed):
            raise ApiError(system="tiktok", operation="inventory.update", verdict=outcome.verdict, message=outcome.text)
        return outcome

    async def settle(self, attempt: Attempt) -> Settled:
        (settled,) = await self.settle_together([attempt])
        return settled

    async def deliver_together(self, attempts: Sequence[Attempt]) -> Sequence[Outcome | Failed]:
        rows = [attempt.row for attempt in attempts]
        found: dict[str, Outcome | Failed] = dict(await self._database.write(lambda tx: self._in_the_way(tx, rows)))
        sold = [row for row in rows if row.key not in found and row.payload.get("preowned")]
        if sold:
            found |= await self._refusals.deactivate(sold[0].group, sold)
        due = [row for row in rows if row.key not in found]
        if due:
            found |= await self._send(due)
        return [found[row.key] for row in rows]

    async def settle_together(self, attempts: Sequence[Attempt]) -> Sequence[Settled]:
        rows = [attempt.row for attempt in attempts]
        live = await self.live([row.key for row in rows])
        sent, now_ms = [row for row in rows if not row.payload.get("preowned")], self._clock.now_ms()
        await self._database.write(lambda tx: stock_unanswered.looked_up(tx, sent, now_ms))
        status = ""
        if any(row.payload.get("preowned") for row in rows):
            product = await self._tiktok.catalogue.product(rows[0].group)
            status = str((product or {}).get("status") or "")
        return [settled(row, live.get(row.key), status) for row in rows]

    async def live(self, sku_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """What TikTok has available, by SKU and warehouse."""
        return await self._refusals.live(sku_ids)

    # --- before a call

    def _in_the_way(self, tx: Tx, rows: Sequence[Owed]) -> dict[str, Outcome]:
        """What keeps a row from being sent as it stands."""
        now_ms = self._clock.now_ms()
        planner = Planner(tx, self.rules, now_ms, self.fresh)
        found: dict[str, Outcome] = {}
        for row in rows:
            link = links.get(tx, row.key)
            if link is None:
                found[row.key] = Dropped("TikTok no longer has this SKU")
                continue
            worked = planner.work_out(link, row)
            if worked.drop:
                found[row.key] = Dropped(worked.drop)
            elif link.kind is Kind.PREOWNED and not row.payload.get("preowned"):
                found[row.key] = Dropped(PREOWNED)
            elif worked.plan == Withhold(Why.STALE) and not row.payload.get("preowned"):
                due_ms = now_ms + milliseconds(BLIND_RECHECK)
                found[row.key] = Later(due_ms, "Pipe17's figures for it are older than INVENTORY_STALE_AFTER")
            elif not row.payload.get("preowned") and (quiet_ms := stock_unanswered.quiet_until_ms(tx, row, now_ms)):
                found[row.key] = Later(quiet_ms, "its last update got no answer and may still land; sent after that")
        return found

    # --- the calls

    async def _send(self, rows: Sequence[Owed]) -> dict[str, Outcome | Failed]:
        tiktok = self._late_tiktok if all(row.reason == RESYNCED for row in rows) else self._tiktok
        wanted = [SkuLevels(row.key, tuple(row.payload["levels"].items())) for row in rows]
        try:
            failures = {one.sku_id: one for one in await tiktok.catalogue.update_inventory(rows[0].group, wanted)}
        except ApiError as error:
            if isinstance(error.verdict, Unknown):
                now_ms = self._clock.now_ms()
                await self._database.write(lambda tx: stock_unanswered.lost(tx, rows, now_ms))
            code = error.verdict.code if isinstance(error.verdict, Rejected) else ""
            if code in NOT_LIVE:
                return {row.key: await self._refusals.not_live(row) for row in rows}
            if code not in OF_ONE_SKU:
                raise
            if len(rows) > 1:
                alone = [await self._send([row]) for row in rows]
                return {key: outcome for one in alone for key, outcome in one.items()}
            failures = {rows[0].key: SkuFailure(rows[0].key, int(error.code or 0), error.message, {})}
        found: dict[str, Outcome | Failed] = {}
        for row in rows:
            failure = failures.get(row.key)
            found[row.key] = done(row) if failure is None else await self._refusals.of(row, failure)
        return found
