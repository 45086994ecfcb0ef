"""Short worlds about what is in an order, which a random day meets only by luck."""

from __future__ import annotations

from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.sim.day import BUNDLE, Diary, settle
from tests.sim.invariants import violations
from tests.sim.world import World


def a_fulfillment_shown_late() -> list[str]:
    """The parts of a bundle leave in two packages beside units of their own; the list shows the first package last."""

    async def live(loop: VirtualLoop) -> list[str]:
        options = TikTokOptions(index_lag_ms=0, repeat_rows=0.0, restless_rows=0.0)
        world = World(loop, 3, tiktok=options, settings={"FULFILLMENTS_EVERY": "60s"})
        try:
            diary = Diary()
            await world.start()
            order_id = world.tiktok.place_order([BUNDLE, "SKU-B", "SKU-C"])
            diary.orders.append(order_id)
            await world.live(4_200)
            (shipment_id,) = world.pipe17.send_shipments(order_id)
            (request,) = world.pipe17.shipments_of(order_id)
            names = {str(line["sku"]): str(line["uniqueId"]) for line in request["lineItems"]}
            world.pipe17.options.list_lag_ms = 400_000
            world.pipe17.fulfill(shipment_id, {names["SKU-D"]: 1, names["SKU-B"]: 1}, "UPS", "1Z0000000000000001")
            world.pipe17.options.list_lag_ms = 0
            await world.live(1)
            world.pipe17.fulfill(shipment_id, {names["SKU-A"]: 2, names["SKU-C"]: 1}, "UPS", "1Z0000000000000002")
            await world.live(900)
            sent = [package.tracking_number for package in world.tiktok.book.packages.values()]
            assert sent[0] == "1Z0000000000000002", "the list did not show the first package last"
            await settle(world)
            return violations(world, diary)
        finally:
            await world.aclose()

    return run_virtual(live)
