"""A simulated world: the real daemon between both simulated services, in virtual time, from one seed.

The daemon is the real one (`daemon.app`): its store is a real SQLite file, its clients build and sign real requests.
Only the four seams are ours: the clock, the randomness, the transport (which calls the services instead of a network,
waits, loses answers) and the database's writer (inline, so that virtual time cannot overtake it).

A crash is a real one as far as the daemon can tell: at a chosen commit or call everything of it stops, nothing more
reaches disk or network, and the next start finds what had been committed.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from daemon.apis.http import Request, Response, TransportError
from daemon.app import Daemon
from daemon.assembly import Parts, assemble
from daemon.sandbox.faults import Faults
from daemon.sandbox.pipe17 import Pipe17Options, Pipe17Sandbox
from daemon.sandbox.tiktok import TikTokOptions, TikTokSandbox
from daemon.sandbox.virtual_time import VirtualClock, VirtualLoop
from daemon.sandbox.wire import Call, Loss
from daemon.settings import load_settings
from daemon.store.database import Database

START_MS = 1_767_225_600_000
TIKTOK_URL = "https://tiktok.test"
FALLBACKS = {"US": "USPS", "GB": "Royal Mail"}
PIPE17_URL = "https://pipe17.test/api/v3"


class SimulatedCrash(BaseException):
    """The process is gone."""


class Observed:
    """Counts what the daemon reports, as its metrics would."""

    def __init__(self) -> None:
        self.records: Counter[tuple[str, str]] = Counter()
        self.runs: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.limited: Counter[str] = Counter()
        self.latencies: list[tuple[str, float]] = []
        self.fallbacks = 0

    def call_finished(self, system: str, operation: str, outcome: str, seconds: float) -> None:
        self.calls[system, operation, outcome] += 1

    def rate_limited(self, system: str, operation: str) -> None:
        self.limited[operation] += 1

    def waited(self, system: str, operation: str, seconds: float) -> None:
        return None

    def run_finished(self, flow: str, outcome: str) -> None:
        self.runs[flow, outcome] += 1

    def record(self, flow: str, outcome: str, count: int = 1) -> None:
        self.records[flow, outcome] += count

    def delivered(self, flow: str, seconds: float) -> None:
        self.latencies.append((flow, seconds))

    def carrier_fallback(self) -> None:
        self.fallbacks += 1


class SimTransport:
    """Carries requests to the simulated services, with a network's delays and losses."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def send(self, request: Request) -> Response:
        world = self._world
        await world.passing("call")
        target = urlsplit(request.url)
        service = world.tiktok if target.netloc == "tiktok.test" else world.pipe17
        call = Call(
            request.method,
            target.path,
            tuple(parse_qsl(target.query, keep_blank_values=True)),
            {name.lower(): value for name, value in request.headers.items()},
            request.body or b"",
        )
        there_s = world.network.uniform(0.005, 0.15)
        await asyncio.sleep(there_s)
        reply = service.handle(call)
        await world.passing("effect")
        back_s = world.network.uniform(0.005, 0.15) + reply.delay_ms / 1000
        if there_s + back_s > request.timeout_s:  # said in advance: a timer for every call is a tenth of a day's work
            await asyncio.sleep(request.timeout_s - there_s)
            raise TransportError("timeout", sent=True)
        await asyncio.sleep(back_s)
        if reply.loss is not Loss.NONE:
            raise TransportError("reset", sent=True)
        await world.passing("answer")
        return Response(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)

    async def aclose(self) -> None:
        return None


