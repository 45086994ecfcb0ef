"""Orders with TikTok's label: which units left, whatever the number, and when there is nothing to wait for."""

from __future__ import annotations

from typing import Any

import pytest
from order_builders import fulfillment, order, raw_unit, sample

from daemon.core.findings import Refusal
from daemon.core.labels import Labelled, labelled_units
from daemon.core.lines import units_of
from daemon.core.tiktok_order import TikTokOrder, read_order

AAB = [raw_unit("101"), raw_unit("102"), raw_unit("201", "B")]
A1, A2, A3, B1 = ("101", "A", 1), ("101", "A", 2), ("101", "A", 3), ("201", "B", 1)


def left(unit: dict[str, Any]) -> dict[str, Any]:
    return {**unit, "display_status": "IN_TRANSIT", "tracking_number": "TT01", "package_id": "p1"}


def labelled(at: TikTokOrder, *lines: tuple[str, str, int], taken: dict[str, str] | None = None) -> Labelled | Refusal:
    return labelled_units(fulfillment("1Z001", *lines), at, units_of(at), taken or {})


def ids(found: Labelled | Refusal) -> list[str]:
    assert isinstance(found, Labelled), found
    return [unit.id for unit in found.units]


def test_units_shipped_under_any_number_are_not_waited_for() -> None:
    found = labelled(order(*map(left, AAB)), A2, B1)
    assert isinstance(found, Labelled)
    assert (ids(found), found.waiting, found.number, found.package_id) == (["101", "102", "201"], (), "TT01", "p1")


def test_units_of_another_fulfillment_come_last_and_missing_labels_are_waited_for() -> None:
    found = labelled(order(left(AAB[0]), *AAB[1:]), A1, taken={"101": "f9"})
    assert isinstance(found, Labelled)
    assert (ids(found), found.waiting, found.number) == (["102"], ("102",), "")
    assert ids(labelled(order(*AAB), ("", "B", 1))) == ["201"]


def test_a_part_stands_for_its_bundle() -> None:
    at = read_order(sample("two_lines_us.json"))
    bundle = "576461413038982360"
    (component, *_) = next(unit for unit in at.units if unit.id == bundle).components
    part = (f"{bundle}-{component.sku_id}", component.seller_sku, 1)
    assert ids(labelled(at, part, part)) == [bundle]


@pytest.mark.parametrize(
    ("members", "lines", "code"),
    [
        ({"status": "CANCELLED"}, [A1], "order_cancelled"),
        ({"fulfillment_type": "FULFILLMENT_BY_TIKTOK"}, [A1], "shipped_by_platform"),
        ({}, [A3], "over_fulfilment"),
        ({}, [("9", "Z", 1)], "line_unknown"),
        ({}, [], "line_unknown"),
    ],
)
def test_what_no_label_will_help_is_refused(members: dict[str, Any], lines: list[Any], code: str) -> None:
    refusal = labelled(order(*AAB, **members), *lines)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
