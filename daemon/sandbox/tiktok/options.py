"""How the simulated TikTok Shop is set up: one shop, one app, and the switches for behaviour that no page promises.

The defaults are a US shop with a hold of one hour and the vendor's documented limits, a search index that lags, rows
that repeat and members that are left out at random. Everything may be changed while the service runs; tests and the
control API do. Durations here are milliseconds of the service's clock, because scenarios are written in them.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

ALL_SCOPES = (
    "seller.authorization.info",
    "seller.shop.info",
    "seller.order.info",
    "seller.order.ext_ref.read",
    "seller.order.ext_ref.write",
    "seller.fulfillment.basic",
    "seller.fulfillment.package.write",
    "seller.logistics",
    "seller.product.basic",
    "seller.product.write",
    "seller.return_refund.basic",
    "seller.finance.info",
    "seller.customer_service",
)
"""What a grant covers unless it says otherwise."""

MARK_REGIONS = frozenset({"US", "GB", "ES", "IE", "IT", "DE", "FR", "JP"})
"""Where Mark Package As Shipped works; elsewhere a seller uses Ship Package (contract 5.1)."""

LATE_PACKAGE_REGIONS = frozenset({"US", "GB"})
"""Where an order has no package before it is shipped (contract 4.3)."""


@dataclass(slots=True)
class TikTokOptions:
    """One simulated shop. Probabilities are 0..1, instants and durations milliseconds."""

    app_key: str = "simappkey01"
    app_secret: str = "simsecret0123456789abcdef"  # noqa: S105 (the contract's own example)
    service_id: str = "7300000000000000001"
    redirect_url: str = "http://127.0.0.1/callback"
    """Where the authorize page sends the browser; fixed at the vendor, not a parameter."""
    auto_approve: bool = False
    """The authorize page redirects at once instead of asking."""
    shop_id: str = "7495000000000000001"
    shop_name: str = "Sim Shop US"
    shop_code: str = "USSIM00001"
    shop_cipher: str = "ROW_c2ltLXNob3AtMQ"
    seller_type: str = "LOCAL"
    region: str = "US"
    currency: str = "USD"
    tax_rate: str = "0.07"
    shop_active: bool = True
    """False: every call answers 36009043."""

    pfand_in_price: bool = False
    """Deposits are part of the list price instead of being charged on top."""
    payment_discount_off: bool = True
    """The payment provider's discount has been taken off `total_amount`."""
    address_late_ms: int = 0
    """How long after the hold the address is still masked."""
    release_early_ms: int = 0
    """How long before its release a pre-order leaves ON_HOLD ("near `release_date`")."""

    hold_ms: int = HOUR_MS
    on_hold: bool = True
    """False: paid orders go straight to AWAITING_SHIPMENT and say `is_on_hold_order: false`."""
    unpaid_ms: int = DAY_MS
    """An unpaid order is cancelled by the platform after this."""
    scan_after_ms: int | None = None
    deliver_after_ms: int | None = None
    complete_after_ms: int | None = None
    """The carrier's and the platform's steps happen by themselves after these; None: only when an action says so."""

    cancel_takes_ms: int = 0
    """How long a seller's cancel is `SUCCESS` before its units are cancelled; 0: at once."""

    index_lag_ms: int = 30_000
    """A change reaches the search index after a random time up to this."""
    repeat_rows: float = 0.2
    """How likely a page starts with rows that the page before already had."""
    restless_rows: float = 0.02
    """How likely one row of a page changes while the search runs: it comes with a later `update_time`."""
    paging: str = "keyset"
    """`keyset`: a page goes on after the last row. `offset`: pages shift when rows move, and rows can be skipped."""
    page_token_ms: int = 10 * MINUTE_MS
    sparse: float = 0.5
    """How likely a member without content is left out instead of being sent empty."""

    requests_per_second: int | None = 50
    """Per operation; above it 429. None: no limit."""
    requests_per_hour: int | None = None
    """What a sandbox shop of the vendor is limited to (1000); above it 429 with 36009037."""

    products_newest_first: bool = True
    """The order of a product search; the vendor promises none."""
    required_attributes: tuple[str, ...] = ("Material",)
    """Names of the attributes that every category requires."""
    product_hits: int = 10_000
    """A product search that matches more is refused (12052180)."""
    audit_after_ms: int = 5_000
    """How long the audit of an activated product takes."""
    stock_touches_products: bool = False
    """Whether an inventory update moves the product's `update_time`."""
    inventory_refusals: str = "item"
    """`item`: a refused SKU is in `errors` and the others are done. `call`: the first refusal is the whole answer."""

    access_token_ms: int = 7 * DAY_MS
    grant_ms: int | None = None
    """How long a grant lives; None: until the year 2124, as seen live."""
    rotate_refresh: bool = True
    """A refresh hands out a new refresh token and the old one dies at once."""

    strict_webhook_address: bool = True
    """Only https, a domain name and no port, as at the vendor; off for a loopback demo."""
    app_webhook_url: str = ""
    """Where events go that the shop has set no address for."""
    webhook_duplicates: float = 0.0
    webhook_loss: float = 0.0
    webhook_jitter_ms: int = 0
    """Deliveries leave up to this much later, each on its own: they overtake each other."""

    service_calls_per_day: int | None = 10_000
    """Customer-service calls a day; above it 45101004. None: no limit."""
    service_day_starts_ms: int = 8 * HOUR_MS
    """When that day begins, after midnight UTC."""
    sensitive_words: tuple[str, ...] = ("whatsapp",)
    """A message with one of them is refused (45101006)."""

    split_units: bool | None = None
    """Whether units of one SKU may go into several packages; None: as the region has it."""
    split_after_ship: bool = False
    """An order may be split when a part of it has left; False: 21011035, for only AWAITING_SHIPMENT allows it."""
    drop_off: bool = True
    """Parcels with TikTok's label may be dropped off; False: they can only be picked up, in a slot."""
    corrections_allowed: int = 1
    """How often the tracking number of a package may be changed (contract 5.4: in general once)."""
    already_shipped_codes: tuple[int, ...] = (21011020,)
    """One of these answers a second shipping call; the vendor has several for it."""
    strict_tracking: bool = False
    """A tracking number that looks like another carrier's is refused (21004015) instead of warned about."""
    retired_versions: frozenset[str] = frozenset()
    """Versions (`fulfillment/202309`) or whole path templates that answer 36009014."""
    keep_calls: int = 200_000
    """How many calls are remembered; older ones are forgotten in halves."""

    @property
    def tax_on_top(self) -> bool:
        """Prices are before tax in the US; elsewhere tax is inside (contract 4.3, 14 #11)."""
        return self.region == "US"

    @property
    def unit_split(self) -> bool:
        """Whether units of one SKU may be shipped apart (contract 5.5)."""
        return self.region in MARK_REGIONS if self.split_units is None else self.split_units
