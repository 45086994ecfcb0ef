"""What the simulated shop remembers: orders, their units and parts, packages, addresses.

One `Unit` is one line item of the wire, there is no quantity. Statuses are the vendor's words. `Order.cached` holds
rendered JSON by variant and is thrown away on every change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

SHIPPED_RANK = {"AWAITING_COLLECTION": 1, "IN_TRANSIT": 2, "DELIVERED": 3, "COMPLETED": 4}
"""The statuses a shipped unit goes through, in order."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an order goes, in the clear."""

    first_name: str = "Sam"
    last_name: str = "Sample"
    phone: str = "(+1)2135550100"
    line1: str = "100 Sim Street"
    line2: str = "Apt 2"
    city: str = "Los Angeles"
    county: str = "Los Angeles"
    state: str = "California"
    state_code: str = "CA"
    postal_code: str = "90001"
    country: str = "United States"
    region_code: str = "US"


@dataclass(slots=True)
class Part:
    """One physical sub-item of a bundle's unit."""

    id: str
    sku_id: str
    seller_sku: str
    product_id: str
    product_name: str
    price: Decimal
    status: str = "UNPAID"
    package_id: str = ""


@dataclass(slots=True)
class Unit:
    """One line item. `static` is its unchanging JSON, without the braces."""

    id: str
    sku_id: str
    seller_sku: str
    static: str
    status: str = "UNPAID"
    package_id: str = ""
    shipped_ms: int | None = None
    cancel_user: str = ""
    cancel_reason: str = ""
    parts: list[Part] = field(default_factory=list)
    recipe: list[dict[str, str | int]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Not cancelled."""
        return self.status != "CANCELLED"

    @property
    def shipped(self) -> bool:
        """On its way, or further."""
        return self.status in SHIPPED_RANK


@dataclass(slots=True)
class Package:
    """What goes out together; `unit_ids` are line items, `part_ids` sub-items of bundles shipped apart.

    `also`: further orders whose units are inside, when the seller (or the platform) combined them.
    """

    id: str
    order_id: str
    unit_ids: list[str]
    create_ms: int
    update_ms: int
    part_ids: list[str] = field(default_factory=list)
    status: str = "TO_FULFILL"
    tracking_number: str = ""
    provider_id: str = ""
    provider_name: str = ""
    handover_method: str = ""
    shipped_ms: int | None = None
    corrections: int = 0
    also: list[str] = field(default_factory=list)

    @property
    def order_ids(self) -> list[str]:
        """Every order with units inside."""
        return [self.order_id, *self.also]


@dataclass(slots=True)
class Order:
    """One order. `static` is its unchanging JSON, without the braces; `version` counts changes."""

    id: str
    user_id: str
    order_type: str
    fulfillment_type: str
    shipping_type: str
    delivery_option_id: str
    warehouse_id: str
    status: str
    create_ms: int
    update_ms: int
    address: Address
    units: list[Unit]
    static: str
    paid_ms: int | None = None
    release_ms: int | None = None
    """A pre-order's release."""
    went_on_hold: bool = False
    hold_until_ms: int | None = None
    completed_ms: int | None = None
    delivered_ms: int | None = None
    collected_ms: int | None = None
    cancelled_ms: int | None = None
    cancel_requested_ms: int | None = None
    """A buyer's cancel request that waits for an answer."""
    cancel_reason: str = ""
    cancel_initiator: str = ""
    address_updated: bool = False
    split: bool = False
    combined: bool = False
    """Its units share a package with those of another order."""
    combine_group: str = ""
    """Set when the platform combined it by itself."""
    handling_days: int | None = None
    """How long making or getting it takes, where that is told."""
    package_ids: list[str] = field(default_factory=list)
    version: int = 0
    cached: dict[tuple[str, str], str] = field(default_factory=dict)

    def live(self) -> Iterator[Unit]:
        """The units that are not cancelled."""
        return (unit for unit in self.units if unit.live)

    @property
    def digital(self) -> bool:
        """Whether there is nothing to ship."""
        return self.shipping_type == "TIKTOK_DIGITAL" or self.order_type == "VIRTUAL_ORDER"

    def unit(self, unit_id: str) -> Unit | None:
        """One of its line items."""
        return next((unit for unit in self.units if unit.id == unit_id), None)

    def settle_status(self) -> None:
        """Take the order's status from its units: partly shipped, the least advanced of them, or cancelled."""
        live = [unit.status for unit in self.live()]
        if not live:
            self.status = "CANCELLED"
            return
        moved = [status for status in live if status in SHIPPED_RANK]
        if len(moved) == len(live):
            self.status = min(moved, key=lambda status: SHIPPED_RANK[status])
        elif moved:
            self.status = "PARTIALLY_SHIPPING"
