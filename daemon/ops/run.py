"""`tiktok-pipe17 run`: from settings to a running daemon, and back to an exit code.

    0    stopped as asked
    1    an error of our own ended it; the log says where
    75   the store is in use by another daemon (EX_TEMPFAIL: trying again later may help)
    78   the settings, the address or the store cannot be used as they are (EX_CONFIG: a person must act)

Order of the start: log, store under its lock, the listening socket, the loops, the web server, READY. Nobody is called
before READY, so a wrong key, a revoked grant or a dead network never keeps the daemon from starting.

SIGTERM and SIGINT stop it: pollers at once, calls under way get a moment, then the store is closed; a second one ends
it without waiting, which loses nothing (what was under way is looked up after the next start). SIGHUP reads all sources
now.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import anyio
import anyio.abc

from daemon import __version__
from daemon.apis.http import HttpxTransport, Transport
from daemon.app import Daemon
from daemon.assembly import Parts, assemble, follow_up_rules
from daemon.clock import Clock, SystemClock
from daemon.core.tokens import Secret
from daemon.errors import ConnectorError, StoreError, StoreLocked
from daemon.ops import calendar
from daemon.ops.calendar import CHECKPOINT_AT, Job
from daemon.ops.listener import WebServer, bind
from daemon.ops.logs import configure
from daemon.ops.metrics import Metrics
from daemon.ops.pipe17_registration import open_hooks
from daemon.ops.pulse import Pulse
from daemon.ops.redact import Redactor
from daemon.ops.status_page import StatusPage
from daemon.ops.systemd import Notifier
from daemon.ops.web import Site, Snapshots, build, not_ready
from daemon.ops.web_api import Api
from daemon.ops.webhooks import AppKeys, Receiver, Registration
from daemon.settings import Settings, planned_in_use
from daemon.settings.values import Listen
from daemon.store.database import Database
from daemon.store.reader import Reader

log = logging.getLogger("daemon")

EXIT_OK, EXIT_BROKE, EXIT_LOCKED, EXIT_CONFIG = 0, 1, 75, 78

STOP_WITHIN = timedelta(seconds=16)
"""From the first signal until what is still running is cut off; closing takes another second or two."""
CLOSE_WITHIN_S = 2.0
RENEWAL_WITHIN = timedelta(seconds=2)
"""How long the end waits for a renewal of the grant that is under way."""


@dataclass(slots=True)
class Running:
    """A daemon that is up, as `serve` reports it: where it listens, and how to end it."""

    daemon: Daemon
    site: Site
    address: Listen
    _stop: anyio.Event

    def stop(self) -> None:
        """Begin to stop; `serve` returns when it is done."""
        self._stop.set()


class StartRefused(ConnectorError):
    """The daemon cannot start."""

    def __init__(self, exit_code: int, message: str) -> None:
        self.exit_code = exit_code
        super().__init__(message)


def run_daemon(settings: Settings, *, environ: Mapping[str, str] = os.environ) -> int:
    """The command: runs until a signal; returns the exit code and raises nothing."""
    redactor = configure(settings.connector_log_level, settings.connector_log_format, secrets=settings.secret_values())
    try:
        anyio.run(partial(serve, settings, redactor=redactor, environ=environ, signals=True))
    except StartRefused as refusal:
        log.error("%s", refusal)
        return refusal.exit_code
    except Exception as error:
        log.critical("stopped by an error", exc_info=error)
        return EXIT_BROKE
    return EXIT_OK


async def serve(
    settings: Settings,
    *,
    redactor: Redactor | None = None,
    environ: Mapping[str, str] = os.environ,
    clock: Clock | None = None,
    rng: random.Random | None = None,
    transport: Transport | None = None,
    signals: bool = False,
    task_status: anyio.abc.TaskStatus[Running] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Run until stopped; reports `Running` once ready. Raises `StartRefused` before that.

    `signals` takes SIGTERM, SIGINT and SIGHUP, which only a process's main thread can. A transport that is given is
    left open.
    """
    if settings.connector_dry_run:
        raise StartRefused(EXIT_CONFIG, "CONNECTOR_DRY_RUN: this version cannot yet run without writing; take it out")
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        database = await _opened(settings)
        stack.push_async_callback(database.aclose)
        listener = _bound(settings.connector_listen)
        stack.callback(listener.close)
        if transport is None:
            transport = HttpxTransport()
            stack.push_async_callback(_closed, transport.aclose)
        reader = await Reader.open(settings.store_path)
        stack.push_async_callback(_closed, reader.aclose)
        snapshots = Snapshots(reader)
        metrics = Metrics(snapshots.latest, running_flows(settings))
        parts = assemble(
            settings,
            clock=clock,
            rng=rng or random.Random(),  # noqa: S311 (jitter alone)
            transport=transport,
            database=database,
            observer=metrics,
        )
        snapshots.flows = tuple(sender.name for sender in parts.senders)
        token = settings.connector_admin_token
        site = Site(
            daemon=Daemon(parts),
            reader=reader,
            metrics=metrics,
            snapshots=snapshots,
            local_only=settings.connector_listen.local_only,
            admin_token=Secret(token.get_secret_value() if token else ""),
        )
        await _readable_grant(parts)
        await _run(site, listener, redactor, Notifier(environ), signals, task_status)


def running_flows(settings: Settings) -> tuple[str, ...]:
    """The names of the flows that the settings switch on, as `assembly.flows_of` and `followers_of` build them."""
    follows, orders = follow_up_rules(settings), settings.orders != "off"
    switched = (
        ("orders", orders),
        ("fulfillments", settings.fulfillments != "off"),
        ("cancellations", orders and settings.orders_push_cancellations),
        ("messages", orders and (follows.text or follows.card)),
        ("references", orders and follows.references),
        ("locations", settings.locations != "off"),
        ("products", settings.products == "pull"),
    )
    return tuple(flow for flow, on in switched if on)


