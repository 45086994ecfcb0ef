"""Pull products: the shop's products and SKUs into Pipe17, and the table that links the SKUs of both sides.

    source   products by update time, from the last fetch's start minus `OVERLAP`; once a day everything
    keep     the link table, in the transaction of the page
    decide   core.products: parent and children, or one `simple` product
    deliver  looks the SKUs up; creates what is missing, puts what differs in ours, maps what belongs to others
    settle   the same look-up, without writing

Nothing is deleted in Pipe17. A product or SKU that vanishes is asked for by its id before that is believed; then its
link is marked and its listing in Pipe17 is `unpublished`.

Two TikTok SKUs may carry one seller SKU. Both are linked and get the stock of that SKU; a person is told
(`sku_duplicate`), and Pipe17 shows the one that was there first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.findings import Finding
from daemon.core.jsontext import digest
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.owed import Absent, Change, Done, Later, Outcome, Owed, Page, Settled, Wanted
from daemon.core.products import (
    SKU_MISSING,
    UNFINISHED,
    is_same_listing,
    mapping_changes,
    plan_product,
    product_changes,
    withdrawn,
)
from daemon.core.reading import BadShape, text
from daemon.core.spans import milliseconds
from daemon.core.sweeps import Progress, halves, progress
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError
from daemon.flows.flow import Attempt, Known
from daemon.flows.ownership import Ownership
from daemon.flows.product_links import NAME as NAME
from daemon.flows.product_links import is_gone, keep_links
from daemon.flows.product_reader import ProductReader
from daemon.store import links
from daemon.store.database import Database, Tx

OVERLAP = timedelta(minutes=10)
"""Read again at every fetch: the search index lags."""
VANISHED_AT_ONCE = 20
"""Products that no search showed, asked for by their id before they count as gone."""
SKUS_IN_A_LOOK_UP = 25
"""SKUs in the query of one list call; what keeps its URL short."""
WAIT_FOR_INTEGRATION = timedelta(minutes=5)


class PullProducts:
    """The flow; see the module."""

    name = NAME
    lane = Lane.PRODUCTS
    concurrency = 4

    def __init__(
        self,
        tiktok: TikTok,
        pipe17: Pipe17,
        clock: Clock,
        every: timedelta,
        ownership: Ownership,
        database: Database,
        *,
        required_only: bool = False,
    ) -> None:
        self.every = every
        self._pipe17 = pipe17.at(Lane.PRODUCTS)
        self._clock = clock
        self._ownership = ownership
        self._database = database
        self._reader = ProductReader(tiktok.at(Lane.PRODUCTS), database, clock, required_only=required_only)

    # -- reading

    async def source(self, cursor: str | None) -> AsyncIterator[Page]:
        at, now_ms = progress(cursor), self._clock.now_ms()
        if at.read_to_ms is not None:
            ge_s = max(at.read_to_ms - milliseconds(OVERLAP), 0) // 1000
            at = replace(at, read_to_ms=now_ms)
            async for page in self._reader.window(ge_s, None):
                yield page
            yield Page((), cursor=at.text())
        if at.sweep_started_ms is None and at.sweep_is_due(now_ms):
            self._reader.forget_categories()
            at = replace(at, sweep_started_ms=now_ms, sweep_from_s=0)
        if at.sweep_started_ms is not None:
            async for page in self._sweep(at, at.sweep_started_ms):
                yield page

    async def _sweep(self, at: Progress, started_ms: int) -> AsyncIterator[Page]:
        """Everything, the products changed longest ago first; after each window the cursor says how far it is."""
        waiting: list[tuple[int, int | None]] = [(at.sweep_from_s, None)]
        while waiting:
            ge_s, le_s = waiting.pop()
            try:
                async for page in self._reader.window(ge_s, le_s):
                    started_ms = self._since(started_ms)
                    yield page
            except ApiError as error:
                parts = halves(ge_s, le_s, self._clock.now_ms() // 1000)
                if error.verdict != Rejected("too_many_hits") or parts is None:
                    raise
                older, newer = parts
                waiting += [newer, older]
                continue
            if le_s is not None:
                at = replace(at, sweep_from_s=le_s + 1)
                yield Page((), cursor=at.text())
        over = Progress(at.read_to_ms or started_ms, at.swept_at_ms)
        async for page in self._vanished(started_ms, over.text()):
            yield page
        yield Page((), cursor=replace(over, swept_at_ms=started_ms).text())

    async def _vanished(self, started_ms: int, again: str) -> AsyncIterator[Page]:
        """The products that were not shown. When most of them are there after all, the lists were not whole."""
        while True:
            started_ms = self._since(started_ms)
            ids = await self._unseen(started_ms)
            if not ids:
                return
            page, gone = await self._reader.vanished(ids)
            if len(ids) >= VANISHED_AT_ONCE and gone < len(ids) // 2:
                yield replace(page, cursor=again)
                raise BadShape("products", f"{len(ids) - gone} of {len(ids)} that no search shows are there after all")
            yield page

    async def _unseen(self, since_ms: int) -> list[str]:
        return await self._database.write(lambda tx: links.unseen(tx, since_ms, VANISHED_AT_ONCE))

    def _since(self, started_ms: int) -> int:
        """From when on what is seen belongs to this reading; earlier than its start where the clock was set back."""
        return min(started_ms, self._clock.now_ms())

    async def read(self, keys: Sequence[str]) -> Page:
        return await self._reader.details(keys)

    # -- deciding

    def keep(self, tx: Tx, page: Page, now_ms: int) -> None:
        keep_links(tx, page, now_ms)

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        raw = change.record["detail"]
        before: list[dict[str, Any]] = list(row.payload.get("documents", ())) if row is not None else []
        plan = None if is_gone(raw) else plan_product(raw, change.record["required"])
        documents = list(plan.documents) if plan is not None else []
        findings = plan.findings if plan is not None else ()
        if plan is not None and plan.status == UNFINISHED and not before:
            return Wanted(State.DROPPED, {}, "", reason="a draft that was never listed", findings=findings)
        kept = {document["sku"] for document in documents}
        documents += [withdrawn(document) for document in before if document["sku"] not in kept]
        if not documents:
            if row is None and plan is None:
                return None
            return Wanted(State.DROPPED, {}, "", reason="none of its SKUs has a seller SKU", findings=findings)
        summary = plan.status.lower() if plan is not None else "gone"
        return Wanted(
            State.READY,
            {"documents": documents, "findings": [finding.text for finding in findings]},
            digest(documents),
            findings=findings,
            summary=summary,
        )

    # -- writing

    async def deliver(self, attempt: Attempt) -> Outcome:
        documents = attempt.row.payload["documents"]
        present = await self._present(documents)
        if not self._ownership.integration_id and present:
            return Later(
                self._clock.now_ms() + milliseconds(WAIT_FOR_INTEGRATION),
                "Pipe17 has SKUs of this product, and which integration is ours is not known yet",
                code="integration_unknown",
            )
        made: dict[str, str] = {}
        wrote = False
        for document in documents:
            current = present.get(document["sku"])
            if current is None and not document.get("withdrawn"):
                created = await self._create(document)
                current, wrote = created, True
            if current is None:
                continue
            changes = await self._changes(current, document)
            if changes:
                await self._pipe17.goods.update_product(str(current["productId"]), changes)
                wrote = True
            if not document.get("withdrawn"):
                made[document["sku"]] = str(current["productId"])
        return await self._done(attempt.row, made, unchanged=not wrote)

    async def settle(self, attempt: Attempt) -> Settled:
        documents = attempt.row.payload["documents"]
        present = await self._present(documents)
        made: dict[str, str] = {}
        for document in documents:
            current = present.get(document["sku"])
            if document.get("withdrawn") and current is None:
                continue
            if current is None or await self._changes(current, document):
                return Absent()
            made[document["sku"]] = str(current["productId"])
        return await self._done(attempt.row, made)

    async def _present(self, documents: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """The products of Pipe17 that have these SKUs, whoever made them."""
        skus = [document["sku"] for document in documents]
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(skus), SKUS_IN_A_LOOK_UP):
            some = skus[start : start + SKUS_IN_A_LOOK_UP]
            skip, last = 0, False
            while not last:
                page = await self._pipe17.goods.products(skus=some, skip=skip)
                found |= {str(row.get("sku")): row for row in page.rows if row.get("productId")}
                skip, last = skip + len(page.rows), page.last
        return {sku: found[sku] for sku in skus if sku in found}

    async def _create(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        integration = self._ownership.integration_id
        mapped = {"mappedProduct": {"integrationId": integration, **document["mappedProduct"]}} if integration else {}
        body = {**{name: value for name, value in document.items() if name != "mappedProduct"}, **mapped}
        made = await self._pipe17.goods.create_product(body)
        if made.fresh:
            await self._ownership.learn(str(made.record.get("integration") or ""))
        return made.record

    async def _changes(self, current: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
        """What to put. A product of ours gets everything, one of somebody else's our mapping alone."""
        integration = self._ownership.integration_id
        if not integration:
            return {}
        ours = text(current, "integration") == integration
        if document.get("withdrawn") or not ours:
            return mapping_changes(current, document, integration)
        if not is_same_listing(current, document):
            alive = await self._database.write(lambda tx: links.by_sku(tx, document["sku"]))
            if text(current, "extProductApiId") in {link.sku_id for link in alive}:
                return {}
        return product_changes(current, document, integration)

    async def _done(self, row: Owed, made: Mapping[str, str], *, unchanged: bool = False) -> Done:
        now_ms = self._clock.now_ms()

        def work(tx: Tx) -> None:
            for link in links.by_product(tx, row.key):
                product_id = made.get(link.seller_sku, "")
                if product_id and link.pipe17_product_id != product_id:
                    links.made(tx, link.sku_id, product_id, now_ms)

        await self._database.write(work)
        findings = tuple(Finding(SKU_MISSING, said) for said in row.payload.get("findings", ()))
        remote_id = next(iter(made.values()), row.remote_id)
        return Done(row.digest, remote_id, findings=findings, unchanged=unchanged)
