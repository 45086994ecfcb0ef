"""S02: the shop's products in Pipe17, and the table that links the SKUs of both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.tiktok.pricing import id_of
from tests.scenarios.stage import DAY, HOUR, MINUTE, opened, play, shop, sql, standing
from tests.sim.world import World

OWN = "b7712ce05d9f3a48"
CALM = {"PRODUCTS_EVERY": "5m", "PIPE17_INTEGRATION_ID": OWN}
TEE = (
    {
        "seller_sku": "TEE-BLK",
        "options": (("Color", "Black"), ("Size", "M")),
        "image": "https://img.example.test/black.jpg",
        "list_price": "30",
        "code": ("EAN", "4006381333931"),
    },
    {"seller_sku": "TEE-WHT", "options": (("Color", "White"), ("Size", "M"))},
)


def product(world: World, sku: str) -> dict[str, Any]:
    """A product of Pipe17, as it stores it."""
    found = world.pipe17.keeper.product_of(sku)
    assert found is not None, sku
    return dict(found)


def mapped(world: World, sku: str) -> Mapping[str, Any]:
    (entry,) = [item for item in product(world, sku)["published"] if item["integrationId"] == OWN]
    return dict(entry)


def skus(world: World) -> list[str]:
    return sorted(row.document["sku"] for row in world.pipe17.books.goods.products)


def writes(world: World) -> list[tuple[str, str]]:
    return [
        (call.operation, call.path)
        for call in world.pipe17.calls
        if call.operation in ("products.create", "products.update")
    ]


def links(world: World) -> dict[str, tuple[Any, ...]]:
    rows = sql(world, "SELECT seller_sku, sku_id, product_id, status, kind, pipe17_product_id, gone_at_ms FROM links")
    return {row[0]: row[1:] for row in rows}


def test_s02_1_a_product_with_two_skus_is_one_parent_and_two_children_and_a_second_run_writes_nothing() -> None:
    async def story(world: World) -> None:
        tee = world.tiktok.seller.add_product(
            TEE, title="Tee", images=("https://img.example.test/tee.jpg",), brand="Plain & Sons"
        )
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        assert skus(world) == sorted([tee, "TEE-BLK", "TEE-WHT"])
        parent, black = product(world, tee), product(world, "TEE-BLK")
        assert (parent["types"], parent["name"], parent["vendor"]) == (["parent"], "Tee", "Plain & Sons")
        assert parent["imageURLs"] == ["https://img.example.test/tee.jpg"]
        assert "simulation" in parent["description"]
        expected = {
            "types": ["child"],
            "name": "Tee - Black / M",
            "status": "active",
            "parentExtProductId": tee,
            "extProductId": id_of("TEE-BLK", "sku"),
            "imageURLs": ["https://img.example.test/black.jpg"],
            "variantOptions": [{"name": "Color", "value": "Black"}, {"name": "Size", "value": "M"}],
            "upc": "4006381333931",
            "weight": Decimal("0.35"),
            "weightUnit": "kg",
            "length": 25,
            "dimensionsUnit": "cm",
            "prices": [
                {"name": "basePrice", "value": 25, "currency": "USD"},
                {"name": "compareAtPrice", "value": 30, "currency": "USD"},
            ],
        }
        assert {name: black.get(name) for name in expected} == expected
        assert mapped(world, "TEE-BLK")["status"] == "published"
        assert links(world)["TEE-BLK"][:5] == (id_of("TEE-BLK", "sku"), tee, "ACTIVATE", "normal", black["productId"])
        before = len(writes(world))
        details = len(world.tiktok.called("products.get"))
        await asyncio.sleep(HOUR)
        await world.kill()
        await world.start()
        await asyncio.sleep(DAY)
        assert len(writes(world)) == before == 3
        assert len(world.tiktok.called("products.get")) == details == 1

    play(story, settings=CALM)


def test_s02_2_a_sku_without_seller_sku_is_told_and_the_other_one_comes() -> None:
    async def story(world: World) -> None:
        tee = world.tiktok.seller.add_product(("GOOD", {"id": "1729000000000000077", "seller_sku": ""}))
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        assert skus(world) == sorted([tee, "GOOD"])
        assert "1729000000000000077" in opened(world, tee)["sku_missing"]
        world.tiktok.seller.change_sku("1729000000000000077", seller_sku="FOUND")
        await asyncio.sleep(10 * MINUTE)
        assert skus(world) == sorted([tee, "GOOD", "FOUND"])
        assert opened(world, tee) == {}

    play(story, settings=CALM)


def test_one_sku_makes_a_simple_product_and_changes_follow_as_differences() -> None:
    async def story(world: World) -> None:
        mug = world.tiktok.seller.add_product(("MUG",), title="Mug")
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        assert product(world, "MUG")["types"] == ["simple"]
        assert product(world, "MUG")["extProductId"] == mug
        world.tiktok.seller.change_sku("MUG", price="19.90")
        world.tiktok.seller.change_product(mug, title="Big mug")
        await asyncio.sleep(10 * MINUTE)
        assert product(world, "MUG")["name"] == "Big mug"
        (update,) = world.pipe17.called("products.update")
        assert set(update.body) == {"name", "prices", "mappedProduct"}
        world.tiktok.seller.change_product(mug, status="SELLER_DEACTIVATED")
        await asyncio.sleep(10 * MINUTE)
        assert mapped(world, "MUG")["status"] == "unpublished"

    play(story, settings=CALM)


def test_a_sku_that_pipe17_has_from_somebody_else_gets_our_mapping_and_nothing_more() -> None:
    async def story(world: World) -> None:
        keeper = world.pipe17.keeper
        keeper.add_product({"sku": "MUG", "name": "The merchant's own name"})
        keeper.add_product({"sku": "TIN", "name": "Another shop's"}, "0c41d97be85a2f36")
        world.tiktok.seller.add_product(("MUG",), title="Mug")
        world.tiktok.seller.add_product(("TIN",), title="Tin")
        await world.start()
        await asyncio.sleep(6 * MINUTE)
        assert product(world, "MUG")["name"] == "The merchant's own name"
        assert (mapped(world, "MUG")["status"], mapped(world, "TIN")["sku"]) == ("published", "TIN")
        assert [set(call.body) for call in world.pipe17.called("products.update")] == [{"mappedProduct"}] * 2
        assert world.pipe17.called("products.create") == []
        assert all(row[4] for row in links(world).values())

    play(story, settings=CALM)


def test_the_buffer_that_a_person_set_in_a_mapping_stays() -> None:
    async def story(world: World) -> None:
        mug = world.tiktok.seller.add_product(("MUG",))
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        world.pipe17.keeper.change_product("MUG", mappedProduct={"integrationId": OWN, "bufferInventory": 3})
        world.tiktok.seller.change_product(mug, status="FREEZE")
        await asyncio.sleep(10 * MINUTE)
        assert (mapped(world, "MUG")["status"], mapped(world, "MUG")["bufferInventory"]) == ("disabled", 3)

    play(story, settings=CALM)


def test_two_skus_with_one_seller_sku_are_both_linked_and_told() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(("MUG",), title="First")
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        twin = {"id": "1729000000000000099", "seller_sku": "MUG"}
        second = world.tiktok.seller.add_product((twin,), product_id="1729000000000000098", title="Second")
        await asyncio.sleep(10 * MINUTE)
        assert product(world, "MUG")["name"] == "First"
        found = sql(world, "SELECT sku_id FROM links WHERE seller_sku = 'MUG' AND gone_at_ms IS NULL ORDER BY 1")
        assert [sku for (sku,) in found] == sorted([id_of("MUG", "sku"), "1729000000000000099"])
        assert "1729000000000000099" in opened(world, "MUG")["sku_duplicate"]
        world.tiktok.seller.change_sku("1729000000000000099", seller_sku="MUG-2")
        await asyncio.sleep(10 * MINUTE)
        assert opened(world, "MUG") == {}
        assert product(world, "MUG-2")["extProductId"] == second

    play(story, settings=CALM)


def test_what_vanishes_is_marked_and_nothing_is_deleted() -> None:
    async def story(world: World) -> None:
        mug = world.tiktok.seller.add_product(("MUG",))
        tee = world.tiktok.seller.add_product(TEE)
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        world.tiktok.seller.remove_sku("TEE-WHT")
        world.tiktok.seller.vanish_product(mug)
        await asyncio.sleep(10 * MINUTE)
        assert links(world)["TEE-WHT"][5] is not None
        assert mapped(world, "TEE-WHT")["status"] == "unpublished"
        assert mapped(world, "TEE-BLK")["status"] == "published"
        assert links(world)["MUG"][5] is None
        await asyncio.sleep(DAY)
        assert links(world)["MUG"][5] is not None
        assert mapped(world, "MUG")["status"] == "unpublished"
        assert skus(world) == sorted(["MUG", tee, "TEE-BLK", "TEE-WHT"])

    play(story, settings=CALM)


def test_an_empty_or_short_list_is_no_reason_to_believe_that_products_are_gone() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.create_products(60)
        await world.start()
        await asyncio.sleep(20 * MINUTE)
        assert len(links(world)) == 60
        faults = world.faults["tiktok"]
        faults.add(Fault(FaultKind.EMPTY_LIST, "products.search", times=None, after_ms=world.truth.now_ms()))
        await asyncio.sleep(DAY)
        assert [row for row in links(world).values() if row[5] is not None] == []
        assert world.observed.runs["products", "malformed_answer"] > 0
        faults.clear()
        await asyncio.sleep(DAY + HOUR)
        assert {row[5] for row in links(world).values()} == {None}
        assert all(entry["status"] == "published" for entry in (mapped(world, sku) for sku in links(world)))

    play(story, settings=CALM)


def test_a_short_page_never_looks_like_the_last_one() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.create_products(130)
        world.faults["tiktok"].add(Fault(FaultKind.SHORT_PAGE, "products.search", times=5))
        await world.start()
        await asyncio.sleep(HOUR)
        assert len(links(world)) == 130

    play(story, settings=CALM)


def test_details_that_fail_now_and_then_do_not_begin_the_reading_again() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.create_products(90)
        broken = Fault(FaultKind.SERVER_ERROR, "products.get", times=None, probability=0.2)
        world.faults["tiktok"].add(broken)
        await world.start()
        await asyncio.sleep(HOUR)
        assert len(links(world)) == 90
        world.faults["tiktok"].clear()
        assert len(world.tiktok.called("products.get")) < 180, (
            "what was read is kept, and only the rest asked for again"
        )

    play(story, settings=CALM)


def test_a_clock_that_is_set_back_while_everything_is_read_makes_no_product_be_read_again_and_again() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.create_products(30)
        await world.start()
        await asyncio.sleep(HOUR)
        assert len(links(world)) == 30
        assert len(world.tiktok.called("products.get")) <= 60

    play(story, settings=CALM, skew_ms=600_000)


def test_more_products_than_a_search_may_show_are_read_in_slices() -> None:
    async def story(world: World) -> None:
        for _ in range(6):
            world.tiktok.seller.create_products(20, prefix=f"P{_}")
            await asyncio.sleep(HOUR)
        await world.start()
        await asyncio.sleep(HOUR)
        assert len(links(world)) == 120
        refused = [call for call in world.tiktok.called("products.search") if call.code == 12052180]
        assert refused

    play(story, tiktok=shop(product_hits=50), settings=CALM)


def test_a_reading_of_everything_goes_on_after_a_crash() -> None:
    async def story(world: World) -> None:
        for _ in range(6):
            world.tiktok.seller.create_products(20, prefix=f"P{_}")
            await asyncio.sleep(HOUR)
        await world.start()
        while len(links(world)) < 60:  # noqa: ASYNC110 (the store rings no bell)
            await asyncio.sleep(0.2)
        await world.kill()
        known = len(links(world))
        asked = len(world.tiktok.called("products.get"))
        await world.start()
        await asyncio.sleep(HOUR)
        assert len(links(world)) == 120
        assert len(world.tiktok.called("products.get")) <= asked + 120 - known + 8

    play(story, tiktok=shop(product_hits=50), settings=CALM)


def test_a_lost_answer_makes_no_second_product() -> None:
    async def story(world: World) -> None:
        tee = world.tiktok.seller.add_product(TEE)
        world.faults["pipe17"].add(Fault(FaultKind.LOST_ANSWER, "products.create", times=2))
        await world.start()
        await asyncio.sleep(10 * MINUTE)
        assert standing(world, "products", tee) == "done"
        assert len(skus(world)) == 3
        assert all(mapped(world, sku)["status"] == "published" for sku in ("TEE-BLK", "TEE-WHT"))

    play(story, settings=CALM)


def test_a_virtual_bundle_names_its_parts() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(("A",))
        world.tiktok.seller.add_product(({"seller_sku": "SET", "bundle": ((id_of("A", "sku"), 2),)},))
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        assert product(world, "SET")["types"] == ["bundle"]
        assert product(world, "SET")["bundleItems"] == [{"sku": "A", "quantity": 2}]
        assert links(world)["SET"][3] == "bundle"

    play(story, settings=CALM)


def test_drafts_wait_until_they_are_listed() -> None:
    async def story(world: World) -> None:
        mug = world.tiktok.seller.add_product(("MUG",), status="DRAFT")
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        assert skus(world) == []
        world.tiktok.seller.change_product(mug, status="ACTIVATE")
        await asyncio.sleep(10 * MINUTE)
        assert skus(world) == ["MUG"]

    play(story, settings=CALM)


def attributes(world: World, sku: str) -> list[str]:
    return [item["name"] for item in product(world, sku).get("customFields", ())]


def test_attributes_come_all_or_only_the_required_ones() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(("MUG",), attributes=(("Material", "Clay"), ("Mood", "Calm")))
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        expected = ["Material"] if world.settings.products_only_required_attributes else ["Material", "Mood"]
        assert attributes(world, "MUG") == expected

    play(story, settings=CALM)
    play(story, settings={**CALM, "PRODUCTS_ONLY_REQUIRED_ATTRIBUTES": "true"})


def test_a_key_without_a_grant_for_products_delays_no_order() -> None:
    async def story(world: World) -> None:
        world.tiktok.seller.add_product(("MUG",))
        await world.start()
        await asyncio.sleep(5 * MINUTE)
        order_id = world.tiktok.place_order(("MUG",))
        await asyncio.sleep(5 * MINUTE)
        assert world.pipe17.order_of(order_id) is not None
        assert "pipe17_scope" in opened(world)
        assert skus(world) == []
        world.pipe17.options.grants = {**world.pipe17.options.grants, "products": "crul"}
        await asyncio.sleep(20 * MINUTE)
        assert skus(world) == ["MUG"]
        assert opened(world) == {}

    no_products = {"orders": "crul", "shipments": "rl", "fulfillments": "rl", "inventory": "rl", "locations": "crul"}
    play(story, settings=CALM, pipe17=Pipe17Options(grants=no_products))


def test_without_a_known_integration_a_foreign_sku_waits_and_a_person_is_told() -> None:
    async def story(world: World) -> None:
        world.pipe17.keeper.add_product({"sku": "MUG", "name": "The merchant's own name"})
        mug = world.tiktok.seller.add_product(("MUG",))
        await world.start()
        await asyncio.sleep(2 * MINUTE)
        assert set(opened(world, mug)) == {"integration_unknown"}
        world.tiktok.seller.add_product(("TIN",))
        await asyncio.sleep(20 * MINUTE)
        assert opened(world, mug) == {}
        assert mapped(world, "MUG")["status"] == "published"

    play(story, settings={"PRODUCTS_EVERY": "5m", "LOCATIONS": "off"})
