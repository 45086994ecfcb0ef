"""S51.4 Orders that share a package or are split in Seller Center, labels of TikTok's own, and what others ship."""

from __future__ import annotations

import pytest

from daemon.flows import backfill
from daemon.flows.operator import dismiss, retry
from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import (
    DAY,
    HOUR,
    MINUTE,
    differences,
    fact,
    fulfill,
    opened,
    play,
    released,
    row,
    shop,
    sql,
    standing,
    status,
    units_shipped,
    writes,
)
from tests.sim.world import World

CARRIERS = {"US": "UPS", "GB": "EVRi", "DE": "J&T Express", "VN": "J&T Express"}
SHIPPING = ("packages.mark_shipped", "packages.ship")


def calls(world: World) -> int:
    """Shipping calls, whatever came of them."""
    return sum(len(world.tiktok.called(operation)) for operation in SHIPPING)


async def combined(world: World, *, by_platform: bool = False, count: int = 2) -> list[str]:
    """Released orders of one buyer that share a package."""
    orders = [world.tiktok.place_order([sku]) for sku in ("SKU-A", "SKU-B", "SKU-C")[:count]]
    await world.live(HOUR + 5 * MINUTE)
    world.tiktok.combine_orders(orders, by_platform=by_platform)
    await world.live(3 * MINUTE)
    return orders


@pytest.mark.parametrize("market", ["US", "GB", "VN"])
@pytest.mark.parametrize("by_platform", [True, False])
@pytest.mark.parametrize("apart_s", [0.0, 5 * MINUTE])
def test_combined_orders_leave_with_one_call(market: str, by_platform: bool, apart_s: float) -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = await combined(world, by_platform=by_platform, count=3)
        made = []
        for order_id in orders:
            made.append(fulfill(world, order_id, None, CARRIERS[market], "PX-0000001"))
            await world.live(apart_s)
        await world.live(10 * MINUTE)
        assert calls(world) == 1
        assert {world.tiktok.order(order_id).status for order_id in orders} == {"AWAITING_COLLECTION"}
        (package_id,) = {package for order_id in orders for package in world.tiktok.order(order_id).package_ids}
        assert {row(world, "fulfillments", key).remote_id for key in made} == {package_id}  # type: ignore[union-attr]
        assert {standing(world, "fulfillments", key) for key in made} == {"done"}
        assert {status(world, order_id) for order_id in orders} == {"fulfilled"}
        assert opened(world) == {}
        assert differences(world) == []

    play(story, tiktok=shop(market))


