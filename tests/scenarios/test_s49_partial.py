"""S49 Partial fulfilment: packages with disjoint units, in any order, each once."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from daemon.flows.operator import retry
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok.logistics import US_PROVIDERS
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    differences,
    fulfill,
    opened,
    play,
    released,
    shop,
    standing,
    status,
    units_shipped,
    ups,
    writes,
)
from tests.sim.world import World

FIVE = ("SKU-A", "SKU-A", "SKU-A", "SKU-B", "SKU-B")
FEDEX_NUMBER = "612999999999"
PARTS = {1: ({"SKU-A": 1}, "UPS", 1), 2: ({"SKU-A": 2}, "UPS", 2), 3: ({"SKU-B": 2}, "FedEx", 3)}


def _number(order_id: str, part: int) -> str:
    return FEDEX_NUMBER if part == 3 else ups(order_id, part)


def _send(world: World, order_id: str, part: int) -> str:
    lines, carrier, _ = PARTS[part]
    return fulfill(world, order_id, lines, carrier, _number(order_id, part))


@pytest.mark.parametrize("arrival", list(itertools.permutations((1, 2, 3))))
@pytest.mark.parametrize("apart_s", [0.0, 150.0])
def test_three_packages_in_any_order_cover_all_five_units(arrival: tuple[int, ...], apart_s: float) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        for count, part in enumerate(arrival, 1):
            _send(world, order_id, part)
            if apart_s:
                await world.live(apart_s)
                expected = "PARTIALLY_SHIPPING" if count < 3 else "AWAITING_COLLECTION"
                assert world.tiktok.order(order_id).status == expected
        await world.live(3 * MINUTE)
        calls = world.tiktok.called("packages.mark_shipped")
        named = [unit for call in calls for unit in call.body["order_line_item_ids"]]
        assert len(calls) == 3
        assert sorted(named) == sorted(unit.id for unit in world.tiktok.order(order_id).units)
        assert world.tiktok.order(order_id).status == "AWAITING_COLLECTION"
        assert units_shipped(world, order_id) == {
            ups(order_id, 1): ["SKU-A"],
            ups(order_id, 2): ["SKU-A", "SKU-A"],
            FEDEX_NUMBER: ["SKU-B", "SKU-B"],
        }
        carriers = {call.body["tracking_number"]: US_PROVIDERS[call.body["shipping_provider_id"]] for call in calls}
        assert carriers == {ups(order_id, 1): "UPS", ups(order_id, 2): "UPS", FEDEX_NUMBER: "FedEx"}
        assert status(world, order_id) == "fulfilled"
        assert opened(world) == {}
        assert differences(world) == []

    play(story)


@pytest.mark.parametrize("way", ["poll", "restart", "retry", "lost store cursor"])
def test_each_repeated_twice_is_still_three(way: str) -> None:
    """The same fulfillments seen again: by every poll, after restarts, on a person's retry."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        made = [_send(world, order_id, part) for part in (2, 1, 3)]
        await world.live(3 * MINUTE)
        for _ in range(2):
            if way == "restart":
                await world.stop()
                await world.start()
            elif way == "retry":
                assert world.parts is not None
                for key in made:
                    await world.parts.database.write(
                        lambda tx, key=key: retry(tx, world.clock.now_ms(), "a person", flow="fulfillments", key=key)  # type: ignore[misc]
                    )
            elif way == "lost store cursor":
                assert world.parts is not None
                await world.parts.database.write(
                    lambda tx: tx.run("cursor_set", ("fulfillments", str(world.clock.now_ms() - 7_200_000), 0))
                )
            await world.live(3 * MINUTE)
        assert writes(world)["packages.mark_shipped"] == 3
        assert len(world.tiktok.called("packages.mark_shipped")) == 3
        assert {standing(world, "fulfillments", key) for key in made} == {"done"}
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("when", ["at once", "later", "after all three"])
def test_the_warehouse_reports_packages_twice_under_two_ids(when: str) -> None:
    """The same lines and number as a second record: still three packages, and nothing for a person to do."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        made = []
        for part in (2, 1, 3):
            made.append(_send(world, order_id, part))
            if when == "at once":
                made.append(_send(world, order_id, part))
            await world.live(2 * MINUTE)
        if when != "at once":
            made += [_send_again(world, order_id, part) for part in ((2,) if when == "later" else (3, 1, 2))]
        await world.live(10 * MINUTE)
        assert writes(world)["packages.mark_shipped"] == 3
        assert len(world.tiktok.called("packages.mark_shipped")) == 3
        assert len(units_shipped(world, order_id)) == 3
        if when != "at once":
            assert opened(world) == {}
            assert {standing(world, "fulfillments", key) for key in made} == {"done"}
        # while units are open, a second "one of A under T1" may as well be a second piece: a person decides
        assert set(opened(world)) <= {"duplicate_tracking", "over_fulfilment"}

    play(story)


def _send_again(world: World, order_id: str, part: int) -> str:
    lines, carrier, _ = PARTS[part]
    request = world.pipe17.shipments_of(order_id)[0]
    made = world.pipe17.fulfill(str(request["shipmentId"]), lines, carrier, _number(order_id, part))
    return str(made["fulfillmentId"])


@pytest.mark.parametrize("market", ["US", "VN"])
def test_one_number_on_packages_of_different_lines_told_together_is_one_package(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        carrier = {"US": "UPS", "VN": "J&T Express"}[market]
        made = [fulfill(world, order_id, lines, carrier, "PX-0000001") for lines in ({"SKU-A": 3}, {"SKU-B": 2})]
        await world.live(10 * MINUTE)
        assert {standing(world, "fulfillments", key) for key in made} == {"done"}
        assert units_shipped(world, order_id) == {"PX-0000001": ["SKU-A"] * 3 + ["SKU-B"] * 2}
        assert writes(world)["packages.mark_shipped"] + writes(world)["packages.ship"] == 1
        assert opened(world) == {}

    play(story, tiktok=shop(market))


def test_one_number_for_packages_of_several_orders() -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A"], buyer_id=f"70214368104682{n:05d}") for n in range(21)]
        await world.live(HOUR + 5 * MINUTE)
        made = [fulfill(world, order_id, None, "UPS", "PX-0000001") for order_id in orders]
        await world.live(10 * MINUTE)
        assert [standing(world, "fulfillments", key) for key in made].count("done") == 20
        assert set(opened(world)) == {"duplicate_tracking"}
        assert len(world.tiktok.called("packages.mark_shipped")) == 21

    play(story)


@pytest.mark.parametrize("apart_s", [150.0, 600.0])
def test_the_same_number_on_two_packages_is_said_and_no_loop(apart_s: float) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        fulfill(world, order_id, {"SKU-A": 1}, "UPS", ups(order_id))
        await world.live(apart_s)
        second = fulfill(world, order_id, {"SKU-B": 2}, "UPS", ups(order_id))
        await world.live(30 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        assert set(opened(world)) == {"duplicate_tracking"}
        assert len(world.tiktok.called("packages.mark_shipped")) == 1
        assert standing(world, "fulfillments", second) == "dead"

    play(story)


@pytest.mark.parametrize("market", ["US", "GB"])
def test_units_of_one_sku_that_tiktok_will_not_split_are_said_and_the_others_go_out(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        carrier = {"US": "UPS", "GB": "EVRi"}[market]
        first = fulfill(world, order_id, {"SKU-A": 1}, carrier, "PX-0000001")
        other = fulfill(world, order_id, {"SKU-B": 2}, carrier, "PX-0000002")
        await world.live(30 * MINUTE)
        assert standing(world, "fulfillments", first) == "dead"
        assert set(opened(world, first)) == {"split_refused"}
        assert standing(world, "fulfillments", other) == "done"
        assert units_shipped(world, order_id) == {"PX-0000002": ["SKU-B", "SKU-B"]}
        assert [call.code for call in world.tiktok.called("packages.mark_shipped")].count(21011036) == 1

    play(story, tiktok=shop(market, split_units=False))


@pytest.mark.parametrize("apart_s", [0.0, 150.0])
def test_a_part_of_a_package_is_split_off_where_packages_exist_already(apart_s: float) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        made = []
        for part, lines in enumerate(({"SKU-A": 3}, {"SKU-B": 2})):
            made.append(fulfill(world, order_id, lines, "J&T Express", f"PX-000000{part}"))
            await world.live(apart_s)
        await world.live(10 * MINUTE)
        assert {standing(world, "fulfillments", key) for key in made} == {"done"}
        assert writes(world)["packages.split"] == 1
        assert writes(world)["packages.ship"] == 2
        assert units_shipped(world, order_id) == {"PX-0000000": ["SKU-A"] * 3, "PX-0000001": ["SKU-B"] * 2}
        assert opened(world) == {}
        assert differences(world) == []

    play(story, tiktok=shop("VN"))


@pytest.mark.parametrize("units", [True, False])
def test_three_packages_at_once_need_one_split_and_are_told_where_units_cannot_be_split(units: bool) -> None:
    """Units of one SKU apart: where only whole SKUs may be split that one is said, and the others go out."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        lines = ({"SKU-A": 1}, {"SKU-B": 2}, {"SKU-A": 2})
        made = [fulfill(world, order_id, one, "J&T Express", f"PX-000000{part}") for part, one in enumerate(lines)]
        await world.live(10 * MINUTE)
        if units:
            assert opened(world) == {}
            assert writes(world)["packages.split"] == 1
            assert len(units_shipped(world, order_id)) == 3
            assert differences(world) == []
            return
        assert units_shipped(world, order_id) == {"PX-0000001": ["SKU-B"] * 2}
        assert [standing(world, "fulfillments", key) for key in made] == ["dead", "done", "dead"]
        assert "all 3 of SKU-A can go in one package" in opened(world, made[0])["split_refused"]

    play(story, tiktok=shop("VN", split_units=units))


