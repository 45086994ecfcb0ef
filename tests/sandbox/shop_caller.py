"""A signed caller of the simulated TikTok Shop, written against the contract and not against the gateway's own code."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from daemon.sandbox.faults import Faults
from daemon.sandbox.tiktok import TikTokOptions, TikTokSandbox
from daemon.sandbox.wire import Call, Reply

T0_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
HOUR_MS = 3_600_000


class HandClock:
    """A clock that moves when told to."""

    offset_ms = 0

    def __init__(self, at_ms: int = T0_MS) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000

    def correct(self, offset_ms: int) -> None:
        raise AssertionError("the service does not correct its own clock")

    def forward(self, milliseconds: int) -> None:
        self.at_ms += milliseconds


def sign_request(secret: str, path: str, query: dict[str, str], body: bytes = b"") -> str:
    text = path + "".join(key + query[key] for key in sorted(query) if key not in ("sign", "access_token"))
    wrapped = secret.encode() + text.encode() + body + secret.encode()
    return hmac.new(secret.encode(), wrapped, hashlib.sha256).hexdigest()


@dataclass
class Shop:
    """A sandbox with a hand-driven clock, and one authorized caller."""

    sandbox: TikTokSandbox
    clock: HandClock
    token: str

    def raw(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: object = None,
        *,
        cipher: bool = True,
        **changed: str | None,
    ) -> Reply:
        """One call; `changed` overrides query members after the defaults (None removes), also `sign`."""
        options = self.sandbox.options
        parameters: dict[str, str] = {
            "app_key": options.app_key,
            "timestamp": str(self.clock.at_ms // 1000),
            **(query or {}),
        }
        if cipher:
            parameters["shop_cipher"] = options.shop_cipher
        for name, value in changed.items():
            if value is None:
                parameters.pop(name, None)
            elif name != "sign":
                parameters[name] = value
        sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = changed.get("sign", sign_request(options.app_secret, path, parameters, sent))
        if signature is not None:
            parameters["sign"] = signature
        headers = {"content-type": "application/json", "x-tts-access-token": self.token}
        return self.sandbox.handle(Call(method, path, tuple(parameters.items()), headers, sent))

    def call(self, method: str, path: str, query: dict[str, str] | None = None, body: object = None, **kw: Any) -> Any:
        """`data` of an answer that must be a success."""
        answer = json.loads(self.raw(method, path, query, body, **kw).body)
        assert answer["code"] == 0, answer
        return answer["data"]

    def code(self, method: str, path: str, query: dict[str, str] | None = None, body: object = None, **kw: Any) -> int:
        """The business code of an answer."""
        return int(json.loads(self.raw(method, path, query, body, **kw).body)["code"])

    def search(self, **body: Any) -> list[dict[str, Any]]:
        """Every row of a search, page by page, repeats included."""
        rows: list[dict[str, Any]] = []
        token = ""
        while True:
            query = {"page_size": "100", "sort_field": "update_time", "sort_order": "ASC"}
            if token:
                query["page_token"] = token
            data = self.call("POST", "/order/202309/orders/search", query, body)
            rows.extend(data.get("orders", []))
            token = data.get("next_page_token", "")
            if not token:
                return rows

    def detail(self, order_id: str) -> dict[str, Any]:
        return dict(self.call("GET", "/order/202507/orders", {"ids": order_id})["orders"][0])

    def mark(self, order_id: str, units: list[str] | None = None, number: str = "SIM0001", **kw: Any) -> int:
        """Mark Package As Shipped; the business code."""
        return self.code(
            "POST", f"/fulfillment/202309/orders/{order_id}/packages", None, self.shipment(units, number, **kw)
        )

    def shipment(
        self, units: list[str] | None = None, number: str = "SIM0001", provider: str = "7117858858072016686"
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"tracking_number": number, "shipping_provider_id": provider}
        if units is not None:
            body["order_line_item_ids"] = units
        return body

    def ready(self, skus: Any = ("SKU-A",), **kw: Any) -> str:
        """An order whose hold is over."""
        order_id = self.sandbox.place_order(skus, **kw)
        self.clock.forward(self.sandbox.options.hold_ms)
        return order_id

    def get(self, url: str) -> Reply:
        """An unsigned GET of the authorization host."""
        parts = urlsplit(url)
        return self.sandbox.handle(Call("GET", parts.path, tuple(parse_qsl(parts.query))))


def open_shop(seed: int = 1, *, faults: Faults | None = None, **options: Any) -> Shop:
    """A shop with a granted token; `options` are members of `TikTokOptions`."""
    clock = HandClock()
    sandbox = TikTokSandbox(clock, Random(seed), faults or Faults(), TikTokOptions(**options))
    return Shop(sandbox, clock, sandbox.tokens()["access_token"])
