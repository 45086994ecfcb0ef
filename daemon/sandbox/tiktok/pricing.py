"""From a basket to units with prices, and to the order's `payment`, by the vendor's own formulas (contract 4.3).

    sale_price   = original_price - seller_discount - platform_discount        per unit
    sub_total    = original_total_product_price - seller_discount - platform_discount
    shipping_fee = original_shipping_fee - shipping_fee_seller_discount - shipping_fee_platform_discount
    total_amount = sub_total + shipping_fee + fees (+ tax, in the US only; elsewhere tax is inside)

What no page says about the rest is a switch of the shop: whether deposits are part of the price (`pfand_in_price`),
whether the payment provider's discount is off the total (`payment_discount_off`).

Money is `Decimal`; on the wire it is a text without trailing zeros, as live payloads have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.shapes import encode

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class UnitSpec:
    """One unit in a basket. Amounts are texts; `tax` None: by the shop's rate. `parts` makes it a virtual bundle:
    (seller SKU, count, unit price)."""

    seller_sku: str = "SKU-A"
    price: str = "25"
    seller_discount: str = "0"
    platform_discount: str = "0"
    tax: str | None = None
    is_gift: bool = False
    gift_retail_price: str = "0"
    sku_id: str = ""
    product_id: str = ""
    product_name: str = ""
    sku_name: str = "Default"
    sku_type: str = "NORMAL"
    retail_delivery_fee: str = "0"
    small_order_fee: str = "0"
    buyer_service_fee: str = "0"
    distance_shipping_fee: str = "0"
    distance_fee: str = "0"
    pfand_fee: str = "0"
    parts: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shipping:
    """What the buyer is charged for shipping, before and after discounts, as texts."""

    fee: str = "5.99"
    seller_discount: str = "0"
    platform_discount: str = "0"
    cofunded_discount: str = "0"
    tax: str = "0"


@dataclass(frozen=True, slots=True)
class Fees:
    """What only the order states of fees and of the payment provider's discount, as texts."""

    handling_fee: str = "0"
    shipping_insurance_fee: str = "0"
    item_insurance_fee: str = "0"
    item_insurance_tax: str = "0"
    payment_discount_service_fee: str = "0"
    payment_platform_discount: str = "0"


ON_LINES = ("retail_delivery_fee", "small_order_fee", "buyer_service_fee", "distance_shipping_fee", "distance_fee")
"""Fees that both the lines and the order state."""
ON_ORDERS = (
    "handling_fee",
    "shipping_insurance_fee",
    "item_insurance_fee",
    "item_insurance_tax",
    "payment_discount_service_fee",
)
ALWAYS_STATED = frozenset(
    {"retail_delivery_fee", "item_insurance_fee", "item_insurance_tax", "payment_discount_service_fee"}
)
"""Fees that are shown when they are 0, too."""


def amount(value: Decimal) -> str:
    """Money as the vendor writes it: `24`, `4.8`, `60.79`."""
    return format(value.normalize(), "f")


def cents(value: Decimal) -> Decimal:
    """Rounded to whole cents, half up."""
    return value.quantize(CENT, ROUND_HALF_UP)


def id_of(seller_sku: str, kind: str) -> str:
    """The 19-digit id that this shop has for a seller SKU; always the same."""
    value = 0
    for byte in f"{kind}:{seller_sku}".encode():
        value = (value * 1_000_003 + byte) % 10**12
    return f"1729386{value:012d}"


def spec_of(item: UnitSpec | str | dict[str, Any]) -> UnitSpec:
    """A unit from what a caller writes: a spec, a seller SKU, or a JSON object with the names of `UnitSpec`."""
    if isinstance(item, UnitSpec):
        return item
    if isinstance(item, str):
        return UnitSpec(seller_sku=item)
    parts = tuple((str(sku), int(count), str(price)) for sku, count, price in item.get("parts", ()))
    return UnitSpec(**{**item, "parts": parts})


def given_away(spec: UnitSpec) -> UnitSpec:
    """The same unit for nothing; its price is what it is worth."""
    worth = spec.gift_retail_price if Decimal(spec.gift_retail_price) else spec.price
    return replace(spec, price="0", seller_discount="0", platform_discount="0", tax="0", gift_retail_price=worth)


