"""How a simulated service is called: one value in, one value out, no io.

Both services are plain synchronous state machines behind `Service.handle`, so the same code runs behind real sockets
(`serve.py`) and inside the virtual-time simulation (tests/sim). What a network would do wrong is part of the reply and
is carried out by whichever shell delivers it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Loss(Enum):
    """What happens to the connection around a call."""

    NONE = "none"
    BEFORE = "before"
    """The connection is reset before the service saw the request: no effect, no answer."""
    AFTER = "after"
    """The request took effect, the answer is lost."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the service sees it. `query` keeps order and repeats, decoded; header names are lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def param(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(slots=True)
class Reply:
    """One answer, and what the network does to it. `delay_ms` is waited before the answer leaves."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    delay_ms: int = 0
    loss: Loss = Loss.NONE


class Service(Protocol):
    """A simulated vendor."""

    def handle(self, call: Call) -> Reply:
        """Answer one call; never raises for anything a client can send."""
        ...
