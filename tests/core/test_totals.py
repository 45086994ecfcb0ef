"""The money of an order adds up to what TikTok says the buyer pays."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import order, raw_order, raw_unit, sample

from daemon.core.payment import CHARGES, DISCOUNTS
from daemon.core.tiktok_order import read_order
from daemon.core.totals import PERHAPS_CONTAINED, Reading, Totals, readings, totals_of
from daemon.core.units import CHARGES_OF_A_LINE


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


CHARGED = [name for name in CHARGES if name != "pfand_fee"]


@pytest.mark.parametrize("name", CHARGED)
def test_every_charge_of_the_payment_is_a_charge_on_top(name: str) -> None:
    found = money(raw_order(raw_unit("1")), **{name: "1.37"}, total_amount="21.37")
    assert (found.charges, found.contained, found.total) == (((name, Decimal("1.37")),), (), Decimal("21.37"))
    assert found.mismatch is None


@pytest.mark.parametrize("name", CHARGED)
def test_a_charge_that_is_forgotten_is_seen(name: str) -> None:
    """Of the others TikTok may say that another amount holds them; then they are noted and not added."""
    found = money(raw_order(raw_unit("1")), **{name: "1.37"}, total_amount="20")
    if name in PERHAPS_CONTAINED:
        assert (found.charges, found.contained, found.mismatch) == ((), ((name, Decimal("1.37")),), None)
    else:
        assert found.mismatch == Decimal("21.37")


@pytest.mark.parametrize("name", CHARGES_OF_A_LINE)
def test_a_charge_that_only_the_lines_state_is_their_sum(name: str) -> None:
    raw = raw_order(raw_unit("1", **{name: "0.25"}), raw_unit("2", **{name: "0.5"}))
    raw["payment"].pop(name, None)
    found = money(raw, total_amount="40.75")
    assert (found.charges, found.mismatch) == (((name, Decimal("0.75")),), None)


def test_a_charge_that_payment_and_lines_state_counts_once() -> None:
    raw = raw_order(raw_unit("1", retail_delivery_fee="0.14"), raw_unit("2", retail_delivery_fee="0.14"))
    found = money(raw, retail_delivery_fee="0.28", total_amount="40.28")
    assert (found.charges, found.mismatch) == ((("retail_delivery_fee", Decimal("0.28")),), None)


def test_a_cancelled_unit_takes_its_share_of_the_charges_and_discounts_with_it() -> None:
    raw = raw_order(
        raw_unit("1", pfand_fee="0.25", retail_delivery_fee="0.14", seller_discount="1", platform_discount="2"),
        raw_unit("2", pfand_fee="0.25", retail_delivery_fee="0.14", seller_discount="1", display_status="CANCELLED"),
    )
    stated = str(Decimal(raw["payment"]["total_amount"]) + Decimal("0.78"))
    found = money(raw, retail_delivery_fee="0.28", total_amount=stated)
    assert found.charges == (("retail_delivery_fee", Decimal("0.14")), ("pfand_fee", Decimal("0.25")))
    assert found.discounts == (("seller_discount", Decimal(1)), ("platform_discount", Decimal(2)))
    assert (found.total, found.mismatch) == (Decimal("17.39"), None)


def test_a_deposit_may_be_part_of_the_price() -> None:
    found = money(raw_order(raw_unit("1", pfand_fee="0.25")), currency="EUR")
    assert (found.charges, found.contained) == ((), (("pfand_fee", Decimal("0.25")),))
    assert (found.total, found.mismatch) == (20, None)


@pytest.mark.parametrize(("fee", "total"), [("4.90", "20"), ("0", "20")])
def test_a_discount_on_shipping_that_both_fund_is_off_the_fee_or_still_to_be_taken_off(fee: str, total: str) -> None:
    found = money(raw_order(raw_unit("1")), shipping_fee=fee, shipping_fee_cofunded_discount="4.90", total_amount=total)
    assert (found.shipping, found.mismatch) == (0, None)
    assert found.discounts == (("shipping_fee_cofunded_discount", Decimal("4.90")),)


def test_tax_that_is_stated_in_pieces_is_their_sum() -> None:
    raw = raw_order(taxed("1", "1.35"))
    del raw["payment"]["tax"]
    found = money(raw, product_tax="1.35", shipping_fee_tax="0.40", shipping_fee="5", total_amount="26.75")
    assert (found.tax, found.mismatch) == (Decimal("1.75"), None)


def test_each_discount_says_who_pays_for_it() -> None:
    given = {name: str(place) for place, name in enumerate(DISCOUNTS, 1)}
    unit = raw_unit("1", price="50", seller_discount="1", platform_discount="2")
    found = money(raw_order(unit), **given, shipping_fee="9", total_amount="53")
    assert dict(found.discounts) == {name: Decimal(value) for name, value in given.items()}


def test_an_order_that_raises_no_question_is_understood_in_one_way() -> None:
    plain = order(raw_unit("1"))
    assert len(list(readings(plain, plain.live_units))) == 1


def test_every_question_is_asked_in_every_combination_and_the_usual_answer_first() -> None:
    odd = order(
        raw_unit("1", pfand_fee="1"),
        raw_unit("2", display_status="CANCELLED"),
        payment={
            "currency": "EUR",
            "tax": "2",
            "payment_platform_discount": "3",
            "shipping_fee_cofunded_discount": "4",
        },
    )
    found = list(readings(odd, odd.live_units))
    assert len(found) == len(set(found)) == 2**5
    assert found[0] == Reading(False, (), False, False, True)


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


STEPS = {"USD": 2, "EUR": 2, "THB": 2, "IDR": 0, "JPY": 0, "VND": 0}
"""Digits behind the point by currency."""


@st.composite
def baskets(draw: st.DrawFn) -> tuple[dict[str, Any], Decimal]:
    """An order with every discount, fee and tax a market can have, and what its buyer pays."""
    currency = draw(st.sampled_from(sorted(STEPS)))
    amounts = st.integers(0, 50_000).map(lambda steps: Decimal(steps).scaleb(-STEPS[currency]))
    units = []
    for place in range(draw(st.integers(1, 4))):
        price, seller, platform = draw(amounts), draw(amounts), draw(amounts)
        units.append(
            taxed(
                str(100 + place),
                str(draw(amounts)),
                price=str(price + seller + platform),
                seller_discount=str(seller),
                platform_discount=str(platform),
                pfand_fee=str(draw(amounts)),
                currency=currency,
            )
        )
    raw = raw_order(*units)
    fees = {name: draw(amounts) for name in draw(st.sets(st.sampled_from(CHARGED)))}
    shipping, discount = draw(amounts), draw(amounts)
    tax = Decimal(raw["payment"]["tax"])
    deposits = sum(Decimal(unit["pfand_fee"]) for unit in units)
    pays = Decimal(raw["payment"]["sub_total"]) + shipping + sum(fees.values()) + deposits
    pays += tax if currency == "USD" else 0
    raw["payment"] |= {name: str(amount) for name, amount in fees.items()}
    raw["payment"] |= {
        "currency": currency,
        "original_shipping_fee": str(shipping + discount),
        "shipping_fee_seller_discount": str(discount),
        "shipping_fee": str(shipping),
        "total_amount": str(pays),
    }
    return raw, pays


@given(baskets())
def test_every_fee_and_discount_of_every_market_is_in_the_total_once(basket: tuple[dict[str, Any], Decimal]) -> None:
    raw, pays = basket
    found = totals_of(read_order(raw))
    assert (found.total, found.mismatch) == (pays, None)
    charged = sum(amount for _name, amount in found.charges)
    assert found.sub_total - found.discount + found.tax + found.shipping + charged == pays


@given(baskets(), st.sampled_from([-1, 1]))
def test_the_smallest_step_too_much_is_seen_in_every_currency(
    basket: tuple[dict[str, Any], Decimal], sign: int
) -> None:
    raw, pays = basket
    step = Decimal(sign).scaleb(-STEPS[raw["payment"]["currency"]])
    raw["payment"]["total_amount"] = str(pays + step)
    found = totals_of(read_order(raw))
    assert found.total == pays + step
    assert found.mismatch is not None or any(amount in (step, -step) for amount in _in_doubt(read_order(raw)))


def _in_doubt(given: Any) -> set[Decimal]:
    """What could explain a step as well: sums of amounts that are taken off or left out in another reading."""
    parts = [Decimal(0), given.payment.tax, -given.payment.tax]
    for name, amount in [
        *given.payment.charges,
        ("pfand_fee", sum(dict(unit.charges).get("pfand_fee", Decimal(0)) for unit in given.units)),
    ]:
        if name in PERHAPS_CONTAINED:
            parts += [part - amount for part in parts]
    return set(parts)
