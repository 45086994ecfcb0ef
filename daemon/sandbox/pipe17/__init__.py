"""The simulated Pipe17; `Pipe17Sandbox` is all that others need, with its options, and `audit` for invariants."""

from daemon.sandbox.pipe17.audit import ROUTABLE, Audit, By, Change
from daemon.sandbox.pipe17.options import (
    CHANNEL_GRANTS,
    Creation,
    Duplicate,
    EditsUntil,
    HoldFrom,
    Pipe17Options,
    Totals,
    Tracking,
)
from daemon.sandbox.pipe17.service import Pipe17Sandbox

__all__ = [
    "CHANNEL_GRANTS",
    "ROUTABLE",
    "Audit",
    "By",
    "Change",
    "Creation",
    "Duplicate",
    "EditsUntil",
    "HoldFrom",
    "Pipe17Options",
    "Pipe17Sandbox",
    "Totals",
    "Tracking",
]
