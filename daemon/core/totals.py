"""The money of an order: Pipe17's totals, and the proof that they are what TikTok says the buyer pays.

    sub total = sum(list price - the seller's discount)   of the units that are still wanted
    total     = sub total - discount + tax + shipping + charges          (pipe17 contract 2.2, last line)

The parts come from TikTok as they are (contract 4.3); what is *not* written anywhere is how they make up
`total_amount`: whether tax is inside the prices (every market but the US, it seems: 14 #11), whether a discount of the
payment provider, or the one that seller and platform fund together, is still to be taken off, whether a charge is
contained in another amount, and whether the amounts of a partly cancelled order still count the cancelled units. So
each order is asked: its `readings` are tried in turn, the usual one first, and the first whose sum is `total_amount` is
the truth for this order. When none fits, the usual one is used, TikTok's total is passed on all the same, and
`mismatch` says so: a person looks at it, the order is not held back.

Only what an order has is in doubt, so nearly every order is added up once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations, product

from daemon.core.money import ZERO, total
from daemon.core.payment import CHARGES
from daemon.core.tiktok_order import TikTokOrder, Unit

TAX_ON_TOP = frozenset({"USD"})
"""Currencies whose prices usually come without tax (contract 4.3, "US amounts are pre-tax")."""

PERHAPS_CONTAINED = (
    "item_insurance_tax",
    "distance_shipping_fee",
    "distance_fee",
    "pfand_fee",
    "payment_discount_service_fee",
)
"""Charges that may be part of another amount already: of the tax, the shipping fee, the price, or of no amount of the
buyer's. All others are paid on top."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand TikTok's `payment`."""

    tax_on_top: bool
    """Tax is added to the prices, not contained in them."""
    contained: tuple[str, ...]
    """Charges that another amount holds already."""
    cofunded_discount_off: bool
    """`shipping_fee_cofunded_discount` is still to be taken off the shipping fee."""
    payment_discount_off: bool
    """`payment_platform_discount` has been taken off the total."""
    counts_cancelled: bool
    """Its amounts still hold the units that were cancelled."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The amounts of a Pipe17 order. `mismatch` is what its parts add up to, where that is not TikTok's total.

    `charges` are paid on top, `contained` are part of another amount; `discounts` are kept apart by who pays for them.
    """

    sub_total: Decimal
    discount: Decimal
    tax: Decimal
    tax_inside: Decimal
    shipping: Decimal
    charges: tuple[tuple[str, Decimal], ...]
    contained: tuple[tuple[str, Decimal], ...]
    discounts: tuple[tuple[str, Decimal], ...]
    total: Decimal
    tax_on_top: bool
    mismatch: Decimal | None


def totals_of(order: TikTokOrder) -> Totals:
    """The totals for the units that are still wanted."""
    stated, live = order.payment.total_amount, order.live_units
    for reading in readings(order, live):
        counted = order.units if reading.counts_cancelled else live
        totals = _totals(order, reading, counted)
        if totals.total == stated:
            return totals if len(counted) == len(live) else _totals(order, reading, live)
    totals = _totals(order, next(readings(order, live)), live)
    if stated is None and totals.total == 0:
        return totals
    return replace(totals, total=totals.total if stated is None else stated, mismatch=totals.total)


def readings(order: TikTokOrder, live: Sequence[Unit]) -> Iterator[Reading]:
    """How this order's payment can be understood, the usual way first; what it leaves no doubt about is not asked."""
    payment = order.payment
    on_top = payment.currency in TAX_ON_TOP
    usual = Reading(on_top, (), False, False, True)
    yield usual
    doubtful = [name for name, _amount in _charges(order, order.units, ()) if name in PERHAPS_CONTAINED]
    for answers in product(
        (on_top, not on_top) if payment.tax else (on_top,),
        [names for size in range(len(doubtful) + 1) for names in combinations(doubtful, size)],
        (False, True) if payment.discount("shipping_fee_cofunded_discount") else (False,),
        (False, True) if payment.discount("payment_platform_discount") else (False,),
        (True, False) if len(live) < len(order.units) else (True,),
    ):
        reading = Reading(*answers)
        if reading != usual:
            yield reading


def _totals(order: TikTokOrder, reading: Reading, counted: Sequence[Unit]) -> Totals:
    """The totals of the units `counted`, of an order whose payment is to be understood as `reading` says."""
    payment = order.payment
    left_out: Sequence[Unit] = ()
    if reading.counts_cancelled and len(counted) < len(order.units):
        counted_ids = {unit.id for unit in counted}
        left_out = [unit for unit in order.units if unit.id not in counted_ids]
    sub_total = total(unit.original_price - unit.seller_discount for unit in counted)
    discount = total(unit.platform_discount for unit in counted)
    if reading.payment_discount_off:
        discount += payment.discount("payment_platform_discount")
    tax = payment.tax - total(unit.tax for unit in left_out)
    on_top = tax if reading.tax_on_top else ZERO
    shipping = payment.shipping_fee
    if reading.cofunded_discount_off:
        shipping -= payment.discount("shipping_fee_cofunded_discount")
    charges = _charges(order, counted, left_out)
    charged = tuple(charge for charge in charges if charge[0] not in reading.contained) if charges else ()
    return Totals(
        sub_total=sub_total,
        discount=discount,
        tax=on_top,
        tax_inside=tax - on_top,
        shipping=shipping,
        charges=charged,
        contained=tuple(charge for charge in charges if charge[0] in reading.contained) if reading.contained else (),
        discounts=_discounts(order, left_out),
        total=sub_total - discount + on_top + shipping + total(amount for _name, amount in charged),
        tax_on_top=reading.tax_on_top,
        mismatch=None,
    )


def _charges(order: TikTokOrder, counted: Sequence[Unit], left_out: Sequence[Unit]) -> tuple[tuple[str, Decimal], ...]:
    """The charges that are not 0: as the payment states them, less what it states for units that are left out; where
    it states none, what the lines state."""
    on_lines, gone = _of_lines(counted), _of_lines(left_out)
    if not on_lines and not gone:
        return tuple([charge for charge in order.payment.charges if charge[1]])
    stated = dict(order.payment.charges)
    charges = [
        (name, stated[name] - gone.get(name, ZERO) if name in stated else on_lines[name])
        for name in CHARGES
        if name in stated or name in on_lines
    ]
    return tuple(charge for charge in charges if charge[1])


def _of_lines(units: Sequence[Unit]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for unit in units:
        for name, amount in unit.charges:
            found[name] = found.get(name, ZERO) + amount
    return found


def _discounts(order: TikTokOrder, left_out: Sequence[Unit]) -> tuple[tuple[str, Decimal], ...]:
    """The discounts that are not 0; those on the goods without the units that are left out."""
    stated = order.payment.discounts
    if not left_out:
        return stated
    gone = {
        "seller_discount": total(unit.seller_discount for unit in left_out),
        "platform_discount": total(unit.platform_discount for unit in left_out),
    }
    return tuple((name, amount - gone.get(name, ZERO)) for name, amount in stated if amount != gone.get(name))
