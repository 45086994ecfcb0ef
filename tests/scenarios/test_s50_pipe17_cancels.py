"""S50 Cancellations: what people cancel in Pipe17, and what its warehouses reject, is cancelled at TikTok, once."""

from __future__ import annotations

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import (
    DAY,
    HOUR,
    MINUTE,
    attempts,
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
    ups,
    writes,
)
from tests.sim.world import World

CANCEL = "cancellations.cancel"


def cancels(world: World) -> list[dict[str, object]]:
    """The cancels that TikTok took, as they were sent."""
    return [dict(call.body) for call in world.tiktok.called(CANCEL, effective=True)]


def lines(world: World, order_id: str) -> dict[str, int]:
    """SKU to quantity in Pipe17."""
    return {line["sku"]: line["quantity"] for line in (world.pipe17.order_of(order_id) or {})["lineItems"]}


def live(world: World, order_id: str) -> list[str]:
    """The SKUs that TikTok still has to ship or has shipped."""
    return sorted(unit.seller_sku for unit in world.tiktok.order(order_id).live())


@pytest.mark.parametrize(
    ("market", "reason"),
    [
        ("US", "seller_cancel_reason_out_of_stock"),
        ("GB", "seller_cancel_reason_out_of_stock_uk"),
        ("DE", "seller_cancel_reason_out_of_stock"),
        ("VN", "seller_cancel_reason_out_of_stock"),
    ],
)
def test_s50_a_cancel_in_pipe17_cancels_at_tiktok_once_with_an_allowed_reason(market: str, reason: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B", "SKU-B")
        updates = writes(world)["orders.update"]
        world.pipe17.cancel_order(order_id)
        await world.live(3 * MINUTE)
        assert world.tiktok.order(order_id).status == "CANCELLED"
        assert cancels(world) == [{"order_id": order_id, "cancel_reason": reason}]
        await world.live(2 * HOUR)
        assert attempts(world, CANCEL) == 1
        assert writes(world)["orders.update"] == updates
        assert (status(world, order_id), opened(world), differences(world)) == ("canceled", {}, [])
        assert standing(world, "cancellations", order_id) == "done"

    play(story, tiktok=shop(market))


def test_s50_a_cancel_on_hold_is_cancelled_at_tiktok_and_never_revived() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(10 * MINUTE)
        world.pipe17.cancel_order(order_id)
        await world.live(2 * HOUR)
        assert world.pipe17.audit.first_routable_ms(order_id) is None
        assert world.pipe17.audit.statuses(order_id) == ["onHold", "canceled"]
        assert len(cancels(world)) == 1
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("market", ["US", "VN"])
def test_s50_a_cancel_born_at_tiktok_does_not_come_back(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.cancel_order(order_id)
        await world.live(HOUR)
        assert status(world, order_id) == "canceled"
        assert attempts(world, CANCEL) == attempts(world, "cancellations.eligibility") == 0
        found = row(world, "cancellations", order_id)
        assert found is not None
        assert (found.state, found.reason) == ("done", "TikTok has it cancelled")
        assert world.observed.records["cancellations", "unchanged"] == 1
        assert opened(world) == {}

    play(story, tiktok=shop(market))


def test_s50_both_sides_cancelled_at_the_same_time_ask_for_nothing() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        updates = writes(world)["orders.update"]
        world.pipe17.cancel_order(order_id)
        world.tiktok.cancel_order(order_id)
        await world.live(HOUR)
        assert attempts(world, CANCEL) == 0
        assert writes(world)["orders.update"] == updates
        assert opened(world) == {}

    play(story)


def test_s50_switched_off_a_cancel_in_pipe17_stays_there_and_is_not_revived() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.pipe17.cancel_order(order_id)
        world.tiktok.touch(order_id)
        await world.live(10 * MINUTE)
        world.tiktok.remove_unit(order_id, world.tiktok.order(order_id).units[0].id)
        await world.live(HOUR)
        assert (attempts(world, CANCEL), status(world, order_id)) == (0, "canceled")
        assert live(world, order_id) == ["SKU-B"]

    play(story, settings={"ORDERS_PUSH_CANCELLATIONS": "false"})


def test_s50_a_pending_request_of_the_buyer_is_granted_and_no_second_cancel_sent() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.tiktok.request_cancel(order_id)
        await world.live(3 * MINUTE)
        assert set(opened(world, order_id)) == {"cancel_requested"}
        world.pipe17.cancel_order(order_id)
        await world.live(10 * MINUTE)
        assert world.tiktok.order(order_id).status == "CANCELLED"
        assert (attempts(world, CANCEL), attempts(world, "cancellations.approve")) == (0, 1)
        assert opened(world) == {}

    play(story)


def test_s50_a_request_for_other_units_must_be_answered_first() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        units = {unit.seller_sku: unit.id for unit in world.tiktok.order(order_id).units}
        world.tiktok.request_cancel(order_id, [units["SKU-A"]])
        await world.live(3 * MINUTE)
        world.pipe17.take_out(order_id, "SKU-B")
        await world.live(10 * MINUTE)
        assert (attempts(world, CANCEL), attempts(world, "cancellations.approve")) == (0, 0)
        found = row(world, "cancellations", order_id)
        assert found is not None
        assert (found.state, found.code) == ("ready", "cancel_requested")
        world.tiktok.refuse_cancel(order_id)
        await world.live(10 * MINUTE)
        assert live(world, order_id) == ["SKU-A"]
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("market", ["US", "VN"])
def test_s50_cancelled_in_pipe17_after_shipping_is_refused_and_nothing_is_touched(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        fulfill(world, order_id, carrier="UPS" if market == "US" else "J&T Express")
        await world.live(5 * MINUTE)
        world.pipe17.cancel_order(order_id)
        await world.live(HOUR)
        assert attempts(world, CANCEL) == 0
        assert set(opened(world, order_id)) == {"cancel_refused"}
        assert status(world, order_id) == "canceled"
        assert world.tiktok.order(order_id).status == "AWAITING_COLLECTION"

    play(story, tiktok=shop(market))


def test_s50_a_cancel_in_pipe17_leaves_what_was_shipped() -> None:
    """The package that left is told first, then the rest of the order is cancelled."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        fulfill(world, order_id, {"SKU-A": 1})
        world.pipe17.cancel_order(order_id)
        await world.live(15 * MINUTE)
        statuses = {unit.seller_sku: unit.status for unit in world.tiktok.order(order_id).units}
        assert statuses == {"SKU-A": "AWAITING_COLLECTION", "SKU-B": "CANCELLED"}
        assert [len(one["order_line_item_ids"]) for one in cancels(world)] == [1]  # type: ignore[arg-type]
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("market", ["US", "GB"])
def test_s50_a_line_made_smaller_in_pipe17_is_cancelled_at_tiktok(market: str, removed: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B")
        world.pipe17.take_out(order_id, "SKU-A", 2 if removed else 1)
        await world.live(5 * MINUTE)
        assert live(world, order_id) == (["SKU-B"] if removed else ["SKU-A", "SKU-B"])
        (sent,) = cancels(world)
        assert len(sent["order_line_item_ids"]) == (2 if removed else 1)  # type: ignore[arg-type]
        assert "out_of_stock" in str(sent["cancel_reason"])
        await world.live(2 * HOUR)
        assert attempts(world, CANCEL) == 1
        assert lines(world, order_id) == ({"SKU-B": 1} if removed else {"SKU-A": 1, "SKU-B": 1})
        fulfill(world, order_id, None, "UPS" if market == "US" else "EVRi")
        await world.live(5 * MINUTE)
        assert world.tiktok.order(order_id).status == "AWAITING_COLLECTION"
        assert (opened(world), differences(world)) == ({}, [])

    play(story, tiktok=shop(market))


def test_s50_two_lines_taken_out_one_after_the_other_are_two_cancels() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B", "SKU-C")
        for sku in ("SKU-A", "SKU-B"):
            world.pipe17.take_out(order_id, sku)
            await world.live(10 * MINUTE)
        assert live(world, order_id) == ["SKU-C"]
        assert len(cancels(world)) == 2
        world.tiktok.cancel_order(order_id)
        await world.live(10 * MINUTE)
        assert (opened(world), differences(world)) == ({}, [])

    play(story)


@pytest.mark.parametrize("market", ["DE", "VN"])
def test_s50_where_lines_cannot_be_cancelled_it_is_said_with_the_reasons(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.pipe17.take_out(order_id, "SKU-A")
        await world.live(HOUR)
        text = opened(world, order_id)["cancel_refused"]
        assert "25005010" in text
        assert "seller_cancel_reason_wrong_price" in text
        assert attempts(world, CANCEL) == 1
        assert lines(world, order_id) == {"SKU-B": 1}
        assert live(world, order_id) == ["SKU-A", "SKU-B"]

    play(story, tiktok=shop(market))


def test_s50_pieces_taken_out_in_pipe17_stay_out_when_tiktok_changes_the_order() -> None:
    """TikTok loses another line while the cancel cannot be sent: Pipe17 gets that change and no piece back."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B", "SKU-C")
        world.faults["tiktok"].add(Fault(FaultKind.UNAVAILABLE, "cancellations.*", times=None))
        world.pipe17.take_out(order_id, "SKU-A")
        await world.live(3 * MINUTE)
        unit = next(one.id for one in world.tiktok.order(order_id).units if one.seller_sku == "SKU-C")
        world.tiktok.remove_unit(order_id, unit, by="SYSTEM")
        await world.live(5 * MINUTE)
        assert lines(world, order_id) == {"SKU-A": 1, "SKU-B": 1}
        world.faults["tiktok"].clear()
        await world.live(HOUR)
        assert live(world, order_id) == ["SKU-A", "SKU-B"]
        assert (opened(world), differences(world)) == ({}, [])

    play(story)


def test_s50_a_line_that_we_made_smaller_ourselves_is_no_cancel() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B")
        world.faults["pipe17"].add(Fault(FaultKind.LOST_ANSWER, "orders.update", times=3))
        world.tiktok.remove_unit(order_id, world.tiktok.order(order_id).units[0].id)
        await world.live(HOUR)
        assert lines(world, order_id) == {"SKU-A": 1, "SKU-B": 1}
        assert attempts(world, CANCEL) == 0
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("took_effect", [True, False])
@pytest.mark.parametrize("takes_ms", [0, 120_000])
def test_s50_a_cancel_whose_answer_is_lost_is_sent_once(took_effect: bool, takes_ms: int) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        kind = FaultKind.LOST_ANSWER if took_effect else FaultKind.RESET
        world.faults["tiktok"].add(Fault(kind, CANCEL, times=1))
        world.pipe17.take_out(order_id, "SKU-A")
        await world.live(20 * MINUTE)
        assert live(world, order_id) == ["SKU-B"]
        assert len(cancels(world)) == 1
        assert (opened(world), differences(world)) == ({}, [])

    play(story, tiktok=shop("US", cancel_takes_ms=takes_ms))


def test_s50_while_a_cancel_is_carried_out_no_tracking_goes() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.pipe17.send_shipments(order_id)
        request = str(world.pipe17.shipments_of(order_id)[0]["shipmentId"])
        world.pipe17.cancel_order(order_id)
        await world.live(3 * MINUTE)
        made = world.pipe17.fulfill(request, {"SKU-A": 1}, "UPS", ups(order_id))
        await world.live(5 * MINUTE)
        assert "cancel made in Pipe17" in row(world, "fulfillments", str(made["fulfillmentId"])).reason  # type: ignore[union-attr]
        await world.live(10 * MINUTE)
        assert attempts(world, "packages.mark_shipped") == 0
        assert set(opened(world)) == {"order_cancelled"}

    play(story, tiktok=shop("US", cancel_takes_ms=10 * 60_000))


def test_s50_an_order_put_back_before_the_cancel_was_sent_is_not_cancelled() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.faults["tiktok"].add(Fault(FaultKind.UNAVAILABLE, "cancellations.*", times=None))
        world.pipe17.cancel_order(order_id)
        await world.live(5 * MINUTE)
        world.pipe17.change_order(order_id, status="readyForFulfillment")
        await world.live(5 * MINUTE)
        world.faults["tiktok"].clear()
        await world.live(HOUR)
        assert standing(world, "cancellations", order_id) == "dropped"
        assert attempts(world, CANCEL) == 0
        assert world.tiktok.order(order_id).status == "AWAITING_SHIPMENT"

    play(story)


def test_s50_an_order_of_another_channel_is_left_alone() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        foreign = world.pipe17.add_foreign_order({"extOrderId": "amazon-1", "lineItems": []})
        world.pipe17.cancel_order(foreign)
        await world.live(10 * MINUTE)
        assert sql(world, "SELECT count(*) FROM outbox WHERE flow = 'cancellations'") == [(0,)]
        assert status(world, order_id) == "readyForFulfillment"

    play(story)


# --- what a warehouse rejects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", ["US", "GB"])
def test_s50_rejected_lines_are_cancelled_at_tiktok_behind_the_shipped_ones(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B")
        world.pipe17.send_shipments(order_id)
        request = str(world.pipe17.shipments_of(order_id)[0]["shipmentId"])
        world.pipe17.reject(request, {"SKU-A": 1})
        carrier = "UPS" if market == "US" else "EVRi"
        world.pipe17.fulfill(request, {"SKU-A": 1, "SKU-B": 1}, carrier, ups(order_id))
        await world.live(15 * MINUTE)
        assert live(world, order_id) == ["SKU-A", "SKU-B"]
        names = [call.operation for call in world.tiktok.calls if call.operation in (CANCEL, "packages.mark_shipped")]
        assert names == ["packages.mark_shipped", CANCEL]
        assert opened(world) == {}
        await world.live(2 * HOUR)
        assert attempts(world, CANCEL) == 1
        assert (opened(world), differences(world)) == ({}, [])

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("market", ["US", "VN"])
def test_s50_an_order_that_is_rejected_whole_is_cancelled_whole_and_needs_no_recall(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.pipe17.send_shipments(order_id)
        world.pipe17.reject(str(world.pipe17.shipments_of(order_id)[0]["shipmentId"]))
        await world.live(HOUR)
        assert world.tiktok.order(order_id).status == "CANCELLED"
        assert len(cancels(world)) == 1
        assert "order_line_item_ids" not in cancels(world)[0]
        assert (status(world, order_id), opened(world)) == ("canceled", {})

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("by_hand", [False, True])
def test_s50_what_was_refused_by_the_line_is_over_when_the_whole_order_is_cancelled(by_hand: bool) -> None:
    """A market without line cancels: the second rejection makes up the whole order, or a person cancels it."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        request = str(world.pipe17.send_shipments(order_id)[0])
        first = str(world.pipe17.reject(request, {"SKU-A": 1})["fulfillmentId"])
        await world.live(20 * MINUTE)
        assert set(opened(world, first)) == {"cancel_refused"}
        assert live(world, order_id) == ["SKU-A", "SKU-B"]
        if by_hand:
            world.tiktok.cancel_order(order_id)
        else:
            world.pipe17.reject(request, {"SKU-B": 1})
        await world.live(20 * MINUTE)
        assert live(world, order_id) == []
        assert opened(world, first) == {}
        assert standing(world, "fulfillments", first) == "dropped"
        assert set(opened(world)) <= {"recall"}

    play(story, tiktok=shop("VN"))


def test_s50_rejected_lines_are_a_persons_when_cancels_are_switched_off() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.pipe17.send_shipments(order_id)
        made = world.pipe17.reject(str(world.pipe17.shipments_of(order_id)[0]["shipmentId"]))
        await world.live(HOUR)
        assert set(opened(world, str(made["fulfillmentId"]))) == {"fulfillment_rejected"}
        assert attempts(world, CANCEL) == 0

    play(story, settings={"ORDERS_PUSH_CANCELLATIONS": "false"})


def test_s50_a_rejection_of_what_the_buyer_has_cancelled_cancels_nothing_more() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A")
        world.pipe17.send_shipments(order_id)
        world.tiktok.remove_unit(order_id, world.tiktok.order(order_id).units[0].id, by="BUYER")
        await world.live(5 * MINUTE)
        assert "1 of SKU-A" in opened(world, order_id)["edited_after_release"]
        world.pipe17.reject(str(world.pipe17.shipments_of(order_id)[0]["shipmentId"]), {"SKU-A": 1})
        await world.live(HOUR)
        assert attempts(world, CANCEL) == 0
        assert live(world, order_id) == ["SKU-A"]

    play(story)


def test_s50_a_buyers_cancel_of_the_rest_after_a_rejection_asks_for_a_recall() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.pipe17.send_shipments(order_id)
        world.pipe17.reject(str(world.pipe17.shipments_of(order_id)[0]["shipmentId"]), {"SKU-A": 1})
        await world.live(20 * MINUTE)
        assert opened(world) == {}
        world.tiktok.cancel_order(order_id)
        await world.live(20 * MINUTE)
        assert set(opened(world, order_id)) == {"recall"}

    play(story)


@pytest.mark.parametrize("everything", [True, False])
def test_s50_parts_of_a_bundle_are_cancelled_as_whole_bundles_or_not_at_all(everything: bool) -> None:
    from tests.sim.day import BUNDLE

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, BUNDLE, BUNDLE, "SKU-B")
        parts = {line["uniqueId"]: line["sku"] for line in (world.pipe17.order_of(order_id) or {})["lineItems"]}
        for name, sku in parts.items():
            if sku == "SKU-D":
                world.pipe17.take_out(order_id, name, 1)
        if everything:
            taken = 2
            for name, sku in parts.items():
                if sku == "SKU-A" and taken:
                    world.pipe17.take_out(order_id, name, taken)
                    taken = 0
        await world.live(20 * MINUTE)
        assert live(world, order_id) == (["SET", "SKU-B"] if everything else ["SET", "SET", "SKU-B"])
        assert set(opened(world, order_id)) == (set() if everything else {"cancel_refused"})

    play(story)


def test_s50_a_daemon_that_dies_around_the_cancel_sends_it_once() -> None:
    async def story(world: World) -> None:
        await world.start()
        for point in ("call", "effect", "answer", "writing", "written"):
            for number in range(1, 8):
                order_id = world.tiktok.place_order(["SKU-A", "SKU-B"])
                await world.live(HOUR + 5 * MINUTE)
                if number % 2:
                    world.pipe17.cancel_order(order_id)
                else:
                    world.pipe17.take_out(order_id, "SKU-A")
                world.crash_at = (point, number)
                await world.live(10 * MINUTE)
                world.crash_at = None
                await world.live(10 * MINUTE)
                assert live(world, order_id) == ([] if number % 2 else ["SKU-B"]), (point, number)
        assert len(cancels(world)) == 35
        assert {call.code for call in world.tiktok.called(CANCEL)} <= {0, -1}
        assert (opened(world), differences(world)) == ({}, [])

    play(story)


def test_s50_what_tiktok_grants_by_itself_comes_to_pipe17() -> None:
    """Nobody answers the buyer: after 24 hours TikTok cancels, and the exception goes."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.request_cancel(order_id)
        await world.live(5 * MINUTE)
        assert "grants it" in opened(world, order_id)["cancel_requested"]
        await world.live(DAY + 10 * MINUTE)
        assert (status(world, order_id), attempts(world, CANCEL)) == ("canceled", 0)
        assert "cancel_requested" not in opened(world)

    play(story)
