"""Webhooks as TikTok delivers them, over a real socket: what is stored, what is answered, and how soon."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from running_daemon import House, Sides, running, until

from daemon.apis.tiktok.webhooks import ORDER_EVENTS, PRODUCT_EVENTS, events_for
from daemon.ops import webhooks
from daemon.ops.webhooks import ORDERS_MAX, Registration
from daemon.sandbox.faults import Fault, FaultKind

QUIET = {"ORDERS_EVERY": "1h", "FULFILLMENTS_EVERY": "1h"}
"""Nothing is read but what a webhook asks for."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running(tmp_path / "connector.db", Sides(), **QUIET) as house:
        await until(lambda: house.running.daemon.ready)
        yield house


def order_status(order_id: str, key: str = "7380066284010030890", **more: Any) -> dict[str, Any]:
    data = {"order_id": order_id, "order_status": "AWAITING_SHIPMENT", "update_time": 1718305585}
    shop = {"shop_id": "7495000000000000001", "timestamp": 1718305585}
    return {"type": 1, "tts_notification_id": key, **shop, "data": data} | more


def stored(house: House) -> list[tuple[str, str, str]]:
    """Notification id, kind and subject of every hint on disk."""
    with closing(sqlite3.connect(house.database.path)) as store:
        return store.execute("SELECT notification_id, kind, subject FROM hints ORDER BY 1").fetchall()


async def outcomes(house: House, outcome: str) -> float | None:
    return await house.metric(f'connector_webhooks_total{{outcome="{outcome}",source="tiktok"}}')


async def test_an_order_that_a_webhook_names_is_read_now(house: House) -> None:
    order_id = house.sides.tiktok.place_order()
    assert await house.hook(order_status(order_id)) == 200
    await until(lambda: house.backlog("done"))
    assert await outcomes(house, "stored") == 1


async def test_a_repeat_is_answered_and_stored_once(house: House) -> None:
    for _ in range(3):
        assert await house.hook(order_status("576461413038785752")) == 200
    assert stored(house) == [("7380066284010030890", "orders", "576461413038785752")]
    assert (await outcomes(house, "stored"), await outcomes(house, "duplicate")) == (1, 2)


@pytest.mark.parametrize("signature", ["0" * 64, "x", "Bearer abc"])
async def test_a_wrong_signature_is_refused_and_nothing_stored(
    house: House, signature: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "daemon.webhooks")
    for _ in range(3):
        assert await house.hook(order_status("576461413038785752"), signature) == 401
    assert stored(house) == []
    assert await outcomes(house, "forged") == 3
    assert len(caplog.records) == 1, "the log is not theirs to fill"


async def test_a_body_changed_on_the_way_is_refused(house: House) -> None:
    answer = await house.ask("POST", "/webhooks/tiktok", b"{}", {"content-type": "application/json"})
    assert answer.status == 401
    assert answer.body == b""


async def test_one_notification_about_several_orders_is_one_hint_each(house: House) -> None:
    packages = [
        {"package_id": "1", "order_id_list": ["5764614130387851", "5764614130387852"]},
        {"package_id": "2", "order_id_list": ["5764614130387853"]},
    ]
    for _ in range(2):
        assert await house.hook(order_status("", type=4, data={"sc_type": "SPLIT", "package_list": packages})) == 200
    assert [subject for _, _, subject in stored(house)] == ["5764614130387851", "5764614130387852", "5764614130387853"]


async def test_however_many_orders_are_named_only_so_many_are_read(house: House) -> None:
    many = [{"package_id": "1", "order_id_list": [str(10**15 + n) for n in range(ORDERS_MAX + 50)]}]
    assert await house.hook(order_status("", type=4, data={"package_list": many})) == 200
    assert len(stored(house)) == ORDERS_MAX


@pytest.mark.parametrize("topic", [5, 15, 16, 18, 37])
async def test_a_product_that_changed_is_a_hint_for_the_flow_of_products(house: House, topic: int) -> None:
    for product_id in (1729000000000000001, "1729000000000000001"):
        assert await house.hook(order_status("", type=topic, data={"product_id": product_id})) == 200
    assert stored(house) == [("7380066284010030890", "products", "1729000000000000001")]
    assert await house.hook(order_status("", key="2", type=topic, data={"product_id": "x'"})) == 200
    assert await outcomes(house, "malformed") == 1


@pytest.mark.parametrize("topic", [0, 12, 13, 99])
async def test_what_nobody_needs_is_answered_and_ignored(house: House, topic: int) -> None:
    assert await house.hook(order_status("576461413038785752", type=topic)) == 200
    assert stored(house) == []
    assert await outcomes(house, "ignored") == 1


async def test_another_shop_of_the_same_app_is_none_of_ours(house: House) -> None:
    await until(lambda: _shop_known(house))
    assert await house.hook(order_status("576461413038785752", shop_id="7495999999999999999")) == 200
    assert stored(house) == []
    assert await outcomes(house, "foreign") == 1


async def _shop_known(house: House) -> bool:
    return bool((await house.get("/api/status"))["shop"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"type": 1}', b'{"type": 1, "data": {"order_id": "a\' OR 1=1"}}', b"[" * 100_000, b"\xff\xfe"],
)
async def test_what_is_signed_but_makes_no_sense_does_not_come_again(house: House, body: bytes) -> None:
    assert await house.hook(body) == 200
    assert stored(house) == []
    assert await outcomes(house, "malformed") == 1


async def test_a_body_that_is_too_long_is_not_read(house: House) -> None:
    assert await house.hook(b" " * (webhooks.BODY_MAX + 1)) == 413
    assert stored(house) == []