class CrashHook:
    """Counts commits, and ends the process around the chosen one.

    `commit` and `committed` are before and after any commit, `writing` and `written` around those alone that change
    something: a crash at one of the others leaves both disk and other side as the points around it do.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._changes = 0
        self._writes = False

    def before(self) -> None:
        assert self._world.parts is not None
        changes = self._world.parts.database._connection.total_changes
        self._writes, self._changes = changes > self._changes, changes
        self._world.pass_now("commit")
        if self._writes:
            self._world.pass_now("writing")

    def after(self) -> None:
        self._world.pass_now("committed")
        if self._writes:
            self._world.pass_now("written")


class World:
    """Both services, and at most one running daemon."""

    def __init__(
        self,
        loop: VirtualLoop,
        seed: int,
        *,
        tiktok: TikTokOptions | None = None,
        pipe17: Pipe17Options | None = None,
        settings: dict[str, str] | None = None,
        skew_ms: int = 0,
    ) -> None:
        self.loop = loop
        self.seed = seed
        self.rng = random.Random(f"world-{seed}")
        self.network = random.Random(f"network-{seed}")
        self.truth = VirtualClock(loop, START_MS)
        self.clock = VirtualClock(loop, START_MS, skew_ms)
        self.faults = {"tiktok": Faults(), "pipe17": Faults()}
        self.tiktok = TikTokSandbox(self.truth, random.Random(f"tiktok-{seed}"), self.faults["tiktok"], tiktok)
        self.pipe17 = Pipe17Sandbox(self.truth, random.Random(f"pipe17-{seed}"), self.faults["pipe17"], pipe17)
        self.observed = Observed()
        self._folder = tempfile.TemporaryDirectory(prefix="sim-", dir=_ram())
        self.store = Path(self._folder.name) / "connector.db"
        token = self.tiktok.tokens()
        self.settings = load_settings(
            {
                "TIKTOK_APP_KEY": self.tiktok.options.app_key,
                "TIKTOK_APP_SECRET": self.tiktok.options.app_secret,
                "TIKTOK_REFRESH_TOKEN": token["refresh_token"],
                "TIKTOK_API_URL": TIKTOK_URL,
                "TIKTOK_AUTH_URL": TIKTOK_URL,
                "PIPE17_API_KEY": self.pipe17.options.api_key,
                "PIPE17_API_URL": PIPE17_URL,
                "CONNECTOR_STORE_URL": f"sqlite:///{self.store}",
                "ORDERS_EVERY": "3m",
                "FULFILLMENTS_EVERY": "3m",
                "INVENTORY_EVERY": "3m",
                "FULFILLMENTS_FALLBACK_CARRIER": FALLBACKS.get(self.tiktok.options.region, "J&T Express"),
            }
            | (settings or {})
        )
        self.crash_at: tuple[str, int] | None = None
        self.crashes = 0
        self.daemon: Daemon | None = None
        self.parts: Parts | None = None
        self._passed: Counter[str] = Counter()
        self.idle_every = timedelta()
        """How often sources are read while a story only waits, for hours or days; zero: as the settings say."""
        self._dead = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        loop.set_exception_handler(self._unhandled)
        self.broken: list[str] = []

    # --- the process -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the daemon on the store as it is."""
        assert self._task is None, "a daemon runs already"
        self._dead = asyncio.Event()
        database = await Database.open(self.store, inline=True, durable=False, hook=CrashHook(self))
        self.parts = assemble(
            self.settings,
            clock=self.clock,
            rng=random.Random(f"jitter-{self.seed}-{self.crashes}"),
            transport=SimTransport(self),
            database=database,
            observer=self.observed,
        )
        self.daemon = Daemon(self.parts)
        self._task = asyncio.create_task(self.daemon.run(), name="daemon")

    async def stop(self) -> None:
        """A clean stop, as on SIGTERM."""
        assert self.daemon is not None
        assert self._task is not None
        assert self.parts is not None
        self.daemon.stop()
        await self._task
        await self.parts.database.aclose()
        self._task = None

    async def kill(self) -> None:
        """The process is gone, now."""
        assert self._task is not None
        assert self.parts is not None
        self._dead.set()
        self.crashes += 1
        self._task.cancel()
        with suppress(BaseException):
            await self._task
        self.parts.database.abandon()
        self._task = None

    def end(self) -> None:
        """The process ends here and now; `live` starts it again after a while."""
        self._dead.set()

    @property
    def running(self) -> bool:
        """Whether a daemon runs."""
        return self._task is not None

    async def live(self, seconds: float, *, restart_after_s: float = 30.0) -> None:
        """Let time pass; a daemon that crashes is started again after a while.

        Of a long time the beginning is idle (see `idle_every`): what follows finds the daemon at its own pace again.
        """
        slack_s = self.idle_every.total_seconds() + 60
        if self.idle_every and seconds > 2 * slack_s and self.crash_at is None and self.daemon is not None:
            pollers = [one for one in self.daemon.pollers if timedelta() < one.flow.every < self.idle_every]
            usual = [(poller.flow, poller.flow.every) for poller in pollers]
            for flow, _ in usual:
                flow.every = self.idle_every
            await self._live(seconds - slack_s, restart_after_s)
            for flow, every in usual:
                flow.every = every
            seconds = slack_s
        await self._live(seconds, restart_after_s)

    async def _live(self, seconds: float, restart_after_s: float) -> None:
        end_s = self.loop.time() + seconds
        while self.loop.time() < end_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(end_s - self.loop.time()):
                    await self._dead.wait()
            self._must_live()
            if self._dead.is_set() and self._task is not None:
                await self.kill()
                await asyncio.sleep(restart_after_s)
                await self.start()

    def _must_live(self) -> None:
        if self._task is not None and self._task.done() and not self._dead.is_set():
            self._task.result()
            raise AssertionError("the daemon ended by itself")

    # --- crash points ------------------------------------------------------------------------------------------------

    async def passing(self, point: str) -> None:
        """A call of the daemon passes a point where it may crash; a dead process never gets further."""
        if not self._dead.is_set():
            self._count(point)
        if self._dead.is_set():
            await asyncio.Event().wait()

    def pass_now(self, point: str) -> None:
        """The same for the writer, which cannot wait."""
        if not self._dead.is_set():
            self._count(point)
            if self._dead.is_set() and point in ("committed", "written"):
                raise SimulatedCrash
        if self._dead.is_set():
            raise SimulatedCrash

    def _count(self, point: str) -> None:
        self._passed[point] += 1
        if self.crash_at is not None:
            where, rest = self.crash_at
            if point == where:
                self.crash_at = (where, rest - 1) if rest > 1 else None
                if self.crash_at is None:
                    self._dead.set()

    @property
    def passed(self) -> Counter[str]:
        """How often each kind of point was passed."""
        return self._passed

    # --- housekeeping ------------------------------------------------------------------------------------------------

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        left_by_a_crash = self.crashes and str(context.get("message")).startswith("Task was destroyed")
        if not isinstance(context.get("exception"), SimulatedCrash) and not left_by_a_crash:
            self.broken.append(str(context.get("exception") or context.get("message")))

    async def aclose(self) -> None:
        """End everything and delete the store."""
        if self._task is not None:
            await self.kill()
        self._folder.cleanup()


def _ram() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