def test_the_other_order_with_another_number_is_said() -> None:
    async def story(world: World) -> None:
        await world.start()
        first, second = await combined(world)
        fulfill(world, first, None, "UPS", "PX-0000001")
        await world.live(5 * MINUTE)
        made = fulfill(world, second, None, "UPS", "PX-0000002")
        await world.live(HOUR)
        assert "PX-0000001" in opened(world, made)["combined_package"]
        assert set(opened(world)) == {"combined_package"}
        assert calls(world) == 1
        assert fact(world, "shipped_elsewhere") == {}

    play(story)


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.RESET])
@pytest.mark.parametrize("market", ["US", "VN"])
def test_a_lost_answer_ships_a_shared_package_once(market: str, kind: FaultKind) -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = await combined(world)
        world.faults["tiktok"].add(Fault(kind, "packages.*"))
        made = [fulfill(world, order_id, None, CARRIERS[market], "PX-0000001") for order_id in orders]
        while not calls(world):
            await world.live(1)
        await world.kill()
        await world.start()
        await world.live(10 * MINUTE)
        assert writes(world)["packages.mark_shipped"] + writes(world)["packages.ship"] == 1
        assert {standing(world, "fulfillments", key) for key in made} == {"done"}
        assert opened(world) == {}

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("market", ["US", "VN"])
def test_a_combination_that_was_undone_ships_each_by_itself(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = await combined(world)
        (package_id,) = world.tiktok.order(orders[0]).package_ids
        world.tiktok.uncombine_orders(package_id)
        for number, order_id in enumerate(orders):
            fulfill(world, order_id, None, CARRIERS[market], f"PX-000000{number}")
        await world.live(10 * MINUTE)
        assert calls(world) == 2
        assert opened(world) == {}
        assert differences(world) == []

    play(story, tiktok=shop(market))


def test_a_new_address_takes_an_order_out_of_a_shared_package() -> None:
    async def story(world: World) -> None:
        await world.start()
        first, second = await combined(world)
        world.tiktok.change_address(second, {"line1": "7 Other Street"})
        await world.live(3 * MINUTE)
        for number, order_id in enumerate((first, second)):
            fulfill(world, order_id, None, "J&T Express", f"PX-000000{number}")
        await world.live(10 * MINUTE)
        assert calls(world) == 2
        assert opened(world) == {}

    play(story, tiktok=shop("VN"))


@pytest.mark.parametrize("market", ["US", "VN"])
def test_a_part_of_a_shared_package_is_said_and_not_sent(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(skus) for skus in (["SKU-A", "SKU-B"], ["SKU-C"])]
        await world.live(HOUR + 5 * MINUTE)
        world.tiktok.combine_orders(orders)
        made = fulfill(world, orders[0], {"SKU-A": 1}, CARRIERS[market], "PX-0000001")
        await world.live(10 * MINUTE)
        told = {"US": "shares a package", "VN": "combined with another one"}[market]
        assert told in opened(world, made)["split_refused"]
        assert writes(world)["packages.mark_shipped"] + writes(world)["packages.ship"] == 0
        assert world.tiktok.called("packages.split") == []

    play(story, tiktok=shop(market))


def test_a_seller_who_split_the_order_is_followed() -> None:
    """Webhook 4 names the order, its packages are read, and each leaves by its own id without another split."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        unit = world.tiktok.order(order_id).units[1].id
        world.tiktok.split_packages(order_id, [[unit]])
        for number, sku in enumerate(("SKU-A", "SKU-B")):
            fulfill(world, order_id, {sku: 1}, "J&T Express", f"PX-000000{number}")
        await world.live(10 * MINUTE)
        assert (writes(world)["packages.split"], writes(world)["packages.ship"]) == (0, 2)
        assert units_shipped(world, order_id) == {"PX-0000000": ["SKU-A"], "PX-0000001": ["SKU-B"]}
        assert opened(world) == {}

    play(story, tiktok=shop("VN"))


def test_one_box_for_what_the_seller_split_is_said() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.tiktok.split_packages(order_id, [[world.tiktok.order(order_id).units[1].id]])
        made = fulfill(world, order_id, None, "J&T Express", "PX-0000001")
        await world.live(HOUR)
        assert "2 packages" in opened(world, made)["package_unknown"]
        assert calls(world) == 0

    play(story, tiktok=shop("VN"))


@pytest.mark.parametrize("market", ["US", "GB", "DE"])
def test_a_label_that_must_be_bought_is_said_until_the_seller_ships_it(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B", shipping_type="TIKTOK")
        made = fulfill(world, order_id, None, CARRIERS[market], "PX-0000001")
        await world.live(2 * HOUR)
        assert set(opened(world, made)) == {"platform_label"}
        assert "Seller Center" in opened(world, made)["platform_label"]
        assert standing(world, "fulfillments", made) == "ready"
        assert calls(world) == 0
        world.tiktok.ship_by_hand(order_id)
        await world.live(HOUR)
        assert standing(world, "fulfillments", made) == "done"
        (number,) = units_shipped(world, order_id)
        assert number in row(world, "fulfillments", made).reason  # type: ignore[union-attr]
        assert opened(world) == {}
        assert calls(world) == 0
        assert fact(world, "shipped_elsewhere") == {}

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("drop_off", [True, False])
@pytest.mark.parametrize("number", ["PX-0000001", ""])
def test_where_packages_exist_a_labelled_order_is_handed_over(drop_off: bool, number: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B", shipping_type="TIKTOK")
        world.faults["tiktok"].add(Fault(FaultKind.LOST_ANSWER, "packages.ship"))
        world.pipe17.send_shipments(order_id)
        request = str(world.pipe17.shipments_of(order_id)[0]["shipmentId"])
        made = str(world.pipe17.fulfill(request, None, "J&T Express", number)["fulfillmentId"])
        await world.live(10 * MINUTE)
        (call,) = world.tiktok.called("packages.ship")
        assert call.body["handover_method"] == ("DROP_OFF" if drop_off else "PICKUP")
        assert ("pickup_slot" in call.body) is not drop_off
        assert "self_shipment" not in call.body
        assert standing(world, "fulfillments", made) == "done"
        assert opened(world) == {}

    play(story, tiktok=shop("VN", drop_off=drop_off))


def test_a_labelled_order_that_is_cancelled_is_said() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", shipping_type="TIKTOK")
        made = fulfill(world, order_id)
        await world.live(5 * MINUTE)
        world.tiktok.cancel_order(order_id)
        await world.live(HOUR)
        assert set(opened(world, made)) == {"order_cancelled"}

    play(story)


def test_a_second_connector_is_said_once_for_the_shop() -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A"], buyer_id=f"70214368104682{n:05d}") for n in range(6)]
        await world.live(HOUR + 5 * MINUTE)
        for order_id in orders[:2]:
            world.tiktok.ship_by_hand(order_id, f"THEIRS-{order_id[-4:]}")
            fulfill(world, order_id)
        await world.live(10 * MINUTE)
        assert opened(world, "shop") == {}
        world.tiktok.ship_by_hand(orders[2], "THEIRS-3")
        fulfill(world, orders[2])
        await world.live(10 * MINUTE)
        text = opened(world, "shop")["second_connector"]
        assert all(order_id in text for order_id in orders[:3])
        assert set(opened(world)) == {"already_shipped_elsewhere", "second_connector"}
        assert calls(world) == 0
        assert world.parts is not None
        now_ms = world.clock.now_ms()
        await world.parts.database.write(lambda tx: dismiss(tx, "fulfillments", "shop", "stopped it", now_ms, "me"))
        await world.parts.database.write(lambda tx: retry(tx, world.clock.now_ms(), "me", flow="fulfillments"))
        world.parts.engine.timekeeper.announce()
        await world.live(10 * MINUTE)
        assert opened(world, "shop") == {}, "the same orders say nothing new"
        for order_id in orders[3:5]:
            world.tiktok.ship_by_hand(order_id, f"THEIRS-{order_id[-4:]}")
            fulfill(world, order_id)
        await world.live(HOUR)
        assert opened(world, "shop") == {}, "other orders are needed, as many as the first time"

    play(story)


@pytest.mark.parametrize("when", ["held", "unseen", "held, then both"])
def test_a_second_connector_that_is_faster_than_we_are_is_noticed_by_the_orders(when: str) -> None:
    """Orders that left inside their hold, or in part before they were seen, count once each, whatever comes later."""

    async def story(world: World) -> None:
        await world.start()
        world.tiktok.options.on_hold = False
        orders = []
        for n in range(3):
            assert opened(world, "shop") == {}
            if when == "unseen":
                await world.stop()
            order_id = world.tiktok.place_order(["SKU-A", "SKU-B"], buyer_id=f"70214368104682{n:05d}")
            orders.append(order_id)
            await world.live(4 * HOUR if when == "unseen" else 5 * MINUTE)
            first = [world.tiktok.order(order_id).units[0].id] if when == "unseen" else ()
            world.tiktok.ship_by_hand(order_id, f"THEIRS-{n}", first)
            if when == "unseen":
                await world.start()
            await world.live(5 * MINUTE)
            world.tiktok.touch(order_id)
            await world.live(5 * MINUTE)
        text = opened(world, "shop")["second_connector"]
        assert all(order_id in text for order_id in orders)
        if when == "held, then both":
            world.tiktok.touch(orders[0])
            await world.live(HOUR)
        assert sql(world, "SELECT times FROM exceptions WHERE code = 'second_connector'") == [(1,)]
        assert calls(world) == 0

    play(story, settings={"ORDERS_HOLD": "3h"})


def test_an_order_that_moves_on_for_days_counts_once_and_labels_and_the_past_do_not() -> None:
    async def story(world: World) -> None:
        world.tiktok.options.on_hold = False
        for n in range(3):  # half gone before the daemon came, and found by a person's backfill
            order_id = world.tiktok.place_order(["SKU-A", "SKU-B"], buyer_id=f"70214368104682{n:05d}")
            world.tiktok.ship_by_hand(order_id, f"BEFORE-{n}", [world.tiktok.order(order_id).units[0].id])
        await world.live(2 * DAY)
        await world.start()
        assert world.parts is not None
        assert world.daemon is not None
        assert world.daemon.backfill is not None
        since_ms, now_ms = world.clock.now_ms() - 5 * 86_400_000, world.clock.now_ms()
        await world.parts.database.write(lambda tx: backfill.request(tx, since_ms, None, now_ms))
        world.daemon.backfill.bell.ring()
        await world.live(HOUR)
        assert set(opened(world)) >= {"partly_shipped_elsewhere"}
        for _ in range(3):  # a label is bought in Seller Center, as `platform_label` says
            labelled = world.tiktok.place_order(["SKU-A"], shipping_type="TIKTOK")
            await world.live(5 * MINUTE)
            world.tiktok.ship_by_hand(labelled)
        await world.live(HOUR)
        assert set(opened(world)) >= {"shipped_elsewhere"}
        assert opened(world, "shop") == {}
        for n in range(3, 6):
            order_id = world.tiktok.place_order(["SKU-A"], buyer_id=f"70214368104682{n:05d}")
            await world.live(5 * MINUTE)
            world.tiktok.ship_by_hand(order_id, f"THEIRS-{n}")
            await world.live(23 * HOUR)
            for earlier in list(world.tiktok.book.orders)[3:]:
                world.tiktok.touch(earlier)
            await world.live(2 * HOUR)
        assert opened(world, "shop") == {}

    play(story, settings={"ORDERS_HOLD": "3h"})


def test_three_orders_in_three_days_are_no_second_connector() -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A"], buyer_id=f"70214368104682{n:05d}") for n in range(3)]
        await world.live(HOUR + 5 * MINUTE)
        for order_id in orders:
            world.tiktok.ship_by_hand(order_id, f"THEIRS-{order_id[-4:]}")
            fulfill(world, order_id)
            await world.live(DAY)
        assert opened(world, "shop") == {}
        assert sql(world, "SELECT count(*) FROM exceptions WHERE code = 'already_shipped_elsewhere'") == [(3,)]

    play(story)


def test_a_market_that_refuses_one_call_is_asked_with_the_other() -> None:
    """A shop of the EU, where packages exist from payment on and Mark Package As Shipped is refused."""

    async def story(world: World) -> None:
        await world.start()
        refuse = Fault(FaultKind.REFUSE, "packages.mark_shipped", times=None, code=21008106, message="not here")
        world.faults["tiktok"].add(refuse)
        for number in range(3):
            order_id = await released(world, "SKU-A", "SKU-B")
            fulfill(world, order_id, None, "J&T Express", f"PX-000000{number}")
            await world.live(5 * MINUTE)
            assert units_shipped(world, order_id) == {f"PX-000000{number}": ["SKU-A", "SKU-B"]}
        assert len(world.tiktok.called("packages.mark_shipped")) == 1
        assert opened(world) == {}

    play(story, tiktok=shop("DE"))


@pytest.mark.parametrize(("market", "tries"), [("US", 1), ("DE", 2), ("VN", 2)])
def test_a_market_that_refuses_every_call_is_said_and_no_loop(market: str, tries: int) -> None:
    async def story(world: World) -> None:
        await world.start()
        refuse = Fault(FaultKind.REFUSE, "packages.*ship*", times=None, code=21008106, message="not here")
        world.faults["tiktok"].add(refuse)
        order_id = await released(world, "SKU-A")
        made = fulfill(world, order_id, None, CARRIERS[market], "PX-0000001")
        await world.live(5 * HOUR)
        assert set(opened(world, made)) == {"not_for_this_market"}
        assert calls(world) == tries

    play(story, tiktok=shop(market))
