"""How the texts of settings are read: one small function for each kind, text in, value out.

A `ValueError` says what is wrong *and* what is accepted; the loader puts the variable's name and place in front. Wrong
values are quoted back only up to `QUOTED_MAX` characters and never for secrets. Addresses have a file of their own,
`addresses.py`. Nothing here knows a setting by name. An empty text never arrives here: empty means unset.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from daemon.core.message_template import check_template
from daemon.settings.values import Buffer, Since

Choice = TypeVar("Choice", bound=StrEnum)

QUOTED_MAX = 40
NO_PAIRS: Mapping[str, str] = MappingProxyType({})
TOKEN_KEY_BYTES = 32

_UNIT_MS = {"": 1_000, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,12})(?:\.(\d{1,6}))?\s*([smhd]?)", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_DIGITS_OF_A_DATE = re.compile(r"20\d{6}", re.ASCII)
"""20260131 is meant as a date, though it could be seconds: neither is guessed."""
_CLOCK_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def quoted(text: str) -> str:
    """A wrong value for an error text: cut, and on one line."""
    shown = text if len(text) <= QUOTED_MAX else text[:QUOTED_MAX] + "…"
    hint = " (a comment needs a line of its own)" if " #" in text else ""
    return f'"{"".join(c if c.isprintable() else "?" for c in shown)}"{hint}'


def text(value: str) -> str:
    """Any text on one line."""
    if not value.isprintable():
        raise ValueError("has a line break or another control character in it; use plain text on one line")
    return value


def boolean(value: str) -> bool:
    lowered = value.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(f"{quoted(value)} is not a boolean; use true, false, 1, 0, yes, no, on or off")


def one_of(*choices: Choice) -> Callable[[str], Choice]:
    """One of some words, in any case."""
    by_text = {choice.value: choice for choice in choices}

    def read(value: str) -> Choice:
        found = by_text.get(value.lower())
        if found is None:
            raise ValueError(f"{quoted(value)} is not accepted; use one of: {', '.join(by_text)}")
        return found

    return read


def duration(value: str) -> timedelta:
    """`90s`, `5m`, `1h`, `2d` or plain seconds; decimals only where they are exact in milliseconds (`1.5h`)."""
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError(f"{quoted(value)} is not a duration; use 90s, 5m, 1h, 2d or plain seconds")
    whole, fraction, unit = match[1], match[2] or "", match[3].lower()
    amount, rest = divmod(int(whole + fraction) * _UNIT_MS[unit], 10 ** len(fraction))
    if rest:
        raise ValueError(f"{quoted(value)} is finer than a millisecond; use 90s, 5m, 1h, 2d or plain seconds")
    try:
        return timedelta(milliseconds=amount)
    except OverflowError:
        raise ValueError(f"{quoted(value)} is too long for a duration") from None


def duration_between(least: str, most: str) -> Callable[[str], timedelta]:
    """A duration with both bounds included."""
    low, high = duration(least), duration(most)

    def read(value: str) -> timedelta:
        found = duration(value)
        if not low <= found <= high:
            raise ValueError(f"{quoted(value)} is out of bounds; use {least} to {most}")
        return found

    return read


def since(value: str) -> Since:
    """A date (from midnight UTC), an instant with its zone, or a duration back from the first start."""
    try:
        found = datetime.fromisoformat(value) if "-" in value else None
    except ValueError:
        found = None
    if found is not None and (found.tzinfo is not None or _is_date(value)):
        instant = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        if not 2016 <= instant.year <= 2200:
            raise ValueError(f"{quoted(value)} is not in a year that TikTok Shop orders can have")
        return Since(at_ms=(instant - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1))
    try:
        if _DIGITS_OF_A_DATE.fullmatch(value):
            raise ValueError
        return Since(back=duration_between("0s", "3650d")(value))
    except ValueError:
        raise ValueError(
            f"{quoted(value)} is neither a date nor a duration; use 2026-01-31, 2026-01-31T08:00:00Z or 30d"
        ) from None


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def clock_time(value: str) -> time | None:
    """`03:30`, the host's local time, or `off`."""
    if value.lower() == "off":
        return None
    match = _CLOCK_TIME.fullmatch(value)
    if match is None:
        raise ValueError(f"{quoted(value)} is not a time of day; use 03:30 or off")
    return time(int(match[1]), int(match[2]))


