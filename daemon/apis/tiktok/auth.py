"""The grant: who we are to TikTok, kept alive without anybody noticing.

* The stored pair wins over `TIKTOK_REFRESH_TOKEN`, which is for the first start and for the day the stored one is
  refused. A pair is saved *before* its first use; if saving fails it is kept, and saved before anything else is tried.
* Refreshes are serialised: whoever comes while one runs waits and gets its result. A refresh goes on when the task
  that began it is cancelled, because its answer may be the only copy of a new pair; `finish` waits for it at the end.
* A pair is renewed ahead of its expiry; while the access token lives, trouble with the renewal stops nobody.
* A new pair that never had a success gives way, once, to the one before it (TikTok may or may not rotate, tag TT-01).
* While refused, one probe an interval goes out; each looks into the store first, where `connect` puts a new grant.

Expiries are absolute 64-bit instants; a grant without an end says the year 2123.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from daemon.apis.caller import Caller
from daemon.apis.gate import ACCESS_AFTER, PROBE_EVERY, Access, Gate, again
from daemon.apis.tiktok.grants import App, TokenHost
from daemon.apis.tiktok.operations import TOKEN_REFRESH
from daemon.clock import Clock
from daemon.core.tokens import Secret, TokenPair
from daemon.core.verdicts import Reauth, Retry
from daemon.errors import ApiError

EARLIEST_RENEWAL = timedelta(hours=24)
"""Renew this long before expiry, or in the last quarter of a token's life if that is shorter."""
EARLY_RENEWAL_RETRY = timedelta(hours=1)
"""How often an early renewal that was refused is tried while the access token still lives."""
UNREACHABLE_RETRY = timedelta(seconds=2)
"""The pause after the token host could not be asked and nobody can work without it."""
_NOW_S = float("-inf")

Result = TypeVar("Result")


class TokenMemory(Protocol):
    """Where the pair outlives the process (store). `save` keeps the pair it replaces for `previous`."""

    async def load(self) -> TokenPair | None:
        """The pair in force, None before the first grant."""
        ...

    async def save(self, pair: TokenPair) -> None:
        """Durable when it returns."""
        ...

    async def previous(self) -> TokenPair | None:
        """The pair before the one in force, None if there was none."""
        ...


