"""The story of one thing, for `trace`: an order, or a product and its SKUs. Any id of either side leads to it.

    an order    its records in every flow, what became of them, what came too late, its exceptions, its timeline
    a SKU       besides: what Pipe17 shows of it, what orders have taken, what TikTok accepted, and why nothing is sent

Plain JSON-able values, as in store/reports.py. An address is shown only where it is asked for (`personal`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daemon.core.jsontext import loads
from daemon.store import links
from daemon.store.links import Link
from daemon.store.reader import Reader
from daemon.store.reports import exception, owed

LINES_MAX = 500
LINES_OF_A_SKU = 30
"""The newest ones: the stock of a SKU may change every minute for years."""
SKUS_MAX = 50


async def trace(
    reader: Reader, subject: str, *, personal: bool = False, not_ours: Callable[[Link], str] | None = None
) -> dict[str, Any] | None:
    """Everything about one order, product or SKU by any of its ids (also a seller SKU); None when nothing is known.

    `personal`: also both versions of what TikTok changed too late, with addresses; for a person at this machine who
    asks for them, and for nobody else. `not_ours`: why the settings, or TikTok, leave the stock of a SKU to others.
    """
    sold = await _sold(reader, subject)
    if sold or (subject and await reader.rows("levels_of_sku", (subject,))):
        return await _goods(reader, subject, sold, not_ours)
    return await _order(reader, subject, personal=personal)


# --- orders


async def _order(reader: Reader, subject: str, *, personal: bool) -> dict[str, Any] | None:
    groups = [row[0] for row in await reader.rows("journal_groups_of_key", (subject,))]
    group = groups[0] if groups and subject not in groups else subject
    rows = await reader.rows("outbox_group", (group,))
    lines = await reader.rows("journal_of_group", (group, LINES_MAX))
    if not rows and not lines:
        known = await reader.row("outbox_group_of_key", (subject,)) or await reader.row(
            "outbox_by_remote_id", (subject,)
        )
        return None if known is None else await _order(reader, known[0], personal=personal)
    problems = await reader.rows("exceptions_of_group", (group, LINES_MAX))
    return {
        "kind": "order",
        "subject": group,
        "skus": [],
        "records": [owed(row) | {"result": _public_result(row)} for row in rows],
        "edits": [edit for row in rows for edit in _edits(row, personal=personal)],
        "exceptions": [exception(row) for row in problems],
        "timeline": [_line(row) for row in lines],
    }


def _public_result(row: Any) -> dict[str, Any]:
    """What the other side said about the last success, without documents."""
    result = loads(row["result"]) if row["result"] else {}
    return {name: value for name, value in result.items() if isinstance(value, str)}


def _edits(row: Any, *, personal: bool) -> list[dict[str, Any]]:
    """What came too late for Pipe17 (core/edits.py): which members, and with `personal` both versions."""
    result = loads(row["result"]) if row["result"] else {}
    names = ("code", "at_ms", "members", *(("before", "after") if personal else ()))
    return [{name: edit[name] for name in names} for edit in result.get("edits") or ()]


def _line(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in ("at_ms", "flow", "key", "event", "detail")}


# --- goods


async def _sold(reader: Reader, subject: str) -> list[Link]:
    """The TikTok SKUs behind an id: of a SKU, of the seller, of a product, of a product of Pipe17."""
    for statement in ("link_get", "links_by_seller_sku", "links_by_product"):
        found = await reader.rows(statement, (subject,))
        if found:
            return [links.link_of(row) for row in found]
    made = await reader.row("outbox_product_by_remote_id", (subject,))
    return [] if made is None else await _sold(reader, made[0])


async def _goods(
    reader: Reader, subject: str, sold: Sequence[Link], not_ours: Callable[[Link], str] | None
) -> dict[str, Any]:
    some = sold[:SKUS_MAX]
    products = list(dict.fromkeys(link.product_id for link in sold))
    keys = [*products, *(link.sku_id for link in some)]
    rows = [row for product in products for row in await reader.rows("outbox_group", (product,)) if row["key"] in keys]
    lines = [row for key in keys for row in await reader.rows("journal_of_key_lately", (key, LINES_OF_A_SKU))]
    about = {*keys, *(link.seller_sku for link in some)}
    problems = [
        row
        for product in products
        for row in await reader.rows("exceptions_of_group_lately", (product, LINES_OF_A_SKU))
        if row["key"] in about
    ]
    by_key = {row["key"]: row for row in rows}
    names = {place["id"]: place["name"] for place in await reader.rows("warehouses_all")}
    stories = [await _sku(reader, link, by_key.get(link.sku_id), names, not_ours) for link in some]
    if not sold:
        stories = [{"sku": subject, "sku_id": "", "product_id": ""} | await _pipe17(reader, subject)]
    return {
        "kind": "product" if sold else "sku",
        "subject": products[0] if sold else subject,
        "skus": stories,
        "skus_left_out": len(sold) - len(some),
        "records": [owed(row) | {"result": {}} for row in rows],
        "edits": [],
        "exceptions": [exception(row) for row in sorted(problems, key=lambda row: int(row["id"]))],
        "timeline": [_line(row) for row in sorted(lines, key=lambda row: int(row["id"]))],
    }


async def _sku(
    reader: Reader, link: Link, row: Any, names: Mapping[str, str], not_ours: Callable[[Link], str] | None
) -> dict[str, Any]:
    """What decides about the stock of a SKU, as far as it is known.

    `row`: its record of the stock flow. `names`: those of the warehouses.
    """
    result = loads(row["result"]) if row is not None and row["result"] else {}
    change = await reader.row("stock_change_get", (link.sku_id,))
    return {
        "sku": link.seller_sku,
        "sku_id": link.sku_id,
        "product_id": link.product_id,
        "pipe17_product_id": link.pipe17_product_id,
        "status": "GONE" if link.gone_at_ms is not None else link.status,
        "of": link.kind.value,
        "left_alone": not_ours(link) if not_ours is not None else "",
        "warehouses": [
            {
                "id": place,
                "name": names.get(place, ""),
                "seen": seen,
                "accepted": (result.get("levels") or {}).get(place),
            }
            for place, seen in link.warehouses
        ],
        "sent": bool(result.get("levels")),
        "accepted_at_ms": row["finished_at_ms"] if row is not None and result.get("levels") else None,
        "change": None if change is None else dict(change),
    } | await _pipe17(reader, link.seller_sku, link.product_id)


async def _pipe17(reader: Reader, sku: str, product_id: str = "") -> dict[str, Any]:
    """Pipe17's rows of a SKU, what orders have taken that they do not count, and what is kept back."""
    marks = [await reader.row("mark_get", (one,)) for one in (sku, product_id) if one]
    return {
        "levels": [dict(row) for row in await reader.rows("levels_of_sku", (sku,))],
        "taken": [
            {"order": row["order_id"], "units": row["units"]}
            for row in await reader.rows("reservations_of_sku", (sku,))
        ],
        "kept_back": next((mark["buffer_units"] for mark in marks if mark is not None and mark["buffer_units"]), 0),
    }
