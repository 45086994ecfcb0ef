"""How far an order's units are, in Pipe17's words: `routed`, `partiallySent`, `unfulfilled` ... (read-only members).

Counted in the units that the shipping requests ask for, so a bundle counts its parts. A pure function of the order's
document and its requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from daemon.sandbox.pipe17.books import CANCELED, Request

SENT = frozenset({"sentToFulfillment", "partialFulfillment", "fulfilled"})


def disposition(order: Mapping[str, Any], requests: Sequence[tuple[str, Request]]) -> list[str]:
    """The words for an order whose shipping requests have these statuses."""
    if order["status"] == "canceled":
        shipped = sum(sum(request.shipped.values()) for _, request in requests)
        return ["partiallyFulfilled", "partiallyCanceled"] if shipped else ["canceled"]
    active = [(status, request) for status, request in requests if status not in CANCELED]
    asked = sum(sum(request.asked.values()) for _, request in active)
    if not asked:
        return ["fulfilled"] if order["status"] == "fulfilled" else ["unrouted"]
    wanted = sum(line.get("quantity", 0) for line in order.get("lineItems", ()))
    routed = sum(sum(request.covers.values()) for _, request in active)
    sent = sum(sum(request.asked.values()) for status, request in active if status in SENT)
    shipped = sum(sum(request.shipped.values()) for _, request in active)
    rejected = sum(sum(request.rejected.values()) for _, request in active)
    words = [_word("routed", routed, wanted), _word("sent", sent, asked), _word("fulfilled", shipped, asked)]
    if rejected:
        words.append(_word("rejected", rejected, asked))
    return words


def _word(name: str, part: int | Decimal, whole: int | Decimal) -> str:
    if part >= whole:
        return name
    return f"partially{name.capitalize()}" if part else f"un{name}"
