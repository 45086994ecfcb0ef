"""`tiktok-pipe17 demo`: both simulated services, the real daemon between them, and a shop's day in under a minute.

The services run in this process on loopback ports, the daemon is a process of its own (`demo_process.py`) that finds
TikTok, Pipe17 and nothing else in its settings. The day (`demo_day.py`) is one with held, edited and cancelled orders,
partial shipments, stock that moves, 429s, outages, lost answers, lost and doubled webhooks and a kill -9. When
everything has settled, or after `LIMIT_S`, both sides are compared (`demo_verdict.py`).

Everything it makes lies in one temporary folder and goes with it: at the end, on Ctrl-C and when something fails.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from daemon.clock import SystemClock
from daemon.sandbox.compare import Difference
from daemon.sandbox.compare_goods import Shelves
from daemon.sandbox.demo_catalogue import SKUS, DemoCatalogue
from daemon.sandbox.demo_day import HOLD, MINUTE_S, Day, Fate
from daemon.sandbox.demo_process import DaemonFailed, DaemonProcess, free_port
from daemon.sandbox.demo_screen import Look, Screen, intro, look, summary
from daemon.sandbox.demo_verdict import Played, Verdict, judge, sides
from daemon.sandbox.pipe17 import Pipe17Options, Pipe17Sandbox
from daemon.sandbox.serve import Served, serve_sandbox
from daemon.sandbox.tiktok import TikTokOptions, TikTokSandbox

LIMIT_S = 75.0
"""From the first order: whatever has not settled by then counts as it is."""
SETTLED_S = 1.0
"""How long both sides must agree with nothing owed."""
STUCK_S = 8.0
"""Nothing owed and nothing written for so long: differences that are left will stay."""
DOWN_MINUTES = 5
KILL_WITHIN_S = 4.0
LOOK_EVERY_S = 0.1
ASK_EVERY_S = 1.0
BUSY = ("ready", "sending", "unknown")
WRITES = frozenset({"orders.create", "orders.update", "packages.mark_shipped", "inventory.update", "messages.send"})
MESSAGE = "Thank you for order {order_id}! It leaves as soon as it is packed."


@dataclass(frozen=True, slots=True)
class Result:
    """How it went, and how long it took from the first order on."""

    verdict: Verdict
    seconds: float


class Demo:
    """One demo on one folder."""

    def __init__(self, folder: Path, *, orders: int, seed: int, screen: Screen) -> None:
        hold = timedelta(minutes=HOLD) * (MINUTE_S / 60)
        clock = SystemClock()
        self.hold = hold
        self.tiktok = TikTokSandbox(clock, random.Random(f"tiktok-{seed}"), None, _shop(hold))
        self.pipe17 = Pipe17Sandbox(clock, random.Random(f"pipe17-{seed}"), None, _organisation())
        self.daemon: DaemonProcess | None = None
        self.served: Served | None = None
        self.catalogue = DemoCatalogue(self.tiktok, self.pipe17, orders=orders, seed=seed)
        self.shelves = Shelves(self.tiktok, self.pipe17, self.catalogue.map)
        self.catalogue.moved = self.shelves.look
        kill = self._kill_and_restart
        self.day = Day(self.tiktok, self.pipe17, self.catalogue, orders=orders, seed=seed, kill_and_restart=kill)
        self._folder = folder
        self._screen = screen
        self._backlog: Mapping[tuple[str, str], int] | None = None
        self._down = False

    async def run(self, *, stay: bool) -> Result:
        """The whole of it. Raises `DaemonFailed`."""
        loop = asyncio.get_running_loop()
        self.catalogue.open()
        self.served = await serve_sandbox(self.tiktok, self.pipe17)
        try:
            self.daemon = DaemonProcess(self._folder, self._settings(self.served))
            await self.daemon.start()
            begun_s = loop.time()
            in_time = await self._play()
            verdict = judge(self._played())
            if not in_time:
                verdict.differences.append(
                    Difference("unsettled", "", f"not everything was over after {LIMIT_S:.0f} s")
                )
            result = Result(verdict, loop.time() - begun_s)
            self._screen.say(summary(verdict, result.seconds))
            if stay:
                await self._stay()
            return result
        finally:
            if self.daemon:
                await self.daemon.aclose()
            await self.served.aclose()

    async def _play(self) -> bool:
        """The day until all has settled; False when it ran out of time."""
        day = asyncio.create_task(self._live(), name="day")
        watch = asyncio.create_task(self._watch(), name="watch")
        try:
            done, _ = await asyncio.wait({day, watch}, timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return bool(done)
        except ExceptionGroup as problems:
            raise _first(problems) from None
        finally:
            for task in (day, watch):
                task.cancel()
            await asyncio.gather(day, watch, return_exceptions=True)

    async def _live(self) -> None:
        await self.day.live()
        self.day.happened("the last parcel has left; everything settles")
        await self._settle()

    async def _settle(self) -> None:
        """Until both sides agree and nothing is owed, or nothing moves any more."""
        loop = asyncio.get_running_loop()
        agreed_s = moved_s = loop.time()
        written = -1
        while loop.time() - agreed_s < SETTLED_S and loop.time() - moved_s < STUCK_S:
            owed = self._backlog
            busy = owed is None or any(count and state in BUSY for (_, state), count in owed.items())
            writes = sum(call.operation in WRITES for call in (*self.tiktok.calls, *self.pipe17.calls))
            if busy or writes != written:
                written, moved_s = writes, loop.time()
            if busy or sides(self._played()):
                agreed_s = loop.time()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _watch(self) -> None:
        """Show how it goes; raises `DaemonFailed` when the daemon ends by itself."""
        loop = asyncio.get_running_loop()
        ask_s = loop.time()
        daemon = self._daemon()
        while True:
            if not self._down:
                daemon.check()
            if loop.time() >= ask_s:
                ask_s = loop.time() + ASK_EVERY_S
                self._backlog = None if self._down else await daemon.backlog()
            self.shelves.look()
            self._screen.show(self.day, self._look, loop.time())
            await asyncio.sleep(LOOK_EVERY_S)

    async def _kill_and_restart(self) -> None:
        """SIGKILL right after Pipe17 has taken a release and before the daemon knows; then down for a while."""
        daemon, served = self._daemon(), self.served
        assert served is not None, "the services are up"
        self._down, self._backlog = True, None
        daemon.expect_kill()
        served.control.kills.arm(self.pipe17, pid=daemon.pid, operation="orders.update", nth=1, when="after")
        if not await daemon.ended(KILL_WITHIN_S):
            served.control.kills.disarm()
            await daemon.kill()
        self.day.happened("the daemon is dead")
        await asyncio.sleep(DOWN_MINUTES * MINUTE_S)
        self.day.happened("the daemon starts again on its store")
        await daemon.start()
        self._down = False
        self.day.happened("the daemon is ready again")

    def _look(self) -> Look:
        return look(self.day, self.tiktok, self.pipe17, self.shelves, self._backlog)

    def _played(self) -> Played:
        return Played(self.tiktok, self.pipe17, self.day.diary, self.hold, self.shelves, self.catalogue.moves, MESSAGE)

    def _daemon(self) -> DaemonProcess:
        assert self.daemon is not None, "the daemon was started"
        return self.daemon

    def _settings(self, served: Served) -> dict[str, str]:
        port = free_port()
        return {
            "TIKTOK_APP_KEY": self.tiktok.options.app_key,
            "TIKTOK_APP_SECRET": self.tiktok.options.app_secret,
            "TIKTOK_REFRESH_TOKEN": str(self.tiktok.tokens()["refresh_token"]),
            "TIKTOK_API_URL": served.tiktok_url,
            "TIKTOK_AUTH_URL": served.tiktok_url,
            "TIKTOK_REQUESTS_PER_SECOND": "150",
            "PIPE17_API_KEY": self.pipe17.options.api_key,
            "PIPE17_API_URL": f"{served.pipe17_url}{self.pipe17.options.base_path}",
            "PIPE17_REQUESTS_PER_SECOND": "100",
            "PIPE17_INTEGRATION_ID": self.pipe17.options.integration,
            "CONNECTOR_LISTEN": f"127.0.0.1:{port}",
            "CONNECTOR_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ORDERS_HOLD": f"{self.hold.total_seconds():.0f}s",
            "ORDERS_EVERY": "1s",
            "FULFILLMENTS_EVERY": "1s",
            "INVENTORY_EVERY": "1s",
            "PRODUCTS_EVERY": "2s",
            "LOCATIONS_EVERY": "5s",
            "INVENTORY_LOCATION_MAP": ",".join(":".join(pair) for pair in self.catalogue.map.items()),
            "ORDERS_MESSAGE": MESSAGE,
            "ORDERS_SEND_ORDER_CARD": "true",
            "FULFILLMENTS_FALLBACK_CARRIER": "USPS",
        }

    async def _stay(self) -> None:
        """Until Ctrl-C, or until the daemon ends by itself."""
        served, daemon = self.served, self._daemon()
        assert served is not None, "the services are up"
        command = "tiktok-pipe17" if shutil.which("tiktok-pipe17") else f"{sys.executable} -m daemon"
        with_file = f"env -i {command} --env-file {daemon.env_file}"
        known = self.day.diary.with_fate(Fate.EDITED) or list(self.day.diary.fates)
        place = f"{served.tiktok_url}/_sandbox/tiktok/actions/place_order"
        lines = [
            "",
            "Everything stays up until Ctrl-C:",
            f"  status page    {daemon.url}/",
            f"  metrics        {daemon.url}/metrics",
            f"  its log        {daemon.log_file}",
            f"  what is owed   {with_file} status",
            f"  one order      {with_file} trace {known[0] if known else 'ID'}",
            f"  TikTok         {served.tiktok_url}/_sandbox/tiktok/state",
            f"  Pipe17         {served.pipe17_url}/_sandbox/pipe17/state",
            f'  one more order curl -X POST {place} -d \'{{"skus": ["{SKUS[0]}"]}}\'',
        ]
        self._screen.say("\n".join(lines))
        with suppress(asyncio.CancelledError):
            while True:
                daemon.check()
                await asyncio.sleep(ASK_EVERY_S)


def run_demo(*, orders: int, seed: int, stay: bool, screen: Screen) -> Result:
    """Play it in a temporary folder. Raises `DaemonFailed`, and `CancelledError` on SIGTERM and SIGHUP."""
    screen.say(intro(orders, seed))
    with TemporaryDirectory(prefix="tiktok-pipe17-demo-") as folder:
        demo = Demo(Path(folder), orders=orders, seed=seed, screen=screen)

        async def play() -> Result:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            assert task is not None, "runs in a task"
            for one in (signal.SIGTERM, signal.SIGHUP):
                with suppress(ValueError, RuntimeError):  # not in the main thread: whoever runs us ends us
                    loop.add_signal_handler(one, task.cancel)
            return await demo.run(stay=stay)

        try:
            return asyncio.run(play())
        finally:
            if demo.daemon is not None:
                demo.daemon.kill_now()


def _shop(hold: timedelta) -> TikTokOptions:
    return TikTokOptions(
        hold_ms=hold // timedelta(milliseconds=1),
        index_lag_ms=1_000,
        scan_after_ms=3_000,
        requests_per_second=200,
        strict_webhook_address=False,
        webhook_duplicates=0.1,
        webhook_loss=0.1,
        webhook_jitter_ms=400,
    )


def _organisation() -> Pipe17Options:
    step_ms = round(MINUTE_S * 1000)
    return Pipe17Options(automation_after_ms=step_ms, routing_after_ms=step_ms, list_lag_ms=500)


def _first(problems: ExceptionGroup[Exception]) -> Exception:
    """The failure of the daemon if there is one, else whatever came first."""
    ours, others = problems.split(DaemonFailed)
    found: Exception = ours or others or problems
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found
