"""What follows once an order exists in Pipe17: a message and an order card to the buyer, and our ids at TikTok.

    messages     `<order id>:text` and `<order id>:card`, once per order for ever; only where the order is news and has
                 still to be shipped, never for one of the past that a person asked for
    references   `<order id>`: Pipe17's ids of the order and its lines, again whenever Pipe17's id changes

Asked with each success of the order's own row; what it answers is staged in that same transaction (`FollowUp`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.core.jsontext import digest
from daemon.core.messages import ORDER_CARD, TEXT, is_news
from daemon.core.owed import FollowUp, Owed
from daemon.core.reading import seconds_as_ms

MESSAGES, REFERENCES = "messages", "references"
"""The flows."""
TOGETHER_MS = 10_000
"""References become due in steps of this, so that many orders share a call; nobody waits for one."""
_KINDS = {"text": TEXT, "card": ORDER_CARD}
_NEWS_IN = ("onHold", "new")
"""Statuses in Pipe17 of an order that the buyer still waits for."""


@dataclass(frozen=True, slots=True)
class FollowUpRules:
    """What the settings ask for."""

    text: bool = False
    card: bool = False
    references: bool = False


def follow_ups(
    row: Owed, remote_id: str, payload: Mapping[str, Any], rules: FollowUpRules, now_ms: int, *, fresh: bool
) -> tuple[FollowUp, ...]:
    """What follows from this success.

    `row`: the order's row as it was claimed. `payload`: what it holds from now on. `fresh`: the order was made by this
    very call; otherwise an earlier life may have sent messages already, and they are looked for first.
    """
    found = []
    first = not row.accepted_digest
    if first and (rules.text or rules.card) and _is_news(row, payload, now_ms):
        for name, kind in _KINDS.items():
            if rules.text if kind == TEXT else rules.card:
                what = {"kind": kind, "look_first": not fresh}
                found.append(FollowUp(MESSAGES, f"{row.key}:{name}", what, kind, row.changed_at_ms, once=True))
    if rules.references and (first or remote_id != row.remote_id):
        ours = {"id": remote_id, "units": payload["units"]}
        due_at_ms = (now_ms // TOGETHER_MS + 1) * TOGETHER_MS
        found.append(FollowUp(REFERENCES, row.key, ours, digest(ours), row.changed_at_ms, due_at_ms))
    return tuple(found)


def _is_news(row: Owed, payload: Mapping[str, Any], now_ms: int) -> bool:
    facts = payload["facts"]
    paid_ms = seconds_as_ms(facts, "paid_time") or seconds_as_ms(facts, "create_time") or 0
    release_ms = seconds_as_ms(facts, "release_date") or 0 if facts.get("order_type") == "PRE_ORDER" else 0
    status = (payload.get("document") or {}).get("status")
    return status in _NEWS_IN and not row.payload.get("late") and is_news(max(paid_ms, release_ms), now_ms)
