"""How the daemon is put together, starts and stops. Read this first.

    Parts     everything that has no loop: clients, flows, engine; built from settings by `assemble`
    Daemon    the loops, in one task group: timekeeper, a poller and a pusher per flow, hints, backfill, connections

Start: open the store under its lock, turn what was under way when the process last ended into look-ups, load tokens
and closures, start the loops. Nothing is scanned and nobody is called before the daemon is ready; a wrong key or a
revoked grant does not keep it from starting, it starts degraded and says so.

Stop: pollers end at once, pushers claim nothing more and give calls under way a moment, then the store is closed.
The four seams are arguments here (clock, randomness, transport, database): the simulation gives its own.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import anyio
import anyio.abc

from daemon.apis.http import Transport
from daemon.apis.pacing import CallObserver, Closure, Pacer
from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import TikTok
from daemon.apis.tiktok.grants import App
from daemon.clock import Clock
from daemon.core.orders import OrderRules
from daemon.core.tokens import Secret
from daemon.errors import ApiError
from daemon.flows import pauses
from daemon.flows.backfill import Backfill
from daemon.flows.connections import Connections, note_failure
from daemon.flows.engine import Engine, FlowObserver
from daemon.flows.flow import Flow
from daemon.flows.ownership import Ownership
from daemon.flows.poller import HintReader, Poller
from daemon.flows.pull_orders import PullOrders
from daemon.flows.push_fulfillments import PushFulfillments, ShippingRules
from daemon.flows.pusher import Pusher
from daemon.flows.upkeep import Upkeep
from daemon.settings import Settings
from daemon.settings.values import Since
from daemon.store import journal, outbox
from daemon.store.database import Database, Tx
from daemon.store.tokens import StoredTokens

log = logging.getLogger("daemon")

AUTHORIZATION_EVERY = timedelta(minutes=1)
"""How often the state of the grant is written down and a renewal that is due is made."""


class Observer(CallObserver, FlowObserver, Protocol):
    """Who counts: calls and flows."""


class StoredClosures:
    """`ThrottleMemory` over the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[Closure]:
        rows = await self._database.write(lambda tx: tx.all("throttles_all"))
        return [Closure(*row) for row in rows]

    async def save(self, system: str, operation: str, until_ms: int, strikes: int) -> None:
        await self._database.write(lambda tx: tx.run("throttle_save", (system, operation, until_ms, strikes)))


@dataclass(frozen=True, slots=True)
class Parts:
    """The daemon without its loops."""

    settings: Settings
    clock: Clock
    database: Database
    transport: Transport
    pacer: Pacer
    tiktok: TikTok
    pipe17: Pipe17
    engine: Engine
    ownership: Ownership
    flows: Sequence[tuple[Flow, str]]
    """Each flow with the system its source reads."""


def assemble(
    settings: Settings,
    *,
    clock: Clock,
    rng: random.Random,
    transport: Transport,
    database: Database,
    observer: Observer,
) -> Parts:
    """Build everything that `settings` asks for; calls nobody."""
    pacer = Pacer(clock=clock, rng=rng, observer=observer, memory=StoredClosures(database))
    pacer.budget("tiktok", per_second=float(settings.tiktok_requests_per_second), shared=False)
    pacer.budget("pipe17", per_second=float(settings.pipe17_requests_per_second), shared=True)
    tiktok, pipe17 = connect(settings, clock, transport, pacer, observer, database)
    connections = Connections(database, clock)
    connections.watch("tiktok", lambda: _probe_tiktok(tiktok), lambda: tiktok.keeper.missing_scopes)
    connections.watch("pipe17", pipe17.probe, lambda: pipe17.missing_grants)
    engine = Engine(database, clock, rng, observer, connections)
    ownership = Ownership(database, clock, settings.pipe17_integration_id)
    flows: list[tuple[Flow, str]] = []
    if settings.orders == "pull":
        orders = PullOrders(tiktok, pipe17, clock, order_rules(settings, clock), settings.orders_every, ownership)
        flows.append((orders, "tiktok"))
    if settings.fulfillments == "push":
        shipping = ShippingRules(
            hold=settings.orders_hold,
            carrier_map=dict(settings.fulfillments_carrier_map),
            fallback_carrier=settings.fulfillments_fallback_carrier,
            ship_despite_cancel=settings.orders_cancel_race == "ship",
            since_ms=since_ms(settings, clock),
            virtual_bundles=settings.orders_virtual_bundles,
        )
        every = settings.fulfillments_every
        fulfillments = PushFulfillments(tiktok, pipe17, clock, shipping, every, ownership, observer.carrier_fallback)
        flows.append((fulfillments, "pipe17"))
    return Parts(settings, clock, database, transport, pacer, tiktok, pipe17, engine, ownership, flows)


