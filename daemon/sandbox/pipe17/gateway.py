"""The front door: which call it is, whether the key may make it, and the envelope around every answer.

One header, `X-Pipe17-Key`; a grant per entity and letter (create, read, update, list). 401 without a good key, 403
without the grant, 404 for a path that does not exist, 405 for a method the path does not have (fulfillments can not be
changed, nothing can be patched). Every answer repeats its status as `code` and says `success`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from daemon.core.jsontext import dumps
from daemon.sandbox.pipe17.options import Pipe17Options
from daemon.sandbox.pipe17.shapes import words
from daemon.sandbox.wire import Call, Reply

NO_RESULTS = "No results"
JSON_HEADERS = {"content-type": "application/json; charset=utf-8"}

COLLECTION: Mapping[str, Mapping[str, str]] = {
    "orders": {"GET": "list", "POST": "create"},
    "shipments": {"GET": "list"},
    "fulfillments": {"GET": "list", "POST": "create"},
    "webhooks": {"GET": "list", "POST": "create"},
    "products": {"GET": "list", "POST": "create"},
    "inventory": {"GET": "list"},
    "locations": {"GET": "list", "POST": "create"},
}
RECORD: Mapping[str, Mapping[str, str]] = {
    "orders": {"GET": "get", "PUT": "update"},
    "shipments": {"GET": "get"},
    "fulfillments": {"GET": "get"},
    "webhooks": {"GET": "get", "PUT": "update"},
    "products": {"GET": "get", "PUT": "update"},
    "inventory": {"GET": "get"},
    "locations": {"GET": "get", "PUT": "update"},
}
LETTERS = {"list": "l", "get": "r", "create": "c", "update": "u"}

ELSEWHERE = frozenset(words("returns refunds arrivals receipts purchases customers exceptions connectors jobs"))
"""Entities that exist in Pipe17 and that this sandbox keeps closed: the key has no grant for them."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not done."""

    status: int
    message: str
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One understood call. `record` is the decoded last segment of the path, None for the collection."""

    operation: str
    entity: str
    action: str
    record: str | None


def find_route(call: Call, options: Pipe17Options) -> Route | Refusal:
    """What the call asks for."""
    if not call.path.startswith(options.base_path + "/"):
        return Refusal(404, "Not found")
    segments = [unquote(segment) for segment in call.path[len(options.base_path) + 1 :].split("/")]
    entity, rest = segments[0], segments[1:]
    if entity in ELSEWHERE:
        return Refusal(403, "Access denied")
    if entity not in COLLECTION or len(rest) > 1 or rest == [""]:
        return Refusal(404, "Not found")
    methods = RECORD[entity] if rest else COLLECTION[entity]
    action = methods.get(call.method)
    if action is None:
        return Refusal(405, "Method not allowed")
    return Route(f"{entity}.{action}", entity, action, rest[0] if rest else None)


def admit(call: Call, route: Route | Refusal, options: Pipe17Options) -> Route | Refusal:
    """The call, if the key may make it."""
    if call.headers.get("x-pipe17-key") != options.api_key:
        return Refusal(401, "Unauthorized")
    if isinstance(route, Refusal):
        return route
    if LETTERS[route.action] not in options.grants.get(route.entity, ""):
        return Refusal(403, "Access denied")
    return route


def success(payload: Mapping[str, Any], status: int = 200) -> Reply:
    """A good answer."""
    return Reply(status, dumps({"success": True, "code": status, **payload}).encode(), dict(JSON_HEADERS))


def failure(refusal: Refusal, headers: Mapping[str, str] | None = None, **payload: Any) -> Reply:
    """A bad answer."""
    body: dict[str, Any] = {"success": False, "code": refusal.status, "message": refusal.message}
    if refusal.errors:
        body["errors"] = list(refusal.errors)
    return Reply(refusal.status, dumps({**body, **payload}).encode(), {**JSON_HEADERS, **(headers or {})})
