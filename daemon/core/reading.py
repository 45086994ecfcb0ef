"""Tolerant readers for vendor records: what may be a number or a text, what counts as absent, what is refused.

Both vendors leave optional members out, or send null, `""`, `[]` or `{}`, whatever the type (contracts, wire
conventions): all of these are *absent* to every reader below. `"0"` is absent for ids, lists and objects. A member that
we cannot do without, or that has a type nobody promises, raises `BadShape` with its path, so that the one record is set
aside and the page goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

AMOUNT_LIMIT = 10**12
AMOUNT_PLACES = 6
WHOLE_LIMIT = 10**18

_HALF_CHARACTERS = re.compile(r"[\ud800-\udfff]")
"""Halves of a character: a vendor cut a text in the middle of an emoji; neither SQLite nor UTF-8 can hold them."""


class BadShape(ValueError):
    """A record lacks a member we need, or has it in a type nobody promises. `field` is its path in the record."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}")

    def inside(self, place: str) -> BadShape:
        """The same complaint, seen from the record that holds this one: `tax` inside `payment` is `payment.tax`."""
        return BadShape(f"{place}.{self.field}", self.problem)


def record(value: object, field: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, Mapping):
        raise BadShape(field, f"is {_kind(value)}, not an object")
    return value


def optional_record(raw: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """A JSON object that may be absent, which reads as one without members."""
    value = raw.get(field)
    return {} if _absent(value) or value == "0" else record(value, field)


def records(raw: Mapping[str, Any], field: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list member; absent is an empty list."""
    value = raw.get(field)
    if _absent(value) or value == "0":
        return
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadShape(field, f"is {_kind(value)}, not a list")
    for position, item in enumerate(value):
        yield item if type(item) is dict else record(item, f"{field}[{position}]")


def text(raw: Mapping[str, Any], field: str) -> str:
    """A text member; absent is `""`, whole numbers become their digits (ids sent as numbers)."""
    value = raw.get(field)
    if type(value) is str and value.isascii():  # nearly every text of nearly every record
        return value.strip()
    if _absent(value):
        return ""
    if isinstance(value, str):
        return _HALF_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", value).strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadShape(field, f"is {_kind(value)}, not a text")


def required_text(raw: Mapping[str, Any], field: str) -> str:
    """A text member that must not be empty."""
    value = text(raw, field)
    if not value:
        raise BadShape(field, "is missing")
    return value


def identifier(raw: Mapping[str, Any], field: str) -> str:
    """An id; `"0"` is the vendors' way of saying there is none."""
    value = text(raw, field)
    return "" if value == "0" else value


def flag(raw: Mapping[str, Any], field: str) -> bool:
    """A boolean member; absent and `"0"` are False, the texts `true` and `false` are understood."""
    value = raw.get(field)
    if _absent(value) or value == "0":
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise BadShape(field, f"is {_kind(value)}, not a boolean")


def stated(raw: Mapping[str, Any], field: str) -> bool:
    """Whether the record says anything at all about a member."""
    return not _absent(raw.get(field))


def amount(raw: Mapping[str, Any], field: str) -> Decimal:
    """An amount of money; absent is 0; never a float.

    More than 12 digits before the point or 6 behind it are refused: no market has such prices, and every sum of the
    amounts that pass can still be written as a JSON number without rounding.
    """
    number = _number(raw, field, "an amount")
    if number is None:
        return Decimal(0)
    if abs(number) >= AMOUNT_LIMIT or number != round(number, AMOUNT_PLACES):
        raise BadShape(field, "is not an amount")
    return number


def whole(raw: Mapping[str, Any], field: str) -> int | None:
    """A whole number below 10^18, also sent as text; absent is None."""
    value = raw.get(field)
    if type(value) is int and -WHOLE_LIMIT < value < WHOLE_LIMIT:
        return value
    number = _number(raw, field, "a whole number")
    if number is None:
        return None
    if abs(number) >= WHOLE_LIMIT or number != number.to_integral_value():
        raise BadShape(field, "is not a whole number")
    return int(number)


def seconds_as_ms(raw: Mapping[str, Any], field: str) -> int | None:
    """An instant in epoch seconds (TikTok), as epoch milliseconds; 0 and absent are None."""
    value = whole(raw, field)
    if not value:
        return None
    if not 0 < value < 10**11:
        raise BadShape(field, "is not an instant in seconds")
    return value * 1000


def iso_as_ms(raw: Mapping[str, Any], field: str) -> int | None:
    """An ISO-8601 instant (Pipe17), as epoch milliseconds; absent is None; without a zone it is UTC."""
    value = text(raw, field)
    if not value:
        return None
    try:
        instant = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise BadShape(field, "is not an ISO-8601 instant") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    delta = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000


def iso(instant_ms: int) -> str:
    """An instant as Pipe17 writes it: `2025-03-04T17:05:11.000Z`."""
    whole_seconds, milliseconds = divmod(instant_ms, 1000)
    stamp = datetime.fromtimestamp(whole_seconds, UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def _absent(value: object) -> bool:
    return value is None or value in ("", [], {})


def _number(raw: Mapping[str, Any], field: str, wanted: str) -> Decimal | None:
    value = raw.get(field)
    if isinstance(value, str):
        value = value.strip()
    if _absent(value):
        return None
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise BadShape(field, f"is {_kind(value)}, not {wanted}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise BadShape(field, f"is not {wanted}") from None
    if not number.is_finite():
        raise BadShape(field, f"is not {wanted}")
    return number


def _kind(value: object) -> str:
    return {dict: "an object", list: "a list", bool: "a boolean", str: "a text"}.get(type(value), type(value).__name__)
