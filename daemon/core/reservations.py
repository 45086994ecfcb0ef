"""Units that a TikTok order has taken and Pipe17 does not know of yet: counted once, never twice for long.

TikTok takes the units of an order off its own stock the moment it is placed. What we publish is absolute, so until
Pipe17's figures show the order too, they would put those units back on sale. From the first sight of an order until
then its units are *reserved*, by seller SKU:

    from   the order is first read at TikTok: unpaid, held or released, and not shipped by the platform
    until  Pipe17's row names the order as the cause of its last change; or
           the row shows fewer units than before, beyond what another order explains, and the order has been released,
           or was handed over a moment ago (whether Pipe17 commits stock for an `onHold` order is open); or
           `LONGEST` after the release, for SKUs that Pipe17 does not keep; or
           the order is cancelled, shipped or given up at TikTok

A cancel gives units back at TikTok, on top of what we published: what TikTok has is then no longer what it accepted
from us. So the SKUs of cancelled units are published again, also when the quantity is the one of before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.core.orders import AWAITS_SHIPPING
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import TikTokOrder, read_order
from daemon.core.units import CANCELLED

LONGEST = timedelta(hours=1)
"""How long after the release an order may stay without a sign of it in Pipe17's figures."""
A_MOMENT = timedelta(minutes=2)
"""How long after it was handed over a held order is the likely cause of a decrease."""
LIKELIEST = 32
"""So many orders are looked at for a choice of them that adds up."""
_SKEW = timedelta(seconds=10)
"""How far Pipe17's clock may be behind ours."""
_STANDINGS = frozenset(standing.value for standing in AWAITS_SHIPPING)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units of one SKU in one order."""

    order_id: str
    sku: str
    units: int
    remote_id: str = ""
    accepted_at_ms: int | None = None
    """Since when Pipe17 has the order."""
    released_at_ms: int | None = None
    """Since when Pipe17 may ship it."""

    def may_be_behind(self, version_ms: int) -> bool:
        """Whether a change of Pipe17's figures at that instant may be this order's doing."""
        if self.released_at_ms is not None:
            return True
        if self.accepted_at_ms is None:
            return False
        after_ms = version_ms - self.accepted_at_ms
        return -milliseconds(_SKEW) <= after_ms <= milliseconds(A_MOMENT)

    def unlikely(self, version_ms: int) -> int:
        """The lower, the likelier: released before the change; released after it, as far as our clock and the end of
        our call can tell; only handed over."""
        if self.released_at_ms is None:
            return 2
        return int(self.released_at_ms - version_ms > milliseconds(_SKEW))


def taken_by(order: TikTokOrder) -> list[list[Any]]:
    """[seller SKU, units] of what we are still to ship, bundles as their parts; JSON for the order's row.

    What the platform ships leaves warehouses of its own.
    """
    found: Counter[str] = Counter()
    if order.platform_fulfilled:
        return []
    for unit in order.live_units:
        if unit.shipped:
            continue
        if unit.components:
            for part in unit.components:
                found[part.seller_sku or part.sku_id] += part.count
        else:
            found[unit.seller_sku or unit.sku_id] += 1
    return [[sku, units] for sku, units in sorted(found.items()) if sku]


def units_taken(payload: Mapping[str, Any]) -> dict[str, int]:
    """Units by seller SKU that the row of an order says it takes; none once nothing is left to be shipped by us."""
    if payload.get("standing") not in _STANDINGS:
        return {}
    return {str(sku): int(units) for sku, units in payload.get("takes", ())}


def given_back(before: Mapping[str, Any] | None, payload: Mapping[str, Any], now_ms: int) -> set[str]:
    """Seller SKUs of units that were cancelled at TikTok since the order's row said `before` (None: there was none)."""
    facts = payload.get("facts") or {}
    if not _cancelled_in(facts):
        return set()
    order = read_order(facts)
    if order.platform_fulfilled:
        return set()
    if before is None and now_ms - order.update_time_ms > milliseconds(LONGEST):
        return set()
    news = _cancelled_in(facts) - _cancelled_in((before or {}).get("facts") or {})
    found: set[str] = set()
    for unit in order.units:
        if unit.id in news:
            parts = [part.seller_sku or part.sku_id for part in unit.components]
            found.update(parts or [unit.seller_sku or unit.sku_id])
    return found


def _cancelled_in(facts: Mapping[str, Any]) -> set[str]:
    """Ids of the units that an order's facts say are cancelled; of a cancelled order all, whatever its lines say."""
    whole = str(facts.get("status", "")).upper() in CANCELLED
    units = facts.get("line_items", ())
    return {str(unit.get("id")) for unit in units if whole or str(unit.get("display_status", "")).upper() in CANCELLED}


def explained(
    reserved: Sequence[Reservation], decrease: int, order_id: str, quantity: int, version_ms: int
) -> list[Reservation]:
    """The reservations of a SKU that a newer row of Pipe17 counts.

    `decrease`: units by which the row shows less than the one before it. `order_id`, `quantity`: the Pipe17 order and
    the units that the row names as its last change. `version_ms`: when that was. `reserved`: in the order in which they
    are served. Orders that Pipe17 may ship are the likelier cause, and come before those that it only has; so do orders
    whose units add up to what disappeared.
    """
    named = [one for one in reserved if order_id and one.remote_id == order_id]
    left = decrease - sum(one.units for one in named)
    if order_id and not named:
        left = decrease - abs(quantity)
    likely = [one for one in reserved if one not in named and one.units <= left and one.may_be_behind(version_ms)]
    likely.sort(key=lambda one: one.unlikely(version_ms))
    return named + (_adding_up(likely[:LIKELIEST], left) or _fitting(likely, left))


def _adding_up(likely: Sequence[Reservation], units: int) -> list[Reservation]:
    """The first of them that are so many units together; none where no choice of them is."""
    sums: dict[int, tuple[Reservation, ...]] = {0: ()}
    for one in likely:
        for known, chosen in list(sums.items()):
            sums.setdefault(known + one.units, (*chosen, one))
        if units in sums:
            break
    return list(sums.get(units, ()))


def _fitting(likely: Sequence[Reservation], units: int) -> list[Reservation]:
    """In their turn, those that fit into so many units."""
    found = []
    for one in likely:
        if one.units <= units:
            found.append(one)
            units -= one.units
    return found
