"""Stock over the web side: a resync asked for and joined, a held change shown and approved, the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from running_daemon import House, Sides, running, until

SKUS = [f"S{number}" for number in range(10)]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    sides = Sides()
    for sku in SKUS:
        sides.tiktok.seller.add_product([sku], stock=9)
        sides.pipe17.keeper.add_stock(sku, 10)
    async with running(
        tmp_path / "connector.db", sides, TIKTOK_REQUESTS_PER_SECOND="50", PIPE17_REQUESTS_PER_SECOND="20"
    ) as house:
        await until(lambda: house.running.daemon.ready)
        await until(lambda: stocked(house), 60)
        yield house


def stocked(house: House) -> bool:
    return live(house) == [10] * 10


def poke(house: House) -> None:
    for poller in house.running.daemon.pollers:
        poller.poke()


def live(house: House) -> list[int]:
    shop = house.sides.tiktok.catalogue
    return [shop.by_seller_sku(sku)[0].total_available for sku in SKUS]


async def guard(house: House) -> dict[str, Any]:
    found: dict[str, Any] = (await house.get("/api/status"))["inventory_guard"]
    return found


async def test_a_held_change_is_shown_everywhere_and_let_pass(house: House) -> None:
    assert await house.metric('connector_inventory_guard_tripped{kind="zeroed"}') == 0
    status, answer = await house.post("/api/approve", {"flow": "inventory"})
    assert (status, answer["approved"]) == (200, False)
    for sku in SKUS[:5]:
        house.sides.pipe17.keeper.add_stock(sku, 0)
    poke(house)
    await until(lambda: guard(house), 20)
    assert (await guard(house))["zeroed"] == 5
    assert await house.metric('connector_inventory_guard_tripped{kind="zeroed"}') == 5
    page = (await house.ask("GET", "/")).body.decode()
    assert "5 of 10 linked SKUs would go to zero" in page
    assert live(house) == [10] * 10
    status, answer = await house.post("/api/approve", {"flow": "inventory"})
    assert (status, answer["approved"]) == (200, True)
    await until(lambda: live(house) == [0] * 5 + [10] * 5, 20)
    assert await house.metric('connector_inventory_guard_tripped{kind="zeroed"}') == 0
    status, answer = await house.post("/api/rollback", {"to": "1h"})
    assert (status, answer["skus"], answer["left_alone"]) == (200, 0, 10), "an hour ago nothing came from here"
    (hour,) = (
        await house.running.daemon.parts.database.write(lambda tx: tx.all("pushed_by_span", (0, 1 << 60, 3_600_000)))
    )[:1]
    assert hour[1] == 15


async def test_a_rollback_to_an_instant(house: House) -> None:
    to_ms = house.running.daemon.parts.clock.now_ms()
    house.sides.pipe17.keeper.add_stock("S0", 4)
    poke(house)
    await until(lambda: live(house)[0] == 4, 20)
    status, answer = await house.post("/api/rollback", {"to": str(to_ms)})
    assert (status, answer) == (200, {"to_ms": to_ms, "skus": 1, "left_alone": 0})
    await until(lambda: live(house)[0] == 10, 20)
    for nonsense in ("sometime", "2999-01-01", "2001-01-01", str(to_ms + 3_600_000)):
        assert (await house.post("/api/rollback", {"to": nonsense}))[0] == 400


async def test_a_resync_is_asked_for_once(house: House) -> None:
    status, answer = await house.post("/api/resync", {"flow": "inventory"})
    assert (status, answer["started"]) == (200, True)
    status, again = await house.post("/api/resync", {"flow": "inventory"})
    assert (status, again["started"]) == (200, False)
    assert again["text"].startswith("already running, ")

    async def ended() -> bool:
        return bool((await house.get("/api/status"))["resync"]["phase"] == "done")

    await until(ended)
    assert await house.metric("connector_resync_percent") == 100
    assert await house.metric("connector_resync_left_items") == 0
    assert (await house.post("/api/resync", {"flow": "orders"}))[0] == 400


async def test_what_is_switched_off_says_so(tmp_path: Path) -> None:
    async with running(tmp_path / "connector.db", Sides(), INVENTORY="off") as house:
        for path in ("resync", "approve"):
            status, answer = await house.post(f"/api/{path}", {"flow": "inventory"})
            assert (status, answer["error"]) == (400, "inventory is switched off in the settings")
