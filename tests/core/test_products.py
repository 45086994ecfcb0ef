"""A TikTok product as products of Pipe17: which records, which members, and what is put when something differs."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.jsontext import dumps, loads
from daemon.core.products import (
    is_same_listing,
    mapped_status,
    mapping_changes,
    plan_product,
    product_changes,
    withdrawn,
)
from daemon.core.reading import BadShape

OURS = "b7712ce05d9f3a48"


def sku(sku_id: str = "11", seller_sku: str = "MUG", **more: Any) -> dict[str, Any]:
    return {"id": sku_id, "seller_sku": seller_sku, "price": {"currency": "USD", "sale_price": "9.90"}} | more


def product(*skus: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "1", "title": "Mug", "status": "ACTIVATE", "skus": list(skus or (sku(),))} | more


def one(**more: Any) -> dict[str, Any]:
    (document,) = plan_product(product(**more)).documents
    return document


def test_one_sku_is_a_simple_product_and_two_are_a_parent_with_children() -> None:
    assert one()["types"] == ["simple"]
    plan = plan_product(product(sku("11", "A"), sku("12", "B")))
    assert [(item["sku"], item["types"][0], item.get("parentExtProductId")) for item in plan.documents] == [
        ("1", "parent", None),
        ("A", "child", "1"),
        ("B", "child", "1"),
    ]
    assert [item["extProductId"] for item in plan.documents] == ["1", "11", "12"]


def test_a_sku_without_seller_sku_is_named_and_the_others_stay_children() -> None:
    plan = plan_product(product(sku("11", "A"), sku("12", "")))
    assert [item["sku"] for item in plan.documents] == ["1", "A"]
    assert plan.findings[0].code == "sku_missing"
    assert "12" in plan.findings[0].text
    many = plan_product(product(*(sku(str(number), "") for number in range(8))))
    assert many.documents == ()
    assert "and 3 more" in many.findings[0].text


def test_a_seller_sku_twice_in_one_product_is_one_child() -> None:
    plan = plan_product(product(sku("11", "A"), sku("12", "A")))
    assert [item["sku"] for item in plan.documents] == ["1", "A"]


def test_prices_are_the_one_that_is_shown_and_the_list_price() -> None:
    prices = one(skus=[sku(list_price={"amount": "12", "currency": "USD"})])["prices"]
    assert prices == [
        {"name": "basePrice", "value": Decimal("9.90"), "currency": "USD"},
        {"name": "compareAtPrice", "value": Decimal(12), "currency": "USD"},
    ]
    shown = one(skus=[sku(price={"currency": "USD", "tax_exclusive_price": "8"})])["prices"]
    assert shown[0]["value"] == 8
    assert "prices" not in one(skus=[sku(price={})])


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ({"value": "0.35", "unit": "KILOGRAM"}, (Decimal("0.35"), "kg")),
        ({"value": "5", "unit": "POUND"}, (Decimal(5), "lb")),
        ({"value": "0", "unit": "GRAM"}, (None, None)),
        ({"value": "5", "unit": "STONE"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_the_package_weight_in_units_that_pipe17_knows(weight: dict[str, str], expected: tuple[Any, Any]) -> None:
    document = one(package_weight=weight)
    assert (document.get("weight"), document.get("weightUnit")) == expected


def test_a_skus_own_weight_and_size_go_before_the_products() -> None:
    size = {"length": "25", "width": "20", "height": "3", "unit": "CENTIMETER"}
    mine = sku(sku_weight={"value": "2", "unit": "GRAM"}, sku_dimensions={**size, "length": "5", "unit": "INCH"})
    document = one(skus=[mine], package_weight={"value": "9", "unit": "GRAM"}, package_dimensions=size)
    assert (document["weight"], document["length"], document["dimensionsUnit"]) == (2, 5, "in")
    flat = one(package_dimensions={**size, "height": "0"})
    assert "length" not in flat


def test_identifiers_pictures_brand_and_attributes() -> None:
    document = one(
        skus=[sku(identifier_code={"type": "EAN", "code": "4006381333931"})],
        main_images=[{"urls": ["https://a.test/1.jpg", "https://a.test/2.jpg"]}, {"urls": []}, {}],
        brand={"name": "Plain"},
        create_time=1_767_225_600,
        product_attributes=[{"id": "7", "name": "Material", "values": [{"name": "Clay"}, {"name": "Glaze"}]}],
    )
    assert (document["upc"], document["imageURLs"], document["vendor"]) == (
        "4006381333931",
        ["https://a.test/1.jpg"],
        "Plain",
    )
    assert document["customFields"] == [{"name": "Material", "value": "Clay, Glaze"}]
    assert document["extProductCreatedAt"] == "2026-01-01T00:00:00.000Z"
    assert "upc" not in one(skus=[sku(identifier_code={"type": "ISBN", "code": "1"})])


def test_required_attributes_only() -> None:
    raw = product(product_attributes=[{"id": str(n), "name": f"N{n}", "values": [{"name": "v"}]} for n in (1, 2)])
    (document,) = plan_product(raw, {"2"}).documents
    assert [item["name"] for item in document["customFields"]] == ["N2"]


def test_a_bundle_names_its_parts_when_each_has_a_seller_sku() -> None:
    parts = [{"seller_sku": "A", "sku_count": 2}, {"seller_sku": "B", "sku_count": 1}]
    document = one(skus=[sku(combined_skus=parts)])
    assert (document["types"], document["bundleItems"]) == (
        ["bundle"],
        [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}],
    )
    assert one(skus=[sku(combined_skus=[{"sku_count": 2}])])["types"] == ["simple"]


@pytest.mark.parametrize(
    ("status", "sku_status", "mapped"),
    [
        ("ACTIVATE", "", "published"),
        ("ACTIVATE", "NORMAL", "published"),
        ("ACTIVATE", "DEACTIVATED", "unpublished"),
        ("SELLER_DEACTIVATED", "", "unpublished"),
        ("FREEZE", "", "disabled"),
        ("SOMETHING_NEW", "", "unpublished"),
    ],
)
def test_where_a_listing_stands(status: str, sku_status: str, mapped: str) -> None:
    assert mapped_status(status, sku_status) == mapped


@pytest.mark.parametrize("urls", ["https://a.test", [1], {"a": 1}])
def test_pictures_of_another_shape_set_the_product_aside(urls: object) -> None:
    with pytest.raises(BadShape):
        plan_product(product(main_images=[{"urls": urls}]))


def stored(document: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What Pipe17 has after a document was created."""
    mapped = {"integrationId": OURS, **document["mappedProduct"], "updatedAt": "2026-01-01T00:00:00.000Z"}
    rest = {name: value for name, value in document.items() if name != "mappedProduct"}
    made = {"productId": "p", "integration": OURS, **rest, "published": [mapped], **more}
    copy: dict[str, Any] = loads(dumps(made))
    return copy


