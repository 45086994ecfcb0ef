"""The kinds of orders that a shop can get, by the names that `place_order` and the control API take.

A kind says which of the vendor's flags an order bears (contract 4.3); one order can be of one named kind and bear
further flags beside it. What a kind means for money and time is done where money and time are: `free` makes units cost
nothing and state their value as `gift_retail_price`, a pre-order needs a release, a handling time moves the ship-by
instants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FLAGS = frozenset(
    {
        "auto_combine_group_id",
        "commerce_platform",
        "consultation_id",
        "delivery_type",
        "exchange_source_order_id",
        "fast_delivery_program",
        "fulfillment_priority_level",
        "handling_duration",
        "is_cod",
        "is_exchange_order",
        "is_refundable_sample",
        "is_replacement_order",
        "is_sample_order",
        "is_subscription_order",
        "payment_method_name",
        "replaced_order_id",
    }
)
"""Members of an order that a caller may set."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes an order of a kind one."""

    order_type: str = "NORMAL"
    fulfillment_type: str = "FULFILLMENT_BY_SELLER"
    shipping_type: str = "SELLER"
    flags: Mapping[str, Any] = field(default_factory=dict)
    free: bool = False


PLAIN = Kind()
PAID_AT_THE_DOOR = {"is_cod": True, "payment_method_name": "Cash on delivery"}
KINDS: Mapping[str, Kind] = {
    "": PLAIN,
    "sample": Kind(flags={"is_sample_order": True}, free=True),
    "refundable-sample": Kind(flags={"is_refundable_sample": True}),
    "giveaway": Kind("ZERO_LOTTERY", free=True),
    "auction": Kind("AUCTION"),
    "pre-order": Kind("PRE_ORDER"),
    "made-to-order": Kind("MADE_TO_ORDER", flags={"handling_duration": {"days": "7", "type": "BUSINESS_DAY"}}),
    "back-order": Kind("BACK_ORDER", flags={"handling_duration": {"days": "14", "type": "CALENDAR_DAY"}}),
    "replacement": Kind(flags={"is_replacement_order": True, "replaced_order_id": "576461413037000001"}, free=True),
    "exchange": Kind(flags={"is_exchange_order": True, "exchange_source_order_id": "576461413037000002"}, free=True),
    "subscription": Kind(flags={"is_subscription_order": True}),
    "auto-combined": Kind(flags={"auto_combine_group_id": "12345677"}),
    "digital": Kind(shipping_type="TIKTOK_DIGITAL"),
    "virtual": Kind("VIRTUAL_ORDER"),
    "platform-label": Kind(shipping_type="TIKTOK"),
    "shipped-by-platform": Kind(fulfillment_type="FULFILLMENT_BY_TIKTOK", shipping_type="TIKTOK"),
    "cod": Kind(flags=PAID_AT_THE_DOOR),
    "collection-point": Kind(flags={"delivery_type": "COLLECTION_POINT"}),
    "store-pickup": Kind(shipping_type="IN-STORE PICKUP"),
    "tokopedia": Kind(flags={"commerce_platform": "TOKOPEDIA"}),
    "dilayani-tokopedia": Kind(
        fulfillment_type="FULFILLMENT_BY_DILAYANI_TOKOPEDIA",
        shipping_type="TIKTOK",
        flags={"commerce_platform": "TOKOPEDIA"},
    ),
}
"""Name -> kind."""


def kind_of(name: str) -> Kind:
    """Raises `ValueError` for a name that nobody knows."""
    if name not in KINDS:
        raise ValueError(f"no kind {name!r}; there are {', '.join(sorted(filter(None, KINDS)))}")
    return KINDS[name]


def checked(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags, if all of them are the vendor's; raises `ValueError`."""
    unknown = set(flags) - FLAGS
    if unknown:
        raise ValueError(f"no flag {', '.join(sorted(unknown))}; there are {', '.join(sorted(FLAGS))}")
    return dict(flags)
