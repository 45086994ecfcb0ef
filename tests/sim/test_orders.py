"""What is in an order survives what a random day brings only by luck."""

from __future__ import annotations

import pytest

from tests.sim import order_scenarios as scenarios

pytestmark = pytest.mark.sim


def test_a_bundle_whose_first_package_is_shown_last_leaves_as_a_whole() -> None:
    assert scenarios.a_fulfillment_shown_late() == []
