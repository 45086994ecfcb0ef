"""What a flow is: four functions, the same for every flow of the article.

    source   reads the changes of one side since the cursor, page by page            (io: reads only)
    decide   says what the other side should end up with because of a record         (pure)
    deliver  makes it so for one row, and says what became of it                     (io: the one place that writes)
    settle   after a crash or a lost answer: does the other side have it already?    (io: reads only)

The engine does the rest, in two loops that know no vendor: `poller.py` (source -> decide -> outbox, in one transaction
with the cursor) and `pusher.py` (claim -> deliver or settle -> outbox). To add a flow, copy a file of this folder.

What follows from a success of another flow (a message to the buyer, once the order is in Pipe17) has no source to read:
its rows are staged by that success (`Done.follow_ups`). Such a flow is a `Sender`, the last two functions alone.

Rules for a flow:

* `source` yields a page only when it was read whole; the last page carries the cursor, a failed fetch carries none.
* `decide` may look at other rows through `Known`, never at the network or the clock.
* `deliver` calls `attempt.intend` before a call whose effect `settle` could not recognise without it.
* Errors of the other side are left to fly (`ApiError`); the engine turns their verdict into the row's next state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

from daemon.core.lanes import Lane
from daemon.core.owed import Change, Outcome, Owed, Page, Settled, Wanted
from daemon.store.database import Tx


class Known(Protocol):
    """The store as `decide` may see it, inside the transaction that stages the record."""

    def row(self, flow: str, key: str) -> Owed | None:
        """The row of another record."""
        ...

    def row_by_remote(self, flow: str, remote_id: str) -> Owed | None:
        """The row of the record that has this id on the other side."""
        ...


class Attempt(Protocol):
    """One try at one row, as `deliver` and `settle` see it."""

    @property
    def row(self) -> Owed:
        """The row as it was claimed."""
        ...

    async def intend(self, intent: Mapping[str, Any]) -> None:
        """Put on disk what the next call is about to do. Returns when it would survive a power cut."""
        ...

    async def note(self, event: str, detail: str) -> None:
        """Add a line to the record's timeline (`trace`)."""
        ...

    async def neighbours(self, flow: str) -> Sequence[Owed]:
        """The rows of a flow in the same group, oldest first; nobody else changes them while this attempt runs."""
        ...

    async def owner_of(self, flow: str, remote_id: str) -> Owed | None:
        """The row of a flow whose record on the other side has this id."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """A flow that stores more of a page than what is owed: links, levels. The poller asks for this one by itself."""

    def keep(self, tx: Tx, page: Page, now_ms: int) -> None:
        """Store it; runs before `decide`, in the transaction of the page, its cursor and the hints it answers."""
        ...


class Sender(Protocol):
    """The half of a flow that writes; all there is of one without a source."""

    name: str
    lane: Lane
    concurrency: int
    """How many rows are on their way at once, at most."""

    async def deliver(self, attempt: Attempt) -> Outcome:
        """Make the wanted state true on the other side."""
        ...

    async def settle(self, attempt: Attempt) -> Settled:
        """Find out whether an attempt that ended in the dark took effect."""
        ...


class Flow(Sender, Protocol):
    """One direction of one kind of record."""

    every: timedelta
    """How often the source is read."""

    def source(self, cursor: str | None) -> AsyncIterator[Page]:
        """The changes since `cursor` (None: the first run)."""
        ...

    async def read(self, keys: Sequence[str]) -> Page:
        """The present state of these records (at most 50), for webhooks and `pull`; unknown ones are left out."""
        ...

    def decide(self, change: Change, row: Owed | None, known: Known, now_ms: int) -> Wanted | None:
        """What is wanted because of this record; None: it is none of ours. Raises `BadShape` to have it set aside."""
        ...
