"""One line of `check`: how it stands, what was looked at, and the cure when it is not well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from daemon.errors import ApiError
from daemon.flows.connections import CURES
from daemon.ops.cli.tables import printable, terminal_width, wrapped


class Grade(StrEnum):
    """How something stands. WARN works today; FAIL keeps something from working."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """A line. `unreachable`: it failed because nobody answered."""

    grade: Grade
    area: str
    what: str
    cure: str = ""
    unreachable: bool = False

    def public(self) -> Mapping[str, object]:
        """For `--json`."""
        return {"grade": self.grade.value, "area": self.area, "what": self.what, "cure": self.cure}

    def text(self) -> str:
        """For people: `FAIL  TikTok    what` and the cure below."""
        start = f"{self.grade.value:4}  {self.area:10}"
        room = max(terminal_width() - len(start), 40)
        lines = wrapped(printable(self.what), room)
        lines += [f"-> {line}" if at == 0 else line for at, line in enumerate(_cure(self.cure, room - 3))]
        return "\n".join((start if at == 0 else " " * len(start)) + line for at, line in enumerate(lines))


def ok(area: str, what: str) -> Finding:
    """It is well."""
    return Finding(Grade.OK, area, what)


def warn(area: str, what: str, cure: str = "") -> Finding:
    """It works, but a person should know."""
    return Finding(Grade.WARN, area, what, cure)


def fail(area: str, what: str, cure: str = "") -> Finding:
    """It keeps something from working."""
    return Finding(Grade.FAIL, area, what, cure)


def refused(area: str, error: ApiError, cure: str = "") -> Finding:
    """A call that failed, with the cure for its verdict."""
    unreachable = error.status == 0 or error.status >= 500
    known = CURES.get(f"{error.system}:{getattr(error.verdict, 'code', '')}", "")
    default = "is the address right, and does this machine reach it?" if unreachable else "try again in a minute"
    return Finding(Grade.FAIL, area, str(error), cure or known or default, unreachable)


def _cure(cure: str, room: int) -> list[str]:
    return wrapped(printable(cure), room) if cure else []
