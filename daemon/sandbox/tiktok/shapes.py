"""What a request body may look like: a small closed schema per operation, checked to the letter.

The vendor answers 36009004 for a missing member, a wrong type and (seen live for `page_size`) a member that does not
belong in the body; the simulation does so for every operation. A number where an id belongs is refused, a float
anywhere is refused: no operation we simulate takes one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

BAD_PARAMETER = 36009004

encode: Callable[[object], str] = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
"""Compact JSON, the encoder made once: a page of 100 orders encodes some 500 small objects."""


class Refused(Exception):
    """The service says no: `code` of the vendor, HTTP `status`, a message in the vendor's manner."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        self.code = code
        self.message = message
        self.status = status
        super().__init__(f"{code} {message}")


def bad(message: str) -> Refused:
    """A refusal of the request's form."""
    return Refused(BAD_PARAMETER, message, 400)


@dataclass(frozen=True, slots=True)
class Text:
    """A string, of `choices` if there are any, at most `limit` characters."""

    choices: frozenset[str] = frozenset()
    limit: int = 4096

    def check(self, value: object, path: str) -> None:
        if not isinstance(value, str):
            raise bad(f"Invalid type: '{path}' must be a string")
        if self.choices and value not in self.choices:
            raise bad(f"Invalid value: '{path}'")
        if len(value) > self.limit:
            raise bad(f"Invalid value: '{path}' is too long")


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer; not a string, not a boolean, not a float."""

    def check(self, value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad(f"Invalid type: '{path}' must be an int")


@dataclass(frozen=True, slots=True)
class Flag:
    """A JSON boolean."""

    def check(self, value: object, path: str) -> None:
        if not isinstance(value, bool):
            raise bad(f"Invalid type: '{path}' must be a bool")


@dataclass(frozen=True, slots=True)
class Many:
    """A list of one shape, at most `limit` long."""

    item: Shape
    limit: int = 100

    def check(self, value: object, path: str) -> None:
        if not isinstance(value, list):
            raise bad(f"Invalid type: '{path}' must be a list")
        if len(value) > self.limit:
            raise bad(f"Invalid value: '{path}' has more than {self.limit} members")
        for position, item in enumerate(value):
            self.item.check(item, f"{path}[{position}]")


@dataclass(frozen=True, slots=True)
class Members:
    """An object with these members and no others."""

    fields: Mapping[str, Shape] = field(default_factory=dict)
    required: frozenset[str] = frozenset()

    def check(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise bad(f"Invalid type: '{path}' must be an object")
        for name in sorted(self.required - value.keys()):
            raise bad(f"Missing field: '{path}.{name}'")
        for name, item in value.items():
            shape = self.fields.get(name)
            if shape is None:
                raise bad(f"Unexpected field: '{path}.{name}'")
            shape.check(item, f"{path}.{name}")


Shape = Text | Whole | Flag | Many | Members


@dataclass(frozen=True, slots=True)
class Ask:
    """One request that passed the gateway: path values, checked query and body, and the instant."""

    operation: str
    values: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    now_ms: int

    def number(self, name: str, low: int, high: int) -> int:
        """A whole query parameter between two bounds."""
        value = self.query.get(name, "")
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise bad(f"Invalid value: '{name}'")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """A query parameter that is one of `choices`; the first stands in when it is absent."""
        value = self.query.get(name, choices[0])
        if value not in choices:
            raise bad(f"Invalid value: '{name}'")
        return value
