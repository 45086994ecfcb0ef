"""S14.3: the orders a day of a shop on probation are watched; intake is never blocked."""

from __future__ import annotations

from daemon.sandbox.faults import Fault, FaultKind
from tests.scenarios.stage import HOUR, MINUTE, fact, opened, play, shop, status
from tests.sim.world import World

LIMIT = {"ORDERS_DAILY_LIMIT": "10"}


def test_at_eighty_percent_a_person_is_told_and_everything_is_taken_in() -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = [world.tiktok.place_order(("SKU-A",)) for _ in range(7)]
        await world.live(5 * MINUTE)
        assert opened(world) == {}
        orders.append(world.tiktok.place_order(("SKU-A",)))
        await world.live(5 * MINUTE)
        assert set(opened(world)) == {"order_limit_near"}
        assert fact(world, "order_limit") == {"day": "2025-12-31", "count": 8, "limit": 10}, "Pacific time"
        orders += [world.tiktok.place_order(("SKU-A",)) for _ in range(4)]
        await world.live(5 * MINUTE)
        assert set(opened(world)) == {"order_limit_reached"}
        assert {status(world, order_id) for order_id in orders} == {"onHold"}
        await world.live(9 * HOUR)
        assert opened(world) == {}, "the shop's next day has begun"

    play(story, settings=LIMIT)


def test_orders_seen_again_and_crashes_do_not_count_twice() -> None:
    async def story(world: World) -> None:
        world.faults["pipe17"].add(Fault(FaultKind.LOST_ANSWER, "orders.create", times=3))
        await world.start()
        for _ in range(5):
            order_id = world.tiktok.place_order(("SKU-A",))
            await world.live(2 * MINUTE)
            world.crash_at = ("committed", 2)
            world.tiktok.touch(order_id)
        await world.live(HOUR)
        assert world.crashes
        assert fact(world, "order_limit")["count"] == 5

    play(story, settings=LIMIT)


def test_an_order_counts_for_the_day_it_was_made_on() -> None:
    async def story(world: World) -> None:
        for _ in range(9):
            world.tiktok.place_order(("SKU-A",))
        await world.live(24 * HOUR)
        await world.start()
        world.tiktok.place_order(("SKU-A",))
        await world.live(5 * MINUTE)
        assert fact(world, "order_limit")["count"] == 1
        assert opened(world) == {}

    play(story, settings=LIMIT | {"ORDERS_SINCE": "30d"})


def test_without_a_limit_nothing_is_counted_and_what_was_said_is_taken_back() -> None:
    async def story(world: World) -> None:
        await world.start()
        for _ in range(10):
            world.tiktok.place_order(("SKU-A",))
        await world.live(5 * MINUTE)
        assert set(opened(world)) == {"order_limit_reached"}
        await world.stop()
        world.settings = world.settings.model_copy(update={"orders_daily_limit": None})
        await world.start()
        await world.live(5 * MINUTE)
        assert opened(world) == {}

    play(story, settings=LIMIT, tiktok=shop("GB"))
