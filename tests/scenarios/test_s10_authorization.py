"""S10 Authorization: scopes, tokens and the end of a grant."""

from __future__ import annotations

import pytest

from daemon.sandbox.tiktok.options import ALL_SCOPES
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    fact,
    fulfill,
    opened,
    play,
    released,
    shop,
    sql,
    standing,
    status,
    units_shipped,
    ups,
    writes,
)
from tests.sim.world import World


@pytest.mark.parametrize("point", ["call", "effect", "answer", "commit", "committed"])
@pytest.mark.parametrize("rotate", [True, False])
def test_a_crash_around_a_renewal_keeps_the_pair_or_the_way_back(rotate: bool, point: str) -> None:
    """S10.3: from receipt on the pair is stored before use; only an answer that never reached the disk costs a grant
    that rotates, and then a new one brings everything back."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        refreshes = world.tiktok.grants.refreshes
        world.tiktok.expire_access_tokens()
        world.crash_at = (point, 2)
        fulfill(world, order_id)
        await world.live(5 * MINUTE)
        assert world.crashes == 1
        assert world.tiktok.grants.refreshes > refreshes
        if fact(world, "authorization")["state"] != "authorized":
            assert rotate
            assert world.parts is not None
            await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code())
            await world.live(3 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        assert writes(world)["packages.mark_shipped"] == 1
        assert opened(world) == {}

    play(story, tiktok=shop(rotate_refresh=rotate))


@pytest.mark.parametrize("rotate", [True, False])
def test_access_tokens_are_renewed_for_weeks_with_and_without_rotation(rotate: bool) -> None:
    async def story(world: World) -> None:
        await world.start()
        for _ in range(5):
            order_id = world.tiktok.place_order(["SKU-A"])
            await world.live(4 * HOUR)
            assert status(world, order_id) == "readyForFulfillment"
        assert world.tiktok.grants.refreshes >= 5
        assert not [call for call in world.tiktok.calls if call.code in (105001, 105002)]
        await world.stop()
        await world.start()
        await world.live(5 * MINUTE)
        assert fact(world, "authorization")["state"] == "authorized"

    slow = {"ORDERS_EVERY": "10m", "FULFILLMENTS_EVERY": "10m"}
    play(story, tiktok=shop(rotate_refresh=rotate, access_token_ms=2 * 3_600_000), settings=slow)


def test_expired_tokens_are_renewed_once_and_the_calls_repeated() -> None:
    """S10.3: many calls find the token expired at the same moment."""

    async def story(world: World) -> None:
        await world.start()
        orders = [await released(world, "SKU-A") for _ in range(4)]
        refreshes = world.tiktok.grants.refreshes
        world.tiktok.expire_access_tokens()
        for order_id in orders:
            fulfill(world, order_id)
        await world.live(3 * MINUTE)
        assert world.tiktok.grants.refreshes - refreshes == 1
        assert writes(world)["packages.mark_shipped"] == 4
        assert opened(world) == {}

    play(story)


@pytest.mark.parametrize("missing", ["seller.order.info", "seller.fulfillment.basic"])
def test_a_missing_scope_is_named_and_not_hammered(missing: str) -> None:
    """S10.1: 105005; at most a probe per interval, and a new grant heals it."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        world.tiktok.revoke_grant()
        scopes = tuple(scope for scope in ALL_SCOPES if scope != missing and "package.write" not in scope)
        assert world.parts is not None
        await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code(scopes))
        made = fulfill(world, order_id)
        await world.live(5 * MINUTE)
        refused = [call for call in world.tiktok.calls if call.code == 105005]
        assert refused
        assert fact(world, "authorization")["state"] == "insufficient_permission"
        assert fact(world, "authorization")["missing_scopes"] == [missing]
        assert fact(world, "connection:tiktok")["code"] == "scope"
        assert "tiktok_scope" in opened(world, "tiktok")
        unseen = world.tiktok.place_order(["SKU-B"])
        await world.live(30 * MINUTE)
        more = [call for call in world.tiktok.calls if call.code == 105005]
        assert len(more) - len(refused) <= 31
        assert sql(world, "SELECT count(*) FROM exceptions WHERE code = 'tiktok_scope'") == [(1,)]
        # what does not need the scope goes on
        assert status(world, unseen) == ("" if missing == "seller.order.info" else "onHold")
        assert standing(world, "fulfillments", made) == "ready"
        await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code())
        await world.live(10 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        assert status(world, unseen) == "onHold"
        assert fact(world, "connection:tiktok")["state"] == "connected"
        assert opened(world) == {}

    play(story)


def test_the_grant_ends_and_everything_waits_for_the_next_one() -> None:
    """S10.2: at the end of the grant `needs_reauth`; the outbox is kept; after it all goes out once."""

    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        await world.live(3 * HOUR)
        fulfill(world, order_id)
        orders = [world.tiktok.place_order(["SKU-B"]) for _ in range(3)]
        await world.live(2 * HOUR)
        assert fact(world, "authorization")["state"] == "needs_reauth"
        assert units_shipped(world, order_id) == {}
        assert world.parts is not None
        world.tiktok.options.grant_ms = None
        await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code())
        await world.live(10 * MINUTE)
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A"]}
        assert {status(world, one) for one in orders} == {"readyForFulfillment"}
        assert writes(world)["orders.create"] == 4
        assert opened(world) == {}

    play(story, tiktok=shop(grant_ms=4 * 3_600_000))
