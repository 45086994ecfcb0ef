"""Do both sides agree about what is for sale? Products, warehouses and stock, compared on the services' side.

Like `compare.py` it shares no code with the connector. What TikTok should sell of a SKU is worked out here again:

    per warehouse    onHand - committed + future - committedFuture of the locations mapped to it
    less the units   of TikTok's orders that are to be shipped and have no shipping request in Pipe17 yet; they, and
                     what a location lacks, are taken from the fullest warehouse first
    never below 0

`Shelves` looks at that again and again while the day runs, so that at its end it can be told which of the zeros that
TikTok took had been true, and whether more was promised than there was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from daemon.sandbox.compare import PLATFORM, Difference
from daemon.sandbox.pipe17 import Pipe17Sandbox
from daemon.sandbox.tiktok import TikTokSandbox
from daemon.sandbox.tiktok.goods import Product, Sku
from daemon.sandbox.tiktok.records import Order, Unit

UNSHIPPED = frozenset({"UNPAID", "ON_HOLD", "AWAITING_SHIPMENT"})
SEEN_BEFORE_MS = 5_000
"""How much older than the update before it a figure may be that an update tells."""

Levels = Mapping[str, int]
"""Units by warehouse."""


def linked(tiktok: TikTokSandbox, pipe17: Pipe17Sandbox) -> Iterator[Difference]:
    """SKUs and warehouses that Pipe17 does not have as the shop's, exactly once."""
    for product in tiktok.catalogue.products.values():
        for sku in product.skus:
            problem = _unlinked(pipe17, product, sku)
            if problem:
                yield Difference("unlinked", "", f"SKU {sku.seller_sku} {problem}")
    places = Counter(
        item["value"]
        for row in pipe17.books.goods.locations
        for item in row.document.get("customFields", ())
        if item["name"] == "tiktokWarehouseId"
    )
    for warehouse in tiktok.logistics.warehouses:
        if places[warehouse["id"]] != 1:
            yield Difference("unlinked", "", f"warehouse {warehouse['name']} is {places[warehouse['id']]} locations")


def _unlinked(pipe17: Pipe17Sandbox, product: Product, sku: Sku) -> str:
    rows = pipe17.books.goods.products.find("sku", sku.seller_sku)
    if len(rows) != 1:
        return f"is {len(rows)} products in Pipe17"
    mine = pipe17.options.integration
    own = [item for item in rows[0].document["published"] if item["integrationId"] == mine]
    if [item["status"] for item in own] != ["published"]:
        return f"has {len(own)} mappings of this shop in Pipe17, or is not published there"
    if rows[0].owner == mine and product.title not in rows[0].document["name"]:
        return "has another name in Pipe17"
    return ""


@dataclass(slots=True)
class _Watched:
    """One SKU over time: (instant, what TikTok should have), whenever that changed."""

    history: list[tuple[int, Levels]] = field(default_factory=list)
    short: int = 0
    """The most units that were promised beyond what there was."""


