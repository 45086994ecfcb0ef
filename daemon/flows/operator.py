"""What a person may ask for: send it again, or close it with a note. One transaction each, the same for every way in.

The web side runs these in the daemon, the command line runs them under the store's lock when no daemon runs. A retry
gives a dead row its tries back and wakes one that waits for its next attempt; it never shortens a hold, never touches a
call under way, and never skips the look-up of one that ended in the dark. A record that could not be read is read
again. A dismissal closes every open exception of a record and drops a dead row; a newer change at the source
brings either back by itself.

A pull is a hint, so it outlives a crash; the reader of hints takes it from there.

The daemon wakes its loops afterwards: `engine.timekeeper.announce()` for `queued`, `hints.bell.ring()` for `reread`
and for a pull.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from daemon.core.lifecycle import State
from daemon.store import hints, journal, outbox
from daemon.store.database import Tx
from daemon.store.hints import Hint

AT_ONCE = 1_000
"""Rows that one transaction sends again; the caller asks once more while `more` is true."""
PULLED_AT_ONCE = 200
_DEAD_LOOKED_AT = 100_000
_ORDER_ID = re.compile(r"[0-9]{17,20}")
"""What TikTok's order ids look like; Pipe17's fulfillment ids have 16 characters."""

_WHY_NOT = {
    State.HELD: "it is held by TikTok's rules until its time; a hold cannot be shortened",
    State.SENDING: "a call is under way",
    State.UNKNOWN: "its last call ended in the dark; it is looked up first, by itself",
    State.DONE: "it was accepted; nothing waits to be sent",
    State.DROPPED: "nothing is owed for it",
}


@dataclass(frozen=True, slots=True)
class Named:
    """A record by flow and key, with what there is to say about it."""

    flow: str
    key: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Retried:
    """What a retry did. `more`: others match too, ask again."""

    queued: tuple[Named, ...] = ()
    reread: tuple[Named, ...] = ()
    refused: tuple[Named, ...] = ()
    more: bool = False

    def public(self) -> dict[str, object]:
        """For the answer of the web side and for `--json`."""
        return {
            "queued": [{"flow": one.flow, "key": one.key} for one in self.queued],
            "reread": [{"flow": one.flow, "key": one.key} for one in self.reread],
            "refused": [{"flow": one.flow, "key": one.key, "why": one.text} for one in self.refused],
            "more": self.more,
        }


@dataclass(frozen=True, slots=True)
class Pulled:
    """A record that is to be read now. `hint`: under which id that is remembered until it is done."""

    flow: str
    key: str
    known: bool
    hint: str

    def public(self) -> dict[str, object]:
        """For the answer of the web side and for `--json`."""
        return {"flow": self.flow, "key": self.key, "known": self.known, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Dismissed:
    """What a dismissal closed. `problem` is set when there was nothing to close."""

    flow: str
    key: str
    codes: tuple[str, ...] = ()
    dropped: bool = False
    problem: str = ""

    def public(self) -> dict[str, object]:
        """For the answer of the web side and for `--json`."""
        return {
            "flow": self.flow,
            "key": self.key,
            "closed": list(self.codes),
            "dropped": self.dropped,
            "problem": self.problem,
        }


def retry(tx: Tx, now_ms: int, by: str, *, flow: str = "", key: str = "", code: str = "") -> Retried:
    """Send again: one record (`flow` and `key`), or what is dead, in one flow or all, with an open exception `code`.

    `by` says who asked, for the timeline.
    """
    if key:
        return _retry_one(tx, flow, key, now_ms, by)
    queued: list[Named] = []
    for name in [flow] if flow else _flows(tx):
        for dead in _dead(tx, name, code):
            if len(queued) == AT_ONCE:
                return Retried(tuple(queued), more=True)
            if _requeue(tx, name, dead, now_ms, by):
                queued.append(Named(name, dead))
    return Retried(tuple(queued))


def pull(tx: Tx, ids: Iterable[str], now_ms: int, by: str, named: str = "") -> list[Pulled]:
    """Have these orders, or fulfillments, read now. What was left out for want of somebody who asks is taken up.

    `named`: the records are those of this flow, and not of the one that such ids look like.
    """
    found = []
    for key in dict.fromkeys(ids):
        flow = named or flow_of(key)
        row, hint = outbox.find(tx, flow, key), hints.asked_for(flow, key, now_ms)
        hints.add(tx, hint, now_ms)
        if row is not None:
            journal.note(tx, flow, key, row.group, "pull", f"read again, asked for by {by}", now_ms)
        found.append(Pulled(flow, key, row is not None, hint.notification_id))
    return found


def flow_of(key: str) -> str:
    """Whose record has such an id."""
    return "orders" if _ORDER_ID.fullmatch(key) else "fulfillments"


def dismiss(tx: Tx, flow: str, key: str, note: str, now_ms: int, by: str) -> Dismissed:
    """Close what is open on a record, with a note for whoever looks later."""
    row = outbox.find(tx, flow, key)
    codes = outbox.dismiss(tx, flow, key, note, now_ms, by)
    dropped = row is not None and row.state is State.DEAD
    if not codes and not dropped:
        known = "has nothing open" if row is not None else "is not known"
        return Dismissed(flow, key, problem=f"{flow} {key} {known}")
    group = row.group if row is not None else key
    journal.note(tx, flow, key, group, "dismissed", f"by {by}: {note}", now_ms)
    return Dismissed(flow, key, tuple(codes), dropped)


def _retry_one(tx: Tx, flow: str, key: str, now_ms: int, by: str) -> Retried:
    if tx.one("set_aside_get", (flow, key)) is not None:
        hints.add(tx, Hint(f"retry:{flow}:{key}:{now_ms}", flow, key), now_ms)
        journal.note(tx, flow, key, key, "retry", f"read again, asked for by {by}", now_ms)
        return Retried(reread=(Named(flow, key),))
    row = outbox.find(tx, flow, key)
    if row is None:
        return Retried(refused=(Named(flow, key, "no such record; `tiktok-pipe17 exceptions` lists flow and key"),))
    if not _requeue(tx, flow, key, now_ms, by):
        return Retried(refused=(Named(flow, key, _WHY_NOT[row.state]),))
    return Retried((Named(flow, key),))


def _requeue(tx: Tx, flow: str, key: str, now_ms: int, by: str) -> bool:
    row = outbox.find(tx, flow, key)
    if row is None or not outbox.retry(tx, flow, key, now_ms):
        return False
    journal.note(tx, flow, key, row.group, "retry", f"sent again, asked for by {by}", now_ms)
    return True


def _flows(tx: Tx) -> list[str]:
    return sorted({flow for flow, state, _ in tx.all("tally_all") if state == State.DEAD})


def _dead(tx: Tx, flow: str, code: str) -> Iterable[str]:
    for (key,) in tx.all("outbox_dead_of_flow", (flow, _DEAD_LOOKED_AT)):
        if not code or any(found == code for found, _ in tx.all("exceptions_of_key", (flow, key))):
            yield key
