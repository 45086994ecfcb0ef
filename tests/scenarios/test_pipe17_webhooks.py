"""Pipe17's webhooks make it faster; lost, doubled, late, overtaking and forged ones do no harm."""

from __future__ import annotations

import json

import pytest

from daemon.core.tokens import Secret
from daemon.ops.metrics import Metrics, StoreSnapshot
from daemon.ops.pipe17_registration import Pipe17Registration
from daemon.ops.pipe17_webhooks import PATH, Pipe17Receiver
from daemon.sandbox.pipe17 import Pipe17Options
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    attempts,
    differences,
    fulfill,
    opened,
    play,
    released,
    shop,
    sql,
    writes,
)
from tests.scenarios.stock_stage import link, live, stock
from tests.sim.world import World

PUBLIC = "https://hooks.example.test"
SECRET = Secret("a-secret-that-nobody-guesses")


async def _register(world: World) -> None:
    assert world.parts is not None
    key = Secret(world.pipe17.options.api_key)
    await Pipe17Registration(world.parts, PUBLIC, SECRET, key).once()


def _receiver(world: World) -> Pipe17Receiver:
    assert world.daemon is not None
    return Pipe17Receiver(world.daemon, SECRET, Secret(world.pipe17.options.api_key), Metrics(StoreSnapshot))


async def _deliver(world: World, seconds: float) -> list[int]:
    """Carry webhooks for a while; the statuses answered."""
    answers: list[int] = []
    end_s = world.loop.time() + seconds
    while world.loop.time() < end_s:
        for item in world.pipe17.deliveries_due(world.truth.now_ms()):
            receiver = _receiver(world)
            known = receiver.knows(item.url.removeprefix(PUBLIC + PATH), item.headers)
            answers.append(await receiver.receive(item.body) if known else 404)
            world.pipe17.delivery_result(item.id, answers[-1] == 200)
        await world.live(0.25)
    return answers


async def _arrived(world: World, order_id: str, within_s: float) -> None:
    """Until TikTok has a package of the order with its number."""
    end_s = world.loop.time() + within_s
    while not world.tiktok.order(order_id).package_ids:
        assert world.loop.time() < end_s, "the tracking number did not get to TikTok in time"
        await _deliver(world, 0.5)


def test_a_shipment_is_at_tiktok_seconds_after_it_left() -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(70)
        await _register(world)
        order_id = await released(world, "SKU-A")
        await _deliver(world, 1)
        fulfill(world, order_id)
        await _arrived(world, order_id, 5)
        assert writes(world)["packages.mark_shipped"] == 1

    play(story, settings={"FULFILLMENTS_EVERY": "3h"})


def test_a_cancel_is_at_tiktok_seconds_after_a_person_made_it() -> None:
    """Its flow reads its source, and not every order that changes in Pipe17."""

    async def story(world: World) -> None:
        await world.start()
        await world.live(10)
        await _register(world)
        order_id = await released(world, "SKU-A")
        await _deliver(world, 30)
        reads, lists = attempts(world, "orders.get"), attempts(world, "orders.list")
        world.pipe17.cancel_order(order_id)
        await _deliver(world, 15)
        assert world.tiktok.order(order_id).status == "CANCELLED"
        assert attempts(world, "orders.list") - lists <= 3
        assert attempts(world, "orders.get") - reads <= 2

    play(story, tiktok=shop(on_hold=False, hold_ms=0), settings={"ORDERS_EVERY": "5m", "ORDERS_HOLD": "0s"})


def test_a_level_is_at_tiktok_seconds_after_it_moved_and_a_hundred_cost_few_calls() -> None:
    async def story(world: World) -> None:
        skus = [f"SKU-{number}" for number in range(100)]
        for sku in skus:
            world.tiktok.seller.add_product([sku], stock=10)
            stock(world, sku, 10)
        await world.start()
        await link(world)
        await _register(world)
        await _deliver(world, 70)
        before = attempts(world, "inventory.list")
        stock(world, "SKU-7", 4)
        await _deliver(world, 3)
        assert live(world, "SKU-7") == 4
        assert attempts(world, "inventory.list") - before == 1
        for sku in skus:
            stock(world, sku, 9)
        await _deliver(world, 30)
        assert {live(world, sku) for sku in skus} == {9}
        assert attempts(world, "inventory.list") - before < 12

    play(story, settings={"INVENTORY_EVERY": "1h"})


