"""The outbox: one row per thing we owe (design law 1), and the only code that moves a row.

Functions over a `Tx`, each part of one transaction of the engine's: `stage` takes a wanted state in, `wake` and `claim`
hand out what is due, `intend` notes what an attempt is about to do, `finish` and `fail` (store/attempts.py) apply what
became of it, `recover` runs once after a start. Every move goes through `core.lifecycle.after`, and every change of
state is booked in the tally.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.core.jsontext import dumps, loads
from daemon.core.lifecycle import FINISHED, NEWER, Event, State, after
from daemon.core.owed import Change, FollowUp, Owed, Wanted
from daemon.store.database import Tx
from daemon.store.exceptions import Kind, close_all, close_kind, show_findings
from daemon.store.journal import note

UNHURRIED_MS = 3 * 86_400_000
"""What has no deadline takes its turn as if it had one three days after its change."""
LATE_MS = 3_650 * 86_400_000
"""What is only sent again goes behind everything else (flows/resync.py)."""

_IN_DOUBT = (State.SENDING, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a transaction did to a row, for the journal, the metrics and the waiting workers."""

    before: State | None
    after: State
    changed: bool = True
    """False: the record asked for nothing new."""
    due_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that a worker now holds. `settling`: look it up first."""

    row: Owed
    settling: bool


def owed(row: tuple[Any, ...]) -> Owed:
    """The row as a value; the columns are those of `outbox_get`, in that order."""
    (
        row_id, flow, key, group, state, version, payload, digest, accepted_digest, remote_id, source_version,
        source_stamp, intent, result, attempts, flagged, reason, due_at_ms, deadline_at_ms, changed_at_ms,
    ) = row  # fmt: skip
    return Owed(
        row_id,
        flow,
        key,
        group,
        State(state),
        version,
        loads(payload),
        digest,
        accepted_digest,
        remote_id,
        source_version,
        source_stamp,
        loads(intent) if intent else None,
        loads(result) if result else None,
        attempts,
        bool(flagged),
        reason,
        due_at_ms,
        deadline_at_ms,
        changed_at_ms,
    )


def find(tx: Tx, flow: str, key: str) -> Owed | None:
    """The row of one key."""
    row = tx.one("outbox_get", (flow, key))
    return None if row is None else owed(row)


def find_by_remote(tx: Tx, flow: str, remote_id: str) -> Owed | None:
    """The row whose record on the other side has this id."""
    row = tx.one("outbox_by_remote", (flow, remote_id))
    return None if row is None else owed(row)


def group_of(tx: Tx, group: str, flow: str) -> list[Owed]:
    """All rows of one flow that touch the same thing, oldest first."""
    return [owed(row) for row in tx.all("outbox_group_flow", (group, flow))]


def is_news(row: Owed | None, change: Change) -> bool:
    """Whether a record must be decided on: an older one never is, the one we know already says nothing new."""
    if row is None:
        return True
    if change.source_version == row.source_version:
        return change.stamp != row.source_stamp
    return change.source_version > row.source_version


def stage(tx: Tx, flow: str, change: Change, row: Owed | None, wanted: Wanted, now_ms: int) -> Moved:
    """Take a wanted state in. The newest replaces the payload and raises the version; a state that the row already
    waits to send, or that the other side already accepted, changes nothing (a back-off goes on as it was)."""
    if wanted.findings or (row is not None and row.flagged):
        show_findings(tx, flow, change.key, wanted.group or change.group, wanted.findings, now_ms)
    if wanted.findings and row is not None:
        tx.run("outbox_flag", (row.id,))
    if row is None:
        _insert(tx, flow, change, wanted, now_ms)
        return Moved(None, wanted.state, due_at_ms=wanted.due_at_ms)
    if _says_nothing_new(row, wanted):
        payload = row.payload if wanted.state is State.DROPPED else wanted.payload
        tx.run("outbox_seen", (dumps(payload), change.source_version, change.stamp, wanted.deadline_at_ms, row.id))
        return Moved(row.state, row.state, changed=False)
    content = _content(change, wanted, now_ms)
    if row.state in _IN_DOUBT:
        tx.run("outbox_restage_in_doubt", (*content, wanted.state.value, wanted.due_at_ms, row.id))
        return Moved(row.state, row.state)
    state = after(row.state, NEWER[wanted.state])
    if state is State.DROPPED and row.flagged:
        close_kind(tx, flow, change.key, Kind.SEND, now_ms, "dropped")
    tx.run("outbox_restage", (*content, wanted.reason, *_standing(state, wanted, now_ms), row.id))
    book(tx, flow, row.state, state)
    return Moved(row.state, state, due_at_ms=wanted.due_at_ms)


def follow(tx: Tx, group: str, owed_now: FollowUp, now_ms: int) -> Moved:
    """Take in what is owed because something was done; `changed` is False where that asks for nothing new."""
    row = find(tx, owed_now.flow, owed_now.key)
    if row is not None and owed_now.once:
        return Moved(row.state, row.state, changed=False)
    # such a row has no record of a source: its wanted state says everything, and the newest one is the last staged
    stamp, version = owed_now.digest, row.source_version if row is not None else 0
    change = Change(owed_now.key, group, {}, stamp, version, owed_now.changed_at_ms)
    wanted = Wanted(State.READY, owed_now.payload, owed_now.digest, due_at_ms=owed_now.due_at_ms)
    return stage(tx, owed_now.flow, change, row, wanted, now_ms)


def _insert(tx: Tx, flow: str, change: Change, wanted: Wanted, now_ms: int) -> None:
    content = _content(change, wanted, now_ms)
    standing = _standing(wanted.state, wanted, now_ms)
    tx.run(
        "outbox_insert", (flow, change.key, wanted.group or change.group, *content, wanted.reason, *standing, now_ms)
    )
    if wanted.findings:
        tx.run("outbox_flag_key", (flow, change.key))
    book(tx, flow, None, wanted.state)


def _says_nothing_new(row: Owed, wanted: Wanted) -> bool:
    if wanted.state is State.DROPPED:
        return row.state in FINISHED
    if wanted.state is State.HELD:
        return row.state is State.HELD and row.digest == wanted.digest and row.due_at_ms == wanted.due_at_ms
    if row.state is State.DONE:
        return row.accepted_digest == wanted.digest
    return row.state not in (State.HELD, State.DROPPED) and row.digest == wanted.digest


def _content(change: Change, wanted: Wanted, now_ms: int) -> tuple[Any, ...]:
    """payload, digest, source_version, source_stamp, deadline_at_ms, changed_at_ms, updated_at_ms, rank_ms."""
    return (
        dumps(wanted.payload),
        wanted.digest,
        change.source_version,
        change.stamp,
        wanted.deadline_at_ms,
        change.changed_at_ms,
        now_ms,
        change.changed_at_ms + UNHURRIED_MS if wanted.deadline_at_ms is None else wanted.deadline_at_ms,
    )


def _standing(state: State, wanted: Wanted, now_ms: int) -> tuple[Any, ...]:
    """state, queued, due_at_ms, finished_at_ms."""
    waits = state is State.HELD or (state is State.READY and wanted.due_at_ms is not None)
    return (
        state.value,
        int(state is State.READY and not waits),
        wanted.due_at_ms if waits else None,
        now_ms if state in FINISHED else None,
    )


def book(tx: Tx, flow: str, before: State | None, now: State) -> None:
    """Count a row out of one state and into another."""
    if before is not now:
        if before is not None:
            tx.moves[flow, before] -= 1
        tx.moves[flow, now] += 1


def wake(tx: Tx, now_ms: int, limit: int) -> tuple[int, int | None]:
    """Queue the rows whose time has come; (how many, the next due instant or None)."""
    rows = tx.all("outbox_due", (now_ms, limit))
    for row_id, flow, state in rows:
        woken = after(State(state), Event.DUE)
        tx.run("outbox_wake", (woken.value, row_id))
        book(tx, flow, State(state), woken)
    (next_due,) = tx.one("outbox_next_due")
    return len(rows), next_due


def claim(tx: Tx, flow: str, limit: int, now_ms: int) -> list[Claimed]:
    """Take the next rows of a flow, at most one per group; from the commit on they are `sending` (or looked up)."""
    return [one for (one,) in claim_together(tx, flow, limit, 1, now_ms)]


def claim_together(tx: Tx, flow: str, limit: int, batch: int, now_ms: int) -> list[list[Claimed]]:
    """Take the next rows of a flow for at most `limit` calls, one call per group; rows of a group that stand in the
    same state share one, `batch` of them at most."""
    calls: dict[str, list[Owed]] = {}
    for record in tx.all("outbox_queue", (flow, limit)):
        row = owed(record)
        if row.group in calls:
            continue
        calls[row.group] = [row]
        if batch > 1:
            companions = tx.all("outbox_queue_of_group", (row.group, flow, row.state.value, batch))
            calls[row.group] += [other for other in map(owed, companions) if other.id != row.id][: batch - 1]
    for rows in calls.values():
        for row in rows:
            book(tx, flow, row.state, after(row.state, Event.CLAIM))
        tx.each("outbox_claim", [(after(row.state, Event.CLAIM).value, now_ms, row.id) for row in rows])
    return [[Claimed(row, settling=row.state is State.UNKNOWN) for row in rows] for rows in calls.values()]


def intend(tx: Tx, row_id: int, intent: Mapping[str, Any], now_ms: int) -> None:
    """Put on disk what the attempt under way is about to do, before it does it."""
    tx.run("outbox_intend", (dumps(intent), now_ms, row_id))


def recover(tx: Tx) -> list[tuple[str, str, str]]:
    """After a start: what a worker held when the process ended is looked up before anything else.

    Returns (flow, key, group) of each.
    """
    orphans = []
    for row_id, flow, key, group, state in tx.all("outbox_orphans"):
        lost = State.UNKNOWN if state == State.UNKNOWN else after(State(state), Event.LOST)
        tx.run("outbox_orphan_to_unknown", (lost.value, "the daemon stopped while this was under way", row_id))
        book(tx, flow, State(state), lost)
        orphans.append((flow, key, group))
    return orphans


def retry(tx: Tx, flow: str, key: str, now_ms: int) -> bool:
    """An operator's retry of a dead row, or of one that waits for its next attempt; False when it is neither."""
    row = find(tx, flow, key)
    if row is None or row.state not in (State.DEAD, State.READY):
        return False
    state = after(row.state, Event.RETRY)
    tx.run("outbox_requeue", (state.value, now_ms, row.id))
    book(tx, flow, row.state, state)
    return True


