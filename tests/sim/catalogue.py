"""A small catalogue in a simulated day: what its owner changes, and what both sides must show at the end.

L1 every SKU that TikTok shows is linked once, to the product of Pipe17 with its seller SKU
L2 what Pipe17 shows of our products is what TikTok shows: name, price, and whether it is on sale
L3 what belongs to somebody else in Pipe17 has our mapping and is otherwise untouched
L4 every warehouse is exactly one location, and a disabled one says so
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.tiktok.goods import Product, Sku
from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.sim.world import World

HOUR_S = 3600.0
PREFIX = "CAT"
FOREIGN = f"{PREFIX}-FOREIGN"
THEIRS = "Their own name"
OTHER_INTEGRATION = "0c41d97be85a2f36"
SILENT = (FaultKind.EMPTY_LIST, FaultKind.SHORT_PAGE)
LOUD = (FaultKind.LOST_ANSWER, FaultKind.SERVER_ERROR, FaultKind.NULL_DATA, FaultKind.TRUNCATED)


async def live(world: World, rng: random.Random, hours: float) -> None:
    """The owner's day with the catalogue; draws from dice of its own."""
    seller = world.tiktok.seller
    world.pipe17.keeper.add_product({"sku": FOREIGN, "name": THEIRS}, OTHER_INTEGRATION)
    seller.add_product((FOREIGN,), title="Our name")
    for number in range(5):
        seller.add_product(tuple(f"{PREFIX}-{number}-{place}" for place in range(rng.choice((1, 1, 2, 3)))))
    _add_faults(world, rng, hours)
    for number in range(25):
        await asyncio.sleep(rng.uniform(0, 2 * hours * HOUR_S / 25))
        with suppress(ValueError):
            _change(world, rng, number)


def _change(world: World, rng: random.Random, number: int) -> None:
    seller, catalogue = world.tiktok.seller, world.tiktok.catalogue
    product = rng.choice(list(catalogue.products.values()))
    sku = rng.choice(product.skus)
    match rng.choice(("title", "price", "add", "remove", "rename", "off", "on", "new", "place", "close")):
        case "title":
            seller.change_product(product.id, title=f"Title {number}")
        case "price":
            seller.change_sku(sku.id, price=f"{rng.randint(1, 99)}.9")
        case "add":
            seller.add_sku(product.id, f"{PREFIX}-{number}-new")
        case "remove" if len(product.skus) > 1:
            seller.remove_sku(sku.id)
        case "rename" if sku.seller_sku != FOREIGN:
            seller.change_sku(sku.id, seller_sku=f"{PREFIX}-{number}-renamed")
        case "off":
            seller.change_product(product.id, status="SELLER_DEACTIVATED")
        case "on":
            seller.change_product(product.id, status="ACTIVATE")
        case "new":
            seller.add_product((f"{PREFIX}-{number}-late",))
        case "place":
            seller.add_warehouse(f"Place {number}")
        case "close":
            seller.set_warehouse(rng.choice(world.tiktok.logistics.warehouses)["id"], "DISABLED")
        case _:
            pass


def _add_faults(world: World, rng: random.Random, hours: float) -> None:
    for side, operations, kinds in (
        ("tiktok", ("products.search", "warehouses.list"), SILENT),
        ("tiktok", ("products.*",), LOUD),
        ("pipe17", ("products.create", "products.update", "locations.create", "products.list"), LOUD),
        ("pipe17", ("products.create", "locations.create"), (FaultKind.LOST_ANSWER,)),
    ):
        start_ms = world.truth.now_ms() + round(rng.uniform(0, hours * 0.8) * HOUR_S * 1000)
        fault = Fault(rng.choice(kinds), rng.choice(operations), times=None, probability=0.6, after_ms=start_ms)
        fault.until_ms = start_ms + 200_000
        world.faults[side].add(fault)
    world.faults["pipe17"].add(Fault(FaultKind.LOST_ANSWER, "locations.create", times=1))
    world.faults["pipe17"].add(Fault(FaultKind.LOST_ANSWER, "products.create", times=1))


def a_list_that_lies() -> list[str]:
    """The daily reading of everything meets searches that show nothing, with a 200."""

    async def story(world: World) -> None:
        world.tiktok.seller.create_products(30)
        await world.start()
        await world.live(HOUR_S)
        fault = Fault(FaultKind.EMPTY_LIST, "products.search", times=None, after_ms=world.truth.now_ms())
        world.faults["tiktok"].add(fault)
        await world.live(24 * HOUR_S)

    return _played(story)


