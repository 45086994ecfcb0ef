"""The gate in front of a system that refuses us: closed calls fail at once, one probe an interval goes through.

A refusal of the key, the grant or the shop closes everything; a missing scope closes only the calls that need it. The
refusal that closed the gate is raised again for every caller until the next probe is due, so a refused shop costs one
call an interval whatever the backlog. The first success opens what it proves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from daemon.clock import Clock
from daemon.core.verdicts import Reauth
from daemon.errors import ApiError

PROBE_EVERY = timedelta(seconds=59)
"""Just under the minute at which pollers and probes come by, so that none of them finds the gate shut by an instant."""
EVERYTHING = ""


class Access(StrEnum):
    """Where we stand with a system."""

    UNKNOWN = "unknown"
    """Nothing was tried yet."""
    AUTHORIZED = "authorized"
    NEEDS_REAUTH = "needs_reauth"
    """The owner must grant access again (or for the first time)."""
    DISCONNECTED = "disconnected"
    """The owner took the grant back."""
    INSUFFICIENT_PERMISSION = "insufficient_permission"
    """The grant or key lacks a scope; see `missing`."""
    KEY_REFUSED = "key_refused"
    """The app key, its secret, the Pipe17 key or our IP address is refused: a setting is wrong."""
    SHOP_INACTIVE = "shop_inactive"
    """TikTok closed the shop or seller account; not a token problem."""


ACCESS_AFTER: Mapping[str, Access] = {
    "expired": Access.NEEDS_REAUTH,
    "revoked": Access.DISCONNECTED,
    "scope": Access.INSUFFICIENT_PERMISSION,
    "key": Access.KEY_REFUSED,
    "shop_inactive": Access.SHOP_INACTIVE,
}
"""Where a `Reauth` verdict leaves us, by its code."""


@dataclass(slots=True)
class _Closed:
    error: ApiError
    code: str
    probe_at_s: float


class Gate:
    """One per system. A *subject* is the scope (or grant) that an operation needs."""

    def __init__(self, clock: Clock, probe_every: timedelta = PROBE_EVERY) -> None:
        self._clock = clock
        self._probe_every_s = probe_every.total_seconds()
        self._closed: dict[str, _Closed] = {}
        self._opened_once = False

    @property
    def access(self) -> Access:
        """Where we stand; a refusal of everything outweighs a missing scope."""
        if self._closed:
            return ACCESS_AFTER[self._closed[min(self._closed)].code]
        return Access.AUTHORIZED if self._opened_once else Access.UNKNOWN

    @property
    def missing(self) -> tuple[str, ...]:
        """The scopes or grants that were refused."""
        return tuple(sorted(subject for subject in self._closed if subject))

    @property
    def reason(self) -> str:
        """What the other side said when it refused; "" while the gate is open."""
        return str(self._closed[min(self._closed)].error) if self._closed else ""

    def enter(self, subject: str, operation: str) -> bool:
        """Pass, or raise the refusal that closed the gate; True: the gate is closed and this call is the probe."""
        if not self._closed:
            return False
        now_s = self._clock.monotonic()
        due = [self._closed[name] for name in {EVERYTHING, subject} if name in self._closed]
        for closed in due:
            if now_s < closed.probe_at_s:
                raise again(closed.error, operation)
        for closed in due:
            closed.probe_at_s = now_s + self._probe_every_s
        return bool(due)

    def refused(self, error: ApiError, subject: str) -> None:
        """Close: for `subject` when a scope is missing, else for everything."""
        if isinstance(error.verdict, Reauth):
            code = error.verdict.code
            name = subject if code == "scope" else EVERYTHING
            self._closed[name] = _Closed(error, code, self._clock.monotonic() + self._probe_every_s)

    def accepted(self, subject: str) -> None:
        """A call that needs `subject` succeeded."""
        self._opened_once = True
        if self._closed:
            self._closed.pop(EVERYTHING, None)
            self._closed.pop(subject, None)

    def reset(self) -> None:
        """A new grant or key: everything may be tried again at once."""
        self._closed.clear()
        self._opened_once = False


def again(error: ApiError, operation: str = "") -> ApiError:
    """The same refusal as a new exception, so that tracebacks do not pile up on a shared one."""
    return ApiError(
        system=error.system,
        operation=operation or error.operation,
        verdict=error.verdict,
        status=error.status,
        code=error.code,
        message=error.message,
        request_id=error.request_id,
    )
