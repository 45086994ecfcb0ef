"""What an attempt did to its row: the end of every delivery and look-up, in one statement.

`finish` applies an outcome of the flow, `fail` a verdict of the other side. Both start from the row as it is *now*: a
newer wanted state may have been staged while the call was under way, and then the row goes where that state asked for,
with the result of the call remembered (the accepted fingerprint, the remote id). What a success makes us owe
(`Done.follow_ups`) is staged here, too, in one transaction, so no crash comes between. A row that ends in the dark
keeps the newer state until its look-up is over. "Newer" is judged by the source's clock: a fresh read made by the
attempt itself may be younger than what was staged meanwhile, and then it wins; so it does when it says the same.

What the other side accepted may be forgotten while a call is under way (`stock_accepted_forget`): nobody can tell
whether the call came before or after what undid it, so its success does not count, and the row goes once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from daemon.core.findings import Finding
from daemon.core.jsontext import dumps
from daemon.core.lifecycle import FINISHED, NEWER, Event, State, after
from daemon.core.owed import Absent, Done, Dropped, Later, Outcome, Owed, Refused, Settled
from daemon.core.spans import milliseconds
from daemon.core.verdicts import Failure, Reauth, Rejected, Retry, Throttled
from daemon.store.database import Tx
from daemon.store.exceptions import Kind, close_kind, open_exception, show_findings
from daemon.store.journal import note
from daemon.store.outbox import Moved, book, follow


@dataclass(slots=True)
class _Ending:
    """The row as it is now (columns of `outbox_now`), changed into what it will be."""

    state: State
    version: int
    sent_version: int
    staged: str | None
    staged_due_ms: int | None
    payload: str
    digest: str
    accepted_digest: str
    remote_id: str
    source_version: int
    result: str | None
    attempts: int
    flagged: int
    code: str
    reason: str = ""
    due_at_ms: int | None = None


def finish(tx: Tx, claimed: Owed, outcome: Outcome | Settled, now_ms: int) -> Moved:
    """Apply what `deliver` or `settle` returned."""
    moved = _finish(tx, claimed, outcome, now_ms)
    if isinstance(outcome, Done):
        for owed_now in outcome.follow_ups:
            if follow(tx, claimed.group, owed_now, now_ms).changed:
                note(tx, owed_now.flow, owed_now.key, claimed.group, "wanted", "ready", now_ms)
    return moved


def _finish(tx: Tx, claimed: Owed, outcome: Outcome | Settled, now_ms: int) -> Moved:
    if isinstance(outcome, Done) and not outcome.findings and outcome.hold_until_ms is None:
        moved = _accepted(tx, claimed, outcome, now_ms)
        if moved is not None:
            return moved
    end = _now(tx, claimed)
    before = end.state
    forgotten = isinstance(outcome, Done) and end.sent_version != claimed.version
    newer = forgotten or _newer_waits(end, outcome)
    match outcome:
        case Done():
            _done(tx, claimed, end, outcome, now_ms, newer=newer)
        case Later():
            end.state = after(end.state, Event.HOLD if outcome.held else Event.AGAIN)
            end.due_at_ms, end.reason, end.code = outcome.due_at_ms, outcome.reason, outcome.code
            if outcome.code:
                finding = Finding(outcome.code, outcome.reason, claimed.deadline_at_ms)
                _flag(tx, claimed, end, finding, now_ms)
            if outcome.payload is not None and not newer:
                end.payload = dumps(outcome.payload)
                end.source_version = max(end.source_version, outcome.source_version)
        case Dropped():
            end.state = after(end.state, Event.DROP)
            end.due_at_ms, end.reason, end.code = None, outcome.reason, ""
            end.source_version = max(end.source_version, outcome.source_version)
        case Absent():
            end.state = after(end.state, Event.ABSENT)
            end.due_at_ms, end.reason = None, ""
            end.remote_id = outcome.remote_id or end.remote_id
        case Refused():
            _refuse(tx, claimed, end, Finding(outcome.code, outcome.text, outcome.deadline_at_ms), now_ms)
    if forgotten:
        end.accepted_digest = ""
    return _write(tx, claimed, before, end, now_ms, newer=newer)


def fail(
    tx: Tx, claimed: Owed, verdict: Failure, text: str, now_ms: int, backoff: timedelta, settle_after: timedelta
) -> Moved:
    """Apply a verdict of the other side. `backoff` is the wait that the attempt count asks for."""
    end = _now(tx, claimed)
    before = end.state
    newer = end.staged is not None
    code_before = end.code
    end.code, end.reason = getattr(verdict, "code", ""), text
    match verdict:
        case Retry(after=wait, tries=tries):
            # a bound is for this code: what an outage has cost before is not counted against it
            end.attempts = end.attempts + 1 if tries is None or code_before == end.code else 1
            if tries is not None and end.attempts >= tries:
                tried = f"{text}; given up after {end.attempts} attempts"
                _refuse(tx, claimed, end, Finding(verdict.code, tried, claimed.deadline_at_ms), now_ms)
            else:
                end.state = after(end.state, Event.AGAIN)
                end.due_at_ms = now_ms + milliseconds(max(wait or backoff, backoff))
        case Throttled(after=wait):
            end.state = after(end.state, Event.AGAIN)
            end.due_at_ms = now_ms + milliseconds(wait or backoff)
        case Reauth():
            end.state = after(end.state, Event.AGAIN)
            end.due_at_ms = now_ms + milliseconds(backoff)
        case Rejected():
            _refuse(tx, claimed, end, Finding(verdict.code, text, claimed.deadline_at_ms), now_ms)
        case _:
            end.state = State.UNKNOWN if end.state is State.UNKNOWN else after(end.state, Event.LOST)
            end.attempts += 1
            end.due_at_ms = now_ms + milliseconds(max(settle_after, backoff if end.attempts > 1 else timedelta()))
    return _write(tx, claimed, before, end, now_ms, newer=newer)


def _accepted(tx: Tx, claimed: Owed, done: Done, now_ms: int) -> Moved | None:
    """What `_done` and `_write` come to in the commonest case, without reading the row; None when it is another case.

    The statement asks for itself whether the row is still as it was claimed: no newer state, nothing forgotten, no open
    exception.
    """
    settled = claimed.state is State.UNKNOWN
    before, event = (State.UNKNOWN, Event.FOUND) if settled else (State.SENDING, Event.DELIVERED)
    state = after(before, event)
    changed = tx.run(
        "outbox_accepted",
        (
            state.value,
            None if done.payload is None else dumps(done.payload),
            done.digest,
            done.digest,
            done.remote_id or claimed.remote_id,
            done.source_version,
            done.source_version,
            None if done.result is None else dumps(done.result),
            done.reason,
            now_ms,
            now_ms,
            claimed.id,
            before.value,
            claimed.version,
        ),
    ).rowcount
    if not changed:
        return None
    book(tx, claimed.flow, before, state)
    return Moved(before, state)


def _newer_waits(end: _Ending, outcome: Outcome | Settled) -> bool:
    """Whether a state staged during the call asks for more than the call has seen."""
    if end.staged is None or getattr(outcome, "source_version", 0) > end.source_version:
        return False
    same = isinstance(outcome, Done) and outcome.digest == end.digest
    return not (same and end.staged == State.READY)


def _done(tx: Tx, claimed: Owed, end: _Ending, done: Done, now_ms: int, *, newer: bool) -> None:
    end.state = after(end.state, Event.FOUND if end.state is State.UNKNOWN else Event.DELIVERED)
    end.due_at_ms, end.attempts, end.code, end.reason = None, 0, "", done.reason
    end.accepted_digest = done.digest
    end.remote_id = done.remote_id or end.remote_id
    if done.result is not None:
        end.result = dumps(done.result)
    if not newer:
        end.digest = done.digest
        if done.payload is not None:
            end.payload = dumps(done.payload)
        if done.hold_until_ms is not None:
            end.state = after(end.state, Event.HOLD)
            end.due_at_ms = done.hold_until_ms
    end.source_version = max(end.source_version, done.source_version)
    _unflag(tx, claimed, end, "delivered", now_ms)
    if done.findings or end.flagged:
        show_findings(tx, claimed.flow, claimed.key, claimed.group, done.findings, now_ms)
    end.flagged = int(bool(done.findings))


def _flag(tx: Tx, claimed: Owed, end: _Ending, finding: Finding, now_ms: int) -> None:
    open_exception(tx, claimed.flow, claimed.key, claimed.group, finding, now_ms)
    end.flagged = 1


def _unflag(tx: Tx, claimed: Owed, end: _Ending, by: str, now_ms: int) -> None:
    if end.flagged:
        close_kind(tx, claimed.flow, claimed.key, Kind.SEND, now_ms, by)


def _refuse(tx: Tx, claimed: Owed, end: _Ending, finding: Finding, now_ms: int) -> None:
    end.state = after(end.state, Event.REFUSED)
    end.due_at_ms, end.code, end.reason = None, finding.code, finding.text
    close_kind(tx, claimed.flow, claimed.key, Kind.SEND, now_ms, "refused", but=finding.code)
    _flag(tx, claimed, end, finding, now_ms)


def _now(tx: Tx, claimed: Owed) -> _Ending:
    state, *columns = tx.one("outbox_now", (claimed.id,))
    return _Ending(State(state), *columns)


def _write(tx: Tx, claimed: Owed, before: State, end: _Ending, now_ms: int, *, newer: bool) -> Moved:
    """Let a newer wanted state have its turn, then write the row."""
    if newer and end.state is not State.UNKNOWN:
        _let_newer_in(end)
    if end.state is not State.UNKNOWN:
        end.staged = end.staged_due_ms = None
    if end.state is State.DROPPED:
        _unflag(tx, claimed, end, "dropped", now_ms)
    queued = end.state in (State.READY, State.UNKNOWN) and end.due_at_ms is None
    finished_at_ms = now_ms if end.state in FINISHED else None
    tx.run(
        "outbox_finish",
        (
            end.state.value,
            int(queued),
            end.due_at_ms,
            end.payload,
            end.digest,
            end.accepted_digest,
            end.remote_id,
            end.source_version,
            end.result,
            end.attempts,
            end.flagged,
            end.code,
            end.reason,
            now_ms,
            finished_at_ms,
            end.staged,
            end.staged_due_ms,
            claimed.id,
        ),
    )
    book(tx, claimed.flow, before, end.state)
    return Moved(before, end.state, due_at_ms=end.due_at_ms)


def _let_newer_in(end: _Ending) -> None:
    """Go where the newer wanted state asked for; it starts with a clean count of attempts."""
    staged = State(end.staged or State.READY)
    if staged is State.DROPPED and end.state is State.DONE:
        return
    waits_for_retry = end.state is State.READY and staged is State.READY
    end.state = after(end.state, NEWER[staged])
    if not waits_for_retry:
        end.due_at_ms = end.staged_due_ms if staged is State.HELD else None
    end.attempts = 0
