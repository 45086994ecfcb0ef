"""S51.3 A tracking number is corrected: one more fulfillment of the same lines, one call at TikTok, or a word on it."""

from __future__ import annotations

import asyncio

import pytest

from daemon.sandbox.faults import Fault, FaultKind
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
    units_shipped,
    writes,
)
from tests.sim.world import World

CARRIERS = {"US": "UPS", "GB": "EVRi", "VN": "J&T Express"}


def again(world: World, order_id: str, number: str, lines: dict[str, int] | None = None, carrier: str = "UPS") -> str:
    """The warehouse reports the shipment once more; the id of the fulfillment."""
    request = world.pipe17.shipments_of(order_id)[0]
    made = world.pipe17.fulfill(str(request["shipmentId"]), lines or _whole(world, order_id), carrier, number)
    return str(made["fulfillmentId"])


def _whole(world: World, order_id: str) -> dict[str, int]:
    return {line["sku"]: line["quantity"] for line in (world.pipe17.order_of(order_id) or {})["lineItems"]}


def updates(world: World) -> int:
    """Corrections that TikTok took."""
    return writes(world)["orders.update_tracking"] + writes(world)["packages.update_tracking"]


def asked(world: World) -> int:
    """Corrections that TikTok was asked for."""
    return len(world.tiktok.called("orders.update_tracking")) + len(world.tiktok.called("packages.update_tracking"))


@pytest.mark.parametrize("market", ["US", "GB", "VN"])
@pytest.mark.parametrize("units", [("SKU-A",), ("SKU-A", "SKU-A", "SKU-B")])
@pytest.mark.parametrize("apart_s", [0.0, 3 * MINUTE, 71 * HOUR])
def test_a_correction_inside_its_window_is_one_update(market: str, units: tuple[str, ...], apart_s: float) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id, carrier = await released(world, *units), CARRIERS[market]
        first = fulfill(world, order_id, None, carrier, "PX-0000001")
        await world.live(apart_s)
        second = again(world, order_id, "PX-0000002", carrier=carrier)
        await world.live(10 * MINUTE)
        assert (updates(world), asked(world)) == (1, 1)
        assert len(world.tiktok.called("orders.update_tracking")) == 1, "an order that is one package"
        assert units_shipped(world, order_id) == {"PX-0000002": sorted(units)}
        assert [standing(world, "fulfillments", key) for key in (first, second)] == ["done", "done"]
        assert "corrected from PX-0000001 to PX-0000002" in row(world, "fulfillments", second).reason  # type: ignore[union-attr]
        assert opened(world) == {}
        assert differences(world) == []
        await world.stop()
        await world.start()
        await world.live(10 * MINUTE)
        assert (updates(world), asked(world)) == (1, 1)

    play(story, tiktok=shop(market))


def test_of_a_split_order_the_package_is_corrected() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B")
        fulfill(world, order_id, {"SKU-A": 2}, "UPS", "PX-0000001")
        await world.live(2 * MINUTE)
        fulfill(world, order_id, {"SKU-B": 1}, "UPS", "PX-0000002")
        await world.live(2 * MINUTE)
        again(world, order_id, "PX-0000003", {"SKU-B": 1})
        await world.live(10 * MINUTE)
        assert units_shipped(world, order_id) == {"PX-0000001": ["SKU-A", "SKU-A"], "PX-0000003": ["SKU-B"]}
        assert len(world.tiktok.called("packages.update_tracking")) == 1
        assert opened(world) == {}
        assert differences(world) == []

    play(story)