def a_short_page() -> list[str]:
    """The first page of a search says that it is the last."""

    async def story(world: World) -> None:
        world.tiktok.seller.create_products(130)
        await asyncio.sleep(HOUR_S)
        world.faults["tiktok"].add(Fault(FaultKind.SHORT_PAGE, "products.search", times=2))
        await world.start()
        await world.live(HOUR_S)

    return _played(story)


def a_late_list() -> list[str]:
    """The answers to new locations are lost, and the list shows them seconds later."""

    async def story(world: World) -> None:
        world.faults["pipe17"].add(Fault(FaultKind.LOST_ANSWER, "locations.create", times=2))
        await world.start()
        await world.live(HOUR_S)

    return _played(story, Pipe17Options(list_lag_ms=20_000))


def _played(story: Callable[[World], Awaitable[None]], pipe17: Pipe17Options | None = None) -> list[str]:
    async def live_through(loop: VirtualLoop) -> list[str]:
        settings = {"PIPE17_INTEGRATION_ID": (pipe17 or Pipe17Options()).integration}
        world = World(loop, 17, tiktok=TikTokOptions(index_lag_ms=0), pipe17=pipe17, settings=settings)
        try:
            await story(world)
            return [*world.broken, *violations(world)]
        finally:
            await world.aclose()

    return run_virtual(live_through)


def violations(world: World) -> list[str]:
    """Everything that is wrong with the catalogue, in words."""
    store = sqlite3.connect(f"file:{world.store}?mode=ro", uri=True)
    try:
        linked = {row[0]: row for row in store.execute(
            "SELECT sku_id, product_id, seller_sku, pipe17_product_id, gone_at_ms FROM links"
        )}  # fmt: skip
    finally:
        store.close()
    found: list[str] = []
    shown = Counter(sku.seller_sku for sku in world.tiktok.catalogue.skus.values())
    for product in world.tiktok.catalogue.products.values():
        for sku in product.skus:
            found += _sku(world, product, sku, linked.get(sku.id), alone=shown[sku.seller_sku] == 1)
    for sku_id, row in linked.items():
        if sku_id not in world.tiktok.catalogue.skus and row[4] is None:
            found.append(f"L1 SKU {sku_id} is gone at TikTok and still linked")
    return found + _locations(world)


def _sku(world: World, product: Product, sku: Sku, link: Any, *, alone: bool) -> list[str]:
    if link is None or link[4] is not None or link[1:3] != (product.id, sku.seller_sku):
        return [f"L1 SKU {sku.id} ({sku.seller_sku}) is linked as {link}"]
    made = world.pipe17.keeper.product_of(sku.seller_sku)
    if made is None or made["productId"] != link[3]:
        return [f"L1 {sku.seller_sku} is linked to {link[3]}, and Pipe17 has {made and made['productId']}"]
    own = [item for item in made["published"] if item["integrationId"] == world.pipe17.options.integration]
    if len(own) != 1:
        return [f"L1 {sku.seller_sku} is mapped {len(own)} times"]
    wanted = "published" if product.status == "ACTIVATE" else "unpublished"
    found = [] if own[0]["status"] == wanted else [f"L2 {sku.seller_sku} is {own[0]['status']}, not {wanted}"]
    if sku.seller_sku == FOREIGN:
        untouched = made["name"] == THEIRS and "prices" not in made
        return found if untouched else [*found, f"L3 {FOREIGN} was changed: {made}"]
    price = {item["name"]: item["value"] for item in made["prices"]}["basePrice"]
    if alone and (product.title not in made["name"] or Decimal(price) != Decimal(sku.price)):
        found.append(f"L2 {sku.seller_sku} is {made['name']} at {price}, not {product.title} at {sku.price}")
    return found


def _locations(world: World) -> list[str]:
    found = []
    fields = [
        {item["name"]: item["value"] for item in row.document.get("customFields", ())}
        | {"status": row.document["status"]}
        for row in world.pipe17.books.goods.locations
    ]
    known = Counter(item.get("tiktokWarehouseId") for item in fields)
    status = {item.get("tiktokWarehouseId"): item["status"] for item in fields}
    for warehouse in world.tiktok.logistics.warehouses:
        if known[warehouse["id"]] != 1:
            found.append(f"L4 warehouse {warehouse['id']} is {known[warehouse['id']]} locations")
        wanted = "inactive" if warehouse["effect_status"] == "DISABLED" else "active"
        if status.get(warehouse["id"]) != wanted:
            found.append(f"L4 warehouse {warehouse['id']} is shown {status.get(warehouse['id'])}, not {wanted}")
    return found
