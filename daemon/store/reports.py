"""What a person asks the store: where does everything stand, what is owed, what failed (`trace` is in store/trace.py).

Plain JSON-able values for `status`, `backlog` and `exceptions`, the same for the command line, the web side and the
status page. Ids, codes, states and instants (epoch ms); never a token and nothing personal.

Every record names what it is part of: `order` for what belongs to one, `product` and `sku` (the seller's) for goods.
"""

from __future__ import annotations

from typing import Any

from daemon.core.jsontext import loads
from daemon.core.lifecycle import OPEN, State
from daemon.store.reader import Reader

PAGE_MAX = 1_000
HOURS_SHOWN = 48
MINUTES_SHOWN = 120
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
_EXCEPTION = "exception:"
_STOCK = "inventory"
PART_OF = ("order", "product", "sku")
"""Members of a record that name what it belongs to."""
_GOODS = frozenset({"products", _STOCK})


async def counts(reader: Reader) -> dict[str, dict[str, int]]:
    """Rows by flow and state; states with none are left out."""
    found: dict[str, dict[str, int]] = {}
    for flow, state, items in await reader.rows("tally_all"):
        if not flow.startswith(_EXCEPTION):
            found.setdefault(flow, {})[state] = items
    return found


async def exception_counts(reader: Reader) -> dict[tuple[str, str], int]:
    """Open exceptions by (flow, code)."""
    rows = await reader.rows("tally_all")
    return {(flow.removeprefix(_EXCEPTION), code): n for flow, code, n in rows if flow.startswith(_EXCEPTION)}


async def oldest(reader: Reader, flow: str, state: State) -> int | None:
    """When the source changed for the row that has waited longest in a state."""
    if state is State.SENDING:
        row = await reader.row("outbox_oldest_busy", (flow,))
    else:
        row = await reader.row("outbox_oldest", (flow, state.value))
    return None if row is None else row[0]


async def nearest_deadline(reader: Reader, flow: str) -> int | None:
    """The nearest ship-by instant of an order that TikTok does not show shipped yet; None for other flows."""
    if flow != "orders":
        return None
    row = await reader.row("outbox_nearest_deadline", (flow,))
    return None if row is None else row[0]


async def facts(reader: Reader) -> dict[str, Any]:
    """Everything the daemon has learnt, by name."""
    return {name: loads(value) for name, value, _ in await reader.rows("facts_all")}


async def runs(reader: Reader) -> dict[str, dict[str, Any]]:
    """The last run of every flow."""
    names = ("last_run_at_ms", "last_success_at_ms", "failing_since_ms", "problem")
    return {row["flow"]: {name: row[name] for name in names} for row in await reader.rows("runs_all")}


async def status(reader: Reader, now_ms: int) -> dict[str, Any]:
    """The whole picture on one page."""
    by_flow, last_runs, known = await counts(reader), await runs(reader), await facts(reader)
    flows: dict[str, Any] = {}
    for flow in sorted(set(by_flow) | set(last_runs)):
        states = by_flow.get(flow, {})
        waiting = {state.value: states[state.value] for state in OPEN if states.get(state.value)}
        ages = {state: await oldest(reader, flow, State(state)) for state in waiting}
        run = last_runs.get(flow, {})
        flows[flow] = {
            "last_success_at_ms": run.get("last_success_at_ms"),
            "failing_since_ms": run.get("failing_since_ms"),
            "problem": run.get("problem", ""),
            "backlog": waiting,
            "oldest_ms": {state: max(now_ms - at_ms, 0) for state, at_ms in ages.items() if at_ms is not None},
            "done": states.get("done", 0),
            "dropped": states.get("dropped", 0),
            "nearest_deadline_at_ms": await nearest_deadline(reader, flow),
        }
    opened = await exception_counts(reader)
    return {
        "now_ms": now_ms,
        "flows": flows,
        "orders_on_hold": by_flow.get("orders", {}).get("held", 0),
        "exceptions": [{"flow": flow, "code": code, "open": n} for (flow, code), n in sorted(opened.items())],
        "connections": {
            name.removeprefix("connection:"): value for name, value in known.items() if name.startswith("connection:")
        },
        "authorization": known.get("authorization", {}),
        "shop": known.get("shop", {}),
        "backfill": known.get("backfill", {}),
        "resync": known.get("resync", {}),
        "inventory_guard": known.get("inventory_guard", {}),
        "pipe17_integration": known.get("pipe17_integration", ""),
        "store_bytes": reader.size_bytes,
    }


