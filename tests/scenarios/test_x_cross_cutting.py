"""X2, X3, X4, X7 and X8: what holds for every row."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from daemon.apis.tiktok.webhooks import ORDER_EVENTS
from daemon.core.tokens import Secret
from daemon.errors import ApiError, StoreLocked
from daemon.ops.metrics import Metrics, StoreSnapshot
from daemon.ops.webhooks import AppKeys, Receiver
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.tiktok import TikTokOptions
from daemon.sandbox.tiktok.webhooks import webhook_sign
from daemon.store import reports
from daemon.store.database import Database
from daemon.store.reader import Reader
from tests.scenarios.stage import (
    HOUR,
    MINUTE,
    differences,
    fulfill,
    opened,
    play,
    released,
    shop,
    sql,
    status,
    units_shipped,
    ups,
    writes,
)
from tests.sim.world import World

# --- X2 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retry_after", [None, "5", "60", "date+60", "soon"])
@pytest.mark.parametrize("operation", ["orders.*", "orders.detail"])
def test_x2_429_for_a_minute_on_the_order_endpoint_delays_no_tracking(operation: str, retry_after: str | None) -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A", "SKU-B")
        await world.live(30)
        begun_ms = world.truth.now_ms()
        for service in ("tiktok",):
            fault = Fault(
                FaultKind.RATE_LIMIT, operation, times=None, until_ms=begun_ms + 60_000, retry_after=retry_after
            )
            world.faults[service].add(fault)
        # a poll meets the closed endpoint first, and a webhook's worth of new orders is on its way
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(20)]
        for poller in world.daemon.pollers:  # type: ignore[union-attr]
            poller.poke()
        await world.live(2)
        fulfill(world, order_id)
        world.daemon.pollers[1].poke()  # type: ignore[union-attr]
        await world.live(10)
        shipped = [call.at_ms - begun_ms for call in world.tiktok.called("packages.mark_shipped", effective=True)]
        assert len(shipped) == 1
        assert shipped[0] < 12_000
        assert units_shipped(world, order_id) == {ups(order_id): ["SKU-A", "SKU-B"]}
        await world.live(HOUR + 30 * MINUTE)
        assert {status(world, one) for one in orders} == {"readyForFulfillment"}
        assert writes(world)["orders.create"] == 21
        assert opened(world) == {}
        assert differences(world) == []

    play(story)


def test_x2_429_on_pipe17s_creates_delays_no_tracking() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = await released(world, "SKU-A")
        begun_ms = world.truth.now_ms()
        world.faults["pipe17"].add(
            Fault(FaultKind.RATE_LIMIT, "orders.*", times=None, until_ms=begun_ms + 60_000, retry_after="60")
        )
        orders = [world.tiktok.place_order(["SKU-A"]) for _ in range(30)]
        fulfill(world, order_id)
        await world.live(75)
        (call,) = world.tiktok.called("packages.mark_shipped")
        assert call.at_ms - begun_ms < 65_000
        await world.live(2 * HOUR)
        assert {status(world, one) for one in orders} == {"readyForFulfillment"}
        assert differences(world) == []

    play(story)


# --- X3 ---------------------------------------------------------------------------------------------------------------


def _receiver(world: World) -> Receiver:
    keys = AppKeys(world.tiktok.options.app_key, Secret(world.tiktok.options.app_secret))
    assert world.daemon is not None
    return Receiver(world.daemon, keys, Metrics(StoreSnapshot))


def _subscribe(world: World) -> None:
    world.tiktok.options.app_webhook_url = "https://hooks.example.test/webhooks/tiktok"
    assert ORDER_EVENTS


async def _deliver(world: World, seconds: float) -> list[int]:
    """Carry webhooks for a while; the statuses answered."""
    answers: list[int] = []
    end_s = world.loop.time() + seconds
    while world.loop.time() < end_s:
        for delivery in world.tiktok.deliveries_due(world.truth.now_ms()):
            answers.append(await _receiver(world).receive(delivery.headers, delivery.body))
            world.tiktok.delivery_result(delivery.id, answers[-1] == 200)
        await world.live(0.25)
    return answers


def test_x3_forged_401_valid_200_once_and_read_at_once() -> None:
    async def story(world: World) -> None:
        _subscribe(world)
        await world.start()
        await world.live(70)
        order_id = world.tiktok.place_order(["SKU-A"])
        (delivery,) = world.tiktok.deliveries_due(world.truth.now_ms())
        receiver = _receiver(world)
        for headers in (
            {},
            {"authorization": "0" * 64},
            {"authorization": delivery.headers["authorization"][:-1] + "x"},
        ):
            assert await receiver.receive(headers, delivery.body) == 401
        assert await receiver.receive(delivery.headers, delivery.body + b" ") == 401
        assert sql(world, "SELECT 1 FROM hints") == []
        assert [await receiver.receive(delivery.headers, delivery.body) for _ in range(3)] == [200] * 3
        assert len(sql(world, "SELECT 1 FROM hints")) == 1
        details = len(world.tiktok.called("orders.detail"))
        await world.live(3)
        assert status(world, order_id) == "onHold"
        assert len(world.tiktok.called("orders.detail")) - details <= 2
        assert writes(world)["orders.create"] == 1

    play(story, settings={"ORDERS_EVERY": "1h"})


@pytest.mark.parametrize("chaos", [False, True])
def test_x3_webhooks_alone_carry_an_order_through_its_life(chaos: bool) -> None:
    """Doubled and overtaking deliveries; the poll comes once in three hours."""

    async def story(world: World) -> None:
        _subscribe(world)
        await world.start()
        await world.live(10)
        order_id = world.tiktok.place_order(["SKU-A"])
        assert set(await _deliver(world, 30)) == {200}
        assert status(world, order_id) == "onHold"
        world.tiktok.change_address(order_id, {"line1": "9 Hook Street"})
        gone = world.tiktok.place_order(["SKU-B"])
        await _deliver(world, 10)
        world.tiktok.cancel_order(gone)
        await _deliver(world, 30)
        assert status(world, gone) == "canceled"
        await world.live(HOUR)
        await _deliver(world, 30)
        assert status(world, order_id) == "readyForFulfillment"
        assert differences(world) == []

    options: TikTokOptions = shop(webhook_duplicates=0.8, webhook_jitter_ms=20_000) if chaos else shop()
    play(story, settings={"ORDERS_EVERY": "3h"}, tiktok=options)


def test_x3_a_store_that_does_not_answer_is_a_503_within_three_seconds() -> None:
    async def story(world: World) -> None:
        _subscribe(world)
        await world.start()
        await world.live(10)
        world.tiktok.place_order(["SKU-A"])
        (delivery,) = world.tiktok.deliveries_due(world.truth.now_ms())
        assert world.parts is not None
        receiver, begun_s = _receiver(world), world.loop.time()
        stuck = asyncio.Event()

        async def never(work: Any) -> Any:
            await stuck.wait()

        real = Database.write
        try:
            Database.write = lambda self, work: never(work)  # type: ignore[method-assign, assignment]
            assert await receiver.receive(delivery.headers, delivery.body) == 503
        finally:
            Database.write = real  # type: ignore[method-assign]
        assert world.loop.time() - begun_s < 3
        assert sql(world, "SELECT 1 FROM hints") == []
        world.tiktok.delivery_result(delivery.id, False)
        assert set(await _deliver(world, 130)) == {200}
        assert sql(world, "SELECT 1 FROM hints") != []

    play(story, settings={"ORDERS_EVERY": "1h"})


def test_x3_a_deauthorization_is_believed_only_after_asking() -> None:
    async def story(world: World) -> None:
        _subscribe(world)
        await world.start()
        await world.live(70)
        receiver = _receiver(world)
        doubting = asyncio.create_task(receiver.run())
        body = b'{"type":6,"tts_notification_id":"1","shop_id":"7495000000000000001","timestamp":1,"data":{}}'
        headers = {"authorization": webhook_sign(world.tiktok.options, body)}
        assert await receiver.receive(headers, body) == 200
        await world.live(70)
        assert not doubting.done() or doubting.exception() is None
        doubting.cancel()
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(2 * MINUTE)
        assert status(world, order_id) == "onHold"

    play(story)


# --- X4 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", ["US", "VN"])
@pytest.mark.parametrize("killed", [True, False])
def test_x4_down_for_20_hours_every_webhook_lost(killed: bool, market: str) -> None:
    """Everything that can happen to an order happens meanwhile; afterwards both sides agree and nothing went twice."""

    async def story(world: World) -> None:
        _subscribe(world)
        await world.start()
        carrier = "UPS" if market == "US" else "J&T Express"
        known = [world.tiktok.place_order(["SKU-A", "SKU-B"]) for _ in range(6)]
        shippable = await released(world, "SKU-A", "SKU-A")
        if killed:
            await world.kill()
        else:
            await world.stop()
        fulfill(world, shippable, None, carrier)
        world.tiktok.change_address(known[0], {"line1": "20 Downtime Drive"})
        world.tiktok.cancel_order(known[1])
        world.tiktok.remove_unit(known[2], world.tiktok.order(known[2]).units[0].id)
        fresh: list[str] = []
        for number in range(60):
            fresh.append(world.tiktok.place_order(["SKU-A"], paid=number % 10 != 0))
            await asyncio.sleep(19 * MINUTE)
            if number % 10 == 0:
                world.tiktok.pay(fresh[-1])
            if number % 7 == 0:
                world.tiktok.cancel_order(fresh[-1])
            for delivery in world.tiktok.deliveries_due(world.truth.now_ms()):
                world.tiktok.delivery_result(delivery.id, False)
        await asyncio.sleep(HOUR)
        for delivery in world.tiktok.deliveries_due(world.truth.now_ms()):
            world.tiktok.delivery_result(delivery.id, False)
        assert world.tiktok.webhooks.delivered == 0
        await world.start()
        await world.live(2.5 * HOUR)
        assert differences(world) == []
        assert status(world, known[1]) == "canceled"
        assert units_shipped(world, shippable) == {ups(shippable): ["SKU-A", "SKU-A"]}
        assert set(opened(world)) <= {"recall"}
        before = writes(world)
        await world.stop()
        await world.start()
        await world.live(20 * MINUTE)
        assert writes(world) == before

    play(story, tiktok=shop(market))


@pytest.mark.parametrize("side", ["tiktok", "pipe17"])
def test_x4_one_side_is_down_for_hours(side: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        first = await released(world, "SKU-A")
        begun_ms = world.truth.now_ms()
        world.faults[side].add(Fault(FaultKind.UNAVAILABLE, "*", times=None, until_ms=begun_ms + 6 * 3_600_000))
        made = fulfill(world, first)
        for _ in range(6):
            world.tiktok.place_order(["SKU-A"])
            await world.live(HOUR)
        await world.live(1.5 * HOUR)
        assert differences(world) == []
        assert opened(world) == {}
        assert writes(world)["orders.create"] == 7
        lines = sql(world, "SELECT key, count(*) FROM journal GROUP BY key")
        assert made in dict(lines)
        # hours of failing leave a timeline that a person can read
        assert max(count for _, count in lines) < 25

    play(story)


# --- X7 ---------------------------------------------------------------------------------------------------------------


def test_x7_the_second_daemon_on_one_store_is_refused_and_the_first_goes_on() -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(10)
        for _ in range(2):
            with pytest.raises(StoreLocked):
                await Database.open(world.store, inline=True)
        order_id = world.tiktok.place_order(["SKU-A"])
        await world.live(2 * MINUTE)
        assert status(world, order_id) == "onHold"
        await world.stop()
        again = await Database.open(world.store, inline=True)
        await again.aclose()
        await world.start()
        await world.live(MINUTE)
        await world.kill()
        await world.start()

    play(story)


# --- X8 ---------------------------------------------------------------------------------------------------------------

CANARIES = {
    "app_key": "canaryappkey77",
    "app_secret": "canarysecret5ad1f09b7c3e8842",
    "api_key": "canarypipe17key4477aa90bd",
    "first_name": "Zephyrinka",
    "last_name": "Quastelburgh",
    "phone": "(+1)4155550177",
    "line1": "4711 Marmaladengasse",
    "line2": "Turmzimmer Siebzehn",
    "city": "Krokodilhausen",
    "postal_code": "98765",
    "email": "zephyrinka.canary@scs2.tiktok.test",
    "note": "Bitte leise klopfen, Drachenhund",
}
WORDS = (
    "canaryappkey77",
    "canarysecret",
    "canarypipe17key",
    "ephyrinka",
    "uastelburgh",
    "5550177",
    "armaladengasse",
    "urmzimmer",
    "rokodilhausen",
    "98765",
    "zephyrinka.canary",
    "rachenhund",
    "sim-access",
    "sim-refresh",
    "SIMCODE_",
    "ROW_c2lt",
)


@contextmanager
def _everything_logged() -> Iterator[io.StringIO]:
    """Every line that any logger of ours writes, at DEBUG and before the redactor could save it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_WithEverything())
    root, ours = logging.getLogger(), logging.getLogger("daemon")
    level, own_level, disabled = root.level, ours.level, logging.root.manager.disable
    logging.disable(logging.NOTSET)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        ours.setLevel(own_level)
        logging.disable(disabled)