def dismiss(tx: Tx, flow: str, key: str, note: str, now_ms: int, by: str) -> list[str]:
    """An operator closes what is open on a record; a dead row is dropped with the note. Returns the closed codes."""
    codes = close_all(tx, flow, key, now_ms, by, note)
    row = find(tx, flow, key)
    if row is not None and row.state is State.DEAD:
        state = after(row.state, Event.DISMISS)
        tx.run("outbox_close", (state.value, f"dismissed: {note}", now_ms, now_ms, row.id))
        book(tx, flow, row.state, state)
    return codes


def drop_waiting(tx: Tx, flow: str, reason: str, now_ms: int, limit: int) -> int:
    """Drop at most so many rows of a flow that nobody serves any more; how many they were. What is dead stays.

    A row whose last call ended in the dark is dropped, too: nobody is left to look it up, and its reason says so.
    """
    dropped = 0
    for state in (State.HELD, State.READY, State.UNKNOWN):
        open_state = after(state, Event.ABSENT) if state is State.UNKNOWN else state
        said = f"{reason}; what became of its last call is not known" if state is State.UNKNOWN else reason
        end = after(open_state, Event.DROP)
        for row_id, key, group, flagged in tx.all("outbox_waiting_of_flow", (flow, state.value, limit - dropped)):
            if flagged:
                close_kind(tx, flow, key, Kind.SEND, now_ms, "dropped")
            tx.run("outbox_close", (end.value, said, now_ms, now_ms, row_id))
            book(tx, flow, state, end)
            note(tx, flow, key, group, "dropped", said, now_ms)
            dropped += 1
    return dropped


def drop_refused(tx: Tx, group: str, code: str, reason: str, now_ms: int) -> None:
    """Drop the rows of a group that the other side refused with this code, and close their exceptions."""
    for row_id, flow, key in tx.all("outbox_dead_of_group", (group, code)):
        end = after(State.DEAD, Event.DROP)
        close_kind(tx, flow, key, Kind.SEND, now_ms, reason)
        tx.run("outbox_close", (end.value, reason, now_ms, now_ms, row_id))
        book(tx, flow, State.DEAD, end)
        note(tx, flow, key, group, "dropped", reason, now_ms)
