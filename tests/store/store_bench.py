"""A store in memory for the tests: real schema, real statements, real batches, no disk and no loop."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from daemon.core.findings import Finding
from daemon.core.lifecycle import State
from daemon.core.owed import Change, Outcome, Owed, Settled, Wanted
from daemon.core.verdicts import Failure
from daemon.store import attempts, outbox
from daemon.store.migrate import migrate
from daemon.store.writer import Batcher, Tx

T = TypeVar("T")
NOW_MS = 1_767_218_400_000
BACKOFF = timedelta(seconds=4)
SETTLE_AFTER = timedelta(seconds=2)


def change(key: str = "k1", version: int = 1, group: str = "", stamp: str = "", at_ms: int = 0) -> Change:
    return Change(key, group or key, {"id": key}, stamp or f"stamp-{version}", version, at_ms or NOW_MS)


def wanted(digest: str = "a", state: State = State.READY, **members: Any) -> Wanted:
    payload = members.pop("payload", {"digest": digest})
    return Wanted(state=state, payload=payload, digest=digest, **members)


class Bench:
    """One store; every call is one transaction at `now_ms`."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
        migrate(self.connection)
        self._batcher = Batcher(self.connection, None)
        self.now_ms = NOW_MS

    def do(self, work: Callable[[Tx], T]) -> T:
        [(_, result, error)] = self._batcher.run([(work, None)])
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, parameters).fetchall()

    def stage(self, change: Change, wanted: Wanted, flow: str = "orders") -> outbox.Moved:
        def work(tx: Tx) -> outbox.Moved:
            return outbox.stage(tx, flow, change, outbox.find(tx, flow, change.key), wanted, self.now_ms)

        return self.do(work)

    def claim(self, limit: int = 10, flow: str = "orders") -> list[outbox.Claimed]:
        return self.do(lambda tx: outbox.claim(tx, flow, limit, self.now_ms))

    def claim_one(self, flow: str = "orders") -> Owed:
        [claimed] = self.claim(1, flow)
        return claimed.row

    def wake(self) -> tuple[int, int | None]:
        return self.do(lambda tx: outbox.wake(tx, self.now_ms, 100))

    def finish(self, row: Owed, outcome: Outcome | Settled) -> outbox.Moved:
        return self.do(lambda tx: attempts.finish(tx, row, outcome, self.now_ms))

    def fail(self, row: Owed, verdict: Failure, text: str = "no", backoff: timedelta = BACKOFF) -> outbox.Moved:
        return self.do(lambda tx: attempts.fail(tx, row, verdict, text, self.now_ms, backoff, SETTLE_AFTER))

    def row(self, key: str = "k1", flow: str = "orders") -> Owed:
        found = self.do(lambda tx: outbox.find(tx, flow, key))
        assert found is not None
        return found

    def open_exceptions(self, flow: str = "orders", key: str = "k1") -> dict[str, str]:
        return dict(
            self.rows(
                "SELECT code, kind FROM exceptions WHERE flow = ? AND key = ? AND closed_at_ms IS NULL", flow, key
            )
        )

    def tally(self) -> dict[tuple[str, str], int]:
        return {
            (flow, state): n for flow, state, n in self.rows("SELECT flow, state, items FROM tally WHERE items <> 0")
        }

    def counted(self) -> dict[tuple[str, str], int]:
        """What the tally ought to say, by counting."""
        rows = self.rows("SELECT flow, state, count(*) FROM outbox GROUP BY flow, state")
        rows += self.rows(
            "SELECT 'exception:' || flow, code, count(*) FROM exceptions WHERE closed_at_ms IS NULL GROUP BY flow, code"
        )
        return {(flow, state): n for flow, state, n in rows}


def finding(code: str, *, lasting: bool = False) -> Finding:
    return Finding(code, f"text of {code}", lasting=lasting)
