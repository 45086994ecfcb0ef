"""The HTTP seam, and the only `import httpx` in the project.

Everything above speaks `Request` and `Response`; a `Transport` carries one to the other. Its rules:

* `timeout_s` is a *total* deadline (httpx has none of its own): connecting, sending and reading the last byte.
* `body_limit` bytes of answer at most; a longer answer is an error, never a truncated success.
* A failure says whether the request may have reached the other side. Only `sent=False` may be repeated blindly.
* Redirects are not followed, cookies are not kept, proxies come from the environment only if `trust_env` is set.
* Nothing about a request (its URL holds signatures, at the token host secrets) gets into an error, a repr or a log:
  httpx and httpcore would write URLs and headers there, so their loggers are silenced below warnings, and what they
  raise is not chained.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol

import anyio
import httpx

from daemon.errors import ConnectorError

BODY_LIMIT_BYTES = 32 * 1024 * 1024
"""Largest answer we accept; a page of 100 fat orders is about 1 MB."""
CONNECT_TIMEOUT_S = 10.0
"""Part of the deadline that getting a connection may take. A request that never got one certainly was not sent."""


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


class HttpxTransport:
    """Real sockets, keep-alive, at most `connections` at once."""

    def __init__(self, *, connections: int = 64, trust_env: bool = True) -> None:
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30)
        self._client = httpx.AsyncClient(
            limits=limits,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S, pool=CONNECT_TIMEOUT_S),
            follow_redirects=False,
            trust_env=trust_env,
            http2=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        self._client.headers.clear()

    async def send(self, request: Request) -> Response:
        try:
            outgoing = self._client.build_request(
                request.method, request.url, headers=dict(request.headers), content=request.body
            )
        except (httpx.InvalidURL, ValueError, TypeError):
            raise TransportError("bad_url", sent=False) from None
        try:
            with anyio.fail_after(request.timeout_s):
                answer = await self._client.send(outgoing, stream=True)
                try:
                    body = await _read(answer, request.body_limit)
                finally:
                    await answer.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol):
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
        await self._client.aclose()


async def _read(answer: httpx.Response, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.aiter_bytes():
        size += len(chunk)
        if size > limit:
            raise TransportError("body_too_large", sent=True)
        chunks.append(chunk)
    return b"".join(chunks)
