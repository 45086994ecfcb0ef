"""A shop's day, drawn from a seed: what buyers, the warehouse, the networks and the machine do.

Every day has orders that are held, edited in the last minute, cancelled on either side (`day_cancels.py`), paid late;
shipments in one to three packages with good and odd carriers; windows of 429, errors, outages, lost answers and cut
bodies on either side; and a few crashes at random points. One unit in four is a virtual bundle, four orders in ten are
of some special kind, and many have fees. All orders are of one buyer, who gets a text and a card for each. At the day's
end everything heals and settles.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from daemon.apis.gate import Access
from daemon.errors import ApiError, StoreError
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok.pricing import UnitSpec
from tests.sim import catalogue, day_cancels, kinds, packing
from tests.sim.world import World

HOUR_S = 3600.0
CARRIERS = ("USPS", "UPS®", "FEDEX HOME DELIVERY", "DHL eCommerce", "Purolator")
KINDS = (
    FaultKind.RATE_LIMIT,
    FaultKind.SERVER_ERROR,
    FaultKind.UNAVAILABLE,
    FaultKind.RESET,
    FaultKind.LOST_ANSWER,
    FaultKind.ERROR_AFTER,
    FaultKind.TRUNCATED,
    FaultKind.GARBAGE,
    FaultKind.NULL_DATA,
    FaultKind.DELAY,
)
RETRY_AFTER = (None, "", "5", "60", "date+20", "soon", "-3")
BUNDLE = UnitSpec("SET", "29.99", "1.01", parts=(("SKU-A", 2, "12"), ("SKU-D", 1, "9")))
"""Of a part that is sold by itself too, and one that is not; its price is not the sum of theirs."""
CRASH_POINTS = ("call", "effect", "answer", "commit", "committed")


@dataclass(slots=True)
class Diary:
    """What happened, for the invariants: the daemon knows none of it."""

    orders: list[str] = field(default_factory=list)
    old_street: dict[str, str] = field(default_factory=dict)
    """Order -> the street it must never have been released with, because it was changed while on hold."""
    cancelled_on_hold: set[str] = field(default_factory=set)
    fulfillments: dict[str, str] = field(default_factory=dict)
    taken_back: Counter[str] = field(default_factory=Counter)
    """Order -> pieces that people in Pipe17 canceled or took out, or that a warehouse rejected."""
    cancelled_late: set[str] = field(default_factory=set)
    """Of these, the orders that were canceled in Pipe17 when a warehouse was at it."""
    shelf: packing.Shelf = field(default_factory=packing.Shelf)
    kinds: dict[str, str] = field(default_factory=dict)
    """Order -> what kind of order it is, "" for a plain one (`sim/kinds.py`)."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How rough the day is."""

    orders: int = 40
    hours: float = 8.0
    fault_windows: int = 10
    crashes: int = 4


