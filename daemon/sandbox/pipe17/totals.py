"""`totals=true` on the inventory list: one row per SKU, summed over the locations that count (contract 6).

Two kinds of locations do not count: those that the merchant excluded, which nothing else shows, and one that fails at
the moment, of which the rows are not shown either.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17.gateway import NO_RESULTS, Refusal
from daemon.sandbox.pipe17.listing import Query
from daemon.sandbox.pipe17.options import Pipe17Options, Totals
from daemon.sandbox.pipe17.table import Table

REFUSALS = {
    Totals.REFUSED: Refusal(400, "Validation failed", ("totals is not a parameter",)),
    Totals.FORBIDDEN: Refusal(403, "Forbidden"),
    Totals.UNKNOWN: Refusal(404, NO_RESULTS),
}


def totals_page(table: Table, query: Query, options: Pipe17Options, fault: Fault | None) -> dict[str, Any] | Refusal:
    """The answer's payload; SKUs in the order in which they were first seen."""
    if options.totals in REFUSALS:
        return REFUSALS[options.totals]
    asked = query.looked_up[1] if query.looked_up is not None and query.looked_up[0] == "sku" else None
    skus = (sku for sku in (table.values("sku") if asked is None else dict.fromkeys(asked)) if table.find("sku", sku))
    found = [] if options.totals is Totals.NONE else list(islice(skus, query.skip, query.skip + query.count + 1))
    failing = [fault.message] if fault is not None and fault.kind is FaultKind.MISSING_LOCATION else []
    left_out = {*options.excluded_locations, *failing}
    rows = [_total(table, sku, left_out, options.totals_members) for sku in found[: query.count]]
    return {"inventory": rows, "pagination": {"last": len(found) <= query.count, "pageSize": query.count}}


def _total(table: Table, sku: str, left_out: Collection[str], members: tuple[str, ...]) -> dict[str, Any]:
    rows = [row.document for row in table.find("sku", sku)]
    counted = [row for row in rows if row["locationId"] not in left_out]
    sums = {name: sum(row[name] for row in counted) for name in members}
    return {"sku": sku, **sums, "updatedAt": max(row["updatedAt"] for row in rows)}
