"""Mistakes about packages: units taken twice, a correction shipped, a split repeated, a shared package sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from daemon.core import order_shipments, shipments
from daemon.core.corrections import Correction, Superseded
from daemon.core.order_shipments import OrderShipments
from daemon.core.packages import SplitFirst
from daemon.core.shipments import ShipPlan
from daemon.flows import shipping_calls
from daemon.flows.push_fulfillments import PushFulfillments
from daemon.flows.shipping_answers import done
from daemon.flows.shipping_calls import ShippingCalls
from daemon.sandbox.faults import FaultKind
from tests.sim import shipping_scenarios as scenarios
from tests.sim.bug_bank import Mutant
from tests.sim.shipping_scenarios import in_bad_weather

LOST, RESET = FaultKind.LOST_ANSWER, FaultKind.RESET


@contextmanager
def _units_taken_twice() -> Iterator[None]:
    """What another fulfillment has claimed is free until TikTok shows it shipped."""
    real = OrderShipments.of

    def of(*args: Any, **more: Any) -> OrderShipments:
        return replace(real(*args, **more), taken={})

    with mock.patch.object(OrderShipments, "of", of):
        yield


@contextmanager
def _correction_shipped_again() -> Iterator[None]:
    """A new number for a package is one more shipment of its units."""
    real = order_shipments.plan_shipment

    def plan(*args: Any, **more: Any) -> Any:
        found = real(*args, **more)
        return ShipPlan(found.unit_ids, found.number) if isinstance(found, Correction) else found

    with mock.patch.object(order_shipments, "plan_shipment", plan):
        yield


@contextmanager
def _correction_not_known() -> Iterator[None]:
    """The same lines again are always one piece too many."""
    with mock.patch.object(shipments, "correction_of", return_value=None):
        yield


@contextmanager
def _correction_not_settled() -> Iterator[None]:
    """A correction whose answer was lost is taken for done."""
    real = ShippingCalls.settle

    async def settle(self: Any, attempt: Any) -> Any:
        intent = attempt.row.intent or {}
        return done(attempt, intent["package_id"], "surely") if "corrects" in intent else await real(self, attempt)

    with mock.patch.object(ShippingCalls, "settle", settle):
        yield


@contextmanager
def _older_number_wins() -> Iterator[None]:
    """Whatever number comes last is the right one, and one that TikTok has already is sent again."""
    real = shipments.correction_of

    def correction_of(fulfillment: Any, order: Any, *more: Any) -> Any:
        found = real(fulfillment, order, *more)
        if not isinstance(found, Superseded):
            return found
        old = next(unit.tracking_number for unit in order.units if unit.id in found.unit_ids)
        new = fulfillment.tracking_numbers[0]
        return Correction("", found.package_id, found.unit_ids, old, new, whole_order=True)

    with mock.patch.object(shipments, "correction_of", correction_of):
        yield


@contextmanager
def _split_repeated() -> Iterator[None]:
    """A package that was split off already is split off once more."""
    real = shipping_calls.package_for

    def package_for(order: Any, unit_ids: Any, others: Any = ()) -> Any:
        found = real(order, unit_ids, others)
        again = isinstance(found, str) and order.split_or_combine_tag == "SPLIT"
        return SplitFirst(found, (tuple(unit_ids),)) if again else found

    with mock.patch.object(shipping_calls, "package_for", package_for):
        yield


@contextmanager
def _shared_package_at_once() -> Iterator[None]:
    """Orders that share a package do not wait for each other."""
    with mock.patch.object(PushFulfillments, "_alone", side_effect=lambda order: asyncio.Lock()):
        yield


MUTANTS = (
    Mutant("units_taken_twice", _units_taken_twice, in_bad_weather(scenarios.two_boxes_of_a_line, RESET, LOST)),
    Mutant("correction_shipped_again", _correction_shipped_again, in_bad_weather(scenarios.a_corrected_number, LOST)),
    Mutant("correction_not_known", _correction_not_known, in_bad_weather(scenarios.a_corrected_number, LOST)),
    Mutant("correction_not_settled", _correction_not_settled, in_bad_weather(scenarios.a_corrected_number, RESET)),
    Mutant("older_number_wins", _older_number_wins, (scenarios.an_older_number_comes_later,)),
    Mutant("split_repeated", _split_repeated, in_bad_weather(scenarios.a_split_before_shipping, LOST)),
    Mutant(
        "shared_package_at_once",
        _shared_package_at_once,
        (lambda: scenarios.a_shared_package("US"), lambda: scenarios.a_shared_package("SG")),
    ),
)
