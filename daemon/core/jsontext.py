"""JSON with exact money: numbers with a fraction are `Decimal` on our side and plain JSON numbers on the wire.

`float` exists for one line, in `number`, and only where its shortest text is the decimal we were given; anything else
is refused there instead of being sent rounded. `digest` is how the daemon asks "is this the document they accepted?".
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any


def number(value: object) -> int | float:
    """The JSON number that reads exactly as `value`; raises `ValueError` where none does, `TypeError` for no number."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} has no place in a JSON document")
    if not value.is_finite():
        raise ValueError(f"{value} is not a JSON number")
    if value.adjusted() < 18 and value == value.to_integral_value():
        return int(value)
    shortest = float(value)
    if Decimal(repr(shortest)) != value:
        raise ValueError(f"{value} has more digits than a JSON number keeps")
    return shortest


def loads(text: str | bytes) -> Any:
    """The value behind a JSON text; fractions as `Decimal`; raises `ValueError` for anything that is not JSON.

    Of a member written twice the last one counts, as everywhere. Nesting beyond the interpreter's limit and numbers
    beyond `Decimal`'s are refused like any other rubbish.
    """
    try:
        if not isinstance(text, str):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        return _DECODER.decode(text)
    except (RecursionError, InvalidOperation):
        raise ValueError("no JSON that anybody means: nested too deep, or a number without end") from None


def dumps(value: Any) -> str:
    """Compact JSON in the order given; the same value always gives the same text, and the text is always UTF-8.

    A text that holds half a character (a vendor cut an emoji in two) is written with escapes, so that it can be sent
    and stored at all.
    """
    text = _ENCODER.encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _ESCAPING.encode(value)
    return text


def digest(value: Any) -> str:
    """A short fingerprint of a JSON value that does not depend on the order of its members."""
    return blake2b(_SORTING.encode(value).encode(), digest_size=16).hexdigest()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


# Made once: `json.dumps` and `json.loads` build one of these per call when they are given any option.
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse)
_ENCODER = json.JSONEncoder(default=number, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_ESCAPING = json.JSONEncoder(default=number, separators=(",", ":"), allow_nan=False)
_SORTING = json.JSONEncoder(default=number, separators=(",", ":"), allow_nan=False, sort_keys=True)
