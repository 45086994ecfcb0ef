"""TikTok's webhooks: is this delivery genuine, and what does it hint at.

A delivery is signed with HMAC-SHA256 over app key and raw body, hex, in `Authorization` without a scheme; one report
names `x-tt-signature` instead (tag TT-07). There is no time in the header and no replay window, which is why a delivery
is only ever a hint to read something again. Check the bytes as they came in, before anybody decodes them.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from daemon.apis.tiktok.assumptions import WEBHOOK_SIGNATURE_HEADERS
from daemon.core import jsontext
from daemon.core.reading import BadShape, identifier, record, whole
from daemon.core.tokens import Secret


class Topic(IntEnum):
    """The types we act on; others pass `read` with their number."""

    ORDER_STATUS = 1
    RECIPIENT_ADDRESS = 3
    PACKAGE = 4
    PRODUCT_STATUS = 5
    DEAUTHORIZED = 6
    AUTHORIZATION_EXPIRING = 7
    CANCELLATION = 11
    RETURN = 12
    PRODUCT_INFORMATION = 15
    PRODUCT_CREATION = 16
    PRODUCT_CATEGORY = 18
    PRODUCT_AUDIT = 37
    SKU_STATUS = 50
    """Sent to the address of the app alone; a shop cannot register for it."""


ORDER_EVENTS: tuple[str, ...] = (
    "ORDER_STATUS_CHANGE",
    "RECIPIENT_ADDRESS_UPDATE",
    "PACKAGE_UPDATE",
    "CANCELLATION_STATUS_CHANGE",
    "SELLER_DEAUTHORIZATION",
    "UPCOMING_AUTHORIZATION_EXPIRATION",
)
"""The event types we register for orders and for the grant itself."""

PRODUCT_EVENTS: tuple[str, ...] = (
    "PRODUCT_STATUS_CHANGE",
    "PRODUCT_INFORMATION_CHANGE",
    "PRODUCT_CREATION",
    "PRODUCT_CATEGORY_CHANGE",
    "PRODUCT_AUDIT_STATUS_CHANGE",
)
"""What a running flow `products` wants to hear of besides."""


def events_for(flows: Collection[str]) -> tuple[str, ...]:
    """The event types to register when these flows run."""
    return ORDER_EVENTS + (PRODUCT_EVENTS if "products" in flows else ())


@dataclass(frozen=True, slots=True)
class Notification:
    """One delivery. `key` is the same for every repeat of it; `order_ids` are the orders it speaks of, `product_id`
    the product, "" where it speaks of none."""

    topic: int
    key: str
    shop_id: str
    timestamp_s: int
    order_ids: tuple[str, ...]
    product_id: str
    data: Mapping[str, Any]


def genuine(app_key: str, app_secret: Secret, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether TikTok signed this body. Header names in any case; the comparison takes constant time."""
    key = app_secret.get_secret_value().encode()
    expected = hmac.digest(key, app_key.encode() + body, "sha256").hex().encode()
    sent = {name.lower(): value for name, value in headers.items()}
    candidates = (sent.get(name, "").strip() for name in WEBHOOK_SIGNATURE_HEADERS.value)
    return any(hmac.compare_digest(expected, candidate.encode()) for candidate in candidates)


def read(body: bytes) -> Notification:
    """The notification in a genuine body; raises `BadShape`."""
    try:
        raw = record(jsontext.loads(body), "body")
    except (RecursionError, ValueError) as error:
        raise error if isinstance(error, BadShape) else BadShape("body", "is not JSON") from None
    topic = whole(raw, "type")
    if topic is None:
        raise BadShape("type", "is missing")
    data = record(raw.get("data") or {}, "data")
    order_ids, product_id = _order_ids(data), identifier(data, "product_id")
    timestamp_s = whole(raw, "timestamp") or 0
    key = (
        identifier(raw, "tts_notification_id")
        or f"{topic}:{','.join(order_ids) or product_id}:{whole(data, 'update_time') or timestamp_s}"
    )
    return Notification(topic, key, identifier(raw, "shop_id"), timestamp_s, order_ids, product_id, data)


def _order_ids(data: Mapping[str, Any]) -> tuple[str, ...]:
    found = [identifier(data, "order_id")]
    packages = data.get("package_list")
    for package in packages if isinstance(packages, list) else ():
        listed = record(package, "data.package_list").get("order_id_list")
        found += [str(order_id) for order_id in listed] if isinstance(listed, list) else []
    return tuple(dict.fromkeys(order_id for order_id in found if order_id))
