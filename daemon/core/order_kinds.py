"""What kind of order it is: sample, gift, pre-order, replacement, digital ..., told from TikTok's own flags alone.

Every kind is a tag of the Pipe17 order (`TAGS`), and what belongs to it a custom field (`CUSTOM_FIELDS`); README lists
both. An order can be of several kinds. Three questions decide where it may go:

* `digital`: there is nothing to ship, so no warehouse may get it (`TIKTOK_DIGITAL`, `VIRTUAL_ORDER`);
* `needs_address`: a person or a warehouse here writes the label, so a street must be known. With a label of TikTok's
  the address is always masked, and a buyer who collects has none: there a hidden address means nothing;
* `unknown_words`: TikTok says a kind that this version does not know. Nothing is guessed from the rest of the record.
  An unknown `order_type` is only another way of selling; an unknown `shipping_type` or `fulfillment_type` leaves open
  who ships and whether anybody does (`unknown_shipper`), so such an order is not released from here.

`shipping_type` and `fulfillment_type` are stated by every current record; where TikTok leaves one out (""), the seller
ships, which is what orders were before the member existed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from daemon.core.reading import iso
from daemon.core.tiktok_order import PLATFORM_FULFILLED, TikTokOrder

SELLER = "SELLER"
PLATFORM_LABEL = "TIKTOK"
"""`shipping_type` of orders with a label from TikTok: street and phone are always masked (contract 4.4)."""
DIGITAL = "TIKTOK_DIGITAL"
STORE_PICKUP = "IN-STORE PICKUP"
VIRTUAL = "VIRTUAL_ORDER"
PRE_ORDER = "PRE_ORDER"

KNOWN_SHIPPING_TYPES = frozenset({"", SELLER, PLATFORM_LABEL, DIGITAL, STORE_PICKUP})
KNOWN_FULFILLMENT_TYPES = PLATFORM_FULFILLED | {"", "FULFILLMENT_BY_SELLER"}
KNOWN_ORDER_TYPES = frozenset(
    {"", "NORMAL", "ZERO_LOTTERY", "AUCTION", PRE_ORDER, "MADE_TO_ORDER", "BACK_ORDER", VIRTUAL}
)

TOKOPEDIA = frozenset({"TOKOPEDIA", "FULFILLMENT_BY_DILAYANI_TOKOPEDIA"})


def digital(order: TikTokOrder) -> bool:
    """Whether there is nothing that could be shipped."""
    return order.shipping_type == DIGITAL or order.order_type == VIRTUAL


def needs_address(order: TikTokOrder) -> bool:
    """Whether goods leave under a label that is written here."""
    return order.shipping_type in ("", SELLER) and not digital(order) and not order.platform_fulfilled


def unknown_shipper(order: TikTokOrder) -> bool:
    """Whether TikTok says something new about who ships."""
    return order.shipping_type not in KNOWN_SHIPPING_TYPES or order.fulfillment_type not in KNOWN_FULFILLMENT_TYPES


def unknown_words(order: TikTokOrder) -> Iterator[tuple[str, str]]:
    """(member, value) of everything that this version does not know."""
    if order.order_type not in KNOWN_ORDER_TYPES:
        yield "order_type", order.order_type
    if order.shipping_type not in KNOWN_SHIPPING_TYPES:
        yield "shipping_type", order.shipping_type
    if order.fulfillment_type not in KNOWN_FULFILLMENT_TYPES:
        yield "fulfillment_type", order.fulfillment_type


TAGS: tuple[tuple[str, Callable[[TikTokOrder], bool]], ...] = (
    ("tiktok-shop", lambda order: True),
    ("sample", lambda order: order.is_sample_order),
    ("refundable-sample", lambda order: order.is_refundable_sample),
    ("gift", lambda order: any(unit.is_gift for unit in order.units)),
    ("giveaway", lambda order: order.order_type == "ZERO_LOTTERY"),
    ("auction", lambda order: order.order_type == "AUCTION"),
    ("pre-order", lambda order: order.order_type == PRE_ORDER),
    ("made-to-order", lambda order: order.order_type == "MADE_TO_ORDER"),
    ("back-order", lambda order: order.order_type == "BACK_ORDER"),
    ("digital", digital),
    ("replacement", lambda order: order.is_replacement_order),
    ("exchange", lambda order: order.is_exchange_order),
    ("subscription", lambda order: order.is_subscription_order),
    ("auto-combined", lambda order: bool(order.auto_combine_group_id)),
    ("combined", lambda order: order.split_or_combine_tag == "COMBINED"),
    ("split", lambda order: order.split_or_combine_tag == "SPLIT"),
    ("cod", lambda order: order.is_cod),
    ("platform-label", lambda order: order.shipping_type == PLATFORM_LABEL and not order.platform_fulfilled),
    ("shipped-by-platform", lambda order: order.platform_fulfilled),
    ("collection-point", lambda order: order.delivery_type == "COLLECTION_POINT"),
    ("store-pickup", lambda order: order.shipping_type == STORE_PICKUP),
    ("tokopedia", lambda order: bool({order.commerce_platform, order.fulfillment_type} & TOKOPEDIA)),
    ("unknown-kind", lambda order: any(True for _word in unknown_words(order))),
)
"""Tag -> the orders that bear it."""

STATUS_FIELD = "tiktok_status"
"""The custom field that shows TikTok's status; it rides along with other changes (see `orders_diff.RIDERS`)."""

CUSTOM_FIELDS: tuple[tuple[str, Callable[[TikTokOrder], str]], ...] = (
    (STATUS_FIELD, lambda order: order.status),
    ("tiktok_order_type", lambda order: order.order_type),
    ("tiktok_fulfillment_type", lambda order: order.fulfillment_type),
    ("tiktok_shipping_type", lambda order: order.shipping_type),
    ("tiktok_delivery_option", lambda order: order.delivery_option_name),
    ("tiktok_warehouse_id", lambda order: order.warehouse_id),
    ("tiktok_replaced_order_id", lambda order: order.replaced_order_id if order.is_replacement_order else ""),
    ("tiktok_exchanged_order_id", lambda order: order.exchange_source_order_id if order.is_exchange_order else ""),
    ("tiktok_auto_combine_group_id", lambda order: order.auto_combine_group_id),
    ("tiktok_handling_duration", lambda order: order.handling_duration),
    ("tiktok_release_date", lambda order: _release_date(order)),
)
"""Custom field -> what it says of an order; with nothing to say (""), it is left out."""


def tags_of(order: TikTokOrder) -> list[str]:
    """The tags of the Pipe17 order."""
    return [tag for tag, applies in TAGS if applies(order)]


def fields_of(order: TikTokOrder) -> list[tuple[str, str]]:
    """The custom fields that tell kinds apart."""
    return [(name, value) for name, says in CUSTOM_FIELDS if (value := says(order))]


def _release_date(order: TikTokOrder) -> str:
    at_ms = order.release_date_ms if order.order_type == PRE_ORDER else None
    return "" if at_ms is None else iso(at_ms)