class Shelves:
    """The stock of the SKUs whose stock is the connector's to set."""

    def __init__(self, tiktok: TikTokSandbox, pipe17: Pipe17Sandbox, warehouse_of: Mapping[str, str]) -> None:
        """`warehouse_of`: Pipe17 location -> TikTok warehouse."""
        self._tiktok = tiktok
        self._pipe17 = pipe17
        self._warehouse_of = warehouse_of
        self._watched: dict[str, _Watched] = {}

    @property
    def skus(self) -> list[Sku]:
        """All but bundles, whose stock TikTok works out."""
        return [sku for sku in self._tiktok.catalogue.skus.values() if not sku.bundle]

    def look(self) -> None:
        """Note what TikTok should have now."""
        now_ms, waiting = self._tiktok.clock.now_ms(), self._uncommitted()
        for sku in self.skus:
            levels, short = self._wanted(sku, waiting[sku.seller_sku])
            watched = self._watched.setdefault(sku.id, _Watched())
            watched.short = max(watched.short, short)
            if not watched.history or watched.history[-1][1] != levels:
                watched.history.append((now_ms, levels))

    def differences(self) -> list[Difference]:
        """SKUs of which TikTok sells another number than there is, now."""
        found, waiting = [], self._uncommitted()
        for sku in self.skus:
            wanted, _ = self._wanted(sku, waiting[sku.seller_sku])
            if sku.available != wanted:
                text = f"TikTok sells {_shown(sku.available)} of {sku.seller_sku}, there are {_shown(wanted)}"
                found.append(Difference("stock", "", text))
        return found

    def zeroed(self) -> list[Difference]:
        """SKUs that went to 0 in a warehouse where, as far as anybody could see, there was stock.

        A 0 that is sent again takes nothing off sale; whether it stayed too long is what `differences` tells.
        """
        found: dict[str, Difference] = {}
        before_ms: dict[str, int] = {}
        had: dict[tuple[str, str], int] = {}
        for at_ms, sku_id, levels in self._tiktok.stock.pushed:
            sku = self._tiktok.catalogue.skus[sku_id]
            since_ms = min(before_ms.get(sku_id, 0), at_ms - SEEN_BEFORE_MS)
            for warehouse, units in levels.items():
                sent_again = had.get((sku_id, warehouse)) == 0
                had[sku_id, warehouse] = units
                if units == 0 and not sent_again and not self._was_zero(sku_id, warehouse, since_ms, at_ms):
                    text = f"{sku.seller_sku} was set to 0 in warehouse {warehouse} while Pipe17 had stock"
                    found.setdefault(sku_id, Difference("zeroed", "", text))
            before_ms[sku_id] = at_ms
        return list(found.values())

    def oversold(self) -> list[Difference]:
        """Units sold that were not there: at TikTok when they were ordered, or in Pipe17 to be sent."""
        found = []
        for sku in self.skus:
            units = self._tiktok.stock.oversold[sku.id] + self._watched.get(sku.id, _Watched()).short
            if units:
                found.append(Difference("oversold", "", f"{units} units of {sku.seller_sku} were sold and not there"))
        return found

    def oversold_units(self) -> int:
        """All of them."""
        short = sum(watched.short for watched in self._watched.values())
        return short + sum(self._tiktok.stock.oversold[sku.id] for sku in self.skus)

    def _was_zero(self, sku_id: str, warehouse: str, since_ms: int, until_ms: int) -> bool:
        history = self._watched.get(sku_id, _Watched()).history
        ends = [at_ms for at_ms, _ in history[1:]] + [until_ms + 1]
        return any(
            at_ms <= until_ms and end_ms > since_ms and not levels.get(warehouse)
            for (at_ms, levels), end_ms in zip(history, ends, strict=True)
        )

    def _wanted(self, sku: Sku, waiting: int) -> tuple[dict[str, int], int]:
        """What TikTok should have by warehouse, and how many units are promised beyond it."""
        sums = dict.fromkeys(sku.available, 0)
        for row in self._pipe17.books.stock.rows.find("sku", sku.seller_sku):
            stock, warehouse = row.document, self._warehouse_of.get(str(row.document["locationId"]), "")
            if warehouse in sums:
                sums[warehouse] += stock["onHand"] - stock["committed"] + stock["future"] - stock["committedFuture"]
        lacking = waiting - sum(units for units in sums.values() if units < 0)
        levels = {warehouse: max(units, 0) for warehouse, units in sums.items()}
        for warehouse in sorted(levels, key=lambda name: (-levels[name], name)):
            taken = min(lacking, levels[warehouse])
            levels[warehouse] -= taken
            lacking -= taken
        return levels, lacking

    def _uncommitted(self) -> Counter[str]:
        """Units by seller SKU in TikTok's orders that Pipe17 sends to no warehouse yet."""
        self._pipe17.advance()
        found: Counter[str] = Counter()
        for order in self._tiktok.book.orders.values():
            if order.status in UNSHIPPED and order.fulfillment_type not in PLATFORM and not self._committed(order):
                for unit in order.live():
                    found.update(_parts(unit))
        return found

    def _committed(self, order: Order) -> bool:
        rows = self._pipe17.books.orders.find("extOrderId", order.id)
        return any(self._pipe17.books.shipments.find("orderId", row.id) for row in rows)


def _parts(unit: Unit) -> Mapping[str, int]:
    if unit.recipe:
        return {str(part["seller_sku"]): int(part["sku_count"]) for part in unit.recipe}
    return {unit.seller_sku: 1}


def _shown(levels: Levels) -> str:
    return "+".join(str(levels[warehouse]) for warehouse in sorted(levels))
