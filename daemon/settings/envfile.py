"""The env file, read as systemd reads an `EnvironmentFile=`, so that one file serves both ways.

One `NAME=value` a line. `#` or `;` at the start of a line makes a comment; behind a value it belongs to the value.
Blanks around a value are dropped. Quotes, 'single' or "double", keep blanks and line breaks. A backslash takes the next
sign as it is and joins two lines at a line's end; within double quotes it only escapes `"`, `\\`, a backtick and `$`.
The last of two lines for one name wins. Unlike systemd, which skips what it cannot read, every such line is a problem
here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPED_IN_DOUBLE = frozenset('"\\`$')
_BLANK = " \t\r"


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment: the 1-based line it starts on, the name and the value as text."""

    line: int
    name: str
    value: str


class _State(Enum):
    BARE = auto()
    SINGLE = auto()
    DOUBLE = auto()


def parse(content: str) -> tuple[list[Entry], list[tuple[int, str]]]:
    """The assignments, and what is wrong by line number. No value is repeated in a problem: it may be a secret."""
    entries: list[Entry] = []
    problems: list[tuple[int, str]] = []
    at, line = 0, 1
    content = content.removeprefix("\ufeff").replace("\r\n", "\n")
    while at < len(content):
        end = content.find("\n", at)
        end = len(content) if end < 0 else end
        head = content[at:end].strip(_BLANK)
        if not head or head[0] in "#;":
            at, line = end + 1, line + 1
            continue
        equals = content.find("=", at, end)
        name = content[at:equals].strip(_BLANK) if equals >= 0 else ""
        if not NAME.fullmatch(name):
            problems.append((line, _bad_line(name, equals >= 0)))
            at, line = end + 1, line + 1
            continue
        value, after, closed = _value(content, equals + 1)
        if closed:
            entries.append(Entry(line, name, value))
        else:
            problems.append((line, f"{name}: the quote that opens here is never closed"))
        line += content.count("\n", at, after)
        at = after
    return entries, problems


def _bad_line(name: str, has_equals: bool) -> str:
    if not has_equals:
        return "is not of the form NAME=value"
    if name.startswith("export "):
        return "leave out the word export: NAME=value"
    return "does not begin with a variable's name; use NAME=value"


def _value(content: str, at: int) -> tuple[str, int, bool]:
    """The value that starts at `at`, where the next line starts, and whether its quotes are closed."""
    kept: list[str] = []
    solid = 0  # how much of `kept` survives when blanks at the end are dropped
    state = _State.BARE
    started = False  # an unquoted sign was seen: from there on quotes are ordinary signs
    while at < len(content):
        sign = content[at]
        at += 1
        if state is _State.BARE and sign == "\n":
            return "".join(kept[:solid]), at, True
        if sign == "\\" and state is not _State.SINGLE and at < len(content):
            following = content[at]
            at += 1
            if following != "\n":
                plain = state is _State.BARE or following in _ESCAPED_IN_DOUBLE
                kept.extend(following if plain else "\\" + following)
            started = started or state is _State.BARE
            solid = len(kept)
        elif state is _State.BARE and not started and sign in "'\"":
            state = _State.SINGLE if sign == "'" else _State.DOUBLE
        elif (state is _State.SINGLE and sign == "'") or (state is _State.DOUBLE and sign == '"'):
            state = _State.BARE
        elif state is _State.BARE and not started and sign in _BLANK:
            continue
        else:
            kept.append(sign)
            started = started or state is _State.BARE
            if state is not _State.BARE or sign not in _BLANK:
                solid = len(kept)
    return "".join(kept[:solid]), at, state is _State.BARE
