"""Works out what TikTok should have of one SKU, from the tables and within a transaction.

Brings together the link (which product, which warehouses), Pipe17's rows, the units that orders have taken and what is
known of the source and of its locations (stock_exclusions.py); the arithmetic is `core/stock.py`. The judge asks before
it stages a change, and the flow asks once more before it sends one, for a row may have waited for hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from daemon.apis.pipe17.assumptions import BUFFER_IS_NOT_IN_THE_ROWS
from daemon.core.links import PLATFORM_TYPE, Kind
from daemon.core.owed import Owed
from daemon.core.stock import Publish, StockRules, Withhold, plan_stock, shelf_of
from daemon.flows import stock_exclusions
from daemon.flows.stock_marks import read_once
from daemon.flows.stock_reader import Sight, sight
from daemon.store import levels, links, marks, reservations
from daemon.store.database import Tx
from daemon.store.levels import Stored
from daemon.store.links import Link

WRITABLE = frozenset({"DRAFT", "PENDING", "FAILED", "ACTIVATE", "SELLER_DEACTIVATED"})
"""Statuses of a product in which TikTok takes a new stock (contract 3.1)."""


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """What one SKU should have. `drop`: nothing is owed for it, for this reason."""

    link: Link
    plan: Publish | Withhold | None = None
    before: Mapping[str, int] | None = None
    """What TikTok has, by warehouse, as far as we know."""
    drop: str = ""

    @property
    def units_before(self) -> int | None:
        return None if self.before is None else sum(self.before.values())


class Planner:
    """Good for one transaction: it remembers the warehouses and the source."""

    def __init__(self, tx: Tx, rules: StockRules, now_ms: int, fresh: timedelta) -> None:
        known = links.warehouses(tx)
        self._tx = tx
        self._places = stock_exclusions.find(tx) if rules.sums_all else None
        self._rules = rules if self._places is None else stock_exclusions.in_force(rules, self._places)
        self._now_ms = now_ms
        self.sight: Sight = sight(tx)
        self._marks_known = read_once(tx)
        self._certain = self.sight.certain(now_ms, fresh)
        self._closed = {one.id for one in known if not one.usable}
        self._platform = {one.id for one in known if one.type == PLATFORM_TYPE}
        self._default = next((one.id for one in known if one.is_default and one.usable), "")

    def work_out(self, link: Link, row: Owed | None) -> WorkedOut:
        """`row`: what was sent for this SKU before."""
        drop = not_ours(link, self._rules)
        if drop:
            return WorkedOut(link, drop=drop)
        pushed = accepted(row)
        had = dict(link.warehouses) if pushed is None else pushed
        # what lies in a closed warehouse is not sold: leaving it out takes nothing to zero
        before = {place: units for place, units in had.items() if place not in self._closed}
        shelf = shelf_of(self.shelf(link), self._default)
        confirmed_ms = self.sight.confirmed_at_ms
        rows = levels.of_sku(self._tx, link.seller_sku)
        figures = [one.figures(certain=self._counts(one), confirmed_at_ms=confirmed_ms or 0) for one in rows]
        plan = plan_stock(
            figures,
            shelf,
            reservations.units(self._tx, link.seller_sku),
            before,
            self._rules,
            self._now_ms,
            kept_back=marks.buffer_units(self._tx, link) if BUFFER_IS_NOT_IN_THE_ROWS.value else 0,
            blind=confirmed_ms is None or not self._marks_known or self._unlooked,
        )
        return WorkedOut(link, plan, before)

    @property
    def _unlooked(self) -> bool:
        """Nobody has looked yet which locations are excluded in Pipe17."""
        return self._places is not None and self._places.looked_at_ms is None

    def _counts(self, row: Stored) -> bool:
        """Whether what a row says is certain: read well, and units at a location of which we know that it counts."""
        new = self._places is not None and bool(row.sellable) and self._places.is_new(row.location)
        return self._certain and not new

    def shelf(self, link: Link) -> list[str]:
        """The warehouses that TikTok keeps a SKU in and that may be written to."""
        return [place for place, _ in link.warehouses if place not in self._closed]


def not_ours(link: Link, rules: StockRules) -> str:
    """Why the stock of a SKU is not ours to set at all, "" when it is."""
    if link.gone_at_ms is not None:
        return "TikTok no longer has this SKU"
    if not link.seller_sku:
        return "it has no seller SKU"
    if not rules.chooses(link.seller_sku):
        return "it is not in INVENTORY_SKUS"
    if link.kind not in (Kind.NORMAL, Kind.PREOWNED):
        return NOT_OURS[link.kind]
    if link.status not in WRITABLE and link.kind is not Kind.PREOWNED:
        return f"TikTok takes no stock while its product is {link.status or 'in no status'}"
    return ""


NOT_OURS = {
    Kind.BUNDLE: "a virtual bundle: TikTok works out its stock from its parts",
    Kind.SHARED: "its stock is shared with other listings and set there",
    Kind.PLATFORM: "TikTok itself keeps its stock",
}


def accepted(row: Owed | None) -> dict[str, int] | None:
    """The quantities by warehouse that TikTok last accepted from us."""
    found = (row.result or {}).get("levels") if row is not None else None
    return None if found is None else {str(place): int(units) for place, units in found.items()}
