"""Every planted mistake turns the simulation red."""

from __future__ import annotations

import logging

import pytest

from tests.sim import (
    mutants_cancellations,
    mutants_catalogue,
    mutants_engine,
    mutants_messages,
    mutants_orders,
    mutants_shipping,
    mutants_stock,
    mutants_taken,
)
from tests.sim.bug_bank import Mutant

MUTANTS = (
    *mutants_engine.MUTANTS,
    *mutants_orders.MUTANTS,
    *mutants_shipping.MUTANTS,
    *mutants_catalogue.MUTANTS,
    *mutants_cancellations.MUTANTS,
    *mutants_messages.MUTANTS,
    *mutants_stock.MUTANTS,
    *mutants_taken.MUTANTS,
)

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_simulation_notices_a_planted_mistake(mutant: Mutant) -> None:
    logging.disable(logging.CRITICAL)
    try:
        with mutant.plant():
            found = next((wrong for play in mutant.shows_in if (wrong := _played(play))), [])
    finally:
        logging.disable(logging.NOTSET)
    assert found, f"{mutant.name} went unnoticed"


def _played(play: object) -> list[str]:
    """What a scenario finds; a daemon that breaks down is found, too."""
    try:
        return list(play())  # type: ignore[operator]
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
