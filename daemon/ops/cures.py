"""What each exception means and what a person does about it: the one table behind every `cure`.

Status page, API, commands and the runbook all read it; the entries are in the files by subject that it puts together.
A code that carries a number of the other side (`http_503`, `tiktok_36009021`) is found by its beginning. `cure_of`
never comes back empty: what nobody has named yet says how to look.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.ops.cure import RETRY, Cure
from daemon.ops.cures_beside_orders import BESIDE
from daemon.ops.cures_of_catalogue import CATALOGUE
from daemon.ops.cures_of_connection import CONNECTION, RECORDS
from daemon.ops.cures_of_orders import ORDERS
from daemon.ops.cures_of_shipping import SHIPPING
from daemon.ops.cures_of_stock import STOCK

CURES: Mapping[str, Cure] = {**ORDERS, **SHIPPING, **BESIDE, **CATALOGUE, **STOCK, **RECORDS, **CONNECTION}
"""Every code by its name."""

BY_BEGINNING: tuple[tuple[str, Cure], ...] = (
    (
        "http_",
        Cure(
            "The other side answered with this HTTP status, several times.",
            f"Look at the other side's status page; {RETRY} when it is well. Report it if only one record fails.",
        ),
    ),
    (
        "tiktok_",
        Cure(
            "TikTok refused with a code that this version does not know, several times.",
            f"Look the code up in TikTok Shop's documentation and mend what it names, then {RETRY}; report the code.",
        ),
    ),
)
"""Codes that carry a number, by how they begin."""

UNNAMED = Cure(
    "An exception without an entry of its own.", f"Read its text and `tiktok-pipe17 trace`; then {RETRY} or dismiss it."
)


def explained(code: str) -> Cure:
    """Meaning and cure of an exception code."""
    if code in CURES:
        return CURES[code]
    return next((cure for beginning, cure in BY_BEGINNING if code.startswith(beginning)), UNNAMED)


def cure_of(code: str) -> str:
    """What to do about an exception code."""
    return explained(code).cure
