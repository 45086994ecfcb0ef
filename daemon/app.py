"""How the daemon starts and stops: its loops, in one task group. Read this first, then `daemon/assembly.py`.

    timekeeper, a poller and a pusher per flow (a pusher for one without a source), webhook hints, backfill,
    the judge of stock, its resync and second looks, orders of unknown SKUs, connections, upkeep, and once what was
    switched off

Start: the store is open under its lock; turn what was under way when the process last ended into look-ups, load tokens
and closures, start the loops. Nothing is scanned and nobody is called before the daemon is ready; a wrong key or a
revoked grant does not keep it from starting, it starts degraded and says so.

Stop: pollers end at once, pushers claim nothing more and give calls under way a moment, then the store is closed.
"""

from __future__ import annotations

import logging

import anyio
import anyio.abc

from daemon.assembly import Parts
from daemon.flows import pauses
from daemon.flows.backfill import Backfill
from daemon.flows.hint_reader import HintReader
from daemon.flows.poller import Poller
from daemon.flows.pull_orders import PullOrders
from daemon.flows.push_inventory import PushInventory
from daemon.flows.pusher import Pusher
from daemon.flows.resync import Resync
from daemon.flows.stock_judge import StockJudge
from daemon.flows.stock_unanswered import SecondLooks
from daemon.flows.switched_off import drop_switched_off
from daemon.flows.unlinked_orders import UnlinkedOrders
from daemon.flows.upkeep import Upkeep
from daemon.store import journal, outbox
from daemon.store.database import Tx

log = logging.getLogger("daemon")


class Daemon:
    """The loops over `parts`."""

    def __init__(self, parts: Parts) -> None:
        engine = parts.engine
        self.parts = parts
        self.pollers = [Poller(engine, flow, system) for flow, system in parts.flows]
        self.pushers = [Pusher(engine, sender) for sender in parts.senders]
        self.hints = HintReader(engine, [flow for flow, _ in parts.flows])
        pulled = next((flow for flow, _ in parts.flows if isinstance(flow, PullOrders)), None)
        self.backfill = Backfill(engine, pulled) if pulled is not None else None
        self.stock = next((flow for flow, _ in parts.flows if isinstance(flow, PushInventory)), None)
        self.judge: StockJudge | None = None
        self.resync: Resync | None = None
        self.looks: SecondLooks | None = None
        if self.stock is not None:
            self.judge = StockJudge(engine, self.stock, parts.settings.inventory_guard)
            self.looks = SecondLooks(engine, self.stock.live, self.stock.bell.ring)
            on_start = parts.settings.inventory_resync_on_start
            self.resync = Resync(engine, self.stock, parts.pipe17, on_start=on_start)
        watchers = engine.watchers
        self.unlinked = next((watcher for watcher in watchers if isinstance(watcher, UnlinkedOrders)), None)
        if self.unlinked is not None:
            self.unlinked.rung = self.hints.bell.ring
        limit = parts.settings.orders_daily_limit
        self.upkeep = Upkeep(parts.database, parts.clock, parts.tiktok, parts.settings.connector_retention, limit)
        self.started = False
        self._stopping = anyio.Event()

    @property
    def ready(self) -> bool:
        """Store open, first polls over, both sides let us in as far as orders and shipments need it."""
        polled = all(poller.ran_once for poller in self.pollers)
        return self.started and polled and not self.parts.engine.connections.refusals

    def stop(self) -> None:
        """Begin to stop; `run` returns when calls under way have ended."""
        self._stopping.set()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until `stop`. Reports started when every loop runs."""
        await self._recover()
        await self.parts.pacer.load()
        await self.parts.ownership.load()
        await pauses.load(self.parts.engine)
        if self.resync is not None:
            await self.resync.booted()
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
        if self.resync is not None:
            await self.resync.stopped()
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
                on = {sender.name for sender in self.parts.senders}
                group.start_soon(drop_switched_off, self.parts.database, self.parts.clock, on)
                if self.backfill is not None:
                    group.start_soon(self.backfill.run)
                if self.judge is not None:
                    group.start_soon(self.judge.run)
                if self.resync is not None:
                    group.start_soon(self.resync.run)
                if self.unlinked is not None:
                    group.start_soon(self.unlinked.run)
                if self.looks is not None:
                    group.start_soon(self.looks.run)
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
