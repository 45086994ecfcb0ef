"""Works out every SKU that was marked, lets the guard look at the whole, and stages what passes.

One loop. A cycle is everything that was marked before the reading of Pipe17 that is under way began, or its part; what
orders take is judged at once. So a reading that is always under way keeps nothing waiting, and one that begins while a
cycle is judged takes nothing out of it.

    weigh    each marked SKU is worked out, and what the change would do is written down beside it
    guard    all of it together, with what went to zero within the last hour (core/stock_guard.py); beyond reason, the
             cycle is held before its first call and a person is asked: `approve`
    stage    rows of the outbox, in the transaction that takes the marks away

Everything stands in tables, so a cycle survives a restart, and one that comes in slices is judged like one that comes
at once. While a cycle is held, SKUs outside it go on as long as they do no harm; when Pipe17's figures recover, the
held ones are let go without anybody, but only when nothing is left to be weighed.

Each step handles `AT_ONCE` SKUs in a transaction, so the writer is never kept for long; a cycle of few is one
transaction.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import anyio

from daemon.core.findings import Finding
from daemon.core.jsontext import digest
from daemon.core.links import Kind
from daemon.core.owed import Change
from daemon.core.spans import milliseconds
from daemon.core.stock import Publish
from daemon.core.stock_guard import WINDOW, Counted, Effect, effect_of, few, objection
from daemon.flows import stock_alarms, stock_exclusions, stock_places
from daemon.flows.engine import Engine, StoredRows
from daemon.flows.poller import announce, stage_change
from daemon.flows.push_inventory import NAME, PushInventory
from daemon.flows.stock_plan import Planner, WorkedOut
from daemon.store import exceptions, facts, links, outbox, reservations
from daemon.store.database import Tx
from daemon.store.exceptions import Kind as Opened
from daemon.store.levels import Cause, mark
from daemon.store.outbox import Moved

log = logging.getLogger("daemon.stock")

AT_ONCE = 500
FACT = "inventory_guard"
"""The fact, and the code of the exception."""
SHOWN = 20
"""SKUs of the difference that are shown by name."""
APPROVED = "approved"
"""Effect of a change that a person let pass."""
LOOK_EVERY_S = 30.0
_EVER_MS = 2**62


@dataclass(slots=True)
class _Pass:
    """What one transaction did."""

    moved: list[Moved] = field(default_factory=list)
    more: bool = False


class StockJudge:
    """The loop; see the module."""

    def __init__(self, engine: Engine, flow: PushInventory, guard: Decimal) -> None:
        self._engine = engine
        self._flow = flow
        self._guard = guard

    async def run(self) -> None:
        """Forever."""
        look_at_s = anyio.current_time()
        while True:
            await self.once()
            if anyio.current_time() >= look_at_s:  # not for every order and every change
                await self._engine.database.write(self._look)
                look_at_s = anyio.current_time() + LOOK_EVERY_S
            await self._flow.bell.wait(max(look_at_s - anyio.current_time(), 0.0))

    def _look(self, tx: Tx) -> None:
        stock_alarms.look(tx, self._flow.rules, self._engine.clock.now_ms())

    async def once(self) -> None:
        """Judge everything that is marked now."""
        while await self._step():
            pass

    async def _step(self) -> bool:
        """One transaction's worth; True when there is more."""
        now_ms = self._engine.clock.now_ms()
        done = await self._engine.database.write(lambda tx: self._judge(tx, now_ms))
        announce(self._engine, self._flow.name, done.moved)
        return done.more

    def _judge(self, tx: Tx, now_ms: int) -> _Pass:
        if stock_places.mark_next(tx, now_ms) or stock_exclusions.mark_next(tx, now_ms):
            return _Pass(more=True)
        for sku in reservations.give_up(tx, now_ms):
            mark(tx, sku, Cause.ORDER, now_ms)
        if self._weigh(tx, now_ms) == AT_ONCE:
            return _Pass(more=True)
        verdict = self._ask_guard(tx, now_ms)
        if verdict.more:
            return verdict
        return self._stage(tx, now_ms)

    # --- weigh

    def _weigh(self, tx: Tx, now_ms: int) -> int:
        """Work out what is marked; how many that were."""
        since_ms = self._flow.reading_since_ms
        marked = tx.all("stock_unweighed", (_EVER_MS if since_ms is None else since_ms, AT_ONCE))
        if since_ms is not None:
            marked += tx.all("stock_unweighed_of_orders", (since_ms, AT_ONCE - len(marked)))
        planner = Planner(tx, self._flow.rules, now_ms, self._flow.fresh)
        for (sku_id,) in marked:
            worked = _work_out(tx, planner, sku_id)
            if worked is None:
                tx.run("stock_settled", (sku_id,))
                continue
            before, after, effect = _weight(worked)
            tx.run("stock_weighed", (effect.value, before, after, sku_id))
        return len(marked)

    # --- guard

    def _ask_guard(self, tx: Tx, now_ms: int) -> _Pass:
        counts: Counter[tuple[int, str]] = Counter()
        for held, effect, items in tx.all("stock_effects"):
            counts[held, effect] += items
        tripped = facts.get(tx, FACT)
        zeroed, wild = (counts[0, effect] + counts[1, effect] for effect in (Effect.ZEROED, Effect.WILD))
        if not zeroed + wild and not tripped:
            return _Pass()
        lately = int(tx.one("stock_zeroed_count", (now_ms - milliseconds(WINDOW),))[0])
        counted = Counted(0, zeroed + (lately if zeroed else 0), wild)
        if few(counted) and not tripped:
            return _Pass()
        counted = replace(counted, linked=links.settable(tx, self._flow.rules.skus))
        text, unweighed = objection(counted, self._guard), counts[0, ""]
        if not text and not tripped:
            return _Pass()
        if not text and not unweighed:
            return self._recovered(tx, now_ms)
        if not tripped:
            if tx.run("stock_hold_cycle", (AT_ONCE,)).rowcount == AT_ONCE:
                return _Pass(more=True)
            self._trip(tx, counted, text, now_ms)
            return _Pass()
        if tx.run("stock_hold", (AT_ONCE,)).rowcount:
            if text:
                self._trip(tx, counted, text, now_ms)
            return _Pass(more=True)
        return _Pass()

    def _trip(self, tx: Tx, counted: Counted, text: str, now_ms: int) -> None:
        before: dict[str, Any] = facts.get(tx, FACT) or {"since_ms": now_ms}
        sample = [
            {"sku": _seller_sku(tx, sku_id), "sku_id": sku_id, "effect": effect, "before": had, "after": gets}
            for sku_id, effect, had, gets in tx.all("stock_held_sample", (SHOWN,))
        ]
        known = {
            "since_ms": before["since_ms"],
            "text": text,
            "linked": counted.linked,
            "zeroed": counted.zeroed,
            "wild": counted.wild,
            "sample": sample,
        }
        facts.put(tx, FACT, known, now_ms)
        told = ", ".join(f"{one['sku']} {one['before']} -> {one['after']}" for one in sample[:5])
        finding = Finding(
            "inventory_guard", f"{text}; nothing of this was sent. First of them: {told}. Look, then approve"
        )
        if exceptions.open_exception(tx, self._flow.name, "catalogue", "catalogue", finding, now_ms, Opened.EVENT):
            log.error("the inventory guard holds a cycle: %s", text, extra={"flow": self._flow.name})

    def _recovered(self, tx: Tx, now_ms: int) -> _Pass:
        """What is held does no harm any more: Pipe17's figures have come back."""
        if tx.run("stock_let_go", ("", AT_ONCE)).rowcount:
            return _Pass(more=True)
        _forget(tx, self._flow.name, now_ms, "the figures recovered")
        return _Pass()

    # --- stage

    def _stage(self, tx: Tx, now_ms: int) -> _Pass:
        planner, known, found = Planner(tx, self._flow.rules, now_ms, self._flow.fresh), StoredRows(tx), _Pass()
        weighed = tx.all("stock_to_stage", (AT_ONCE,))
        for sku_id, changed_at_ms, effect in weighed:
            worked = _work_out(tx, planner, sku_id)
            now_is = _weight(worked)[2] if worked is not None else Effect.USUAL
            if effect not in (APPROVED, now_is) and now_is is not Effect.USUAL:
                tx.run("stock_weighed", ("", None, None, sku_id))
                found.more = True
                continue
            tx.run("stock_settled", (sku_id,))
            if worked is not None:
                move = stage(tx, self._flow, worked, known, changed_at_ms, now_ms, counts=effect != APPROVED)
                found.moved += [] if move is None else [move]
        found.more = found.more or len(weighed) == AT_ONCE
        return found


