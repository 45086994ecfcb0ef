"""Of which kind an order is, told from its flags alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import CLEAR, MASKED, PAID_S, document, order, raw_unit

from daemon.core.order_kinds import TAGS, digital, fields_of, needs_address, tags_of, unknown_shipper

ROWS: tuple[tuple[str, dict[str, Any], dict[str, str]], ...] = (
    ("sample", {"is_sample_order": True}, {}),
    ("refundable-sample", {"is_refundable_sample": True}, {}),
    ("gift", {"line_items": [raw_unit("1"), raw_unit("2", price="0", is_gift=True)]}, {}),
    ("giveaway", {"order_type": "ZERO_LOTTERY"}, {"tiktok_order_type": "ZERO_LOTTERY"}),
    ("auction", {"order_type": "AUCTION"}, {"tiktok_order_type": "AUCTION"}),
    (
        "pre-order",
        {"order_type": "PRE_ORDER", "release_date": PAID_S},
        {"tiktok_release_date": "2025-12-31T22:00:00.000Z"},
    ),
    (
        "made-to-order",
        {"order_type": "MADE_TO_ORDER", "handling_duration": {"days": "7", "type": "BUSINESS_DAY"}},
        {"tiktok_handling_duration": "7 BUSINESS_DAY"},
    ),
    ("back-order", {"order_type": "BACK_ORDER", "handling_duration": {"days": 9}}, {"tiktok_handling_duration": "9"}),
    ("digital", {"order_type": "VIRTUAL_ORDER"}, {}),
    ("digital", {"shipping_type": "TIKTOK_DIGITAL"}, {"tiktok_shipping_type": "TIKTOK_DIGITAL"}),
    ("replacement", {"is_replacement_order": True, "replaced_order_id": "57"}, {"tiktok_replaced_order_id": "57"}),
    ("exchange", {"is_exchange_order": True, "exchange_source_order_id": "58"}, {"tiktok_exchanged_order_id": "58"}),
    ("subscription", {"is_subscription_order": True}, {}),
    ("auto-combined", {"auto_combine_group_id": "123"}, {"tiktok_auto_combine_group_id": "123"}),
    ("combined", {"split_or_combine_tag": "COMBINED"}, {}),
    ("split", {"split_or_combine_tag": "SPLIT"}, {}),
    ("cod", {"is_cod": True}, {}),
    ("platform-label", {"shipping_type": "TIKTOK"}, {"tiktok_shipping_type": "TIKTOK"}),
    ("shipped-by-platform", {"fulfillment_type": "FULFILLMENT_BY_TIKTOK", "shipping_type": "TIKTOK"}, {}),
    ("collection-point", {"delivery_type": "COLLECTION_POINT"}, {}),
    ("store-pickup", {"shipping_type": "IN-STORE PICKUP"}, {}),
    ("tokopedia", {"commerce_platform": "TOKOPEDIA"}, {}),
    ("unknown-kind", {"order_type": "NEW_KIND"}, {"tiktok_order_type": "NEW_KIND"}),
)


@pytest.mark.parametrize(("tag", "members", "fields"), ROWS, ids=[f"{row[0]}-{n}" for n, row in enumerate(ROWS)])
def test_each_kind_has_its_tag_and_its_fields_and_no_other(
    tag: str, members: dict[str, Any], fields: dict[str, str]
) -> None:
    found = order(**members)
    assert tags_of(found) == ["tiktok-shop", tag]
    assert fields.items() <= dict(fields_of(found)).items()


def test_the_rows_above_are_all_there_are_and_readme_has_them() -> None:
    names = {name for name, _applies in TAGS}
    assert {row[0] for row in ROWS} | {"tiktok-shop"} == names
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert [name for name in sorted(names) if f"| `{name}` |" not in readme] == []


def test_an_order_of_tokopedias_warehouse_is_shipped_by_the_platform() -> None:
    found = order(fulfillment_type="FULFILLMENT_BY_DILAYANI_TOKOPEDIA")
    assert set(tags_of(found)) == {"tiktok-shop", "shipped-by-platform", "tokopedia"}
    assert not unknown_shipper(found)


def test_an_order_can_be_of_several_kinds() -> None:
    found = order(is_cod=True, is_subscription_order=True, order_type="PRE_ORDER")
    assert set(tags_of(found)) == {"tiktok-shop", "cod", "subscription", "pre-order"}


def test_what_a_gift_is_worth_stands_beside_its_line() -> None:
    gift = {"price": "0", "is_gift": True, "gift_retail_price": "4.99"}
    found = document(order(raw_unit("1"), raw_unit("2", **gift), raw_unit("3", **gift)))
    fields = {field["name"]: field["value"] for field in found["customFields"]}
    assert fields["tiktok_gift_value:2"] == "9.98"
    assert [(line["uniqueId"], line["quantity"], line["itemPrice"]) for line in found["lineItems"]] == [
        ("1", 1, 20),
        ("2", 2, 0),
    ]


WORDS = st.sampled_from(["", "SELLER", "TIKTOK", "TIKTOK_DIGITAL", "IN-STORE PICKUP", "DRONE"])
TYPES = st.sampled_from(["", "NORMAL", "PRE_ORDER", "VIRTUAL_ORDER", "NEW_KIND"])
WHO = st.sampled_from(["", "FULFILLMENT_BY_SELLER", "FULFILLMENT_BY_TIKTOK", "FULFILLMENT_BY_FRIENDS"])


@given(WORDS, TYPES, WHO, st.sampled_from([{}, CLEAR, MASKED]), st.sampled_from([{}, CLEAR, MASKED]))
def test_the_flags_decide_and_never_the_address(
    shipping: str, kind: str, who: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    members = {"shipping_type": shipping, "order_type": kind, "fulfillment_type": who}
    one, other = order(recipient_address=first, **members), order(recipient_address=second, **members)
    for asks in (digital, needs_address, unknown_shipper, tags_of, fields_of):
        assert asks(one) == asks(other)  # type: ignore[operator]
    assert not (digital(one) and needs_address(one))
