"""What the buyer pays and how it is made up: `payment` of a TikTok order, as TikTok tells it (contract 4.3).

Nothing is worked out here; what the parts mean together is `core/totals.py`. Amounts that TikTok leaves out are 0, but
for `total_amount` (None) and the charges: of those the stated ones are kept, a stated 0 too, because some markets state
a fee on the lines alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from daemon.core import reading
from daemon.core.money import ZERO
from daemon.core.reading import BadShape

CHARGES = (
    "retail_delivery_fee",
    "small_order_fee",
    "buyer_service_fee",
    "handling_fee",
    "shipping_insurance_fee",
    "item_insurance_fee",
    "item_insurance_tax",
    "distance_shipping_fee",
    "distance_fee",
    "payment_discount_service_fee",
    "pfand_fee",
)
"""What a buyer pays beside goods, shipping and tax. `pfand_fee`, the deposit on bottles in Germany, is stated on the
lines alone."""

DISCOUNTS = (
    "seller_discount",
    "platform_discount",
    "payment_platform_discount",
    "shipping_fee_seller_discount",
    "shipping_fee_platform_discount",
    "shipping_fee_cofunded_discount",
)
"""What lowers the price; each name says who pays for it."""


@dataclass(frozen=True, slots=True)
class Payment:
    """`payment`; `charges` are those of `CHARGES` that TikTok states, in that order."""

    currency: str
    total_amount: Decimal | None
    tax: Decimal
    """Stated, or else that of the goods and that of the shipping."""
    charges: tuple[tuple[str, Decimal], ...]
    discounts: tuple[tuple[str, Decimal], ...]
    """Those of `DISCOUNTS` that are not 0, in that order."""
    shipping_fee: Decimal
    """What the buyer pays for shipping, its discounts taken off."""
    shipping_fee_tax: Decimal

    def discount(self, name: str) -> Decimal:
        """One of `DISCOUNTS`."""
        return next((amount for given, amount in self.discounts if given == name), ZERO)


def read_payment(raw: Mapping[str, Any], currency: str) -> Payment:
    """The payment of an order record; `currency` is that of its lines, for a payment that names none."""
    payment = reading.optional_record(raw, "payment")
    try:
        shipping_tax = reading.amount(payment, "shipping_fee_tax")
        if reading.stated(payment, "tax"):
            tax = reading.amount(payment, "tax")
        else:
            tax = reading.amount(payment, "product_tax") + shipping_tax
        return Payment(
            currency=reading.text(payment, "currency") or currency,
            total_amount=reading.amount(payment, "total_amount") if reading.stated(payment, "total_amount") else None,
            tax=tax,
            charges=read_charges(payment, CHARGES),
            discounts=tuple(
                [(name, amount) for name in DISCOUNTS if name in payment and (amount := reading.amount(payment, name))]
            ),
            shipping_fee=reading.amount(payment, "shipping_fee"),
            shipping_fee_tax=shipping_tax,
        )
    except BadShape as problem:
        raise problem.inside("payment") from None


def read_charges(raw: Mapping[str, Any], names: tuple[str, ...]) -> tuple[tuple[str, Decimal], ...]:
    """The charges that a payment or a line states."""
    return tuple([(name, reading.amount(raw, name)) for name in names if name in raw and reading.stated(raw, name)])
