"""S51.1, S51.2 What TikTok changes after the release: written while Pipe17 takes it, else said, both versions kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.sandbox.pipe17 import EditsUntil, Pipe17Options
from daemon.store.reader import Reader
from daemon.store.trace import trace
from tests.scenarios.stage import HOUR, MINUTE, fulfill, opened, play, released, sql, status, street, writes
from tests.sim.world import World

OLD, NEW = "100 Sim Street", "3 Too Late Terrace"


async def traced(world: World, order_id: str, *, personal: bool) -> list[dict[str, Any]]:
    """The edits that `trace` shows."""
    reader = await Reader.open(world.store)
    try:
        found = await trace(reader, order_id, personal=personal)
    finally:
        await reader.aclose()
    assert found is not None
    return list(found["edits"])


async def both_versions(world: World, order_id: str, code: str) -> None:
    """The exception names members and no content; the store has both versions for whoever asks by name."""
    text = opened(world, order_id)[code]
    assert "address1" in text
    assert f"trace {order_id} --personal" in text
    (hidden,) = await traced(world, order_id, personal=False)
    (shown,) = await traced(world, order_id, personal=True)
    assert (hidden["code"], hidden["members"]) == (code, ["address1"])
    assert "before" not in hidden
    assert (shown["before"]["address1"], shown["after"]["address1"]) == (OLD, NEW)
    everywhere = sql(world, "SELECT detail FROM exceptions UNION ALL SELECT detail FROM journal")
    everywhere += sql(world, "SELECT reason FROM outbox")
    assert [said for (said,) in everywhere if "Terrace" in said or OLD in said] == []


def test_before_a_warehouse_has_it_the_new_address_is_written() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.change_address(order_id, {"line1": NEW})
        await world.live(5 * MINUTE)
        assert street(world, order_id) == NEW
        assert opened(world) == {}
        assert await traced(world, order_id, personal=True) == []

    play(story)


@pytest.mark.parametrize("until", [EditsUntil.ROUTED, EditsUntil.SENT, EditsUntil.FINAL])
def test_after_release_it_is_written_or_said(until: EditsUntil) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.pipe17.send_shipments(order_id)
        world.tiktok.change_address(order_id, {"line1": NEW})
        await world.live(5 * MINUTE)
        if until is EditsUntil.FINAL:
            assert street(world, order_id) == NEW
            assert opened(world) == {}
            return
        assert street(world, order_id) == OLD
        assert set(opened(world)) == {"edited_after_release"}
        await both_versions(world, order_id, "edited_after_release")
        tried = len(world.pipe17.called("orders.update"))
        await world.live(3 * HOUR)
        assert len(world.pipe17.called("orders.update")) == tried

    play(story, pipe17=Pipe17Options(edits_until=until))


CRASHES = [None, *((point, number) for point in ("answer", "writing", "written") for number in range(2, 9))]


@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize("whole", [True, False])
def test_after_a_shipment_it_is_said_and_never_written(whole: bool, crash: tuple[str, int] | None) -> None:
    """Also when the daemon dies around the attempt that should say it."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        await world.stop()
        request = world.pipe17.send_shipments(order_id)[0]
        world.pipe17.fulfill(request, None if whole else {"SKU-A": 1}, "UPS", "1Z0000000001")
        world.tiktok.change_address(order_id, {"line1": NEW})
        before = writes(world)["orders.update"]
        world.crash_at = crash
        await world.start()
        await world.live(10 * MINUTE)
        assert set(opened(world, order_id)) == {"edited_after_ship"}
        await both_versions(world, order_id, "edited_after_ship")
        assert street(world, order_id) == OLD
        assert writes(world)["orders.update"] == before

    play(story)


def test_several_edits_are_kept_apart_and_the_oldest_go() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        fulfill(world, order_id, {"SKU-A": 1})
        await asyncio.sleep(0.1)
        for number in range(12):
            world.tiktok.order(order_id).status = "AWAITING_SHIPMENT"
            world.tiktok.change_address(order_id, {"line1": f"{number} Moving Mews"})
            world.tiktok.order(order_id).settle_status()
            await world.live(3 * MINUTE)
        edits = await traced(world, order_id, personal=True)
        assert [edit["after"]["address1"] for edit in edits] == [f"{number} Moving Mews" for number in range(2, 12)]
        assert status(world, order_id) == "partialFulfillment"

    play(story)


def test_a_unit_removed_after_release_leaves_pipe17_and_is_never_shipped() -> None:
    """S51.1: the stock of the line is released once, and the warehouse ships what is left."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B", "SKU-B")
        world.tiktok.remove_unit(order_id, world.tiktok.order(order_id).units[0].id)
        await world.live(5 * MINUTE)
        lines = {line["sku"]: line["quantity"] for line in (world.pipe17.order_of(order_id) or {})["lineItems"]}
        assert lines == {"SKU-B": 2}
        assert writes(world)["orders.update"] == 2
        await world.live(HOUR)
        assert writes(world)["orders.update"] == 2
        assert opened(world) == {}

    play(story)


def test_a_line_removed_before_it_ships_releases_its_stock_once() -> None:
    """S51.1: the piece is free again for others, once, however often the order is read."""

    async def story(world: World) -> None:
        for sku in ("SKU-A", "SKU-B"):
            world.pipe17.keeper.add_stock(sku, 10)
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B")
        assert committed(world) == {"SKU-A": 2, "SKU-B": 1}
        before = writes(world)["orders.update"]
        units = world.tiktok.order(order_id).units
        world.tiktok.remove_unit(order_id, units[0].id)
        for _ in range(4):
            await world.live(5 * MINUTE)
            assert committed(world) == {"SKU-A": 1, "SKU-B": 1}
            world.tiktok.touch(order_id)
        assert writes(world)["orders.update"] - before == 1
        world.tiktok.remove_unit(order_id, units[2].id)
        await world.live(20 * MINUTE)
        assert committed(world) == {"SKU-A": 1, "SKU-B": 0}
        assert opened(world) == {}

    play(story)


def committed(world: World) -> dict[str, int]:
    """What orders hold of the stock in Pipe17."""
    rows = {sku: world.pipe17.keeper.stock_at(sku) for sku in ("SKU-A", "SKU-B")}
    return {sku: int(row["committed"]) for sku, row in rows.items() if row is not None}
