"""A warehouse is switched off or on at TikTok, or becomes the default one: the SKUs kept there are worked out at once.

`links.put_warehouse` notes such a change in the transaction that stores it; the judge takes the notes up here, one
stretch of the link table a transaction, so a catalogue of any size never keeps the writer. How far it is stands beside
the note and survives a restart.
"""

from __future__ import annotations

from collections.abc import Callable

from daemon.core.owed import Outcome, Owed, Settled, Wanted
from daemon.flows import pull_locations
from daemon.store import levels, links
from daemon.store.database import Tx
from daemon.store.levels import Cause

AT_ONCE = 500


def mark_next(tx: Tx, now_ms: int) -> bool:
    """Mark the SKUs of the next stretch; True when there is more to look at."""
    changed = tx.one("warehouse_change_next", ())
    if changed is None:
        return False
    warehouse_id, position = changed
    stretch = links.after(tx, position, AT_ONCE)
    for link in stretch:
        if any(place == warehouse_id for place, _ in link.warehouses):
            levels.mark_id(tx, link.sku_id, Cause.LINK, now_ms)
    if len(stretch) < AT_ONCE:
        tx.run("warehouse_change_done", (warehouse_id,))
    else:
        tx.run("warehouse_change_at", (stretch[-1].sku_id, warehouse_id))
    return True


class WarehousesWatched:
    """A `Watcher` of the locations flow: rings when a warehouse says something new."""

    def __init__(self, rung: Callable[[], None]) -> None:
        self._rung = rung
        self._changed = False

    def staged(self, tx: Tx, flow: str, key: str, before: Owed | None, wanted: Wanted, now_ms: int) -> None:
        self._changed = self._changed or flow == pull_locations.NAME

    def finished(self, tx: Tx, row: Owed, outcome: Outcome | Settled, now_ms: int) -> None:
        """Nothing: what Pipe17 knows of it does not matter here."""

    def committed(self) -> None:
        if self._changed:
            self._changed = False
            self._rung()
