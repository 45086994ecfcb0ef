"""Stock updates that got no answer: nothing older may land on something newer, and if it does it is put right.

A call that timed out, broke or was cut off by a crash may still be on its way: TikTok looks as if it never came, and
takes it a moment later, on top of a newer level. That TikTok has the quantity of the call is no proof that it has
landed, for sales change quantities, too. So whatever the look-up finds,

    quiet    no other level of the SKU leaves for `QUIET`: the same one may at once, for it does not matter which lands
    look     after `LANDS_WITHIN` TikTok is asked for the quantities once more. Where they are not what it accepted
             last, that is forgotten, and the SKU is worked out and sent again

`QUIET` begins with the end of the call, or with the look-up where a crash hid the end, and is as long as a call may
take at all. `LANDS_WITHIN` is a bound of TikTok's: it refuses a request that was signed longer ago (36009004), whatever
kept it on its way. Between the two an older level can stand for a while; to wait for the second one each time would
keep a lower level back for minutes, and sell what is not there. Both instants are in a table and survive a restart; a
call that is answered costs nothing of this.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import anyio

from daemon.core.lifecycle import State
from daemon.core.owed import Owed
from daemon.core.reading import BadShape
from daemon.core.spans import milliseconds
from daemon.errors import ApiError
from daemon.flows.connections import note_failure
from daemon.flows.engine import Engine
from daemon.flows.stock_plan import accepted
from daemon.flows.stock_reader import NAME
from daemon.store import journal, outbox
from daemon.store.database import Tx
from daemon.store.levels import Cause, mark_id

log = logging.getLogger("daemon.stock")

QUIET = timedelta(seconds=30)
"""The client's own total time-out: a broken call is as good as one that was waited for to its end."""
LANDS_WITHIN = timedelta(minutes=5, seconds=30)
"""Five minutes by TikTok's clock, which may be half a minute behind the one that signed."""
AT_ONCE = 100
"""SKUs of one look."""
LOOK_EVERY_S = 60.0

Live = Callable[[Sequence[str]], Awaitable[Mapping[str, Mapping[str, int]]]]
"""What TikTok has available, by SKU and warehouse."""


def lost(tx: Tx, rows: Sequence[Owed], now_ms: int) -> None:
    """The call that carried these rows ended without an answer."""
    due = _due(now_ms)
    tx.each("stock_unanswered_put", [(row.key, row.version, *due) for row in rows])


def looked_up(tx: Tx, rows: Sequence[Owed], now_ms: int) -> None:
    """These rows were looked up. Where a newer level waits in a row, or a crash cut the call off, its end is now."""
    due = _due(now_ms)
    tx.each("stock_unanswered_unknown", [(row.key, *due, row.version, now_ms) for row in rows])


def quiet_until_ms(tx: Tx, row: Owed, now_ms: int) -> int | None:
    """When the level of a row may leave, None for now."""
    found = tx.one("stock_quiet_until", (row.key, now_ms, row.version))
    return None if found is None else int(found[0])


def _due(now_ms: int) -> tuple[int, int]:
    return now_ms + milliseconds(QUIET), now_ms + milliseconds(LANDS_WITHIN)


class SecondLooks:
    """The loop that looks after `LANDS_WITHIN`. `rung` is called when SKUs were marked to be worked out again."""

    def __init__(self, engine: Engine, live: Live, rung: Callable[[], None]) -> None:
        self._engine = engine
        self._live = live
        self._rung = rung

    async def run(self) -> None:
        """Forever."""
        while True:
            try:
                while await self._look():
                    pass
            except ApiError as error:
                await note_failure(self._engine.connections, error)
                log.warning("stock cannot be looked up again: %s", error, extra={"flow": NAME})
            except BadShape as problem:
                log.warning("stock cannot be looked up again: %s", problem, extra={"flow": NAME})
            await anyio.sleep(LOOK_EVERY_S)

    async def _look(self) -> bool:
        """Look at what is due; True when there was anything."""
        now_ms = self._engine.clock.now_ms()
        due: dict[str, int] = dict(
            await self._engine.database.write(lambda tx: tx.all("stock_looks_due", (now_ms, AT_ONCE)))
        )
        if not due:
            return False
        await self._engine.connections.opened()
        live = await self._live(list(due))
        now_ms = self._engine.clock.now_ms()
        different = await self._engine.database.write(lambda tx: _compare(tx, due, live, now_ms))
        if different:
            self._rung()
        return True


def _compare(tx: Tx, due: Mapping[str, int], live: Mapping[str, Mapping[str, int]], now_ms: int) -> int:
    """Have sent again what TikTok has otherwise than it accepted it; how many SKUs that were.

    What is not `done` is sent after this anyway, when nothing can land on it any more.
    """
    different = 0
    for sku_id, look_at_ms in due.items():
        if not tx.run("stock_looked", (sku_id, look_at_ms)).rowcount:
            continue  # another call got no answer meanwhile: looked at later
        row = outbox.find(tx, NAME, sku_id)
        if row is None or row.state is not State.DONE or row.payload.get("preowned") or sku_id not in live:
            continue
        wanted = accepted(row)
        if wanted is None or wanted == dict(live[sku_id]):
            continue
        tx.run("stock_accepted_forget", (NAME, sku_id))
        mark_id(tx, sku_id, Cause.DOUBT, now_ms)
        had, has = sum(wanted.values()), sum(live[sku_id].values())
        told = f"TikTok has {has} instead of {had} after a call without an answer; worked out and sent again"
        journal.note(tx, NAME, sku_id, row.group, "looked up again", told, now_ms)
        different += 1
    return different