@pytest.mark.parametrize("why", ["late", "second", "21011049", "21011050", "21011051", "21011052"])
def test_what_tiktok_no_longer_takes_is_said_with_both_numbers(why: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        fulfill(world, order_id, None, "UPS", "PX-0000001")
        await world.live(73 * HOUR if why == "late" else 2 * MINUTE)
        if why == "second":
            again(world, order_id, "PX-0000002")
            await world.live(2 * MINUTE)
        kept = "PX-0000002" if why == "second" else "PX-0000001"
        if why.isdigit():
            world.faults["tiktok"].add(Fault(FaultKind.REFUSE, "*.update_tracking", code=int(why), message="no"))
        made = again(world, order_id, "PX-0000009")
        await world.live(HOUR)
        text = opened(world, made)["tracking_update_refused"]
        assert kept in text
        assert "PX-0000009" in text
        assert standing(world, "fulfillments", made) == "dead"
        assert units_shipped(world, order_id) == {kept: ["SKU-A", "SKU-B"]}
        assert asked(world) == (2 if why == "second" else 1)
        assert writes(world)["packages.mark_shipped"] == 1
        assert set(opened(world)) == {"tracking_update_refused"}

    play(story)


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.RESET, FaultKind.GARBAGE, FaultKind.SERVER_ERROR])
@pytest.mark.parametrize("killed", [True, False])
def test_a_correction_that_ended_in_the_dark_is_settled_by_reading(kind: FaultKind, killed: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        fulfill(world, order_id, None, "UPS", "PX-0000001")
        await world.live(2 * MINUTE)
        world.faults["tiktok"].add(Fault(kind, "*.update_tracking"))
        made = again(world, order_id, "PX-0000002")
        while not asked(world):
            await world.live(1)
        if killed:
            await world.kill()
            await world.start()
        await world.live(10 * MINUTE)
        assert updates(world) == 1
        assert standing(world, "fulfillments", made) == "done"
        assert units_shipped(world, order_id) == {"PX-0000002": ["SKU-A"]}
        assert opened(world) == {}

    play(story)


def test_both_numbers_arrive_while_the_daemon_is_down_and_the_newer_one_stays() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        await world.stop()
        fulfill(world, order_id, None, "UPS", "PX-0000001")
        await asyncio.sleep(60)
        again(world, order_id, "PX-0000002")
        await world.start()
        await world.live(30 * MINUTE)
        assert units_shipped(world, order_id) == {"PX-0000002": ["SKU-A", "SKU-B"]}
        assert opened(world) == {}
        assert updates(world) <= 1

    play(story)


def test_the_older_number_that_comes_later_changes_nothing() -> None:
    """The first fulfillment was refused and is retried when the second has shipped the units."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        world.faults["tiktok"].add(Fault(FaultKind.REFUSE, "packages.mark_shipped", code=21011022, message="invalid"))
        first = fulfill(world, order_id, None, "UPS", "PX-0000001")
        await world.live(2 * MINUTE)
        assert standing(world, "fulfillments", first) == "dead"
        again(world, order_id, "PX-0000002")
        await world.live(2 * MINUTE)
        assert world.parts is not None
        sql_now = world.clock.now_ms()
        await world.parts.database.write(lambda tx: _retry(tx, sql_now, first))
        world.parts.engine.timekeeper.announce()
        await world.live(10 * MINUTE)
        assert units_shipped(world, order_id) == {"PX-0000002": ["SKU-A", "SKU-B"]}
        assert standing(world, "fulfillments", first) == "done"
        assert asked(world) == 0
        assert opened(world) == {}
        assert sql(world, "SELECT count(*) FROM outbox WHERE state = 'dead'") == [(0,)]

    play(story)


def _retry(tx: object, now_ms: int, key: str) -> None:
    from daemon.flows.operator import retry

    retry(tx, now_ms, "a person", flow="fulfillments", key=key)  # type: ignore[arg-type]


def test_an_extra_unit_is_no_correction() -> None:
    """The same SKU in another quantity, and one of two packages of a line: both stay over-fulfilment."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-A", "SKU-B", "SKU-B")
        fulfill(world, order_id, {"SKU-A": 2}, "UPS", "PX-0000001")
        for number in (2, 3):
            await world.live(2 * MINUTE)
            fulfill(world, order_id, {"SKU-B": 1}, "UPS", f"PX-000000{number}")
        await world.live(2 * MINUTE)
        one = again(world, order_id, "PX-0000004", {"SKU-A": 1})
        two = again(world, order_id, "PX-0000005", {"SKU-B": 1})
        await world.live(10 * MINUTE)
        assert set(opened(world, one)) == {"over_fulfilment"}
        assert "PX-0000002 or PX-0000003" in opened(world, two)["over_fulfilment"]
        assert asked(world) == 0

    play(story)


def test_a_number_changed_by_hand_and_then_corrected_is_tiktoks_to_judge() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        fulfill(world, order_id, None, "UPS", "PX-0000001")
        await world.live(2 * MINUTE)
        (package,) = [world.tiktok.book.packages[one] for one in world.tiktok.order(order_id).package_ids]
        package.tracking_number, package.corrections = "BY-HAND-1", 1
        world.tiktok.touch(order_id)
        made = again(world, order_id, "PX-0000002")
        await world.live(10 * MINUTE)
        assert "BY-HAND-1" in opened(world, made)["tracking_update_refused"]
        assert units_shipped(world, order_id) == {"BY-HAND-1": ["SKU-A"]}

    play(story)
