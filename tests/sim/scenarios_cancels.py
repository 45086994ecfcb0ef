"""Short worlds around cancels made in Pipe17; see `scenarios.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.sim.day import HOUR_S, Diary, settle
from tests.sim.day_cancels import EVERYTHING
from tests.sim.invariants import restart_sends_nothing, violations
from tests.sim.world import World

Story = Callable[[World, Diary], Awaitable[list[str]]]

RELEASED_S = HOUR_S + 600


def cancelled_while_the_sides_are_deaf(took_effect: bool) -> list[str]:
    """A line is taken out in Pipe17 and the answers to the first cancels are lost; TikTok takes two minutes for one."""

    async def live(world: World, diary: Diary) -> list[str]:
        order_id = await _released(world, diary, "SKU-A", "SKU-B")
        kind = FaultKind.LOST_ANSWER if took_effect else FaultKind.RESET
        world.faults["tiktok"].add(Fault(kind, "cancellations.cancel", times=2))
        diary.taken_back[order_id] += 1
        world.pipe17.take_out(order_id, "SKU-A")
        return []

    return _played(live, cancel_takes_ms=120_000)


def cancelled_on_hold() -> list[str]:
    """A person cancels in Pipe17 what is still on hold, while TikTok takes no cancels for two hours."""

    async def live(world: World, diary: Diary) -> list[str]:
        order_id = world.tiktok.place_order(["SKU-A"])
        diary.orders.append(order_id)
        await world.live(600)
        world.faults["tiktok"].add(Fault(FaultKind.UNAVAILABLE, "cancellations.*", times=None))
        diary.taken_back[order_id] += EVERYTHING
        world.pipe17.cancel_order(order_id)
        await world.live(2 * HOUR_S)
        tried = [call.body for call in world.pipe17.called("orders.update") if call.body.get("status") == "new"]
        return [f"{order_id} was canceled in Pipe17, and released all the same"] if tried else []

    return _played(live)


def shipped_while_cancelled() -> list[str]:
    """The warehouse ships an order whose cancel TikTok is carrying out."""

    async def live(world: World, diary: Diary) -> list[str]:
        order_id = await _released(world, diary, "SKU-A", "SKU-B")
        world.pipe17.send_shipments(order_id)
        request = str(world.pipe17.shipments_of(order_id)[0]["shipmentId"])
        diary.taken_back[order_id] += EVERYTHING
        world.pipe17.cancel_order(order_id)
        await world.live(400)
        diary.fulfillments[str(world.pipe17.fulfill(request, {"SKU-A": 1}, "UPS", "1Z999AA10123456784"))] = order_id
        return []

    return _played(live, cancel_takes_ms=900_000)


def cancelled_at_tiktok() -> list[str]:
    """Orders and lines are cancelled at TikTok; Pipe17 loses the answers to the first updates."""

    async def live(world: World, diary: Diary) -> list[str]:
        orders = [await _released(world, diary, "SKU-A", "SKU-A", "SKU-B") for _ in range(4)]
        world.faults["pipe17"].add(Fault(FaultKind.LOST_ANSWER, "orders.update", times=3))
        for place, order_id in enumerate(orders):
            if place % 2:
                world.tiktok.cancel_order(order_id)
            else:
                world.tiktok.remove_unit(order_id, world.tiktok.order(order_id).units[0].id)
        await world.live(HOUR_S)
        asked = len(world.tiktok.called("cancellations.eligibility"))
        return [f"{asked} times TikTok was asked whether its own cancels are allowed"] if asked else []

    return _played(live)


def cancelled_behind_a_shipment() -> list[str]:
    """One of two pieces has left when a person cancels the order, while TikTok takes no tracking numbers."""

    async def live(world: World, diary: Diary) -> list[str]:
        order_id = await _released(world, diary, "SKU-A", "SKU-A")
        world.pipe17.send_shipments(order_id)
        request = str(world.pipe17.shipments_of(order_id)[0]["shipmentId"])
        world.faults["tiktok"].add(Fault(FaultKind.UNAVAILABLE, "packages.*", times=6))
        diary.taken_back[order_id] += EVERYTHING
        world.pipe17.fulfill(request, {"SKU-A": 1}, "UPS", "1Z999AA10123456784")
        world.pipe17.cancel_order(order_id)
        await world.live(HOUR_S)
        left = [unit.shipped for unit in world.tiktok.order(order_id).units].count(True)
        return [] if left == 1 else [f"{left} of the pieces that had left are shipped at TikTok"]

    return _played(live)


async def _released(world: World, diary: Diary, *skus: str) -> str:
    order_id = world.tiktok.place_order(list(skus))
    diary.orders.append(order_id)
    await world.live(RELEASED_S)
    return order_id


def _played(live: Story, **switches: int) -> list[str]:
    async def main(loop: VirtualLoop) -> list[str]:
        options = TikTokOptions(index_lag_ms=0, restless_rows=0.0, **switches)  # type: ignore[arg-type]
        world = World(loop, 5, tiktok=options, pipe17=Pipe17Options(), settings={"ORDERS_EVERY": "60s"})
        try:
            diary = Diary()
            await world.start()
            await world.live(5)
            found = await live(world, diary)
            await world.live(HOUR_S)
            await settle(world)
            return found + violations(world, diary) + await restart_sends_nothing(world)
        finally:
            await world.aclose()

    return run_virtual(main)