async def _readable_grant(parts: Parts) -> None:
    """Tokens that cannot be unsealed are a wrong CONNECTOR_TOKEN_KEY: a person must act, a restart would not help."""
    try:
        await parts.tiktok.keeper.load()
    except StoreError as error:
        raise StartRefused(EXIT_CONFIG, f"{error}; or run `tiktok-pipe17 connect` for a new grant") from None


async def _opened(settings: Settings) -> Database:
    try:
        return await Database.open(settings.store_path)
    except StoreLocked as error:
        raise StartRefused(EXIT_LOCKED, str(error)) from None
    except (StoreError, sqlite3.Error) as error:
        raise StartRefused(EXIT_CONFIG, f"CONNECTOR_STORE_URL: {error}") from None


async def _closed(close: Callable[[], Awaitable[None]]) -> None:
    """Close in time, also when everything is being cancelled."""
    with anyio.move_on_after(CLOSE_WITHIN_S, shield=True):
        await close()


def _bound(listen: Listen) -> socket.socket:
    try:
        return bind(listen)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartRefused(EXIT_CONFIG, f"CONNECTOR_LISTEN: cannot listen on {listen}: {reason}") from None


async def _run(
    site: Site,
    listener: socket.socket,
    redactor: Redactor | None,
    notifier: Notifier,
    signals: bool,
    task_status: anyio.abc.TaskStatus[Running],
) -> None:
    """The loops and the web server until a stop; what does not end in time is cut off."""
    stop, daemon = anyio.Event(), site.daemon
    settings = daemon.parts.settings
    keys = AppKeys(settings.tiktok_app_key.get_secret_value(), Secret(settings.tiktok_app_secret.get_secret_value()))
    receiver = Receiver(daemon, keys, site.metrics)
    hooks = await open_hooks(site, redactor)
    routes = [*StatusPage(site).routes(), *Api(site).routes(), *receiver.routes(), *(hooks.routes if hooks else ())]
    web = WebServer(build(site, routes), listener)
    teller = _Teller(site, notifier, redactor)
    try:
        async with anyio.create_task_group() as beside:
            with anyio.CancelScope() as working:
                if signals:
                    beside.start_soon(_take_signals, stop, daemon, working)
                async with anyio.create_task_group() as loops:
                    await loops.start(daemon.run)
                    await web.start()
                    beside.start_soon(Pulse(daemon.parts.database, site.metrics, notifier, teller.tell).run)
                    beside.start_soon(receiver.run)
                    beside.start_soon(
                        calendar.keep, [Job("checkpoint", CHECKPOINT_AT, daemon.parts.database.checkpoint)]
                    )
                    if settings.connector_public_url:
                        registration = Registration(
                            daemon.parts.tiktok, settings.connector_public_url, site.snapshots.flows
                        )
                        beside.start_soon(registration.run)
                    if hooks is not None:
                        beside.start_soon(hooks.registration.run)
                    teller.tell()
                    notifier.ready()
                    _announce(site, web.address)
                    task_status.started(Running(daemon, site, web.address, stop))
                    await stop.wait()
                    site.stopping = True
                    notifier.stopping()
                    daemon.stop()
                    working.deadline = anyio.current_time() + STOP_WITHIN.total_seconds()
            beside.cancel_scope.cancel()
    finally:
        with anyio.move_on_after(CLOSE_WITHIN_S, shield=True):
            await web.aclose()
        with anyio.move_on_after(RENEWAL_WITHIN.total_seconds(), shield=True):
            await daemon.parts.tiktok.keeper.finish()
    log.info("stopped")


def _announce(site: Site, address: Listen) -> None:
    settings = site.daemon.parts.settings
    planned = planned_in_use(settings)
    if planned:
        log.warning("set, but without effect in this version: %s", ", ".join(planned))
    directions = [f"{name} {getattr(settings, name, 'push')}" for name in site.snapshots.flows] or ["no flow at all"]
    log.info("tiktok-pipe17 %s runs: %s; listens on %s", __version__, ", ".join(directions), address)


async def _take_signals(stop: anyio.Event, daemon: Daemon, working: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
        async for one in received:
            if one == signal.SIGHUP:
                log.info("SIGHUP: reading all sources now, and sending every stock level again")
                for poller in daemon.pollers:
                    poller.poke()
                if daemon.resync is not None:
                    await daemon.resync.ask("SIGHUP")
            elif stop.is_set():
                log.warning("a second signal: ending at once; what is under way is looked up after the next start")
                working.cancel()
            else:
                log.info("%s: stopping", signal.Signals(one).name)
                stop.set()


class _Teller:
    """Once a second, from memory alone: systemd's line of status, and new tokens for the log's last defence."""

    def __init__(self, site: Site, notifier: Notifier, redactor: Redactor | None) -> None:
        self._site = site
        self._notifier = notifier
        self._redactor = redactor
        self._said = ""
        self._generation = -1

    def tell(self) -> None:
        keeper = self._site.daemon.parts.tiktok.keeper
        if self._redactor is not None and keeper.generation != self._generation:
            self._generation = keeper.generation
            self._redactor.hide(*keeper.secrets())
        reasons = not_ready(self._site)
        said = "; ".join(reasons) if reasons else "running " + ", ".join(self._site.snapshots.flows)
        if said != self._said:
            self._said = said
            self._notifier.status(said)
