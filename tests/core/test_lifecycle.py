"""The transition table: design law 2's arrows hold, nothing else moves, and every state can be reached and left."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.lifecycle import FINISHED, OPEN, TRANSITIONS, Event, IllegalMove, State, after

EVENTS = st.sampled_from(Event)
ARROWS = {
    "held": "held ready dropped",
    "ready": "ready held sending dropped",
    "sending": "sending done ready held unknown dead dropped",
    "unknown": "unknown done ready dead",
    "done": "ready held",
    "dropped": "dropped ready held",
    "dead": "ready held dropped",
}
"""Every arrow there may be, whatever the event; written out here so that a new one is added on purpose."""


def test_no_other_arrow_exists() -> None:
    found: dict[str, set[str]] = {state.value: set() for state in State}
    for (state, _), following in TRANSITIONS.items():
        found[state.value].add(following.value)
    assert found == {state: set(following.split()) for state, following in ARROWS.items()}


@pytest.mark.parametrize(
    ("before", "event", "following"),
    [
        ("held", "due", "ready"),
        ("ready", "claim", "sending"),
        ("sending", "delivered", "done"),
        ("sending", "again", "ready"),
        ("sending", "lost", "unknown"),
        ("sending", "refused", "dead"),
        ("unknown", "found", "done"),
        ("unknown", "absent", "ready"),
        ("held", "drop", "dropped"),
        ("ready", "drop", "dropped"),
        ("dead", "retry", "ready"),
    ],
)
def test_the_arrows_of_design_law_2(before: str, event: str, following: str) -> None:
    assert after(State(before), Event(event)) is State(following)


@pytest.mark.parametrize(("state", "event"), sorted(set(product(State, Event)) - set(TRANSITIONS)))
def test_what_the_table_does_not_list_is_refused(state: State, event: Event) -> None:
    with pytest.raises(IllegalMove, match=f"{state.value} has no '{event.value}'"):
        after(state, event)


def test_only_a_person_or_a_newer_wanted_state_leaves_dead() -> None:
    leaving = {event for state, event in TRANSITIONS if state is State.DEAD}
    assert leaving == {Event.RETRY, Event.DISMISS, Event.NEWER_READY, Event.NEWER_HELD, Event.DROP}


def test_nothing_is_sent_but_by_a_claim_of_a_ready_row() -> None:
    entering = {pair for pair, following in TRANSITIONS.items() if following is State.SENDING}
    assert {pair for pair in entering if pair[0] is not State.SENDING} == {(State.READY, Event.CLAIM)}


def test_what_may_have_taken_effect_is_not_ready_before_a_look_up_says_so() -> None:
    leaving = {event for (state, event), to in TRANSITIONS.items() if state is State.UNKNOWN and to is State.READY}
    assert leaving == {Event.ABSENT}


@pytest.mark.parametrize("state", State)
def test_a_newer_wanted_state_is_taken_in_wherever_the_row_stands(state: State) -> None:
    for event in (Event.NEWER_READY, Event.NEWER_HELD):
        assert (state, event) in TRANSITIONS


def test_every_state_is_reached_from_a_new_row_and_can_end_well() -> None:
    assert _reachable(State.HELD) == set(State)
    for state in State:
        assert State.DONE in _reachable(state)


def test_every_event_happens_somewhere_and_every_state_is_open_or_finished() -> None:
    assert {event for _, event in TRANSITIONS} == set(Event)
    assert {*OPEN, *FINISHED} == set(State)
    assert not set(OPEN) & set(FINISHED)


@given(st.lists(EVENTS, max_size=30))
def test_any_history_only_follows_the_arrows(events: list[Event]) -> None:
    state = State.HELD
    for event in events:
        try:
            following = after(state, event)
        except IllegalMove:
            continue
        assert following.value in ARROWS[state.value].split()
        state = following


def _reachable(start: State) -> set[State]:
    found, edge = {start}, [start]
    while edge:
        state = edge.pop()
        fresh = {to for (before, _), to in TRANSITIONS.items() if before is state} - found
        found |= fresh
        edge += fresh
    return found
