"""The bug bank: mistakes that a connector is known to make, planted one at a time in the running code.

Each mutant changes one mechanism while a scenario plays. `tests/sim/test_bug_bank.py` holds that the simulation turns
red for every one of them: a mechanism whose loss nothing notices is not tested. The mutants of a subject are in
`mutants_<subject>.py`; a new file's tuple is added in `test_bug_bank.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.sim import scenarios
from tests.sim.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted mistake, and the scenarios in which it must show."""

    name: str
    plant: Callable[[], Any]
    shows_in: tuple[Scenario, ...]


def days(*seeds: int) -> tuple[Scenario, ...]:
    return tuple(partial(scenarios.a_day, seed) for seed in seeds)
