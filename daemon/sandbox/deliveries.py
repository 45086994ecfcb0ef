"""Webhooks on their way: a queue by due time, and what becomes of each.

A service only queues. A shell asks for what is `due`, sends each by HTTP POST and reports the `result`; a failed one
comes back as long as the vendor's `ladder` has another step, and is then dropped for good. Losing, doubling and
overtaking are drawn by `scattered`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Protocol, runtime_checkable

from daemon.clock import Clock


@dataclass(slots=True)
class Delivery:
    """One event on its way to one address."""

    id: int
    event: str
    url: str
    headers: dict[str, str]
    body: bytes
    due_ms: int
    failures: int = 0

    def as_json(self) -> dict[str, Any]:
        """The delivery as the control API shows it."""
        return {
            "id": self.id,
            "event": self.event,
            "url": self.url,
            "due_ms": self.due_ms,
            "failures": self.failures,
            "body": json.loads(self.body),
        }


@runtime_checkable
class Postman(Protocol):
    """The side of a service that has webhooks to send."""

    @property
    def clock(self) -> Clock:
        """The service's clock."""
        ...

    def deliveries_due(self, now_ms: int) -> list[Delivery]:
        """What to send now; report each with `delivery_result`."""
        ...

    def delivery_result(self, delivery_id: int, ok: bool) -> None:
        """How it went."""
        ...


@dataclass(slots=True)
class Deliveries:
    """The queue of one service. `ladder` says how long after each failure the next attempt leaves, in ms."""

    ladder: Sequence[int]
    waiting: dict[int, Delivery] = field(default_factory=dict)
    under_way: dict[int, Delivery] = field(default_factory=dict)
    dropped: list[Delivery] = field(default_factory=list)
    delivered: int = 0
    _numbers: int = 0
    _times: list[tuple[int, int]] = field(default_factory=list)

    def queue(self, event: str, url: str, headers: dict[str, str], body: bytes, due_ms: int) -> None:
        """One more."""
        self._numbers += 1
        self._wait(Delivery(self._numbers, event, url, headers, body, due_ms))

    def due(self, now_ms: int) -> list[Delivery]:
        """The deliveries to send now, oldest first; each is out until its result is reported."""
        ready: list[Delivery] = []
        while self._times and self._times[0][0] <= now_ms:
            item = self.waiting.pop(heappop(self._times)[1])
            self.under_way[item.id] = item
            ready.append(item)
        return ready

    def next_due_ms(self) -> int | None:
        """When the next delivery leaves."""
        return self._times[0][0] if self._times else None

    def result(self, delivery_id: int, *, ok: bool, now_ms: int) -> None:
        """The receiver answered 200 in time, or it did not; unknown ids are ignored."""
        item = self.under_way.pop(delivery_id, None)
        if item is None:
            return
        if ok:
            self.delivered += 1
        elif item.failures >= len(self.ladder):
            self.dropped.append(item)
        else:
            item.due_ms = now_ms + self.ladder[item.failures]
            item.failures += 1
            self._wait(item)

    def _wait(self, item: Delivery) -> None:
        self.waiting[item.id] = item
        heappush(self._times, (item.due_ms, item.id))


def scattered(rng: Random, *, loss: float, duplicates: float, jitter_ms: int) -> list[int]:
    """How much later each copy of an event leaves, in ms: none when it is lost, two when it is doubled."""
    if loss and rng.random() < loss:
        return []
    copies = 2 if duplicates and rng.random() < duplicates else 1
    return [rng.randint(0, jitter_ms) if jitter_ms else 0 for _ in range(copies)]
