"""S42 Forced resync: every level once more, behind everything else, never an older one, one at a time."""

from __future__ import annotations

import pytest

from daemon.flows import resync_standing
from daemon.sandbox.faults import Fault, FaultKind
from daemon.settings.values import Buffer
from tests.scenarios.stage import DAY, HOUR, MINUTE, fact, opened, play, status
from tests.scenarios.stock_stage import link, live, poke, pushes, sku_id, stock
from tests.sim.world import World

EVERY = {"INVENTORY_EVERY": "60s", "PRODUCTS": "off", "LOCATIONS": "off"}


async def shelves(world: World, count: int, on_hand: int = 10) -> list[str]:
    """So many SKUs, with what Pipe17 says at TikTok as well."""
    world.tiktok.seller.create_products(count, stock=on_hand - 1)
    skus = [sku.seller_sku for sku in world.tiktok.catalogue.skus.values()]
    world.pipe17.keeper.create_stock(skus, on_hand)
    await world.start()
    await link(world)
    await world.live(3 * MINUTE)
    assert {live(world, sku) for sku in skus} == {on_hand}
    return skus


async def ask(world: World) -> dict[str, object]:
    assert world.parts is not None
    assert world.daemon is not None
    assert world.daemon.resync is not None
    now_ms = world.clock.now_ms()
    answer = await world.parts.database.write(lambda tx: resync_standing.request(tx, "test", now_ms))
    world.daemon.resync.bell.ring()
    return answer


def test_every_level_is_sent_once_more_and_what_changed_at_tiktok_is_put_right() -> None:
    async def story(world: World) -> None:
        skus = await shelves(world, 30)
        world.tiktok.seller.set_stock(skus[3], 99)
        before = len(pushes(world))
        assert (await ask(world))["started"]
        await world.live(2 * MINUTE)
        assert len(pushes(world)) - before == 30
        assert {live(world, sku) for sku in skus} == {10}
        known = fact(world, "resync")
        assert (known["phase"], known["percent"], known["marked"]) == ("done", 100, 30)
        await world.live(DAY / 2)
        assert len(pushes(world)) - before == 30

    play(story, settings=EVERY)


def test_with_pushes_in_flight_the_newest_level_stays() -> None:
    async def story(world: World) -> None:
        (sku,) = await shelves(world, 1)
        stock(world, sku, 9)
        await world.live(2 * MINUTE)
        world.faults["tiktok"].add(Fault(FaultKind.DELAY, "inventory.update", times=1, delay_ms=5000))
        stock(world, sku, 10)
        poke(world)
        await world.live(1)
        stock(world, sku, 4)
        await ask(world)
        await world.live(3 * MINUTE)
        assert live(world, sku) == 4
        sent = [sum(levels.values()) for _, sku_, levels in world.tiktok.stock.pushed if sku_ == sku_id(world, sku)]
        assert sent.index(4) > max(index for index, units in enumerate(sent) if units == 10)

    play(story, settings=EVERY)


def test_orders_are_not_delayed_and_a_live_change_goes_first() -> None:
    async def story(world: World) -> None:
        skus = await shelves(world, 1500)
        await ask(world)
        await world.live(20)
        assert fact(world, "resync")["phase"] == "sending"
        stock(world, skus[-1], 3)
        order_id = world.tiktok.place_order([skus[0]])
        poke(world, "inventory")
        poke(world, "orders")
        await world.live(3)
        assert live(world, skus[-1]) == 3
        assert status(world, order_id) == "onHold"
        percent = fact(world, "resync")["percent"]
        again = await ask(world)
        assert not again["started"]
        assert again["text"] == f"already running, {percent} %"

    play(story, settings=EVERY | {"TIKTOK_REQUESTS_PER_SECOND": "10"})


@pytest.mark.parametrize("after_s", [0.3, 1.0, 10.0, 30.0])
def test_a_kill_goes_on_where_it_was(after_s: float) -> None:
    async def story(world: World) -> None:
        skus = await shelves(world, 400)
        before = len(pushes(world))
        await ask(world)
        await world.live(after_s)
        asked = fact(world, "resync")["asked_at_ms"]
        await world.kill()
        await world.start()
        await world.live(5 * MINUTE)
        known = fact(world, "resync")
        assert (known["phase"], known["asked_at_ms"]) == ("done", asked)
        sent = len(pushes(world)) - before
        assert 400 - 32 <= sent <= 400 + 32, "not from the beginning; what was under way is looked up"
        assert {live(world, sku) for sku in skus} == {10}

    play(story, settings=EVERY | {"TIKTOK_REQUESTS_PER_SECOND": "10"})


def test_a_restart_that_was_asked_for_sends_again_and_a_crash_loop_does_not() -> None:
    async def story(world: World) -> None:
        await shelves(world, 20)
        before = len(pushes(world))
        await world.stop()
        await world.start()
        await world.live(3 * MINUTE)
        assert len(pushes(world)) - before == 20
        for _ in range(5):
            await world.kill()
            await world.start()
            await world.live(2 * MINUTE)
        assert len(pushes(world)) - before == 20

    play(story, settings=EVERY)