def stage(
    tx: Tx,
    flow: PushInventory,
    worked: WorkedOut,
    known: StoredRows,
    changed_at_ms: int,
    now_ms: int,
    *,
    counts: bool,
) -> Moved | None:
    """Make a row of what was worked out for a SKU; None when it asks for nothing.

    `counts`: should it go to zero, the guard remembers it; what a person let pass it does not.
    """
    link, plan = worked.link, worked.plan
    before, after, effect = _weight(worked)
    if effect is Effect.ZEROED and counts:
        tx.run("stock_zeroed_put", (link.sku_id, now_ms))
    elif after:
        tx.run("stock_zeroed_drop", (link.sku_id,))
    preowned = link.kind is Kind.PREOWNED
    if plan is not None and (not isinstance(plan, Publish) or plan.partial):
        tx.run("stock_doubtful_put", (link.sku_id,))
        if not isinstance(plan, Publish) or preowned or (before == after and known.row(flow.name, link.sku_id) is None):
            return None
    levels = dict(plan.quantities) if isinstance(plan, Publish) else {}
    record = {"sku": link.seller_sku, "drop": worked.drop, "preowned": preowned, "levels": levels}
    stamp = f"{now_ms}:{digest([worked.drop, preowned, levels])}"
    change = Change(link.sku_id, link.product_id, record, stamp, 0, changed_at_ms)
    return stage_change(tx, flow, change, known, now_ms)


