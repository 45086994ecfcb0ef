"""S05 Push fulfilments: tracking reaches TikTok once, for the units it is about."""

from __future__ import annotations

import asyncio

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.pipe17.options import Tracking
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.tiktok.logistics import US_PROVIDERS
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    differences,
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
    ups,
    writes,
)
from tests.sim.world import World

UPS = next(provider for provider, name in US_PROVIDERS.items() if name == "UPS")
FORMS = [(form, names) for form in Tracking for names in (True, False)]


@pytest.mark.parametrize(("form", "names_channel"), FORMS)
def test_two_units_in_one_package_are_one_call_with_their_ids_and_the_carriers(
    form: Tracking, names_channel: bool
) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B")
        a1, a2, b1 = (unit.id for unit in world.tiktok.order(order_id).units)
        made = fulfill(world, order_id, {"SKU-A": 2})
        await world.live(2 * MINUTE)
        (call,) = world.tiktok.called("packages.mark_shipped")
        assert sorted(call.body["order_line_item_ids"]) == sorted([a1, a2])
        assert call.body["shipping_provider_id"] == UPS
        assert call.body["tracking_number"] == ups(order_id)
        assert world.tiktok.order(order_id).status == "PARTIALLY_SHIPPING"
        fulfill(world, order_id, {"SKU-B": 1}, "USPS", "9400111899223197428490")
        await world.live(2 * MINUTE)
        assert world.tiktok.order(order_id).status == "AWAITING_COLLECTION"
        assert units_shipped(world, order_id) == {
            ups(order_id): ["SKU-A", "SKU-A"],
            "9400111899223197428490": ["SKU-B"],
        }
        assert status(world, order_id) == "fulfilled"
        assert standing(world, "fulfillments", made) == "done"
        assert b1 not in call.body["order_line_item_ids"]
        assert opened(world) == {}
        assert differences(world) == []

    play(story, pipe17=Pipe17Options(tracking=form, fulfillment_names_channel=names_channel))