def test_what_was_created_needs_no_change_and_a_difference_is_put_alone() -> None:
    document = one(product_attributes=[{"id": "7", "name": "Material", "values": [{"name": "Clay"}]}])
    assert product_changes(stored(document), document, OURS) == {}
    newer = {**document, "name": "Big mug", "mappedProduct": {**document["mappedProduct"], "status": "unpublished"}}
    changes = product_changes(stored(document), newer, OURS)
    assert set(changes) == {"name", "mappedProduct"}


def test_custom_fields_of_others_and_a_buffer_stay() -> None:
    document = one(product_attributes=[{"id": "7", "name": "Material", "values": [{"name": "Clay"}]}])
    current = stored(document, customFields=[{"name": "aisle", "value": "4"}])
    assert product_changes(current, document, OURS)["customFields"] == [
        {"name": "aisle", "value": "4"},
        {"name": "Material", "value": "Clay"},
    ]
    current["published"][0] |= {"bufferInventory": 3, "status": "disabled"}
    mapped = mapping_changes(current, document, OURS)["mappedProduct"]
    assert (mapped["bufferInventory"], mapped["status"]) == (3, "published")
    assert "updatedAt" not in mapped


def test_a_sku_that_is_gone_is_unpublished_only_where_it_was_the_one_published() -> None:
    document = one()
    left = withdrawn(document)
    assert mapping_changes(stored(document), left, OURS)["mappedProduct"]["status"] == "unpublished"
    other = stored(document)
    other["published"][0]["extProductId"] = "999"
    assert mapping_changes(other, left, OURS) == {}


def test_the_same_listing_is_told_by_its_sku_and_a_parent_by_its_product() -> None:
    document = one()
    assert is_same_listing({"extProductApiId": "11"}, document)
    assert not is_same_listing({"extProductApiId": "12"}, document)
    parent = plan_product(product(sku("11", "A"), sku("12", "B"))).documents[0]
    assert is_same_listing({"extProductId": "1"}, parent)


TEXT = st.text(max_size=12)
SKUS = st.builds(
    lambda number, name, options, price: sku(
        str(number),
        name,
        sales_attributes=[{"name": key, "value_name": value} for key, value in options],
        price={"currency": "USD", "sale_price": price},
    ),
    st.integers(1, 10**18),
    st.sampled_from(["", "A", "B", "C", " D "]),
    st.lists(st.tuples(TEXT, TEXT), max_size=3),
    st.decimals(0, 9999, places=2).map(str),
)


@given(skus=st.lists(SKUS, min_size=1, max_size=6), title=TEXT, status=st.sampled_from(["ACTIVATE", "FREEZE", "X"]))
def test_every_named_sku_is_one_document_and_writing_it_settles(
    skus: list[dict[str, Any]], title: str, status: str
) -> None:
    plan = plan_product(product(*skus, title=title, status=status))
    named = {item["seller_sku"].strip() for item in skus} - {""}
    parents = [item for item in plan.documents if item["types"] == ["parent"]]
    assert {item["sku"] for item in plan.documents} - {"1"} == named
    assert len(parents) == (1 if named and len(skus) > 1 else 0)
    assert bool(plan.findings) == any(not item["seller_sku"].strip() for item in skus)
    for document in plan.documents:
        assert document["name"]
        assert product_changes(stored(document), document, OURS) == {}
        json.loads(dumps(document))