async def play(world: World, weather: Weather) -> Diary:
    """Live through the day, then let everything settle."""
    diary, rng = Diary(), world.rng
    acts: list[tuple[float, Callable[[], Awaitable[None]]]] = []
    for _ in range(weather.orders):
        acts.append((rng.uniform(0, weather.hours * HOUR_S * 0.7), lambda: _order(world, diary, rng)))
    for _ in range(weather.orders // 10):
        acts.append((rng.uniform(0, weather.hours * HOUR_S * 0.6), lambda: _pair(world, diary, rng)))
    for at_s in (rng.uniform(0, weather.hours * HOUR_S) for _ in range(weather.crashes)):
        acts.append((at_s, lambda: _plan_crash(world, rng)))
    for side in ("tiktok", "pipe17"):
        for _ in range(weather.fault_windows // 2):
            _add_fault(world, side, rng, weather.hours)
    _add_talk_faults(world, weather.hours)
    begun_s = world.loop.time()
    tasks: list[asyncio.Task[None]] = []
    await world.start()
    owner = asyncio.create_task(_owner(world))
    shelf = random.Random(f"catalogue-{world.seed}")
    tasks.append(asyncio.create_task(catalogue.live(world, shelf, weather.hours * 0.8)))
    for at_s, act in sorted(acts, key=lambda item: item[0]):
        await world.live(max(begun_s + at_s - world.loop.time(), 0.0))
        tasks.append(asyncio.create_task(act()))  # type: ignore[arg-type]
    await world.live(max(begun_s + weather.hours * HOUR_S - world.loop.time(), 0.0))
    await _while_living(world, tasks)
    await settle(world)
    owner.cancel()
    return diary


async def _while_living(world: World, tasks: list[asyncio.Task[None]]) -> None:
    while not all(task.done() for task in tasks):
        await world.live(120)
    for task in tasks:
        task.result()


async def settle(world: World) -> None:
    """Everything heals; enough time for holds, look-ups and back-offs to come to rest."""
    world.crash_at, world.idle_every = None, timedelta(minutes=10)
    for faults in world.faults.values():
        faults.clear()
    await world.live(3 * HOUR_S)


async def _owner(world: World) -> None:
    """Looks in every half hour: a grant whose rotated token was lost with its answer is granted again."""
    while True:
        await asyncio.sleep(0.5 * HOUR_S)
        if world.running and world.parts is not None and world.parts.tiktok.keeper.state is Access.NEEDS_REAUTH:
            with suppress(ApiError, StoreError, TimeoutError):  # the process may die under it
                async with asyncio.timeout(60):
                    await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code())


async def _order(world: World, diary: Diary, rng: random.Random) -> None:
    tiktok = world.tiktok
    units = [rng.choice(("SKU-A", "SKU-B", "SKU-C", BUNDLE)) for _ in range(rng.choice((1, 1, 2, 3, 5)))]
    drawn = kinds.draw(world, len(diary.orders), units)
    order_id = tiktok.place_order(**drawn, paid=rng.random() > 0.15)
    diary.orders.append(order_id)
    diary.kinds[order_id] = drawn["kind"]
    if tiktok.order(order_id).paid_ms is None:
        await asyncio.sleep(rng.uniform(60, 2 * HOUR_S))
        if rng.random() < 0.3:
            tiktok.cancel_order(order_id)
            return
        tiktok.pay(order_id)
    fate = rng.random()
    if fate < 0.15:
        await asyncio.sleep(rng.choice((1800.0, 3540.0, 3597.0)))
        tiktok.cancel_order(order_id)
        diary.cancelled_on_hold.add(order_id)
        return
    if fate < 0.35:
        await asyncio.sleep(rng.choice((600.0, 3540.0, 3590.0)))
        diary.old_street[order_id] = "1 Old Street"
        tiktok.change_address(order_id, {"line1": f"{rng.randint(2, 99)} New Street"})
    await asyncio.sleep(HOUR_S + rng.uniform(0, HOUR_S))
    if rng.random() < 0.12:
        tiktok.cancel_order(order_id)
        return
    if not await day_cancels.before_shipping(world, diary, order_id):
        await _ship(world, diary, rng, order_id)


async def _pair(world: World, diary: Diary, rng: random.Random) -> None:
    diary.orders += await packing.pair(world, diary.shelf, rng)


async def _ship(world: World, diary: Diary, rng: random.Random, order_id: str) -> None:
    """The warehouse sends what Pipe17 asks it to, in one or more packages."""
    moved = order_id in diary.old_street
    await packing.before_shipping(world, diary.shelf, rng, order_id, moved=moved)
    open_requests = await packing.open_requests(world, order_id)
    if not open_requests:
        return
    world.pipe17.send_shipments(order_id)
    await packing.while_shipping(world, rng, order_id, moved=moved)
    sent = []
    for shipment in open_requests:
        parcels: list[dict[str, int]] = [{}]
        for line in shipment["lineItems"]:
            for _ in range(int(line["quantity"])):
                if rng.random() < 0.35 and parcels[-1] and len(parcels) < 3 and world.tiktok.options.unit_split:
                    parcels.append({})
                parcels[-1][line["uniqueId"]] = parcels[-1].get(line["uniqueId"], 0) + 1
        rng.shuffle(parcels)
        for parcel in parcels:
            await asyncio.sleep(rng.uniform(1, 900))
            day_cancels.between_parcels(world, diary, order_id, len(diary.fulfillments))
            if day_cancels.rejects(world, diary, shipment, parcel):
                continue
            number = f"9400{rng.randrange(10**16):016d}"
            made = world.pipe17.fulfill(shipment["shipmentId"], parcel, rng.choice(CARRIERS), number)
            diary.fulfillments[str(made["fulfillmentId"])] = order_id
            sent.append(made)
    await packing.corrected(world, diary.shelf, rng, order_id, sent)


def _add_fault(world: World, side: str, rng: random.Random, hours: float) -> None:
    operations = {
        "tiktok": ("orders.search", "orders.detail", "packages.mark_shipped", "packages.*", "orders.*", "*"),
        "pipe17": ("orders.create", "orders.create", "orders.update", "orders.get", "fulfillments.list", "*"),
    }[side]
    start_ms = world.truth.now_ms() + round(rng.uniform(0, hours) * HOUR_S * 1000)
    world.faults[side].add(
        Fault(
            rng.choice(KINDS),
            rng.choice(operations),
            times=None,
            probability=rng.choice((0.2, 0.5, 1.0)),
            after_ms=start_ms,
            until_ms=start_ms + round(rng.choice((60.0, 300.0, 1500.0)) * 1000),
            retry_after=rng.choice(RETRY_AFTER),
            delay_ms=rng.choice((0, 2_000, 40_000)),
        )
    )


def _add_talk_faults(world: World, hours: float) -> None:
    """Trouble of the calls that follow an order; drawn apart, so that the rest of the day stays what it was."""
    rng = random.Random(f"talk-{world.seed}")
    for operation in ("messages.send", "messages.list", "conversations.open", "references.*"):
        start_ms = world.truth.now_ms() + round(rng.uniform(0, hours * 0.7) * HOUR_S * 1000)
        kind, probability = rng.choice(KINDS), rng.choice((0.2, 0.5, 1.0))
        until_ms = start_ms + round(rng.choice((300.0, 1500.0)) * 1000)
        fault = Fault(kind, operation, None, probability, after_ms=start_ms, until_ms=until_ms, delay_ms=40_000)
        world.faults["tiktok"].add(fault)


async def _plan_crash(world: World, rng: random.Random) -> None:
    world.crash_at = (rng.choice(CRASH_POINTS), rng.randint(1, 25))
