"""The web side over a real socket: who may see, who may change, and what is said when something is wrong."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import anyio
import pytest
from running_daemon import JSON, House, Sides, running, until

from daemon.core.findings import Finding
from daemon.ops import web
from daemon.sandbox.faults import Fault, FaultKind
from daemon.store import exceptions, journal
from daemon.store.database import Tx

ORDER = "576461413038785752"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running(tmp_path / "connector.db", Sides()) as house:
        yield house


async def refused_order(house: House) -> str:
    """An order that Pipe17 refused for good; its id."""
    text = "the order is not to our liking"
    house.sides.pipe17.faults.add(Fault(FaultKind.REFUSE, "orders.create", status=422, message=text))
    order_id: str = house.sides.tiktok.place_order()
    house.running.daemon.pollers[0].poke()
    await until(house.exceptions)
    house.sides.pipe17.faults.clear()
    return order_id


class Seen(HTMLParser):
    """The tags and the text of a page; fails on what a page without scripts must not have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attributes}
        assert tag not in {"script", "link", "img", "iframe", "form"}
        assert not names & {"src", "onclick", "style"}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_ready_when_the_first_polls_are_over_and_nobody_refuses(house: House) -> None:
    await until(lambda: house.running.daemon.ready)
    assert await house.get("/readyz") == {"ready": True, "reasons": []}
    assert await house.get("/healthz") == {"status": "ok"}


async def test_health_is_the_writer_s_round_trip(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "HEALTH_WITHIN", web.timedelta(seconds=0.1))

    write = house.database.write

    async def stuck(work: object) -> object:
        if getattr(work, "__module__", "") == "daemon.ops.pulse":
            await anyio.sleep_forever()
        return await write(work)

    with monkeypatch.context() as patch:
        patch.setattr(house.database, "write", stuck)
        assert (await house.ask("GET", "/healthz")).status == 503
        answer = await house.ask("GET", "/readyz")
    assert answer.status == 503
    assert "the store's writer does not answer" in json.loads(answer.body)["reasons"]
    assert (await house.ask("GET", "/healthz")).status == 200


async def test_the_metrics_are_read_from_the_store_at_the_scrape(house: House) -> None:
    await until(lambda: house.running.daemon.ready)
    await refused_order(house)
    assert await house.metric('connector_backlog_items{flow="orders",state="dead"}') == 1
    assert await house.metric('connector_exceptions_open{code="bad_request",flow="orders"}') == 1
    assert await house.metric("connector_authorized") == 1
    assert await house.metric("connector_orders_on_hold") == 0
    assert (await house.metric("connector_store_bytes") or 0) > 10_000
    assert await house.metric("connector_store_read_errors_total") == 0
    answer = await house.ask("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_a_store_that_cannot_be_read_leaves_metrics_out_and_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise web.sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(web, "read_snapshot", broken)
    assert await house.metric("connector_authorized") is None
    assert await house.metric("connector_store_read_errors_total") == 2


async def test_an_exception_names_what_happened_the_cure_and_the_next_attempt(house: House) -> None:
    order_id = await refused_order(house)
    (entry,) = (await house.get("/api/exceptions?flow=orders"))["exceptions"]
    assert (entry["flow"], entry["key"], entry["code"]) == ("orders", order_id, "bad_request")
    assert entry["cure"]
    assert entry["meaning"]
    assert entry["state"] == "dead"
    assert (await house.get("/api/exceptions?flow=fulfillments"))["exceptions"] == []
    (owed,) = (await house.get("/api/backlog?flow=orders"))["backlog"]
    assert (owed["key"], owed["state"]) == (order_id, "dead")
    trace = await house.get(f"/api/trace/{order_id}")
    assert trace["exceptions"][0]["cure"] == entry["cure"]
    assert (await house.ask("GET", "/api/trace/nothing")).status == 404


async def test_a_retry_sends_it_and_closes_the_exception(house: House) -> None:
    order_id = await refused_order(house)
    status, answer = await house.post("/api/retry", {"flow": "orders", "code": "another_code"})
    assert (status, answer["queued"]) == (200, [])
    status, answer = await house.post("/api/retry", {"flow": "orders", "code": "bad_request"})
    assert (status, answer["queued"]) == (200, [{"flow": "orders", "key": order_id}])
    await until(lambda: house.backlog("done"))
    assert await house.exceptions() == []


async def test_a_dismissal_closes_it_with_the_note(house: House) -> None:
    order_id = await refused_order(house)
    assert (await house.post("/api/dismiss", {"flow": "orders", "key": order_id}))[0] == 400
    status, answer = await house.post("/api/dismiss", {"flow": "orders", "key": order_id, "note": "entered by hand"})
    assert status == 200
    assert answer["closed"] == ["bad_request"]
    assert (await house.get("/api/exceptions"))["exceptions"] == []
    told = [line["detail"] for line in (await house.get(f"/api/trace/{order_id}"))["timeline"]]
    assert "by web: entered by hand" in told


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/retry", b"{}", 400),
        ("/api/retry", b'{"key": "1"}', 400),
        ("/api/retry", b'{"flow": ["orders"]}', 400),
        ("/api/retry", b"[]", 400),
        ("/api/retry", b"{", 400),
        ("/api/retry", b"[" * 60_000, 400),
        ("/api/retry", b'{"flow": "' + b"x" * 70_000 + b'"}', 413),
        ("/api/pause", b'{"flow": "statements"}', 400),
        ("/api/connect", b"{}", 200),
    ],
)
async def test_what_cannot_be_meant_is_refused(house: House, path: str, body: bytes, status: int) -> None:
    answer = await house.ask("POST", path, body, JSON)
    assert answer.status == status
    assert isinstance(json.loads(answer.body), dict)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "limit=-1", "limit=²"])
