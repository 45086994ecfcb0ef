"""Lines out of units: every unit once, and a `uniqueId` that stays."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from order_builders import order, raw_unit

from daemon.core.lines import line_of_units, order_lines, units_of
from daemon.core.money import total

TAXED = {"item_tax": [{"tax_type": "SALES_TAX", "tax_amount": "1.35", "tax_rate": "0.09"}]}


@st.composite
def unit_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    ids = draw(st.lists(st.integers(1, 10**18), min_size=1, max_size=10, unique=True))
    return [
        raw_unit(
            str(unit_id),
            draw(st.sampled_from("AB")),
            draw(st.sampled_from(["5", "9.99"])),
            seller_discount=draw(st.sampled_from(["0", "0.01", "1.1"])),
            is_gift=draw(st.booleans()),
            display_status=draw(st.sampled_from(["AWAITING_SHIPMENT", "CANCELLED", "IN_TRANSIT"])),
        )
        for unit_id in ids
    ]


@given(unit_lists())
def test_every_unit_is_in_exactly_one_line(units: list[dict[str, Any]]) -> None:
    lines = units_of(order(*units))
    assert sorted(unit_id for unit_ids in lines.values() for unit_id in unit_ids) == sorted(
        unit["id"] for unit in units
    )
    assert all(line_of_units(lines)[unit_id] == line for line, unit_ids in lines.items() for unit_id in unit_ids)


@given(unit_lists(), st.randoms(use_true_random=False), st.data())
def test_lines_keep_their_names_when_units_are_cancelled_or_come_in_another_order(
    units: list[dict[str, Any]], random: Any, data: st.DataObject
) -> None:
    before = units_of(order(*units))
    later = [{**unit, "display_status": data.draw(st.sampled_from(["CANCELLED", "DELIVERED"]))} for unit in units]
    random.shuffle(later)
    assert units_of(order(*later)) == before


@given(unit_lists())
def test_lines_count_and_charge_the_units_that_are_still_wanted(units: list[dict[str, Any]]) -> None:
    found = order(*units)
    lines = order_lines(found, tax_on_top=True)
    assert sum(line["quantity"] for line in lines) == len(found.live_units)
    paid = total(line["itemPrice"] * line["quantity"] - line["itemDiscount"] for line in lines)
    assert paid == total(unit.original_price - unit.seller_discount for unit in found.live_units)
    assert all(line["quantity"] > 0 for line in lines)


def test_equal_pieces_are_one_line_with_the_lowest_id() -> None:
    lines = order_lines(order(raw_unit("1000"), raw_unit("999"), raw_unit("1001", "B")), tax_on_top=True)
    assert [(line["uniqueId"], line["sku"], line["quantity"]) for line in lines] == [("999", "A", 2), ("1001", "B", 1)]


def test_a_discount_that_does_not_divide_evenly_is_summed_exactly() -> None:
    units = [raw_unit("1", seller_discount="0.03"), raw_unit("2", seller_discount="0.02")]
    (line,) = order_lines(order(*units), tax_on_top=True)
    assert line["itemDiscount"] == Decimal("0.05")


def test_a_gift_is_a_line_of_its_own_at_its_price_of_nothing() -> None:
    lines = order_lines(order(raw_unit("1"), raw_unit("2", price="0", is_gift=True)), tax_on_top=True)
    assert [(line["uniqueId"], line["itemPrice"]) for line in lines] == [("1", 20), ("2", 0)]


def test_tax_is_shown_on_the_line_only_where_it_is_charged_on_top() -> None:
    taxed = order(raw_unit("1", **TAXED), raw_unit("2", **TAXED))
    (on_top,) = order_lines(taxed, tax_on_top=True)
    (inside,) = order_lines(taxed, tax_on_top=False)
    assert (on_top["itemTax"], inside["itemTax"]) == (Decimal("2.70"), 0)
    assert on_top["taxable"]


def test_a_unit_without_a_seller_sku_goes_under_its_tiktok_id() -> None:
    (line,) = order_lines(order(raw_unit("1", seller_sku="")), tax_on_top=True)
    assert line["sku"] == "170065"


def test_the_kind_stands_in_the_name_unless_there_is_only_one() -> None:
    blue, plain = order_lines(order(raw_unit("1", sku_name="Blue"), raw_unit("2", "B")), tax_on_top=True)
    assert (blue["name"], plain["name"]) == ("Product A - Blue", "Product B")


def test_of_a_cancelled_order_the_lines_still_say_what_was_bought() -> None:
    (line,) = order_lines(order(raw_unit("1", display_status="CANCELLED"), status="CANCELLED"), tax_on_top=True)
    assert line["quantity"] == 1


def test_a_virtual_order_needs_no_shipping() -> None:
    (line,) = order_lines(order(order_type="VIRTUAL_ORDER"), tax_on_top=True)
    assert line["requiresShipping"] is False
