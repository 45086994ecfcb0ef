"""Pipe17's webhooks: what a delivery hints at, and the registrations.

A delivery is a POST with a thin body: entity, what happened, the record's id. No signature is documented, so nothing in
it is believed; it is only ever a hint to read something again (design law 5). The same delivery may come twice: entity,
id, action and timestamp name it, as the vendor's advice is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from daemon.apis.pipe17.assumptions import WEBHOOK_ENTITIES
from daemon.apis.pipe17.session import Session
from daemon.core import jsontext
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, identifier, record, text

TOPICS: tuple[str, ...] = ("orders", "fulfillments", "products", "inventory")
"""The topics that are documented; we register for all of them."""

MOST_PAGES = 10
_ID = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_PART_CHARS_MAX = 64


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery. `topic` is "" for an entity that we do not know; `key` is the same for every repeat of it, and ""
    where it says too little to tell a repeat from news."""

    topic: str
    action: str
    item_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registration. `api_key` is "" where Pipe17 does not show it; a part of `url` is our secret."""

    id: str
    url: str = field(repr=False)
    api_key: str = field(repr=False)
    topics: tuple[str, ...]


def read(body: bytes) -> Delivery:
    """What a delivery says; raises `BadShape`."""
    try:
        raw = record(jsontext.loads(body), "body")
    except (RecursionError, ValueError) as error:
        raise error if isinstance(error, BadShape) else BadShape("body", "is not JSON") from None
    entity, action, item_id = text(raw, "entity"), text(raw, "action").lower(), identifier(raw, "itemId")
    if not entity:
        raise BadShape("entity", "is missing")
    if not _ID.fullmatch(item_id):
        raise BadShape("itemId", "is missing or no id")
    stamp = identifier(raw, "timestamp") or identifier(raw, "requestId")
    parts = ("pipe17", entity, item_id, action, stamp)
    key = ":".join(part[:_PART_CHARS_MAX] for part in parts) if stamp else ""
    return Delivery(WEBHOOK_ENTITIES.value.get(entity, ""), action, item_id, key)


class Webhooks:
    """The registrations of the organisation, as far as our key sees them."""

    __slots__ = ("_lane", "_session")

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    async def all(self) -> list[Webhook]:
        """Every registration."""
        found: list[Webhook] = []
        for _ in range(MOST_PAGES):
            params = (("keys", "*"), ("count", "100"), ("skip", str(len(found))))
            page = await self._session.rows("webhooks.list", self._lane, "webhooks", params)
            found += [_webhook(raw) for raw in page.rows]
            if page.last:
                return found
        raise self._session.misshapen("webhooks.list", write=False, member="pagination.last")

    async def create(self, url: str, api_key: str, topics: Sequence[str]) -> Webhook:
        """Register; what comes back is what Pipe17 keeps."""
        document = {"url": url, "apikey": api_key, "topics": list(topics)}
        body = await self._session.call("webhooks.create", self._lane, "POST", "/webhooks", document=document)
        return _webhook(body.get("webhook"))

    async def change(self, webhook_id: str, url: str, api_key: str, topics: Sequence[str]) -> None:
        """Make a registration say this."""
        document = {"url": url, "apikey": api_key, "topics": list(topics)}
        path = f"/webhooks/{quote(webhook_id, safe='')}"
        await self._session.call("webhooks.update", self._lane, "PUT", path, document=document)


def _webhook(raw: Any) -> Webhook:
    members: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
    topics = members.get("topics")
    listed = tuple(str(topic) for topic in topics) if isinstance(topics, list) else ()
    return Webhook(
        str(members.get("webhookId") or ""), str(members.get("url") or ""), str(members.get("apikey") or ""), listed
    )
