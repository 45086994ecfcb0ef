"""The parts of README.md and monitoring/runbook.md that are made from the code, and the command that renews them.

    python -m tests.docs.generated        writes both files anew

Between two marks the README holds the settings tables (from their declarations) and the assumptions (from their tags).
In the runbook the lines "**Means:**" and "**Do:**" below a code are those of `daemon/ops/cures.py`. Everything else in
both files is written by hand. The tests compare the files with what this module would write.
"""

from __future__ import annotations

import re
from pathlib import Path

from daemon.apis.pipe17.assumptions import ASSUMPTIONS as OF_PIPE17
from daemon.apis.tiktok.assumptions import ASSUMPTIONS as OF_TIKTOK
from daemon.ops.cure import Cure
from daemon.ops.cures import BY_BEGINNING, CURES, UNNAMED
from daemon.settings import readme_table

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
RUNBOOK = ROOT / "monitoring" / "runbook.md"
ANY_OTHER = "any other code"

_ENTRY = re.compile(r"^### (?P<title>.+)\n\n\*\*Means:\*\* .*\n\*\*Do:\*\* .*\n", re.MULTILINE)


def cures() -> dict[str, Cure]:
    """Every entry of the runbook about exceptions, by its heading without back-ticks."""
    beginnings = {f"{beginning}...": cure for beginning, cure in BY_BEGINNING}
    return {**CURES, **beginnings, ANY_OTHER: UNNAMED}


def assumptions() -> str:
    """One line for each tag."""
    lines = ["| tag | what this version builds on |", "| --- | --- |"]
    lines += [f"| {one.tag} | {one.text} |" for one in (*OF_TIKTOK, *OF_PIPE17)]
    return "\n".join(lines) + "\n"


def readme(text: str) -> str:
    """The README with its two generated parts as the code has them."""
    return _between(_between(text, "settings", readme_table()), "assumptions", assumptions())


def runbook(text: str) -> str:
    """The runbook with meaning and cure of every code as the code has them."""
    known = cures()

    def renewed(match: re.Match[str]) -> str:
        cure = known.get(match["title"].strip("`"))
        return match[0] if cure is None else f"### {match['title']}\n\n{meaning_and_cure(cure)}\n"

    return _ENTRY.sub(renewed, text)


def meaning_and_cure(cure: Cure) -> str:
    """The two generated lines of an entry."""
    return f"**Means:** {cure.meaning}\\\n**Do:** {cure.cure[:1].upper()}{cure.cure[1:]}"


def _between(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}: made by python -m tests.docs.generated -->", f"<!-- end of {name} -->"
    assert begin in text, f"README.md has no mark for the {name}"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    assert found, f"README.md has no end mark for the {name}"
    return f"{before}{begin}\n\n{content}\n{end}{after}"


if __name__ == "__main__":
    README.write_text(readme(README.read_text()))
    RUNBOOK.write_text(runbook(RUNBOOK.read_text()))
