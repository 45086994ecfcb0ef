"""The HTTP seam, and the only `import httpx` in the project.

Everything above speaks `Request` and `Response`; a `Transport` carries one to the other. Its rules:

* `timeout_s` is a *total* deadline (httpx has none of its own): connecting, sending and reading the last byte.
* `body_limit` bytes of answer at most; a longer answer is an error, never a truncated success.
* A failure says whether the request may have reached the other side. Only `sent=False` may be repeated blindly.
* Redirects are not followed, cookies are not kept, proxies come from the environment only if `trust_env` is set.
* Each connection is an httpx client of its own, and free ones lie on a stack. httpx's pool looks at every connection it
  has several times per request (and polls the idle ones), which at 64 of them costs more than the request itself.
* Nothing about a request (its URL holds signatures, at the token host secrets) gets into an error, a repr or a log:
  httpx and httpcore would write URLs and headers there, so their loggers are silenced below warnings, and what they
  raise is not chained.
"""

from __future__ import annotations

import logging
import ssl
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.util import find_spec
from typing import Protocol

import anyio
import httpx

from daemon.errors import ConnectorError

BODY_LIMIT_BYTES = 32 * 1024 * 1024
"""Largest answer we accept; a page of 100 fat orders is about 1 MB."""
CONNECT_TIMEOUT_S = 10.0
"""Part of the deadline that getting a connection may take. A request that never got one certainly was not sent."""
KEEP_ALIVE_S = 30.0
"""How long a connection that nobody uses stays open."""

if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    # httpcore imports sniffio at every lock it makes and does without where there is none, and Python searches all its
    # folders again each time. None is the documented way to tell it that there is no such module.
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # the stub allows modules only


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, ready to be sent: `url` holds the encoded query, `body` the exact bytes."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float = 30.0
    body_limit: int = BODY_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class TransportError(ConnectorError):
    """No usable answer. `sent` is False when the request certainly never left; `kind` is a short word for metrics."""

    def __init__(self, kind: str, *, sent: bool) -> None:
        self.kind = kind
        self.sent = sent
        super().__init__(f"no answer ({kind})")


class Transport(Protocol):
    """Carries a request to the other side."""

    async def send(self, request: Request) -> Response:
        """Answer of the other side, whatever its status; raises `TransportError` when there is none."""
        ...

    async def aclose(self) -> None:
        """Give connections back."""
        ...


@dataclass(slots=True)
class _Line:
    """One connection: open to the origin it was last used for, if the other side has not closed it."""

    client: httpx.AsyncClient
    used_at_s: float = 0.0


class _Lines:
    """At most `limit` connections; free ones by origin, the one used last on top."""

    def __init__(self, limit: int, trust_env: bool) -> None:
        self._limit = limit
        self._places = anyio.Semaphore(limit, fast_acquire=True)
        self._free: dict[str, list[_Line]] = {}
        self._open = 0
        self._trust_env = trust_env
        self._tls = _tls(trust_env)

    async def take(self, origin: str) -> _Line:
        """A connection for a request to `origin`; raises `TransportError` when none becomes free in time."""
        try:
            with anyio.fail_after(CONNECT_TIMEOUT_S):
                await self._places.acquire()
        except TimeoutError:
            raise TransportError("connect", sent=False) from None
        free = self._free.get(origin)
        if free:
            return free.pop()
        if self._open < self._limit:
            self._open += 1
            return _Line(self._client())
        return next(lines for lines in self._free.values() if lines).pop(0)

    async def give_back(self, origin: str, line: _Line) -> None:
        """It is free again; what nobody has used for long is closed."""
        now_s = line.used_at_s = time.monotonic()
        free = self._free.setdefault(origin, [])
        free.append(line)
        self._places.release()
        while free[0].used_at_s < now_s - KEEP_ALIVE_S:
            self._open -= 1
            await free.pop(0).client.aclose()

    async def aclose(self) -> None:
        for lines in self._free.values():
            while lines:
                await lines.pop().client.aclose()

    def _client(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            verify=self._tls,
            limits=httpx.Limits(max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE_S),
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
            trust_env=self._trust_env,
            http2=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        client.headers.clear()
        return client


@cache
def _tls(trust_env: bool) -> ssl.SSLContext:
    """The authorities we trust: read once for the whole process, for that is most of what a transport costs."""
    return httpx.create_ssl_context(trust_env=trust_env)


class HttpxTransport:
    """Real sockets, keep-alive, at most `connections` at once."""

    def __init__(self, *, connections: int = 64, trust_env: bool = True) -> None:
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._lines = _Lines(connections, trust_env)

    async def send(self, request: Request) -> Response:
        try:
            outgoing = httpx.Request(request.method, request.url, headers=request.headers, content=request.body)
        except (httpx.InvalidURL, ValueError, TypeError):
            raise TransportError("bad_url", sent=False) from None
        origin = f"{outgoing.url.scheme}://{outgoing.url.netloc!r}"
        try:
            with anyio.fail_after(request.timeout_s):
                line = await self._lines.take(origin)
                try:
                    answer = await line.client.send(outgoing, stream=True)
                    try:
                        body = await _read(answer, request.body_limit)
                    finally:
                        await answer.aclose()
                finally:
                    await self._lines.give_back(origin, line)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol):
            raise TransportError("connect", sent=False) from None
        except TimeoutError:
            raise TransportError("timeout", sent=True) from None
        except httpx.HTTPError as error:
            kind = "reset" if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError) else "protocol"
            raise TransportError(kind, sent=True) from None
        except TransportError:
            raise
        except Exception as error:
            # Whatever else comes out of the libraries (an ExceptionGroup for a port that is none, for instance) must
            # not carry a URL upwards, and may have happened after the request left.
            raise TransportError(type(error).__name__, sent=True) from None
        return Response(answer.status_code, {key.lower(): value for key, value in answer.headers.items()}, body)

    async def aclose(self) -> None:
        await self._lines.aclose()


async def _read(answer: httpx.Response, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.aiter_bytes():
        size += len(chunk)
        if size > limit:
            raise TransportError("body_too_large", sent=True)
        chunks.append(chunk)
    return b"".join(chunks)
