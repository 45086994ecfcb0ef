"""Worlds about stock: levels that move, a source that loses its figures, resyncs, orders that take units, crashes.

SKUs come in groups, so that what is right can be told from outside, from Pipe17's own books:

    UP, DOWN   nobody buys them; their totals only rise (fall), so an older level after a newer one shows by itself
    STEADY     never change: whatever is pushed for them must be what they always had
    SOLD       orders take them, some as parts of a bundle

I4  stock converges to Pipe17's figures; a level that was never true is never pushed; an older one never after a newer
    one; nothing is zeroed because something was not shown; units of orders count once
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from daemon.core.spans import milliseconds
from daemon.flows import resync_standing
from daemon.flows.stock_judge import approve
from daemon.flows.stock_unanswered import QUIET
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE
from daemon.sandbox.tiktok.pricing import UnitSpec, id_of
from daemon.sandbox.tiktok.records import Unit
from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.scenarios.stage import fact, opened
from tests.scenarios.stock_stage import link, poke
from tests.sim.day import CRASH_POINTS, RETRY_AFTER, Diary, settle
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
BULK = 150

SOURCE_FAULTS = (
    FaultKind.EMPTY_LIST,
    FaultKind.SHORT_PAGE,
    FaultKind.MISSING_LOCATION,
    FaultKind.MISSING_LOCATION,
    FaultKind.SERVER_ERROR,
    FaultKind.UNAVAILABLE,
    FaultKind.RATE_LIMIT,
    FaultKind.TRUNCATED,
    FaultKind.GARBAGE,
    FaultKind.NULL_DATA,
    FaultKind.RESET,
    FaultKind.DELAY,
)
SHOP_FAULTS = (
    FaultKind.RATE_LIMIT,
    FaultKind.SERVER_ERROR,
    FaultKind.RESET,
    FaultKind.LOST_ANSWER,
    FaultKind.ERROR_AFTER,
    FaultKind.DELAY,
    FaultKind.LANDS_LATE,
)
"""What lands late here does so within the time in which no other call for its SKU leaves."""


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


def orders_take_units_once(seed: int) -> list[str]:
    """Orders are held, paid late, cancelled, released, shipped; whenever nothing has moved for a while, all agrees."""

    async def story(shop: Shop) -> list[str]:
        world, found = shop.world, list[str]()
        shop.sell_sets()
        await shop.start()
        await world.live(5 * MINUTE_S)
        tasks = []
        for _ in range(18):
            fate = shop.rng.random()
            late_s = shop.rng.uniform(600, 5_000) if fate < 0.3 else 0.0
            # on hold, as long as Pipe17 has committed nothing: what comes and goes between two looks cancels out, and
            # units are then kept back for up to an hour
            gone_s = shop.rng.uniform(300, 3_000) if fate > 0.75 else None
            tasks.append(asyncio.create_task(shop.buy(pay_after_s=late_s, cancel_after_s=gone_s)))
            await world.live(shop.rng.uniform(60, 600))
            before = _standing(shop)
            await world.live(5 * MINUTE_S)
            if _standing(shop) == before:
                found += [f"{text} (while orders are on their way)" for text in shop.not_converged()]
        await world.live(4 * HOUR_S)
        for task in tasks:
            task.result()
        return found

    return _played(story, seed=seed)


def _standing(shop: Shop) -> object:
    """What must not have changed for a while before both sides can be compared."""
    return [(order.id, order.status) for order in shop.world.tiktok.book.orders.values()], [
        shop.sellable(sku) for sku in SOLD
    ]


def a_nasty_source(seed: int) -> list[str]:
    """Six hours of moving levels while Pipe17 loses locations, rows and pages, TikTok answers badly, orders arrive,
    resyncs are asked for, and the daemon dies now and then."""

    async def story(shop: Shop) -> list[str]:
        world, rng = shop.world, shop.rng
        shop.sell_sets()
        await shop.start()
        await world.live(5 * MINUTE_S)
        begun_s, hours = world.loop.time(), 6.0
        for _ in range(10):
            _source_fault(world, rng, hours)
        for _ in range(4):
            _shop_fault(world, rng, hours)
        acts: list[tuple[float, Callable[[], Awaitable[object]]]] = []
        acts += [(rng.uniform(0, hours * HOUR_S), _moved(shop)) for _ in range(150)]
        acts += [(rng.uniform(0, hours * HOUR_S * 0.5), shop.buy) for _ in range(15)]
        acts += [(rng.uniform(0, hours * HOUR_S), shop.resync) for _ in range(4)]
        acts += [(rng.uniform(0, hours * HOUR_S), _crash(world, rng)) for _ in range(5)]
        for at_s, act in sorted(acts, key=lambda item: item[0]):
            await world.live(max(begun_s + at_s - world.loop.time(), 0.0))
            await act()
        await world.live(max(begun_s + hours * HOUR_S - world.loop.time(), 0.0))
        return []

    return _played(story, seed=seed, tiktok=TikTokOptions(inventory_refusals=("item", "call")[seed % 2]))


def an_excluded_location_beside_failing_ones(seed: int) -> list[str]:
    """The merchant excluded one location in Pipe17 and set nothing here; the others fail now and then, wholly or every
    now and then, levels move, the daemon dies: what is excluded is never sold, what fails is never taken for it."""

    async def story(shop: Shop) -> list[str]:
        world, rng = shop.world, shop.rng
        for number, sku in enumerate(EVERY_SKU):
            world.pipe17.keeper.add_stock(sku, 41 + number % 5, NORTH)
            world.pipe17.keeper.add_stock(sku, 50 + number % 3, SOUTH)
        world.pipe17.keeper.exclude_location(SOUTH)
        shop.excluded = frozenset({SOUTH})
        shop.books.totals = {sku: [shop.sellable(sku)] for sku in EVERY_SKU}
        await shop.start()
        await world.live(5 * MINUTE_S)
        found = [f"{text} (a few minutes after the start)" for text in shop.not_converged()]
        for _ in range(8):
            failing = Fault(
                FaultKind.MISSING_LOCATION,
                "inventory.list",
                times=None,
                probability=rng.choice((0.3, 1.0, 1.0)),
                message=rng.choice((MAIN, NORTH, NORTH, SOUTH)),
            )
            world.faults["pipe17"].add(failing)
            for _ in range(5):
                shop.move()
                await world.live(rng.uniform(2 * MINUTE_S, 10 * MINUTE_S))
            world.faults["pipe17"].clear()
            await _crash(world, rng)()
            await world.live(rng.uniform(0, 40 * MINUTE_S))
        return found

    return _played(story, seed=seed)


def levels_move_during_a_resync(crash: tuple[str, int] | None) -> list[str]:
    """Both sides are slow, a resync runs, and every level moves under it; the daemon may die on the way."""

    async def story(shop: Shop) -> list[str]:
        world = shop.world
        await shop.start()
        await world.live(5 * MINUTE_S)
        before = {sku: len(shop.pushed(sku)) for sku in EVERY_SKU}
        world.faults["tiktok"].add(Fault(FaultKind.DELAY, "inventory.update", times=None, delay_ms=4_000))
        slow = Fault(FaultKind.DELAY, "inventory.list", times=None, delay_ms=9_000, probability=0.5)
        world.faults["pipe17"].add(slow)
        assert await shop.resync()
        joined = [await shop.resync()]
        world.crash_at = crash
        for _ in range(60):
            shop.move()
            await world.live(shop.rng.uniform(0.2, 8.0), restart_after_s=5.0)
            if shop.rng.random() < 0.1:
                joined.append(await shop.resync())
        for faults in world.faults.values():
            faults.clear()
        await world.live(HOUR_S)
        found = ["I4 a second resync was started while one ran"] if joined[0] else []
        steady = {sku: len(shop.pushed(sku)) - before[sku] for sku in STEADY}
        started = 1 + sum(joined)
        # a call that a crash cut off may be made again; a resync that starts over, or two at once, makes many more
        most = started + (1 if crash else 0)
        found += [f"I4 {sku} was sent {times} times by {started}" for sku, times in steady.items() if times > most]
        if not crash:  # else what was under way may have been looked up instead
            found += [f"I4 {sku} was not sent again" for sku, times in steady.items() if times == 0]
        return found

    return _played(story, seed=0 if crash is None else crash[1])


def a_crash_loop_in_a_resync() -> list[str]:
    """The daemon dies six times while a resync of 150 products runs; it goes on where it was, and no start asks for
    another one. What was under way is looked up, and need not be sent again."""

    async def story(shop: Shop) -> list[str]:
        world = shop.world
        world.tiktok.seller.create_products(BULK, stock=10)
        bulk = [f"BULK-{number:06d}-0" for number in range(BULK)]
        world.pipe17.keeper.create_stock(bulk, 10)
        await shop.start()
        await world.live(10 * MINUTE_S)
        await shop.resync()
        before = {sku: len(shop.pushed(sku)) for sku in bulk}
        for _ in range(6):
            world.crash_at = ("answer", 10)
            await world.live(30, restart_after_s=5.0)
        world.crash_at = None
        await world.live(HOUR_S)
        times = {sku: len(shop.pushed(sku)) - before[sku] for sku in bulk}
        found = [f"I4 {sku} was sent {count} times by one resync" for sku, count in times.items() if count > 2]
        stands = fact(world, "resync")
        whole = (
            stands["phase"] == resync_standing.DONE
            and stands["marked"] == BULK + len(EVERY_SKU)
            and sum(times.values()) > 0
        )
        return found if whole else [f"I4 the resync was lost on the way: {stands}", *found]

    return _played(story, per_second="1")


def calls_that_land_late(late_s: float) -> list[str]:
    """For half an hour every third update of stock lands so long after its answer was lost, while levels move.

    What lands later than calls wait for each other stands over something newer for a while, but not for good.
    """
    in_order = milliseconds(QUIET) >= late_s * 1000

    async def story(shop: Shop) -> list[str]:
        world = shop.world
        await shop.start()
        await world.live(5 * MINUTE_S)
        late = Fault(
            FaultKind.LANDS_LATE, "inventory.update", times=None, probability=0.3, delay_ms=round(late_s * 1000)
        )
        counted = world.faults["tiktok"].add(late)
        for _ in range(60):
            shop.move()
            poke(world)
            await world.live(shop.rng.uniform(5, 55))
        return [] if counted.hits else ["nothing was late"]

    return _played(story, in_order=in_order)


def empty_for_twenty_minutes() -> list[str]:
    """Every list of Pipe17 is empty, with 200, for longer than readings overlap; levels move meanwhile."""

    async def story(shop: Shop) -> list[str]:
        world = shop.world
        await shop.start()
        await world.live(5 * MINUTE_S)
        world.faults["pipe17"].add(Fault(FaultKind.EMPTY_LIST, "inventory.list", times=None))
        for _ in range(20):
            shop.move()
            await world.live(MINUTE_S)
        told = "inventory_source_empty" in opened(world)
        return [] if told else ["I6 Pipe17 hides its stock and nothing says so"]

    return _played(story)


def an_answer_that_comes_late() -> list[str]:
    """A page of a resync's reading is nine seconds on its way; meanwhile everything moves and is read and pushed."""

    async def story(shop: Shop) -> list[str]:
        world = shop.world
        await shop.start()
        await world.live(5 * MINUTE_S)
        world.faults["pipe17"].add(Fault(FaultKind.DELAY, "inventory.list", times=1, delay_ms=9_000))
        await shop.resync()
        await world.live(1)
        for _ in range(40):
            shop.move()
        poke(world)
        await world.live(10 * MINUTE_S)
        return []

    return _played(story, every="30m")


