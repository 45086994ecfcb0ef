"""Planted mistakes in what follows an order: messages to the buyer and Pipe17's ids at TikTok."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest import mock

from daemon.core.owed import Done, Outcome, Owed, Settled
from daemon.errors import ApiError
from daemon.flows import pusher, send_messages, write_references
from daemon.store import attempts, outbox
from daemon.store.database import Tx
from daemon.store.outbox import Moved
from tests.sim import scenarios
from tests.sim.bug_bank import Mutant


@contextmanager
def _message_repeated_after_a_lost_answer() -> Iterator[None]:
    """Nobody looks into the conversation: what got no answer is sent again."""

    async def never(*_: object) -> None:
        return None

    with mock.patch.object(send_messages.SendMessages, "_written", never):
        yield


@contextmanager
def _follow_up_outside_of_the_transaction() -> Iterator[None]:
    """What follows is staged in a transaction of its own, right after the one that finished the order."""
    finished = pusher.Pusher._finished

    async def afterwards(self: pusher.Pusher, row: Owed, outcome: Outcome | Settled) -> None:
        await finished(self, row, outcome)
        if isinstance(outcome, Done) and outcome.follow_ups:
            now_ms = self._engine.clock.now_ms()

            def stage(tx: Tx) -> None:
                for follow_up in outcome.follow_ups:
                    outbox.follow(tx, row.group, follow_up, now_ms)

            await self._engine.database.write(stage)

    def nothing(*_: object) -> Moved:
        return Moved(None, row_state, changed=False)

    row_state = outbox.State.READY
    with (
        mock.patch.object(attempts, "follow", nothing),
        mock.patch.object(pusher.Pusher, "_finished", afterwards),
    ):
        yield


@contextmanager
def _lost_batch_taken_for_written() -> Iterator[None]:
    """A batch of references whose call failed counts as done."""
    add = write_references._Batches.add

    async def optimist(self: write_references._Batches, reference: write_references.Reference) -> object:
        try:
            return await add(self, reference)
        except ApiError:
            return None

    with mock.patch.object(write_references._Batches, "add", optimist):
        yield


MUTANTS = (
    Mutant(
        "message_repeated_after_a_lost_answer",
        _message_repeated_after_a_lost_answer,
        (scenarios.told_though_answers_are_lost,),
    ),
    Mutant(
        "follow_up_outside_of_the_transaction",
        _follow_up_outside_of_the_transaction,
        tuple(
            partial(scenarios.told_despite_a_crash, (where, number))
            for number in range(1, 16)
            for where in ("committed", "commit")
        ),
    ),
    Mutant("lost_batch_taken_for_written", _lost_batch_taken_for_written, (scenarios.told_though_answers_are_lost,)),
)
