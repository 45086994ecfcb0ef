"""X8: canaries in every secret and in all that belongs to a buyer, and none of them where they must not be."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from daemon.errors import ApiError
from daemon.ops.metrics import Metrics, StoreSnapshot
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.store import reports
from daemon.store.reader import Reader
from daemon.store.trace import trace
from tests.scenarios.stage import (
    MINUTE,
    fulfill,
    play,
    shop,
    ups,
)
from tests.sim.world import World

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
                # a carrier's name is shown to people, so it is none of the canaries
                fulfill(world, order_id, None, "Snail Post", f"{ups(order_id)}")
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
            *[await trace(reader, order_id) for order_id in orders],
        ]
    finally:
        await reader.aclose()
    return repr(found)
