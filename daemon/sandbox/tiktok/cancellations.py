"""What the simulated shop knows of cancellations: every one with its status, its units and who asked for it.

    buyer asks      ..._PENDING -> COMPLETE (granted, or nobody answered) or CANCEL (refused, or taken back)
    seller cancels  ..._SUCCESS -> COMPLETE, at once unless the shop's option says otherwise

Webhook 11 writes `CANCELLED` for what the search calls `CANCEL` (contract 7.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.sandbox.tiktok.index import TimeIndex

PENDING = "CANCELLATION_REQUEST_PENDING"
SUCCESS = "CANCELLATION_REQUEST_SUCCESS"
COMPLETE = "CANCELLATION_REQUEST_COMPLETE"
WITHDRAWN = "CANCELLATION_REQUEST_CANCEL"
STATUSES = frozenset({PENDING, SUCCESS, COMPLETE, WITHDRAWN})

IN_WEBHOOK = {WITHDRAWN: "CANCELLATION_REQUEST_CANCELLED"}
"""How the webhook writes what the search writes otherwise."""


@dataclass(slots=True)
class Cancellation:
    """One cancellation. `kind` is the wire's `cancel_type`, `role` who began it."""

    id: str
    order_id: str
    kind: str
    role: str
    status: str
    reason: str
    unit_ids: tuple[str, ...]
    create_ms: int
    update_ms: int
    deadline_ms: int | None = None
    by_app: bool = False
    """The seller cancelled through the API."""

    @property
    def running(self) -> bool:
        """Neither carried out nor given up."""
        return self.status in (PENDING, SUCCESS)


class CancellationBook:
    """The cancellations of one shop."""

    def __init__(self) -> None:
        self.by_id: dict[str, Cancellation] = {}
        self.by_update = TimeIndex()
        self.by_create = TimeIndex()
        self._of_order: dict[str, list[Cancellation]] = {}

    def open(
        self,
        order_id: str,
        role: str,
        status: str,
        reason: str,
        unit_ids: Sequence[str],
        now_ms: int,
        deadline_ms: int | None = None,
    ) -> Cancellation:
        """A new one."""
        mine = self._of_order.setdefault(order_id, [])
        cancel_id = str(4_040_000_000_000_000_000 + int(order_id) % 10**15 * 10 + len(mine))
        kind = "BUYER_CANCEL" if role == "BUYER" else "CANCEL"
        one = Cancellation(
            cancel_id, order_id, kind, role, status, reason, tuple(unit_ids), now_ms, now_ms, deadline_ms
        )
        mine.append(one)
        self.by_id[cancel_id] = one
        self.by_create.put(cancel_id, now_ms // 1000)
        self.by_update.put(cancel_id, now_ms // 1000)
        return one

    def move(self, one: Cancellation, status: str, now_ms: int) -> None:
        """It goes on."""
        one.status, one.update_ms = status, now_ms
        self.by_update.put(one.id, now_ms // 1000)

    def of_order(self, order_id: str) -> Sequence[Cancellation]:
        """All of an order, oldest first."""
        return self._of_order.get(order_id, ())

    def running(self, order_id: str) -> Cancellation | None:
        """The one that waits for an answer or is being carried out."""
        return next((one for one in self.of_order(order_id) if one.running), None)

    def pending(self, order_id: str) -> Cancellation | None:
        """The buyer's request that waits for an answer."""
        return next((one for one in self.of_order(order_id) if one.status == PENDING), None)
