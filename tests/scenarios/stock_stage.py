"""The stage of the stock stories: products at TikTok, stock in Pipe17, the links between them, and what was pushed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.core.links import SkuSeen, WarehouseSeen, skus_seen, warehouse_seen
from daemon.sandbox.tiktok.product_pages import detail_row
from daemon.store import links
from daemon.store.database import Tx
from tests.sim.world import World


async def link(world: World) -> None:
    """The link table as pull_products and pull_locations write it, from the shop as it is now."""
    assert world.parts is not None
    shop = world.tiktok
    seen: list[SkuSeen] = []
    for product in shop.catalogue.products.values():
        seen += skus_seen(detail_row(product, shop.catalogue.skus, shop.options))
    places: list[WarehouseSeen] = [warehouse_seen(row) for row in shop.logistics.list_warehouses(None)["warehouses"]]  # type: ignore[arg-type]
    now_ms = world.clock.now_ms()

    def work(tx: Tx) -> None:
        for place in places:
            links.put_warehouse(tx, place, now_ms)
        for sku in seen:
            links.put(tx, sku, now_ms)

    await world.parts.database.write(work)


def stock(world: World, sku: str, on_hand: int, location: str = "", **counters: int) -> None:
    """Pipe17 counts so many."""
    world.pipe17.keeper.add_stock(sku, on_hand, location, **counters)


def live(world: World, sku: str) -> int:
    """What TikTok sells, in all warehouses."""
    return world.tiktok.catalogue.by_seller_sku(sku)[0].total_available


def live_by_warehouse(world: World, sku: str) -> Mapping[str, int]:
    return dict(world.tiktok.catalogue.by_seller_sku(sku)[0].available)


def sku_id(world: World, sku: str) -> str:
    return world.tiktok.catalogue.by_seller_sku(sku)[0].id


def pushes(world: World, sku: str = "") -> list[Any]:
    """Calls that update stock, of one SKU or all."""
    calls = world.tiktok.called("inventory.update")
    return [call for call in calls if not sku or sku_id(world, sku) in str(call.body)]


def poke(world: World, flow: str = "inventory") -> None:
    """Have the source of a flow read now."""
    assert world.daemon is not None
    next(poller for poller in world.daemon.pollers if poller.flow.name == flow).poke()
