"""The money of an order: Pipe17's totals, and the proof that they are what TikTok says the buyer pays.

    sub total = sum(list price - the seller's discount)   of the units that are still wanted
    total     = sub total - discount + tax + shipping + charges          (pipe17 contract 2.2, last line)

The parts come from TikTok as they are (contract 4.3); what is *not* written anywhere is how they make up
`total_amount`: whether tax is inside the prices (every market but the US, it seems: 14 #11), whether a discount of the
payment provider is taken off, and whether the amounts of a partly cancelled order still count the cancelled units. So
each order is asked: the `READINGS` are tried in turn, the usual one first, and the first whose sum is `total_amount` is
the truth for this order. When none fits, the usual one is used, TikTok's total is passed on all the same, and
`mismatch` says so: a person looks at it, the order is not held back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product

from daemon.core.money import ZERO, total
from daemon.core.tiktok_order import TikTokOrder, Unit

TAX_ON_TOP = frozenset({"USD"})
"""Currencies whose prices usually come without tax (contract 4.3, "US amounts are pre-tax")."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand TikTok's `payment`."""

    counts_cancelled: bool
    """Its amounts still hold the units that were cancelled."""
    tax_on_top: bool
    """Tax is added to the prices, not contained in them."""
    payment_discount_off: bool
    """`payment_platform_discount` has been taken off the total."""


READINGS = tuple(
    Reading(counts_cancelled, tax_on_top, payment_discount_off)
    for payment_discount_off, counts_cancelled, tax_on_top in product((False, True), (True, False), (True, False))
)


@dataclass(frozen=True, slots=True)
class Totals:
    """The amounts of a Pipe17 order. `mismatch` is what its parts add up to, where that is not TikTok's total."""

    sub_total: Decimal
    discount: Decimal
    tax: Decimal
    tax_inside: Decimal
    shipping: Decimal
    charges: tuple[tuple[str, Decimal], ...]
    total: Decimal
    tax_on_top: bool
    mismatch: Decimal | None


def totals_of(order: TikTokOrder) -> Totals:
    """The totals for the units that are still wanted."""
    usual = order.payment.currency in TAX_ON_TOP
    readings = sorted(READINGS, key=lambda reading: reading.tax_on_top != usual)
    reading = next((reading for reading in readings if _explains(order, reading)), None)
    totals = _totals(order, reading or readings[0], order.live_units)
    stated = order.payment.total_amount
    if reading is not None or (stated is None and totals.total == 0):
        return totals
    return replace(totals, total=totals.total if stated is None else stated, mismatch=totals.total)


def _explains(order: TikTokOrder, reading: Reading) -> bool:
    counted = order.units if reading.counts_cancelled else order.live_units
    return _totals(order, reading, counted).total == order.payment.total_amount


def _totals(order: TikTokOrder, reading: Reading, counted: Sequence[Unit]) -> Totals:
    """The totals of the units `counted`, of an order whose payment is to be understood as `reading` says."""
    payment = order.payment
    in_payment = order.units if reading.counts_cancelled else order.live_units
    left_out = {unit.id for unit in in_payment} - {unit.id for unit in counted}
    sub_total = total(unit.original_price - unit.seller_discount for unit in counted)
    discount = total(unit.platform_discount for unit in counted)
    if reading.payment_discount_off:
        discount += payment.payment_platform_discount
    tax = payment.tax - total(unit.tax for unit in in_payment if unit.id in left_out)
    on_top = tax if reading.tax_on_top else ZERO
    charged = total(amount for _name, amount in payment.charges)
    return Totals(
        sub_total=sub_total,
        discount=discount,
        tax=on_top,
        tax_inside=tax - on_top,
        shipping=payment.shipping_fee,
        charges=payment.charges,
        total=sub_total - discount + on_top + payment.shipping_fee + charged,
        tax_on_top=reading.tax_on_top,
        mismatch=None,
    )
