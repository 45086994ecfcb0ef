"""What goes wrong on purpose: faults that a simulated service takes off a list, one per call.

A `Fault` names the operations it strikes (`orders.search`, `orders.*`, `*`), how often, how likely and in which window
of the service's clock. `Faults.pick` is asked once per call, in the order in which the faults were added; the first
that fits is used up by one. The service then

* answers itself, without doing anything, when `fault.kind` is in `REFUSALS` (the body is the vendor's own error shape),
* lets `distort` change its reply for everything else: what is delayed, cut, garbled or lost is the same for any vendor.

Nothing here sleeps or breaks connections: a delay and a loss are members of the reply, and the shell that delivers it
(`serve.py` with real sockets, the simulation with virtual time) carries them out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from email.utils import formatdate
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from daemon.sandbox.wire import Loss, Reply


class FaultKind(StrEnum):
    """What happens to the call."""

    RATE_LIMIT = "rate_limit"
    """429, with `Retry-After` as `retry_after` says; nothing happened."""
    SERVER_ERROR = "server_error"
    """500 in the vendor's error shape; nothing happened."""
    UNAVAILABLE = "unavailable"
    """503, with `Retry-After` as `retry_after` says; nothing happened."""
    REFUSE = "refuse"
    """The vendor's own refusal: `status`, `code` and `message` of the fault; nothing happened."""
    RESET = "reset"
    """The connection breaks before the service saw the request."""
    LOST_ANSWER = "lost_answer"
    """The request takes effect, the connection breaks before the answer."""
    LANDS_LATE = "lands_late"
    """The connection breaks at once, and the request takes effect `delay_ms` later. TikTok's side alone."""
    ERROR_AFTER = "error_after"
    """The request takes effect and a gateway answers 504 with an HTML page."""
    DELAY = "delay"
    """The right answer, `delay_ms` later."""
    TRUNCATED = "truncated"
    """The right status, and the first half of the body."""
    GARBAGE = "garbage"
    """200 with an HTML page of a proxy in front; the request took effect."""
    NULL_DATA = "null_data"
    """200 and success, but without the payload; the request took effect. The service forms the body."""

    EMPTY_LIST = "empty_list"
    """A list answers 200 and success, without rows and as its last page. The service forms the body."""
    SHORT_PAGE = "short_page"
    """A page of a list says that it was the last one, whether it was or not. The service forms the body."""
    MISSING_LOCATION = "missing_location"
    """An inventory list leaves out the rows of one location, `message` of the fault; it says nothing about it."""


PAGE_FAULTS = frozenset({FaultKind.EMPTY_LIST, FaultKind.SHORT_PAGE, FaultKind.MISSING_LOCATION})

REFUSALS = frozenset({FaultKind.RATE_LIMIT, FaultKind.SERVER_ERROR, FaultKind.UNAVAILABLE, FaultKind.REFUSE})
"""The service answers these itself, before doing anything."""

PROXY_PAGE = b"<html><head><title>Bad gateway</title></head><body><h1>upstream timed out</h1></body></html>"


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong.

    `operation` is an fnmatch pattern on our operation names. The first `skip` matching calls pass unharmed, then
    `times` are struck (None: without end), each with `probability`, while the service's clock is in
    `after_ms <= now < until_ms`. `delay_ms` is waited before the answer, with any kind. `retry_after` is the header's
    text: a number, rubbish, or `date+7` for an HTTP date seven seconds ahead; None or "" sends no header.
    """

    kind: FaultKind
    operation: str = "*"
    times: int | None = 1
    probability: float = 1.0
    skip: int = 0
    after_ms: int | None = None
    until_ms: int | None = None
    delay_ms: int = 0
    retry_after: str | None = None
    status: int = 0
    code: int = 0
    message: str = ""
    hits: int = 0
    """How often it has struck so far."""

    def headers(self, now_ms: int) -> dict[str, str]:
        """The `Retry-After` header this fault asks for, if any."""
        if not self.retry_after:
            return {}
        if self.retry_after.startswith("date+"):
            seconds = int(self.retry_after.removeprefix("date+"))
            return {"retry-after": formatdate(now_ms // 1000 + seconds, usegmt=True)}
        return {"retry-after": self.retry_after}

    def as_json(self) -> dict[str, Any]:
        """The fault as the control API shows it."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


class Faults:
    """The faults in force, oldest first."""

    def __init__(self, *faults: Fault) -> None:
        self.items: list[Fault] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault, *, first: bool = False) -> Fault:
        """Put a fault at the end (or the head) of the list; the copy that is returned counts its hits."""
        mine = replace(fault)
        self.items.insert(0 if first else len(self.items), mine)
        return mine

    def add_json(self, raw: dict[str, Any]) -> Fault:
        """The same from a JSON object with the names of `Fault`; anything else is a `ValueError` or `TypeError`."""
        kind = str(raw.get("kind", ""))
        if kind not in FaultKind.__members__.values():
            raise ValueError(f"{kind!r} is no kind of fault; there are {', '.join(FaultKind)}")
        return self.add(Fault(**{**raw, "kind": FaultKind(kind)}))

    def clear(self) -> None:
        """Nothing goes wrong from here on."""
        self.items.clear()

    def pick(self, operation: str, now_ms: int, rng: Random) -> Fault | None:
        """The fault that strikes this call; used up by one."""
        for fault in self.items:
            if fault.times == 0 or not _applies(fault, operation, now_ms):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1 and rng.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
            fault.hits += 1
            return fault
        return None


def _applies(fault: Fault, operation: str, now_ms: int) -> bool:
    if fault.after_ms is not None and now_ms < fault.after_ms:
        return False
    if fault.until_ms is not None and now_ms >= fault.until_ms:
        return False
    return fault.operation in ("*", operation) or fnmatchcase(operation, fault.operation)


def lost_before(fault: Fault) -> Reply:
    """The reply to a call that the service never saw."""
    return Reply(0, b"", delay_ms=fault.delay_ms, loss=Loss.BEFORE)


def distort(reply: Reply, fault: Fault | None) -> Reply:
    """The service's reply after the fault: delayed, cut in half, replaced by a proxy's page or lost."""
    if fault is None:
        return reply
    reply.delay_ms += fault.delay_ms
    if fault.kind is FaultKind.LOST_ANSWER:
        reply.loss = Loss.AFTER
    elif fault.kind is FaultKind.TRUNCATED:
        reply.body = reply.body[: len(reply.body) // 2]
    elif fault.kind is FaultKind.GARBAGE:
        return Reply(200, PROXY_PAGE, {"content-type": "text/html"}, reply.delay_ms)
    elif fault.kind is FaultKind.ERROR_AFTER:
        return Reply(504, PROXY_PAGE, {"content-type": "text/html"}, reply.delay_ms)
    return reply
