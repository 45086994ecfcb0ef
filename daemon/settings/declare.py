"""How one setting is written down.

    orders_hold: HoldWindow = setting("60m", "the modification window, counted from payment")

The default is written as the *text* a merchant would write, and goes through the same reader as theirs: what
`config.example.env` shows is what the code does. `""` means unset, which is None, or an empty text, list or map.
Types are made by `read_by`, so that pydantic keeps no schema of its own for each (import time, memory).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from pydantic import Field, PlainValidator
from pydantic.fields import FieldInfo

PLANNED = "planned"
"""`since` of a setting that is read and checked, but whose flow this version does not have yet."""

NOW = "0.1"


@dataclass(frozen=True, slots=True)
class Declared:
    """What is known of a setting beside its type: the only source for the example file and the README's table."""

    name: str
    default: str
    help: str
    section: str
    since: str
    required: bool
    secret: bool

    @property
    def planned(self) -> bool:
        return self.since == PLANNED


def read_by(parse: Callable[[str], Any], empty: object = None) -> PlainValidator:
    """The validator of a type: texts are parsed, an empty text is `empty`, ready values pass."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            return value
        return parse(value) if value else empty

    return PlainValidator(read)


def setting(
    default: str,
    help: str,
    *,
    section: str,
    since: str = NOW,
    required: bool = False,
    secret: bool = False,
) -> Any:
    """A field with everything the loader, the example and the documentation need."""
    extra: dict[str, Any] = {
        "default": default, "section": section, "since": since, "required": required, "secret": secret,
    }  # fmt: skip
    if required:
        return Field(description=help, json_schema_extra=extra)
    return Field(default=default, validate_default=True, description=help, json_schema_extra=extra)


def declared(name: str, field: FieldInfo) -> Declared:
    """What `setting` wrote into a field, with the variable's name."""
    extra = cast(dict[str, Any], field.json_schema_extra)
    return Declared(
        name=name.upper(),
        default=extra["default"],
        help=field.description or "",
        section=extra["section"],
        since=extra["since"],
        required=extra["required"],
        secret=extra["secret"],
    )
