"""How many units of a SKU TikTok may sell: the arithmetic of stock, and what is done when part of it is not known.

    quantity = onHand - committed + future - committedFuture, summed over the locations in play,
               - INVENTORY_BUFFER - what Pipe17 keeps back for us (`bufferInventory` of the product)
               - units of TikTok orders that Pipe17 has not committed yet

never below 0 and never above `MOST`. What is published is absolute and names every warehouse of the SKU (contract 3.1):

    INVENTORY_LOCATION            that location alone, to the default warehouse (or the one it is mapped to)
    INVENTORY_TOTAL_TO_DEFAULT    the sum to the default warehouse, 0 to the others
    INVENTORY_LOCATION_MAP        each warehouse gets the locations mapped to it; what is kept back, and orders, are
                                  taken from the fullest warehouse first; a location that is not mapped is not sold
    none of them                  as the sum to the default warehouse

**Absent is not zero** (design law 10). Each figure comes with what is known about it. When one of them is not confirmed
by the newest reading of its location (the reading failed, the row was missing, the location is gone), the sum is
*partial*: the last figures known may lower what TikTok has, never raise it, and past INVENTORY_STALE_AFTER nothing is
published at all. A SKU without any figure is unknown: nothing is published, least of all 0. One of which every figure
is known and lies in a location that is left out has nothing to sell: 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from daemon.core.spans import milliseconds

MOST = 99_999
"""The largest quantity that every text of TikTok's allows (contract, open question 2)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What Pipe17 says about a SKU at one location."""

    location: str
    on_hand: int
    committed: int = 0
    future: int = 0
    committed_future: int = 0
    certain: bool = True
    """The newest reading of the location confirms them."""
    known_at_ms: int = 0
    """The last instant at which they are known to have been true."""

    @property
    def sellable(self) -> int:
        """Below 0 where more is promised than there is."""
        return self.on_hand - self.committed + self.future - self.committed_future


@dataclass(frozen=True, slots=True)
class StockRules:
    """The INVENTORY_... settings that decide about quantities."""

    location: str = ""
    total_to_default: bool = False
    location_map: Mapping[str, str] = field(default_factory=dict)
    locations_except: frozenset[str] = frozenset()
    skus: frozenset[str] | None = None
    """None: all of them."""
    buffer_units: int = 0
    buffer_share: Decimal = Decimal(0)
    stale_after: timedelta = timedelta(hours=1)

    @property
    def sums_all(self) -> bool:
        """Whether every location counts that is not left out, and so what is excluded in Pipe17 matters."""
        return not self.location and not self._mapped

    def counts(self, location: str) -> bool:
        """Whether the stock of a location is sold on TikTok."""
        if self.location:
            return location == self.location
        if location in self.locations_except:
            return False
        return not self._mapped or location in self.location_map

    def chooses(self, seller_sku: str) -> bool:
        """Whether the stock of a SKU is ours to publish."""
        return self.skus is None or seller_sku in self.skus

    def kept_back(self, total: int) -> int:
        """Units of a total that are not sold; part of a unit counts as one."""
        share = (max(total, 0) * self.buffer_share).to_integral_value(ROUND_CEILING)
        return self.buffer_units + int(share)

    def warehouse_of(self, location: str, shelf: Shelf) -> str:
        """Where a location's stock is sold; "" for a warehouse that the SKU does not have."""
        if self.total_to_default or location not in self.location_map:
            return shelf.default
        mapped = self.location_map[location]
        return mapped if mapped in shelf.warehouses else ""

    @property
    def _mapped(self) -> bool:
        return bool(self.location_map) and not self.total_to_default


@dataclass(frozen=True, slots=True)
class Shelf:
    """The warehouses that TikTok keeps a SKU in, all of which an update must name."""

    warehouses: tuple[str, ...]
    default: str


def shelf_of(warehouses: Sequence[str], default: str) -> Shelf:
    """`default` is the shop's default warehouse; a SKU that is not kept there has its first one instead."""
    ordered = tuple(sorted(dict.fromkeys(warehouses)))
    return Shelf(ordered, default if default in ordered else (ordered[0] if ordered else ""))


