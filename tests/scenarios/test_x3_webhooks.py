"""X3: webhooks are let in, believed or not, and only ever a hint."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.core.tokens import Secret
from daemon.ops.metrics import Metrics, StoreSnapshot
from daemon.ops.webhooks import AppKeys, Receiver
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.tiktok.webhooks import webhook_sign
from daemon.store.database import Database
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    differences,
    play,
    shop,
    sql,
    status,
    writes,
)
from tests.sim.world import World


def _receiver(world: World) -> Receiver:
    keys = AppKeys(world.tiktok.options.app_key, Secret(world.tiktok.options.app_secret))
    assert world.daemon is not None
    return Receiver(world.daemon, keys, Metrics(StoreSnapshot))


def _subscribe(world: World) -> None:
    world.tiktok.options.app_webhook_url = "https://hooks.example.test/webhooks/tiktok"


async def _deliver(world: World, seconds: float) -> list[int]:
    """Carry webhooks for a while; the statuses answered."""
    answers: list[int] = []
    end_s = world.loop.time() + seconds
    while world.loop.time() < end_s:
        for delivery in world.tiktok.deliveries_due(world.truth.now_ms()):
            answers.append(await _receiver(world).receive(delivery.headers, delivery.body))
            world.tiktok.delivery_result(delivery.id, answers[-1] == 200)
        await world.live(0.25)
    return answers


def test_x3_forged_401_valid_200_once_and_read_at_once() -> None:
    async def story(world: World) -> None:
        _subscribe(world)
        await world.start()
        await world.live(70)
        order_id = world.tiktok.place_order(["SKU-A"])
        (delivery,) = world.tiktok.deliveries_due(world.truth.now_ms())
        receiver = _receiver(world)
        for headers in (
            {},
            {"authorization": "0" * 64},
            {"authorization": delivery.headers["authorization"][:-1] + "x"},
        ):
            assert await receiver.receive(headers, delivery.body) == 401
        assert await receiver.receive(delivery.headers, delivery.body + b" ") == 401
        assert sql(world, "SELECT 1 FROM hints") == []
        assert [await receiver.receive(delivery.headers, delivery.body) for _ in range(3)] == [200] * 3
        assert len(sql(world, "SELECT 1 FROM hints")) == 1
        details = len(world.tiktok.called("orders.detail"))
        await world.live(3)
        assert status(world, order_id) == "onHold"
        assert len(world.tiktok.called("orders.detail")) - details <= 2
        assert writes(world)["orders.create"] == 1

    play(story, settings={"ORDERS_EVERY": "1h"})


@pytest.mark.parametrize("chaos", [False, True])
def test_x3_webhooks_alone_carry_an_order_through_its_life(chaos: bool) -> None:
    """Doubled and overtaking deliveries; the poll comes once in three hours."""

    async def story(world: World) -> None:
        _subscribe(world)
        await world.start()
        await world.live(10)
        order_id = world.tiktok.place_order(["SKU-A"])
        assert set(await _deliver(world, 30)) == {200}
        assert status(world, order_id) == "onHold"
        world.tiktok.change_address(order_id, {"line1": "9 Hook Street"})
        gone = world.tiktok.place_order(["SKU-B"])
        await _deliver(world, 10)
        world.tiktok.cancel_order(gone)
        await _deliver(world, 30)
        assert status(world, gone) == "canceled"
        await world.live(HOUR)
        await _deliver(world, 30)
        assert status(world, order_id) == "readyForFulfillment"
        assert differences(world) == []

    options: TikTokOptions = shop(webhook_duplicates=0.8, webhook_jitter_ms=20_000) if chaos else shop()
    play(story, settings={"ORDERS_EVERY": "3h"}, tiktok=options)


def test_x3_a_store_that_does_not_answer_is_a_503_within_three_seconds() -> None:
    async def story(world: World) -> None:
        _subscribe(world)
        await world.start()
        await world.live(10)
        world.tiktok.place_order(["SKU-A"])
        (delivery,) = world.tiktok.deliveries_due(world.truth.now_ms())
        assert world.parts is not None
        receiver, begun_s = _receiver(world), world.loop.time()
        stuck = asyncio.Event()

        async def never(work: Any) -> Any:
            await stuck.wait()

        real = Database.write
        try:
            Database.write = lambda self, work: never(work)  # type: ignore[method-assign, assignment]
            assert await receiver.receive(delivery.headers, delivery.body) == 503
        finally:
            Database.write = real  # type: ignore[method-assign]
        assert world.loop.time() - begun_s < 3
        assert sql(world, "SELECT 1 FROM hints") == []
        world.tiktok.delivery_result(delivery.id, False)
        assert set(await _deliver(world, 130)) == {200}
        assert sql(world, "SELECT 1 FROM hints") != []

    play(story, settings={"ORDERS_EVERY": "1h"})


def test_x3_a_deauthorization_is_believed_only_after_asking() -> None:
    async def story(world: World) -> None:
        _subscribe(world)
        await world.start()
        await world.live(70)
        receiver = _receiver(world)
        doubting = asyncio.create_task(receiver.run())
        body = b'{"type":6,"tts_notification_id":"1","shop_id":"7495000000000000001","timestamp":1,"data":{}}'
        headers = {"authorization": webhook_sign(world.tiktok.options, body)}
        assert await receiver.receive(headers, body) == 200
        await world.live(70)
        assert not doubting.done() or doubting.exception() is None
        doubting.cancel()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(2 * MINUTE)
        assert status(world, order_id) == "onHold"

    play(story)
