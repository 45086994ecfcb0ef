"""What a product of Pipe17 says about its stock."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.core.marks import Mark, read_mark
from daemon.core.reading import BadShape

OURS = "b7712ce05d9f3a48"


def mark(integration: str = OURS, **members: Any) -> Mark:
    return read_mark({"sku": "U", **members}, integration)


@pytest.mark.parametrize(
    "members",
    [
        {"tags": ["pre-owned"]},
        {"tags": ["vintage", " Pre-Owned "]},
        {"tags": ["pre_owned"]},
        {"customFields": [{"name": "pre_owned", "value": "true"}]},
        {"customFields": [{"name": "Pre Owned", "value": True}]},
        {"customFields": [{"name": "dock", "value": "4"}, {"name": "condition", "value": "pre-owned"}]},
        {"tags": 7, "customFields": ["?", {"name": "Condition", "value": "Preowned"}]},
    ],
)
def test_pre_owned(members: dict[str, Any]) -> None:
    assert mark(**members) == Mark("U", preowned=True)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"tags": None, "customFields": ""},
        {"tags": ["owned"], "customFields": [{"name": "pre_owned", "value": "false"}]},
        {"customFields": [{"name": "condition", "value": "new"}, {"name": "note", "value": "pre-owned"}]},
        {"tags": "pre-owned soon", "customFields": {"pre_owned": True}},
        {"customFields": [{"name": "pre_owned"}, {"value": "true"}]},
    ],
)
def test_a_usual_product(members: dict[str, Any]) -> None:
    assert mark(**members).plain


def test_what_is_kept_back_is_what_our_own_entry_says() -> None:
    published = [{"integrationId": "0001", "bufferInventory": 9}, {"integrationId": OURS, "bufferInventory": "2"}]
    assert mark(published=published).buffer_units == 2
    assert mark("", published=published).buffer_units == 0, "nobody knows yet which entry is ours"
    assert mark("", mappedProduct={"integrationId": OURS, "bufferInventory": 3}).buffer_units == 3
    assert mark(published=published, mappedProduct={"bufferInventory": 5}).buffer_units == 5


@pytest.mark.parametrize("odd", [{"published": "x"}, {"published": [7]}, {"mappedProduct": {"bufferInventory": -4}}])
def test_an_entry_that_cannot_be_read_keeps_nothing_back(odd: dict[str, Any]) -> None:
    assert mark(**odd).buffer_units == 0
    assert mark(mappedProduct={"bufferInventory": {}}).buffer_units == 0


def test_a_product_without_a_sku_marks_nothing() -> None:
    with pytest.raises(BadShape):
        read_mark({"tags": ["pre-owned"]}, OURS)
