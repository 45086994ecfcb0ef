"""The shop of the worlds about stock: its goods on both sides, what people do in it, and what is right at the end.

SKUs come in groups, so that what is right can be told from outside, from Pipe17's own books:

    UP, DOWN   nobody buys them; their totals only rise (fall), so an older level after a newer one shows by itself
    STEADY     never change: whatever is pushed for them must be what they always had
    SOLD       orders take them, some as parts of a bundle

I4  stock converges to Pipe17's figures; a level that was never true is never pushed; an older one never after a newer
    one; nothing is zeroed because something was not shown; units of orders count once
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from daemon.flows import resync_standing
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE
from daemon.sandbox.tiktok.pricing import UnitSpec, id_of
from daemon.sandbox.tiktok.records import Unit
from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.scenarios.stock_stage import link
from tests.sim.day import Diary, settle
from tests.sim.invariants import violations
from tests.sim.world import World

UP = tuple(f"UP-{number}" for number in range(8))
DOWN = tuple(f"DOWN-{number}" for number in range(6))
STEADY = tuple(f"STEADY-{number}" for number in range(6))
SOLD = tuple(f"SOLD-{number}" for number in range(6))
GROUPS = (UP, DOWN, STEADY, SOLD)
SET = UnitSpec("SET-SOLD", "30", parts=((SOLD[0], 2, "10"), (SOLD[1], 1, "10")))
"""A virtual bundle; its stock is TikTok's to work out."""
EVERY_SKU = tuple(sku for group in GROUPS for sku in group)
MAIN, NORTH, SOUTH = "5ad3709be8c41f26", "10c000000000000a", "10c000000000000b"
HOUR_S, MINUTE_S = 3600.0, 60.0


@dataclass(slots=True)
class Books:
    """What was ever true, by SKU, kept beside the simulation; the daemon knows none of it."""

    totals: dict[str, list[int]] = field(default_factory=dict)
    """Units that Pipe17 could sell, in the order in which they were true."""
    diary: Diary = field(default_factory=Diary)


