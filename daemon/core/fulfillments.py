"""A Pipe17 fulfillment as Pipe17 tells it: one shipped package, or one rejection (pipe17 contract 4, fixture 18.4).

The names of half its members are not public; what is read tolerantly here and why: the tracking number stands under
`trackingNumber` or `trackingNumbers`, as a text or a list of texts (pipe17 contract 16 #12); only the
`fulfillmentType` `rejected` is known and anything else means shipped (#13); `orderIntegration`, the natural filter for
our own channel, may be missing (#14).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.core import reading
from daemon.core.reading import BadShape


@dataclass(frozen=True, slots=True)
class FulfilledLine:
    """So many pieces of an order line. `unique_id` may be missing on lines that Pipe17 exploded from a bundle."""

    unique_id: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """One fulfillment; it never changes once made (pipe17 contract 4). Instants are epoch milliseconds."""

    id: str
    order_id: str
    ext_order_id: str
    shipment_id: str
    order_integration: str
    integration: str
    location_id: str
    rejected: bool
    carrier: str
    service: str
    tracking_numbers: tuple[str, ...]
    shipped_at_ms: int | None
    lines: tuple[FulfilledLine, ...]
    created_at_ms: int
    updated_at_ms: int


def read_fulfillment(raw: Mapping[str, Any]) -> Fulfillment:
    """The fulfillment behind a Pipe17 record; raises `BadShape` with the path of the member that is wrong."""
    created_at_ms = reading.iso_as_ms(raw, "createdAt")
    updated_at_ms = reading.iso_as_ms(raw, "updatedAt")
    first_ms = created_at_ms or updated_at_ms
    if first_ms is None:
        raise BadShape("createdAt", "is missing")
    return Fulfillment(
        id=reading.required_text(raw, "fulfillmentId"),
        order_id=reading.text(raw, "orderId"),
        ext_order_id=reading.text(raw, "extOrderId"),
        shipment_id=reading.text(raw, "shipmentId"),
        order_integration=reading.text(raw, "orderIntegration"),
        integration=reading.text(raw, "integration"),
        location_id=reading.text(raw, "locationId"),
        rejected=reading.text(raw, "fulfillmentType").casefold() == "rejected",
        carrier=reading.text(raw, "shippingCarrier"),
        service=reading.text(raw, "shippingClass"),
        tracking_numbers=_tracking_numbers(raw),
        shipped_at_ms=reading.iso_as_ms(raw, "actualShipDate"),
        lines=tuple(_lines(raw)),
        created_at_ms=first_ms,
        updated_at_ms=updated_at_ms or first_ms,
    )


def _lines(raw: Mapping[str, Any]) -> Iterator[FulfilledLine]:
    for position, line in enumerate(reading.records(raw, "lineItems")):
        place = f"lineItems[{position}]"
        try:
            quantity = reading.whole(line, "quantity")
            unique_id, sku = reading.text(line, "uniqueId"), reading.text(line, "sku")
        except BadShape as problem:
            raise problem.inside(place) from None
        if quantity is None or quantity < 0:
            raise BadShape(f"{place}.quantity", "is missing or negative")
        if quantity:
            yield FulfilledLine(unique_id, sku, quantity)


def _tracking_numbers(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Every number once, in the order given, without the spaces that people and labels put between digits."""
    found: dict[str, None] = {}
    for member in ("trackingNumber", "trackingNumbers"):
        value = raw.get(member)
        for number in value if isinstance(value, list) else [value]:
            found["".join(reading.text({member: number}, member).split())] = None
    return tuple(filter(None, found))
