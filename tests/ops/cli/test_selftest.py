"""S46: `selftest` goes the whole way through both sides, names the step that is broken, and cleans up."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.ops.cli.selftest import WAIT_S
from daemon.ops.selftest.hands import SandboxHands
from daemon.ops.selftest.steps import Run, Step
from daemon.sandbox.faults import Fault, FaultKind

Command = Callable[..., Any]
ORDER_STEPS = ["sides", "product", "inventory", "order", "routing", "fulfilment", "clean-up"]


@pytest.fixture
def granted(house: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both sides, with a grant in the environment."""
    monkeypatch.setenv("TIKTOK_REFRESH_TOKEN", house.tiktok.tokens()["refresh_token"])
    monkeypatch.setenv("INVENTORY_EVERY", "1s")
    house.pipe17.options.routing_after_ms = 0
    return house


def test_a_flow_that_is_switched_off_is_skipped_and_says_so(
    granted: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODUCTS", "off")
    ran = command("selftest", "--json")
    assert ran.status == 0, ran.out
    found = steps(ran)
    assert [found[name]["outcome"] for name in ("product", "inventory", "order")] == ["skipped", "skipped", "ok"]
    assert "products" in found["product"]["text"]


def impatient(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """`--wait` is for the step that will not come about; the others have all the time that a busy machine needs."""
    real = Run._one

    async def one(self: Run, name: str, work: Any) -> Step:
        given = self.wait_s
        self.wait_s = given if name == broken else WAIT_S
        try:
            return await real(self, name, work)
        finally:
            self.wait_s = given

    monkeypatch.setattr(Run, "_one", one)


def steps(ran: Any) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in ran.json["steps"]}


def test_every_step_is_well_and_nothing_is_left_open(granted: Any, command: Command) -> None:
    ran = command("selftest", "--json")
    assert ran.status == 0, ran.out
    assert ran.json["ok"] is True
    assert ran.json["broken"] is None
    assert ran.json["daemon"] == "stopped"
    assert ran.json["sandbox"] == granted.served.tiktok_url
    found = steps(ran)
    assert list(found) == ORDER_STEPS
    (order,) = granted.tiktok.book.orders.values()
    there = granted.pipe17.order_of(order.id)
    assert found["order"]["ids"] == {"tiktok": order.id, "pipe17": there["orderId"]}
    (package,) = granted.tiktok.book.packages.values()
    assert found["fulfilment"]["ids"]["tracking"] == package.tracking_number
    assert all(isinstance(step["ms"], int) for step in found.values())
    assert order.status == "COMPLETED", "cleaned up: nothing waits to be shipped"
    assert [found[name]["outcome"] for name in ORDER_STEPS if name != "inventory"] == ["ok"] * 6
    assert (
        granted.pipe17.keeper.product_of(found["product"]["ids"]["sku"])["productId"]
        == found["product"]["ids"]["pipe17"]
    )


@pytest.mark.parametrize(("at_tiktok", "outcome"), [(17, "ok"), (16, "broken")])
def test_the_level_of_pipe17_must_be_the_one_at_tiktok(
    at_tiktok: int, outcome: str, granted: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def changed(self: SandboxHands, sku: str) -> int:
        granted.tiktok.seller.set_stock(sku, at_tiktok)  # as the flow would, or wrongly
        return 17

    monkeypatch.setattr(SandboxHands, "change_stock", changed)
    monkeypatch.setattr("daemon.ops.selftest.steps.Run.needs", lambda run, flow: None)
    monkeypatch.setenv("INVENTORY", "off")  # the flow itself would put it right
    impatient(monkeypatch, "inventory" if outcome == "broken" else "")
    ran = command("selftest", "--json", "--wait", "1")
    assert steps(ran)["inventory"]["outcome"] == outcome
    assert ran.status == (0 if outcome == "ok" else 1)


def test_for_people_it_is_one_line_a_step(granted: Any, command: Command) -> None:
    ran = command("selftest")
    assert ran.status == 0, ran.out
    lines = ran.out.splitlines()
    (line,) = [line for line in lines if line.startswith("ok       order ")]
    assert " ms " in line
    assert "tiktok 5764" in line
    assert lines[-1] == "every step is well"


@pytest.mark.parametrize(
    ("side", "operation", "broken"),
    [
        ("pipe17", "orders.create", "order"),
        ("pipe17", "shipments.list", "routing"),
        ("tiktok", "packages.mark_shipped", "fulfilment"),
    ],
)
def test_a_broken_step_is_named_and_ends_the_test(
    side: str, operation: str, broken: str, granted: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODUCTS", "off")
    impatient(monkeypatch, broken)
    getattr(granted, side).faults.add(Fault(FaultKind.UNAVAILABLE, operation, times=None))
    ran = command("selftest", "--json", "--wait", "1")
    assert ran.status == 1
    assert ran.json["broken"] == broken
    found = steps(ran)
    assert list(found)[-2:] == [broken, "clean-up"]
    assert "after 1 s" in found[broken]["text"]
    (order,) = granted.tiktok.book.orders.values()
    assert order.status == "CANCELLED", "cleaned up: the order is not left to be shipped"


def test_a_side_that_does_not_let_us_in_is_the_broken_step(
    granted: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPE17_API_KEY", "wrong-key-of-somebody")
    ran = command("selftest", "--json")
    assert ran.status == 1
    assert ran.json["broken"] == "sides"
    assert granted.tiktok.book.orders == {}, "nothing is placed that nobody could take in"


def test_an_order_on_hold_says_when_to_come_again(
    granted: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODUCTS", "off")
    order_id = granted.tiktok.place_order(("SKU-A",))
    other = granted.tiktok.place_order(("SKU-B",))
    impatient(monkeypatch, "routing")
    ran = command("selftest", "--json", "--wait", "1", "--order", order_id)
    assert ran.status == 1
    assert ran.json["broken"] == "routing"
    assert f"--order {order_id}" in steps(ran)["routing"]["text"]
    assert {granted.tiktok.order(one).status for one in (order_id, other)} == {"ON_HOLD"}, "neither is ours to cancel"


def test_the_real_sides_are_never_asked_whether_they_are_a_sandbox(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("daemon.ops.selftest.hands.Control.services", lambda self: asked.append(self.address))
    monkeypatch.setenv("TIKTOK_REFRESH_TOKEN", "a-token-of-somebody")
    ran = command("selftest")
    assert ran.status == 1
    assert "no daemon runs" in ran.err
    assert asked == []


def test_a_sandbox_that_is_named_but_not_configured_is_refused(command: Command) -> None:
    ran = command("selftest", "--sandbox", "http://127.0.0.1:1")
    assert ran.status == 1
    assert "real side" in ran.err


def test_nothing_is_placed_when_only_one_side_is_simulated(
    granted: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPE17_API_URL", "https://api-v3.pipe17.com/api/v3")
    ran = command("selftest")
    assert ran.status == 1
    assert granted.tiktok.book.orders == {}


@pytest.fixture
def daemon(granted: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A running daemon on the store of the environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("CONNECTOR_LISTEN", f"127.0.0.1:{port}")
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "run", "--json"], stderr=subprocess.DEVNULL, text=True, env=dict(os.environ)
    )
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def test_a_running_daemon_is_tested_as_it_runs(
    daemon: subprocess.Popen[str], granted: Any, command: Command, environment: Path
) -> None:
    ran = command("selftest", "--json")
    assert ran.status == 0, ran.out
    assert ran.json["daemon"] == "running"
    assert daemon.poll() is None
    assert [order.status for order in granted.tiktok.book.orders.values()] == ["COMPLETED"]
    assert environment.exists()
