"""Every kind of order a shop can get: none lost, each told apart, none routed that must not be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.tiktok.kinds import KINDS
from daemon.sandbox.tiktok.pricing import UnitSpec
from tests.scenarios.stage import (
    DAY,
    HOUR,
    MINUTE,
    backlog,
    differences,
    fulfill,
    opened,
    play,
    row,
    shop,
    status,
    street,
)
from tests.sim.world import World

ROUTED, DONE = "readyForFulfillment", "fulfilled"
PULL = {"ORDERS_PULL_SHIPPED_BY_PLATFORM": "true"}


def fields(world: World, order_id: str) -> dict[str, str]:
    order = world.pipe17.order_of(order_id) or {}
    return {item["name"]: item["value"] for item in order.get("customFields", ())}


def tags(world: World, order_id: str) -> set[str]:
    return set((world.pipe17.order_of(order_id) or {}).get("tags", ())) - {"tiktok-shop"}


ROWS: dict[str, tuple[set[str], str, dict[str, str]]] = {
    "": (set(), ROUTED, {"tiktok_order_type": "NORMAL"}),
    "sample": ({"sample"}, ROUTED, {}),
    "refundable-sample": ({"refundable-sample"}, ROUTED, {}),
    "giveaway": ({"giveaway"}, ROUTED, {"tiktok_order_type": "ZERO_LOTTERY"}),
    "auction": ({"auction"}, ROUTED, {"tiktok_order_type": "AUCTION"}),
    "pre-order": ({"pre-order"}, ROUTED, {"tiktok_order_type": "PRE_ORDER"}),
    "made-to-order": ({"made-to-order"}, ROUTED, {"tiktok_handling_duration": "7 BUSINESS_DAY"}),
    "back-order": ({"back-order"}, ROUTED, {"tiktok_handling_duration": "14 CALENDAR_DAY"}),
    "replacement": ({"replacement"}, ROUTED, {"tiktok_replaced_order_id": "576461413037000001"}),
    "exchange": ({"exchange"}, ROUTED, {"tiktok_exchanged_order_id": "576461413037000002"}),
    "subscription": ({"subscription"}, ROUTED, {}),
    "auto-combined": ({"auto-combined"}, ROUTED, {"tiktok_auto_combine_group_id": "12345677"}),
    "digital": ({"digital"}, DONE, {"tiktok_shipping_type": "TIKTOK_DIGITAL"}),
    "virtual": ({"digital"}, DONE, {"tiktok_order_type": "VIRTUAL_ORDER"}),
    "platform-label": ({"platform-label"}, ROUTED, {"tiktok_shipping_type": "TIKTOK"}),
    "shipped-by-platform": ({"shipped-by-platform"}, DONE, {"tiktok_fulfillment_type": "FULFILLMENT_BY_TIKTOK"}),
    "cod": ({"cod"}, ROUTED, {}),
    "collection-point": ({"collection-point"}, ROUTED, {}),
    "store-pickup": ({"store-pickup"}, ROUTED, {"tiktok_shipping_type": "IN-STORE PICKUP"}),
    "tokopedia": ({"tokopedia"}, ROUTED, {}),
    "dilayani-tokopedia": ({"shipped-by-platform", "tokopedia"}, DONE, {}),
}
"""Kind -> its tags, where it ends by itself, and what its custom fields say."""


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("market", ["US", "VN"])
def test_each_kind_is_taken_in_told_apart_and_goes_where_it_belongs(kind: str, market: str) -> None:
    expected, end, says = ROWS[kind]

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order([UnitSpec(price="20", gift_retail_price="0"), "SKU-B"], kind=kind)
        await world.live(HOUR + 7 * MINUTE)
        order: Any = world.pipe17.order_of(order_id)
        assert (order["status"], tags(world, order_id)) == (end, expected)
        assert says.items() <= fields(world, order_id).items()
        assert str(order["totalPrice"]) == world.tiktok.shown(order_id)["payment"]["total_amount"]
        assert [line["quantity"] for line in order["lineItems"]] == [1, 1]
        routable = world.pipe17.audit.first_routable_ms(order_id) is not None
        assert routable == (end == ROUTED)
        assert bool(world.pipe17.shipments_of(order_id)) == (end == ROUTED)
        assert opened(world) == {}
        assert differences(world, pull_platform=True) == []
        assert world.tiktok.called("packages.mark_shipped") == []

    play(story, tiktok=shop(market), settings=PULL)


def test_a_free_order_says_what_its_goods_are_worth() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order([UnitSpec(price="20"), UnitSpec(price="20")], kind="giveaway")
        await world.live(HOUR + 5 * MINUTE)
        order: Any = world.pipe17.order_of(order_id)
        (line,) = order["lineItems"]
        assert (order["totalPrice"], line["itemPrice"], line["quantity"]) == (0, 0, 2)
        assert fields(world, order_id)[f"tiktok_gift_value:{line['uniqueId']}"] == "40"
        assert "payments" not in order

    play(story)


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("kind", ["replacement", "exchange"])
def test_a_replacement_is_an_order_of_its_own_that_points_to_the_first(kind: str, free: bool) -> None:
    member = {"replacement": "replaced_order_id", "exchange": "exchange_source_order_id"}[kind]

    async def story(world: World) -> None:
        await world.start()
        first = world.tiktok.place_order()
        await world.live(HOUR + 5 * MINUTE)
        flag = {"is_replacement_order": True} if kind == "replacement" else {"is_exchange_order": True}
        second = world.tiktok.place_order(kind=kind if free else "", flags=flag | {member: first})
        await world.live(HOUR + 5 * MINUTE)
        name = {"replacement": "tiktok_replaced_order_id", "exchange": "tiktok_exchanged_order_id"}[kind]
        assert fields(world, second)[name] == first
        assert (tags(world, first), tags(world, second)) == (set(), {kind})
        assert {status(world, one) for one in (first, second)} == {ROUTED}
        assert ((world.pipe17.order_of(second) or {})["totalPrice"] == 0) == free
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("early", [0.0, 2 * DAY, 30 * DAY])
def test_a_pre_order_is_held_until_its_release_whatever_the_timer_and_tiktok_say(early: float) -> None:
    async def story(world: World) -> None:
        await world.start()
        release_ms = world.truth.now_ms() + round(4 * DAY * 1000)
        order_id = world.tiktok.place_order(kind="pre-order", release_ms=release_ms)
        await world.live(3 * DAY)
        assert status(world, order_id) == "onHold"
        assert fields(world, order_id)["tiktok_release_date"].startswith("2")
        await world.live(1 * DAY + 10 * MINUTE)
        assert status(world, order_id) == ROUTED
        first_ms = world.pipe17.audit.first_routable_ms(order_id)
        assert first_ms is not None
        assert first_ms >= release_ms // 1000 * 1000
        assert opened(world) == {}

    play(story, tiktok=shop(release_early_ms=round(early * 1000)), settings={"ORDERS_EVERY": "30m"})


@pytest.mark.parametrize(("kind", "days"), [("", 3), ("made-to-order", 7), ("back-order", 14)])
def test_what_must_be_made_first_keeps_its_own_deadline(kind: str, days: int) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(kind=kind)
        await world.live(HOUR + 5 * MINUTE)
        paid_ms = world.tiktok.order(order_id).paid_ms or 0
        told = row(world, "orders", order_id)
        by_ms = world.tiktok.shown(order_id)["rts_sla_time"] * 1000
        assert days * DAY <= (by_ms - paid_ms) / 1000 < (days + 1) * DAY
        assert status(world, order_id) == ROUTED
        assert told is not None
        await world.live((days - 1) * DAY)
        assert opened(world) == {}
        await world.live(2 * DAY)
        assert set(opened(world)) == {"ship_deadline_missed"}

    play(story, settings={"ORDERS_EVERY": "1h"})


@pytest.mark.parametrize("kind", ["digital", "virtual"])
@pytest.mark.parametrize("pull_on_hold", ["true", "false"])
def test_a_digital_order_is_never_seen_by_a_warehouse(kind: str, pull_on_hold: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(kind=kind)
        await world.live(30 * MINUTE)
        assert status(world, order_id) == ""
        await world.live(HOUR)
        assert status(world, order_id) == DONE
        assert world.pipe17.audit.first_routable_ms(order_id) is None
        assert world.pipe17.shipments_of(order_id) == []
        assert differences(world) == []

    play(story, settings={"ORDERS_PULL_ON_HOLD": pull_on_hold})


@pytest.mark.parametrize("kind", ["digital", "virtual"])
def test_a_digital_order_cancelled_after_it_was_fulfilled_is_told_as_what_it_is(kind: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(kind=kind)
        await world.live(90 * MINUTE)
        world.tiktok.cancel_order(order_id)
        await world.live(HOUR)
        assert set(opened(world, order_id)) == {"digital_cancelled"}
        assert status(world, order_id) == DONE

    play(story)


@pytest.mark.parametrize("market", ["US", "VN"])
def test_a_masked_address_is_no_exception_where_tiktok_makes_the_label(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(kind="platform-label")
        await world.live(HOUR + 5 * MINUTE)
        address = (world.pipe17.order_of(order_id) or {})["shippingAddress"]
        assert status(world, order_id) == ROUTED
        assert not any("*" in value for value in address.values())
        assert opened(world) == {}

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("pull_on_hold", ["true", "false"])
@pytest.mark.parametrize("late", [3 * MINUTE, 2 * HOUR])
def test_an_order_whose_street_is_hidden_waits_for_it(late: float, pull_on_hold: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order()
        await world.live(HOUR + MINUTE)
        assert status(world, order_id) == "onHold"
        assert street(world, order_id) == ""
        assert opened(world) == {}
        if late > HOUR:
            await world.live(20 * MINUTE)
            assert set(opened(world, order_id)) == {"address_missing"}
            assert backlog(world) == {"held": 1}
            waits = row(world, "orders", order_id)
            assert waits is not None
            assert "no street" in waits.reason
            await world.live(late - 30 * MINUTE)
            assert status(world, order_id) == "onHold"
        await world.live(late - HOUR if late < HOUR else 20 * MINUTE)
        await world.live(10 * MINUTE)
        assert (status(world, order_id), street(world, order_id)) == (ROUTED, "100 Sim Street")
        assert opened(world) == {}
        for change in world.pipe17.audit.of(order_id):
            assert not change.routable or change.address.get("address1") == "100 Sim Street"

    play(story, tiktok=shop(address_late_ms=round(late * 1000)), settings={"ORDERS_PULL_ON_HOLD": pull_on_hold})


@pytest.mark.parametrize(("members", "code"), [({}, "address_missing"), ({"shipping_type": "DRONE"}, "kind_unknown")])
def test_a_person_may_release_what_is_kept_back(members: dict[str, str], code: str) -> None:
    """In Pipe17, by hand; then it is shipped from there like any other."""

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(**members)  # type: ignore[arg-type]
        await world.live(2 * HOUR)
        assert (status(world, order_id), set(opened(world))) == ("onHold", {code})
        by_hand = {"address1": "1 By Hand", "country": "US"}
        world.pipe17.change_order(order_id, shippingAddress=by_hand, status=ROUTED)
        await world.live(20 * MINUTE)
        assert (status(world, order_id), street(world, order_id)) == (ROUTED, "1 By Hand")
        assert set(opened(world)) <= {"kind_unknown"}
        assert backlog(world) == {}
        fulfill(world, order_id)
        await world.live(20 * MINUTE)
        assert world.tiktok.order(order_id).status == "AWAITING_COLLECTION"
        assert status(world, order_id) == DONE
        assert set(opened(world)) <= {"kind_unknown"}

    late = round(DAY * 1000) if not members else 0
    play(story, tiktok=shop(address_late_ms=late))


def test_an_order_that_left_without_a_street_stays_an_exception() -> None:
    """Pipe17 may let it go by itself when its `holdUntil` is over and the daemon was away for more than a day."""

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order()
        await world.live(2 * HOUR)
        await world.stop()
        await asyncio.sleep(23 * HOUR)
        assert status(world, order_id) == "onHold"
        await asyncio.sleep(30 * HOUR)
        assert (status(world, order_id), street(world, order_id)) == (ROUTED, "")
        await world.start()
        await world.live(30 * MINUTE)
        assert "address_missing" in opened(world)

    late = shop(address_late_ms=round(5 * DAY * 1000))
    play(story, tiktok=late, pipe17=Pipe17Options(releases_connector_holds=True))


@pytest.mark.parametrize(
    ("members", "end"),
    [
        ({"order_type": "NEW_KIND"}, ROUTED),
        ({"shipping_type": "DRONE"}, "onHold"),
        ({"fulfillment_type": "FULFILLMENT_BY_FRIENDS"}, "onHold"),
    ],
)
@pytest.mark.parametrize("pull_on_hold", ["true", "false"])
def test_a_kind_that_nobody_knows_is_taken_in_tagged_and_told(
    members: dict[str, str], end: str, pull_on_hold: str
) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(**members)  # type: ignore[arg-type]
        await world.live(HOUR + 10 * MINUTE)
        assert (status(world, order_id), tags(world, order_id)) == (end, {"unknown-kind"})
        (value,) = members.values()
        assert value in opened(world, order_id)["kind_unknown"]
        await world.live(5 * HOUR)
        assert status(world, order_id) == end

    play(story, settings={"ORDERS_PULL_ON_HOLD": pull_on_hold})
