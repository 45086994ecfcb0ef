"""One row of the outbox, and the values that change it: what is wanted, and what became of an attempt.

`Wanted` is what `decide` says about a record of the source; `Outcome` is what `deliver` or `settle` say about a call.
Both are plain values: the store applies them in one transaction (store/outbox.py), the engine never edits a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.core.findings import Finding
from daemon.core.lifecycle import State
from daemon.core.verdicts import Failure


@dataclass(frozen=True, slots=True)
class Owed:
    """A row as it was when it was read or claimed."""

    id: int
    flow: str
    key: str
    group: str
    """Calls of one group never overlap: the TikTok order id."""
    state: State
    version: int
    """Raised by every newer wanted state."""
    payload: Mapping[str, Any]
    """The newest wanted state; its shape belongs to the flow."""
    digest: str
    """Fingerprint of what the other side should end up with."""
    accepted_digest: str
    """Fingerprint of what the other side last accepted; "" when it has nothing from us."""
    remote_id: str
    source_version: int
    """The source's own clock on the record (TikTok update time, ms); an older one never replaces a newer."""
    source_stamp: str
    intent: Mapping[str, Any] | None
    """What the last attempt set out to do, on disk before it did it."""
    result: Mapping[str, Any] | None
    """What the flow wants to remember about the last success."""
    attempts: int
    flagged: bool
    """An exception was opened on it since its last success."""
    reason: str
    due_at_ms: int | None
    deadline_at_ms: int | None
    changed_at_ms: int
    """When the source changed, for the delivery-time metric."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the source asks for: send it (`READY`), wait (`HELD` until `due_at_ms`), or nothing (`DROPPED`)."""

    state: State
    payload: Mapping[str, Any]
    digest: str
    """Fingerprint of what the other side should end up with; equal to `accepted_digest` means nothing to send."""
    reason: str = ""
    due_at_ms: int | None = None
    deadline_at_ms: int | None = None
    findings: tuple[Finding, ...] = ()
    """All that this reading of the record finds; what an older reading found and this one does not is closed."""
    summary: str = ""
    """One or two words for the timeline: the status that is wanted on the other side."""
    group: str = ""
    """Set where only the store could tell which group the record belongs to."""
    counts_on: str = ""
    """The shop's day that a record counts for when it is new; "" counts nowhere."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is owed because something was done: a row of a flow without a source, in the transaction of the `Done`."""

    flow: str
    key: str
    payload: Mapping[str, Any]
    digest: str
    changed_at_ms: int
    """When the source changed, for the delivery-time metric."""
    due_at_ms: int | None = None
    """Not before then; what is due together may go in one call."""
    once: bool = False
    """True: a row of this key, whatever became of it, is never opened again."""


@dataclass(frozen=True, slots=True)
class Done:
    """The other side has what `digest` describes. With `hold_until_ms` the row is looked at again then."""

    digest: str
    remote_id: str = ""
    payload: Mapping[str, Any] | None = None
    """The wanted state that was really sent, where a fresh read changed it on the way."""
    result: Mapping[str, Any] | None = None
    hold_until_ms: int | None = None
    reason: str = ""
    source_version: int = 0
    findings: tuple[Finding, ...] = ()
    unchanged: bool = False
    """Nothing had to be sent after all."""
    follow_ups: tuple[FollowUp, ...] = ()
    """What is owed from now on because this was done; no crash comes between the two."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now, by the other side's rules and not by a failure: no attempt is counted."""

    due_at_ms: int
    reason: str
    held: bool = False
    """True: it is the hold of an order (state `held`), False: it waits in `ready`."""
    payload: Mapping[str, Any] | None = None
    source_version: int = 0
    code: str = ""
    """Set when a person should know: opens an exception that the next success closes."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nothing is owed after all."""

    reason: str
    source_version: int = 0


@dataclass(frozen=True, slots=True)
class Absent:
    """Only from `settle`: the other side does not have it, so it is sent again. `remote_id`: what was found instead."""

    remote_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never be accepted as it is: the row dies and a person is told."""

    code: str
    text: str
    deadline_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """What the other side said of one row of several that shared a call; the engine acts on the verdict."""

    verdict: Failure
    text: str


Outcome = Done | Later | Dropped | Refused
Settled = Done | Absent | Refused


@dataclass(frozen=True, slots=True)
class Asked:
    """A person wants a record of the past: by its id (`pull`), or with all of its time (`backfill`)."""

    since_ms: int
    """Records made from then on are wanted, even where nothing has to be done about them any more."""
    hurry: bool
    """False: it goes behind everything that happens now."""


WANTED_WHEN_ASKED = frozenset({"first_seen_shipped", "shipped_by_platform"})
"""Reasons of dropped rows that are decided on once more when a person asks; any other drop stands."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the source, on its way into `decide`."""

    key: str
    group: str
    record: Mapping[str, Any]
    stamp: str
    """Fingerprint of the record as read; the same stamp again changes nothing."""
    source_version: int
    changed_at_ms: int
    asked: Asked | None = None
    """Set when a person asked for it, and not the passing of time."""


MALFORMED = "malformed_record"
"""The code of a record that could not be read."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that could not be read: kept with its raw text, shown as an exception, and the page goes on."""

    key: str
    raw: str
    code: str
    problem: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes, and the cursor that is true once they are stored (None: the fetch is not complete yet)."""

    changes: tuple[Change, ...]
    set_aside: tuple[SetAside, ...] = ()
    cursor: str | None = None
    skipped: int = field(default=0)
    """Records that are none of ours and leave no row."""
    seen: tuple[str, ...] = ()
    """Keys that were shown as they are known; only flows that keep more of a page ask for them."""