def test_a_second_split_after_something_left_is_tiktoks_to_refuse() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B", "SKU-C")
        fulfill(world, order_id, {"SKU-A": 1}, "J&T Express", "PX-0000001")
        await world.live(5 * MINUTE)
        made = fulfill(world, order_id, {"SKU-B": 1}, "J&T Express", "PX-0000002")
        await world.live(HOUR)
        assert "what is left of the order can go in one package" in opened(world, made)["split_refused"]
        assert writes(world)["packages.split"] == 1
        assert len(units_shipped(world, order_id)) == 1

    play(story, tiktok=shop("VN"))


@pytest.mark.parametrize("operation", ["packages.split", "packages.ship"])
@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.RESET])
@pytest.mark.parametrize("killed", [True, False])
def test_a_lost_answer_neither_splits_nor_ships_twice(operation: str, kind: FaultKind, killed: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        world.faults["tiktok"].add(Fault(kind, operation))
        made = fulfill(world, order_id, {"SKU-A": 3}, "J&T Express", "PX-0000001")
        while not world.tiktok.called(operation):
            await world.live(1)
        if killed:
            await world.kill()
            await world.start()
        await world.live(10 * MINUTE)
        assert standing(world, "fulfillments", made) == "done"
        assert (writes(world)["packages.split"], writes(world)["packages.ship"]) == (1, 1)
        assert units_shipped(world, order_id) == {"PX-0000001": ["SKU-A"] * 3}
        assert len(world.tiktok.order(order_id).package_ids) == 2
        assert opened(world) == {}

    play(story, tiktok=shop("VN"))


@pytest.mark.parametrize("sku", ["SKU-A", "SKU-B"])
def test_a_sixth_unit_is_over_fulfilment_and_no_call(sku: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        for part in PARTS:
            _send(world, order_id, part)
        await world.live(3 * MINUTE)
        request = world.pipe17.shipments_of(order_id)[0]
        made = world.pipe17.fulfill(str(request["shipmentId"]), {sku: 1}, "UPS", ups(order_id, 4))
        await world.live(30 * MINUTE)
        assert set(opened(world, str(made["fulfillmentId"]))) == {"over_fulfilment"}
        assert len(world.tiktok.called("packages.mark_shipped")) == 3

    play(story)


def test_more_than_is_left_of_a_line_is_over_fulfilment_also_before_everything_is_shipped() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        _send(world, order_id, 2)
        await world.live(2 * MINUTE)
        made = fulfill(world, order_id, {"SKU-A": 2}, "UPS", ups(order_id, 4))
        await world.live(10 * MINUTE)
        assert set(opened(world, made)) == {"over_fulfilment"}
        _send(world, order_id, 1)
        _send(world, order_id, 3)
        await world.live(10 * MINUTE)
        assert world.tiktok.order(order_id).status == "AWAITING_COLLECTION"
        assert writes(world)["packages.mark_shipped"] == 3

    play(story)


def test_lines_of_one_sku_at_two_prices_are_told_apart() -> None:
    """Pipe17 names the line, not the SKU: the units of that line leave."""

    async def story(world: World) -> None:
        await world.start()
        skus = [{"seller_sku": "SKU-A", "price": price} for price in ("25", "20", "20")]
        order_id = await released(world, *skus)
        lines = {line["itemPrice"]: line["uniqueId"] for line in (world.pipe17.order_of(order_id) or {})["lineItems"]}
        cheap = [unit.id for unit in world.tiktok.order(order_id).units][1:]
        fulfill(world, order_id, {lines[20]: 2}, "UPS", ups(order_id))
        await world.live(2 * MINUTE)
        (call,) = world.tiktok.called("packages.mark_shipped")
        assert sorted(call.body["order_line_item_ids"]) == sorted(cheap)

    play(story)


def test_a_unit_cancelled_between_two_packages_is_not_shipped() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        _send(world, order_id, 1)
        await world.live(2 * MINUTE)
        left = [
            unit.id for unit in world.tiktok.order(order_id).units if not unit.shipped and unit.seller_sku == "SKU-A"
        ]
        world.tiktok.remove_unit(order_id, left[0])
        made = _send(world, order_id, 2)
        _send(world, order_id, 3)
        await world.live(10 * MINUTE)
        assert set(opened(world, made)) == {"order_cancelled"}
        assert sum(len(skus) for skus in units_shipped(world, order_id).values()) == 3

    play(story)


def test_parts_that_arrive_while_the_daemon_is_down_for_hours() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, *FIVE)
        _send(world, order_id, 2)
        await world.live(30)
        await world.kill()
        _send(world, order_id, 3)
        await asyncio.sleep(5 * HOUR)
        _send(world, order_id, 1)
        await world.start()
        await world.live(5 * MINUTE)
        assert writes(world)["packages.mark_shipped"] == 3
        assert differences(world) == []
        assert opened(world) == {}

    play(story)