def approve(tx: Tx, now_ms: int, by: str) -> dict[str, Any]:
    """Let what the guard holds pass. The daemon wakes its judge afterwards: `flow.bell.ring()`."""
    tripped = facts.get(tx, FACT)
    if not tripped:
        return {"approved": False, "problem": "the inventory guard holds nothing"}
    while tx.run("stock_let_go", (APPROVED, AT_ONCE)).rowcount:
        pass
    tx.run("stock_zeroed_forget")
    _forget(tx, NAME, now_ms, f"approved by {by}")
    return {"approved": True, "problem": "", "change": tripped}


def _forget(tx: Tx, flow: str, now_ms: int, by: str) -> None:
    facts.put(tx, FACT, {}, now_ms)
    exceptions.close(tx, flow, "catalogue", FACT, now_ms, by)


def _work_out(tx: Tx, planner: Planner, sku_id: str) -> WorkedOut | None:
    link = links.get(tx, sku_id)
    return None if link is None else planner.work_out(link, outbox.find(tx, NAME, sku_id))


def _weight(worked: WorkedOut) -> tuple[int | None, int | None, Effect]:
    """(units before, units after, what that does); a SKU for which nothing is sent does nothing."""
    before = worked.units_before
    if not isinstance(worked.plan, Publish):
        return before, None, Effect.USUAL
    return before, worked.plan.total, effect_of(before, worked.plan.total)


def _seller_sku(tx: Tx, sku_id: str) -> str:
    link = links.get(tx, sku_id)
    return link.seller_sku if link is not None else sku_id
