"""The outbox against a small model: any order of stages, claims, results, crashes and operators.

The model knows, per key: the newest record, what the other side really has, whether a call ended in the dark, and what
is open on the exceptions page. After every step the tables must agree with it; at the end everything is drained with a
working other side, and then the other side must have the newest wanted state of every key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from store_bench import Bench, finding

from daemon.core.findings import Finding
from daemon.core.lifecycle import State
from daemon.core.owed import Absent, Change, Done, Dropped, Later, Owed, Refused, Wanted
from daemon.core.verdicts import Reauth, Rejected, Retry, Throttled, Unknown
from daemon.store import outbox

KEYS = {"A": ("orders", "g1"), "X": ("fulfillments", "g1"), "Y": ("fulfillments", "g1"), "B": ("orders", "g2")}
FLOWS = ("orders", "fulfillments")
DIGESTS = ("a", "b", "c")
FINDINGS = (finding("f1"), finding("f2"), finding("e1", lasting=True))
keys = st.sampled_from(sorted(KEYS))
delays = st.integers(1, 20)


@dataclass
class Model:
    """What must be true of one key."""

    version: int = 0
    stamp: str = ""
    state: State = State.READY
    digest: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    remote: str | None = None
    in_doubt: bool = False
    given_up: bool = False
    """The newest state was refused, found needless, or dismissed, and nothing newer came."""
    exceptions: dict[str, str] = field(default_factory=dict)

    def close(self, kind: str) -> None:
        self.exceptions = {code: found for code, found in self.exceptions.items() if found != kind}

    def show(self, found: tuple[Finding, ...]) -> None:
        current = {one.code for one in found}
        self.exceptions = {c: kind for c, kind in self.exceptions.items() if kind != "finding" or c in current}
        for one in found:
            self.exceptions.setdefault(one.code, "event" if one.lasting else "finding")


@dataclass
class Flight:
    """An attempt under way: the row as claimed, and whether something newer was staged since."""

    row: Owed
    settling: bool
    overtaken: bool = False
    call: int = 0
    """Rows of one group are under way together only when they share a call."""


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.models: dict[str, Model] = {}
        self.flights: dict[str, Flight] = {}
        self.serial = 0
        self.calls = 0

    # the source

    @rule(
        key=keys,
        step=st.integers(-1, 2),
        digest=st.sampled_from(DIGESTS),
        state=st.sampled_from([State.READY, State.READY, State.HELD, State.DROPPED]),
        due_in=delays,
        found=st.lists(st.sampled_from(FINDINGS), max_size=2, unique=True).map(tuple),
        deadline=st.none() | delays,
    )
    def stage(
        self, key: str, step: int, digest: str, state: State, due_in: int, found: tuple[Finding, ...],
        deadline: int | None,
    ) -> None:  # fmt: skip
        flow, group = KEYS[key]
        model = self.models.get(key)
        version = max((model.version if model else 5) + step, 1)
        stamp = f"{digest}{state}{due_in}{deadline}{[one.code for one in found]}"
        change = Change(key, group, {}, stamp, version, self.bench.now_ms)
        row = self.bench.do(lambda tx: outbox.find(tx, flow, key))
        news = model is None or version > model.version or (version == model.version and stamp != model.stamp)
        assert outbox.is_news(row, change) == news
        if not news:
            return
        if model is None:
            model = self.models[key] = Model()
        self.serial += 1
        payload = {"serial": self.serial}
        due_at_ms = self.bench.now_ms + due_in if state is State.HELD else None
        wanted = Wanted(state, payload, digest, "why", due_at_ms, deadline and self.bench.now_ms + deadline, found)
        moved = self.bench.stage(change, wanted, flow)
        model.version, model.stamp = version, stamp
        model.show(found)
        if not moved.changed:
            assert row is not None
            assert moved.after is row.state
            again = self.bench.row(key, flow)
            assert (again.due_at_ms, again.attempts, again.version) == (row.due_at_ms, row.attempts, row.version)
            if state is not State.DROPPED:
                assert digest in (row.digest, row.accepted_digest)
                model.payload = payload
            return
        model.state, model.digest, model.payload, model.given_up = state, digest, payload, False
        if moved.after is State.DROPPED:
            model.close("send")
        if key in self.flights:
            self.flights[key].overtaken = True

    @precondition(lambda self: self.flights)
    @rule(
        data=st.data(),
        digest=st.sampled_from(DIGESTS),
        state=st.sampled_from([State.READY, State.HELD, State.DROPPED]),
        due_in=delays,
    )
    def stage_under_way(self, data: st.DataObject, digest: str, state: State, due_in: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.flights)))
        self.stage(key, 1, digest, state, due_in, (), None)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), found=st.booleans())
    def see_again(self, data: st.DataObject, found: bool) -> None:
        """The record moved at the source, and asks for the same as before."""
        key = data.draw(st.sampled_from(sorted(self.models)))
        model = self.models[key]
        due_at_ms = self.bench.row(key, KEYS[key][0]).due_at_ms or self.bench.now_ms + 1
        due_in = due_at_ms - self.bench.now_ms
        self.stage(key, 1, model.digest, model.state, due_in, (finding("f2"),) if found else (), None)

    @rule(milliseconds=delays)
    def time_passes(self, milliseconds: int) -> None:
        self.bench.now_ms += milliseconds

    @rule()
    def wake(self) -> None:
        due = self.bench.rows(
            "SELECT id FROM outbox WHERE state IN ('held', 'ready', 'unknown') AND due_at_ms <= ?", self.bench.now_ms
        )
        waiting = self.bench.rows("SELECT due_at_ms FROM outbox WHERE due_at_ms > ?", self.bench.now_ms)
        woken, next_due = self.bench.wake()
        assert woken == len(due)
        assert next_due == min((at for (at,) in waiting), default=None)
        for (row_id,) in due:
            assert self.bench.rows("SELECT queued, due_at_ms FROM outbox WHERE id = ?", row_id) == [(1, None)]

    # the sender

    @rule(flow=st.sampled_from(FLOWS), limit=st.integers(1, 4))
    def claim(self, flow: str, limit: int) -> None:
        busy = {KEYS[key][1] for key in self.flights}
        queued = self.bench.rows("SELECT key FROM outbox WHERE flow = ? AND queued = 1 ORDER BY rank_ms, id", flow)
        expected: list[str] = []
        for (key,) in [one for one in queued if KEYS[one[0]][1] not in busy][:limit]:
            if KEYS[key][1] not in {KEYS[other][1] for other in expected}:
                expected.append(key)
        claimed = self.bench.claim(limit, flow)
        assert [one.row.key for one in claimed] == expected
        self._fly([[one] for one in claimed])

    @rule(flow=st.sampled_from(FLOWS), limit=st.integers(1, 4), batch=st.integers(2, 3))
    def claim_together(self, flow: str, limit: int, batch: int) -> None:
        busy = {KEYS[key][1] for key in self.flights}
        queued = self.bench.rows(
            "SELECT key, state FROM outbox WHERE flow = ? AND queued = 1 ORDER BY rank_ms, id", flow
        )
        free = [(key, state) for key, state in queued if KEYS[key][1] not in busy]
        calls: dict[str, list[str]] = {}
        for key, state in free[:limit]:
            group = KEYS[key][1]
            same = [other for other, stands in free if KEYS[other][1] == group and stands == state and other != key]
            calls.setdefault(group, [key, *same[: batch - 1]])
        now_ms = self.bench.now_ms
        claimed = self.bench.do(lambda tx: outbox.claim_together(tx, flow, limit, batch, now_ms))
        assert [[one.row.key for one in call] for call in claimed] == list(calls.values())
        self._fly(claimed)

    def _fly(self, calls: list[list[outbox.Claimed]]) -> None:
        for call in calls:
            self.calls += 1
            self._take_off(call)

    def _take_off(self, call: list[outbox.Claimed]) -> None:
        for one in call:
            model = self.models[one.row.key]
            assert one.settling == model.in_doubt, "unknown is looked up before it is sent, nothing else is"
            assert one.settling or model.state is not State.DROPPED
            assert one.row.payload == model.payload
            row = one.row
            if not one.settling:
                self.bench.do(lambda tx, row=row: outbox.intend(tx, row.id, {"digest": row.digest}, self.bench.now_ms))
            self.flights[row.key] = Flight(row, one.settling, call=self.calls)

    def _take(self, data: st.DataObject, *, settling: bool) -> tuple[Flight, Model]:
        names = sorted(key for key, flight in self.flights.items() if flight.settling == settling)
        flight = self.flights.pop(data.draw(st.sampled_from(names)))
        return flight, self.models[flight.row.key]

    def _sending(self) -> bool:
        return any(not flight.settling for flight in self.flights.values())

    def _settling(self) -> bool:
        return any(flight.settling for flight in self.flights.values())

    @precondition(_sending)
    @rule(data=st.data(), fresh=st.none() | st.sampled_from(DIGESTS), hold=st.none() | delays, found=st.booleans())
    def delivered(self, data: st.DataObject, fresh: str | None, hold: int | None, found: bool) -> None:
        """The call succeeds; with `fresh` the attempt read the record once more and sent something younger."""
        flight, model = self._take(data, settling=False)
        row, overtaken = flight.row, flight.overtaken
        digest, payload, version = row.digest, None, 0
        if fresh is not None:
            self.serial += 1
            digest, payload, version = fresh, {"serial": self.serial}, model.version + 1
            model.state, model.digest, model.payload, model.version = State.READY, fresh, payload, version
            model.stamp, overtaken, model.given_up = row.source_stamp, False, False
        shown = (finding("f1"), finding("e1", lasting=True)) if found else ()
        hold_ms = None if hold is None else self.bench.now_ms + hold
        done = Done(digest, f"r-{row.key}", payload, hold_until_ms=hold_ms, source_version=version, findings=shown)
        moved = self.bench.finish(row, done)
        model.remote, model.in_doubt = digest, False
        model.close("send")
        model.show(shown)
        now = self.bench.row(row.key, row.flow)
        assert (now.accepted_digest, now.remote_id, now.attempts) == (
            digest,
            f"r-{row.key}",
            0 if not overtaken else now.attempts,
        )
        says_the_same = model.state is State.READY and model.digest == digest
        if not overtaken or says_the_same:
            assert moved.after is (State.DONE if hold is None else State.HELD)
            assert now.due_at_ms == hold_ms
        elif model.state is not State.DROPPED:
            assert moved.after is model.state, "the newer state is left to be sent"

    @precondition(_settling)
    @rule(data=st.data())
    def looked_up(self, data: st.DataObject) -> None:
        flight, model = self._take(data, settling=True)
        intent = (flight.row.intent or {}).get("digest")
        if model.remote is not None and model.remote == intent:
            self.bench.finish(flight.row, Done(model.remote, f"r-{flight.row.key}"))
            model.close("send")
            model.show(())
        else:
            self.bench.finish(flight.row, Absent())
        model.in_doubt = False

    @precondition(_sending)
    @rule(data=st.data(), due_in=delays, held=st.booleans(), told=st.booleans())
    def later(self, data: st.DataObject, due_in: int, held: bool, told: bool) -> None:
        flight, model = self._take(data, settling=False)
        due = self.bench.now_ms + due_in
        moved = self.bench.finish(flight.row, Later(due, "not now", held=held, code="s_wait" if told else ""))
        if told:
            model.exceptions["s_wait"] = "send"
        if not flight.overtaken:
            assert (moved.after, moved.due_at_ms) == (State.HELD if held else State.READY, due)
        self._after_staged_drop(flight, model)

    @precondition(_sending)
    @rule(data=st.data())
    def needless(self, data: st.DataObject) -> None:
        flight, model = self._take(data, settling=False)
        moved = self.bench.finish(flight.row, Dropped("nothing to do"))
        model.close("send")
        if not flight.overtaken:
            model.given_up = True
            assert moved.after is State.DROPPED

    @precondition(_sending)
    @rule(data=st.data(), by_verdict=st.booleans())
    def refused(self, data: st.DataObject, by_verdict: bool) -> None:
        flight, model = self._take(data, settling=False)
        if by_verdict:
            moved = self.bench.fail(flight.row, Rejected("s_no"))
        else:
            moved = self.bench.finish(flight.row, Refused("s_no", "never"))
        model.close("send")
        model.exceptions["s_no"] = "send"
        if not flight.overtaken:
            model.given_up = True
            assert moved.after is State.DEAD
        self._after_staged_drop(flight, model)

    def _after_staged_drop(self, flight: Flight, model: Model) -> None:
        if flight.overtaken and model.state is State.DROPPED:
            model.close("send")

    @rule(data=st.data(), verdict=st.sampled_from([Retry("r"), Retry("r", tries=3), Throttled("t"), Reauth("key")]))
    def failed(self, data: st.DataObject, verdict: Retry | Throttled | Reauth) -> None:
        if not self.flights:
            return
        flight, model = self._take(
            data, settling=data.draw(st.sampled_from(sorted({f.settling for f in self.flights.values()})))
        )
        row = flight.row
        moved = self.bench.fail(row, verdict, backoff=timedelta(milliseconds=7))
        now = self.bench.row(row.key, row.flow)
        counted = isinstance(verdict, Retry)
        if counted and verdict.tries is not None and row.attempts + 1 >= verdict.tries:
            model.close("send")
            model.exceptions["r"] = "send"
            model.in_doubt = False
            if not flight.overtaken:
                assert moved.after is State.DEAD
                model.given_up = True
        elif not flight.overtaken:
            assert moved.after is (State.UNKNOWN if flight.settling else State.READY)
            assert now.due_at_ms == self.bench.now_ms + 7
            assert now.attempts == row.attempts + counted
        if not model.in_doubt:
            self._after_staged_drop(flight, model)

    @precondition(_sending)
    @rule(data=st.data(), took_effect=st.booleans())
    def lost(self, data: st.DataObject, took_effect: bool) -> None:
        flight, model = self._take(data, settling=False)
        moved = self.bench.fail(flight.row, Unknown("timeout"))
        assert moved.after is State.UNKNOWN
        assert moved.due_at_ms is not None
        self._into_the_dark(flight, model, took_effect)

    def _into_the_dark(self, flight: Flight, model: Model, took_effect: bool) -> None:
        model.in_doubt = True
        if took_effect and not flight.settling:
            model.remote = flight.row.digest

    @rule(took_effect=st.booleans())
    def crash(self, took_effect: bool) -> None:
        for key, flight in self.flights.items():
            self._into_the_dark(flight, self.models[key], took_effect)
        orphans = self.bench.do(outbox.recover)
        assert {key for _, key, _ in orphans} == set(self.flights)
        self.flights.clear()
        assert self.bench.do(outbox.recover) == []

    # the operator

    @rule(key=keys)
    def operator_retries(self, key: str) -> None:
        flow = KEYS[key][0]
        before = self.bench.rows("SELECT state FROM outbox WHERE key = ?", key)
        retried = self.bench.do(lambda tx: outbox.retry(tx, flow, key, self.bench.now_ms))
        assert retried == (before in ([("dead",)], [("ready",)]))
        if retried:
            self.models[key].given_up = False
            row = self.bench.row(key, flow)
            assert (row.state, row.due_at_ms, row.attempts) == (State.READY, None, 0)

    @rule(key=keys)
    def operator_dismisses(self, key: str) -> None:
        flow = KEYS[key][0]
        before = self.bench.rows("SELECT state FROM outbox WHERE key = ?", key)
        codes = self.bench.do(lambda tx: outbox.dismiss(tx, flow, key, "seen", self.bench.now_ms, "me"))
        model = self.models.get(key)
        assert set(codes) == (set(model.exceptions) if model else set())
        if model is not None:
            model.exceptions = {}
            assert self.bench.row(key, flow).state is (State.DROPPED if before == [("dead",)] else State(before[0][0]))

    # what is always true

    @invariant()
    def the_tally_counts(self) -> None:
        assert self.bench.tally() == self.bench.counted()

    @invariant()
    def one_at_a_time_in_a_group(self) -> None:
        busy = self.bench.rows("SELECT key, group_key FROM outbox WHERE busy = 1")
        assert {key for key, _ in busy} == set(self.flights)
        calls = {(group, self.flights[key].call) for key, group in busy}
        assert len({group for group, _ in calls}) == len(calls)

    @invariant()
    def the_columns_agree(self) -> None:
        columns = "key, state, staged, queued, busy, due_at_ms, finished_at_ms, flagged"
        for key, state, staged, queued, busy, due, finished, flagged in self.bench.rows(
            f"SELECT {columns} FROM outbox"
        ):
            model = self.models[key]
            assert busy == (key in self.flights)
            assert state != "sending" or busy
            assert not busy or state in ("sending", "unknown")
            assert queued == (state in ("ready", "unknown") and not busy and due is None)
            assert (finished is not None) == (state in ("done", "dropped"))
            assert due is None or state in ("held", "ready", "unknown")
            assert state != "held" or due is not None
            assert staged is None or state in ("sending", "unknown")
            assert (state == "unknown") == model.in_doubt
            assert flagged or not {"finding", "send"} & set(model.exceptions.values())

    @invariant()
    def the_payload_is_the_newest(self) -> None:
        for key, model in self.models.items():
            row = self.bench.row(key, KEYS[key][0])
            assert row.payload == model.payload
            assert row.source_version == model.version

    @invariant()
    def the_page_shows_what_is_open(self) -> None:
        for key, model in self.models.items():
            shown = self.bench.open_exceptions(KEYS[key][0], key)
            assert shown == model.exceptions
            state = self.bench.row(key, KEYS[key][0]).state
            assert state is not State.DEAD or "send" in shown.values()
            assert state is not State.DROPPED or "send" not in shown.values()

    def teardown(self) -> None:
        """Nothing is lost: with a working other side everything comes to rest on the newest wanted state."""
        for _ in range(30):
            self.bench.now_ms += 10_000
            self.bench.wake()
            for flow in FLOWS:
                for one in self.bench.claim(10, flow):
                    self.flights[one.row.key] = Flight(one.row, one.settling)
            if not self.flights:
                break
            for key, flight in self.flights.items():
                self._end_well(self.models[key], flight)
            self.flights.clear()
        for key, model in self.models.items():
            row = self.bench.row(key, KEYS[key][0])
            assert row.state in (State.DONE, State.DROPPED, State.DEAD)
            if model.state is not State.DROPPED and not model.given_up:
                assert row.state is State.DONE, key
                assert model.remote == model.digest == row.accepted_digest, key
        assert self.bench.tally() == self.bench.counted()
        self.bench.connection.close()

    def _end_well(self, model: Model, flight: Flight) -> None:
        intent = (flight.row.intent or {}).get("digest")
        if not flight.settling:
            model.remote = flight.row.digest
            self.bench.finish(flight.row, Done(flight.row.digest))
        elif model.remote is not None and model.remote == intent:
            self.bench.finish(flight.row, Done(model.remote))
        else:
            self.bench.finish(flight.row, Absent())


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
