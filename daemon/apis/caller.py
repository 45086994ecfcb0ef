"""One call, the same way for both systems: wait for the turn, build, send, judge, and raise `ApiError` or return.

The request is built *after* the wait, because TikTok's signature carries the time. What an answer means is decided by
the system's `Judge` (envelope) and the tables in core (consequence); this module adds what no vendor can tell us: an
answer that never came, came too late, or was not JSON. A write that may have arrived is `Unknown`, never repeated here.
A 429 closes the operation in the pacer, and the verdict says for how long. Nothing here knows a credential: requests
come from a closure, and messages are cleaned before they leave.

TikTok's clock is read from the `Date` header (`follow_clock`). One answer proves nothing: the correction changes when
two answers in a row agree that the present one is impossible, or at once when the answer refuses our timestamp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from daemon.apis.http import Request, Response, Transport, TransportError
from daemon.apis.pacing import CallObserver, Pacer
from daemon.apis.redaction import clean
from daemon.clock import Clock
from daemon.core import jsontext
from daemon.core.backoff import http_date_ms, retry_after
from daemon.core.lanes import Lane
from daemon.core.verdicts import Failure, Reauth, Rejected, Retry, Throttled, Unknown
from daemon.errors import ApiError

DATE_RESOLUTION_MS = 1_000
CLOCK_AGREEMENT_MS = 5_000
TIMESTAMP_REFUSED = "timestamp"

_OUTCOMES: dict[type, str] = {
    Retry: "retry",
    Throttled: "throttled",
    Unknown: "unknown",
    Rejected: "rejected",
    Reauth: "reauth",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the envelope of an answer says. `failure` None is a success; `code` and `request_id` are "" when absent."""

    failure: Failure | None
    code: str = ""
    message: str = ""
    request_id: str = ""


class Judge(Protocol):
    """Reads a system's envelope. `body` is the decoded JSON, None when the answer was not JSON."""

    def __call__(self, operation: str, write: bool, status: int, body: Any, wait: timedelta | None, /) -> Judgement: ...


class Caller:
    """Calls one system."""

    def __init__(
        self,
        *,
        system: str,
        judge: Judge,
        transport: Transport,
        pacer: Pacer,
        clock: Clock,
        observer: CallObserver,
        secrets: Callable[[], Iterable[str]],
        follow_clock: bool = False,
    ) -> None:
        """`secrets` names the texts that no message may repeat; it is asked on failures only."""
        self.system = system
        self._judge = judge
        self._transport = transport
        self._pacer = pacer
        self._clock = clock
        self._observer = observer
        self._secrets = secrets
        self._follow_clock = follow_clock
        self._doubted_offset_ms: int | None = None

    async def call(
        self,
        operation: str,
        *,
        lane: Lane,
        write: bool,
        build: Callable[[], Request],
        sent: object = None,
        secrets: Iterable[str] = (),
    ) -> Any:
        """The decoded answer of a successful call; raises `ApiError` for every other end.

        `build` makes the request once the turn has come. `sent` is the JSON value in the body and `secrets` what this
        one request gives away, so that no error message can repeat either.
        """
        let_go_s = await self._pacer.permit(self.system, operation, lane)
        request = build()
        started_s = self._clock.monotonic()
        try:
            response = await self._transport.send(request)
        except TransportError as error:
            failure = _lost(error, write)
            self._observer.call_finished(
                self.system, operation, _OUTCOMES[type(failure)], self._clock.monotonic() - started_s
            )
            raise ApiError(system=self.system, operation=operation, verdict=failure, message=str(error)) from None
        elapsed_s = self._clock.monotonic() - started_s
        body = _decode(response.body)
        wait = retry_after(response.headers.get("retry-after"), self._clock.now_ms())
        judgement = self._judge(operation, write, response.status, body, wait)
        if self._follow_clock:
            self._read_clock(response, elapsed_s, judgement.failure)
        if judgement.failure is None:
            self._observer.call_finished(self.system, operation, "ok", elapsed_s)
            await self._pacer.succeeded(self.system, operation)
            return body
        failure = judgement.failure
        self._observer.call_finished(self.system, operation, _OUTCOMES[type(failure)], elapsed_s)
        if isinstance(failure, Throttled):
            rest = await self._pacer.throttled(self.system, operation, let_go_s, failure.after)
            failure = Throttled(failure.code, rest)
        hidden = (*self._secrets(), *secrets)
        raise ApiError(
            system=self.system,
            operation=operation,
            verdict=failure,
            status=response.status,
            code=_plain(judgement.code),
            message=clean(judgement.message, hidden, sent) or ("" if body else "the answer cannot be read"),
            request_id=_plain(judgement.request_id),
        )

    def error(self, operation: str, failure: Failure, message: str, *, status: int = 200) -> ApiError:
        """An error of our own finding about an answer that looked like a success. `message` is our own text."""
        return ApiError(system=self.system, operation=operation, verdict=failure, status=status, message=message)

    def _read_clock(self, response: Response, elapsed_s: float, failure: Failure | None) -> None:
        date_ms = http_date_ms(response.headers.get("date")) if "age" not in response.headers else None
        if date_ms is None:
            return
        host_ms = self._clock.now_ms() - self._clock.offset_ms
        lowest = date_ms - host_ms
        highest = date_ms + DATE_RESOLUTION_MS - (host_ms - round(elapsed_s * 1000))
        if lowest - CLOCK_AGREEMENT_MS <= self._clock.offset_ms <= highest + CLOCK_AGREEMENT_MS:
            self._doubted_offset_ms = None
            return
        seen = lowest  # at least this late at TikTok: a corrected clock may run behind by a second, never ahead
        refused = isinstance(failure, Retry) and failure.code == TIMESTAMP_REFUSED
        before = self._doubted_offset_ms
        if refused or (before is not None and abs(before - seen) <= CLOCK_AGREEMENT_MS + highest - lowest):
            self._clock.correct(seen)
            self._doubted_offset_ms = None
        else:
            self._doubted_offset_ms = seen


def unreadable(write: bool, code: str = "shape") -> Failure:
    """The verdict on an answer that says success and lacks what a success must have."""
    return Unknown(code) if write else Retry(code)


def _lost(error: TransportError, write: bool) -> Failure:
    return Unknown(error.kind) if write and error.sent else Retry(error.kind)


def _decode(body: bytes) -> Any:
    if not body:
        return None
    try:
        return jsontext.loads(body)
    except (ValueError, RecursionError):
        return None


def _plain(text: str) -> str:
    """A code or request id: letters, digits, `-` and `_`, at most 64 characters; anything else is not one."""
    return text if len(text) <= 64 and text.replace("-", "").replace("_", "").isalnum() and text.isascii() else ""
