"""Tidy tables on a terminal and JSON for machines; the only place that prints reports.

A table has a head in capitals and columns as wide as their widest cell; the last column wraps at the edge of the
terminal, so a long reason stays under its column. A control character in a text of the other side is never printed.
"""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

GAP = "  "
LAST_COLUMN_MIN = 30


def table(head: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = None) -> str:
    """The rows under their head; empty columns are left out."""
    cells = [[printable(cell) for cell in row] for row in rows]
    shown = [at for at in range(len(head)) if any(row[at] for row in cells)]
    lines = [[head[at].upper() for at in shown], *([row[at] for at in shown] for row in cells)]
    if not shown:
        return ""
    widths = [max(len(line[at]) for line in lines) for at in range(len(shown))]
    left = sum(widths[:-1]) + len(GAP) * (len(shown) - 1)
    room = max((width or terminal_width()) - left, LAST_COLUMN_MIN)
    text: list[str] = []
    for line in lines:
        start = GAP.join(cell.ljust(widths[at]) for at, cell in enumerate(line[:-1]))
        first, *more = wrapped(line[-1], room)
        text.append(f"{start}{GAP if start else ''}{first}".rstrip())
        text.extend(" " * left + part for part in more)
    return "\n".join(text)


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """`Name  value` lines, aligned; those without a value are left out."""
    kept = [(name, printable(value)) for name, value in rows if value]
    wide = max((len(name) for name, _ in kept), default=0) + len(GAP)
    room = max(terminal_width() - wide, LAST_COLUMN_MIN)
    lines: list[str] = []
    for name, value in kept:
        first, *more = wrapped(value, room)
        lines += [name.ljust(wide) + first, *(" " * wide + part for part in more)]
    return "\n".join(lines)


def wrapped(text: str, room: int) -> list[str]:
    """The text in lines of at most `room` characters, never empty; words that are longer stay whole."""
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def terminal_width() -> int:
    """Columns of the terminal; wide when the output is not one, so that `grep` sees whole lines."""
    import sys

    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 1_000


def printable(text: str) -> str:
    """The text on one line, without anything a terminal would act on."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def bytes_text(count: int) -> str:
    """`512 B`, `1.2 MB`, `3.4 GB`."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def print_json(value: Any) -> None:
    """The one document of a command with `--json`."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
