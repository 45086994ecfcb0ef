"""The settings for people: the effective ones, the example file and the README's table, all from the declarations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from daemon.settings.declare import Declared
from daemon.settings.load import STATE_DEFAULTS
from daemon.settings.model import Settings, declarations

HIDDEN = "(hidden)"
_HEAD = """\
# Settings of tiktok-pipe17. A line that begins with "#NAME=" shows a default: take the # away to change it.
# Durations: 90s, 5m, 1h, 2d or plain seconds. Lists: comma separated. Booleans: true/false/1/0/yes/no/on/off.
# A comment needs a line of its own. Secrets can also come from $CREDENTIALS_DIRECTORY/<name in lower case>, or from
# a file that <NAME>_FILE names. A setting marked "planned" is checked, but this version does not act on it yet.
"""


@dataclass(frozen=True, slots=True)
class Effective:
    """One line of the `settings` command. `value` is the text in force; `secret` values are hidden."""

    name: str
    value: str
    source: str
    secret: bool
    planned: bool


def effective(settings: Settings) -> list[Effective]:
    """Every setting with its value and where that came from ("default" when nobody set it)."""
    lines: list[Effective] = []
    for entry in declarations().values():
        found = settings.found.get(entry.name)
        if found is None:
            value, source = _default_in_force(entry, settings), "default"
        else:
            value, source = (HIDDEN if entry.secret else found.text), found.place
        lines.append(Effective(entry.name, value, source, entry.secret, entry.planned))
    return lines


def example() -> str:
    """The text of `config.example.env`."""
    blocks = [_HEAD]
    for section, entries in _by_section():
        lines = [f"# ---- {section} ----"]
        for entry in entries:
            lines.append(f"\n# {_explained(entry)}")
            lines.append(f"{'' if entry.required else '#'}{entry.name}={entry.default}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def readme_table() -> str:
    """The settings as Markdown tables, one a section, for the README."""
    blocks: list[str] = []
    for section, entries in _by_section():
        lines = [f"**{section}**", "", "| name | default | meaning |", "| --- | --- | --- |"]
        for entry in entries:
            default = "required" if entry.required else f"`{entry.default}`" if entry.default else "empty"
            lines.append(f"| `{entry.name}` | {default} | {_explained(entry).replace('|', '/')} |")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _explained(entry: Declared) -> str:
    marks = [
        mark for mark, on in (("required", entry.required), ("secret", entry.secret), ("planned", entry.planned)) if on
    ]
    return entry.help + (f" ({', '.join(marks)})" if marks else "")


def _by_section() -> Iterable[tuple[str, list[Declared]]]:
    for section, entries in groupby(declarations().values(), key=lambda entry: entry.section):
        yield section, list(entries)


def _default_in_force(entry: Declared, settings: Settings) -> str:
    return str(getattr(settings, entry.name.lower())) if entry.name in STATE_DEFAULTS else entry.default
