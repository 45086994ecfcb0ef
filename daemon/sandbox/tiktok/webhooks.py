"""Events: what the shop has registered, and the deliveries that leave because of it (`sandbox/deliveries.py`).

A failed one comes back 2 min, 30 min, 3 h and 12 h after the respective failure and is then dropped for good (contract
10.2). The shop's address for an event overrides the app's. Losing, doubling and overtaking are options. The signature
is HMAC-SHA256 over app key + raw body with the app's secret, in `Authorization`, without a scheme.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

from daemon.sandbox.deliveries import Deliveries, scattered
from daemon.sandbox.tiktok.event_types import APP_EVENT_TYPES, EVENT_TYPES
from daemon.sandbox.tiktok.options import HOUR_MS, MINUTE_MS, TikTokOptions
from daemon.sandbox.tiktok.shapes import Ask, bad, encode

LADDER_MS = (2 * MINUTE_MS, 30 * MINUTE_MS, 3 * HOUR_MS, 12 * HOUR_MS)
"""How long after each failure the next attempt leaves."""

ADDRESS = re.compile(r"https://(?=[^/?#]*[a-z])([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}([/?][^\s#]*)?", re.I)
"""https, a domain name, no port, no user."""


@dataclass(slots=True)
class _Registered:
    address: str
    create_s: int
    update_s: int


@dataclass(slots=True)
class Webhooks:
    """Registrations and the queue of one shop."""

    options: TikTokOptions
    rng: Random
    registered: dict[str, _Registered] = field(default_factory=dict)
    out: Deliveries = field(default_factory=lambda: Deliveries(LADDER_MS))

    def emit(self, event: str, data: dict[str, Any], at_ms: int) -> None:
        """Queue an event for whoever registered for it; without an address it is gone, as at the vendor."""
        mine = self.registered.get(event)
        url = mine.address if mine else self.options.app_webhook_url
        if not url:
            return
        body = self._body(event, data, at_ms)
        options = self.options
        for later_ms in scattered(
            self.rng,
            loss=options.webhook_loss,
            duplicates=options.webhook_duplicates,
            jitter_ms=options.webhook_jitter_ms,
        ):
            headers = {"content-type": "application/json", "authorization": webhook_sign(options, body)}
            self.out.queue(event, url, headers, body, at_ms + later_ms)

    def list(self, ask: Ask) -> dict[str, Any]:
        """`GET /event/202309/webhooks`."""
        rows = [
            {"event_type": event, "address": item.address, "create_time": item.create_s, "update_time": item.update_s}
            for event, item in self.registered.items()
        ]
        if not rows and self.rng.random() < self.options.sparse:
            return {"total_count": 0}
        return {"webhooks": rows, "total_count": len(rows)}

    def set(self, ask: Ask) -> dict[str, Any]:
        """`PUT`: creates or replaces the address of an event."""
        address = ask.body["address"]
        if self.options.strict_webhook_address and not ADDRESS.fullmatch(address):
            raise bad("Invalid value: 'body.address' must be an https URL with a domain name and without a port")
        if not address.startswith(("http://", "https://")):
            raise bad("Invalid value: 'body.address'")
        second = ask.now_ms // 1000
        before = self.registered.get(ask.body["event_type"])
        created = before.create_s if before else second
        self.registered[ask.body["event_type"]] = _Registered(address, created, second)
        return {}

    def delete(self, ask: Ask) -> dict[str, Any]:
        """`DELETE`: succeeds also when nothing was set."""
        self.registered.pop(ask.body["event_type"], None)
        return {}

    def _body(self, event: str, data: dict[str, Any], at_ms: int) -> bytes:
        number = {**EVENT_TYPES, **APP_EVENT_TYPES}[event]
        members: dict[str, Any] = {"type": number}
        if number != 3:
            members["tts_notification_id"] = str(7_588_000_000_000_000_000 + self.rng.randrange(10**15))
        members["shop_id"] = self.options.shop_id
        members["timestamp"] = at_ms // 1000
        members["data"] = dict(sorted(data.items()))
        return encode(members).encode()


def webhook_sign(options: TikTokOptions, body: bytes) -> str:
    """The signature of a delivery."""
    return hmac.new(options.app_secret.encode(), options.app_key.encode() + body, "sha256").hexdigest()
