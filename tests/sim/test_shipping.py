"""Packages in bad weather: each unit leaves once and each number is corrected once, whatever is lost or dies."""

from __future__ import annotations

import pytest

from daemon.sandbox.faults import FaultKind
from tests.sim import shipping_scenarios as scenarios

pytestmark = pytest.mark.sim

KINDS = (FaultKind.LOST_ANSWER, FaultKind.RESET, FaultKind.ERROR_AFTER, FaultKind.TRUNCATED, FaultKind.SERVER_ERROR)
CRASHES = (None, *((point, number) for point in ("effect", "answer", "committed") for number in (1, 2, 3, 4, 6)))


@pytest.mark.parametrize("kind", KINDS)
def test_two_boxes_of_a_line(kind: FaultKind) -> None:
    assert scenarios.two_boxes_of_a_line(kind) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_corrected_number(kind: FaultKind) -> None:
    assert scenarios.a_corrected_number(kind) == []


def test_an_older_number_comes_later() -> None:
    assert scenarios.an_older_number_comes_later() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_split_before_shipping(kind: FaultKind) -> None:
    assert scenarios.a_split_before_shipping(kind) == []


@pytest.mark.parametrize("region", ["US", "SG"])
@pytest.mark.parametrize("crash", CRASHES)
def test_a_shared_package(region: str, crash: tuple[str, int] | None) -> None:
    assert scenarios.a_shared_package(region, crash) == []


@pytest.mark.parametrize("crash", CRASHES[1:])
def test_a_crash_around_a_correction_and_a_split(crash: tuple[str, int]) -> None:
    assert scenarios.a_corrected_number(FaultKind.LOST_ANSWER, crash) == []
    assert scenarios.a_split_before_shipping(FaultKind.LOST_ANSWER, crash) == []
