"""Whether each side lets us in. A refusal pauses sends, never intake; it is said once, loudly, and so is the recovery.

A missing scope is another matter: only the calls that need it are refused, so the others go on, and the exception stays
open until the scope is there; the success of a call that does not need it proves nothing. Being ready is about orders
and shipments: a scope that only stock, products or what follows an order needs keeps nobody from being ready (`vital`).

A refused system is probed at most once per `PROBE_EVERY`; every successful read of a poller is a probe, too. While any
side refuses us, pushers claim nothing: rows keep their place, no attempt is counted, and everything goes out once after
the owner has granted access again (design law 8). The state lives in the store as the fact `connection:<system>`, so
`status` shows it when the daemon is down, and as an open exception of the flow `connection`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import anyio

from daemon.clock import Clock
from daemon.core.findings import Finding
from daemon.core.verdicts import Reauth, Throttled
from daemon.errors import ApiError
from daemon.store import exceptions, facts
from daemon.store.database import Database, Tx

log = logging.getLogger("daemon.connections")

PROBE_EVERY = timedelta(seconds=60)
SCOPE = "scope"
"""The code of a refusal that is about some calls only; see the module."""

CURES: Mapping[str, str] = {
    "tiktok:expired": "the shop owner must grant access again: run `tiktok-pipe17 connect`",
    "tiktok:revoked": "the shop owner removed the app: run `tiktok-pipe17 connect` and grant access again",
    "tiktok:scope": "the grant lacks a scope: add it in Partner Center, then have the master account grant again",
    "tiktok:key": "TIKTOK_APP_KEY or TIKTOK_APP_SECRET is wrong: compare both with Partner Center",
    "tiktok:shop_inactive": "TikTok has switched the shop off: look into Seller Center",
    "pipe17:key": "PIPE17_API_KEY is wrong or was regenerated: copy the integration's key again",
    "pipe17:scope": "the key lacks a grant: give the integration access to what the running flows need, see the README",
}


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """How one side treats us: `state` is connected, refused, unreachable or unknown."""

    state: str
    code: str
    text: str
    since_ms: int


class Connections:
    """The state of both sides, and the gate the pushers wait at."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._states: dict[str, ConnectionState] = {}
        self._probes: dict[str, Callable[[], Awaitable[None]]] = {}
        self._missing: dict[str, Callable[[], Sequence[str]]] = {}
        self._vital: dict[str, Callable[[str], bool]] = {}
        self._connected: dict[str, anyio.Event] = {}
        self._open = anyio.Event()
        self._open.set()

    def watch(
        self,
        system: str,
        probe: Callable[[], Awaitable[None]],
        missing: Callable[[], Sequence[str]] = tuple,
        vital: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Know a system; `probe` is its cheapest authorised read, `missing` says which scopes it still refuses, and
        `vital` without which of them orders do not come or shipments do not go."""
        self._states[system] = ConnectionState("unknown", "", "not called yet", self._clock.now_ms())
        self._probes[system] = probe
        self._missing[system] = missing
        self._vital[system] = vital
        self._connected[system] = anyio.Event()

    def state(self, system: str) -> ConnectionState:
        """How this side treats us now."""
        return self._states[system]

    @property
    def refusals(self) -> list[str]:
        """Who refuses us what orders and shipments need, for people; empty while both may go on."""
        found = []
        for system, state in self._states.items():
            if state.state != "refused":
                continue
            missing = self._missing[system]() if state.code == SCOPE else ()
            if not missing or any(map(self._vital[system], missing)):
                found.append(f"{system} refuses us: {state.text}")
        return found

    async def opened(self) -> None:
        """Until no side refuses us."""
        await self._open.wait()

    async def connected(self, system: str) -> None:
        """Until this side lets us in."""
        await self._connected[system].wait()

    async def accept(self, system: str) -> None:
        """A call succeeded."""
        before = self._states[system]
        if before.state == "connected" or (before.code == SCOPE and self._missing[system]()):
            return
        self._states[system] = ConnectionState("connected", "", "", self._clock.now_ms())
        self._connected[system].set()
        if before.state != "unknown":
            again = "lets us in" if before.state == "refused" else "can be reached"
            log.warning("%s %s again", system, again, extra={"system": system})
        await self._remember(system)
        if not any(state.state == "refused" and state.code != SCOPE for state in self._states.values()):
            self._open.set()

    async def fail(self, error: ApiError, *, refused: bool) -> None:
        """A call failed: by refusing us (`refused`) or because nobody answered."""
        code = getattr(error.verdict, "code", "")
        state, before = "refused" if refused else "unreachable", self._states[error.system]
        missing = self._missing[error.system]() if refused and code == SCOPE else ()
        said = f"missing: {', '.join(missing)}" if missing else str(error)
        cure = CURES.get(f"{error.system}:{code}", "") if refused else "we go on trying"
        text = f"{said}; {cure}" if cure else said
        same = (before.state, before.code) == (state, code)
        if same and (not missing or before.text == text):
            return
        if not same and before.state == "refused" and (not refused or code == SCOPE):
            return
        self._states[error.system] = ConnectionState(state, code, text, self._clock.now_ms())
        if self._connected[error.system].is_set():
            self._connected[error.system] = anyio.Event()
        if refused and code == SCOPE:
            log.error("%s refuses us a scope; what needs it waits: %s", error.system, text)
        elif refused:
            self._open = anyio.Event() if self._open.is_set() else self._open
            log.error("%s refuses us; sends are paused: %s", error.system, text, extra={"system": error.system})
        else:
            log.warning("%s cannot be reached: %s", error.system, text, extra={"system": error.system})
        await self._remember(error.system)

    async def run(self) -> None:
        """Probe what refuses us (or was never called), forever."""
        while True:
            for system, state in list(self._states.items()):
                if state.state in ("refused", "unknown"):
                    await self._probe(system)
            await anyio.sleep(PROBE_EVERY.total_seconds())

    async def _probe(self, system: str) -> None:
        try:
            await self._probes[system]()
        except ApiError as error:
            await note_failure(self, error)
        else:
            await self.accept(system)

    async def _remember(self, system: str) -> None:
        state, now_ms = self._states[system], self._clock.now_ms()

        def work(tx: Tx) -> None:
            facts.put(
                tx,
                f"connection:{system}",
                {"state": state.state, "code": state.code, "text": state.text, "since_ms": state.since_ms},
                now_ms,
            )
            if state.state == "refused":
                finding = Finding(f"{system}_{state.code}", state.text)
                exceptions.open_exception(tx, "connection", system, system, finding, now_ms)
            else:
                exceptions.close_all(tx, "connection", system, now_ms, "let in again")

        await self._database.write(work)


async def note_failure(connections: Connections, error: ApiError) -> None:
    """Tell `connections` what a failed call says about the connection, if anything."""
    if isinstance(error.verdict, Reauth):
        await connections.fail(error, refused=True)
    elif not isinstance(error.verdict, Throttled) and (error.status == 0 or error.status >= 500):
        await connections.fail(error, refused=False)
