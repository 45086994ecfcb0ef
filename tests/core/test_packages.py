"""Which package is named, what is split before, and what a person is told when TikTok will not split."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import order, raw_unit

from daemon.core.findings import Refusal
from daemon.core.packages import SplitFirst, package_for, why_not_split
from daemon.core.tiktok_order import TikTokOrder

AAAB = [raw_unit("101"), raw_unit("102"), raw_unit("103"), raw_unit("201", "B")]


def at(*packages: str, **members: Any) -> TikTokOrder:
    """Three of A and one of B, each in its package."""
    return order(*({**unit, "package_id": one} for unit, one in zip(AAAB, packages, strict=True)), **members)


def test_a_package_that_holds_just_these_units_is_named() -> None:
    assert package_for(at("p1", "p1", "p1", "p2"), ["103", "101", "102"]) == "p1"
    cancelled = order(*({**unit, "package_id": "p1"} for unit in AAAB[:2]), {**AAAB[2], "display_status": "CANCELLED"})
    assert package_for(cancelled, ["101", "102"]) == "p1"


@pytest.mark.parametrize("unit_ids", [["101", "201"], ["101", "999"], []])
def test_units_of_several_packages_or_of_none_are_refused(unit_ids: list[str]) -> None:
    packages = ("p1", "p1", "p1", "p2") if "999" not in unit_ids else ("", "", "", "")
    found = package_for(at(*packages), unit_ids)
    assert isinstance(found, Refusal)
    assert found.code == "package_unknown"


def test_a_part_is_split_off_with_what_comes_next_and_the_rest() -> None:
    found = package_for(at("p1", "p1", "p1", "p1"), ["102"], [("201",), ("102",), ("999",), ()])
    assert found == SplitFirst("p1", (("102",), ("201",), ("101", "103")))
    assert found.smallest == SplitFirst("p1", (("102",), ("101", "103", "201")))


def test_nothing_is_left_over_when_the_others_take_the_rest() -> None:
    found = package_for(at("p1", "p1", "p1", "p1"), ["101", "102"], [("103", "201")])
    assert found == SplitFirst("p1", (("101", "102"), ("103", "201")))


@given(st.data())
def test_a_split_names_every_unit_of_the_package_once(data: st.DataObject) -> None:
    units = [str(number) for number in range(100, 100 + data.draw(st.integers(2, 9)))]
    inside = order(*(raw_unit(one, package_id="p1") for one in units), raw_unit("200", package_id="p2"))
    wanted = data.draw(st.lists(st.sampled_from(units), min_size=1, max_size=len(units), unique=True))
    others = data.draw(st.lists(st.lists(st.sampled_from([*units, "200"]), unique=True), max_size=4))
    found = package_for(inside, wanted, others)
    if len(wanted) == len(units):
        assert found == "p1"
        return
    assert isinstance(found, SplitFirst)
    assert sorted(found.groups[0]) == sorted(wanted)
    for split in (found, found.smallest):
        assert sorted(one for group in split.groups for one in group) == units
        assert all(split.groups)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("21011036", "all 3 of A can go in one package"),
        ("21011046", "shares a package"),
        ("21011035", "what is left of the order"),
        ("", "what is left of the order"),
    ],
)
def test_a_refused_split_says_what_tiktok_would_take(code: str, told: str) -> None:
    refusal = why_not_split(at("p1", "p1", "p1", "p1"), ["101", "102"], code, "not allowed")
    assert refusal.code == "split_refused"
    assert told in refusal.text
    assert "(not allowed)" in refusal.text
