"""The grant: the pair of tokens a seller gave us, as a value, and the wrapper that keeps secrets out of texts.

`Secret` prints as stars wherever it is formatted, logged or shown in a traceback; `get_secret_value` is the one way out
and is called only where a request is built or the pair is stored. Both expiries of a `TokenPair` are absolute instants:
TikTok's `*_expire_in` is a Unix time, not a duration, and lies in the year 2123 for a grant without an end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
class Secret:
    """A text that never shows itself; equal to another `Secret` with the same text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text itself; keep it out of anything a person or a file may see."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('**********')"

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("a Secret is not pickled")


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What TikTok answers to `token.get` and `token.refresh`. Instants are epoch milliseconds UTC.

    `obtained_at_ms` is when we received it, by TikTok's clock; `scopes` are the granted scope keys as sent.
    """

    access_token: Secret
    access_expires_at_ms: int
    refresh_token: Secret
    refresh_expires_at_ms: int
    open_id: str
    scopes: tuple[str, ...]
    seller_name: str
    region: str
    obtained_at_ms: int
