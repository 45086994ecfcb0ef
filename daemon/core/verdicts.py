"""What an answer means for the thing we owe: six words, by consequence and not by cause (design law 8).

    Delivered   the other side has it
    Retry       it does not, and the same request may be sent again after a while
    Throttled   it does not, and nobody should call this operation before `after`
    Unknown     it may have it: look it up before sending anything again
    Rejected    it does not and will not: a person, or a newer wanted state, must change something
    Reauth      it refuses *us*: sends to that system pause until the owner grants access again

The tables that turn an answer into one of them live in `core/tiktok_errors.py` and `core/pipe17_errors.py`, so "what do
we do on a 429" is answered by reading, not by running. An unknown vendor code is retried `UNKNOWN_CODE_TRIES` times and
then dead and visible; it is never swallowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

UNKNOWN_CODE_TRIES = 5
"""How often a code nobody has documented is tried before the row is dead and on the exceptions page."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has it. `remote_id` is its id there, where it has one."""

    remote_id: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Not delivered; the same request may be sent again. `tries` bounds how often (None: as long as it takes)."""

    code: str
    after: timedelta | None = None
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """Refused for its pace alone; the operation is closed for everyone for `after` (None: we choose)."""

    code: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have taken effect (time-out, reset, 5xx on a write): settle by a look-up first."""

    code: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refused for good. `code` names the exception a person will see."""

    code: str


@dataclass(frozen=True, slots=True)
class Reauth:
    """The system refuses our credentials. `code` is one of: expired, revoked, scope, key, shop_inactive."""

    code: str


Failure = Retry | Throttled | Unknown | Rejected | Reauth
Verdict = Delivered | Failure
