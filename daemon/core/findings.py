"""What a decision has to say to a person: findings and refusals.

Both become entries of the exceptions page, so `text` is written for the person who must act, and holds no personal
data: amounts, ids, SKUs and member names, never what stands in an address.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something is not as it should be; the work goes on. `code` names the exception.

    It stays open as long as newer readings of the record still find it; a `lasting` one (something happened once, like
    an edit after shipping) until a person dismisses it.
    """

    code: str
    text: str
    deadline_at_ms: int | None = None
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The thing must not be done as it stands; nothing is sent. `code` names the exception."""

    code: str
    text: str
