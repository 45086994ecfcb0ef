"""Full lives a second through the outbox, every step durable, beside three other queues on SQLite in the same run.

A life is three transactions, each on disk before the next may start: take the record in (stage), hand it out (claim),
write down that it was accepted (finish). Ours goes through `Database.write` from 50 concurrent callers, and claims in
batches as the real pusher does. What is put in is made before the clock starts, as it is for the peers (peers.py).
"""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

from bench.figures import Figure, Plan, disk_flush_ms, folder, say
from bench.peers import PEERS, lives_per_second
from daemon.core.lifecycle import State
from daemon.core.owed import Change, Done, Wanted
from daemon.store import attempts, outbox
from daemon.store.database import Database, Tx, Work

CALLERS = 50
CONCURRENCY = 64
"""Rows on their way at once, as `PullOrders` has it."""
NOW_MS = 1_767_225_600_000


def run(plan: Plan) -> list[Figure]:
    """Ours and every peer in turn, `plan.runs` times."""
    ours: list[float] = []
    cpu_us: list[float] = []
    peers: dict[str, list[float]] = {peer.name: [] for peer in PEERS}
    ratios: dict[str, list[float]] = {peer.name: [] for peer in PEERS}
    flush_ms: list[float] = []
    for number in range(plan.runs):
        with folder() as where:
            flush_ms.append(disk_flush_ms(where, plan.of(100, 3)))
            lives, cpu = asyncio.run(our_lives(where, plan.of(30_000, 200)))
        ours.append(lives)
        cpu_us.append(cpu)
        for peer in PEERS:
            with folder() as where:
                theirs = lives_per_second(peer, where, plan.of(1_500, 20), plan.of(CALLERS, 4))
            peers[peer.name].append(theirs)
            ratios[peer.name].append(lives / theirs)
        told = ", ".join(f"{name} {values[-1]:,.0f}" for name, values in peers.items())
        say(
            f"  run {number + 1}: ours {lives:,.0f} lives/s, {cpu:.0f} us CPU each; {told}; flush {flush_ms[-1]:.2f} ms"
        )
    return [
        Figure("ours", "lives/s", tuple(ours), ">= 15,000"),
        Figure("ours, CPU", "µs a life", tuple(cpu_us)),
        *(Figure(name, "lives/s", tuple(values)) for name, values in peers.items()),
        *(Figure(f"ours : {name}", "times", tuple(values)) for name, values in ratios.items()),
        Figure("disk: one flush of 64 kB", "ms", tuple(flush_ms)),
    ]


async def our_lives(where: Path, lives: int) -> tuple[float, float]:
    """(lives a second, microseconds of CPU a life)."""
    database = await Database.open(where / "ours.db")
    bench = _Lives(database, [(_key(number), _stage(number)) for number in range(lives)])
    gc.collect()
    gc.freeze()  # what was made ahead must not be walked through again and again while the clock runs
    started_s, cpu_s = time.perf_counter(), time.process_time()
    await bench.run()
    took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
    gc.unfreeze()
    done = await database.write(lambda tx: {state: items for _, state, items in tx.all("tally_all")})
    assert done == {"done": lives}, done
    await database.aclose()
    return lives / took_s, cpu_s / lives * 1e6


class _Lives:
    """Callers that each stage a record, wait until it is claimed, and finish it; and one that claims for all."""

    def __init__(self, database: Database, lives: list[tuple[str, Work[outbox.Moved]]]) -> None:
        self._database = database
        self._lives = iter(lives)
        self._claimed: dict[str, asyncio.Future[outbox.Claimed]] = {}
        self._bell = asyncio.Event()
        self._under_way = 0

    async def run(self) -> None:
        claiming = asyncio.create_task(self._claim())
        await asyncio.gather(*(self._call() for _ in range(CALLERS)))
        claiming.cancel()

    async def _call(self) -> None:
        loop = asyncio.get_running_loop()
        for key, stage in self._lives:
            handed_out = self._claimed[key] = loop.create_future()
            await self._database.write(stage)
            self._bell.set()
            await self._database.write(_finish(await handed_out))
            self._under_way -= 1

    async def _claim(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            free = CONCURRENCY - self._under_way
            for claimed in await self._database.write(lambda tx, free=free: outbox.claim(tx, "orders", free, NOW_MS)):
                self._under_way += 1
                self._claimed.pop(claimed.row.key).set_result(claimed)


def _key(number: int) -> str:
    return f"5776{number:014d}"


def _stage(number: int) -> Work[outbox.Moved]:
    key = _key(number)
    change = Change(key, key, {}, f"stamp-{number}", NOW_MS + number, NOW_MS + number)
    wanted = Wanted(State.READY, {"document": {"extOrderId": key, "status": "new"}}, f"digest-{number}")

    def work(tx: Tx) -> outbox.Moved:
        return outbox.stage(tx, "orders", change, outbox.find(tx, "orders", key), wanted, NOW_MS)

    return work


def _finish(claimed: outbox.Claimed) -> Work[outbox.Moved]:
    accepted = Done(digest=claimed.row.digest, remote_id=f"r{claimed.row.key}")
    return lambda tx: attempts.finish(tx, claimed.row, accepted, NOW_MS)