def test_a_restart_sends_nothing_where_it_is_switched_off() -> None:
    async def story(world: World) -> None:
        await shelves(world, 20)
        before = len(pushes(world))
        await world.stop()
        await world.start()
        await world.live(3 * MINUTE)
        assert len(pushes(world)) == before

    play(story, settings=EVERY | {"INVENTORY_RESYNC_ON_START": "false"})


def test_an_empty_inventory_changes_nothing() -> None:
    async def story(world: World) -> None:
        skus = await shelves(world, 20)
        world.faults["pipe17"].add(Fault(FaultKind.EMPTY_LIST, "inventory.list", times=None))
        await ask(world)
        await world.live(5 * MINUTE)
        assert {live(world, sku) for sku in skus} == {10}
        assert set(opened(world)) == {"inventory_source_empty"}
        assert fact(world, "resync")["problem"]
        world.faults["pipe17"].clear()
        await world.live(3 * MINUTE)
        assert opened(world) == {}
        assert fact(world, "resync")["phase"] == "done"
        assert {live(world, sku) for sku in skus} == {10}

    play(story, settings=EVERY)


def test_a_resync_has_not_ended_while_calls_are_under_way() -> None:
    async def story(world: World) -> None:
        await shelves(world, 20)
        world.faults["tiktok"].add(Fault(FaultKind.DELAY, "inventory.update", times=None, delay_ms=9_000))
        await ask(world)
        await world.live(6)
        assert fact(world, "resync")["phase"] == "sending"
        await world.live(MINUTE)
        assert fact(world, "resync")["phase"] == "done"

    play(story, settings=EVERY)


def test_changes_hidden_behind_empty_lists_are_found_when_they_show_again() -> None:
    """Longer than readings overlap: a list without rows is no proof that nothing has changed."""

    async def story(world: World) -> None:
        skus = await shelves(world, 5)
        world.faults["pipe17"].add(Fault(FaultKind.EMPTY_LIST, "inventory.list", times=None))
        stock(world, skus[0], 4)
        await world.live(20 * MINUTE)
        assert set(opened(world)) == {"inventory_source_empty"}
        assert {live(world, sku) for sku in skus} == {10}
        world.faults["pipe17"].clear()
        await world.live(3 * MINUTE)
        assert live(world, skus[0]) == 4
        assert opened(world) == {}

    play(story, settings=EVERY)


def test_a_resync_that_would_empty_the_shelves_is_held() -> None:
    async def story(world: World) -> None:
        skus = await shelves(world, 20)
        await world.stop()
        world.pipe17.keeper.create_stock(skus, 0)
        await world.start()
        await world.live(5 * MINUTE)
        assert {live(world, sku) for sku in skus} == {10}
        assert set(opened(world)) == {"inventory_guard"}

    play(story, settings=EVERY)


def test_a_daily_sweep_finds_what_no_change_told() -> None:
    async def story(world: World) -> None:
        (sku,) = await shelves(world, 1)
        row = world.pipe17.books.stock.row(sku, world.pipe17.options.location)
        assert row is not None
        row.document["onHand"] = 6
        await world.live(2 * DAY)
        assert live(world, sku) == 6

    play(story, settings=EVERY | {"ORDERS_EVERY": "1h", "FULFILLMENTS_EVERY": "1h", "INVENTORY_EVERY": "20m"})


def test_a_throttled_order_endpoint_during_a_resync_loses_and_delays_nothing() -> None:
    async def story(world: World) -> None:
        skus = await shelves(world, 600)
        await ask(world)
        now_ms = world.truth.now_ms()
        world.faults["tiktok"].add(
            Fault(FaultKind.RATE_LIMIT, "orders.*", times=None, until_ms=now_ms + 60_000, retry_after="60")
        )
        order_id = world.tiktok.place_order([skus[0]])
        await world.live(20)
        stock(world, skus[1], 4)
        poke(world)
        await world.live(3)
        assert live(world, skus[1]) == 4
        await world.live(4 * MINUTE)
        assert status(world, order_id) == "onHold"
        assert fact(world, "resync")["phase"] == "done"
        await world.live(2 * HOUR)
        assert live(world, skus[0]) == 9

    play(story, settings=EVERY)


def test_changed_settings_are_worked_out_for_every_sku_after_a_restart() -> None:
    async def story(world: World) -> None:
        skus = await shelves(world, 20)
        await world.stop()
        world.settings = world.settings.model_copy(update={"inventory_buffer": Buffer(units=3)})
        await world.start()
        await world.live(3 * MINUTE)
        assert {live(world, sku) for sku in skus} == {7}
        assert fact(world, "resync")["by"] == "changed settings"
        before = len(pushes(world))
        await world.kill()
        await world.start()
        await world.live(10 * MINUTE)
        assert len(pushes(world)) == before

    play(story, settings=EVERY | {"INVENTORY_RESYNC_ON_START": "false"})