class TokenKeeper:
    """Gives out a valid access token, or says why there is none. One for each shop's grant."""

    def __init__(
        self,
        *,
        app: App,
        caller: Caller,
        memory: TokenMemory,
        clock: Clock,
        gate: Gate,
        probe_every: timedelta = PROBE_EVERY,
    ) -> None:
        self.app = app
        self.gate = gate
        self.generation = 0
        """Counts the grants taken up; whoever keeps something read under an older one reads it again."""
        self._host = TokenHost(app, caller, clock)
        self._caller = caller
        self._memory = memory
        self._clock = clock
        self._probe_every = probe_every
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()
        self._pair: TokenPair | None = None
        self._unsaved: TokenPair | None = None
        self._dead: Secret | None = None
        self._revoked = False
        self._loaded = False
        self._proven = False
        self._spent: set[Secret] = set()
        self._refusal: ApiError | None = None
        self._next_try_s = _NOW_S

    @property
    def state(self) -> Access:
        """Where the grant stands, for status, metrics and `check`."""
        if self._refusal is not None and isinstance(self._refusal.verdict, Reauth):
            return ACCESS_AFTER[self._refusal.verdict.code]
        if self._pair is not None and self._clock.now_ms() >= self._pair.refresh_expires_at_ms:
            return Access.NEEDS_REAUTH
        return self.gate.access

    @property
    def reason(self) -> str:
        """Why the state is not `authorized`, cleaned; "" when it is."""
        return str(self._refusal) if self._refusal is not None else self.gate.reason

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """Scopes that were refused; the owner grants them by opening the link again."""
        return self.gate.missing

    @property
    def pair(self) -> TokenPair | None:
        """The pair in use; None before it is loaded and when there is none."""
        return self._pair

    @property
    def access_expires_at_ms(self) -> int | None:
        """When the access token ends; it is renewed by itself."""
        return self._pair.access_expires_at_ms if self._pair is not None else None

    @property
    def refresh_expires_at_ms(self) -> int | None:
        """When the owner's grant ends: the countdown that a person must watch."""
        return self._pair.refresh_expires_at_ms if self._pair is not None else None

    def secrets(self) -> Iterator[str]:
        """The texts that nobody may ever see."""
        yield self.app.secret.get_secret_value()
        yield self.app.first_refresh_token.get_secret_value()
        for pair in (self._pair, self._unsaved):
            if pair is not None:
                yield pair.access_token.get_secret_value()
                yield pair.refresh_token.get_secret_value()

    def authorize_url(self, state: str, market: str = "") -> str:
        """The link for the owner; `market` only where no pair has told us the region yet."""
        return self.app.authorize_link(state, market or (self._pair.region if self._pair is not None else ""))

    async def load(self) -> None:
        """Take up the stored pair if it is another one than ours; calls nobody."""
        await self._alone(self._adopt)

    async def token(self) -> Secret:
        """A valid access token; raises `ApiError`: `Reauth`, or `Retry` while the token host is out of reach."""
        pair = self._pair
        if pair is not None and self._unsaved is None and pair.access_token != self._dead:
            now_ms = self._clock.now_ms()
            if now_ms < _renew_at_ms(pair) and now_ms < pair.refresh_expires_at_ms:
                return pair.access_token
        return await self._alone(self._current)

    async def renew(self, refused: Secret, *, revoked: bool = False) -> Secret:
        """A token other than `refused`, which TikTok just called expired (`revoked`: invalid)."""
        if self._pair is not None and self._pair.access_token == refused:
            self._dead = refused
            self._revoked = revoked
        return await self._alone(self._current)

    async def exchange(self, auth_code: str) -> TokenPair:
        """Turn the code of a fresh grant into the stored pair in force; raises `ApiError`."""

        async def trade() -> TokenPair:
            pair = await self._host.exchange(auth_code)
            await self._take_up(pair)
            self.gate.reset()
            return pair

        return await self._alone(trade)

    def doubt(self) -> None:
        """Somebody says that the grant was taken back (webhook 6): the next call finds out by renewing."""
        if self._pair is not None:
            self._dead = self._pair.access_token
            self._revoked = True
            self._next_try_s = _NOW_S

    def succeeded(self) -> None:
        """A call with the present pair was accepted."""
        self._proven = True

    async def finish(self) -> None:
        """Wait for a renewal that is under way; call before the store closes."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _alone(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run `work` under the lock, in a task of its own: it goes on when its caller is cancelled."""

        async def locked() -> Result:
            async with self._lock:
                return await work()

        task = asyncio.create_task(locked())
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Take note of a failure: its caller may be gone, and a failure that nobody reads is complained about."""
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    async def _current(self) -> Secret:
        if self._unsaved is not None:
            await self._take_up(self._unsaved)
        if not self._loaded:
            await self._adopt()
        now_ms = self._clock.now_ms()
        if self._over() or (self._pair is not None and now_ms >= _renew_at_ms(self._pair)):
            await self._renew()
        pair = self._pair
        if pair is None or self._over():
            raise self._unavailable()
        return pair.access_token

    def _over(self) -> bool:
        pair, now_ms = self._pair, self._clock.now_ms()
        if pair is None or pair.access_token == self._dead:
            return True
        return now_ms >= min(pair.access_expires_at_ms, pair.refresh_expires_at_ms)

    def _unavailable(self) -> ApiError:
        if self._refusal is not None:
            return again(self._refusal)
        return self._caller.error(TOKEN_REFRESH, Retry("no_token"), "the token host cannot be asked", status=0)

    async def _renew(self) -> None:
        """One try, if it is time for one; failing is an error only for those who cannot go on without."""
        needed = self._over()
        if self._clock.monotonic() < self._next_try_s:
            return
        self._pause(self._probe_every)
        if await self._adopt() and not self._over():
            return
        try:
            await self._take_up(await self._refreshed())
        except ApiError as error:
            if not isinstance(error.verdict, Reauth):
                self._pause(UNREACHABLE_RETRY if needed else self._probe_every)
            elif not needed:
                self._pause(EARLY_RENEWAL_RETRY)
            else:
                self._refusal = error
            if needed:
                raise

    async def _refreshed(self) -> TokenPair:
        """The pair for the first refresh token that TikTok takes."""
        refusal = self._caller.error(
            TOKEN_REFRESH, Reauth("expired"), "no grant yet: run `tiktok-pipe17 connect`", status=0
        )
        for candidate in await self._candidates():
            try:
                return await self._host.refresh(candidate)
            except ApiError as error:
                if not isinstance(error.verdict, Reauth):
                    raise
                refusal = error
                self._spent.add(candidate)
        if self._revoked and isinstance(refusal.verdict, Reauth) and refusal.verdict.code == "expired":
            refusal.verdict = Reauth("revoked")
        raise refusal

    async def _candidates(self) -> list[Secret]:
        """Refresh tokens worth trying: the one in force at every probe, any other one once."""
        pair = self._pair
        before = await self._memory.previous() if pair is not None and not self._proven else None
        others = [self.app.first_refresh_token] if self.app.first_refresh_token else []
        if before is not None:
            others.insert(0, before.refresh_token)
        if pair is None:
            return others
        return [pair.refresh_token, *(token for token in others if token not in self._spent | {pair.refresh_token})]

    async def _adopt(self) -> bool:
        """Take up the stored pair if it is another one than ours; True if it was."""
        stored = await self._memory.load()
        self._loaded = True
        if stored is None or stored == self._pair:
            return False
        if self._pair is not None or self._refusal is not None:
            self.gate.reset()
        self._use(stored)
        return True

    async def _take_up(self, pair: TokenPair) -> None:
        self._unsaved = pair
        await self._memory.save(pair)
        self._unsaved = None
        self._use(pair)

    def _use(self, pair: TokenPair) -> None:
        self._pair = pair
        self._loaded = True
        self._proven = False
        self._dead = None
        self._revoked = False
        self._refusal = None
        self._next_try_s = _NOW_S
        self.generation += 1

    def _pause(self, wait: timedelta) -> None:
        self._next_try_s = self._clock.monotonic() + wait.total_seconds()


def _renew_at_ms(pair: TokenPair) -> int:
    life_ms = max(pair.access_expires_at_ms - pair.obtained_at_ms, 0)
    return pair.access_expires_at_ms - min(life_ms // 4, EARLIEST_RENEWAL // timedelta(milliseconds=1))
