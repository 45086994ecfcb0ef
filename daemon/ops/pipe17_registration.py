"""Keeps one webhook of ours registered at Pipe17: right address, right key, right topics.

Looked at once Pipe17 lets us in, and then daily, for somebody may have changed it. Ours is the one whose address begins
like ours (the secret at its end may have changed), or whose id we remember (the host may have changed); it is corrected
where it differs and made where there is none, so a create whose answer was lost is found by the next look. A second one
of ours does no harm and is left alone (contract 16, #35: nothing is ever deleted); `check` names it.

What fails is an exception for a person and is tried again after a while; polling finds every change meanwhile.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

import anyio
from starlette.routing import Route

from daemon.apis.pipe17.webhooks import TOPICS, Webhook
from daemon.assembly import Parts
from daemon.core.findings import Finding
from daemon.core.lanes import Lane
from daemon.core.tokens import Secret
from daemon.core.verdicts import Reauth, Rejected
from daemon.errors import ApiError
from daemon.ops.pipe17_webhooks import PATH, Pipe17Receiver
from daemon.ops.redact import Redactor
from daemon.ops.web import Site
from daemon.settings import Settings
from daemon.store import exceptions, facts, webhook_secret
from daemon.store.database import Tx
from daemon.store.sealing import Seal

log = logging.getLogger("daemon.webhooks")

LOOK_EVERY = timedelta(days=1)
REFUSED_EVERY = timedelta(hours=1)
RETRY_EVERY = timedelta(minutes=5)
SECRET_BYTES = 32
TRIES = 3
"""Failures that may pass by themselves are an exception from this one on."""
FLOW, KEY = "connection", "pipe17_webhooks"
FACT = "pipe17_webhook"
"""What we registered: its id, and a fingerprint of address, key and topics."""
NO_LIST = (Rejected("not_found"), Rejected("not_allowed"))


def is_right(webhook: Webhook, address: str, api_key: str) -> bool:
    """Whether a registration says what we want; a key that is not shown, or masked, counts as right."""
    shown = webhook.api_key and "*" not in webhook.api_key
    return webhook.url == address and set(TOPICS) <= set(webhook.topics) and (not shown or webhook.api_key == api_key)


def ours(listed: Sequence[Webhook], public_url: str, known_id: str = "") -> list[Webhook]:
    """Those of these that are ours."""
    return [one for one in listed if one.url.startswith(public_url + PATH) or (known_id and one.id == known_id)]


class Pipe17Registration:
    """One loop."""

    def __init__(self, parts: Parts, public_url: str, secret: Secret, api_key: Secret) -> None:
        self._parts = parts
        self._webhooks = parts.pipe17.at(Lane.STATEMENTS).webhooks
        self._public_url = public_url
        self._address = f"{public_url}{PATH}{secret.get_secret_value()}"
        self._api_key = api_key.get_secret_value()
        self._failures = 0

    async def run(self) -> None:
        """Forever."""
        connections = self._parts.engine.connections
        while True:
            with anyio.move_on_after(LOOK_EVERY.total_seconds()):
                await connections.connected("pipe17")
            await anyio.sleep((await self.once()).total_seconds())

    async def once(self) -> timedelta:
        """Make it right; how long to wait before the next look."""
        try:
            await self._make_right()
        except ApiError as error:
            return await self._failed(error)
        self._failures = 0
        now_ms = self._parts.clock.now_ms()
        await self._parts.database.write(lambda tx: exceptions.close_all(tx, FLOW, KEY, now_ms, "registered"))
        return LOOK_EVERY

    async def _make_right(self) -> None:
        remembered = await self._parts.database.write(lambda tx: facts.get(tx, FACT)) or {}
        known_id, wanted = str(remembered.get("webhook_id", "")), self._fingerprint()
        try:
            mine = ours(await self._webhooks.all(), self._public_url, known_id)
        except ApiError as error:
            if error.verdict not in NO_LIST:
                raise
            if known_id and remembered.get("fingerprint") == wanted:
                return
            mine = [Webhook(known_id, "", "", ())] if known_id else []
        right = next((one for one in mine if is_right(one, self._address, self._api_key)), None)
        if right is not None:
            await self._remember(right.id)
        elif mine:
            await self._webhooks.change(mine[0].id, self._address, self._api_key, TOPICS)
            await self._remember(mine[0].id)
            log.info("Pipe17's webhook was brought in line: %s", ", ".join(TOPICS))
        else:
            made = await self._webhooks.create(self._address, self._api_key, TOPICS)
            await self._remember(made.id)
            log.info("a webhook is registered at Pipe17: %s", ", ".join(TOPICS))

    async def _remember(self, webhook_id: str) -> None:
        document: dict[str, Any] = {"webhook_id": webhook_id, "fingerprint": self._fingerprint()}
        now_ms = self._parts.clock.now_ms()

        def work(tx: Tx) -> None:
            if facts.get(tx, FACT) != document:
                facts.put(tx, FACT, document, now_ms)

        await self._parts.database.write(work)

    async def _failed(self, error: ApiError) -> timedelta:
        self._failures += 1
        refused = isinstance(error.verdict, Rejected | Reauth)
        wait = REFUSED_EVERY if refused else RETRY_EVERY
        if refused or self._failures >= TRIES:
            minutes = wait // timedelta(minutes=1)
            text = f"{error}; polling goes on without webhooks, and it is tried again in {minutes} minutes"
            now_ms = self._parts.clock.now_ms()
            finding = Finding("webhooks_not_registered", text)
            fresh = await self._parts.database.write(
                lambda tx: exceptions.open_exception(tx, FLOW, KEY, KEY, finding, now_ms)
            )
            if fresh:
                log.warning("webhooks cannot be registered at Pipe17: %s", text)
        return wait

    def _fingerprint(self) -> str:
        said = "\n".join((self._address, self._api_key, *TOPICS))
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Pipe17Hooks:
    """The door for Pipe17's webhooks, and who keeps its address registered."""

    routes: list[Route]
    registration: Pipe17Registration


async def open_hooks(site: Site, redactor: Redactor | None) -> Pipe17Hooks | None:
    """Both, with the secret they share; None without CONNECTOR_PUBLIC_URL, for nobody could deliver."""
    parts = site.daemon.parts
    settings = parts.settings
    if not settings.connector_public_url:
        return None
    seal, fresh, now_ms = seal_of(settings), token_urlsafe(SECRET_BYTES), parts.clock.now_ms()
    secret = Secret(await parts.database.write(lambda tx: webhook_secret.keep(tx, seal, fresh, now_ms)))
    if redactor is not None:
        redactor.hide(secret.get_secret_value())
    api_key = Secret(settings.pipe17_api_key.get_secret_value())
    receiver = Pipe17Receiver(site.daemon, secret, api_key, site.metrics)
    return Pipe17Hooks(receiver.routes(), Pipe17Registration(parts, settings.connector_public_url, secret, api_key))


def seal_of(settings: Settings) -> Seal:
    """What seals the secret."""
    key = settings.connector_token_key
    return Seal(key.get_secret_value() if key else None)