def a_source_that_zeroes_everything(share: float, slices: int) -> list[str]:
    """Pipe17 says zero, and means it, for a share of the SKUs, in slices; a person must approve what is too much."""

    async def story(shop: Shop) -> list[str]:
        world = shop.world
        await shop.start()
        await world.live(5 * MINUTE_S)
        gone = list(EVERY_SKU)[: round(len(EVERY_SKU) * share)]
        for number in range(slices):
            for sku in gone[number::slices]:
                for location in (MAIN, NORTH, SOUTH):
                    world.pipe17.keeper.add_stock(sku, 0, location)
                shop.books.totals[sku].append(0)
            await world.live(4 * MINUTE_S)
        await world.live(10 * MINUTE_S)
        zeroed = [sku for sku in gone if shop.live(sku) == 0]
        too_much = share > 0.3
        found = []
        if too_much and len(zeroed) > len(EVERY_SKU) * 0.3:
            found.append(f"I4 {len(zeroed)} of {len(EVERY_SKU)} SKUs went to zero and nobody was asked")
        if not too_much and len(zeroed) < len(gone):
            found.append(f"I4 only {len(zeroed)} of {len(gone)} sold-out SKUs went to zero: the guard asks for nothing")
        if too_much:
            if not _guarded(world):
                found.append("I6 the guard holds a cycle and nothing says so")
            await _approve(world)
            await world.live(5 * MINUTE_S)
        return found

    return _played(story, seed=slices)


