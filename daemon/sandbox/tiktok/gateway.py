"""Everything that is checked before an operation sees a request, in the contract's order (3.3):

    path -> method -> version -> required query -> app_key -> timestamp -> sign -> token -> scope -> cipher
    -> shop state -> quota -> unknown parameters -> body

Strict where the vendor is known or feared to be: lower-case signature over the exact body bytes, no parameter that the
operation does not have, `shop_cipher` exactly where it belongs, nothing in the body that does not belong there.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

from daemon.sandbox.tiktok.grants import Grants
from daemon.sandbox.tiktok.options import HOUR_MS, TikTokOptions
from daemon.sandbox.tiktok.route import Cipher, Route
from daemon.sandbox.tiktok.routes import find
from daemon.sandbox.tiktok.shapes import Ask, Refused, bad
from daemon.sandbox.wire import Call

EARLY_S = 30
LATE_S = 300
COMMON = frozenset({"app_key", "timestamp", "sign", "shop_cipher"})
TOLERATED = frozenset({"access_token", "shop_id", "version"})
"""Sent by the vendor's own test tool; part of the signature but for `access_token`."""


def sign(secret: str, call: Call) -> str:
    """The signature that a request must carry (contract 2.1)."""
    pairs = sorted(pair for pair in call.query if pair[0] not in ("sign", "access_token"))
    text = call.path + "".join(name + value for name, value in pairs)
    body = b"" if call.headers.get("content-type", "").lower().startswith("multipart/form-data") else call.body
    wrapped = secret.encode() + text.encode() + body + secret.encode()
    return hmac.new(secret.encode(), wrapped, "sha256").hexdigest()


class Gateway:
    """The front door of one shop's API."""

    def __init__(self, options: TikTokOptions, grants: Grants) -> None:
        self._options = options
        self._grants = grants
        self._second: dict[str, tuple[int, int]] = {}
        self._hour = (0, 0)
        self.stale_ciphers: set[str] = set()

    def route(self, call: Call) -> tuple[Route, dict[str, str]]:
        """The operation a request is for; raises `Refused` for a path or method that does not exist."""
        routes, values = find(call.path)
        if not routes:
            raise Refused(36009009, "Invalid path", 404)
        route = next((item for item in routes if item.method == call.method), None)
        if route is None:
            raise Refused(36009010, "Invalid method", 405)
        if not self._options.retired_versions.isdisjoint((route.version, route.template)):
            raise Refused(36009014, "Invalid version: this version has been retired", 400)
        return route, values

    def admit(self, call: Call, route: Route, values: dict[str, str], now_ms: int) -> Ask:
        """The checked request; raises `Refused` with the first thing that is wrong."""
        query = dict(call.query)
        self._signature(call, route, query, now_ms)
        grant = self._grants.check(call.headers.get("x-tts-access-token"), now_ms)
        if not any(scope in grant.scopes for scope in route.scopes):
            raise Refused(105005, "Access denied: scope", 403)
        self._cipher(route, query.get("shop_cipher"))
        if not self._options.shop_active:
            raise Refused(36009043, "Shop is inactive", 401)
        self._quota(route.operation, now_ms)
        for name in query:
            if name not in route.query and name not in COMMON and name not in TOLERATED:
                raise bad(f"Unexpected identifier: '{name}'")
        return Ask(route.operation, values, query, _body(call, route), now_ms)

    def _signature(self, call: Call, route: Route, query: dict[str, str], now_ms: int) -> None:
        if len(query) != len(call.query):
            raise bad("Invalid query: a parameter is repeated")
        required = ["app_key", "timestamp", "sign", *(name for name, needed in route.query.items() if needed)]
        for name in required:
            if not query.get(name):
                raise bad(f"Invalid credentials: '{name}' query parameter is missing")
        if query["app_key"] != self._options.app_key:
            raise bad("Invalid credentials: 'app_key' query parameter")
        stamp = query["timestamp"]
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) == 10):
            raise bad("Invalid timestamp: 'timestamp' must be 10 digits")
        ahead_s = int(stamp) - now_ms // 1000
        if ahead_s < -LATE_S:
            raise bad("Invalid timestamp: 'timestamp' is more than 5 minutes old")
        if ahead_s > EARLY_S:
            raise bad("Invalid timestamp: 'timestamp' is more than 30 seconds in the future")
        if not hmac.compare_digest(sign(self._options.app_secret, call).encode(), query["sign"].encode()):
            raise Refused(106001, "Invalid credentials: 'sign' query parameter", 401)

    def _cipher(self, route: Route, cipher: str | None) -> None:
        if cipher is None:
            if route.cipher is Cipher.YES:
                raise Refused(106013, "Missing identifier: 'shop_cipher'", 400)
        elif route.cipher is Cipher.NO:
            raise bad("Unexpected identifier: 'shop_cipher'")
        elif cipher in self.stale_ciphers:
            raise Refused(101000, "The access token does not match the 'shop_cipher'", 401)
        elif cipher != self._options.shop_cipher:
            raise Refused(106011, "Invalid 'shop_cipher'", 400)

    def _quota(self, operation: str, now_ms: int) -> None:
        hour, count = self._hour
        self._hour = (hour, count + 1) if hour == now_ms // HOUR_MS else (now_ms // HOUR_MS, 1)
        hourly = self._options.requests_per_hour
        if hourly is not None and self._hour[1] > hourly:
            raise Refused(36009037, "The sandbox shop has exceeded its hourly quota", 429)
        second, count = self._second.get(operation, (0, 0))
        count = count + 1 if second == now_ms // 1000 else 1
        self._second[operation] = (now_ms // 1000, count)
        limit = self._options.requests_per_second
        if limit is not None and count > limit:
            raise Refused(36009002, "Too many requests", 429)


def _body(call: Call, route: Route) -> dict[str, Any]:
    if route.body is None:
        return {}
    if not call.body:
        body: Any = {}
    else:
        if not call.headers.get("content-type", "").lower().startswith("application/json"):
            raise Refused(36009022, "Invalid 'content-type'", 400)
        try:
            body = json.loads(call.body)
        except (ValueError, RecursionError):
            raise bad("Invalid body: not JSON") from None
    route.body.check(body, "body")
    return dict(body)
