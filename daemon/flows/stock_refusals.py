"""What follows when TikTok does not take the stock of a SKU, and how a product goes off sale.

SKUs whose stock is not ours (bundles, shared, TikTok's own warehouses) and products that take none are recognised by
TikTok's codes, remembered at their link and left alone until that changes. A campaign's lock is asked about again now
and then; other warehouses than we knew are read and the SKU is worked out once more. Where TikTok refuses 0, the
product is taken off sale instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from daemon.apis.tiktok.client import TikTok
from daemon.apis.tiktok.goods import SkuFailure
from daemon.clock import Clock
from daemon.core.links import Kind
from daemon.core.owed import Dropped, Failed, Later, Outcome, Owed, Refused
from daemon.core.reading import identifier, records, required_text, whole
from daemon.core.spans import milliseconds
from daemon.core.tiktok_catalogue_errors import word_of
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Retry
from daemon.flows.stock_plan import NOT_OURS
from daemon.flows.stock_wanted import PREOWNED, done
from daemon.store import links
from daemon.store.database import Database, Tx
from daemon.store.levels import Cause, mark_id

CAMPAIGN_RECHECK = timedelta(minutes=30)
_KINDS = {
    "stock_of_bundle": Kind.BUNDLE,
    "stock_shared": Kind.SHARED,
    "stock_of_platform_warehouse": Kind.PLATFORM,
    "preowned_quantity": Kind.PREOWNED,
}
_CLOSED = frozenset({12052097, 12052530, 12052531, 12052532})
"""TikTok's codes for a warehouse that may not be named: unknown, not the shop's, disabled, not for deliveries."""
NOT_LIVE = frozenset({"product_not_live", "product_unknown", "sku_not_of_product"})
OF_ONE_SKU = frozenset(
    {*_KINDS, "stock_locked_by_campaign", "warehouse_set_wrong", "quantity_out_of_range", "stock_in_global_screen"}
)


class Refusals:
    """`rung` is called when a SKU was marked to be worked out again."""

    def __init__(self, database: Database, tiktok: TikTok, clock: Clock, rung: Callable[[], None]) -> None:
        self._database = database
        self._tiktok = tiktok
        self._clock = clock
        self._rung = rung

    async def of(self, row: Owed, failure: SkuFailure) -> Outcome | Failed:
        """What follows for one SKU of the call that TikTok did not take."""
        word, said = word_of(failure.code), f"{failure.code} {failure.message}".strip()
        if word in _KINDS:
            return await self._is_of(row, _KINDS[word])
        if word in NOT_LIVE:
            return await self.not_live(row)
        if word == "stock_locked_by_campaign":
            return await self._locked(row)
        if word == "warehouse_set_wrong":
            return await self._other_warehouses(row, failure, said)
        if word == "quantity_out_of_range" and not any(row.payload["levels"].values()):
            return (await self.deactivate(row.group, [row]))[row.key]
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

    async def not_live(self, row: Owed) -> Outcome:
        await self._database.write(lambda tx: tx.run("link_not_live", (row.key,)))
        return Dropped("TikTok takes no stock for its product now; sent again when the product's status changes")

    async def _locked(self, row: Owed) -> Outcome:
        live = sum((await self.live([row.key])).get(row.key, {}).values())
        wanted = sum(row.payload["levels"].values())
        text = f"a campaign locks the stock of SKU {_sku(row)}: TikTok has {live} and takes no less; wanted is {wanted}"
        due_ms = self._clock.now_ms() + milliseconds(CAMPAIGN_RECHECK)
        return Later(due_ms, text, code="stock_locked_by_campaign")

    async def _other_warehouses(self, row: Owed, failure: SkuFailure, said: str) -> Outcome | Failed:
        """The SKU has other warehouses than we know, or one is closed: have it worked out again for those in use."""
        closed = {place for place, code in failure.by_warehouse.items() if code in _CLOSED}
        live = (await self.live([row.key])).get(row.key, {})
        live = {place: units for place, units in live.items() if place not in closed}
        if not live or set(live) == set(row.payload["levels"]):
            return Refused("warehouse_set_wrong", f"TikTok refuses the warehouses of SKU {_sku(row)}: {said}")
        now_ms = self._clock.now_ms()

        def work(tx: Tx) -> None:
            links.reassigned(tx, row.key, tuple(live.items()), now_ms)
            mark_id(tx, row.key, Cause.LINK, now_ms)

        await self._database.write(work)
        self._rung()
        return Dropped("TikTok keeps it in other warehouses than before; worked out again for those")

    async def deactivate(self, product_id: str, rows: Sequence[Owed]) -> dict[str, Outcome | Failed]:
        failures = await self._tiktok.catalogue.deactivate_products([product_id])
        if failures:
            text = f"TikTok does not take product {product_id} off sale: {failures[0].code} {failures[0].message}"
            return {row.key: Failed(Retry("deactivate_refused", tries=UNKNOWN_CODE_TRIES), text) for row in rows}
        return {row.key: done(row, "taken off sale: nothing is left of it") for row in rows}

    async def live(self, sku_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """What TikTok has available, by SKU and warehouse."""
        found: dict[str, dict[str, int]] = {}
        for product in await self._tiktok.catalogue.search_inventory(sku_ids=sku_ids):
            for sku in records(product, "skus"):
                found[required_text(sku, "id")] = {
                    identifier(place, "warehouse_id"): whole(place, "available_quantity") or 0
                    for place in records(sku, "warehouse_inventory")
                }
        return found


def _sku(row: Owed) -> str:
    return str(row.payload.get("sku") or row.key)