def connect(
    settings: Settings, clock: Clock, transport: Transport, pacer: Pacer, observer: CallObserver, database: Database
) -> tuple[TikTok, Pipe17]:
    """The two clients; calls nobody."""
    key = settings.connector_token_key
    first = settings.tiktok_refresh_token
    app = App(
        key=settings.tiktok_app_key.get_secret_value(),
        secret=Secret(settings.tiktok_app_secret.get_secret_value()),
        service_id=settings.tiktok_service_id,
        api_url=settings.tiktok_api_url,
        auth_url=settings.tiktok_auth_url,
        authorize_url=settings.tiktok_authorize_url,
        shop_id=settings.tiktok_shop_id,
        first_refresh_token=Secret(first.get_secret_value() if first else ""),
    )
    tokens = StoredTokens(database, clock, key.get_secret_value() if key else None)
    tiktok = TikTok.connect(app, transport=transport, pacer=pacer, clock=clock, observer=observer, memory=tokens)
    pipe17 = Pipe17.connect(
        base_url=settings.pipe17_api_url,
        key=Secret(settings.pipe17_api_key.get_secret_value()),
        transport=transport,
        pacer=pacer,
        clock=clock,
        observer=observer,
    )
    return tiktok, pipe17


def order_rules(settings: Settings, clock: Clock) -> OrderRules:
    """The settings that decide about orders."""
    return OrderRules(
        hold=settings.orders_hold,
        pull_on_hold=settings.orders_pull_on_hold,
        pull_shipped_by_platform=settings.orders_pull_shipped_by_platform,
        since_ms=since_ms(settings, clock),
        shop_id=settings.tiktok_shop_id,
        virtual_bundles=settings.orders_virtual_bundles,
    )


def since_ms(settings: Settings, clock: Clock) -> int | None:
    """ORDERS_SINCE as an instant; None where the first run starts with the present."""
    since = settings.orders_since
    return None if since is None or since == Since() else since.start_ms(clock.now_ms())


async def _probe_tiktok(tiktok: TikTok) -> None:
    await tiktok.authorized_shops()


class Daemon:
    """The loops over `parts`."""

    def __init__(self, parts: Parts) -> None:
        engine = parts.engine
        self.parts = parts
        self.pollers = [Poller(engine, flow, system) for flow, system in parts.flows]
        self.pushers = [Pusher(engine, flow) for flow, _ in parts.flows]
        self.hints = HintReader(engine, [flow for flow, _ in parts.flows])
        pulled = next((flow for flow, _ in parts.flows if isinstance(flow, PullOrders)), None)
        self.backfill = Backfill(engine, pulled) if pulled is not None else None
        self.upkeep = Upkeep(parts.database, parts.clock, parts.tiktok, parts.settings.connector_retention)
        self.started = False
        self._stopping = anyio.Event()

    @property
    def ready(self) -> bool:
        """Store open, first polls over, both sides let us in."""
        polled = all(poller.ran_once for poller in self.pollers)
        return self.started and polled and not self.parts.engine.connections.refused

    def stop(self) -> None:
        """Begin to stop; `run` returns when calls under way have ended."""
        self._stopping.set()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until `stop`. Reports started when every loop runs."""
        await self._recover()
        await self.parts.pacer.load()
        await self.parts.ownership.load()
        await pauses.load(self.parts.engine)
        async with anyio.create_task_group() as group:
            reading = anyio.CancelScope()
            group.start_soon(self._read, reading)
            async with anyio.create_task_group() as sending:
                for pusher in self.pushers:
                    sending.start_soon(pusher.run)
                self.started = True
                task_status.started()
                await self._stopping.wait()
                reading.cancel()
                for pusher in self.pushers:
                    pusher.stop()
            group.cancel_scope.cancel()
        await self.parts.tiktok.keeper.finish()

    async def _read(self, scope: anyio.CancelScope) -> None:
        """Everything that only takes in, and ends at once when the daemon stops."""
        engine = self.parts.engine
        with scope:
            async with anyio.create_task_group() as group:
                group.start_soon(engine.timekeeper.run)
                group.start_soon(engine.connections.run)
                group.start_soon(self.hints.run)
                group.start_soon(self.upkeep.run)
                if self.backfill is not None:
                    group.start_soon(self.backfill.run)
                for poller in self.pollers:
                    group.start_soon(poller.run)

    async def _recover(self) -> None:
        now_ms = self.parts.clock.now_ms()

        def work(tx: Tx) -> int:
            orphans = outbox.recover(tx)
            for flow, key, group in orphans:
                journal.note(tx, flow, key, group, "restart", "was under way when the daemon ended; looked up", now_ms)
            return len(orphans)

        orphans = await self.parts.database.write(work)
        if orphans:
            log.warning("%d calls were under way when the daemon last ended; they are looked up first", orphans)


async def check_grant(parts: Parts) -> str:
    """Try the grant once; "" when it works, else what a person must do."""
    try:
        await parts.tiktok.shop()
    except ApiError as error:
        await note_failure(parts.engine.connections, error)
        return str(error)
    return ""
