"""Flows that a person has paused: their source is read and decided on as always, but nothing is sent.

Kept as the fact `paused`, so that a restart does not undo it.
"""

from __future__ import annotations

import logging

from daemon.flows.engine import Engine
from daemon.store import facts
from daemon.store.database import Tx

log = logging.getLogger("daemon.flows")

FACT = "paused"


async def load(engine: Engine) -> None:
    """Take up what was paused before the restart."""
    engine.paused = frozenset(await engine.database.write(lambda tx: facts.get(tx, FACT)) or ())
    for flow in sorted(engine.paused):
        log.warning("%s is paused: nothing is sent until `resume`", flow, extra={"flow": flow})


async def pause(engine: Engine, flow: str) -> None:
    """Claim nothing more of a flow; what is under way ends as usual."""
    await _set(engine, engine.paused | {flow})
    log.warning("%s was paused: nothing is sent until it is resumed", flow, extra={"flow": flow})


async def resume(engine: Engine, flow: str) -> None:
    """Send again."""
    await _set(engine, engine.paused - {flow})
    log.warning("%s was resumed", flow, extra={"flow": flow})
    engine.timekeeper.announce()


async def _set(engine: Engine, paused: frozenset[str]) -> None:
    now_ms = engine.clock.now_ms()

    def work(tx: Tx) -> None:
        facts.put(tx, FACT, sorted(paused), now_ms)

    await engine.database.write(work)
    engine.paused = paused