async def test_a_limit_is_a_number_in_bounds(house: House, query: str) -> None:
    assert (await house.ask("GET", f"/api/backlog?{query}")).status == 400


async def test_a_pull_reads_it_now(house: House) -> None:
    await until(lambda: house.running.daemon.ready)
    order_id: str = house.sides.tiktok.place_order()
    status, answer = await house.post("/api/pull", {"ids": [order_id, "f00d000000000001"]})
    assert status == 200
    pulled = [(one["flow"], one["key"], one["known"]) for one in answer["pulled"]]
    assert pulled == [("orders", order_id, False), ("fulfillments", "f00d000000000001", False)]
    await until(lambda: house.backlog("done"))
    _, answer = await house.post("/api/pull", {"ids": [order_id]})
    assert answer["pulled"][0]["known"] is True


async def test_a_backfill_is_one_at_a_time_and_shows_in_status(house: House) -> None:
    house.sides.silent.add(("POST", "/order/202309/orders/search"))
    status, answer = await house.post("/api/backfill", {"since": "30d"})
    assert (status, answer["started"], answer["backfill"]["state"]) == (200, True, "waiting")
    _, answer = await house.post("/api/backfill", {"since": "10d"})
    assert (answer["started"], answer["covered"]) == (False, True)
    _, answer = await house.post("/api/backfill", {"since": "2026-01-01"})
    assert (answer["started"], answer["covered"]) == (False, False)
    assert (await house.get("/api/status"))["backfill"]["percent"] == 0
    page = await house.ask("GET", "/")
    assert "Backfill" in Seen(page.body.decode()).text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("pull", {}),
        ("pull", {"ids": []}),
        ("pull", {"ids": [1]}),
        ("pull", {"ids": ["x" * 101]}),
        ("pull", {"ids": "576461413038785752"}),
        ("backfill", {}),
        ("backfill", {"since": "soon"}),
        ("backfill", {"since": "2199-01-01"}),
        ("backfill", {"since": "2d", "until": "3d"}),
        ("backfill", {"since": "2d", "until": "later"}),
    ],
)
async def test_what_nobody_can_read_is_refused(house: House, path: str, body: dict[str, object]) -> None:
    status, answer = await house.post(f"/api/{path}", body)
    assert status == 400
    assert answer["error"]


async def test_what_is_switched_off_is_not_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path / "connector.db", Sides(), ORDERS="off") as house:
        for path, body in (("pull", {"ids": [ORDER]}), ("backfill", {"since": "1d"})):
            status, answer = await house.post(f"/api/{path}", body)
            assert (status, "switched off" in answer["error"]) == (400, True)


async def test_unknown_paths_and_methods_are_answered_in_json(house: House) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("GET", "/metrics/", 404),
        ("POST", "/metrics", 405),
        ("GET", "/api/retry", 405),
        ("DELETE", "/", 405),
        ("HEAD", "/", 200),
        ("HEAD", "/metrics", 200),
    ):
        answer = await house.ask(method, path)
        assert (method, path, answer.status) == (method, path, status)
        assert answer.headers["cache-control"] == "no-store"
        if method != "HEAD":
            assert json.loads(answer.body)["error"]