class Why(StrEnum):
    """Why nothing is published."""

    UNKNOWN = "unknown"
    """Pipe17 has shown no figure for it at all."""
    PARTIAL = "partial"
    """Part of the figures is not confirmed, and what TikTok has is not known, or is kept in other warehouses."""
    STALE = "stale"
    """Part of the figures is not confirmed for longer than INVENTORY_STALE_AFTER."""
    NO_WAREHOUSE = "no_warehouse"
    """TikTok keeps it in no warehouse that we may write to."""


@dataclass(frozen=True, slots=True)
class Publish:
    """What TikTok should have, by warehouse. `partial`: it only lowers, and is worked out again when all is known."""

    quantities: tuple[tuple[str, int], ...]
    partial: bool = False

    @property
    def total(self) -> int:
        return sum(quantity for _, quantity in self.quantities)


@dataclass(frozen=True, slots=True)
class Withhold:
    """Nothing is published."""

    why: Why


def plan_stock(
    figures: Sequence[Figures],
    shelf: Shelf,
    reserved: int,
    last: Mapping[str, int] | None,
    rules: StockRules,
    now_ms: int,
    *,
    kept_back: int = 0,
    blind: bool = False,
) -> Publish | Withhold:
    """What is to be published for one SKU.

    `reserved`: units of TikTok orders that Pipe17 has not committed. `last`: what TikTok has, by warehouse (None: not
    known). `kept_back`: units that the product in Pipe17 keeps back from us. `blind`: Pipe17's stock or its products
    have never been read to their end, so figures may exist that nobody has seen.
    """
    if not shelf.warehouses:
        return Withhold(Why.NO_WAREHOUSE)
    counted = [one for one in figures if rules.counts(one.location)]
    if not counted:
        return _kept_elsewhere(figures, shelf, rules, blind=blind)
    wanted = _spread(counted, shelf, max(reserved, 0) + max(kept_back, 0), rules)
    doubtful = [one for one in counted if not one.certain]
    if not doubtful and not blind:
        return Publish(tuple(wanted.items()))
    oldest_ms = 0 if blind else min(one.known_at_ms for one in doubtful)
    if now_ms - oldest_ms > milliseconds(rules.stale_after):
        return Withhold(Why.STALE)
    if last is None or set(last) != set(wanted):
        return Withhold(Why.PARTIAL)
    lowered = {warehouse: min(quantity, last[warehouse]) for warehouse, quantity in wanted.items()}
    return Publish(tuple(lowered.items()), partial=True)


def _kept_elsewhere(figures: Sequence[Figures], shelf: Shelf, rules: StockRules, *, blind: bool) -> Publish | Withhold:
    """No location that counts has it. Where all it has lies in locations that are left out, that is known to be 0."""
    if not rules.sums_all or not figures or blind or not all(one.certain for one in figures):
        return Withhold(Why.UNKNOWN)
    return Publish(tuple(dict.fromkeys(shelf.warehouses, 0).items()))


def _spread(counted: Sequence[Figures], shelf: Shelf, taken_off: int, rules: StockRules) -> dict[str, int]:
    """The quantity of every warehouse of the shelf."""
    found = dict.fromkeys(shelf.warehouses, 0)
    for one in counted:
        warehouse = rules.warehouse_of(one.location, shelf)
        if warehouse:
            found[warehouse] += one.sellable
    missing = -sum(quantity for quantity in found.values() if quantity < 0)
    found = {warehouse: max(quantity, 0) for warehouse, quantity in found.items()}
    owed = missing + taken_off + rules.kept_back(sum(found.values()) - missing)
    for warehouse in sorted(found, key=lambda name: (-found[name], name)):
        taken = min(owed, found[warehouse])
        found[warehouse] -= taken
        owed -= taken
    return {warehouse: min(quantity, MOST) for warehouse, quantity in found.items()}