class Shop:
    """A world with the catalogue of this module, and what people do in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.books = Books()
        self.rng = world.rng
        self.excluded: frozenset[str] = frozenset()
        """Locations that the merchant excluded in Pipe17."""
        self.sets = False

    def sell_sets(self) -> None:
        """List the bundle, too; one order in three has it."""
        members = tuple((id_of(sku, "sku"), count) for sku, count, _ in SET.parts)
        self.world.tiktok.seller.add_product([{"seller_sku": SET.seller_sku, "bundle": members}], stock=5)
        self.sets = True

    def open(self, *, amount: int = 40) -> None:
        """List every SKU on both sides, one to three to a product."""
        tiktok, pipe17 = self.world.tiktok, self.world.pipe17
        second = tiktok.seller.add_warehouse("Second")
        for location, name in ((NORTH, "North"), (SOUTH, "South")):
            pipe17.keeper.add_location(name, location)
        for group in GROUPS:
            left = list(group)
            while left:
                some = [left.pop(0) for _ in range(min(self.rng.randint(1, 3), len(left)))]
                places = (
                    {MAIN_WAREHOUSE: 3 * amount, second: 0} if self.rng.random() < 0.5 else {MAIN_WAREHOUSE: 3 * amount}
                )
                tiktok.seller.add_product(some, stock=places)
        for sku in EVERY_SKU:
            for location in (MAIN, NORTH, SOUTH):
                pipe17.keeper.add_stock(sku, amount, location)
            self.books.totals[sku] = [self.sellable(sku)]

    async def start(self) -> None:
        """The daemon starts, and knows the catalogue."""
        await self.world.start()
        await link(self.world)

    def sellable(self, sku: str) -> int:
        """What Pipe17 can sell of a SKU."""
        rows = (self.world.pipe17.keeper.stock_at(sku, location) for location in {MAIN, NORTH, SOUTH} - self.excluded)
        members = ("onHand", "committed", "future", "committedFuture")
        counted = [[int(row[name]) for name in members] for row in rows if row is not None]
        return sum(on_hand - committed + future - promised for on_hand, committed, future, promised in counted)

    def set(self, sku: str, on_hand: int) -> None:
        """The warehouse counts again, at the main location."""
        self.world.pipe17.keeper.add_stock(sku, on_hand, MAIN)
        self.books.totals[sku].append(self.sellable(sku))

    def move(self) -> None:
        """One SKU's level changes; what falls never gets to nothing."""
        sku = self.rng.choice((*UP, *DOWN))
        row = self.world.pipe17.keeper.stock_at(sku, MAIN)
        assert row is not None
        step = self.rng.randint(1, 4) * (1 if sku in UP else -1)
        self.set(sku, max(int(row["onHand"]) + step, 0))

    def live(self, sku: str) -> int:
        """What TikTok sells."""
        return self.world.tiktok.catalogue.by_seller_sku(sku)[0].total_available

    def uncommitted(self, sku: str) -> int:
        """Units in orders of TikTok that are still to be shipped and that Pipe17 does not count."""
        units = 0
        for order in self.world.tiktok.book.orders.values():
            mine = sum(_pieces(unit)[sku] for unit in order.units if unit.live)
            if order.status not in ("UNPAID", "ON_HOLD", "AWAITING_SHIPMENT") or not mine:
                continue
            committed = self.world.pipe17.order_of(order.id) is not None and self.world.pipe17.shipments_of(order.id)
            units += 0 if committed else mine
        return units

    def pushed(self, sku: str) -> list[int]:
        """Every quantity that TikTok accepted for a SKU."""
        sku_id = self.world.tiktok.catalogue.by_seller_sku(sku)[0].id
        return [sum(levels.values()) for _, one, levels in self.world.tiktok.stock.pushed if one == sku_id]

    async def resync(self) -> bool:
        """Somebody asks for a resync; False when it joined one that runs."""
        world = self.world
        if not world.running or world.parts is None or world.daemon is None or world.daemon.resync is None:
            return False
        now_ms = world.clock.now_ms()
        write = world.parts.database.write
        try:
            async with asyncio.timeout(1):
                asked = await write(lambda tx: resync_standing.request(tx, "test", now_ms))
        except TimeoutError:  # the process ended at this very commit, and nobody answers any more
            return False
        world.daemon.resync.bell.ring()
        return bool(asked["started"])

    async def buy(self, *, pay_after_s: float = 0.0, cancel_after_s: float | None = None) -> str:
        """One order of one to four units."""
        units: list[str | UnitSpec] = [self.rng.choice(SOLD) for _ in range(self.rng.randint(1, 4))]
        if self.sets and len(self.books.diary.orders) % 3 == 0:
            units.append(SET)
        order_id = self.world.tiktok.place_order(units, paid=pay_after_s == 0)
        self.books.diary.orders.append(order_id)
        if pay_after_s:
            await asyncio.sleep(pay_after_s)
            self.world.tiktok.pay(order_id)
        if cancel_after_s is not None:
            await asyncio.sleep(cancel_after_s)
            self.world.tiktok.cancel_order(order_id)
        return order_id

    def wrong(self, *, in_order: bool) -> list[str]:
        """What is against I4, at a moment when everything has settled."""
        return [*(self.never_true() if in_order else ()), *self.not_converged(), *self.oversold()]

    def not_converged(self, skus: Sequence[str] = EVERY_SKU) -> list[str]:
        """SKUs of which TikTok sells another number than there is."""
        found = []
        for sku in skus:
            wanted = max(self.sellable(sku) - self.uncommitted(sku), 0)
            if self.live(sku) != wanted:
                found.append(f"I4 {sku}: TikTok sells {self.live(sku)}, there are {wanted}")
        return found

    def never_true(self) -> list[str]:
        """Pushes of levels that never were, or of an older after a newer."""
        found = []
        for sku in (*UP, *DOWN, *STEADY):
            pushed, true = self.pushed(sku), self.books.totals[sku]
            found += [f"I4 {sku}: pushed {one}, which was never so" for one in set(pushed) - set(true)]
            if not _in_order(pushed, true):
                found.append(f"I4 {sku}: an older level after a newer: {pushed} of {true}")
        orders = self.world.tiktok.book.orders.values()
        units = sum((_pieces(unit) for order in orders for unit in order.units), Counter[str]())
        for sku in SOLD:
            least = min(self.books.totals[sku]) - units[sku]
            found += [f"I4 {sku}: pushed {one}, there were {least} at least" for one in self.pushed(sku) if one < least]
        return found

    def oversold(self) -> list[str]:
        """Sold although there was none."""
        oversold = {sku_id: units for sku_id, units in self.world.tiktok.stock.oversold.items() if units}
        return [f"I4 oversold: {oversold}"] if oversold else []


def _pieces(unit: Unit) -> Counter[str]:
    """What has to be taken from a shelf for a unit."""
    if unit.recipe:
        return Counter({str(part["seller_sku"]): int(part["sku_count"]) for part in unit.recipe})
    return Counter([unit.seller_sku])


def _in_order(pushed: Sequence[int], true: Sequence[int]) -> bool:
    """Whether the levels that were pushed were true in this order; one may be pushed again, or left out."""
    place = 0
    for level in pushed:
        while place < len(true) and true[place] != level:
            place += 1
        if place == len(true):
            return level not in true
    return True


def played(
    story: Callable[[Shop], Awaitable[list[str]]],
    *,
    seed: int = 0,
    tiktok: TikTokOptions | None = None,
    every: str = "60s",
    per_second: str = "10",
    in_order: bool = True,
    mapped: bool = False,
) -> list[str]:
    """Play a story in a shop that is open, let everything settle, and look: what is wrong.

    `mapped`: the settings say that every location is sold in the main warehouse; then no look asks which are excluded.
    """

    async def live(loop: VirtualLoop) -> list[str]:
        settings = {"INVENTORY_EVERY": every, "ORDERS_EVERY": "60s", "TIKTOK_REQUESTS_PER_SECOND": per_second}
        if mapped:
            settings["INVENTORY_LOCATION_MAP"] = ",".join(f"{one}:{MAIN_WAREHOUSE}" for one in (MAIN, NORTH, SOUTH))
        shop_options = tiktok or TikTokOptions()
        shop_options.index_lag_ms, shop_options.restless_rows = 0, 0.0
        world = World(loop, seed, tiktok=shop_options, pipe17=Pipe17Options(), settings=settings)
        try:
            shop = Shop(world)
            shop.open()
            found = await story(shop)
            await settle(world)
            return found + shop.wrong(in_order=in_order) + violations(world, shop.books.diary)
        finally:
            await world.aclose()

    return run_virtual(live)
