"""Lists: filters, order, offset paging and which members a row shows.

* `skip` and `count` page by offset over the set as it is *now*: rows that change between two pages move, so they are
  seen twice or not at all. `count` above the maximum is cut without a word; `pagination.pageSize` tells.
* Without `keys` a row shows a few members only; `keys=*` shows all, `keys=a,b` those.
* Several values of a filter come as repeats or joined by commas. A parameter nobody knows has no effect.
* Only `createdAt` and `updatedAt` sort. A poll by `updatedSince` touches the rows of its window, not the whole table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from daemon.sandbox.pipe17.gateway import Refusal
from daemon.sandbox.pipe17.options import Pipe17Options
from daemon.sandbox.pipe17.shapes import (
    ORDER_STATUSES,
    ROUTING_STATUSES,
    SHIPMENT_STATUSES,
    SOURCE_TYPES,
    instant_ms,
    words,
)
from daemon.sandbox.pipe17.table import Row, Table

Pairs = Sequence[tuple[str, str]]
Test = Callable[[Row], bool]
Show = Callable[[Row], Mapping[str, Any]]

DEFAULT_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "orders": words(
        "orderId extOrderId email status shipByDate fulfilledAt expectedDeliveryDate tags createdAt updatedAt orgKey"
    ),
    "shipments": words("shipmentId extOrderId status createdAt updatedAt orgKey"),
    "fulfillments": words(
        "fulfillmentId shipmentId extOrderId fulfillmentType actualShipDate autoEngUpdateStatus createdAt updatedAt "
        "orgKey"
    ),
    "products": words("productId sku name status types createdAt updatedAt orgKey"),
    "inventory": words(
        "inventoryId sku locationId onHand committed available availableToPromise incoming future committedFuture "
        "inventoryNotTracked createdAt updatedAt orgKey"
    ),
    "locations": words("locationId name address status createdAt updatedAt orgKey"),
}
"""Members of a list row without `keys`. Those of shipments are the least that has been seen."""

ONE_OF: Mapping[str, Mapping[str, str]] = {
    "orders": {
        **{name: name for name in words("orderId extOrderId status routingStatus orderSource orderSourceType")},
        **{name: name for name in words("locationId integration email autoEngUpdateStatus")},
        "emailAddr": "email",
    },
    "shipments": {name: name for name in words("orderId extOrderId locationId status")},
    "fulfillments": {name: name for name in words("shipmentId orderId extOrderId locationId")},
    "products": {name: name for name in words("sku status productId")},
    "inventory": {name: name for name in words("sku locationId inventoryId type event")},
    "locations": {"locationId": "locationId"},
}
"""Filter to the member that must have one of its values."""

ANY_OF: Mapping[str, Mapping[str, str]] = {
    "orders": {"tags": "tags", "disposition": "disposition", "exceptionType": "exceptions"},
    "shipments": {"tags": "tags"},
    "fulfillments": {},
    "products": {"tags": "tags"},
    "inventory": {"tags": "tags"},
    "locations": {},
}
"""Filter to the list member that must hold one of its values."""

ALLOWED: Mapping[tuple[str, str], Sequence[str]] = {
    ("orders", "status"): ORDER_STATUSES,
    ("orders", "routingStatus"): ROUTING_STATUSES,
    ("orders", "orderSourceType"): SOURCE_TYPES,
    ("shipments", "status"): SHIPMENT_STATUSES,
}

UPPER_BOUNDS = frozenset({"orders", "inventory"})
"""Entities whose lists are known to take `until` and `updatedUntil`."""


@dataclass(frozen=True, slots=True)
class Window:
    """Instants in ms, both included; None is open."""

    from_ms: int | None = None
    to_ms: int | None = None

    def holds(self, instant_ms: int) -> bool:
        """Whether an instant lies in it."""
        return (self.from_ms is None or instant_ms >= self.from_ms) and (self.to_ms is None or instant_ms <= self.to_ms)


@dataclass(frozen=True, slots=True)
class Query:
    """One understood list request. `members` None: all. `looked_up` is a filter an index answers."""

    count: int
    skip: int
    paged: bool
    members: tuple[str, ...] | None
    by_updated: bool
    descending: bool
    created: Window
    updated: Window
    looked_up: tuple[str, tuple[str, ...]] | None
    tests: tuple[Test, ...]
    totals: bool = False


def read_query(table: Table, pairs: Pairs, options: Pipe17Options) -> Query | Refusal:
    """The list request in a query string."""
    problems: list[str] = []
    given = {name: list(_values(pairs, name)) for name, _ in pairs}
    if "filters" in given:
        return Refusal(400, "filters can not be used")
    count = _whole(given, "count", 1, problems) or options.default_count
    skip = _whole(given, "skip", 0, problems) or 0
    order = (given.get("order") or ["createdAt"])[0]
    if order.removeprefix("-") not in options.sort_keys:
        problems.append("order is not a sort key")
    paging = given.get("pagination", [])
    if paging not in ([], ["disabled"]):
        problems.append("pagination must be disabled")
    created = _window(given, "since", "until", table.plural, options, problems)
    updated = _window(given, "updatedSince", "updatedUntil", table.plural, options, problems)
    looked_up, tests = _filters(table, given, problems)
    totals = table.plural == "inventory" and given.get("totals") == ["true"]
    if totals and ("ledger" in given or ("updatedSince" in given and not options.totals_since)):
        problems.append("totals can not be combined with that")
    if "ledger" in given and not totals:
        problems.append("ledger is not kept here")
    if problems:
        return Refusal(400, "Validation failed", tuple(problems))
    return Query(
        count=min(count, options.max_count),
        skip=skip,
        paged=not paging,
        members=_members(table.plural, given.get("keys", [])),
        by_updated=order.endswith("updatedAt"),
        descending=order.startswith("-"),
        created=created,
        updated=updated,
        looked_up=looked_up,
        tests=tests,
        totals=totals,
    )


def page(table: Table, query: Query, owner: str | None, show: Show) -> dict[str, Any]:
    """The answer's payload. `owner` limits it to the records of one integration, `show` is what it sees of a row."""
    tests = query.tests if owner is None else (*query.tests, lambda row: row.owner == owner)
    skip = query.skip if query.paged else 0
    rows, skip = _candidates(table, query, skip if not tests else None, skip)
    kept = (row for row in rows if all(test(row) for test in tests)) if tests else rows
    found = list(islice(kept, skip, skip + query.count + 1 if query.paged else None))
    size = query.count if query.paged else len(found)
    return {
        table.plural: [_project(show(row), query.members) for row in found[:size]],
        "pagination": {"last": len(found) <= size, "pageSize": size},
    }