def count_between(least: int, most: int) -> Callable[[str], int]:
    """A whole number with both bounds included."""

    def read(value: str) -> int:
        found = int(value) if value.isascii() and value.isdigit() and len(value) <= 12 else None
        if found is None or not least <= found <= most:
            raise ValueError(f"{quoted(value)} is not accepted; use a whole number from {least} to {most}")
        return found

    return read


def rate(value: str) -> Decimal:
    """Calls a second: more than 0, decimals allowed."""
    found = Decimal(value) if _NUMBER.fullmatch(value) else Decimal(0)
    if not Decimal("0.01") <= found <= 10_000:
        raise ValueError(f"{quoted(value)} is not accepted; use a number from 0.01 to 10000, such as 10 or 0.5")
    return found


def share(value: str) -> Decimal:
    """A percentage, as a share: `30%` is `Decimal("0.3")`."""
    number = value[:-1].rstrip()
    if not value.endswith("%") or not _NUMBER.fullmatch(number) or Decimal(number) > 100:
        raise ValueError(f"{quoted(value)} is not a percentage; use 0% to 100%, such as 30%")
    return Decimal(number) / 100


def buffer(value: str) -> Buffer:
    """`3` units or `10%` of the level."""
    if value.endswith("%"):
        return Buffer(share=share(value))
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return Buffer(units=int(value))
    raise ValueError(f"{quoted(value)} is not accepted; use a number of units such as 3, or a share such as 10%")


def names(value: str) -> tuple[str, ...]:
    """A comma separated list, in its order, each entry once."""
    found = tuple(dict.fromkeys(part for part in (piece.strip() for piece in text(value).split(",")) if part))
    if not found:
        raise ValueError(f"{quoted(value)} holds no entry; use a comma separated list")
    return found


def selection(value: str) -> tuple[str, ...] | None:
    """A comma separated list, or `all`, which is None."""
    return None if value.lower() == "all" else names(value)


def selection_of(*allowed: str) -> Callable[[str], tuple[str, ...] | None]:
    """`all`, or a list of the words named here."""

    def read(value: str) -> tuple[str, ...] | None:
        found = selection(value.lower())
        wrong = [entry for entry in found or () if entry not in allowed]
        if wrong:
            raise ValueError(
                f"{', '.join(map(quoted, wrong))} not accepted; use all, or a list of: {', '.join(allowed)}"
            )
        return found

    return read


def pairs(value: str) -> Mapping[str, str]:
    """`A:B,C:D`. Every entry that is malformed, or gives a name a second value, is named."""
    found: dict[str, str] = {}
    seen: dict[str, str] = {}
    wrong: list[str] = []
    for entry in (piece.strip() for piece in text(value).split(",")):
        if not entry:
            continue
        left, colon, right = (part.strip() for part in entry.partition(":"))
        if not (left and colon and right) or ":" in right:
            wrong.append(f"{quoted(entry)} is not of the form A:B")
        elif seen.setdefault(left.casefold(), right) != right:
            wrong.append(f"{quoted(left)} is mapped twice")
        else:
            found[left] = right
    if wrong:
        raise ValueError(f"{'; '.join(wrong)}; use A:B,C:D")
    if not found:
        raise ValueError(f"{quoted(value)} holds no entry; use A:B,C:D")
    return MappingProxyType(found)


def pairs_to(*allowed: str) -> Callable[[str], Mapping[str, str]]:
    """`A:x,B:y` where x and y are some of the words named here."""

    def read(value: str) -> Mapping[str, str]:
        found = {left.lower(): right.lower() for left, right in pairs(value).items()}
        wrong = [f"{left}:{right}" for left, right in found.items() if right not in allowed]
        if wrong:
            raise ValueError(
                f"{', '.join(map(quoted, wrong))} not accepted; on the right use one of: {', '.join(allowed)}"
            )
        return MappingProxyType(found)

    return read


def template(value: str) -> str:
    """The text of a message to the buyer, with its placeholders."""
    return check_template(text(value))


def secret(value: str) -> str:
    """A secret on one line, without blanks (a blank is a slip of the copying hand). Never quoted back."""
    if not value.isprintable() or " " in value or not value.isascii():
        raise ValueError(
            "has a blank, a line break or a sign outside ASCII in it; copy the value again (not shown here)"
        )
    return value


def token_key(value: str) -> bytes:
    """32 bytes in base64, either alphabet. Never quoted back."""
    try:
        found = base64.b64decode(value.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != TOKEN_KEY_BYTES:
        raise ValueError("is not 32 bytes in base64 (not shown here); make one with: openssl rand -base64 32")
    return found
