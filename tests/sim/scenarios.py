"""Short worlds built around one danger each, which a random day meets only by luck.

Every scenario plays in a fresh world and returns what is wrong at its end; on the real code that is nothing. The bug
bank plays them again on code with a planted mistake.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Duplicate, Pipe17Options, Tracking
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.sim.day import Diary, Weather, play, settle
from tests.sim.invariants import restart_sends_nothing, violations
from tests.sim.world import World

Scenario = Callable[[], list[str]]
TALK = {"ORDERS_MESSAGE": "Thanks for {order_id}", "ORDERS_SEND_ORDER_CARD": "true"}


def a_day(seed: int) -> list[str]:
    """A random day in a world with its own answers to what the contracts leave open, and a restart after it."""
    odd = random.Random(f"options-{seed}")
    tiktok = _some_tiktok(odd, random.Random(f"late-{seed}"))
    tiktok.cancel_takes_ms = random.Random(f"cancels-{seed}").choice((0, 45_000))
    pipe17 = _some_pipe17(odd, whole_orders=not tiktok.unit_split)

    async def live(loop: VirtualLoop) -> list[str]:
        skew_ms = odd.choice((0, 0, 600_000, -600_000, 20_000))
        world = World(loop, seed, tiktok=tiktok, pipe17=pipe17, settings=dict(TALK), skew_ms=skew_ms)
        try:
            diary = await play(world, Weather())
            assert diary.fulfillments, "a day on which nothing was shipped proves nothing"
            return violations(world, diary) + await restart_sends_nothing(world)
        finally:
            await world.aclose()

    return run_virtual(live)


def _some_tiktok(odd: random.Random, late: random.Random) -> TikTokOptions:
    return TikTokOptions(
        region=odd.choice(("US", "US", "GB", "DE", "SG")),
        on_hold=odd.random() < 0.8,
        rotate_refresh=odd.random() < 0.5,
        access_token_ms=odd.choice((604_800_000, 3_600_000)),
        index_lag_ms=odd.choice((0, 30_000)),
        address_late_ms=late.choice((0, 0, 0, 90_000, 900_000)),
        release_early_ms=late.choice((0, 1_800_000)),
    )


def _some_pipe17(odd: random.Random, *, whole_orders: bool) -> Pipe17Options:
    return Pipe17Options(
        duplicate=odd.choice(list(Duplicate)),
        echo_updates=odd.random() < 0.5,
        sort_keys=odd.choice((("createdAt", "updatedAt"), ("createdAt",))),
        list_lag_ms=odd.choice((0, 20_000)),
        request_per_line=odd.random() < 0.3 and not whole_orders,
        tracking=odd.choice(list(Tracking)),
        fulfillment_names_channel=odd.random() < 0.6,
    )


def catching_up(crash: tuple[str, int]) -> list[str]:
    """The daemon was down for two hours with 250 orders; it crashes once while it catches up, and comes back later."""

    async def live(world: World) -> Diary:
        diary = Diary()
        await world.start()
        await world.live(300)
        await world.stop()
        for _ in range(250):
            diary.orders.append(world.tiktok.place_order(["SKU-A"]))
            await asyncio.sleep(20)
        await asyncio.sleep(2_400)
        world.crash_at = crash
        await world.start()
        await world.live(120, restart_after_s=1_800)
        await world.live(3_600)
        await settle(world)
        return diary

    return _played(live, seed=crash[1])


def late_in_the_index() -> list[str]:
    """Forty orders reach the search index up to half a minute after their update time; the daemon polls every 5 s."""

    async def live(world: World) -> Diary:
        diary = Diary()
        await world.start()
        for _ in range(40):
            diary.orders.append(world.tiktok.place_order(["SKU-A"]))
            await world.live(7)
        await settle(world)
        return diary

    return _played(live, tiktok=TikTokOptions(restless_rows=0.0), settings={"ORDERS_EVERY": "5s"})


def edit_while_the_create_is_on_its_way(delay_s: int) -> list[str]:
    """Pipe17 takes its time to answer the create; meanwhile the buyer changes the address, and a poll sees it."""

    async def live(world: World) -> Diary:
        diary = Diary()
        world.faults["pipe17"].add(Fault(FaultKind.DELAY, "orders.create", times=None, delay_ms=delay_s * 1000))
        await world.start()
        await world.live(5)
        order_id = world.tiktok.place_order(["SKU-A", "SKU-B"])
        diary.orders.append(order_id)
        await world.live(delay_s / 2 + 1)
        world.tiktok.change_address(order_id, {"line1": "7 Second Street"})
        await world.live(delay_s)
        await settle(world)
        return diary

    options = TikTokOptions(index_lag_ms=0, on_hold=False, hold_ms=0, sparse=1.0, restless_rows=0.0)
    settings = {"ORDERS_EVERY": "2s", "ORDERS_HOLD": "0s"}
    return _played(live, tiktok=options, settings=settings, seed=delay_s, hold=timedelta())


def edit_in_the_last_minute(before_end_s: float) -> list[str]:
    """The address changes in the last minute of the hold; no poll sees it before the hold is over."""

    async def live(world: World) -> Diary:
        diary = Diary()
        await world.start()
        await world.live(200)
        order_id = world.tiktok.place_order(["SKU-A"])
        diary.orders.append(order_id)
        await world.live(3_600 - before_end_s)
        world.tiktok.change_address(order_id, {"line1": "7 Second Street"})
        diary.old_street[order_id] = "100 Sim Street"
        await settle(world)
        return diary

    return _played(live, settings={"ORDERS_EVERY": "10m"}, seed=round(before_end_s))


def answers_lost(operation: str, crash: bool) -> list[str]:
    """Every first answer of a write is lost, and the daemon may crash just after the effect."""

    async def live(world: World) -> Diary:
        diary = Diary()
        side = "tiktok" if operation.startswith("packages") else "pipe17"
        world.faults[side].add(Fault(FaultKind.LOST_ANSWER, operation, times=3))
        await world.start()
        for _ in range(4):
            diary.orders.append(world.tiktok.place_order(["SKU-A", "SKU-A", "SKU-B"]))
            await world.live(60)
        if crash:
            world.crash_at = ("effect", 6)
        await world.live(5_000)
        for order_id in diary.orders:
            for number, shipment_id in enumerate(world.pipe17.send_shipments(order_id)):
                world.pipe17.fulfill(shipment_id, None, "UPS", f"1Z{order_id[-12:]}{number}")
        if crash:
            world.crash_at = ("effect", 9)
        await world.live(1_800)
        await settle(world)
        return diary

    return _played(live)


def outage_with_refusals() -> list[str]:
    """A carrier nobody knows and no fallback: what cannot be sent must be seen."""

    async def live(world: World) -> Diary:
        diary = Diary()
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(5_000)
        for shipment_id in world.pipe17.send_shipments(order_id):
            world.pipe17.fulfill(shipment_id, None, "Bicycle Bob", "BB0000001")
        await settle(world)
        return diary

    found = _played(live, settings={"FULFILLMENTS_FALLBACK_CARRIER": ""})
    seen = [text for text in found if "carrier_unmapped" in text]
    return [text for text in found if text not in seen] + ([] if seen else ["I6 no exception carrier_unmapped"])


def told_despite_a_crash(crash: tuple[str, int]) -> list[str]:
    """One order, and the process ends at one point of its way."""

    async def live(world: World) -> Diary:
        await world.start()
        await world.live(120)
        world.crash_at = crash
        diary = Diary(orders=[world.tiktok.place_order(["SKU-A"])])
        await world.live(600)
        await settle(world)
        return diary

    return _played(live, seed=crash[1], settings=dict(TALK))


def told_though_answers_are_lost() -> list[str]:
    """The first messages and batches of references never arrive, or their answers are lost."""

    async def live(world: World) -> Diary:
        for operation in ("messages.send", "references.add"):
            for kind in (FaultKind.RESET, FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER):
                world.faults["tiktok"].add(Fault(kind, operation, times=2))
        await world.start()
        diary = Diary()
        for _ in range(12):
            diary.orders.append(world.tiktok.place_order(["SKU-A"]))
            await world.live(60)
        await settle(world)
        return diary

    return _played(live, settings=dict(TALK))


def _played(
    story: Callable[[World], Awaitable[Diary]],
    *,
    seed: int = 0,
    tiktok: TikTokOptions | None = None,
    settings: dict[str, str] | None = None,
    hold: timedelta = timedelta(hours=1),
) -> list[str]:
    async def live(loop: VirtualLoop) -> list[str]:
        world = World(loop, seed, tiktok=tiktok, settings=settings)
        try:
            diary = await story(world)
            return violations(world, diary, hold=hold)
        finally:
            await world.aclose()

    return run_virtual(live)
