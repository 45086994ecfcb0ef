"""S06: the shop's warehouses as locations of Pipe17."""

from __future__ import annotations

import asyncio
from typing import Any

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE
from daemon.sandbox.tiktok.options import ALL_SCOPES
from tests.scenarios.stage import HOUR, MINUTE, play, shop, sql, standing
from tests.sim.world import World

RETURNS = str(int(MAIN_WAREHOUSE) + 1)
CALM = {"LOCATIONS_EVERY": "10m"}


def locations(world: World) -> dict[str, dict[str, Any]]:
    """The locations of Pipe17 by the warehouse that they stand for."""
    found = {}
    for row in world.pipe17.books.goods.locations:
        fields = {item["name"]: item["value"] for item in row.document.get("customFields", ())}
        found[fields.get("tiktokWarehouseId", row.id)] = {**row.document, **fields}
    return found


def test_s06_1_every_warehouse_is_a_location_with_its_type_once() -> None:
    async def story(world: World) -> None:
        second = world.tiktok.seller.add_warehouse("East")
        await world.start()
        await asyncio.sleep(MINUTE)
        found = locations(world)
        assert set(found) == {MAIN_WAREHOUSE, second, RETURNS}
        assert {key: item["tiktokWarehouseType"] for key, item in found.items()} == {
            MAIN_WAREHOUSE: "sales",
            second: "sales",
            RETURNS: "return",
        }
        assert found[second]["name"] == "East"
        assert found[second]["address"]["city"] == "Los Angeles"
        assert "Sim Seller" not in str(found)
        known = dict(sql(world, "SELECT id, location_id FROM warehouses"))
        assert known == {key: item["locationId"] for key, item in found.items()}
        await asyncio.sleep(2 * HOUR)
        await world.kill()
        await world.start()
        await asyncio.sleep(HOUR)
        assert len(world.pipe17.called("locations.create")) == 3
        assert world.pipe17.called("locations.update") == []

    play(story, settings=CALM)


def test_s06_2_a_disabled_warehouse_is_marked_and_stays() -> None:
    async def story(world: World) -> None:
        second = world.tiktok.seller.add_warehouse("East")
        await world.start()
        await asyncio.sleep(MINUTE)
        world.tiktok.seller.set_warehouse(second)
        await asyncio.sleep(15 * MINUTE)
        found = locations(world)
        assert (found[second]["status"], found[second]["tiktokWarehouseStatus"]) == ("inactive", "disabled")
        assert found[MAIN_WAREHOUSE]["status"] == "active"
        world.tiktok.seller.remove_warehouse(second)
        await asyncio.sleep(15 * MINUTE)
        assert locations(world)[second]["tiktokWarehouseStatus"] == "gone"
        assert locations(world)[second]["address"]["city"] == "Los Angeles"
        assert sql(world, "SELECT effect_status FROM warehouses WHERE id = ?", second) == [("GONE",)]

    play(story, settings=CALM)


def test_a_lost_answer_makes_no_second_location() -> None:
    async def story(world: World) -> None:
        world.faults["pipe17"].add(Fault(FaultKind.LOST_ANSWER, "locations.create"))
        await world.start()
        await asyncio.sleep(10 * MINUTE)
        assert len(locations(world)) == 2
        assert standing(world, "locations", MAIN_WAREHOUSE) == "done"

    play(story, settings=CALM)


def test_an_empty_list_of_warehouses_changes_nothing() -> None:
    async def story(world: World) -> None:
        await world.start()
        await asyncio.sleep(MINUTE)
        world.faults["tiktok"].add(Fault(FaultKind.EMPTY_LIST, "warehouses.list"))
        await asyncio.sleep(15 * MINUTE)
        assert {item["status"] for item in locations(world).values()} == {"active"}
        assert sql(world, "SELECT count(*) FROM warehouses WHERE effect_status = 'ENABLED'") == [(2,)]
        assert world.observed.runs["locations", "malformed_answer"] == 1

    play(story, settings=CALM)


def test_a_location_that_a_person_linked_keeps_its_name() -> None:
    async def story(world: World) -> None:
        made = world.pipe17.books.goods.create_location(
            {
                "name": "Our own name",
                "externalSystem": [
                    {"integrationId": world.pipe17.options.integration, "locationValue": MAIN_WAREHOUSE}
                ],
                "customFields": [{"name": "dock", "value": "4"}],
            },
            "",
            0,
        )
        await world.start()
        await asyncio.sleep(MINUTE)
        found = locations(world)[MAIN_WAREHOUSE]
        assert found["name"] == "Our own name"
        assert {"name": "dock", "value": "4"} in found["customFields"]
        assert len(locations(world)) == 2
        assert made.id == found["locationId"]

    play(story, settings={**CALM, "PIPE17_INTEGRATION_ID": "b7712ce05d9f3a48"})


def test_a_pipe17_that_drops_the_link_still_gets_no_second_location() -> None:
    async def story(world: World) -> None:
        await world.start()
        await asyncio.sleep(MINUTE)
        world.tiktok.seller.rename_warehouse(MAIN_WAREHOUSE, "Dock")
        await asyncio.sleep(15 * MINUTE)
        assert locations(world)[MAIN_WAREHOUSE]["name"] == "Dock"
        assert len(locations(world)) == 2

    play(story, settings=CALM, pipe17=Pipe17Options(keeps_external_system=False))


def test_platform_warehouses_come_where_the_grant_covers_them() -> None:
    async def story(world: World) -> None:
        shown = world.tiktok.seller.add_platform_warehouse("Ontario FBT")
        await world.start()
        await asyncio.sleep(MINUTE)
        assert shown not in locations(world)
        assert world.tiktok.called("fbt.warehouses") == []
        assert world.parts is not None
        await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code((*ALL_SCOPES, "seller.fbt.info")))
        await asyncio.sleep(15 * MINUTE)
        assert locations(world)[shown]["tiktokWarehouseType"] == "fbt"

    play(story, settings=CALM, tiktok=shop())
