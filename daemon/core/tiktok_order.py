"""A TikTok order as TikTok tells it: the one place that knows the names of its fields.

`read_order` turns a record of `orders/search` or of order detail (contract 4.3; the detail has a few members more)
into a `TikTokOrder`. It translates nothing: no Pipe17 name appears here, statuses stay the texts TikTok sent (an
unknown one passes), and what TikTok left out is `""`, `()`, None or 0 as the wire conventions say (0.3).

To know:

* a line item is one unit, without a quantity (`core/units.py`);
* the address is empty or masked in many states of an order; what becomes of it is decided in `core/addresses.py`;
* personal data (address, e-mail, message, the raw record) is kept out of `repr`, and so out of tracebacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.core import reading
from daemon.core.payment import Payment, read_payment
from daemon.core.reading import BadShape
from daemon.core.units import CANCELLED, SHIPPED, Unit, read_units

__all__ = ["CANCELLED", "SHIPPED", "Address", "District", "Payment", "TikTokOrder", "Unit", "read_order"]

PLATFORM_FULFILLED = frozenset({"FULFILLMENT_BY_TIKTOK", "FULFILLMENT_BY_DILAYANI_TOKOPEDIA"})
"""`fulfillment_type` of orders that the platform ships from its own stock (contract 4.3)."""


@dataclass(frozen=True, slots=True)
class District:
    """One step of the address from the country (`L0`) downwards."""

    level: str
    level_name: str
    name: str
    iso_code: str


@dataclass(frozen=True, slots=True)
class Address:
    """`recipient_address` as sent: empty while unpaid or on hold, masked with `*` in some markets and states (4.4)."""

    full_address: str = ""
    name: str = ""
    first_name: str = ""
    last_name: str = ""
    phone_number: str = ""
    address_detail: str = ""
    lines: tuple[str, str, str, str] = ("", "", "", "")
    postal_code: str = ""
    region_code: str = ""
    post_town: str = ""
    districts: tuple[District, ...] = ()
    drop_off_location: str = ""


@dataclass(frozen=True, slots=True)
class TikTokOrder:
    """One order. Instants are epoch milliseconds; None where TikTok has none (yet)."""

    id: str
    status: str
    order_type: str
    fulfillment_type: str
    shipping_type: str
    user_id: str
    delivery_type: str
    delivery_option_id: str
    delivery_option_name: str
    warehouse_id: str
    split_or_combine_tag: str
    auto_combine_group_id: str
    commerce_platform: str
    handling_duration: str
    """`7 BUSINESS_DAY`: how long making or getting it takes; "" where TikTok says nothing."""
    payment_method_name: str
    cancellation_initiator: str
    cancel_reason: str
    replaced_order_id: str
    exchange_source_order_id: str
    create_time_ms: int
    update_time_ms: int
    paid_time_ms: int | None
    release_date_ms: int | None
    rts_sla_time_ms: int | None
    tts_sla_time_ms: int | None
    required_delivery_time_ms: int | None
    shipping_due_time_ms: int | None
    rts_time_ms: int | None
    cancel_time_ms: int | None
    request_cancel_time_ms: int | None
    is_on_hold_order: bool
    is_buyer_request_cancel: bool
    is_sample_order: bool
    is_refundable_sample: bool
    is_cod: bool
    is_replacement_order: bool
    is_exchange_order: bool
    is_subscription_order: bool
    has_updated_recipient_address: bool
    payment: Payment
    units: tuple[Unit, ...]
    packages: tuple[str, ...]
    address: Address = field(repr=False)
    buyer_email: str = field(repr=False)
    buyer_message: str = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def cancelled(self) -> bool:
        """TikTok turns the order CANCELLED once every line is; a moment before, the lines already say so."""
        return self.status in CANCELLED or all(unit.cancelled for unit in self.units)

    @property
    def shipped(self) -> bool:
        return self.status in SHIPPED

    @property
    def combined(self) -> bool:
        """Its units share a package with those of other orders, put together by the seller or by TikTok (5.5)."""
        return self.split_or_combine_tag == "COMBINED" or bool(self.auto_combine_group_id)

    @property
    def platform_label(self) -> bool:
        """TikTok carries the parcel: the number is TikTok's, and so is the label (contract 5.1)."""
        return self.shipping_type == "TIKTOK"

    @property
    def platform_fulfilled(self) -> bool:
        return self.fulfillment_type in PLATFORM_FULFILLED

    @property
    def live_units(self) -> tuple[Unit, ...]:
        """The units that are still wanted; of a cancelled order all, because it still says what was bought."""
        return self.units if self.cancelled else tuple(unit for unit in self.units if not unit.cancelled)


