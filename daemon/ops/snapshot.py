"""What the metrics show of the store, read at the moment of a scrape. See `StoreSnapshot` for the rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from daemon.core.lifecycle import OPEN, State
from daemon.ops.metrics import StoreSnapshot
from daemon.store import reports
from daemon.store.reader import Reader


async def read_snapshot(reader: Reader, flows: Iterable[str], now_ms: int) -> StoreSnapshot:
    """The whole snapshot; `flows` are those this daemon runs. Raises `sqlite3.Error`."""
    counts, runs, facts = await reports.counts(reader), await reports.runs(reader), await reports.facts(reader)
    backlog: dict[tuple[str, str], int] = {}
    oldest: dict[tuple[str, str], timedelta] = {}
    for flow, states in counts.items():
        for state in OPEN:
            items = states.get(state.value, 0)
            backlog[flow, state.value] = items
            since_ms = await reports.oldest(reader, flow, state) if items else None
            if since_ms is not None:
                oldest[flow, state.value] = _milliseconds(max(now_ms - since_ms, 0))
    successes = {flow: run["last_success_at_ms"] for flow, run in runs.items() if run["last_success_at_ms"] is not None}
    running = set(flows)
    grant, limit = facts.get("authorization", {}), facts.get("order_limit", {})
    return StoreSnapshot(
        backlog=backlog,
        oldest=oldest,
        exceptions=await reports.exception_counts(reader),
        orders_on_hold=counts.get("orders", {}).get(State.HELD.value, 0) if "orders" in running else None,
        ship_deadline=await _ship_deadline(reader, now_ms),
        orders_today=limit.get("count") if limit.get("limit") else None,
        orders_daily_limit=limit.get("limit"),
        authorized=_authorized(grant, facts.get("connection:tiktok", {})),
        authorization_expires_at_ms=grant.get("refresh_expires_at_ms"),
        last_success_at_ms=successes,
        inventory_guard=_guarded(facts.get("inventory_guard") or {}) if "inventory" in running else {},
        resync_percent=_resync(facts.get("resync") or {}, "percent"),
        resync_left=_resync(facts.get("resync") or {}, "left"),
        store_bytes=reader.size_bytes,
    )


async def _ship_deadline(reader: Reader, now_ms: int) -> timedelta | None:
    """The nearest ship-by instant of an order that TikTok does not show shipped yet, wherever it waits."""
    nearest_ms = await reports.nearest_deadline(reader, "orders")
    return None if nearest_ms is None else _milliseconds(nearest_ms - now_ms)


def _guarded(held: dict[str, Any]) -> dict[str, int]:
    """SKUs that the guard keeps from going to zero, or from changing wildly."""
    return {kind: int(held.get(kind, 0)) for kind in ("zeroed", "wild")}


def _resync(known: dict[str, Any], name: str) -> int | None:
    return int(known[name]) if known.get("by") else None


def _authorized(grant: dict[str, Any], connection: dict[str, Any]) -> bool | None:
    """None before TikTok was asked once; a refusal of any call outweighs what the grant looked like a minute ago."""
    state = grant.get("state", "unknown")
    if connection.get("state") == "refused":
        return False
    return None if state == "unknown" else state == "authorized"


def _milliseconds(count: int) -> timedelta:
    return timedelta(milliseconds=count)
