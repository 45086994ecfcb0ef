"""What `trace` and /api/trace tell of one order, product or SKU: the store's story, and what the settings make of it.

The store knows what is there (store/trace.py); why the stock of a SKU is not ours to set, and why that of a location is
not sold, follows from the settings and from what is excluded in Pipe17. Only a story with SKUs asks for any of it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from daemon.ops.stock_locations import why_uncounted
from daemon.settings import Settings
from daemon.store import reports
from daemon.store.links import Link
from daemon.store.reader import Reader
from daemon.store.trace import trace


async def story(reader: Reader, subject: str, settings: Settings, *, personal: bool = False) -> dict[str, Any] | None:
    """As `store.trace.trace`; each of Pipe17's rows also says why it is not sold (`uncounted`, "" when it is)."""
    told = await trace(reader, subject, personal=personal, not_ours=partial(_left_alone, settings))
    if told is None or not told["skus"]:
        return told
    rows = [row for one in told["skus"] for row in one["levels"]]
    why = why_uncounted(settings, await reports.facts(reader), {row["location_id"] for row in rows})
    for row in rows:
        row["uncounted"] = why[row["location_id"]]
    return told


def _left_alone(settings: Settings, link: Link) -> str:
    from daemon.assembly import stock_rules
    from daemon.flows.stock_plan import not_ours

    return not_ours(link, stock_rules(settings)) if settings.inventory.pushes else "INVENTORY is off"
