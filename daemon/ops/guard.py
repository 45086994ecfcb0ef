"""Who may change something through the web side, and how large a request may be.

A request is *local* when the daemon listens on loopback or a unix socket, the request names this machine as its host,
and no proxy has handed it on. Local requests need no token: whoever can make them has an account on this machine.
Every other state-changing request needs `Authorization: Bearer <CONNECTOR_ADMIN_TOKEN>`, also behind a reverse proxy.

A web page that somebody on this machine looks at is not somebody on this machine: a request with the `Origin` of
another site is refused, the body must be declared as JSON (which a form cannot do), and a foreign host name that was
made to point at loopback is not local.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request

from daemon.core.tokens import Secret
from daemon.ops.cli.given import BY

API_BODY_MAX = 64 * 1024
BODY_WITHIN_S = 10.0
_HANDED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


async def admin_request(request: Request, *, local_only: bool, token: Secret) -> dict[str, Any]:
    """The JSON object of a state-changing request that is allowed; raises `HTTPException`."""
    _same_origin(request)
    if not (local_only and _local(request)):
        _authorized(request, token)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the body must be JSON: content-type application/json")
    body = await read_body(request, API_BODY_MAX, BODY_WITHIN_S)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(document, dict):
        raise HTTPException(400, 'the body must be a JSON object, such as {"flow": "orders"}')
    return document


def asked_by(request: Request) -> str:
    """Who asks, for the journal and for whoever looks at it later; it decides nothing."""
    return BY if request.headers.get("user-agent") == BY else "web"


async def read_body(request: Request, limit: int, within_s: float) -> bytes:
    """The whole body; 413 when it is longer than `limit` bytes, 408 when it does not come in time."""
    chunks: list[bytes] = []
    size = 0
    try:
        with anyio.fail_after(within_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise HTTPException(413, f"the body is longer than {limit} bytes")
                chunks.append(chunk)
    except TimeoutError:
        raise HTTPException(408, "the body did not come in time") from None
    return b"".join(chunks)


def _same_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise HTTPException(403, "a page of another site may not do this")


def _local(request: Request) -> bool:
    if any(name in request.headers for name in _HANDED_ON):
        return False
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")


def _authorized(request: Request, token: Secret) -> None:
    if not token:
        raise HTTPException(
            403, "changes from outside this machine need CONNECTOR_ADMIN_TOKEN, which is not set; set it and restart"
        )
    kind, _, sent = request.headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(sent.strip().encode(), token.get_secret_value().encode())
    if kind.lower() != "bearer" or not right:
        headers: Mapping[str, str] = {"www-authenticate": "Bearer"}
        raise HTTPException(401, "the admin token is missing or wrong", headers=headers)