@pytest.mark.parametrize(
    ("market", "carrier", "operation"),
    [
        ("GB", "Royal Mail", "packages.mark_shipped"),
        ("DE", "J&T Express", "packages.mark_shipped"),
        ("VN", "J&T Express", "packages.ship"),
    ],
)
def test_every_market_ships_its_own_way(market: str, carrier: str, operation: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A")
        fulfill(world, order_id, None, carrier, "TRK-0001.7")
        await world.live(2 * MINUTE)
        assert units_shipped(world, order_id) == {"TRK-0001.7": ["SKU-A", "SKU-A"]}
        assert writes(world)[operation] == 1
        assert sum(count for name, count in writes(world).items() if name.startswith("packages.")) == 1
        assert world.tiktok.order(order_id).status == "AWAITING_COLLECTION"
        assert opened(world) == {}
        assert differences(world) == []

    play(story, tiktok=shop(market), settings={"FULFILLMENTS_FALLBACK_CARRIER": ""})


@pytest.mark.parametrize("market", ["US", "VN"])
@pytest.mark.parametrize("already", [(21011020,), (21008099,), (21011006, 21011040, 21042056)])
@pytest.mark.parametrize("kill", [True, False])
def test_a_lost_reply_and_a_kill_do_not_ship_twice(kill: bool, already: tuple[int, ...], market: str) -> None:
    operation = "packages.ship" if market == "VN" else "packages.mark_shipped"

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.faults["tiktok"].add(Fault(FaultKind.LOST_ANSWER, operation, times=1))
        made = fulfill(world, order_id, None, "J&T Express" if market == "VN" else "UPS")
        for _ in range(120):
            await world.live(1)
            if writes(world)[operation]:
                break
        if kill:
            await world.kill()
            await asyncio.sleep(90)
            await world.start()
        await world.live(5 * MINUTE)
        assert len(world.tiktok.called(operation)) == 1
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A", "SKU-B"]}
        found = row(world, "fulfillments", made)
        assert found is not None
        assert (found.state, found.remote_id) == ("done", world.tiktok.order(order_id).package_ids[0])
        assert opened(world) == {}

    play(story, tiktok=shop(market, already_shipped_codes=already))


@pytest.mark.parametrize("code", [21011020, 21008099, 21011006, 21011027, 21042056])
def test_already_shipped_is_a_success_when_it_was_us(code: int) -> None:
    """A person typed our number into Seller Center while the order could not be read."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        made = fulfill(world, order_id)
        now_ms = world.truth.now_ms()
        world.faults["tiktok"].add(Fault(FaultKind.LOST_ANSWER, "packages.mark_shipped", times=1))
        refusal = Fault(FaultKind.REFUSE, "packages.mark_shipped", times=1, skip=1, status=200, code=code)
        world.faults["tiktok"].add(refusal)
        world.faults["tiktok"].add(
            Fault(FaultKind.UNAVAILABLE, "orders.detail", times=None, after_ms=now_ms, until_ms=now_ms + 90_000)
        )
        await world.live(10 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        assert standing(world, "fulfillments", made) == "done"
        assert opened(world) == {}

    play(story)


def test_shipped_by_somebody_else_is_said_and_left_alone() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        order = world.tiktok.order(order_id)
        await world.stop()
        package = world.tiktok.market.new_package(order, [order.units[0].id], world.truth.now_ms())
        package.tracking_number, package.status = "9400111899223197428490", "PROCESSING"
        order.units[0].status = "AWAITING_COLLECTION"
        world.tiktok.market.shipped(order, world.truth.now_ms())
        made = fulfill(world, order_id)
        await world.start()
        await world.live(10 * MINUTE)
        assert "already_shipped_elsewhere" in opened(world, made)
        assert writes(world)["packages.mark_shipped"] == 0
        assert standing(world, "fulfillments", made) == "dead"

    play(story)


@pytest.mark.parametrize("beyond_min", [20.0, 200.0])
@pytest.mark.parametrize("market", ["US", "VN"])
def test_on_hold_tracking_waits_for_the_release_and_is_not_given_up(beyond_min: float, market: str) -> None:
    """A person released the order in Pipe17 by hand; TikTok still holds it."""

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(2 * MINUTE)
        world.pipe17.change_order(order_id, status="readyForFulfillment")
        await world.live(2 * MINUTE)
        made = fulfill(world, order_id, None, "J&T Express" if market == "VN" else "UPS")
        hold_min = world.tiktok.options.hold_ms / 60_000
        await world.live((hold_min - 6) * MINUTE)
        assert standing(world, "fulfillments", made) == "ready"
        assert units_shipped(world, order_id) == {}
        assert opened(world, made) == {}
        await world.live(13 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        found = row(world, "fulfillments", made)
        assert found is not None
        assert (found.state, found.attempts) == ("done", 0)
        assert [call.code for call in world.tiktok.called("packages.mark_shipped") if call.code] == []

    play(story, tiktok=shop(market, hold_ms=round(beyond_min * 60_000)))


def test_21011044_itself_waits_and_counts_no_attempt() -> None:
    """The order says it may be shipped, the call says it is on hold; longer than any number of tries."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        refusal = Fault(FaultKind.REFUSE, "packages.mark_shipped", times=12, status=200, code=21011044)
        world.faults["tiktok"].add(refusal)
        made = fulfill(world, order_id)
        await world.live(2 * MINUTE)
        found = row(world, "fulfillments", made)
        assert found is not None
        assert (found.state, found.attempts) == ("ready", 0)
        assert len(world.tiktok.called("packages.mark_shipped")) > 1
        await world.live(70 * MINUTE)
        assert standing(world, "fulfillments", made) == "done"
        assert len(world.tiktok.called("packages.mark_shipped")) == 13
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("names_channel", [True, False])
def test_fulfillments_of_other_channels_are_none_of_ours(names_channel: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        ours = await released(world, "SKU-A")
        theirs = world.pipe17.add_foreign_order(
            {
                "extOrderId": "SHOPIFY-1",
                "status": "new",
                "lineItems": [{"uniqueId": "1", "sku": "SKU-A", "quantity": 1}],
                "shippingAddress": {"address1": "1 Elsewhere", "city": "X", "country": "US"},
            }
        )
        await world.live(MINUTE)
        fulfill(world, theirs, None, "UPS", "1Z999AA10123456784")
        fulfill(world, ours)
        await world.live(5 * MINUTE)
        assert units_shipped(world, ours) == {ups(ours): ["SKU-A"]}
        assert writes(world)["packages.mark_shipped"] == 1
        assert opened(world) == {}
        assert world.pipe17.called("orders.update")[-1].path.rsplit("/", 1)[-1] != theirs

    play(story, pipe17=Pipe17Options(fulfillment_names_channel=names_channel))


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("", "tracking_missing"),
        ("ABC", "tracking_invalid"),
        ("1Z#999", "tracking_invalid"),
        ("x" * 51, "tracking_invalid"),
    ],
)
def test_a_number_that_tiktok_would_not_take_is_not_sent(number: str, code: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        request = world.pipe17.send_shipments(order_id)[0]
        made = world.pipe17.fulfill(request, None, "UPS", number)
        await world.live(10 * MINUTE)
        assert code in opened(world, str(made["fulfillmentId"]))
        assert world.tiktok.called("packages.mark_shipped") == []

    play(story)


def test_a_rejected_fulfillment_ships_nothing_and_is_shown() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        request = world.pipe17.send_shipments(order_id)[0]
        made = world.pipe17.reject(request)
        await world.live(5 * MINUTE)
        assert "fulfillment_rejected" in opened(world, str(made["fulfillmentId"]))
        assert world.tiktok.called("packages.mark_shipped") == []

    play(story, settings={"ORDERS_PUSH_CANCELLATIONS": "false"})


@pytest.mark.parametrize("retired", [frozenset({"fulfillment/202309"})])
def test_a_retired_version_is_replaced_by_the_next(retired: frozenset[str]) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        fulfill(world, order_id)
        await world.live(5 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        assert opened(world) == {}

    play(story, tiktok=shop(retired_versions=retired))


@pytest.mark.parametrize("down_s", [60, 3 * HOUR])
def test_what_was_shipped_while_the_daemon_was_down_is_pushed_once(down_s: float) -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [await released(world, "SKU-A", "SKU-B") for _ in range(2)]
        await world.stop()
        for order_id in orders:
            fulfill(world, order_id)
        await asyncio.sleep(down_s)
        await world.start()
        await world.live(5 * MINUTE)
        assert writes(world)["packages.mark_shipped"] == 2
        assert differences(world) == []
        await world.stop()
        await world.start()
        await world.live(5 * MINUTE)
        assert writes(world)["packages.mark_shipped"] == 2

    play(story)


@pytest.mark.parametrize("market", ["US", "GB"])
@pytest.mark.parametrize("race", ["hold", "ship"])
def test_a_buyer_who_asks_to_cancel_while_tracking_comes(race: str, market: str) -> None:
    """Shipping would silently refuse the buyer: the setting decides, and a person is told what waits."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.request_cancel(order_id)
        made = fulfill(world, order_id, None, "Royal Mail" if market == "GB" else "UPS")
        await world.live(10 * MINUTE)
        if race == "ship" and market == "US":
            assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
            return
        assert units_shipped(world, order_id) == {}
        assert opened(world, made) != {}
        world.tiktok.refuse_cancel(order_id)
        await world.live(10 * MINUTE)
        if race == "hold":
            assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
            assert opened(world) == {}

    play(story, tiktok=shop(market), settings={"ORDERS_CANCEL_RACE": race})


def test_a_rough_network_ships_each_package_once() -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A", "SKU-A", "SKU-B"]) for _ in range(8)]
        await world.live(HOUR + 5 * MINUTE)
        for kind in (FaultKind.LOST_ANSWER, FaultKind.GARBAGE, FaultKind.ERROR_AFTER, FaultKind.NULL_DATA):
            world.faults["tiktok"].add(Fault(kind, "packages.*", times=3))
        world.faults["tiktok"].add(Fault(FaultKind.DELAY, "packages.*", times=3, delay_ms=40_000))
        for order_id in orders:
            fulfill(world, order_id, {"SKU-A": 2}, "UPS", ups(order_id, 1))
            fulfill(world, order_id, {"SKU-B": 1}, "UPS", ups(order_id, 2))
        await world.live(HOUR)
        assert writes(world)["packages.mark_shipped"] == 16
        assert differences(world) == []
        assert opened(world) == {}

    play(story, tiktok=TikTokOptions())


def test_an_hour_of_waiting_leaves_a_timeline_that_shows_its_end() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.request_cancel(order_id)
        fulfill(world, order_id)
        await world.live(HOUR)
        world.tiktok.refuse_cancel(order_id)
        await world.live(5 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        lines = sql(world, "SELECT flow, event FROM journal WHERE group_key = ? ORDER BY id", order_id)
        assert lines[-1] == ("orders", "wanted") or ("fulfillments", "accepted") in lines[-3:]
        assert [event for flow, event in lines if flow == "fulfillments"] == ["wanted", "waits", "waits", "accepted"]

    play(story)
