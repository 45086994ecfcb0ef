"""Units that a TikTok order has taken and Pipe17 does not know of yet: counted once, never twice for long.

TikTok takes the units of an order off its own stock the moment it is placed. What we publish is absolute, so until
Pipe17's figures show the order too, they would put those units back on sale. From the first sight of an order until
then its units are *reserved*, by seller SKU:

    from   the order is first read at TikTok: unpaid, held or released, and not shipped by the platform
    until  Pipe17's row names the order as the cause of its last change; or it shows less than before, beyond what
           another order explains, and the order has been released to Pipe17; or `LONGEST` after that release, for
           SKUs that Pipe17 does not keep; or the order is cancelled, shipped or given up at TikTok

Whether Pipe17 commits stock for an order that is `onHold` is open: the rules above are right either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.core.orders import AWAITS_SHIPPING

LONGEST = timedelta(hours=1)
"""How long after the release an order may stay without a sign of it in Pipe17's figures."""
_STANDINGS = frozenset(standing.value for standing in AWAITS_SHIPPING)
_COMMITTED_ELSEWHERE = frozenset({"canceled", "fulfilled"})


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units of one SKU in one order."""

    order_id: str
    sku: str
    units: int
    remote_id: str = ""
    released_at_ms: int | None = None


def units_of(order: Mapping[str, Any]) -> dict[str, int]:
    """Units by seller SKU that an order of ours (the payload of its row) takes; none once nothing is to be shipped."""
    if order.get("standing") not in _STANDINGS:
        return {}
    found: Counter[str] = Counter()
    for sku, units in order.get("takes", ()):
        found[str(sku)] += int(units)
    return dict(found)


def explained(
    reserved: Sequence[Reservation], decrease: int, order_id: str, quantity: int
) -> list[Reservation]:
    """The reservations of a SKU that a newer row of Pipe17 makes needless.

    `decrease`: units by which the row shows less than the one before. `order_id`, `quantity`: the order and the units
    that the row names as its last change. `reserved`: oldest first.
    """
    named = [one for one in reserved if order_id and one.remote_id == order_id]
    left = decrease - (sum(one.units for one in named) if named else (abs(quantity) if order_id else decrease))
    found = list(named)
    for one in reserved:
        if one not in named and one.released_at_ms is not None and one.units <= left:
            found.append(one)
            left -= one.units
    return found