async def test_a_slow_store_is_answered_in_time_and_tiktok_comes_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "ANSWER_WITHIN_S", 0.2)
    write, released = house.database.write, anyio.Event()

    async def slow(work: Any) -> Any:
        if work.__module__ == "daemon.ops.webhooks":
            await released.wait()
        return await write(work)

    monkeypatch.setattr(house.database, "write", slow)
    begun = time.monotonic()
    assert await house.hook(order_status("576461413038785752")) == 503
    assert time.monotonic() - begun < 1
    assert await outcomes(house, "late") == 1
    released.set()
    assert await house.hook(order_status("576461413038785752")) == 200
    assert len(stored(house)) == 1


async def test_a_grant_taken_back_is_noticed_at_once(house: House) -> None:
    house.sides.tiktok.revoke_grant()
    notice = {"type": 6, "tts_notification_id": "77", "timestamp": 1, "data": {"message": "deauthorized"}}
    assert await house.hook(notice) == 200
    await until(lambda: house.running.daemon.parts.engine.connections.refusals)
    await until(lambda: _state(house, "disconnected"))
    await until(house.exceptions)  # written behind the state
    (entry,) = await house.exceptions()
    assert (entry["flow"], entry["code"]) == ("connection", "tiktok_revoked")
    before = len(house.sides.tiktok.called("token.refresh"))
    assert await house.hook(notice) == 200
    await anyio.sleep(0.2)
    assert len(house.sides.tiktok.called("token.refresh")) == before, "a repeat asks nobody"


async def test_a_false_alarm_about_the_grant_changes_nothing(house: House) -> None:
    before = len(house.sides.tiktok.called("shops.list"))
    assert await house.hook({"type": 6, "tts_notification_id": "78", "timestamp": 1, "data": {"message": "x"}}) == 200
    await until(lambda: len(house.sides.tiktok.called("shops.list")) > before)
    await until(lambda: _state(house, "authorized"))
    assert not house.running.daemon.parts.engine.connections.refusals


async def _state(house: House, wanted: str) -> bool:
    state: str = (await house.get("/api/status"))["authorization"]["state"]
    return state == wanted


async def test_a_grant_that_ends_soon_is_remembered(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "daemon.webhooks")
    notice = {"message": "soon", "expiration_time": 1_800_000_000}
    for _ in range(2):
        assert await house.hook({"type": 7, "tts_notification_id": "79", "timestamp": 1, "data": notice}) == 200
    with closing(sqlite3.connect(house.database.path)) as store:
        (value,) = store.execute("SELECT value FROM facts WHERE name = 'authorization_notice'").fetchone()
    assert '"expires_at_ms":1800000000000' in value
    assert len(caplog.records) == 1


EVENTS = events_for({"products"})


class TestRegistration:
    """Our address at TikTok."""

    async def test_every_event_is_set_once_and_kept(self, tmp_path: Path) -> None:
        sides = Sides()
        async with running(tmp_path / "a.db", sides, CONNECTOR_PUBLIC_URL="http://localhost:1"):
            await until(lambda: len(sides.tiktok.called("webhooks.set")) == len(EVENTS))
        async with running(tmp_path / "a.db", sides, CONNECTOR_PUBLIC_URL="http://localhost:1"):
            await until(lambda: len(sides.tiktok.called("webhooks.list")) == 2)
        assert len(sides.tiktok.called("webhooks.set")) == len(EVENTS)

    async def test_only_what_differs_is_set(self, house: House) -> None:
        tiktok = house.running.daemon.parts.tiktok
        registration = Registration(tiktok, "http://localhost:2", {"orders"})
        assert await registration.once()
        await tiktok.registrations.set("PACKAGE_UPDATE", "http://localhost:3/elsewhere")
        before = len(house.sides.tiktok.called("webhooks.set"))
        assert await registration.once()
        assert len(house.sides.tiktok.called("webhooks.set")) == before + 1
        addresses = await tiktok.registrations.addresses()
        assert {addresses[event] for event in ORDER_EVENTS} == {"http://localhost:2/webhooks/tiktok"}

    async def test_products_are_listened_to_when_their_flow_runs(self, house: House) -> None:
        tiktok = house.running.daemon.parts.tiktok
        assert await Registration(tiktok, "http://localhost:2", {"orders", "products"}).once()
        assert set(await tiktok.registrations.addresses()) == {*ORDER_EVENTS, *PRODUCT_EVENTS}

    async def test_an_event_that_is_refused_keeps_no_other_from_being_set(self, house: House) -> None:
        tiktok = house.running.daemon.parts.tiktok
        refused = Fault(FaultKind.REFUSE, "webhooks.set", code=36009004, times=1)
        house.sides.tiktok.faults.add(refused)
        assert not await Registration(tiktok, "http://localhost:2", {"orders"}).once()
        assert set(await tiktok.registrations.addresses()) == set(ORDER_EVENTS[1:])

    async def test_a_refusal_is_said_once_and_stops_nothing(
        self, house: House, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING, "daemon.webhooks")
        registration = Registration(house.running.daemon.parts.tiktok, "http://localhost:2", {"orders"})
        house.sides.tiktok.faults.add(Fault(FaultKind.SERVER_ERROR, "webhooks.list", times=None))
        assert not await registration.once()
        assert not await registration.once()
        assert len([one for one in caplog.records if "cannot be registered" in one.getMessage()]) == 1
        assert not house.running.daemon.parts.engine.connections.refusals
        house.sides.tiktok.faults.clear()
        assert await registration.once()