class _WithEverything(logging.Formatter):
    """The message, all extra members, and the whole traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} {vars(record)}"


def _names_what(text: str) -> list[str]:
    return [word for word in WORDS if word.lower() in text.lower()]


@contextmanager
def _every_error() -> Iterator[list[str]]:
    """The text of every ApiError that is made."""
    texts: list[str] = []
    real = ApiError.__init__

    def noted(self: ApiError, *args: Any, **members: Any) -> None:
        real(self, *args, **members)
        texts.append(f"{self} {self!r} {vars(self)}")

    ApiError.__init__ = noted  # type: ignore[method-assign]
    try:
        yield texts
    finally:
        ApiError.__init__ = real  # type: ignore[method-assign]


def _echo(world: World) -> None:
    """Refusals that repeat what we sent and hold: the vendors' messages are free text."""
    sentence = " ".join(CANARIES.values())
    for side, operation, code in (
        ("pipe17", "orders.create", 0),
        ("pipe17", "orders.update", 0),
        ("tiktok", "packages.mark_shipped", 21011022),
        ("tiktok", "packages.mark_shipped", 36009004),
        ("tiktok", "orders.search", 36009004),
        ("tiktok", "orders.detail", 98001004),
        ("tiktok", "token.refresh", 36004004),
        ("pipe17", "fulfillments.list", 0),
    ):
        world.faults[side].add(
            Fault(
                FaultKind.REFUSE,
                operation,
                times=1,
                skip=1,
                status=400,
                code=code,
                message=f"Invalid value: {sentence}",
            )
        )


