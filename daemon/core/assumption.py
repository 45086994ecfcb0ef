"""An assumption: something no public source settles, on which one line of code depends.

Each has a tag that the README lists (`TT-01`, `P17-03`), the value the code builds on, and a sentence that says what
would be different. The values live in `apis/tiktok/assumptions.py` and `apis/pipe17/assumptions.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value", covariant=True)


@dataclass(frozen=True, slots=True)
class Assumption(Generic[Value]):
    """`value` is what we build on until somebody proves otherwise."""

    tag: str
    value: Value
    text: str
