"""The money of an order adds up to what TikTok says the buyer pays."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import order, raw_order, raw_unit, sample

from daemon.core.tiktok_order import read_order
from daemon.core.totals import Totals, totals_of


def money(raw: dict[str, Any], **payment: str) -> Totals:
    return totals_of(read_order({**raw, "payment": {**raw["payment"], **payment}}))


def taxed(unit_id: str, tax: str, **members: Any) -> dict[str, Any]:
    return raw_unit(unit_id, item_tax=[{"tax_type": "SALES_TAX", "tax_amount": tax}], **members)


def test_the_fixture_of_the_contract_adds_up_to_the_cent() -> None:
    found = totals_of(read_order(sample("two_lines_us.json")))
    assert (found.sub_total, found.discount, found.tax) == (Decimal(33), Decimal(1), Decimal("2.24"))
    assert (found.shipping, found.total, found.mismatch) == (0, Decimal("34.24"), None)


def test_seller_and_platform_discounts_and_free_shipping() -> None:
    unit = taxed("1", "1.35", seller_discount="2.00", platform_discount="3.00")
    raw = raw_order(unit)
    found = money(raw, original_shipping_fee="4.90", shipping_fee_platform_discount="4.90", shipping_fee="0")
    assert (found.sub_total, found.discount, found.tax, found.total) == (18, 3, Decimal("1.35"), Decimal("16.35"))
    assert found.mismatch is None


@pytest.mark.parametrize("difference", ["0.01", "-0.01"])
def test_a_cent_of_difference_is_seen_and_tiktoks_total_is_kept(difference: str) -> None:
    raw = raw_order(raw_unit("1"))
    found = money(raw, total_amount=str(Decimal(20) + Decimal(difference)))
    assert (found.total, found.mismatch) == (20 + Decimal(difference), 20)


def test_tax_inside_the_prices_is_not_added() -> None:
    """The live case of contract 4.3: VND, tax 39506 inside 434566."""
    unit = raw_unit("1", price="857610", seller_discount="343044", platform_discount="80000", currency="VND")
    found = money(raw_order(unit), currency="VND", tax="39506", total_amount="434566")
    assert (found.total, found.tax, found.tax_inside, found.mismatch) == (434566, 0, 39506, None)
    assert not found.tax_on_top


@pytest.mark.parametrize(("currency", "total", "on_top"), [("EUR", "22", True), ("USD", "20", False)])
def test_the_total_decides_whether_tax_is_on_top_not_the_market(currency: str, total: str, on_top: bool) -> None:
    found = money(raw_order(raw_unit("1")), currency=currency, tax="2", total_amount=total)
    assert (found.tax_on_top, found.mismatch) == (on_top, None)


def test_fees_are_charges_on_top() -> None:
    found = money(raw_order(raw_unit("1")), retail_delivery_fee="0.28", total_amount="20.28")
    assert (found.charges, found.mismatch) == ((("retail_delivery_fee", Decimal("0.28")),), None)


def test_a_discount_of_the_payment_provider_counts_where_the_total_shows_it() -> None:
    taken_off = money(raw_order(raw_unit("1")), payment_platform_discount="1.5", total_amount="18.5")
    paid_by_others = money(raw_order(raw_unit("1")), payment_platform_discount="1.5")
    assert (taken_off.discount, taken_off.mismatch) == (Decimal("1.5"), None)
    assert (paid_by_others.discount, paid_by_others.mismatch) == (0, None)


def test_a_partly_cancelled_order_charges_the_rest_whether_or_not_tiktok_lowers_its_amounts() -> None:
    units = [taxed("1", "1.50"), taxed("2", "1.50", display_status="CANCELLED")]
    as_bought = money(raw_order(*units))
    lowered = money(raw_order(*units), tax="1.50", total_amount="21.50")
    assert as_bought == lowered
    assert (as_bought.sub_total, as_bought.tax, as_bought.total) == (20, Decimal("1.50"), Decimal("21.50"))


def test_a_sample_order_totals_nothing() -> None:
    sample_order = order(raw_unit("1", price="0"), is_sample_order=True)
    assert (totals_of(sample_order).total, totals_of(sample_order).mismatch) == (0, None)


def test_a_total_that_is_not_stated_is_the_sum_of_the_parts_and_doubted_unless_it_is_nothing() -> None:
    paid = order(raw_unit("1"), payment={"currency": "USD"})
    free = order(raw_unit("1", price="0"), payment={"currency": "USD"})
    assert (totals_of(paid).total, totals_of(paid).mismatch) == (20, 20)
    assert (totals_of(free).total, totals_of(free).mismatch) == (0, None)


CENTS = st.decimals(0, 500, places=2)


@given(st.lists(st.tuples(CENTS, CENTS, CENTS, CENTS, st.booleans()), min_size=1, max_size=6), CENTS, st.booleans())
def test_whatever_is_bought_the_parts_add_up_to_the_total(
    bought: list[tuple[Decimal, Decimal, Decimal, Decimal, bool]], shipping: Decimal, us: bool
) -> None:
    units = [
        taxed(
            str(place),
            str(tax),
            price=str(price + seller + platform),
            seller_discount=str(seller),
            platform_discount=str(platform),
            display_status="CANCELLED" if cancelled else "AWAITING_SHIPMENT",
        )
        for place, (price, seller, platform, tax, cancelled) in enumerate(bought, 100)
    ]
    raw = raw_order(*units)
    tax = Decimal(raw["payment"]["tax"])
    total = Decimal(raw["payment"]["sub_total"]) + shipping + (tax if us else 0)
    found = money(raw, currency="USD" if us else "GBP", shipping_fee=str(shipping), total_amount=str(total))
    assert found.mismatch is None
    assert found.total == found.sub_total - found.discount + found.tax + found.shipping