def sale_price(spec: UnitSpec) -> Decimal:
    """What one unit sells for after both discounts."""
    return Decimal(spec.price) - Decimal(spec.seller_discount) - Decimal(spec.platform_discount)


def unit_tax(spec: UnitSpec, options: TikTokOptions) -> Decimal:
    """The tax on one unit: on top of the sale price in the US, inside it elsewhere."""
    if spec.tax is not None:
        return Decimal(spec.tax)
    rate = Decimal(options.tax_rate)
    sale = sale_price(spec)
    return cents(sale * rate) if options.tax_on_top else cents(sale * rate / (1 + rate))


def unit_static(spec: UnitSpec, unit_id: str, options: TikTokOptions) -> str:
    """The unchanging members of a line item, as JSON without the braces."""
    tax = unit_tax(spec, options)
    members: dict[str, Any] = {
        "id": unit_id,
        "sku_id": spec.sku_id or id_of(spec.seller_sku, "sku"),
        "seller_sku": spec.seller_sku,
        "product_id": spec.product_id or id_of(spec.seller_sku, "product"),
        "product_name": spec.product_name or f"Product {spec.seller_sku}",
        "sku_name": spec.sku_name,
        "sku_image": "https://img.example.test/item.jpg",
        "currency": options.currency,
        "original_price": amount(Decimal(spec.price)),
        "sale_price": amount(sale_price(spec)),
        "seller_discount": amount(Decimal(spec.seller_discount)),
        "platform_discount": amount(Decimal(spec.platform_discount)),
        "gift_retail_price": amount(Decimal(spec.gift_retail_price)),
        "is_gift": spec.is_gift,
        "is_dangerous_good": False,
        "needs_prescription": False,
        "sku_type": spec.sku_type,
        "retail_delivery_fee": amount(Decimal(spec.retail_delivery_fee)),
    }
    for name in (*ON_LINES[1:], "pfand_fee"):
        if Decimal(getattr(spec, name)):
            members[name] = amount(Decimal(getattr(spec, name)))
    if tax:
        members["item_tax"] = [{"tax_type": "SALES_TAX", "tax_amount": amount(tax), "tax_rate": options.tax_rate}]
    return encode(members)[1:-1]


def payment(specs: Sequence[UnitSpec], shipping: Shipping, fees: Fees, options: TikTokOptions) -> dict[str, str]:
    """The order's `payment` object."""

    def total(of: Iterable[str]) -> Decimal:
        return sum((Decimal(value) for value in of), Decimal(0))

    original = total(spec.price for spec in specs)
    seller = total(spec.seller_discount for spec in specs)
    platform = total(spec.platform_discount for spec in specs)
    product_tax = sum((unit_tax(spec, options) for spec in specs), Decimal(0))
    tax = product_tax + Decimal(shipping.tax)
    charged = Decimal(shipping.fee) - total(
        [shipping.seller_discount, shipping.platform_discount, shipping.cofunded_discount]
    )
    charges = {name: total(getattr(spec, name) for spec in specs) for name in ON_LINES}
    charges |= {name: Decimal(getattr(fees, name)) for name in ON_ORDERS}
    paid = original - seller - platform + charged + sum(charges.values())
    if options.tax_on_top:
        paid += tax
    if not options.pfand_in_price:
        paid += total(spec.pfand_fee for spec in specs)
    if options.payment_discount_off:
        paid -= Decimal(fees.payment_platform_discount)
    stated = {
        "sub_total": original - seller - platform,
        "shipping_fee": charged,
        "seller_discount": seller,
        "platform_discount": platform,
        "payment_platform_discount": Decimal(fees.payment_platform_discount),
        "total_amount": paid,
        "original_total_product_price": original,
        "original_shipping_fee": Decimal(shipping.fee),
        "shipping_fee_seller_discount": Decimal(shipping.seller_discount),
        "shipping_fee_platform_discount": Decimal(shipping.platform_discount),
        "shipping_fee_cofunded_discount": Decimal(shipping.cofunded_discount),
        "tax": tax,
        "product_tax": product_tax,
        "shipping_fee_tax": Decimal(shipping.tax),
        **{name: value for name, value in charges.items() if value or name in ALWAYS_STATED},
    }
    return {"currency": options.currency, **{name: amount(value) for name, value in stated.items()}}
