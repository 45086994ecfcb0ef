"""The stage of the scenario tests: one world per story, and short words for what every story looks at.

A story is played in virtual time by the real daemon between both simulated services. What it asserts is read on the
services' side or in the store, never asked of the daemon. Whatever a story is about, at its end no order exists twice,
no status was taken back, no package was shipped blindly a second time and nothing broke in the loop.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.sandbox.compare import Rules, compare
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.virtual_time import VirtualLoop, run_virtual
from tests.sim.world import World

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR

Story = Callable[[World], Awaitable[None]]

MARKETS = {
    "US": {"region": "US", "currency": "USD"},
    "GB": {"region": "GB", "currency": "GBP", "tax_rate": "0.2"},
    "DE": {"region": "DE", "currency": "EUR", "tax_rate": "0.19"},
    "VN": {"region": "VN", "currency": "VND", "tax_rate": "0.1"},
}
"""Settings of the simulated shop by market; VN ships by package, the others by order."""

WRITES = (
    "orders.create",
    "orders.update",
    "packages.mark_shipped",
    "packages.ship",
    "packages.split",
    "packages.update_tracking",
    "orders.update_tracking",
    "fulfillments.create",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the outbox, as far as stories ask for it."""

    state: str
    code: str
    reason: str
    attempts: int
    due_at_ms: int | None
    remote_id: str


CATALOGUE = ("INVENTORY", "PRODUCTS", "LOCATIONS")
"""Stories that set one of these play with products and stock; the others without."""


def shop(market: str = "US", **switches: Any) -> TikTokOptions:
    """A shop whose search shows everything at once, each row once."""
    calm: dict[str, Any] = {"index_lag_ms": 0, "repeat_rows": 0.0, "restless_rows": 0.0}
    return TikTokOptions(**(calm | MARKETS[market] | switches))


def play(
    story: Story,
    *,
    tiktok: TikTokOptions | None = None,
    pipe17: Pipe17Options | None = None,
    settings: Mapping[str, str] | None = None,
    skew_ms: int = 0,
    seed: int = 17,
) -> None:
    """Play a story in a fresh world; its assertions and those of every story must hold."""

    async def live(loop: VirtualLoop) -> None:
        asked = dict(settings or {})
        every = {"ORDERS_EVERY": "60s", "FULFILLMENTS_EVERY": asked.get("ORDERS_EVERY", "60s")}
        if not any(name.startswith(CATALOGUE) for name in asked):  # its loops would be most of the work
            every |= {"INVENTORY": "off", "PRODUCTS": "off", "LOCATIONS": "off"}
        world = World(loop, seed, tiktok=tiktok or shop(), pipe17=pipe17, settings=every | asked, skew_ms=skew_ms)
        if "ORDERS_EVERY" not in asked:
            world.idle_every = timedelta(minutes=10)
        try:
            await story(world)
            _nothing_twice(world)
            assert world.broken == []
        finally:
            await world.aclose()

    run_virtual(live)


def _nothing_twice(world: World) -> None:
    audit = world.pipe17.audit
    assert [order_id for order_id, times in audit.creates.items() if times > 1] == []
    assert [(change.ext_order_id, change.before, change.status) for change in audit.lowered] == []
    assert [call.code for call in world.tiktok.called("packages.mark_shipped") if call.code == 21011020] == []
    numbers = Counter((package.order_id, package.tracking_number) for package in world.tiktok.book.packages.values())
    assert [number for (_, number), times in numbers.items() if number and times > 1] == []


# --- the store -------------------------------------------------------------------------------------------------------


