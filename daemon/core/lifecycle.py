"""The life of a thing we owe: every state, every event, and the one table that says what follows what.

    held ──due──▶ ready ──claim──▶ sending ──delivered──▶ done
     ▲              ▲                 │ │ │
     │              └──again (later)──┘ │ └──refused──▶ dead ──retry (operator) / newer──▶ ready
     │                                  └──lost──▶ unknown ──found──▶ done
     └──hold again (read before release)              └──absent──▶ ready

A *newer* wanted state re-opens a row that was `done` or `dropped`, and gives a `dead` one its own tries: what was
refused was the older state, and the newer one may be the cancellation that keeps an order from being shipped. While a
row is being sent or looked up (`sending`, `unknown`) a newer state only waits in it; the result of the running call
decides when it is looked at. Anything that the table does not list is a bug and raises `IllegalMove`.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a row of the outbox stands."""

    HELD = "held"
    """Waits for a time that the other side's rules set: the hold of an order, a payment, a release date."""
    READY = "ready"
    """May be sent; with a due time in the future it waits for its next attempt."""
    SENDING = "sending"
    """The intent is on disk, a call may be under way."""
    UNKNOWN = "unknown"
    """A call may have taken effect; looked up before anything is sent again."""
    DONE = "done"
    """The newest wanted state has been accepted."""
    DEAD = "dead"
    """Refused for good; on the exceptions page until a person retries or dismisses it."""
    DROPPED = "dropped"
    """Nothing is owed, for the reason in the row."""


OPEN = (State.HELD, State.READY, State.SENDING, State.UNKNOWN, State.DEAD)
"""States in which something is owed; what `backlog` lists and the backlog metrics count."""

FINISHED = (State.DONE, State.DROPPED)


class Event(StrEnum):
    """What can happen to a row."""

    DUE = "due"
    CLAIM = "claim"
    DELIVERED = "delivered"
    AGAIN = "again"
    HOLD = "hold"
    LOST = "lost"
    REFUSED = "refused"
    FOUND = "found"
    ABSENT = "absent"
    DROP = "drop"
    NEWER_READY = "newer_ready"
    NEWER_HELD = "newer_held"
    RETRY = "retry"
    DISMISS = "dismiss"


_S, _E = State, Event

TRANSITIONS: dict[tuple[State, Event], State] = {
    (_S.HELD, _E.DUE): _S.READY,
    (_S.HELD, _E.DROP): _S.DROPPED,
    (_S.HELD, _E.NEWER_READY): _S.READY,
    (_S.HELD, _E.NEWER_HELD): _S.HELD,
    (_S.READY, _E.DUE): _S.READY,
    (_S.READY, _E.CLAIM): _S.SENDING,
    (_S.READY, _E.DROP): _S.DROPPED,
    (_S.READY, _E.NEWER_READY): _S.READY,
    (_S.READY, _E.NEWER_HELD): _S.HELD,
    (_S.READY, _E.RETRY): _S.READY,
    (_S.SENDING, _E.DELIVERED): _S.DONE,
    (_S.SENDING, _E.AGAIN): _S.READY,
    (_S.SENDING, _E.HOLD): _S.HELD,
    (_S.SENDING, _E.LOST): _S.UNKNOWN,
    (_S.SENDING, _E.REFUSED): _S.DEAD,
    (_S.SENDING, _E.DROP): _S.DROPPED,
    (_S.SENDING, _E.NEWER_READY): _S.SENDING,
    (_S.SENDING, _E.NEWER_HELD): _S.SENDING,
    (_S.UNKNOWN, _E.DUE): _S.UNKNOWN,
    (_S.UNKNOWN, _E.CLAIM): _S.UNKNOWN,
    (_S.UNKNOWN, _E.AGAIN): _S.UNKNOWN,
    (_S.UNKNOWN, _E.FOUND): _S.DONE,
    (_S.UNKNOWN, _E.ABSENT): _S.READY,
    (_S.UNKNOWN, _E.REFUSED): _S.DEAD,
    (_S.UNKNOWN, _E.NEWER_READY): _S.UNKNOWN,
    (_S.UNKNOWN, _E.NEWER_HELD): _S.UNKNOWN,
    (_S.DONE, _E.NEWER_READY): _S.READY,
    (_S.DONE, _E.NEWER_HELD): _S.HELD,
    (_S.DONE, _E.HOLD): _S.HELD,
    (_S.DROPPED, _E.NEWER_READY): _S.READY,
    (_S.DROPPED, _E.NEWER_HELD): _S.HELD,
    (_S.DROPPED, _E.DROP): _S.DROPPED,
    (_S.DEAD, _E.RETRY): _S.READY,
    (_S.DEAD, _E.DISMISS): _S.DROPPED,
    (_S.DEAD, _E.NEWER_READY): _S.READY,
    (_S.DEAD, _E.NEWER_HELD): _S.HELD,
    (_S.DEAD, _E.DROP): _S.DROPPED,
}

NEWER: dict[State, Event] = {
    State.READY: Event.NEWER_READY,
    State.HELD: Event.NEWER_HELD,
    State.DROPPED: Event.DROP,
}
"""What a newer wanted state does to a row, by the state that it asks for."""


class IllegalMove(RuntimeError):
    """A row was moved in a way the table does not know; a bug of ours, never of the other side."""


def after(state: State, event: Event) -> State:
    """The state that follows; raises `IllegalMove` for a move nobody allows."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalMove(f"{state.value} has no '{event.value}'") from None
