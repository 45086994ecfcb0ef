"""S28 Fallback carrier: TikTok's own list decides which carrier a shipment gets, and a setting what else goes."""

from __future__ import annotations

import pytest

from daemon.flows.operator import retry
from daemon.sandbox.tiktok.logistics import SELLER_OPTION, UK_PROVIDERS, US_PROVIDERS
from daemon.sandbox.tiktok.options import TikTokOptions
from tests.scenarios.stage import MINUTE, fulfill, opened, play, released, shop, sql, standing, units_shipped
from tests.sim.world import World

OFF = {"FULFILLMENTS_FALLBACK_CARRIER": ""}


def _provider_sent(world: World) -> list[str]:
    names = US_PROVIDERS | UK_PROVIDERS | world.tiktok.logistics.providers[SELLER_OPTION]
    return [names[call.body["shipping_provider_id"]] for call in world.tiktok.called("packages.mark_shipped")]


@pytest.mark.parametrize(
    ("market", "carrier", "fallback"),
    [("US", "Purolator", "USPS"), ("GB", "UPS", "Royal Mail"), ("GB", "FedEx", "EVRi"), ("US", "DHL", "UPS")],
)
def test_on_a_carrier_that_is_not_listed_goes_as_the_fallback(market: str, carrier: str, fallback: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        made = fulfill(world, order_id, None, carrier, "PX1234567")
        await world.live(3 * MINUTE)
        assert _provider_sent(world) == [fallback]
        assert units_shipped(world, order_id) == {"PX1234567": ["SKU-A"]}
        ((payload, result),) = sql(world, "SELECT payload, result FROM outbox WHERE key = ?", made)
        assert carrier in payload
        assert '"fallback"' in result
        assert f'"carrier":"{carrier}"' in result, "the record keeps the real carrier"
        assert world.observed.fallbacks == 1
        assert opened(world) == {}

    play(story, tiktok=shop(market), settings={"FULFILLMENTS_FALLBACK_CARRIER": fallback})


@pytest.mark.parametrize(("market", "carrier", "mapped"), [("US", "Purolator", "USPS"), ("GB", "UPS", "DPD UK")])
def test_off_nothing_is_sent_and_a_mapping_with_a_retry_ships_it(market: str, carrier: str, mapped: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        made = fulfill(world, order_id, None, carrier, "PX1234567")
        await world.live(10 * MINUTE)
        assert world.tiktok.called("packages.mark_shipped") == []
        assert standing(world, "fulfillments", made) == "dead"
        assert "carrier_unmapped" in opened(world, made)
        ((deadline_ms,),) = sql(world, "SELECT deadline_at_ms FROM exceptions WHERE code = 'carrier_unmapped'")
        assert deadline_ms == world.tiktok.shown(order_id)["rts_sla_time"] * 1000
        await world.stop()
        mapping = {carrier: mapped}
        world.settings = world.settings.model_copy(update={"fulfillments_carrier_map": mapping})
        await world.start()
        assert world.parts is not None
        await world.parts.database.write(
            lambda tx: retry(tx, world.clock.now_ms(), "a person", flow="fulfillments", key=made)
        )
        world.parts.engine.timekeeper.announce()
        await world.live(MINUTE)
        assert _provider_sent(world) == [mapped]
        assert opened(world) == {}

    play(story, tiktok=shop(market), settings=OFF)


@pytest.mark.parametrize(
    ("market", "carrier", "service", "expected"),
    [
        ("US", "FEDEX HOME DELIVERY", "", "FedEx"),
        ("US", "usps ", "", "USPS"),
        ("US", "UPS®", "", "UPS"),
        ("US", "DHL eCommerce", "", "DHL eCommerce"),
        ("US", "DHL", "eCommerce", "DHL eCommerce"),
        ("US", "UPS", "Ground", "UPS"),
        ("US", "Spee-Dee Delivery", "", "Spee-Dee"),
        ("GB", "Royal  Mail™", "", "Royal Mail"),
        ("GB", "Hermes", "", "EVRi"),
        ("GB", "ParcelForce Worldwide", "", "Parcelforce"),
        ("GB", "yodel", "", "Yodel UK"),
    ],
)
def test_names_map_to_the_carriers_that_tiktok_lists(market: str, carrier: str, service: str, expected: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        fulfill(world, order_id, None, carrier, "PX1234567", service=service)
        await world.live(3 * MINUTE)
        assert _provider_sent(world) == [expected]

    play(story, tiktok=shop(market), settings=OFF)


def test_provider_ids_come_from_the_live_list() -> None:
    """The same carriers under other ids, and one that no list of ours knows."""

    async def story(world: World) -> None:
        providers = {"9000000000000000001": "UPS", "9000000000000000002": "Purolator"}
        world.tiktok.logistics.providers[SELLER_OPTION] = providers
        await world.start()
        first, second = await released(world, "SKU-A"), await released(world, "SKU-B")
        fulfill(world, first, None, "ups")
        fulfill(world, second, None, "PUROLATOR", "PX1234567")
        await world.live(3 * MINUTE)
        sent = {call.body["shipping_provider_id"] for call in world.tiktok.called("packages.mark_shipped")}
        assert sent == set(providers)
        assert opened(world) == {}

    play(story, settings=OFF)


def test_a_provider_added_today_is_found_today() -> None:
    async def story(world: World) -> None:
        await world.start()
        first, second = await released(world, "SKU-A"), await released(world, "SKU-B")
        fulfill(world, first)
        await world.live(10 * MINUTE)
        world.tiktok.logistics.providers[SELLER_OPTION]["9000000000000000003"] = "Purolator"
        fulfill(world, second, None, "Purolator", "PX1234567")
        await world.live(3 * MINUTE)
        assert units_shipped(world, second) == {"PX1234567": ["SKU-B"]}

    play(story, settings=OFF)


def test_tiktoks_remark_on_the_number_is_kept_and_shown() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        made = fulfill(world, order_id, None, "UPS", "612999999999")
        await world.live(3 * MINUTE)
        assert units_shipped(world, order_id) == {"612999999999": ["SKU-A"]}
        ((result,),) = sql(world, "SELECT result FROM outbox WHERE key = ?", made)
        assert "looks like FedEx" in result
        lines = sql(world, "SELECT detail FROM journal WHERE group_key = ? AND event = 'accepted'", order_id)
        assert any("looks like FedEx" in detail for (detail,) in lines)

    play(story)


def test_a_mismatch_that_tiktok_refuses_is_an_exception_and_no_loop() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        made = fulfill(world, order_id, None, "UPS", "612999999999")
        await world.live(30 * MINUTE)
        assert "tracking_refused" in opened(world, made)
        assert len(world.tiktok.called("packages.mark_shipped")) == 1

    options: TikTokOptions = shop(strict_tracking=True)
    play(story, tiktok=options)
