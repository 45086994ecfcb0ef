"""Cancellations as TikTok tells them, and what a buyer's request to cancel means for the person who must answer.

A cancellation is running while it waits for an answer (`PENDING`) or is being carried out (`SUCCESS`); it ends as
`COMPLETE`, or as `CANCEL` (refused, or taken back by the buyer; webhooks write `CANCELLED`). Source: contract 7.3, 7.9.

A buyer's request that nobody answers is granted by TikTok at its deadline, which comes with the request. Where the
deadline cannot be read it is worked out: 24 hours in the US, 48 elsewhere (assumption TT-51).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from daemon.core import reading
from daemon.core.findings import Finding
from daemon.core.reading import BadShape, iso
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import TikTokOrder

ANSWER_US = timedelta(hours=24)
ANSWER_ELSEWHERE = timedelta(hours=48)

_PREFIX = "CANCELLATION_REQUEST_"


class Stage(StrEnum):
    """Where a cancellation stands."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    COMPLETE = "COMPLETE"
    GIVEN_UP = "CANCEL"
    OTHER = ""
    """A status that this version does not know; it counts as running."""


_STAGES: Mapping[str, Stage] = {stage.value: stage for stage in Stage} | {"CANCELLED": Stage.GIVEN_UP}


@dataclass(frozen=True, slots=True)
class Cancellation:
    """One cancellation. `unit_ids` may be empty where TikTok names no lines: then it is about the whole order."""

    id: str
    order_id: str
    stage: Stage
    by_buyer: bool
    reason: str
    unit_ids: tuple[str, ...]
    created_at_ms: int | None
    deadline_ms: int | None
    """Until when the seller must answer."""

    @property
    def running(self) -> bool:
        """It waits for an answer, or is being carried out."""
        return self.stage not in (Stage.COMPLETE, Stage.GIVEN_UP)

    @property
    def asked(self) -> bool:
        """A buyer's request that waits for the seller's answer."""
        return self.by_buyer and self.stage is Stage.PENDING


def read_cancellation(raw: Mapping[str, Any]) -> Cancellation:
    """The cancellation behind a row of the search; raises `BadShape` with the path of the member that is wrong."""
    deadlines = [
        deadline
        for answer in reading.records(raw, "seller_next_action_response")
        if (deadline := _instant(answer, "deadline")) is not None
    ]
    return Cancellation(
        id=reading.required_text(raw, "cancel_id"),
        order_id=reading.required_text(raw, "order_id"),
        stage=_STAGES.get(reading.text(raw, "cancel_status").upper().removeprefix(_PREFIX), Stage.OTHER),
        by_buyer=reading.text(raw, "role").upper() == "BUYER",
        reason=reading.text(raw, "cancel_reason"),
        unit_ids=tuple(
            filter(None, (reading.identifier(line, "order_line_item_id") for line in _lines(raw))),
        ),
        created_at_ms=reading.seconds_as_ms(raw, "create_time"),
        deadline_ms=min(deadlines, default=None),
    )


def answer_due_ms(order: TikTokOrder, requests: Iterable[Cancellation], region: str) -> int | None:
    """When TikTok grants the buyer's request by itself; None where not even its beginning is known."""
    told = [one.deadline_ms for one in requests if one.asked and one.deadline_ms is not None]
    if told:
        return min(told)
    if order.request_cancel_time_ms is None:
        return None
    return order.request_cancel_time_ms + milliseconds(ANSWER_US if region.upper() == "US" else ANSWER_ELSEWHERE)


def request_finding(order: TikTokOrder, due_ms: int | None) -> Finding | None:
    """What a person must know of a buyer's open request; None: there is none."""
    if not order.is_buyer_request_cancel or order.cancelled:
        return None
    when = f"by {iso(due_ms)}" if due_ms is not None else "soon"
    text = (
        f"the buyer asks to cancel this order: answer in Seller Center {when}, or cancel the order in Pipe17, which "
        "grants it; without an answer TikTok grants it then and refunds the buyer"
    )
    return Finding("cancel_requested", text, due_ms)


def _lines(raw: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return reading.records(raw, "cancel_line_items")


def _instant(raw: Mapping[str, Any], field: str) -> int | None:
    try:
        return reading.seconds_as_ms(raw, field)
    except BadShape:
        return None
