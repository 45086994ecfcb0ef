"""What the public evidence leaves open about Pipe17, as switches, and the few rules an organisation sets for itself.

The defaults are the assumptions the connector is written for; every test layer may turn any of them, also while the
sandbox runs and through the control API, which speaks JSON: so this one dataclass is not frozen, choices are words, and
durations are milliseconds of the service's clock. Nothing here adds an ability that no public source shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Duplicate(StrEnum):
    """How a second create with an external order id that exists is refused."""

    CONFLICT = "409"
    BAD_REQUEST = "400"
    ITEM_FAILED = "failed"
    """200 with `success: false` and a per-item result."""


class Creation(StrEnum):
    """How a create is answered."""

    SYNCHRONOUS = "200"
    ACCEPTED = "202"
    """202 without the record, which exists `accepted_after_ms` later."""


class EditsUntil(StrEnum):
    """Up to when an address or the lines of an order may be changed through the API."""

    ROUTED = "routed"
    """The first shipping request exists."""
    SENT = "sent"
    """The first shipping request is with a warehouse."""
    FINAL = "final"
    """The order is fulfilled, canceled or archived."""


class Tracking(StrEnum):
    """Under which name and in which type a fulfillment carries its tracking."""

    ARRAY = "trackingNumber[]"
    TEXT = "trackingNumber"
    PLURAL_ARRAY = "trackingNumbers[]"
    PLURAL_TEXT = "trackingNumbers"


class HoldFrom(StrEnum):
    """Where the clock of the organisation's hold rule starts."""

    INGEST = "ingest"
    CHANNEL = "channel"
    """`extOrderCreatedAt`."""


class Totals(StrEnum):
    """How `totals=true` on the inventory list is answered."""

    SUMS = "sums"
    IGNORED = "ignored"
    """As if it had not been there, with rows of locations."""
    NONE = "none"
    """200 without rows."""
    REFUSED = "400"
    FORBIDDEN = "403"
    UNKNOWN = "404"


TOTALS_MEMBERS = ("onHand", "committed", "available", "availableToPromise", "future", "committedFuture", "incoming")

CHANNEL_GRANTS: Mapping[str, str] = {
    "orders": "crul",
    "shipments": "rl",
    "fulfillments": "rl",
    "webhooks": "crul",
    "products": "crul",
    "inventory": "rl",
    "locations": "crul",
}
"""What the key of a selling channel may do: create, read, update, delete, list."""


@dataclass(slots=True, kw_only=True)
class Pipe17Options:
    """The organisation, its key and the open questions."""

    base_path: str = "/api/v3"
    api_key: str = "5f1d6c0f9be24a7782c3a1d0e94b6f57"
    integration: str = "b7712ce05d9f3a48"
    """The integration the key belongs to; it is written on every record the key creates."""
    org_key: str = "90aa17c34e5bd2f1"
    grants: Mapping[str, str] = field(default_factory=lambda: dict(CHANNEL_GRANTS))
    org_wide: bool = True
    """Whether the key also sees records of other integrations."""

    duplicate: Duplicate = Duplicate.CONFLICT
    creation: Creation = Creation.SYNCHRONOUS
    accepted_after_ms: int = 2_000
    echo_updates: bool = True
    """Whether the answer to a PUT holds the record."""
    edits_until: EditsUntil = EditsUntil.SENT
    refuse_lowering: bool = False
    """Whether a PUT that takes the status back (sentToFulfillment to new) gets 400; else it is done, and audited."""

    default_count: int = 100
    max_count: int = 500
    sort_keys: tuple[str, ...] = ("createdAt", "updatedAt")
    since_exclusive: bool = False
    """Whether `since` and `updatedSince` leave out the instant they name."""
    list_lag_ms: int = 0
    """Longest time a list goes on showing the old state of a record; each change draws its own between 0 and this."""

    hold_rule_ms: int = 0
    """The organisation's rule for new orders: how long they are held (0: not at all)."""
    hold_from: HoldFrom = HoldFrom.INGEST
    releases_connector_holds: bool = False
    """Whether the hold engine also releases, at `holdUntil`, an order that its creator put on hold."""
    automation_after_ms: int = 1_000
    """How long an order stays `new` before automation looks at it."""
    routing_after_ms: int = 1_000
    """How long an order stays `readyForFulfillment` before it has shipping requests."""

    request_per_line: bool = False
    """Whether each line gets its own shipping request."""
    bundles: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """Bundle SKU to its parts and their quantities; shipping requests hold the parts."""
    location: str = "5ad3709be8c41f26"
    warehouse_integration: str = "e1054fa97c02d8b6"
    tracking: Tracking = Tracking.ARRAY
    fulfillment_names_channel: bool = True
    """Whether fulfillments carry `orderIntegration`."""

    other_keys: tuple[str, ...] = ()
    """More keys of the organisation; one of them may be registered with a webhook."""
    webhook_echoes_key: bool = True
    """Whether deliveries carry the registered key in `X-Pipe17-Key`."""
    webhook_names_plural: bool = True
    """Whether `entity` in a delivery is `orders`, or `order`."""
    webhook_ladder_ms: tuple[int, ...] = ()
    """How long after each failure a delivery comes again."""
    webhook_duplicates: float = 0.0
    webhook_loss: float = 0.0
    webhook_jitter_ms: int = 0
    """Deliveries leave up to this much later, each on its own: they overtake each other."""
    commits_at: str = "routed"
    """When an order commits stock: `routed` with its shipping requests, `created` with the order itself."""
    totals_since: bool = False
    """Whether `totals` can be combined with `updatedSince`; else 400."""
    excluded_locations: tuple[str, ...] = ()
    """Locations that totals leave out; nothing else in the API says so."""
    totals: Totals = Totals.SUMS
    totals_members: tuple[str, ...] = TOTALS_MEMBERS
    """What a totals row sums up; it is not known which members it carries."""
    keeps_external_system: bool = True
    """Whether a location keeps `externalSystem`; else it is dropped like any unknown member."""
    foreign_product_status: int = 403
    """The answer to a change of a product of another integration."""

    record_bodies: bool = True
    """Whether `calls` keeps the bodies of requests; benchmarks turn it off."""
    keep_calls: int = 200_000
    """Beyond this the older half of `calls` is forgotten."""
