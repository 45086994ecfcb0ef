"""All fulfillments of an order as they stand when one of them is to be sent: who has claimed what, and who comes next.

Fulfillments of different lines that name one tracking number before any of them was sent lie in one box: the first that
is sent ships the units of all of them, and the others find theirs done. Once the number stands at TikTok nothing can be
added to its package (21011025), and the same lines told twice may be the same pieces: both are `duplicate_tracking`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from daemon.core.fulfillments import Fulfillment, read_fulfillment
from daemon.core.lifecycle import State
from daemon.core.lines import units_of
from daemon.core.owed import Owed
from daemon.core.shipments import Planned, ShipPlan, plan_shipment
from daemon.core.tiktok_order import TikTokOrder


@dataclass(frozen=True, slots=True)
class OrderShipments:
    """`taken`: unit id -> fulfillment; `numbers`: tracking number -> fulfillment; `claims`: fulfillment -> units.

    `waiting` are the fulfillments for which nothing was tried yet.
    """

    order: TikTokOrder
    units_by_line: Mapping[str, Sequence[str]]
    of_order: tuple[Fulfillment, ...]
    taken: Mapping[str, str]
    numbers: Mapping[str, str]
    claims: Mapping[str, Sequence[str]]
    waiting: tuple[Fulfillment, ...]
    parts_by_sku: bool

    @classmethod
    def of(cls, order: TikTokOrder, rows: Sequence[Owed], *, parts_by_sku: bool) -> OrderShipments:
        """From the rows of the order's fulfillments; what is dead or dropped claims nothing."""
        of_order: list[Fulfillment] = []
        waiting: list[Fulfillment] = []
        taken: dict[str, str] = {}
        numbers: dict[str, str] = {}
        claims: dict[str, Sequence[str]] = {}
        for row in rows:
            fulfillment = read_fulfillment(row.payload["fulfillment"])
            of_order.append(fulfillment)
            if row.intent is None:
                if row.state in (State.READY, State.HELD) and not fulfillment.rejected:
                    waiting.append(fulfillment)
            elif row.state not in (State.DEAD, State.DROPPED):
                shares = row.intent.get("shares") or {row.key: row.intent["unit_ids"]}
                for owner, unit_ids in shares.items():
                    taken.update(dict.fromkeys(unit_ids, owner))
                    claims[owner] = unit_ids
                numbers[row.intent["tracking_number"]] = row.key
        return cls(order, units_of(order), tuple(of_order), taken, numbers, claims, tuple(waiting), parts_by_sku)

    def plan(self, fulfillment: Fulfillment) -> Planned:
        """What is to be done for a fulfillment, with those that travel in its box."""
        planned = self._alone(fulfillment)
        if not isinstance(planned, ShipPlan):
            return planned
        number = planned.tracking_number.upper()
        companions: list[tuple[str, tuple[str, ...]]] = []
        lines = {_line(one) for one in fulfillment.lines}
        for other, unit_ids in self._next(fulfillment, planned.unit_ids):
            if other.tracking_numbers[0].upper() == number and lines.isdisjoint(_line(one) for one in other.lines):
                companions.append((other.id, unit_ids))
                lines.update(_line(one) for one in other.lines)
        return replace(planned, companions=tuple(companions))

    def next_boxes(self, fulfillment: Fulfillment, plan: ShipPlan) -> list[tuple[str, ...]]:
        """The units of the fulfillments that will be sent after this one, as far as they are known."""
        inside = {owner for owner, _ in plan.companions}
        return [units for other, units in self._next(fulfillment, plan.all_unit_ids) if other.id not in inside]

    def _next(self, fulfillment: Fulfillment, unit_ids: Sequence[str]) -> list[tuple[Fulfillment, tuple[str, ...]]]:
        taken = {**self.taken, **dict.fromkeys(unit_ids, fulfillment.id)}
        numbers = {number: owner for number, owner in self.numbers.items() if owner != fulfillment.id}
        found: list[tuple[Fulfillment, tuple[str, ...]]] = []
        for other in self.waiting:
            if other.id == fulfillment.id:
                continue
            planned = replace(self, taken=taken, numbers=numbers)._alone(other)
            if isinstance(planned, ShipPlan):
                found.append((other, planned.unit_ids))
                taken |= dict.fromkeys(planned.unit_ids, other.id)
        return found

    def _alone(self, fulfillment: Fulfillment) -> Planned:
        return plan_shipment(
            fulfillment,
            self.order,
            self.units_by_line,
            self.taken,
            self.numbers,
            of_order=self.of_order,
            claims=self.claims,
            parts_by_sku=self.parts_by_sku,
        )


def _line(line: object) -> str:
    return getattr(line, "unique_id", "") or getattr(line, "sku", "")
