"""SIGKILL, SIGTERM and a second start over real sockets: whatever ends the daemon, nothing is lost and nothing doubled.

Every case has a daemon process, services and a folder of its own; the chosen ones run side by side in one loop, because
most of their time is spent waiting for holds and look-ups. The tests only look at how they ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from crash_house import House

from daemon.sandbox.demo_process import DaemonProcess, clean_environment, free_port
from daemon.sandbox.faults import Fault, FaultKind

pytestmark = pytest.mark.crash

AT_ONCE = 8
READS = ("orders.search", "orders.detail", "fulfillments.list")
WRITES = ("orders.create", "orders.update", "packages.mark_shipped")
POINTS = [(operation, 1, when) for operation in (*READS, *WRITES) for when in ("before", "after")]
POINTS += [(operation, 2, when) for operation in WRITES for when in ("before", "after")]

Case = Callable[[Path], Awaitable[None]]


async def undisturbed(folder: Path) -> None:
    """The run that all others are measured by."""
    house = House(folder)
    await house.open()
    try:
        await house.daemon.start()
        await house.live()
        house.must_be_once()
        assert sum(house.writes()["updates"].values()) == 3
        assert house.kills == 0
    finally:
        await house.aclose()


def killed(operation: str, nth: int, when: str) -> Case:
    async def case(folder: Path) -> None:
        house = House(folder)
        await house.open()
        try:
            await house.daemon.start()
            house.arm(operation, nth, when)
            await house.live()
            house.must_be_once()
            assert house.kills == 1
        finally:
            await house.aclose()

    return case


def killed_at_the_first_refresh(when: str) -> Case:
    async def case(folder: Path) -> None:
        house = House(folder, rotate=False)
        await house.open()
        try:
            await house.daemon.start(ready=False)
            house.arm("token.refresh", 1, when)
            await house.until_ready()
            assert house.kills == 1
            await house.live()
            house.must_be_once()
        finally:
            await house.aclose()

    return case


async def killed_while_renewing(folder: Path) -> None:
    """The pair in the store outlives a renewal whose answer died with the process."""
    house = House(folder, rotate=False)
    await house.open()
    try:
        await house.daemon.start()
        house.arm("token.refresh", 1, "after")
        house.tiktok.expire_access_tokens()
        await house.live()
        house.must_be_once()
        assert house.kills == 1
        assert house.tiktok.grants.refreshes == 3, "at the start, the one that was lost, and the one after it"
    finally:
        await house.aclose()


async def killed_while_a_token_rotates(folder: Path) -> None:
    """TikTok killed the old token and the new one died with the process: said, waited out, made good by a new grant."""
    house = House(folder)
    await house.open()
    try:
        await house.daemon.start()
        house.arm("token.refresh", 1, "after")
        house.tiktok.expire_access_tokens()
        scene = asyncio.create_task(house.live())
        await until(lambda: "refuses us" in "\n".join(house.daemon.log_tail(50)))
        assert house.daemon.returncode is None
        assert not house.pipe17.audit.creates
        code = house.tiktok.issue_code()
        connect = await command(house, "connect", "--code", code)
        assert connect[0] == 0, connect
        await scene
        house.must_be_once()
    finally:
        await house.aclose()


async def a_second_start(folder: Path) -> None:
    house = House(folder)
    await house.open()
    second = DaemonProcess(folder / "second", house.daemon.settings)
    try:
        await house.daemon.start()
        (folder / "second").mkdir()
        second.settings = {**house.daemon.settings, "CONNECTOR_LISTEN": f"127.0.0.1:{free_port()}"}
        second.expect_kill()
        await second.start(ready=False)
        assert await second.ended(15)
        assert second.returncode == 75
        said = "\n".join(second.log_tail())
        assert "Another daemon holds this store" in said
        assert "Traceback" not in said
        await house.live()
        house.must_be_once()
    finally:
        await second.aclose()
        await house.aclose()


async def sigterm_with_a_slow_call(folder: Path) -> None:
    """It ends in time with status 0; the call it could not wait for is looked up and not sent again."""
    house = House(folder)
    await house.open()
    try:
        await house.daemon.start()
        house.pipe17.faults.add(Fault(FaultKind.DELAY, "orders.create", times=3, delay_ms=60_000))
        scene = asyncio.create_task(house.live())
        await until(lambda: len(house.pipe17.called("orders.create")) == 3)
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        house.daemon.expect_kill()
        os.kill(house.daemon.pid, signal.SIGTERM)
        scene.cancel()
        assert await house.daemon.ended(20)
        assert loop.time() - begun_s < 20
        assert house.daemon.returncode == 0
        assert "Traceback" not in "\n".join(house.daemon.log_tail(100))
        await house.daemon.start()
        await house.go_on()
        house.must_be_once()
    finally:
        await house.aclose()


async def command(house: House, *words: str) -> tuple[int | None, str]:
    """One command of the command line on the house's settings."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daemon",
        "--env-file",
        str(house.daemon.env_file),
        *words,
        cwd=house.folder,
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110 (files and services know no events)
            await asyncio.sleep(0.05)


CASES: dict[str, Case] = {
    "sigterm with a slow call under way": sigterm_with_a_slow_call,
    "undisturbed": undisturbed,
    **{f"killed {when} {operation} {nth}": killed(operation, nth, when) for operation, nth, when in POINTS},
    **{f"killed {when} token.refresh 1": killed_at_the_first_refresh(when) for when in ("before", "after")},
    "killed while renewing": killed_while_renewing,
    "killed while a token rotates": killed_while_a_token_rotates,
    "a second start on the same store": a_second_start,
}


@pytest.fixture(scope="module")
def ended(request: pytest.FixtureRequest) -> Mapping[str, BaseException | None]:
    """How each chosen case ended."""
    chosen = [item.callspec.params["name"] for item in request.session.items if item.module is request.module]  # type: ignore[attr-defined]

    async def play(name: str, slots: asyncio.Semaphore) -> BaseException | None:
        async with slots:
            with tempfile.TemporaryDirectory(prefix="crash-") as folder:
                try:
                    await CASES[name](Path(folder))
                except BaseException as problem:
                    return problem
        return None

    async def all_of_them() -> list[BaseException | None]:
        slots = asyncio.Semaphore(AT_ONCE)
        return await asyncio.gather(*(play(name, slots) for name in chosen))

    return dict(zip(chosen, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_lost_and_nothing_doubled(name: str, ended: Mapping[str, BaseException | None]) -> None:
    problem = ended[name]
    if problem is not None:
        raise problem
