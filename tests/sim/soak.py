"""A thousand more days, on seeds that the tests do not have: `make soak`, or `python -m tests.sim.soak FIRST COUNT`.

Prints every seed that ends badly with what is wrong, and exits 1 if there was one. A seed that fails here becomes a
test of its own.
"""

from __future__ import annotations

import logging
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.sim import scenarios

FIRST, COUNT = 10_000, 1_000


def main(arguments: list[str]) -> int:
    """Play the days on all cores."""
    first, count = (int(arguments[0]), int(arguments[1])) if len(arguments) == 2 else (FIRST, COUNT)
    begun_s, bad = time.monotonic(), 0
    with ProcessPoolExecutor() as pool:
        for seed, found in pool.map(_played, range(first, first + count), chunksize=4):
            bad += bool(found)
            for wrong in found:
                print(f"seed {seed}: {wrong}", flush=True)
    print(f"{count - bad} passed, {bad} failed, in {time.monotonic() - begun_s:.0f} s")
    return 1 if bad else 0


def _played(seed: int) -> tuple[int, list[str]]:
    logging.disable(logging.CRITICAL)
    try:
        return seed, scenarios.a_day(seed)
    except Exception as error:
        return seed, [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
