"""S22 Connect: what the daemon does when one side does not let it in, and when it does again."""

from __future__ import annotations

import pytest

from daemon.core.tokens import Secret
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    differences,
    fact,
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


@pytest.mark.parametrize("market", ["US", "GB", "VN"])
def test_valid_settings_connect_both_sides(market: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(10)
        assert fact(world, "connection:tiktok")["state"] == "connected"
        assert fact(world, "connection:pipe17")["state"] == "connected"
        assert fact(world, "shop")["region"] == world.tiktok.options.region
        await world.live(MINUTE)
        assert fact(world, "authorization")["state"] == "authorized"
        assert world.daemon is not None
        assert world.daemon.ready

    play(story, tiktok=shop(market))


def test_a_wrong_pipe17_key_starts_says_so_backs_off_and_heals() -> None:
    async def story(world: World) -> None:
        right = world.pipe17.options.api_key
        world.pipe17.options.api_key = "another"
        await world.start()
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(5)]
        await world.live(30 * MINUTE)
        state = fact(world, "connection:pipe17")
        assert (state["state"], state["code"]) == ("refused", "key")
        assert "PIPE17_API_KEY" in state["text"]
        assert "pipe17_key" in opened(world, "pipe17")
        assert fact(world, "connection:tiktok")["state"] == "connected"
        assert {standing(world, "orders", order_id) for order_id in orders} <= {"ready", "held"}
        assert len(world.pipe17.calls) <= 2 * 31 + 5
        assert world.daemon is not None
        assert not world.daemon.ready
        world.pipe17.options.api_key = right
        await world.live(3 * MINUTE)
        assert {status(world, order_id) for order_id in orders} == {"onHold"}
        assert writes(world)["orders.create"] == 5
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("what", ["app_key", "app_secret"])
def test_a_wrong_tiktok_key_or_secret_is_named(what: str) -> None:
    async def story(world: World) -> None:
        right = getattr(world.tiktok.options, what)
        setattr(world.tiktok.options, what, "somethingelse")
        await world.start()
        await world.live(10 * MINUTE)
        state = fact(world, "connection:tiktok")
        assert state["state"] == "refused"
        assert len(world.tiktok.calls) <= 3 * 11
        setattr(world.tiktok.options, what, right)
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(5 * MINUTE)
        assert fact(world, "connection:tiktok")["state"] == "connected"
        assert status(world, order_id) == "onHold"

    play(story)


@pytest.mark.parametrize("back_after_h", [0.5, 3.0])
@pytest.mark.parametrize("market", ["US", "DE"])
def test_the_owner_disconnects_and_grants_again(back_after_h: float, market: str) -> None:
    """`disconnected`, sends paused, nothing lost; after the new grant everything owed goes out once."""

    async def story(world: World) -> None:
        await world.start()
        held = world.tiktok.place_order(["SKU-A"])
        order_id = await released(world, "SKU-A")
        world.tiktok.revoke_grant()
        await world.live(5 * MINUTE)
        made = fulfill(world, order_id, None, "UPS" if market == "US" else "J&T Express")
        unseen = world.tiktok.place_order(["SKU-B"])
        before = len(world.tiktok.calls)
        await world.live(back_after_h * HOUR)
        assert fact(world, "authorization")["state"] == "disconnected"
        assert fact(world, "connection:tiktok")["code"] == "revoked"
        assert len(world.tiktok.calls) - before <= back_after_h * 60 * 2 + 5
        assert standing(world, "fulfillments", made) in ("ready", "")
        assert units_shipped(world, order_id) == {}
        assert world.parts is not None
        await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code())
        await world.live(3 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        await world.live(HOUR)
        assert {status(world, one) for one in (held, unseen)} == {"readyForFulfillment"}
        assert fact(world, "authorization")["state"] == "authorized"
        assert writes(world)["packages.mark_shipped"] == 1
        assert opened(world) == {}
        assert differences(world) == []

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("named", [True, False])
def test_two_shops_in_one_grant_need_a_word(named: bool) -> None:
    async def story(world: World) -> None:
        shops = world.tiktok.grants.shops

        def two(ask: object) -> dict[str, object]:
            (first,) = shops(ask)["shops"]  # type: ignore[arg-type]
            return {"shops": [{**first, "id": "7495000000000000002", "cipher": "ROW_other"}, first]}

        world.tiktok._handlers["shops.list"] = two
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(10 * MINUTE)
        if named:
            assert status(world, order_id) == "onHold"
            assert fact(world, "shop")["id"] == world.tiktok.options.shop_id
        else:
            assert status(world, order_id) == ""
            assert [call for call in world.tiktok.calls if call.operation == "orders.search"] == []
            told = " ".join(str(value) for value in fact(world, "connection:tiktok").values())
            assert "TIKTOK_SHOP_ID" in told + " ".join(opened(world).values())

    play(story, settings={"TIKTOK_SHOP_ID": "7495000000000000001"} if named else None)


def test_a_new_cipher_is_read_again() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.rotate_cipher("ROW_bmV3")
        fulfill(world, order_id)
        await world.live(5 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        assert opened(world) == {}

    play(story)


def test_without_any_grant_it_starts_and_waits_for_one() -> None:
    async def story(world: World) -> None:
        world.settings = world.settings.model_copy(update={"tiktok_refresh_token": None})
        await world.start()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(10 * MINUTE)
        assert fact(world, "authorization")["state"] == "needs_reauth"
        assert [call for call in world.tiktok.calls if call.operation != "token.refresh"] == []
        assert world.parts is not None
        pair = await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code())
        assert isinstance(pair.access_token, Secret)
        await world.live(5 * MINUTE)
        assert status(world, order_id) == "onHold"

    play(story)
