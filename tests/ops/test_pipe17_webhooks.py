"""Webhooks as Pipe17 delivers them, over a real socket: who is let in, what is stored, and what is registered."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from running_daemon import JSON, House, Sides, running, until

from daemon.apis.pipe17.webhooks import TOPICS
from daemon.core.tokens import Secret
from daemon.flows import poller
from daemon.ops import pipe17_registration, pipe17_webhooks, webhooks
from daemon.ops.pipe17_registration import Pipe17Registration, open_hooks
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import CHANNEL_GRANTS

PUBLIC = "http://localhost:1"
QUIET = {"ORDERS_EVERY": "1h", "FULFILLMENTS_EVERY": "1h", "CONNECTOR_PUBLIC_URL": PUBLIC}
"""Nothing is read but what a webhook asks for."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running(tmp_path / "connector.db", Sides(), **QUIET) as house:
        await until(lambda: house.running.daemon.ready and registered(house.sides))
        yield house


def registered(sides: Sides) -> list[dict[str, Any]]:
    return list(sides.pipe17.hooks.registered.values())


def path_of(sides: Sides) -> str:
    (ours,) = [one for one in registered(sides) if str(one["url"]).startswith(PUBLIC)]
    return str(ours["url"]).removeprefix(PUBLIC)


def delivery(entity: str = "fulfillments", item: str = "8e6b21f09d5c74a3", **more: Any) -> dict[str, Any]:
    said = {"orgKey": "90aa17c34e5bd2f1", "entity": entity, "action": "update", "itemId": item}
    return said | {"timestamp": "2026-01-05T15:46:12.400Z", "requestId": "6c1f0f6e3a0d4b52"} | more


async def knock(house: House, document: object, path: str = "", **headers: str) -> tuple[int, bytes]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    sent = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await house.ask("POST", path or path_of(house.sides), body, sent)
    return answer.status, answer.body


def hints(house: House) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(house.database.path)) as store:
        return store.execute("SELECT kind, subject FROM hints ORDER BY received_at_ms, subject").fetchall()


async def outcomes(house: House, outcome: str) -> float | None:
    return await house.metric(f'connector_webhooks_total{{outcome="{outcome}",source="pipe17"}}')


