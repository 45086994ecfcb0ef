"""Reading TikTok's order records: the official samples, every form the wire allows, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest
from order_builders import CLEAR, order, raw_order, raw_unit, sample

from daemon.core.reading import BadShape
from daemon.core.tiktok_order import Address, read_order

SAMPLE_NAMES = ["two_lines_us.json", "official_list.json", "official_detail.json"]


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_the_published_samples_are_read(name: str) -> None:
    raw = sample(name)
    found = read_order(raw)
    assert found.id == raw["id"]
    assert [unit.id for unit in found.units] == [line["id"] for line in raw["line_items"]]
    assert found.raw is raw


def test_an_official_sample_keeps_its_words() -> None:
    found = read_order(sample("official_detail.json"))
    assert (found.status, found.order_type, found.shipping_type) == ("UNPAID", "ZERO_LOTTERY", "TIKTOK")
    assert found.packages == ("1152321127278713123",)
    assert found.release_date_ms == 1619611762000
    assert dict(found.payment.charges)["retail_delivery_fee"] == Decimal("1.28")
    assert found.address.lines[2] == "Vila Olímpia"
    (unit,) = found.units
    assert (unit.status, unit.tax, unit.package_id) == ("TO_SHIP", Decimal("21.2"), "1153132168123859123")
    assert not unit.shipped
    assert not unit.cancelled


def test_a_bundle_is_one_unit_with_its_recipe_and_its_parts() -> None:
    mug, bundle = read_order(sample("two_lines_us.json")).units
    assert not mug.components
    assert [(part.seller_sku, part.count) for part in bundle.components] == [("TEA-A", 1), ("SPOON", 1)]
    assert [part.id for part in bundle.parts] == ["576461413039047896", "576461413039113432"]


NEEDED = {"id", "status", "create_time", "line_items"}
OMITTED = object()
WAYS_TO_SAY_NOTHING = [OMITTED, None, "", [], {}]


def without(raw: dict[str, Any], member: str, nothing: object) -> dict[str, Any]:
    kept = {name: value for name, value in raw.items() if name != member}
    return kept if nothing is OMITTED else {**kept, member: nothing}


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_every_optional_member_may_be_absent_in_every_way(name: str) -> None:
    complete = sample(name)
    for nothing in WAYS_TO_SAY_NOTHING:
        for member in complete.keys() - NEEDED:
            read_order(without(complete, member, nothing))


@pytest.mark.parametrize("member", sorted(NEEDED))
def test_what_an_order_cannot_be_without_is_named_when_it_is_missing(member: str) -> None:
    for nothing in WAYS_TO_SAY_NOTHING:
        with pytest.raises(BadShape, match=f"^{member}: is missing"):
            read_order(without(raw_order(), member, nothing))


@pytest.mark.parametrize("name", SAMPLE_NAMES)
@pytest.mark.parametrize("group", ["payment", "recipient_address", "line_items"])
def test_members_of_the_inner_records_may_be_absent_in_every_way(name: str, group: str) -> None:
    complete = sample(name)
    inner = complete[group][0] if group == "line_items" else complete[group]
    for nothing in WAYS_TO_SAY_NOTHING:
        for member in inner.keys() - {"id"}:
            less = without(inner, member, nothing)
            read_order({**complete, group: [less] if group == "line_items" else less})


def test_zero_as_a_text_says_that_there_is_none() -> None:
    unit = raw_unit("100", package_id="0", item_tax="0")
    found = order(user_id="0", packages="0", recipient_address="0", line_items=[unit])
    assert (found.user_id, found.packages, found.units[0].package_id, found.units[0].tax) == ("", (), "", 0)


def test_numbers_may_come_as_texts_and_texts_as_numbers() -> None:
    odd = raw_order(raw_unit("100", price="5"), create_time="1767218340", user_id=7021436810468230477)
    odd["payment"]["total_amount"] = Decimal("5")
    found = read_order(odd)
    assert found.create_time_ms == 1767218340000
    assert found.user_id == "7021436810468230477"
    assert found.payment.total_amount == 5


def test_unknown_words_pass_as_they_are() -> None:
    found = order(raw_unit("100", display_status="teleported"), status="BLOCKED", order_type="NEW_KIND")
    assert (found.status, found.order_type, found.units[0].status) == ("BLOCKED", "NEW_KIND", "TELEPORTED")


def test_without_a_payment_the_currency_is_that_of_the_lines_and_no_total_is_stated() -> None:
    found = order(payment=None)
    assert (found.payment.currency, found.payment.total_amount) == ("USD", None)


def test_an_order_without_an_address_has_an_empty_one() -> None:
    assert order(recipient_address={}).address == Address()


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"line_items": []}, "line_items"),
        ({"line_items": [raw_unit("100"), raw_unit("100")]}, "line_items[1].id"),
        ({"line_items": [raw_unit("100", price="much")]}, "line_items[0].original_price"),
        ({"payment": {"tax": "much"}}, "payment.tax"),
        ({"line_items": [{"sku_id": "1729"}]}, "line_items[0].id"),
        ({"payment": [1]}, "payment"),
        ({"recipient_address": {"postal_code": [1]}}, "recipient_address.postal_code"),
        ({"recipient_address": "somewhere"}, "recipient_address"),
        ({"create_time": 0}, "create_time"),
        ({"status": ""}, "status"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_by_the_path_of_the_member(members: Any, field: str) -> None:
    with pytest.raises(BadShape) as refused:
        order(**members)
    assert refused.value.field == field


def test_an_order_is_cancelled_once_every_unit_is() -> None:
    gone = [raw_unit("100", display_status="CANCELLED"), raw_unit("101", display_status="CANCELLED")]
    assert order(*gone).cancelled
    assert len(order(*gone).live_units) == 2
    assert order(status="CANCEL").cancelled
    partly = order(gone[0], raw_unit("101"))
    assert not partly.cancelled
    assert [unit.id for unit in partly.live_units] == ["101"]


def test_personal_data_does_not_show_in_a_representation() -> None:
    shown = repr(order(buyer_message="call me at noon"))
    for secret in (CLEAR["name"], CLEAR["address_line1"], "relay@", "noon", CLEAR["phone_number"]):
        assert str(secret) not in shown
