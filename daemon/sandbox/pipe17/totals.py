"""`totals=true` on the inventory list: one row per SKU, summed over the locations that count (contract 6)."""

from __future__ import annotations

from itertools import islice
from typing import Any

from daemon.sandbox.pipe17.listing import Query
from daemon.sandbox.pipe17.options import Pipe17Options
from daemon.sandbox.pipe17.table import Table

SUMMED = ("onHand", "committed", "available", "availableToPromise", "future", "committedFuture", "incoming")


def totals_page(table: Table, query: Query, options: Pipe17Options) -> dict[str, Any]:
    """The answer's payload; SKUs in the order in which they were first seen."""
    asked = query.looked_up[1] if query.looked_up is not None and query.looked_up[0] == "sku" else None
    skus = (sku for sku in (table.values("sku") if asked is None else dict.fromkeys(asked)) if table.find("sku", sku))
    found = list(islice(skus, query.skip, query.skip + query.count + 1))
    rows = [_total(table, sku, options) for sku in found[: query.count]]
    return {"inventory": rows, "pagination": {"last": len(found) <= query.count, "pageSize": query.count}}


def _total(table: Table, sku: str, options: Pipe17Options) -> dict[str, Any]:
    rows = [row.document for row in table.find("sku", sku)]
    counted = [row for row in rows if row["locationId"] not in options.excluded_locations]
    sums = {name: sum(row[name] for row in counted) for name in SUMMED}
    return {"sku": sku, **sums, "updatedAt": max(row["updatedAt"] for row in rows)}
