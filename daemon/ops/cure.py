"""What a person is told about one exception, and the two things that are most often asked of them.

A cure is read by somebody who runs a shop, not by somebody who reads this code: it names the place (Seller Center,
Pipe17, a setting) and the act, and says when nothing is to be done. The tables are in `cures_of_*.py`, found through
`cures.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

RETRY = "`tiktok-pipe17 retry`"
CONNECT = "run `tiktok-pipe17 connect`"


@dataclass(frozen=True, slots=True)
class Cure:
    """`meaning`: what happened, in one sentence. `cure`: what to do."""

    meaning: str
    cure: str
