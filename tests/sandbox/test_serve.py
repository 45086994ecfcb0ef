"""The simulated services behind real sockets: delays, resets, the control API, webhooks, and a killed process."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from shop_caller import HOUR_MS, HandClock, sign_request

from daemon.apis.http import HttpxTransport, Request, Response, TransportError
from daemon.sandbox.faults import Fault, FaultKind, Faults
from daemon.sandbox.recorded import Recorded
from daemon.sandbox.serve import Served, serve_sandbox
from daemon.sandbox.tiktok import TikTokOptions, TikTokSandbox
from daemon.sandbox.wire import Call, Reply


class Echo:
    """The smallest service: says back what it was asked."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.calls: list[Recorded] = []

    def handle(self, call: Call) -> Reply:
        said = {"method": call.method, "path": call.path, "query": call.query, "body": call.body.decode()}
        return Reply(200, json.dumps(said).encode(), {"content-type": "application/json"})

    def shout(self, word: str) -> str:
        return word.upper()


class House:
    """Both services listening, and a client."""

    def __init__(self, served: Served, tiktok: TikTokSandbox, clock: HandClock) -> None:
        self.served = served
        self.tiktok = tiktok
        self.clock = clock
        self.http = HttpxTransport(trust_env=False)
        self.token = tiktok.tokens()["access_token"]

    async def shops(self, timeout_s: float = 5.0) -> Response:
        path = "/authorization/202309/shops"
        query = {"app_key": self.tiktok.options.app_key, "timestamp": str(self.clock.at_ms // 1000)}
        query["sign"] = sign_request(self.tiktok.options.app_secret, path, query)
        url = f"{self.served.tiktok_url}{path}?" + "&".join(f"{key}={value}" for key, value in query.items())
        return await self.http.send(Request("GET", url, {"x-tts-access-token": self.token}, None, timeout_s))

    async def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        sent = None if body is None else json.dumps(body).encode()
        answer = await self.http.send(Request(method, f"{self.served.pipe17_url}/_sandbox/{path}", {}, sent, 5.0))
        shown: dict[str, Any] = json.loads(answer.body)
        return {"status": answer.status, **shown}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = HandClock()
    tiktok = TikTokSandbox(clock, Random(1), Faults(), TikTokOptions(strict_webhook_address=False))
    served = await serve_sandbox(tiktok, Echo(), clock=clock)
    house = House(served, tiktok, clock)
    yield house
    await house.http.aclose()
    await served.aclose()


async def test_both_services_answer_on_ports_of_their_own(house: House) -> None:
    assert house.served.tiktok_port != house.served.pipe17_port
    answer = await house.shops()
    assert json.loads(answer.body)["data"]["shops"][0]["region"] == "US"
    assert answer.headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    url = f"{house.served.pipe17_url}/api/v3/orders?a=1&a=2%20x&b="
    said = json.loads((await house.http.send(Request("POST", url, {}, b"{}"))).body)
    assert said == {
        "method": "POST",
        "path": "/api/v3/orders",
        "query": [["a", "1"], ["a", "2 x"], ["b", ""]],
        "body": "{}",
    }


@pytest.mark.parametrize(("kind", "effective"), [(FaultKind.RESET, 0), (FaultKind.LOST_ANSWER, 1)])
async def test_a_lost_answer_is_a_broken_connection(house: House, kind: FaultKind, effective: int) -> None:
    await house.shops()
    house.tiktok.faults.add(Fault(kind, "shops.list"))
    with pytest.raises(TransportError) as broken:
        await house.shops()
    assert broken.value.sent
    assert broken.value.kind != "timeout"
    assert len(house.tiktok.called("shops.list", effective=True)) == 1 + effective
    assert (await house.shops()).status == 200


async def test_a_delay_holds_the_answer_back(house: House) -> None:
    house.tiktok.faults.add(Fault(FaultKind.DELAY, delay_ms=400))
    with pytest.raises(TransportError, match="timeout"):
        await house.shops(timeout_s=0.1)
    assert (await house.shops()).status == 200


async def test_the_control_api_runs_the_shop(house: House) -> None:
    placed = await house.control(
        "POST", "tiktok/actions/place_order", {"skus": ["A", {"seller_sku": "B", "price": "3"}]}
    )
    order_id = placed["result"]
    assert house.tiktok.shown(order_id)["status"] == "ON_HOLD"
    await house.control("POST", "tiktok/actions/change_address", {"order_id": order_id, "address": {"city": "Reno"}})
    house.clock.forward(HOUR_MS)
    assert house.tiktok.shown(order_id)["recipient_address"]["district_info"][3]["address_name"] == "Reno"
    assert "place_order" in (await house.control("GET", "tiktok/actions"))["actions"]
    assert (await house.control("POST", "pipe17/actions/shout", {"word": "ho"}))["result"] == "HO"
    assert (await house.control("GET", "tiktok/state"))["orders"][order_id]["status"] == "AWAITING_SHIPMENT"
    assert (await house.control("GET", "pipe17/state")) == {"status": 200}
    assert (await house.control("GET", ""))["now_ms"] == house.clock.at_ms


async def test_the_control_api_places_orders_of_any_kind_and_with_any_fee(house: House) -> None:
    basket: dict[str, Any] = {
        "skus": [{"seller_sku": "A", "price": "9", "pfand_fee": "0.25"}],
        "kind": "replacement",
        "flags": {"replaced_order_id": "576461413037", "is_cod": True},
        "fees": {"handling_fee": "0.75"},
    }
    placed = await house.control("POST", "tiktok/actions/place_order", basket)
    shown = house.tiktok.shown(placed["result"])
    assert (shown["is_replacement_order"], shown["replaced_order_id"], shown["is_cod"]) == (True, "576461413037", True)
    assert (shown["payment"]["handling_fee"], shown["payment"]["total_amount"]) == ("0.75", "1")
    assert (shown["line_items"][0]["pfand_fee"], shown["line_items"][0]["gift_retail_price"]) == ("0.25", "9")
    for wrong in ({"kind": "odd"}, {"flags": {"is_odd": True}}, {"fees": {"odd_fee": "1"}}):
        refused = await house.control("POST", "tiktok/actions/place_order", wrong)
        assert refused["status"] == 409
        assert "odd" in refused["error"]


async def test_the_control_api_makes_faults_and_shows_calls(house: House) -> None:
    fault = {"kind": "rate_limit", "operation": "shops.list", "retry_after": "4"}
    assert len((await house.control("POST", "tiktok/faults", fault))["faults"]) == 1
    limited = await house.shops()
    assert (limited.status, limited.headers["retry-after"]) == (429, "4")
    assert (await house.control("DELETE", "tiktok/faults"))["faults"] == []
    await house.shops()
    shown = await house.control("GET", "tiktok/calls?operation=shops.list&since=1")
    assert [(call["status"], call["code"]) for call in shown["calls"]] == [(200, 0)]
    assert (await house.control("DELETE", "tiktok/calls"))["total"] == 0


async def test_the_control_api_refuses_what_makes_no_sense(house: House) -> None:
    assert (await house.control("GET", "nobody/calls"))["status"] == 404
    assert (await house.control("POST", "tiktok/actions/no_such"))["status"] == 404
    assert (await house.control("POST", "tiktok/faults", {"kind": "odd"}))["status"] == 400
    assert (await house.control("POST", "tiktok/faults", []))["status"] == 400
    assert (await house.control("PATCH", "tiktok/options", {"no_such": 1}))["status"] == 400
    assert (await house.control("POST", "tiktok/actions/pay", {"order_id": "1"}))["status"] == 409
    assert (await house.control("POST", "kill", {"pid": 1, "operation": "x"}))["status"] == 400
    assert (await house.control("PATCH", "tiktok/options", {"hold_ms": "soon"}))["status"] == 400


async def test_the_control_api_turns_switches(house: House) -> None:
    changes = {"rotate_refresh": False, "retired_versions": ["order/202309"], "repeat_rows": 1, "grant_ms": 5}
    changed = await house.control("PATCH", "tiktok/options", changes)
    assert {name: changed["options"][name] for name in changes} == {**changes, "repeat_rows": 1.0}
    assert house.tiktok.options.retired_versions == frozenset({"order/202309"})


@pytest.mark.parametrize(("when", "effective"), [("before", 1), ("after", 2)])
async def test_a_process_is_killed_around_the_nth_call(house: House, when: str, effective: int) -> None:
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    try:
        kill = {"pid": victim.pid, "operation": "shops.list", "nth": 2, "when": when}
        await house.control("POST", "kill", kill)
        await house.shops()
        assert victim.returncode is None
        with suppress(TransportError):
            await house.shops()
        assert await asyncio.wait_for(victim.wait(), 10) == -9
    finally:
        with suppress(ProcessLookupError):
            victim.kill()
    assert len(house.tiktok.called("shops.list", effective=True)) == effective


async def test_webhooks_arrive_and_are_tried_again(house: House) -> None:
    got: list[bytes] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        got.append(await reader.readexactly(length))
        status = b"500 No" if len(got) == 1 else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    receiver = await asyncio.start_server(receive, "127.0.0.1", 0)
    async with receiver:
        house.tiktok.options.app_webhook_url = f"http://127.0.0.1:{receiver.sockets[0].getsockname()[1]}/hook"
        house.tiktok.place_order()
        await until(lambda: len(house.tiktok.webhooks.out.waiting) == 1 and len(got) == 1)
        house.clock.forward(2 * 60_000)
        await until(lambda: house.tiktok.webhooks.out.delivered == 1)
    assert got[0] == got[1]
    assert json.loads(got[0])["data"]["order_status"] == "ON_HOLD"


async def test_a_taken_port_is_an_error(house: House) -> None:
    with pytest.raises(OSError, match="in use"):
        await serve_sandbox(house.tiktok, Echo(), pipe17_port=house.served.tiktok_port)


async def until(done: Any) -> None:
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110 (the state of a service knows no events)
            await asyncio.sleep(0.01)
