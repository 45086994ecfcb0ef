"""Where a resync stands: the fact `resync`, which commits with every step, and how one is asked for.

One at a time: whoever asks while one is under way joins it, and is told how far it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon.store import facts, links
from daemon.store.database import Tx

FACT = "resync"
READING, MARKING, SENDING, DONE = "reading", "marking", "sending", "done"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a resync, or a sweep alone, stands."""

    phase: str
    by: str
    asked_at_ms: int
    sends: bool
    """False: a sweep alone, nothing is sent again."""
    number: int
    """Of the sweep; rows that it reads carry it."""
    read: int = 0
    """Rows of Pipe17 read so far; where the sweep goes on."""
    position: str = ""
    """The last SKU id that was marked."""
    total: int = 0
    marked: int = 0
    skipped: int = 0
    """SKUs whose stock is not ours to send, pre-owned ones among them."""
    left: int = 0
    """Late rows that wait to be sent."""
    ended_at_ms: int | None = None
    problem: str = ""

    @property
    def ended(self) -> bool:
        return self.phase == DONE

    @property
    def percent(self) -> int:
        """Of the SKUs, how many were sent again; 100 only at the end."""
        if self.ended:
            return 100
        sent = self.marked + self.skipped - self.left
        return min(max(sent * 100 // self.total, 0), 99) if self.total else 0

    def public(self) -> dict[str, Any]:
        """As it is stored and shown."""
        return {
            "phase": self.phase,
            "percent": self.percent,
            "by": self.by,
            "asked_at_ms": self.asked_at_ms,
            "sends": self.sends,
            "number": self.number,
            "read": self.read,
            "position": self.position,
            "total": self.total,
            "marked": self.marked,
            "skipped": self.skipped,
            "left": self.left,
            "ended_at_ms": self.ended_at_ms,
            "problem": self.problem,
        }


def find(tx: Tx) -> Standing | None:
    """The last one."""
    known = facts.get(tx, FACT)
    return None if not known else Standing(**{name: value for name, value in known.items() if name != "percent"})


def request(tx: Tx, by: str, now_ms: int) -> dict[str, Any]:
    """Ask for a resync; `started` is false when one is under way, which then does it.

    The daemon wakes its loop afterwards: `resync.bell.ring()`.
    """
    known = find(tx)
    if known is not None and not known.ended and known.sends:
        text = f"already running, {known.percent} %"
        return {"started": False, "text": text, "resync": known.public()}
    number = 1 if known is None else known.number + (1 if known.ended else 0)
    read = known.read if known is not None and not known.ended else 0
    asked = Standing(READING, by, now_ms, sends=True, number=number, read=read, total=links.count(tx))
    facts.put(tx, FACT, asked.public(), now_ms)
    return {"started": True, "text": "started", "resync": asked.public()}
