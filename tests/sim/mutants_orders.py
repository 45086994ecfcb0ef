"""Mistakes in what becomes of an order: its kind, its money, its units (see `bug_bank.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

from daemon.core import addresses, bundles, holds, lines, order_document, order_kinds, orders, totals
from daemon.core.tiktok_order import TikTokOrder
from tests.sim.bug_bank import Mutant, days
from tests.sim.order_scenarios import a_fulfillment_shown_late


@contextmanager
def _pre_order_released_by_timer() -> Iterator[None]:
    """An order is an order: an hour after payment it may leave."""
    real = holds.hold_of

    def hold_of(order: TikTokOrder, window: timedelta, now_ms: int) -> Any:
        status = "AWAITING_SHIPMENT" if order.order_type == "PRE_ORDER" and order.status == "ON_HOLD" else order.status
        return real(replace(order, order_type="NORMAL", status=status), window, now_ms)

    with mock.patch.object(orders, "hold_of", hold_of):
        yield


@contextmanager
def _kind_lost() -> Iterator[None]:
    """A new kind of order goes through untold."""
    told = tuple(row for row in order_kinds.TAGS if row[0] not in ("replacement", "exchange"))
    with mock.patch.object(order_kinds, "TAGS", told):
        yield


@contextmanager
def _digital_order_routed() -> Iterator[None]:
    """What needs no shipping goes to the warehouse like everything else."""
    with mock.patch.object(orders, "digital", return_value=False):
        yield


@contextmanager
def _total_without_a_fee() -> Iterator[None]:
    """The total is worked out from the lines, and a fee that only the order states is forgotten."""
    real = totals.totals_of

    def totals_of(order: TikTokOrder) -> Any:
        found = real(order)
        forgotten = sum((amount for name, amount in found.charges if name == "handling_fee"), Decimal(0))
        return replace(found, total=found.total - forgotten, mismatch=None)

    with mock.patch.object(orders, "totals_of", totals_of):
        yield


@contextmanager
def _gift_line_dropped() -> Iterator[None]:
    """What is given is not sold, so it is no line."""
    real = lines.order_lines

    def order_lines(order: TikTokOrder, *, tax_on_top: bool) -> Any:
        gifts = {unit.id for unit in order.units if unit.is_gift}
        return [line for line in real(order, tax_on_top=tax_on_top) if line["uniqueId"] not in gifts]

    with (
        mock.patch.object(order_document, "order_lines", order_lines),
        mock.patch.object(bundles, "order_lines", order_lines),
    ):
        yield


@contextmanager
def _unit_lost() -> Iterator[None]:
    """Three alike are two: one unit of a line is overwritten by its neighbour."""
    real = lines.groups_of

    def groups_of(order: TikTokOrder) -> Any:
        return {name: units[:2] for name, units in real(order).items()}

    with mock.patch.object(lines, "groups_of", groups_of), mock.patch.object(bundles, "groups_of", groups_of):
        yield


@contextmanager
def _routed_without_a_street() -> Iterator[None]:
    """The hold is over, so the order goes, with what there is of an address."""
    with mock.patch.object(orders, "_kept_back", return_value=None):
        yield


@contextmanager
def _stars_taken_for_a_street() -> Iterator[None]:
    """A member that is not empty says something."""
    with mock.patch.object(addresses, "usable", lambda value: isinstance(value, str) and bool(value.strip())):
        yield


@contextmanager
def _bundle_left_with_nobody() -> Iterator[None]:
    """Fulfillments are counted as they were made, though the list showed one of them late."""
    real = bundles.share_of

    def share_of(*call: Any) -> Any:
        return real(*call[:4])

    with mock.patch("daemon.core.shipments.share_of", share_of):
        yield


MUTANTS = (
    Mutant("pre_order_released_by_timer", _pre_order_released_by_timer, days(7, 18, *range(6))),
    Mutant("kind_lost", _kind_lost, days(2, 3, 4, 5, 0, 1)),
    Mutant("digital_order_routed", _digital_order_routed, days(*range(6))),
    Mutant("total_without_a_fee", _total_without_a_fee, days(*range(6))),
    Mutant("gift_line_dropped", _gift_line_dropped, days(*range(6))),
    Mutant("unit_lost", _unit_lost, days(*range(6))),
    Mutant("routed_without_a_street", _routed_without_a_street, days(1, 13, *range(6))),
    Mutant("stars_taken_for_a_street", _stars_taken_for_a_street, days(0, 13, *range(1, 6))),
    Mutant("bundle_left_with_nobody", _bundle_left_with_nobody, (a_fulfillment_shown_late,)),
)