@pytest.mark.parametrize(
    "options",
    [
        {"webhook_loss": 1.0},
        {"webhook_duplicates": 1.0, "webhook_jitter_ms": 120_000},
        {"webhook_loss": 0.5, "webhook_duplicates": 0.5, "webhook_jitter_ms": 600_000},
        {"webhook_names_plural": False, "webhook_echoes_key": False},
    ],
    ids=["all lost", "doubled and overtaking", "everything", "named otherwise"],
)
def test_lost_doubled_and_late_ones_do_no_harm(options: dict[str, float]) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(70)
        await _register(world)
        orders = [await released(world, "SKU-A", "SKU-B") for _ in range(3)]
        for order_id in orders:
            fulfill(world, order_id)
            assert set(await _deliver(world, 2 * MINUTE)) <= {200}
        await _deliver(world, 20 * MINUTE)
        assert writes(world)["packages.mark_shipped"] == len(orders)
        assert differences(world) == []
        assert opened(world) == {}

    play(story, pipe17=Pipe17Options(**options))  # type: ignore[arg-type]


def test_forged_ones_do_no_harm_and_cost_no_call() -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(70)
        await _register(world)
        order_id = await released(world, "SKU-A")
        receiver, before = _receiver(world), attempts(world, "fulfillments.get")
        right = {"x-pipe17-key": world.pipe17.options.api_key}
        for secret, headers in [
            ("", right),
            ("guess", right),
            (SECRET.get_secret_value()[:-1], right),
            (SECRET.get_secret_value(), {"X-Pipe17-Key": "0" * 32}),
        ]:
            assert not receiver.knows(secret, headers)
        assert sql(world, "SELECT 1 FROM hints") == []
        # somebody who knows the address can make us read, and nothing else
        said = {"entity": "fulfillments", "action": "create", "timestamp": "2026-01-05T15:46:12.400Z"}
        for number in range(20):
            body = json.dumps(said | {"itemId": f"{number:016x}", "trackingNumber": ["FORGED"]}).encode()
            assert await receiver.receive(body) == 200
        await world.live(MINUTE)
        assert attempts(world, "fulfillments.get") - before == 20
        assert writes(world)["packages.mark_shipped"] == 0
        assert opened(world) == {}
        fulfill(world, order_id)
        await _arrived(world, order_id, 5)

    play(story, settings={"FULFILLMENTS_EVERY": "3h"})


def test_a_hint_that_was_answered_survives_a_crash() -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(70)
        await _register(world)
        order_id = await released(world, "SKU-A")
        await _deliver(world, 1)
        cursor = sql(world, "SELECT position FROM cursors WHERE flow = 'fulfillments'")
        fulfill(world, order_id)
        receiver, items = _receiver(world), world.pipe17.deliveries_due(world.truth.now_ms())
        for item in items:
            assert await receiver.receive(item.body) == 200
        await world.kill()
        assert [kind for (kind,) in sql(world, "SELECT kind FROM hints WHERE handled_at_ms IS NULL")] == [
            "fulfillments"
        ]
        for name in ("fulfillments.list",):
            world.faults["pipe17"].add_json({"kind": "unavailable", "operation": name, "times": None})
        await world.start()
        await world.live(10)
        assert writes(world)["packages.mark_shipped"] == 1
        assert sql(world, "SELECT position FROM cursors WHERE flow = 'fulfillments'") == cursor
        world.faults["pipe17"].clear()
        await world.live(HOUR)
        assert writes(world)["packages.mark_shipped"] == 1

    play(story, settings={"FULFILLMENTS_EVERY": "3h"})
