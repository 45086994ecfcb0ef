"""The part of a simulated day in which orders are cancelled on either side after their release.

Its draws are of its own (by order), so that the rest of the day stays as it is. What people take back in Pipe17 is in
the diary, because a cancel at TikTok that nobody asked for would be a mistake of ours.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from tests.sim.world import World

if TYPE_CHECKING:
    from tests.sim.day import Diary

LINE_MARKETS = ("US", "GB")
"""Where TikTok cancels single lines."""
EVERYTHING = 1_000
"""Pieces that a canceled order takes back: more than any has."""


async def before_shipping(world: World, diary: Diary, order_id: str) -> bool:
    """What may happen to a released order that no warehouse has yet; True: there is nothing left to ship."""
    rng, tiktok, pipe17 = _draws(world, order_id), world.tiktok, world.pipe17
    fate = rng.random()
    if fate > 0.34 or pipe17.order_of(order_id) is None:
        return False
    if fate < 0.10:
        diary.taken_back[order_id] += EVERYTHING
        pipe17.cancel_order(order_id)
        if fate < 0.04:
            tiktok.cancel_order(order_id)
        return True
    if fate < 0.20:
        return _take_out(world, diary, rng, order_id)
    if tiktok.order(order_id).status != "AWAITING_SHIPMENT":
        return False
    tiktok.request_cancel(order_id)
    await asyncio.sleep(rng.uniform(30, 2_000))
    if fate < 0.24:
        tiktok.cancel_order(order_id)
        return True
    if fate < 0.28:
        diary.taken_back[order_id] += EVERYTHING
        pipe17.cancel_order(order_id)
        return True
    asyncio.get_running_loop().call_later(rng.uniform(10, 2_000), tiktok.refuse_cancel, order_id)
    return False


def between_parcels(world: World, diary: Diary, order_id: str, number: int) -> None:
    """A person cancels the order while the warehouse is at it, which does not hear of it."""
    if random.Random(f"late-cancel-{world.seed}-{order_id}-{number}").random() < 0.04:
        diary.taken_back[order_id] += EVERYTHING
        diary.cancelled_late.add(order_id)
        world.pipe17.cancel_order(order_id)


def rejects(world: World, diary: Diary, shipment: Any, parcel: dict[str, int]) -> bool:
    """The warehouse cannot ship these; True: there is no parcel."""
    order_id = str(shipment["extOrderId"])
    draw = random.Random(f"reject-{world.seed}-{order_id}-{sorted(parcel)}").random()
    parts = any("-" in line for line in parcel)
    if draw > 0.10 or parts or world.tiktok.options.region not in LINE_MARKETS:
        return False
    diary.taken_back[order_id] += sum(parcel.values())
    world.pipe17.reject(shipment["shipmentId"], parcel)
    return True


def _take_out(world: World, diary: Diary, rng: random.Random, order_id: str) -> bool:
    lines = [line for line in (world.pipe17.order_of(order_id) or {})["lineItems"] if "-" not in line["uniqueId"]]
    if not lines or world.tiktok.options.region not in LINE_MARKETS:
        return False
    line = rng.choice(lines)
    pieces = rng.randint(1, int(line["quantity"]))
    diary.taken_back[order_id] += pieces
    world.pipe17.take_out(order_id, line["uniqueId"], pieces)
    return not (world.pipe17.order_of(order_id) or {})["lineItems"]


def _draws(world: World, order_id: str) -> random.Random:
    return random.Random(f"cancels-{world.seed}-{order_id}")