async def test_an_error_of_ours_shows_nothing_of_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a canary secret")

    monkeypatch.setattr(web.Snapshots, "refresh", broken)
    answer = await house.ask("GET", "/metrics")
    assert answer.status == 500
    assert b"canary" not in answer.body


class TestWhoMayChange:
    """The rules of `guard.py`."""

    PAUSE = b'{"flow": "orders"}'

    async def attempt(self, house: House, **headers: str) -> int:
        sent = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        return (await house.ask("POST", "/api/pause", self.PAUSE, sent)).status

    async def test_a_local_command_needs_no_token(self, house: House) -> None:
        assert await self.attempt(house) == 200
        assert await self.attempt(house, host="localhost:9817") == 200
        assert await self.attempt(house, origin=f"http://{house.running.address}") == 200

    async def test_a_page_of_another_site_may_not(self, house: House) -> None:
        for origin in ("https://evil.example", "null", "http://localhost:1"):
            assert await self.attempt(house, origin=origin) == 403

    async def test_a_form_may_not(self, house: House) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            assert await self.attempt(house, content_type=kind) == 415

    async def test_what_a_proxy_hands_on_is_not_local(self, house: House) -> None:
        assert await self.attempt(house, x_forwarded_for="203.0.113.7") == 403
        assert await self.attempt(house, host="shop.example.com") == 403

    async def test_with_a_token_the_token_counts(self, tmp_path: Path) -> None:
        listen = {"CONNECTOR_LISTEN": "0.0.0.0:0", "CONNECTOR_ADMIN_TOKEN": "the-right-token"}
        async with running(tmp_path / "far.db", Sides(), **listen) as house:
            assert (await house.ask("GET", "/api/status")).status == 200
            assert await self.attempt(house) == 401
            assert await self.attempt(house, authorization="Bearer the-wrong-token") == 401
            assert await self.attempt(house, authorization="Basic the-right-token") == 401
            assert await self.attempt(house, authorization="Bearer the-right-token") == 200

    async def test_without_a_token_nobody_from_outside(self, tmp_path: Path) -> None:
        async with running(tmp_path / "far.db", Sides(), CONNECTOR_LISTEN="0.0.0.0:0") as house:
            status, answer = await house.post("/api/pause", {"flow": "orders"}, authorization="Bearer x")
            assert status == 403
            assert "CONNECTOR_ADMIN_TOKEN" in answer["error"]


async def test_the_page_shows_what_needs_a_person_and_hides_nothing_in_markup(house: House) -> None:
    await until(lambda: house.running.daemon.ready)

    async def nothing_owed() -> bool:
        return not (await house.get("/api/backlog"))["backlog"]

    await until(nothing_owed)
    now_ms = house.running.daemon.parts.clock.now_ms()

    def work(tx: Tx) -> None:
        finding = Finding("carrier_unmapped", 'no carrier "<script>alert(1)</script>" at TikTok', now_ms + 7_500_000)
        exceptions.open_exception(tx, "fulfillments", "f-1", ORDER, finding, now_ms)
        journal.note(tx, "fulfillments", "f-1", ORDER, "refused", "carrier_unmapped", now_ms)

    await house.database.write(work)
    answer = await house.ask("GET", "/")
    page = answer.body.decode()
    seen = Seen(page)
    for text in (
        "Ready.",
        "carrier_unmapped",
        "<script>alert(1)</script>",
        "FULFILLMENTS_CARRIER_MAP",
        ORDER,
        "in 2 h",
    ):
        assert text in seen.text
    assert "Nothing is owed." in seen.text
    assert "width=device-width" in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_unix_socket_is_served_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    for _ in range(2):
        async with running(tmp_path / "unix.db", Sides(), CONNECTOR_LISTEN=f"unix:{path}"):
            reader, writer = await asyncio.open_unix_connection(path)
            body = b'{"flow": "orders"}'
            writer.write(
                b"POST /api/pause HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            assert answer.startswith(b"HTTP/1.1 200")
        assert not path.exists()


async def test_a_socket_file_of_a_killed_process_gives_way(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    async with running(tmp_path / "unix.db", Sides(), CONNECTOR_LISTEN=f"unix:{path}"):
        assert path.exists()