def test_x8_nothing_secret_or_personal_gets_out() -> None:
    async def story(world: World) -> None:
        address = {name: CANARIES[name] for name in ("first_name", "last_name", "phone", "line1", "line2", "city")}
        metrics = Metrics(StoreSnapshot)
        world.observed = metrics  # type: ignore[assignment]
        _echo(world)
        await world.start()
        orders = [
            world.tiktok.place_order(
                ["SKU-A", "SKU-B"],
                address=address | {"postal_code": CANARIES["postal_code"]},
                buyer_message=f"{CANARIES['note']} {CANARIES['email']}",
            )
            for _ in range(4)
        ]
        await world.live(30 * MINUTE)
        world.tiktok.change_address(orders[0], address | {"line1": f"{CANARIES['line1']} 2"})
        world.crash_at = ("answer", 5)
        await world.live(45 * MINUTE)
        for order_id in orders[:3]:
            if world.pipe17.order_of(order_id) and world.pipe17.shipments_of(order_id):
                fulfill(world, order_id, None, CANARIES["last_name"], f"{ups(order_id)}")
        world.tiktok.change_address(orders[3], address | {"line1": f"{CANARIES['line1']} 3"})
        for kind in (FaultKind.GARBAGE, FaultKind.TRUNCATED, FaultKind.NULL_DATA, FaultKind.LOST_ANSWER):
            for side in ("tiktok", "pipe17"):
                world.faults[side].add(Fault(kind, "*", times=4, probability=0.5))
        await world.live(30 * MINUTE)
        world.tiktok.expire_access_tokens()
        await world.live(5 * MINUTE)
        world.tiktok.revoke_grant()
        await world.live(5 * MINUTE)
        assert world.parts is not None
        with pytest.raises(ApiError):
            await world.parts.tiktok.keeper.exchange("SIMCODE_wrong")
        await world.parts.tiktok.keeper.exchange(world.tiktok.issue_code())
        await world.live(30 * MINUTE)
        shown = await asyncio.to_thread(asyncio.run, _reports(world, orders))
        seen.append(shown + metrics.exposition().decode())
        assert any(order_id in shown for order_id in orders)
        # the canaries are where they belong, so their absence elsewhere says something
        assert any(CANARIES["line1"] in str(world.pipe17.order_of(order_id)) for order_id in orders)

    seen: list[str] = []
    options = shop(app_key=CANARIES["app_key"], app_secret=CANARIES["app_secret"])
    with _everything_logged() as log, _every_error() as errors:
        play(story, tiktok=options, pipe17=Pipe17Options(api_key=CANARIES["api_key"]))
    assert errors
    assert log.getvalue()
    assert _names_what(seen[0]) == []
    assert [text for text in errors if _names_what(text)] == []
    assert [line for line in log.getvalue().splitlines() if _names_what(line)] == []


async def _reports(world: World, orders: list[str]) -> str:
    reader = await Reader.open(world.store)
    try:
        found: list[Any] = [
            await reports.status(reader, world.truth.now_ms()),
            await reports.backlog(reader, 1_000),
            await reports.exceptions(reader, 1_000),
            *[await reports.trace(reader, order_id) for order_id in orders],
        ]
    finally:
        await reader.aclose()
    return repr(found)