def log_of(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


class TestDoor:
    """Deliveries."""

    async def test_a_fulfillment_that_a_webhook_names_is_read_now(self, house: House) -> None:
        assert await knock(house, delivery()) == (200, b"")
        await until(lambda: house.sides.pipe17.called("fulfillments.get"))
        assert hints(house) == [("fulfillments", "8e6b21f09d5c74a3")]
        assert await outcomes(house, "stored") == 1

    async def test_a_repeat_is_answered_and_stored_once(self, house: House) -> None:
        for _ in range(3):
            assert (await knock(house, delivery()))[0] == 200
        assert (await knock(house, delivery(timestamp="2026-01-05T15:47:00.000Z")))[0] == 200
        assert len(hints(house)) == 2
        assert (await outcomes(house, "stored"), await outcomes(house, "duplicate")) == (2, 2)

    async def test_a_delivery_that_tells_no_instant_is_news_each_time(self, house: House) -> None:
        bare = {"entity": "fulfillment", "itemId": "8e6b21f09d5c74a3"}
        for _ in range(2):
            assert (await knock(house, bare))[0] == 200
            await anyio.sleep(0.01)
        assert await outcomes(house, "stored") == 2

    @pytest.mark.parametrize("wrong", ["x", "", "..", "%00", "a" * 43, "a/b"])
    async def test_a_wrong_address_is_a_page_that_does_not_exist(
        self, house: House, wrong: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for _ in range(3):
            status, body = await knock(house, delivery(), f"/webhooks/pipe17/{wrong}")
            assert (status, body) == await knock(house, delivery(), "/no/such/page")
            assert status == 404
        assert hints(house) == []
        assert log_of(caplog).count("was refused") <= 1, "the log is not theirs to fill"

    async def test_what_is_forged_is_counted(self, house: House) -> None:
        await knock(house, delivery(), "/webhooks/pipe17/guess")
        assert (await knock(house, delivery(), x_pipe17_key="another"))[0] == 404
        assert await outcomes(house, "forged") == 2
        assert (await knock(house, delivery(), x_pipe17_key=house.sides.pipe17.options.api_key))[0] == 200

    async def test_the_secret_is_compared_in_constant_time(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        compared: list[tuple[bytes, bytes]] = []
        same = pipe17_webhooks.hmac.compare_digest

        def note(first: bytes, second: bytes) -> bool:
            compared.append((first, second))
            return same(first, second)

        monkeypatch.setattr(pipe17_webhooks.hmac, "compare_digest", note)
        await knock(house, delivery(), "/webhooks/pipe17/guess")
        assert compared == [(b"guess", path_of(house.sides).rpartition("/")[2].encode())]

    @pytest.mark.parametrize(
        ("document", "outcome"),
        [
            (delivery("shipments"), "unknown_topic"),
            (delivery("../orders"), "unknown_topic"),
            (delivery("products"), "ignored"),
            (delivery("fulfillments", action="delete"), "ignored"),
            (delivery("inventory", action="delete"), "ignored"),
            (delivery("orders", action="create"), "ignored"),
            (b"", "malformed"),
            (b"[]", "malformed"),
            (b"[" * 60_000, "malformed"),
            (b"\xff\xfe", "malformed"),
            (delivery(item="a' OR 1=1"), "malformed"),
            (delivery(item=""), "malformed"),
            (delivery(entity=""), "malformed"),
        ],
    )
    async def test_what_nobody_needs_does_not_come_again(self, house: House, document: Any, outcome: str) -> None:
        assert (await knock(house, document))[0] == 200
        assert hints(house) == []
        assert await outcomes(house, outcome) == 1

    async def test_a_body_that_is_too_long_is_not_read(self, house: House) -> None:
        assert (await knock(house, b" " * (webhooks.BODY_MAX + 1)))[0] == 413
        assert (await knock(house, b" " * (webhooks.BODY_MAX + 1), "/webhooks/pipe17/guess"))[0] == 404

    async def test_when_too_many_wait_the_source_is_read_instead(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pipe17_webhooks, "WAITING_MAX", 2)
        monkeypatch.setattr(poller, "GAP_S", 0.1)
        house.sides.pipe17.faults.add(Fault(FaultKind.UNAVAILABLE, "fulfillments.get", times=None))
        before = len(house.sides.pipe17.called("fulfillments.list"))
        for number in range(4):
            assert (await knock(house, delivery(item=f"{number:016x}")))[0] == 200
        assert len(hints(house)) == 2
        assert await outcomes(house, "polled") == 2
        await until(lambda: len(house.sides.pipe17.called("fulfillments.list")) > before)

    async def test_a_slow_store_is_answered_in_time(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pipe17_webhooks, "ANSWER_WITHIN_S", 0.2)
        write, released = house.database.write, anyio.Event()

        async def slow(work: Any) -> Any:
            if work.__module__ == "daemon.ops.pipe17_webhooks":
                await released.wait()
            return await write(work)

        monkeypatch.setattr(house.database, "write", slow)
        begun = time.monotonic()
        assert (await knock(house, delivery()))[0] == 503
        assert time.monotonic() - begun < 1
        assert hints(house) == []
        released.set()

    async def test_without_a_public_address_there_is_no_door(self, tmp_path: Path) -> None:
        async with running(tmp_path / "a.db", Sides()) as house:
            await until(lambda: house.running.daemon.ready)
            assert (await knock(house, delivery(), "/webhooks/pipe17/x"))[0] == 404
            assert registered(house.sides) == []
            assert await outcomes(house, "forged") is None


class TestSecret:
    """The part of the address that nobody can guess."""

    async def test_it_is_long_kept_and_shown_nowhere(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        sides, shown = Sides(), []
        for _ in range(2):
            async with running(tmp_path / "a.db", sides, **QUIET) as house:
                await until(lambda: registered(sides) and house.running.daemon.ready)
                secret = path_of(sides).rpartition("/")[2]
                await knock(house, delivery())
                await knock(house, b"broken")
                monkey = house.running.daemon.hints.bell
                monkey.ring = None  # type: ignore[assignment, method-assign]
                assert (await knock(house, delivery(item="1" * 16)))[0] == 500
                for page in ("/", "/metrics", "/api/status", "/api/exceptions", "/readyz"):
                    shown.append((await house.ask("GET", page)).body.decode())
                assert house.redactor.text(f"at {path_of(sides)}") == "at /webhooks/pipe17/[hidden]"
        assert len(secret) >= 43
        assert len(sides.pipe17.called("webhooks.create")) == 1, "a restart has the same one"
        assert "answering /webhooks/pipe17 broke" in log_of(caplog)
        assert all(secret not in text for text in [*shown, log_of(caplog)])

    async def test_when_it_cannot_be_read_any_more_a_new_one_takes_its_place(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sides, store = Sides(), tmp_path / "a.db"
        async with running(store, sides, **QUIET):
            await until(lambda: registered(sides))
        before = path_of(sides)
        with closing(sqlite3.connect(store)) as connection:
            connection.execute("UPDATE facts SET value = '\"sealed:AAAA\"' WHERE name = 'pipe17_webhook_secret'")
            connection.commit()
        async with running(store, sides, **QUIET) as house:
            await until(lambda: path_of(sides) != before)
            assert (await knock(house, delivery(), before))[0] == 404
            assert (await knock(house, delivery()))[0] == 200
        assert "cannot be read with this CONNECTOR_TOKEN_KEY" in log_of(caplog)


class TestRegistration:
    """Our webhook at Pipe17."""

    async def test_one_webhook_with_our_key_and_every_topic(self, house: House) -> None:
        (ours,) = registered(house.sides)
        assert (ours["apikey"], ours["topics"]) == (house.sides.pipe17.options.api_key, list(TOPICS))
        assert TOPICS == ("orders", "fulfillments", "products", "inventory")

    async def test_it_is_looked_at_again_at_the_next_start_and_only_then_changed_when_it_differs(
        self, tmp_path: Path
    ) -> None:
        sides = Sides()
        for start in range(3):
            async with running(tmp_path / "a.db", sides, **QUIET):
                await until(lambda start=start: len(sides.pipe17.called("webhooks.list")) == start + 1)
                await anyio.sleep(0.05)
        assert len(sides.pipe17.called("webhooks.create")) == 1
        assert sides.pipe17.called("webhooks.update") == []

    @pytest.mark.parametrize(
        "change",
        [
            {"url": PUBLIC + "/webhooks/pipe17/an-old-secret"},
            {"topics": ["orders"]},
            {"apikey": "7" * 32},
            {"url": "http://where-we-lived-before.example.test/webhooks/pipe17/x"},
        ],
    )
    async def test_what_somebody_changed_is_put_right_in_place(self, house: House, change: dict[str, Any]) -> None:
        (ours,) = registered(house.sides)
        wanted = {name: ours[name] for name in ("webhookId", "url", "apikey", "topics")}
        ours |= change
        hooks = await open_hooks(house.running.site, None)
        assert hooks is not None
        for _ in range(2):
            await hooks.registration.once()
        (now,) = registered(house.sides)
        assert {name: now[name] for name in wanted} == wanted
        assert len(house.sides.pipe17.called("webhooks.update")) == 1

    async def test_a_key_that_the_list_masks_is_not_written_again_and_again(self, house: House) -> None:
        (ours,) = registered(house.sides)
        for shown in ("5f1d****", ""):
            ours["apikey"] = shown
            await _registration(house).once()
        assert house.sides.pipe17.called("webhooks.update") == []

    async def test_webhooks_of_others_are_left_alone(self, house: House) -> None:
        others = {"url": "https://elsewhere.example.test/hook", "apikey": house.sides.pipe17.options.api_key}
        pipe17 = house.running.daemon.parts.pipe17
        made = await pipe17.webhooks.create(others["url"], others["apikey"], ["orders"])
        await _registration(house).once()
        assert [one.url for one in await pipe17.webhooks.all() if one.id == made.id] == [others["url"]]
        assert len(registered(house.sides)) == 2

    async def test_a_create_whose_answer_was_lost_is_found_by_the_next_look(self, tmp_path: Path) -> None:
        sides = Sides()
        sides.pipe17.faults.add(Fault(FaultKind.LOST_ANSWER, "webhooks.create"))
        async with running(tmp_path / "a.db", sides, **QUIET) as house:
            await until(lambda: registered(sides))
            assert await _registration(house).once() == pipe17_registration.LOOK_EVERY
        assert len(registered(sides)) == 1

    async def test_a_list_that_pipe17_does_not_know_is_done_without(self, tmp_path: Path) -> None:
        sides = Sides()
        sides.pipe17.faults.add(Fault(FaultKind.REFUSE, "webhooks.list", status=405, times=None))
        for _ in range(2):
            async with running(tmp_path / "a.db", sides, **QUIET) as house:
                await until(lambda: registered(sides))
                await _registration(house).once()
        assert len(sides.pipe17.called("webhooks.create")) == 1
        async with running(tmp_path / "a.db", sides, **QUIET | {"CONNECTOR_PUBLIC_URL": "http://localhost:2"}) as house:
            await until(lambda: sides.pipe17.called("webhooks.update"))
        (ours,) = registered(sides)
        assert str(ours["url"]).startswith("http://localhost:2/webhooks/pipe17/")

    async def test_a_refusal_is_an_exception_with_a_cure_and_no_loop(self, tmp_path: Path) -> None:
        sides = Sides()
        sides.pipe17.options.grants = {name: may for name, may in CHANNEL_GRANTS.items() if name != "webhooks"}
        async with running(tmp_path / "a.db", sides, **QUIET) as house:
            await until(lambda: _open(house))
            (entry,) = await house.exceptions()
            assert (entry["flow"], entry["code"]) == ("connection", "webhooks_not_registered")
            assert "polling goes on" in entry["detail"]
            assert "check" in entry["cure"]
            await anyio.sleep(0.3)
            assert len(sides.pipe17.called("webhooks.list")) == 1
            assert house.running.daemon.parts.pipe17.missing_grants == ()
            assert house.running.daemon.ready
            assert await _registration(house).once() == pipe17_registration.REFUSED_EVERY
            assert len(await house.exceptions()) == 1
            sides.pipe17.options.grants = dict(CHANNEL_GRANTS)
            assert await _registration(house).once() == pipe17_registration.LOOK_EVERY
            assert await house.exceptions() == []

    async def test_a_failure_that_may_pass_is_told_when_it_stays(self, house: House) -> None:
        registration = _registration(house)
        house.sides.pipe17.faults.add(Fault(FaultKind.SERVER_ERROR, "webhooks.list", times=None))
        seen = []
        for _ in range(3):
            assert await registration.once() == pipe17_registration.RETRY_EVERY
            seen.append(len(await house.exceptions()))
        assert seen == [0, 0, 1]


def _registration(house: House) -> Pipe17Registration:
    """Another one with the same memory, for a look at this very moment."""
    secret = path_of(house.sides).rpartition("/")[2] if registered(house.sides) else "none-yet"
    return Pipe17Registration(
        house.running.daemon.parts, PUBLIC, Secret(secret), Secret(house.sides.pipe17.options.api_key)
    )


async def _open(house: House) -> bool:
    return bool(await house.exceptions())
