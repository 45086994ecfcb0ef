"""What of an address the seller may see, and when (contract 4.4).

    UNPAID, ON_HOLD               nothing: members empty (or, at random, masked), no `district_info`
    seller-shipped                clear while it must be shipped; masked when CANCELLED, and 30 days after COMPLETED
    shipped by the platform       phone and street masked in every status
    fulfilled by the platform     nearly everything masked
    up to `address_late_ms` late  masked where it should be clear already (no page promises that it is there at once)

The mask is `*`. The state and the country stay readable in every mask.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from daemon.sandbox.tiktok.options import DAY_MS
from daemon.sandbox.tiktok.records import Address, Order
from daemon.sandbox.tiktok.shapes import encode

FORGOTTEN_AFTER_MS = 30 * DAY_MS


class Sight(Enum):
    """How much of an address is shown."""

    CLEAR = "clear"
    EMPTY = "empty"
    MASKED = "masked"
    STREET_MASKED = "street_masked"


def sight_of(order: Order, now_ms: int, late_ms: int = 0) -> Sight:
    """What the seller sees of this order's address now."""
    if order.status in ("UNPAID", "ON_HOLD"):
        return Sight.EMPTY
    if order.fulfillment_type != "FULFILLMENT_BY_SELLER":
        return Sight.MASKED
    if order.shipping_type == "TIKTOK":
        return Sight.STREET_MASKED
    if order.status == "CANCELLED":
        return Sight.MASKED
    if order.completed_ms is not None and now_ms - order.completed_ms >= FORGOTTEN_AFTER_MS:
        return Sight.MASKED
    if late_ms and order.paid_ms is not None and now_ms < (order.hold_until_ms or order.paid_ms) + late_ms:
        return Sight.MASKED
    return Sight.CLEAR


def masked(text: str) -> str:
    """The first letter and asterisks."""
    return text[:1] + "***" if text else ""


def phone_masked(text: str) -> str:
    """Only the first six and the last two characters stay."""
    return text[:6] + "***" + text[-2:] if len(text) > 8 else "***"


@lru_cache(4096)
def recipient(address: Address, sight: Sight, *, omit: bool) -> str:
    """`recipient_address` as JSON text; `omit` leaves out what is empty instead of sending `""`."""
    if sight is Sight.EMPTY:
        return "{}" if omit else encode(dict.fromkeys(_shown(address, Sight.MASKED), ""))
    members: dict[str, object] = dict(_shown(address, sight))
    hidden = sight is Sight.MASKED
    levels = [
        ("Country", address.country, "L0", address.region_code),
        ("State", address.state, "L1", address.state_code),
        ("County", address.county, "L2", ""),
        ("City", masked(address.city) if hidden else address.city, "L3", ""),
    ]
    members["district_info"] = [
        {"address_level_name": level, "address_name": name, "address_level": code, "iso_code": iso}
        for level, name, code, iso in levels
        if name
    ]
    if not omit:
        members["delivery_preferences"] = {"drop_off_location": ""}
    else:
        members = {name: value for name, value in members.items() if value != ""}
    return encode(members)


def _shown(address: Address, sight: Sight) -> dict[str, str]:
    clear = sight is Sight.CLEAR
    known = sight is not Sight.MASKED
    street = f"{address.line1} {address.line2}".strip()
    place = ", ".join(part for part in (address.country, address.state, address.county) if part)
    name = f"{address.first_name} {address.last_name}".strip()
    return {
        "full_address": f"{place}, {address.city}, {street}" if clear else f"{place}, ***",
        "name": name if known else masked(name),
        "first_name": address.first_name if known else masked(address.first_name),
        "last_name": address.last_name if known else masked(address.last_name),
        "phone_number": address.phone if clear else phone_masked(address.phone),
        "address_detail": street if clear else masked(street),
        "address_line1": address.line1 if clear else masked(address.line1),
        "address_line2": address.line2 if clear else masked(address.line2),
        "address_line3": "",
        "address_line4": "",
        "postal_code": address.postal_code if known else masked(address.postal_code),
        "region_code": address.region_code,
    }
