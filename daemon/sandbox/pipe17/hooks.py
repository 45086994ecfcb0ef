"""Webhooks of the organisation: who registered, and the thin deliveries that leave when a record changes.

Creating is documented; listing, reading and updating one are by analogy with every other entity (P17-51). A delivery
names the entity, what happened and the record's id, and nothing else; it is not signed. The key that was registered
comes along in `X-Pipe17-Key` (inferred). Whether a delivery that fails comes again is unpublished: it does not, unless
an option says so. Losing, doubling and overtaking are options, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from daemon.core.jsontext import dumps
from daemon.core.reading import iso
from daemon.sandbox.deliveries import Deliveries, scattered
from daemon.sandbox.pipe17.gateway import NO_RESULTS, Refusal, Route, failure, success
from daemon.sandbox.pipe17.options import Pipe17Options
from daemon.sandbox.pipe17.shapes import words
from daemon.sandbox.wire import Reply

TOPICS = words("orders fulfillments products inventory shipments returns refunds locations arrivals receipts")
"""What one can register for; the first four have been seen, the others are likely."""


class Hooks:
    """Registrations, and the queue of what they cause."""

    def __init__(self, options: Pipe17Options) -> None:
        self.options = options
        self.registered: dict[str, dict[str, Any]] = {}
        self.out = Deliveries(options.webhook_ladder_ms)
        self._rng = Random(f"webhooks of {options.org_key}")

    def answer(self, route: Route, body: Any, now_ms: int) -> Reply:
        """A call of `/webhooks`."""
        if route.action == "list":
            rows = list(self.registered.values())
            return success({"webhooks": rows, "pagination": {"last": True, "pageSize": len(rows)}})
        document = self.registered.get(route.record or "")
        if route.action != "create" and document is None:
            return failure(Refusal(404, NO_RESULTS))
        if route.action == "get":
            return success({"webhook": document})
        given = body if isinstance(body, dict) else {}
        wanted = {**(document or {}), **{name: given[name] for name in ("url", "apikey", "topics") if name in given}}
        problems = self._problems(wanted)
        if problems:
            return failure(Refusal(400, "Validation failed", tuple(problems)))
        made: dict[str, Any] = {"orgKey": self.options.org_key, "createdAt": iso(now_ms), **wanted}
        made |= {"webhookId": made.get("webhookId", f"{self._rng.getrandbits(64):016x}"), "updatedAt": iso(now_ms)}
        self.registered[made["webhookId"]] = made
        return success({"webhook": made})

    def changed(self, entity: str, action: str, record_id: str, at_ms: int) -> None:
        """A record was made or changed: tell everybody who asked for its entity."""
        options = self.options
        for document in self.registered.values():
            if entity not in document["topics"]:
                continue
            body = dumps(self._body(entity, action, record_id, at_ms)).encode()
            headers = {"content-type": "application/json"}
            if options.webhook_echoes_key:
                headers["x-pipe17-key"] = document["apikey"]
            for later_ms in scattered(
                self._rng,
                loss=options.webhook_loss,
                duplicates=options.webhook_duplicates,
                jitter_ms=options.webhook_jitter_ms,
            ):
                self.out.queue(f"{entity}.{action}", document["url"], headers, body, at_ms + later_ms)

    def _body(self, entity: str, action: str, record_id: str, at_ms: int) -> Mapping[str, Any]:
        return {
            "orgKey": self.options.org_key,
            "entity": entity if self.options.webhook_names_plural else entity.removesuffix("s"),
            "action": action,
            "itemId": record_id,
            "timestamp": iso(at_ms),
            "requestId": f"{self._rng.getrandbits(64):016x}",
        }

    def _problems(self, wanted: Mapping[str, Any]) -> list[str]:
        problems: list[str] = []
        url, topics = wanted.get("url"), wanted.get("topics")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            problems.append("url must be an http or https address")
        if wanted.get("apikey") not in (self.options.api_key, *self.options.other_keys):
            problems.append("apikey is not a key of the organisation")
        if not isinstance(topics, list) or not topics or not all(topic in TOPICS for topic in topics):
            problems.append("topics must be a list of entities")
        return problems