def _guarded(world: World) -> bool:
    return "inventory_guard" in opened(world)


async def _approve(world: World) -> None:
    assert world.parts is not None
    assert world.daemon is not None
    assert world.daemon.stock is not None
    now_ms = world.clock.now_ms()
    await world.parts.database.write(lambda tx: approve(tx, now_ms, "test"))
    world.daemon.stock.bell.ring()


def _moved(shop: Shop) -> Callable[[], Awaitable[object]]:
    async def act() -> None:
        shop.move()

    return act


def _crash(world: World, rng: random.Random) -> Callable[[], Awaitable[object]]:
    async def act() -> None:
        world.crash_at = (rng.choice(CRASH_POINTS), rng.randint(1, 20))

    return act


def _source_fault(world: World, rng: random.Random, hours: float) -> None:
    kind = rng.choice(SOURCE_FAULTS)
    start_ms = world.truth.now_ms() + round(rng.uniform(0, hours) * HOUR_S * 1000)
    world.faults["pipe17"].add(
        Fault(
            kind,
            "inventory.list",
            times=None,
            probability=rng.choice((0.3, 1.0)),
            after_ms=start_ms,
            until_ms=start_ms + round(rng.choice((120.0, 900.0, 5_000.0)) * 1000),
            retry_after=rng.choice(RETRY_AFTER),
            delay_ms=rng.choice((2_000, 40_000)),
            message=rng.choice((MAIN, NORTH, SOUTH)) if kind is FaultKind.MISSING_LOCATION else "",
        )
    )


def _shop_fault(world: World, rng: random.Random, hours: float) -> None:
    kind = rng.choice(SHOP_FAULTS)
    start_ms = world.truth.now_ms() + round(rng.uniform(0, hours) * HOUR_S * 1000)
    world.faults["tiktok"].add(
        Fault(
            kind,
            rng.choice(("inventory.*", "inventory.update")),
            times=None,
            probability=rng.choice((0.3, 1.0)),
            after_ms=start_ms,
            until_ms=start_ms + round(rng.choice((60.0, 600.0)) * 1000),
            retry_after=rng.choice(RETRY_AFTER),
            delay_ms=rng.choice((2_000, 40_000)) if kind is not FaultKind.LANDS_LATE else rng.choice((2_000, 29_000)),
        )
    )


def _played(
    story: Callable[[Shop], Awaitable[list[str]]],
    *,
    seed: int = 0,
    tiktok: TikTokOptions | None = None,
    every: str = "60s",
    per_second: str = "10",
    in_order: bool = True,
) -> list[str]:
    async def live(loop: VirtualLoop) -> list[str]:
        settings = {"INVENTORY_EVERY": every, "ORDERS_EVERY": "60s", "TIKTOK_REQUESTS_PER_SECOND": per_second}
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
