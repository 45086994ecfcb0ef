"""Stock as Pipe17 shows it, one row per SKU and location, and the SKUs whose quantity must be worked out again.

An older row never replaces a newer one (Pipe17's `updatedAt`). A row that a reading should have shown and did not is
marked missing and keeps its figures: not known is not zero (design law 10). Whatever changes a quantity marks the
TikTok SKUs behind it in `stock_changes`, in the same transaction; `flows/stock_judge.py` takes them from there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from daemon.core.stock import Figures
from daemon.core.stock_rows import StockRow
from daemon.store import links, reservations
from daemon.store.database import Tx


class Cause(StrEnum):
    """Why a SKU's quantity must be worked out again."""

    READ = "read"
    """Pipe17's figures changed."""
    ORDER = "order"
    """An order of TikTok's took units, or gave them back."""
    LINK = "link"
    """The SKU was linked, or its product or warehouses changed."""
    DOUBT = "doubt"
    """What was not known is known again."""
    RESYNC = "resync"
    """A forced resync sends it again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as it is kept."""

    location: str
    on_hand: int
    committed: int
    future: int
    committed_future: int
    version_ms: int
    missing_since_ms: int | None

    @property
    def sellable(self) -> int:
        return self.on_hand - self.committed + self.future - self.committed_future

    def figures(self, *, certain: bool, confirmed_at_ms: int) -> Figures:
        """The row with what is known about it; `certain`: the source as a whole reads well."""
        missing = self.missing_since_ms
        return Figures(
            self.location,
            self.on_hand,
            self.committed,
            self.future,
            self.committed_future,
            certain=certain and missing is None,
            known_at_ms=confirmed_at_ms if missing is None else min(missing, confirmed_at_ms),
        )


def put(tx: Tx, row: StockRow, sweep: int, now_ms: int) -> bool:
    """A row as a reading shows it; False when it says nothing new."""
    found = tx.one("level_get", (row.sku, row.location))
    before = None if found is None else Stored(*found)
    if before is not None and row.version_ms < before.version_ms:
        return False
    if before is not None and _same(before, row) and before.version_ms == row.version_ms:
        tx.run("level_seen", (sweep, row.sku, row.location))
        if before.missing_since_ms is not None:
            mark(tx, row.sku, Cause.DOUBT, now_ms)
        return False
    tx.run(
        "level_put",
        (
            *(row.sku, row.location, row.on_hand, row.committed, row.future, row.committed_future),
            *(row.version_ms, sweep),
        ),
    )
    reservations.explain(tx, row, (before.sellable - row.sellable) if before is not None else 0)
    mark(tx, row.sku, Cause.READ, now_ms)
    return True


def _same(before: Stored, row: StockRow) -> bool:
    kept = (before.on_hand, before.committed, before.future, before.committed_future)
    return kept == (row.on_hand, row.committed, row.future, row.committed_future)


def of_sku(tx: Tx, sku: str) -> list[Stored]:
    """Every row of a SKU."""
    return [Stored(*row) for row in tx.all("levels_of_sku", (sku,))]


def only(tx: Tx, sku: str, shown: Collection[str], sweep: int, now_ms: int) -> None:
    """A reading of this SKU alone showed these locations; rows of others are missing."""
    for row in of_sku(tx, sku):
        if row.location not in shown and row.missing_since_ms is None:
            tx.run("level_missing", (now_ms, sku, row.location))
            mark(tx, sku, Cause.READ, now_ms)
    tx.run("levels_swept", (sweep, sku))


def mark(tx: Tx, seller_sku: str, cause: Cause, now_ms: int) -> None:
    """Have the quantity of a SKU worked out again."""
    for link in links.by_sku(tx, seller_sku):
        tx.run("stock_changed", (link.sku_id, now_ms, cause.value))


def mark_id(tx: Tx, sku_id: str, cause: Cause, now_ms: int) -> None:
    """The same by TikTok's id."""
    tx.run("stock_changed", (sku_id, now_ms, cause.value))


def any_known(tx: Tx) -> bool:
    """Whether Pipe17 has ever shown any stock."""
    return tx.one("levels_any") is not None


def some_sku(tx: Tx) -> str:
    """A SKU of which Pipe17 has shown stock, "" when there is none."""
    found = tx.one("levels_any")
    return "" if found is None else str(found[0])


def stocked_places(tx: Tx) -> list[str]:
    """Every location that has any figure but 0, by one look into the index each."""
    found: list[str] = []
    while True:
        (place,) = tx.one("level_next_place", (found[-1] if found else "",))
        if place is None:
            return found
        found.append(str(place))


def stocked_at(tx: Tx, location: str, after: str, limit: int) -> list[str]:
    """The next SKUs with any figure but 0 at a location, in the order of SKUs ("" to begin)."""
    return [str(sku) for (sku,) in tx.all("levels_of_place", (location, after, limit))]


def lost_any(tx: Tx, location: str, after_ms: int) -> bool:
    """Whether a row of the location went missing since then, and still is."""
    return tx.one("level_lost_lately", (location, after_ms)) is not None


def unseen(tx: Tx, sweep: int, limit: int) -> list[str]:
    """SKUs with a row that this sweep has not shown."""
    return sorted({sku for (sku,) in tx.all("levels_unseen", (sweep, limit))})
