"""What warehouses, sellers and buyers do to packages in a simulated day.

Numbers are corrected by a second fulfillment, orders of one buyer are put into one package and out of it again, a
seller splits an order, and an address changes when the order has been released or is leaving. What of it TikTok or
Pipe17 may refuse is noted in the diary, so that an exception about it is expected and any other is not.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from daemon.sandbox.tiktok.shapes import Refused
from tests.sim.world import World

HOUR_S = 3600.0
OPEN = ("readyForFulfillment", "sentToFulfillment")
REPACKED = frozenset({"combined_package", "split_refused", "package_unknown", "duplicate_tracking"})
CORRECTED = frozenset({"tracking_update_refused", "over_fulfilment"})


@dataclass(slots=True)
class Shelf:
    """What happened to packages: order -> codes of exceptions that follow from it."""

    expected: dict[str, set[str]] = field(default_factory=dict)
    corrections: int = 0
    combined: int = 0

    def expect(self, order_id: str, codes: frozenset[str]) -> None:
        """These may be said about the order."""
        self.expected.setdefault(order_id, set()).update(codes)


def number(rng: random.Random) -> str:
    """A tracking number that nobody has used."""
    return f"9400{rng.randrange(10**16):016d}"


async def open_requests(world: World, order_id: str) -> list[Mapping[str, Any]]:
    """The shipping requests of an order, once Pipe17 has made them."""
    for _ in range(40):
        if world.pipe17.order_of(order_id) is not None:
            found = [one for one in world.pipe17.shipments_of(order_id) if one["status"] in OPEN]
            if found:
                return found
        await asyncio.sleep(300)
    return []


async def before_shipping(world: World, shelf: Shelf, rng: random.Random, order_id: str, *, moved: bool) -> None:
    """The buyer moves once more, or the seller splits the order. `moved`: the address was changed already."""
    tiktok = world.tiktok
    if not moved and rng.random() < 0.15:
        with suppress(Refused):
            tiktok.change_address(order_id, {"line1": f"{rng.randint(2, 99)} After Release Road"})
        await asyncio.sleep(rng.uniform(0, 900))
    skus = {unit.seller_sku: [] for unit in tiktok.order(order_id).live()}  # type: ignore[var-annotated]
    for unit in tiktok.order(order_id).live():
        skus[unit.seller_sku].append(unit.id)
    if len(skus) > 1 and rng.random() < 0.08:
        with suppress(Refused):
            tiktok.split_packages(order_id, [next(iter(skus.values()))])
            shelf.expect(order_id, REPACKED)


async def while_shipping(world: World, rng: random.Random, order_id: str, *, moved: bool) -> None:
    """The buyer moves when the parcel is on its way and TikTok does not know yet."""
    if not moved and rng.random() < 0.1:
        with suppress(Refused):
            world.tiktok.change_address(order_id, {"line1": f"{rng.randint(2, 99)} Too Late Terrace"})


async def corrected(world: World, shelf: Shelf, rng: random.Random, order_id: str, sent: list[dict[str, Any]]) -> None:
    """Some numbers were wrong: the warehouse reports the same lines again, at times more than once."""
    for fulfillment in sent:
        while rng.random() < 0.2:
            await asyncio.sleep(rng.uniform(1, HOUR_S))
            lines = {line["uniqueId"]: line["quantity"] for line in fulfillment["lineItems"]}
            with suppress(ValueError):
                world.pipe17.fulfill(fulfillment["shipmentId"], lines, "USPS", number(rng))
                shelf.corrections += 1
                shelf.expect(order_id, CORRECTED)


async def pair(world: World, shelf: Shelf, rng: random.Random) -> list[str]:
    """Two orders of one buyer share a package; the warehouse sends both under one number, or does not."""
    orders = [world.tiktok.place_order([sku]) for sku in rng.sample(("SKU-A", "SKU-B", "SKU-C"), 2)]
    for order_id in orders:
        shelf.expect(order_id, REPACKED)
    await asyncio.sleep(HOUR_S + rng.uniform(120, 1800))
    package = ""
    with suppress(Refused):
        package = world.tiktok.combine_orders(orders, by_platform=rng.random() < 0.4)
        shelf.combined += 1
    await asyncio.sleep(rng.uniform(0, 1200))
    if package and rng.random() < 0.2:
        with suppress(Refused):
            world.tiktok.uncombine_orders(package)
            package = ""
    shared = number(rng)
    for order_id in orders:
        for request in await open_requests(world, order_id):
            world.pipe17.send_shipments(order_id)
            mine = shared if package and rng.random() < 0.9 else number(rng)
            world.pipe17.fulfill(request["shipmentId"], None, "USPS", mine)
        await asyncio.sleep(rng.choice((0.0, rng.uniform(1, 900))))
    return orders