async def backlog(reader: Reader, limit: int, flow: str = "") -> list[dict[str, Any]]:
    """What is owed and why it is not done, oldest first in each state."""
    found: list[dict[str, Any]] = []
    for name, states in (await counts(reader)).items():
        for state in OPEN:
            if flow not in ("", name) or not states.get(state.value):
                continue
            for statement in ("outbox_backlog_busy", "outbox_backlog"):
                if len(found) < limit:
                    rows = await reader.rows(statement, (name, state.value, limit - len(found)))
                    found += [owed(row) | await sku_of(reader, row) for row in rows]
    return found


async def exceptions(reader: Reader, limit: int, flow: str = "") -> list[dict[str, Any]]:
    """What a person has to look at, oldest first."""
    rows = await reader.rows("exceptions_open", (PAGE_MAX if flow else limit,))
    found = [row for row in rows if flow in ("", row["flow"])][:limit]
    return [exception(row) | await sku_of(reader, row) | await _next(reader, row) for row in found]


async def backfill(reader: Reader) -> dict[str, Any]:
    """Where the last backfill stands; empty when none was ever asked for."""
    found: dict[str, Any] = (await facts(reader)).get("backfill", {})
    return found


async def stock_snapshots(reader: Reader, now_ms: int) -> list[dict[str, Any]]:
    """Instants that `rollback` can go back to, newest first: before each minute of late in which stock was pushed, and
    before each hour of the days before."""
    found: list[dict[str, Any]] = []
    until_ms = now_ms + _MINUTE_MS
    for span_ms, back_ms in ((_MINUTE_MS, MINUTES_SHOWN * _MINUTE_MS), (_HOUR_MS, HOURS_SHOWN * _HOUR_MS)):
        since_ms = (now_ms - back_ms) // _HOUR_MS * _HOUR_MS
        rows = await reader.rows("pushed_by_span", (since_ms, until_ms, span_ms))
        found += [
            {"id": str(first_ms - 1), "at_ms": first_ms - 1, "pushed": count, "span_ms": span_ms}
            for first_ms, count in rows
        ]
        until_ms = since_ms
    return found


async def pulled(reader: Reader, flow: str, key: str, hint_id: str) -> dict[str, Any]:
    """What became of a record that a person asked for by name."""
    hint = await reader.row("hint_handled_at", (hint_id,))
    row = await reader.row("outbox_standing", (flow, key))
    return {
        "read": hint is None or hint["handled_at_ms"] is not None,
        "state": row["state"] if row else "",
        "reason": row["reason"] if row else "",
        "code": row["code"] if row else "",
        "remote_id": row["remote_id"] if row else "",
        "due_at_ms": row["due_at_ms"] if row else None,
    }


def owed(row: Any) -> dict[str, Any]:
    """A row of the outbox, without what it carries."""
    names = (
        "flow", "key", "state", "reason", "code", "attempts", "version", "remote_id", "due_at_ms", "deadline_at_ms",
        "changed_at_ms", "updated_at_ms",
    )  # fmt: skip
    return _part_of(row) | {name: row[name] for name in names}


def exception(row: Any) -> dict[str, Any]:
    """An exception, open or closed."""
    names = ("flow", "key", "code", "detail", "deadline_at_ms", "opened_at_ms", "seen_at_ms", "times", "closed_at_ms")
    return _part_of(row) | {name: row[name] for name in names}


async def sku_of(reader: Reader, row: Any) -> dict[str, str]:
    """The seller SKU behind a row about the stock of one."""
    link = await reader.row("link_get", (row["key"],)) if row["flow"] == _STOCK else None
    return {"sku": "" if link is None else str(link["seller_sku"])} if row["flow"] in _GOODS else {}


def _part_of(row: Any) -> dict[str, str]:
    """The order or the product that a record belongs to; "" when it stands alone."""
    group = "" if row["group_key"] in (row["key"], row["flow"]) else row["group_key"]
    return {"product": group} if row["flow"] in _GOODS else {"order": group}


async def _next(reader: Reader, row: Any) -> dict[str, Any]:
    """When the thing behind an exception is tried again."""
    owed = await reader.row("outbox_standing", (row["flow"], row["key"]))
    if owed is None:
        return {"state": None, "next_attempt_at_ms": None}
    return {"state": owed["state"], "next_attempt_at_ms": owed["due_at_ms"]}