def read_order(raw: Mapping[str, Any]) -> TikTokOrder:
    """The order behind a record of search or detail; raises `BadShape` with the path of the member that is wrong."""
    create_time_ms = reading.seconds_as_ms(raw, "create_time")
    if create_time_ms is None:
        raise BadShape("create_time", "is missing")
    units = read_units(raw)
    return TikTokOrder(
        id=reading.required_text(raw, "id"),
        status=reading.required_text(raw, "status").upper(),
        order_type=reading.text(raw, "order_type"),
        fulfillment_type=reading.text(raw, "fulfillment_type"),
        shipping_type=reading.text(raw, "shipping_type"),
        user_id=reading.identifier(raw, "user_id"),
        delivery_type=reading.text(raw, "delivery_type"),
        delivery_option_id=reading.identifier(raw, "delivery_option_id"),
        delivery_option_name=reading.text(raw, "delivery_option_name"),
        warehouse_id=reading.identifier(raw, "warehouse_id"),
        split_or_combine_tag=reading.text(raw, "split_or_combine_tag").upper(),
        auto_combine_group_id=reading.identifier(raw, "auto_combine_group_id"),
        commerce_platform=reading.text(raw, "commerce_platform"),
        handling_duration=_handling_duration(raw),
        payment_method_name=reading.text(raw, "payment_method_name"),
        cancellation_initiator=reading.text(raw, "cancellation_initiator"),
        cancel_reason=reading.text(raw, "cancel_reason"),
        replaced_order_id=reading.identifier(raw, "replaced_order_id"),
        exchange_source_order_id=reading.identifier(raw, "exchange_source_order_id"),
        create_time_ms=create_time_ms,
        update_time_ms=reading.seconds_as_ms(raw, "update_time") or create_time_ms,
        paid_time_ms=reading.seconds_as_ms(raw, "paid_time"),
        release_date_ms=reading.seconds_as_ms(raw, "release_date"),
        rts_sla_time_ms=reading.seconds_as_ms(raw, "rts_sla_time"),
        tts_sla_time_ms=reading.seconds_as_ms(raw, "tts_sla_time"),
        required_delivery_time_ms=reading.seconds_as_ms(raw, "delivery_option_required_delivery_time"),
        shipping_due_time_ms=reading.seconds_as_ms(raw, "shipping_due_time"),
        rts_time_ms=reading.seconds_as_ms(raw, "rts_time"),
        cancel_time_ms=reading.seconds_as_ms(raw, "cancel_time"),
        request_cancel_time_ms=reading.seconds_as_ms(raw, "request_cancel_time"),
        is_on_hold_order=reading.flag(raw, "is_on_hold_order"),
        is_buyer_request_cancel=reading.flag(raw, "is_buyer_request_cancel"),
        is_sample_order=reading.flag(raw, "is_sample_order"),
        is_refundable_sample=reading.flag(raw, "is_refundable_sample"),
        is_cod=reading.flag(raw, "is_cod"),
        is_replacement_order=reading.flag(raw, "is_replacement_order"),
        is_exchange_order=reading.flag(raw, "is_exchange_order"),
        is_subscription_order=reading.flag(raw, "is_subscription_order"),
        has_updated_recipient_address=reading.flag(raw, "has_updated_recipient_address"),
        payment=read_payment(raw, units[0].currency),
        units=units,
        packages=tuple(
            filter(None, (reading.identifier(package, "id") for package in reading.records(raw, "packages")))
        ),
        address=_address(raw),
        buyer_email=reading.text(raw, "buyer_email"),
        buyer_message=reading.text(raw, "buyer_message"),
        raw=raw,
    )


def _handling_duration(raw: Mapping[str, Any]) -> str:
    if "handling_duration" not in raw:
        return ""
    duration = reading.optional_record(raw, "handling_duration")
    try:
        days, counted = reading.text(duration, "days"), reading.text(duration, "type")
    except BadShape as problem:
        raise problem.inside("handling_duration") from None
    return f"{days} {counted}".strip() if days else ""


def _address(raw: Mapping[str, Any]) -> Address:
    address = reading.optional_record(raw, "recipient_address")
    try:
        preferences = reading.optional_record(address, "delivery_preferences")
        return Address(
            full_address=reading.text(address, "full_address"),
            name=reading.text(address, "name"),
            first_name=reading.text(address, "first_name"),
            last_name=reading.text(address, "last_name"),
            phone_number=reading.text(address, "phone_number"),
            address_detail=reading.text(address, "address_detail"),
            lines=(
                reading.text(address, "address_line1"),
                reading.text(address, "address_line2"),
                reading.text(address, "address_line3"),
                reading.text(address, "address_line4"),
            ),
            postal_code=reading.text(address, "postal_code"),
            region_code=reading.text(address, "region_code"),
            post_town=reading.text(address, "post_town"),
            districts=tuple(_district(item) for item in reading.records(address, "district_info")),
            drop_off_location=reading.text(preferences, "drop_off_location"),
        )
    except BadShape as problem:
        raise problem.inside("recipient_address") from None


def _district(raw: Mapping[str, Any]) -> District:
    return District(
        level=reading.text(raw, "address_level").upper(),
        level_name=reading.text(raw, "address_level_name"),
        name=reading.text(raw, "address_name"),
        iso_code=reading.text(raw, "iso_code"),
    )
