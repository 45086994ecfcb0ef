"""Mistakes with cancellations, planted one at a time (see `bug_bank.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from daemon.core import cancel_plan, orders_diff
from daemon.core.cancel_plan import CancelPlan
from daemon.core.lines import groups_of
from daemon.core.owed import Absent
from daemon.flows import canceller, push_cancellations, shipping_waits
from daemon.flows.canceller import Canceller
from daemon.flows.order_reader import OrderReader
from tests.sim import scenarios_cancels
from tests.sim.bug_bank import Mutant


@contextmanager
def _echo_sent() -> Iterator[None]:
    """What Pipe17 shows cancelled is cancelled at TikTok, without asking where it was born."""
    real = canceller.read_order

    def read_order(raw: Mapping[str, Any]) -> Any:
        order = real(raw)
        units = tuple(replace(unit, status="AWAITING_SHIPMENT") for unit in order.units)
        return replace(order, status="AWAITING_SHIPMENT", units=units)

    with mock.patch.object(canceller, "read_order", read_order):
        yield


@contextmanager
def _line_echo_sent() -> Iterator[None]:
    """Every line that is smaller than what was bought is a cancel, whoever made it smaller."""
    real = canceller.plan_cancellation

    def beyond(units: Any, demand: Any, claimed: Any) -> list[str]:
        return [unit.id for unit in units if not unit.cancelled][: demand.taken_back]

    def plan(order: Any, accepted: Any, *given: Any) -> Any:
        bought = [{"uniqueId": line, "quantity": len(units)} for line, units in groups_of(order).items()]
        return real(order, {**accepted, "lineItems": bought}, *given)

    with (
        mock.patch.object(cancel_plan, "_beyond", beyond),
        mock.patch.object(canceller, "plan_cancellation", plan),
        mock.patch.object(push_cancellations, "taken_back", return_value={"any": 1}),
    ):
        yield


@contextmanager
def _race_ignored() -> Iterator[None]:
    """Tracking does not care for a cancel that is on its way."""
    with mock.patch.object(shipping_waits, "under_way", return_value=False):
        yield


@contextmanager
def _blindly_repeated() -> Iterator[None]:
    """A cancel whose answer was lost is sent again with what was read before it."""
    seen: dict[str, Any] = {}
    real = OrderReader.read

    async def read(self: OrderReader, order_id: str) -> Any:
        return seen.setdefault(order_id, await real(self, order_id))

    async def settle(self: Canceller, attempt: Any) -> Absent:
        return Absent()

    async def running(*_: Any) -> None:
        return None

    async def carry_out(self: Canceller, attempt: Any) -> Any:
        with mock.patch.object(OrderReader, "read", read):
            return await real_carry_out(self, attempt)

    real_carry_out = Canceller.carry_out
    reason = "seller_cancel_reason_out_of_stock"
    with (
        mock.patch.object(Canceller, "carry_out", carry_out),
        mock.patch.object(Canceller, "settle", settle),
        mock.patch.object(Canceller, "_running", running),
        mock.patch.object(canceller, "choose_reason", return_value=reason),
    ):
        yield


@contextmanager
def _released_though_cancelled() -> Iterator[None]:
    """An order that a person canceled in Pipe17 is released when its hold is over."""
    moves = {**orders_diff.STATUS_MOVES, "new": frozenset({"onHold", "canceled"})}
    before = orders_diff.BEFORE_SENT | {"canceled"}
    with mock.patch.object(orders_diff, "STATUS_MOVES", moves), mock.patch.object(orders_diff, "BEFORE_SENT", before):
        yield


@contextmanager
def _cancelled_before_what_was_shipped() -> Iterator[None]:
    """A cancel does not wait for the shipments that Pipe17 knows of."""
    with mock.patch.object(Canceller, "_must_go_first", return_value=False):
        yield


@contextmanager
def _cancelled_by_the_whole() -> Iterator[None]:
    """One line less in Pipe17 cancels the whole order."""
    real = canceller.plan_cancellation

    def plan(*given: Any) -> Any:
        found = real(*given)
        return replace(found, whole=True) if isinstance(found, CancelPlan) else found

    with mock.patch.object(canceller, "plan_cancellation", plan):
        yield


def _deaf(took_effect: bool) -> Any:
    return lambda: scenarios_cancels.cancelled_while_the_sides_are_deaf(took_effect)


MUTANTS = (
    Mutant("echo_sent", _echo_sent, (scenarios_cancels.cancelled_at_tiktok,)),
    Mutant("line_echo_sent", _line_echo_sent, (scenarios_cancels.cancelled_at_tiktok,)),
    Mutant("cancel_race_ignored", _race_ignored, (scenarios_cancels.shipped_while_cancelled,)),
    Mutant("cancel_blindly_repeated", _blindly_repeated, (_deaf(True),)),
    Mutant("released_though_cancelled", _released_though_cancelled, (scenarios_cancels.cancelled_on_hold,)),
    Mutant(
        "cancelled_before_what_was_shipped",
        _cancelled_before_what_was_shipped,
        (scenarios_cancels.cancelled_behind_a_shipment,),
    ),
    Mutant("cancelled_by_the_whole", _cancelled_by_the_whole, (_deaf(False),)),
)
