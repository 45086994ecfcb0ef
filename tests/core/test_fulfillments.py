"""Reading Pipe17's fulfillments in every form they may have."""

from typing import Any

import pytest
from order_builders import sample

from daemon.core.fulfillments import FulfilledLine, read_fulfillment
from daemon.core.reading import BadShape

SHIPPED = sample("fulfillment_shipped.json")


def test_the_fixture_of_the_contract_is_read() -> None:
    found = read_fulfillment(SHIPPED)
    assert (found.id, found.order_id, found.shipment_id) == ("8e6b21f09d5c74a3", "3f0c9a41d27be860", "c2d80e6b1f47a935")
    assert (found.carrier, found.service, found.rejected) == ("USPS", "Ground Advantage", False)
    assert found.tracking_numbers == ("9400100000000000000011",)
    assert found.lines == (FulfilledLine("577000111222333501", "MUG-BLUE", 2),)
    assert found.shipped_at_ms == 1741189440000
    assert found.order_integration == "b7712ce05d9f3a48"


def test_a_rejection_is_told_from_a_shipment() -> None:
    found = read_fulfillment(sample("fulfillment_rejected.json"))
    assert (found.rejected, found.tracking_numbers, found.shipped_at_ms) == (True, (), None)


@pytest.mark.parametrize(
    ("members", "numbers"),
    [
        ({"trackingNumber": "1Z999"}, ("1Z999",)),
        ({"trackingNumber": ["1Z999", "1Z998"]}, ("1Z999", "1Z998")),
        ({"trackingNumbers": "1Z999"}, ("1Z999",)),
        ({"trackingNumbers": ["1Z999"]}, ("1Z999",)),
        ({"trackingNumber": "1Z999", "trackingNumbers": ["1Z999", "1Z998"]}, ("1Z999", "1Z998")),
        ({"trackingNumber": " 9400 1000 11 "}, ("9400100011",)),
        ({"trackingNumber": 940010001}, ("940010001",)),
        ({"trackingNumber": ["", None]}, ()),
        ({"trackingNumber": []}, ()),
        ({}, ()),
    ],
)
def test_tracking_numbers_are_found_under_either_name_as_text_or_list(members: Any, numbers: tuple[str, ...]) -> None:
    raw = {member: value for member, value in SHIPPED.items() if member != "trackingNumber"}
    assert read_fulfillment({**raw, **members}).tracking_numbers == numbers


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"fulfillmentId": ""}, "fulfillmentId"),
        ({"createdAt": None, "updatedAt": None}, "createdAt"),
        ({"lineItems": [{"sku": "A"}]}, "lineItems[0].quantity"),
        ({"lineItems": [{"sku": "A", "quantity": -1}]}, "lineItems[0].quantity"),
        ({"lineItems": [{"sku": ["A"], "quantity": 1}]}, "lineItems[0].sku"),
        ({"trackingNumber": {"number": "1Z"}}, "trackingNumber"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_by_the_path_of_the_member(members: Any, field: str) -> None:
    with pytest.raises(BadShape) as refused:
        read_fulfillment({**SHIPPED, **members})
    assert refused.value.field == field


def test_one_instant_stands_in_for_the_other_and_empty_lines_are_left_out() -> None:
    found = read_fulfillment({**SHIPPED, "createdAt": None, "lineItems": [{"sku": "A", "quantity": 0}]})
    assert (found.created_at_ms, found.lines) == (found.updated_at_ms, ())
    assert read_fulfillment({**SHIPPED, "updatedAt": ""}).updated_at_ms == 1741189572000
