"""Pipe17's ids of an order and its lines, written to TikTok after the order exists in Pipe17."""

from __future__ import annotations

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok import UnitSpec
from tests.scenarios.stage import HOUR, MINUTE, attempts, opened, play, shop, sql, standing, status
from tests.sim.world import World

PLATFORM = "ORDER_MANAGEMENT_SYSTEM"


def reference(world: World, order_id: str) -> tuple[str, dict[str, str]]:
    """What TikTok has: Pipe17's order id, and its line by TikTok's line."""
    found = world.tiktok.external.of_order.get(order_id, {}).get(PLATFORM)
    if found is None:
        return "", {}
    return found["id"], {item["origin_id"]: item["id"] for item in found["line_items"]}


def expected(world: World, order_id: str) -> tuple[str, dict[str, str]]:
    order = world.pipe17.order_of(order_id)
    assert order is not None
    lines = {str(line["uniqueId"]): str(line["sku"]) for line in order["lineItems"]}
    units = world.tiktok.order(order_id).units
    of_sku = {sku: unique_id for unique_id, sku in lines.items()}
    return str(order["orderId"]), {unit.id: of_sku[unit.seller_sku] for unit in units}


def test_the_order_and_every_unit_of_it_is_written_once() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A", "SKU-B", "SKU-A"))
        await world.live(5 * MINUTE)
        assert reference(world, order_id) == expected(world, order_id)
        await world.live(3 * HOUR)
        assert attempts(world, "references.add") == 1

    play(story)


def test_a_bundle_is_written_under_its_own_unit() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order((UnitSpec("SET", "30", parts=(("A", 2, "10"), ("B", 1, "10"))),))
        await world.live(5 * MINUTE)
        found, lines = reference(world, order_id)
        assert found == expected_id(world, order_id)
        assert list(lines) == [unit.id for unit in world.tiktok.order(order_id).units]

    play(story)


def expected_id(world: World, order_id: str) -> str:
    order = world.pipe17.order_of(order_id)
    assert order is not None
    return str(order["orderId"])


def test_many_orders_take_few_calls() -> None:
    async def story(world: World) -> None:
        orders = [world.tiktok.place_order(("SKU-A",)) for _ in range(250)]
        await world.live(2 * HOUR)
        await world.start()
        await world.live(15 * MINUTE)
        assert all(reference(world, order_id)[0] == expected_id(world, order_id) for order_id in orders)
        assert attempts(world, "references.add") <= 12

    play(story, settings={"ORDERS_SINCE": "1d"})


def test_switched_off_nothing_is_written() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(2 * HOUR)
        assert status(world, order_id) == "readyForFulfillment"
        assert attempts(world, "references.add") == 0

    play(story, settings={"ORDERS_PUSH_REFERENCES": "false"})


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER, FaultKind.NULL_DATA])
def test_a_lost_answer_is_looked_up(kind: FaultKind) -> None:
    async def story(world: World) -> None:
        world.faults["tiktok"].add(Fault(kind, "references.add", times=1))
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(10 * MINUTE)
        assert reference(world, order_id) == expected(world, order_id)
        assert attempts(world, "references.add") == 1
        assert standing(world, "references", order_id) == "done"

    play(story)


def test_a_call_that_never_arrived_is_repeated() -> None:
    async def story(world: World) -> None:
        world.faults["tiktok"].add(Fault(FaultKind.RESET, "references.add", times=2))
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(10 * MINUTE)
        assert reference(world, order_id) == expected(world, order_id)

    play(story)


def test_an_order_that_tiktok_refuses_does_not_take_the_others_along() -> None:
    async def story(world: World) -> None:
        orders = [world.tiktok.place_order(("SKU-A",)) for _ in range(20)]
        bad = orders[7]
        add = world.tiktok.external._problem
        world.tiktok.external._problem = (  # type: ignore[method-assign]
            lambda one: "Invalid order_id" if one["id"] == bad else add(one)
        )
        await world.live(2 * HOUR)
        await world.start()
        await world.live(10 * MINUTE)
        assert [order_id for order_id in orders if not reference(world, order_id)[0]] == [bad]
        assert set(opened(world, bad)) == {"reference_refused"}
        assert standing(world, "orders", bad) == "done"

    play(story, settings={"ORDERS_SINCE": "1d"})


def test_a_batch_that_is_refused_as_a_whole_is_written_order_by_order() -> None:
    async def story(world: World) -> None:
        orders = [world.tiktok.place_order(("SKU-A",)) for _ in range(5)]
        world.faults["tiktok"].add(Fault(FaultKind.REFUSE, "references.add", times=1, code=36009004, message="orders"))
        await world.live(2 * HOUR)
        await world.start()
        await world.live(10 * MINUTE)
        assert all(reference(world, order_id)[0] for order_id in orders)
        assert opened(world) == {}

    play(story, settings={"ORDERS_SINCE": "1d"})


@pytest.mark.parametrize("point", [("writing", n) for n in range(1, 9)] + [("written", n) for n in range(1, 9)])
def test_no_crash_comes_between_the_order_and_what_follows_it(point: tuple[str, int]) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(2 * MINUTE)
        world.crash_at = point
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(20 * MINUTE)
        assert reference(world, order_id) == expected(world, order_id)
        said = world.tiktok.conversations.of_buyer["7021436810468230477"].said
        assert [one.kind for one in said] == ["TEXT", "ORDER_CARD"]
        # in one transaction: wherever the order is done, what follows it is there
        rows = sql(world, "SELECT flow, key FROM outbox WHERE group_key = ? ORDER BY flow, key", order_id)
        assert len(rows) == 4

    both = {"ORDERS_MESSAGE": "Thanks {order_id}", "ORDERS_SEND_ORDER_CARD": "true"}
    play(story, settings=both, tiktok=shop())