def _candidates(table: Table, query: Query, skippable: int | None, skip: int) -> tuple[Iterable[Row], int]:
    """Rows of both windows in the asked order, and what is still to be skipped of them."""
    if query.looked_up is not None:
        member, values = query.looked_up
        shown = {row.id: table.listed(row.id) for value in values for row in table.find(member, value)}
        return _ordered((row for row in shown.values() if row is not None), query), skip
    by_updated_only = query.created == Window()
    by_created_only = query.updated == Window()
    if query.by_updated or by_created_only:
        window, other_is_open = (
            (query.updated, by_updated_only) if query.by_updated else (query.created, by_created_only)
        )
        jump = skippable or 0 if other_is_open else 0
        rows = table.walk(
            updated=query.by_updated,
            descending=query.descending,
            from_ms=window.from_ms,
            to_ms=window.to_ms,
            skip=jump,
        )
        return rows if other_is_open else _in_windows(rows, query), skip - jump
    changed = table.walk(updated=True, descending=False, from_ms=query.updated.from_ms, to_ms=query.updated.to_ms)
    return _ordered(changed, query), skip


def _in_windows(rows: Iterable[Row], query: Query) -> Iterator[Row]:
    return (row for row in rows if query.created.holds(row.created_ms) and query.updated.holds(row.updated_ms))


def _ordered(rows: Iterable[Row], query: Query) -> list[Row]:
    def place(row: Row) -> tuple[int, int]:
        return (row.updated_ms if query.by_updated else row.created_ms, row.number)

    return sorted(_in_windows(rows, query), key=place, reverse=query.descending)


def _filters(
    table: Table, given: Mapping[str, list[str]], problems: list[str]
) -> tuple[tuple[str, tuple[str, ...]] | None, tuple[Test, ...]]:
    looked_up: tuple[str, tuple[str, ...]] | None = None
    tests: list[Test] = []
    for name, member in ONE_OF[table.plural].items():
        values = given.get(name)
        if not values:
            continue
        allowed = ALLOWED.get((table.plural, name))
        if allowed is not None and not set(values) <= set(allowed):
            problems.append(f"{name} is not one of its values")
        if looked_up is None and table.indexed(member):
            looked_up = (member, tuple(values))
        else:
            tests.append(_one_of(member, frozenset(values)))
    for name, member in ANY_OF[table.plural].items():
        if given.get(name):
            tests.append(_any_of(member, frozenset(given[name])))
    if table.plural == "orders":
        tests.extend(_order_filters(given, problems))
    return looked_up, tuple(tests)


def _order_filters(given: Mapping[str, list[str]], problems: list[str]) -> Iterator[Test]:
    hold = Window(_instant(given, "holdUntilSince", problems), _instant(given, "holdUntilUntil", problems))
    if hold != Window():

        def held(row: Row) -> bool:
            until_ms = instant_ms(row.document.get("holdUntil"))
            return until_ms is not None and hold.holds(until_ms)

        yield held
    if given.get("requireShippingLabels"):
        wanted = given["requireShippingLabels"][0] == "true"
        yield lambda row: row.document.get("requireShippingLabels", False) is wanted


def _one_of(member: str, values: frozenset[str]) -> Test:
    return lambda row: row.document.get(member) in values


def _any_of(member: str, values: frozenset[str]) -> Test:
    return lambda row: not values.isdisjoint(row.document.get(member, ()))


def _values(pairs: Pairs, name: str) -> Iterator[str]:
    for key, value in pairs:
        if key == name:
            yield from (part.strip() for part in value.split(",") if part.strip())


def _whole(given: Mapping[str, list[str]], name: str, least: int, problems: list[str]) -> int | None:
    values = given.get(name)
    if not values:
        return None
    text = values[0]
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) < least:
        problems.append(f"{name} must be an integer of at least {least}")
        return None
    return int(text)


def _instant(given: Mapping[str, list[str]], name: str, problems: list[str]) -> int | None:
    values = given.get(name)
    if not values:
        return None
    instant = instant_ms(values[0])
    if instant is None:
        problems.append(f"{name} must be date-time")
    return instant


def _window(
    given: Mapping[str, list[str]], since: str, until: str, entity: str, options: Pipe17Options, problems: list[str]
) -> Window:
    from_ms = _instant(given, since, problems)
    if from_ms is not None and options.since_exclusive:
        from_ms += 1
    return Window(from_ms, _instant(given, until, problems) if entity in UPPER_BOUNDS else None)


def _members(entity: str, keys: Sequence[str]) -> tuple[str, ...] | None:
    if "*" in keys:
        return None
    return tuple(keys) or DEFAULT_MEMBERS[entity]


def _project(document: Mapping[str, Any], members: tuple[str, ...] | None) -> Mapping[str, Any]:
    if members is None:
        return document
    return {name: document[name] for name in members if name in document}
