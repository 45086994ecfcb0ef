"""Short worlds about packages: two boxes of a line, corrected numbers, a split and a shared package, in bad weather."""

from __future__ import annotations

from datetime import timedelta

from daemon.flows.operator import retry
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.sim.day import Diary, settle
from tests.sim.invariants import restart_sends_nothing, violations
from tests.sim.scenarios import Scenario
from tests.sim.world import World

CALM = {"index_lag_ms": 0, "repeat_rows": 0.0, "restless_rows": 0.0}


def _world(loop: VirtualLoop, seed: int, region: str = "US") -> World:
    every = {"ORDERS_EVERY": "60s", "FULFILLMENTS_EVERY": "60s"}
    world = World(loop, seed, tiktok=TikTokOptions(region=region, **CALM), settings=every)  # type: ignore[arg-type]
    world.idle_every = timedelta(minutes=10)
    return world


async def _released(world: World, diary: Diary, *orders: tuple[str, ...]) -> list[str]:
    """Orders that a warehouse has."""
    made = [world.tiktok.place_order(list(skus)) for skus in orders]
    diary.orders += made
    await world.live(4_200)
    for order_id in made:
        world.pipe17.send_shipments(order_id)
    return made


def _send(world: World, order_id: str, lines: dict[str, int] | None, number: str) -> None:
    request = world.pipe17.shipments_of(order_id)[0]
    quantities = {line["uniqueId"]: line["quantity"] for line in request["lineItems"]}
    carrier = "UPS" if world.tiktok.options.region == "US" else "J&T Express"
    world.pipe17.fulfill(str(request["shipmentId"]), lines or quantities, carrier, number)


async def _judged(world: World, diary: Diary) -> list[str]:
    await world.live(900)
    await settle(world)
    found = violations(world, diary)
    return found + await restart_sends_nothing(world)


def two_boxes_of_a_line(kind: FaultKind) -> list[str]:
    """The first call goes nowhere, or its answer does, and the second box is sent before that is known."""

    async def live(loop: VirtualLoop) -> list[str]:
        world, diary = _world(loop, 1), Diary()
        try:
            await world.start()
            (order_id,) = await _released(world, diary, ("SKU-A", "SKU-A"))
            world.faults["tiktok"].add(Fault(kind, "packages.mark_shipped"))
            for number in range(2):
                _send(world, order_id, {"SKU-A": 1}, f"PX-000000{number}")
            return await _judged(world, diary)
        finally:
            await world.aclose()

    return run_virtual(live)


def a_corrected_number(kind: FaultKind, crash: tuple[str, int] | None = None) -> list[str]:
    """The warehouse gives another number; the call, or its answer, is lost."""

    async def live(loop: VirtualLoop) -> list[str]:
        world, diary = _world(loop, 2), Diary()
        try:
            await world.start()
            (order_id,) = await _released(world, diary, ("SKU-A", "SKU-B"))
            _send(world, order_id, None, "PX-0000001")
            await world.live(300)
            world.faults["tiktok"].add(Fault(kind, "*.update_tracking"))
            _send(world, order_id, None, "PX-0000002")
            world.crash_at = crash
            found = await _judged(world, diary)
            (package,) = [world.tiktok.book.packages[one] for one in world.tiktok.order(order_id).package_ids]
            if (package.tracking_number, package.corrections) != ("PX-0000002", 1):
                found.append(f"I5 the package shows {package.tracking_number} after {package.corrections} corrections")
            return found
        finally:
            await world.aclose()

    return run_virtual(live)


def an_older_number_comes_later() -> list[str]:
    """The first number was refused and is sent again by a person, when the second has shipped the units."""

    async def live(loop: VirtualLoop) -> list[str]:
        world, diary = _world(loop, 5), Diary()
        try:
            await world.start()
            (order_id,) = await _released(world, diary, ("SKU-A", "SKU-B"))
            world.faults["tiktok"].add(Fault(FaultKind.REFUSE, "packages.mark_shipped", code=21011022, message="no"))
            _send(world, order_id, None, "PX-0000001")
            await world.live(300)
            _send(world, order_id, None, "PX-0000002")
            await world.live(300)
            assert world.parts is not None
            now_ms = world.clock.now_ms()
            await world.parts.database.write(lambda tx: retry(tx, now_ms, "a person"))
            world.parts.engine.timekeeper.announce()
            found = await _judged(world, diary)
            (package,) = [world.tiktok.book.packages[one] for one in world.tiktok.order(order_id).package_ids]
            if package.tracking_number != "PX-0000002":
                found.append(f"I5 the older number {package.tracking_number} took the place of the newer one")
            return found
        finally:
            await world.aclose()

    return run_virtual(live)


def a_split_before_shipping(kind: FaultKind, crash: tuple[str, int] | None = None) -> list[str]:
    """Packages exist from payment on, a part leaves first, and the answer to the split is lost."""

    async def live(loop: VirtualLoop) -> list[str]:
        world, diary = _world(loop, 3, "SG"), Diary()
        try:
            await world.start()
            (order_id,) = await _released(world, diary, ("SKU-A", "SKU-A", "SKU-B"))
            world.faults["tiktok"].add(Fault(kind, "packages.split"))
            _send(world, order_id, {"SKU-A": 2}, "PX-0000001")
            world.crash_at = crash
            await world.live(600)
            _send(world, order_id, {"SKU-B": 1}, "PX-0000002")
            return await _judged(world, diary)
        finally:
            await world.aclose()

    return run_virtual(live)


def a_shared_package(region: str, crash: tuple[str, int] | None = None) -> list[str]:
    """Two orders of one buyer in one package; both fulfillments arrive in the same moment."""

    async def live(loop: VirtualLoop) -> list[str]:
        world, diary = _world(loop, 4, region), Diary()
        try:
            await world.start()
            orders = await _released(world, diary, ("SKU-A",), ("SKU-B",))
            world.tiktok.combine_orders(orders)
            await world.live(120)
            for order_id in orders:
                _send(world, order_id, None, "PX-0000001")
            world.crash_at = crash
            found = await _judged(world, diary)
            calls = [
                call for call in world.tiktok.calls if call.operation in ("packages.mark_shipped", "packages.ship")
            ]
            if len(calls) > 1:
                found.append(f"I2 the shared package was shipped by {len(calls)} calls")
            return found
        finally:
            await world.aclose()

    return run_virtual(live)


def in_bad_weather(scenario: object, *kinds: FaultKind) -> tuple[Scenario, ...]:
    """The scenario under each of these faults."""
    return tuple(lambda kind=kind: scenario(kind) for kind in kinds)  # type: ignore[misc,operator]
