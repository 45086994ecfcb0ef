"""Push inventory: the stock of Pipe17 to TikTok Shop, absolute, newest wins, never zero because something is not known.

    source   Pipe17's rows that changed, into `store/levels.py` (stock_reader.py), and what people set at its products
             (stock_marks.py); the SKUs behind them are marked
    judge    works out marked SKUs, asks the guard, stages rows (stock_judge.py)
    decide   the quantities of every warehouse of a SKU as a row: key TikTok's SKU id, group its product
    deliver  all SKUs of a product that are due, in one call; what TikTok says of each decides on its row
    settle   asks TikTok for the quantities

A row says what TikTok should have, whole, so sending it twice does no harm and an older one is simply replaced. One
call per product is under way at a time. SKUs whose stock is not ours (bundles, shared, TikTok's own warehouses) and
products that take none are recognised by TikTok's codes, remembered at their link and left alone until that changes.

A pre-owned piece is one or none: sold, its product is deactivated; no quantity is ever sent for it, and it never comes
back by itself (S21, S52). Where TikTok refuses 0, the product is deactivated instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import TikTok
from daemon.apis.tiktok.goods import SkuFailure, SkuLevels
from daemon.clock import Clock
from daemon.core.findings import Finding
from daemon.core.jsontext import digest
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.links import Kind
from daemon.core.owed import (
    Absent,
    Change,
    Done,
    Dropped,
    Failed,
    Later,
    Outcome,
    Owed,
    Page,
    Refused,
    Settled,
    Wanted,
)
from daemon.core.reading import BadShape, identifier, records, required_text, whole
from daemon.core.spans import milliseconds
from daemon.core.stock import StockRules, Why, Withhold
from daemon.core.tiktok_catalogue_errors import word_of
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Rejected, Retry
from daemon.errors import ApiError
from daemon.flows.engine import Signal
from daemon.flows.flow import Attempt, Known
from daemon.flows.ownership import Ownership
from daemon.flows.stock_marks import MarksReader
from daemon.flows.stock_plan import NOT_OURS, Planner
from daemon.flows.stock_reader import NAME as NAME
from daemon.flows.stock_reader import StockReader
from daemon.store import links
from daemon.store.database import Database, Tx
from daemon.store.levels import Cause, mark_id

ROW = "row:"
"""Before the id of a row of Pipe17, where a SKU might stand: webhooks know no SKU."""
DEACTIVATED = "deactivated"
"""Fingerprint of a pre-owned piece that is sold."""
PREOWNED = "a pre-owned piece: no quantity is sent for it"
"""Why nothing is sent for one that is not sold."""
RESYNCED = "sent again by a resync"
"""Reason of a row that a resync queued; its call is in nobody's way."""
CAMPAIGN_RECHECK = timedelta(minutes=30)
BLIND_RECHECK = timedelta(minutes=5)
_KINDS = {
    "stock_of_bundle": Kind.BUNDLE,
    "stock_shared": Kind.SHARED,
    "stock_of_platform_warehouse": Kind.PLATFORM,
    "preowned_quantity": Kind.PREOWNED,
}
_CLOSED = frozenset({12052097, 12052530, 12052531, 12052532})
"""TikTok's codes for a warehouse that may not be named: unknown, not the shop's, disabled, not for deliveries."""
_NOT_LIVE = frozenset({"product_not_live", "product_unknown", "sku_not_of_product"})
_OF_ONE_SKU = frozenset(
    {*_KINDS, "stock_locked_by_campaign", "warehouse_set_wrong", "quantity_out_of_range", "stock_in_global_screen"}
)


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
        self.reading = False
        """A reading of the source is under way; what it marks is judged when it has ended."""
        self.bell = Signal()
        """Rung when SKUs were marked; the judge listens."""
        self.fresh = max(3 * every, timedelta(minutes=5))
        """How old a whole reading may be for its figures to be taken as true."""
        self._database = database
        self._tiktok = tiktok.at(Lane.INVENTORY)
        self._late_tiktok = tiktok.at(Lane.RESYNC)
        self._pipe17 = pipe17.at(Lane.INVENTORY)
        self._clock = clock

    async def source(self, cursor: str | None) -> AsyncIterator[Page]:
        now_ms, problem = self._clock.now_ms(), None
        self.reading = True
        try:
            try:
                await self.marks.changed(self._pipe17)
            except (ApiError, BadShape) as error:
                problem = error
            complete = await self.reader.changed(self._pipe17, cursor)
        finally:
            self.reading = False
            self.bell.ring()
        yield Page((), cursor=str(now_ms) if complete else None)
        if problem is not None:
            raise problem

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
            found |= await self._deactivate(sold[0].group, sold)
        due = [row for row in rows if row.key not in found]
        if due:
            found |= await self._send(due)
        return [found[row.key] for row in rows]

    async def settle_together(self, attempts: Sequence[Attempt]) -> Sequence[Settled]:
        rows = [attempt.row for attempt in attempts]
        live = await self._live([row.key for row in rows])
        status = ""
        if any(row.payload.get("preowned") for row in rows):
            product = await self._tiktok.product(rows[0].group)
            status = str((product or {}).get("status") or "")
        return [_settled(row, live.get(row.key), status) for row in rows]

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
        return found

    # --- the calls

    async def _send(self, rows: Sequence[Owed]) -> dict[str, Outcome | Failed]:
        tiktok = self._late_tiktok if all(row.reason == RESYNCED for row in rows) else self._tiktok
        wanted = [SkuLevels(row.key, tuple(row.payload["levels"].items())) for row in rows]
        try:
            failures = {one.sku_id: one for one in await tiktok.update_inventory(rows[0].group, wanted)}
        except ApiError as error:
            code = error.verdict.code if isinstance(error.verdict, Rejected) else ""
            if code in _NOT_LIVE:
                return {row.key: await self._not_live(row) for row in rows}
            if code not in _OF_ONE_SKU:
                raise
            if len(rows) > 1:
                alone = [await self._send([row]) for row in rows]
                return {key: outcome for one in alone for key, outcome in one.items()}
            failures = {rows[0].key: SkuFailure(rows[0].key, int(error.code or 0), error.message, {})}
        found: dict[str, Outcome | Failed] = {}
        for row in rows:
            failure = failures.get(row.key)
            found[row.key] = _done(row) if failure is None else await self._refused(row, failure)
        return found

    async def _refused(self, row: Owed, failure: SkuFailure) -> Outcome | Failed:
        """What follows for one SKU of the call that TikTok did not take."""
        word, said = word_of(failure.code), f"{failure.code} {failure.message}".strip()
        if word in _KINDS:
            return await self._is_of(row, _KINDS[word])
        if word in _NOT_LIVE:
            return await self._not_live(row)
        if word == "stock_locked_by_campaign":
            return await self._locked(row)
        if word == "warehouse_set_wrong":
            return await self._other_warehouses(row, failure, said)
        if word == "quantity_out_of_range" and not any(row.payload["levels"].values()):
            return (await self._deactivate(row.group, [row]))[row.key]
        if word.startswith("tiktok_"):
            return Failed(Retry(word, tries=UNKNOWN_CODE_TRIES), f"TikTok refuses the stock of this SKU: {said}")
        return Refused(word, f"TikTok refuses the stock of SKU {_sku(row)}: {said}")

    async def _is_of(self, row: Owed, kind: Kind) -> Outcome:
        now_ms = self._clock.now_ms()

        def work(tx: Tx) -> None:
            links.found_out(tx, row.key, kind, now_ms)
            if kind is Kind.PREOWNED:
                mark_id(tx, row.key, Cause.LINK, now_ms)

        await self._database.write(work)
        return Dropped(NOT_OURS.get(kind, PREOWNED))

    async def _not_live(self, row: Owed) -> Outcome:
        await self._database.write(lambda tx: tx.run("link_not_live", (row.key,)))
        return Dropped("TikTok takes no stock for its product now; sent again when the product's status changes")

    async def _locked(self, row: Owed) -> Outcome:
        live = sum((await self._live([row.key])).get(row.key, {}).values())
        wanted = sum(row.payload["levels"].values())
        text = f"a campaign locks the stock of SKU {_sku(row)}: TikTok has {live} and takes no less; wanted is {wanted}"
        due_ms = self._clock.now_ms() + milliseconds(CAMPAIGN_RECHECK)
        return Later(due_ms, text, code="stock_locked_by_campaign")

    async def _other_warehouses(self, row: Owed, failure: SkuFailure, said: str) -> Outcome | Failed:
        """The SKU has other warehouses than we know, or one is closed: have it worked out again for those in use."""
        closed = {place for place, code in failure.by_warehouse.items() if code in _CLOSED}
        live = (await self._live([row.key])).get(row.key, {})
        live = {place: units for place, units in live.items() if place not in closed}
        if not live or set(live) == set(row.payload["levels"]):
            return Refused("warehouse_set_wrong", f"TikTok refuses the warehouses of SKU {_sku(row)}: {said}")
        now_ms = self._clock.now_ms()

        def work(tx: Tx) -> None:
            links.reassigned(tx, row.key, tuple(live.items()), now_ms)
            mark_id(tx, row.key, Cause.LINK, now_ms)

        await self._database.write(work)
        self.bell.ring()
        return Dropped("TikTok keeps it in other warehouses than before; worked out again for those")

    async def _deactivate(self, product_id: str, rows: Sequence[Owed]) -> dict[str, Outcome | Failed]:
        failures = await self._tiktok.deactivate_products([product_id])
        if failures:
            text = f"TikTok does not take product {product_id} off sale: {failures[0].code} {failures[0].message}"
            return {row.key: Failed(Retry("deactivate_refused", tries=UNKNOWN_CODE_TRIES), text) for row in rows}
        return {row.key: _done(row, "taken off sale: nothing is left of it") for row in rows}

    async def _live(self, sku_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """What TikTok has available, by SKU and warehouse."""
        found: dict[str, dict[str, int]] = {}
        for product in await self._tiktok.search_inventory(sku_ids=sku_ids):
            for sku in records(product, "skus"):
                found[required_text(sku, "id")] = {
                    identifier(place, "warehouse_id"): whole(place, "available_quantity") or 0
                    for place in records(sku, "warehouse_inventory")
                }
        return found


class StockRows:
    """How a worked out SKU becomes a row; needs neither side."""

    name = NAME

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        record = change.record
        if record["drop"]:
            if row is None:
                return None
            return Wanted(State.DROPPED, dict(record), "", reason=record["drop"])
        if record["preowned"]:
            return _preowned(record, row)
        return Wanted(
            State.READY,
            dict(record),
            digest(record["levels"]),
            summary=f"stock {sum(record['levels'].values())}",
        )


ROWS = StockRows()


def _preowned(record: Mapping[str, Any], row: Owed | None) -> Wanted | None:
    """Sold: off sale. There again: a person must list a new product, for TikTok takes no sold piece back."""
    sold = not any(record["levels"].values())
    if sold:
        return Wanted(State.READY, dict(record), DEACTIVATED, summary="off sale")
    if row is None:
        return None
    if DEACTIVATED not in (row.digest, row.accepted_digest):
        return Wanted(State.DROPPED, dict(record), "", reason=PREOWNED)
    text = f"pre-owned SKU {record['sku']} was sold and is there again in Pipe17; TikTok takes no sold piece back"
    finding = Finding("preowned_needs_new_product", text, lasting=True)
    return Wanted(State.DROPPED, dict(record), DEACTIVATED, reason="sold once", findings=(finding,))


def _settled(row: Owed, live: Mapping[str, int] | None, status: str) -> Settled:
    if row.payload.get("preowned"):
        return _done(row) if status == "SELLER_DEACTIVATED" else Absent()
    return _done(row) if live is not None and dict(live) == dict(row.payload["levels"]) else Absent()


def _done(row: Owed, reason: str = "") -> Done:
    levels: Mapping[str, int] = row.payload["levels"]
    told = reason or f"stock {sum(levels.values())}"
    return Done(row.digest, remote_id=row.key, result={"levels": dict(levels)}, reason=told)


def _sku(row: Owed) -> str:
    return str(row.payload.get("sku") or row.key)