def sql(world: World, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What the store says, through a connection of our own."""
    store = sqlite3.connect(f"file:{world.store}?mode=ro", uri=True)
    try:
        return store.execute(query, parameters).fetchall()
    finally:
        store.close()


def row(world: World, flow: str, key: str) -> Row | None:
    """The outbox row of a record."""
    found = sql(
        world,
        "SELECT state, code, reason, attempts, due_at_ms, remote_id FROM outbox WHERE flow = ? AND key = ?",
        flow,
        key,
    )
    return Row(*found[0]) if found else None


def standing(world: World, flow: str, key: str) -> str:
    """The state of a record, "" when the store does not know it."""
    found = row(world, flow, key)
    return found.state if found else ""


def opened(world: World, key: str | None = None) -> dict[str, str]:
    """Open exceptions, code to text; of one record, or all."""
    rows = sql(world, "SELECT key, code, detail FROM exceptions WHERE closed_at_ms IS NULL")
    return {code: detail for name, code, detail in rows if key in (None, name)}


def backlog(world: World) -> Counter[str]:
    """Rows that are neither done nor dropped, by state."""
    rows = sql(world, "SELECT state, count(*) FROM outbox WHERE state NOT IN ('done', 'dropped') GROUP BY state")
    return Counter(dict(rows))


def cursor(world: World, flow: str) -> int | None:
    """How far a source has been read."""
    found = sql(world, "SELECT position FROM cursors WHERE flow = ?", flow)
    return int(found[0][0]) if found else None


def fact(world: World, name: str) -> dict[str, Any]:
    """A fact of the store."""
    import json

    found = sql(world, "SELECT value FROM facts WHERE name = ?", name)
    return dict(json.loads(found[0][0])) if found else {}


# --- both sides ------------------------------------------------------------------------------------------------------


def status(world: World, order_id: str) -> str:
    """The order's status in Pipe17, "" when it is not there."""
    order = world.pipe17.order_of(order_id)
    return str(order["status"]) if order else ""


def street(world: World, order_id: str) -> str:
    """The order's street in Pipe17."""
    order = world.pipe17.order_of(order_id) or {}
    return str(order.get("shippingAddress", {}).get("address1", ""))


def released_ms(world: World, order_id: str) -> int | None:
    """When the order could first leave, after its payment."""
    first, paid = world.pipe17.audit.first_routable_ms(order_id), world.tiktok.order(order_id).paid_ms
    return None if first is None or paid is None else first - paid


def writes(world: World) -> Counter[str]:
    """Writes that took effect, by operation."""
    calls = [call for service in (world.tiktok, world.pipe17) for call in service.calls]
    return Counter(call.operation for call in calls if call.operation in WRITES and call.effective)


def attempts(world: World, operation: str) -> int:
    """Calls of an operation, whatever came of them."""
    return len(world.tiktok.called(operation)) + len(world.pipe17.called(operation))


def differences(
    world: World,
    *,
    hold: timedelta = timedelta(hours=1),
    excused: Sequence[str] = (),
    **rules: Any,
) -> list[str]:
    """On what both sides disagree."""
    found = compare(
        world.tiktok.book.orders,
        world.tiktok.book.packages,
        world.pipe17,
        world.truth.now_ms(),
        Rules(hold=hold, excused=excused, **rules),
    )
    return [f"{one.kind} {one.order_id}: {one.text}" for one in found]


def units_shipped(world: World, order_id: str) -> dict[str, list[str]]:
    """Tracking number to the SKUs of its package."""
    order = world.tiktok.order(order_id)
    found: dict[str, list[str]] = {}
    for package in map(world.tiktok.book.packages.get, order.package_ids):
        if package is not None and package.tracking_number:
            skus = [unit.seller_sku for unit in order.units if unit.id in package.unit_ids]
            found[package.tracking_number] = sorted(skus)
    return found


# --- what people do --------------------------------------------------------------------------------------------------


def fulfill(
    world: World,
    order_id: str,
    lines: Mapping[str, int] | None = None,
    carrier: str = "UPS",
    number: str | Sequence[str] = "",
    **more: Any,
) -> str:
    """The warehouse sends a package of the order's first request; the id of the fulfillment."""
    world.pipe17.send_shipments(order_id)
    requests = [one for one in world.pipe17.shipments_of(order_id) if not str(one["status"]).startswith("canceled")]
    made = world.pipe17.fulfill(str(requests[0]["shipmentId"]), lines, carrier, number or ups(order_id), **more)
    return str(made["fulfillmentId"])


def ups(order_id: str, number: int = 1) -> str:
    """A tracking number as UPS writes it."""
    return f"1Z{order_id[-12:]}{number:04d}"


async def released(world: World, *skus: Any, **order: Any) -> str:
    """An order that Pipe17 may ship: placed, paid, its hold over, routed."""
    order_id = world.tiktok.place_order(skus or ("SKU-A",), **order)
    await world.live(world.tiktok.options.hold_ms / 1000 + 5 * MINUTE)
    assert status(world, order_id) == "readyForFulfillment"
    return order_id
