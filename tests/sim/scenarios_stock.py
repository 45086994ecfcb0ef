"""Worlds about stock: levels that move, a source that loses its figures, resyncs, orders that take units, crashes.

The shop they happen in, and what is right at their end (I4), is stock_shop.py.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from daemon.core.spans import milliseconds
from daemon.flows import resync_standing
from daemon.flows.stock_judge import approve
from daemon.flows.stock_unanswered import QUIET
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok import TikTokOptions
from tests.scenarios.stage import fact, opened
from tests.scenarios.stock_stage import poke
from tests.sim.day import CRASH_POINTS, RETRY_AFTER
from tests.sim.stock_shop import EVERY_SKU, HOUR_S, MAIN, MINUTE_S, NORTH, SOLD, SOUTH, STEADY, Shop, played
from tests.sim.world import World

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

    return played(story, seed=seed)


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

    return played(story, seed=seed, tiktok=TikTokOptions(inventory_refusals=("item", "call")[seed % 2]))


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

    return played(story, seed=seed)


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

    return played(story, seed=0 if crash is None else crash[1])


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

    return played(story, per_second="1")


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

    return played(story, in_order=in_order)


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

    return played(story)


def a_location_that_shows_nothing() -> list[str]:
    """For longer than readings overlap; what changes there meanwhile shows in no reading, and nothing else changes."""

    async def story(shop: Shop) -> list[str]:
        world = shop.world
        await shop.start()
        await world.live(5 * MINUTE_S)
        world.faults["pipe17"].add(Fault(FaultKind.MISSING_LOCATION, "inventory.list", times=None, message=MAIN))
        await world.live(MINUTE_S)
        for _ in range(5):
            shop.move()
        await world.live(20 * MINUTE_S)
        world.faults["pipe17"].clear()
        return []

    return played(story, mapped=True)


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

    return played(story, every="30m")


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

    return played(story, seed=slices)


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
