"""External order references: the ids that another system gave an order and its lines, kept at TikTok.

One call writes up to `ORDERS_IN_A_CALL` orders and names those it refuses; writing again replaces what the same
platform had. A lost answer is looked up order by order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.apis.tiktok.session import Session
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, identifier, optional_record, record, records, text

ORDERS_IN_A_CALL = 100
PLATFORM = "ORDER_MANAGEMENT_SYSTEM"
"""What Pipe17 is, in TikTok's list of platforms."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Another system's ids of an order. `lines`: TikTok's line id to the other system's."""

    order_id: str
    external_id: str
    lines: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NotTaken:
    """An order of the batch that TikTok refuses."""

    code: str
    message: str


class References:
    """Every method raises `ApiError` with a verdict when it does not return."""

    __slots__ = ("_lane", "_session")

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    async def add(self, references: Sequence[Reference]) -> dict[str, NotTaken]:
        """Write these, at most 100; what TikTok refuses, by order id."""
        if len(references) > ORDERS_IN_A_CALL:
            raise ValueError(f"{len(references)} orders in one call, {ORDERS_IN_A_CALL} are allowed")
        body = {"orders": [_wire(one) for one in references]}
        data = await self._session.call("references.add", self._lane, body=lambda _: body)
        try:
            return dict(_refused(row) for row in records(record(data, "data"), "errors"))
        except BadShape as shape:
            raise self._session.misshapen("references.add", shape) from None

    async def of(self, order_id: str) -> Reference | None:
        """What TikTok has of ours for this order."""
        data = await self._session.call(
            "references.get", self._lane, ids={"order_id": order_id}, params={"platform": PLATFORM}
        )
        try:
            for row in records(record(data, "data"), "external_orders"):
                if text(row, "platform") == PLATFORM:
                    items = records(row, "line_items")
                    lines = {identifier(item, "origin_id"): identifier(item, "id") for item in items}
                    return Reference(order_id, identifier(row, "id"), lines)
        except BadShape as shape:
            raise self._session.misshapen("references.get", shape) from None
        return None


def _wire(one: Reference) -> dict[str, object]:
    lines = [{"id": ours, "origin_id": theirs} for theirs, ours in one.lines.items()]
    return {"id": one.order_id, "external_order": {"id": one.external_id, "platform": PLATFORM, "line_items": lines}}


def _refused(row: Mapping[str, object]) -> tuple[str, NotTaken]:
    order_id = identifier(optional_record(row, "detail"), "order_id")
    return order_id, NotTaken(identifier(row, "code"), text(row, "message"))
