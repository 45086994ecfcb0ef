"""The simulated TikTok Shop: one shop, its buyers, its carriers and the API, as a pure state machine.

`handle` answers one call (`counter.py`); the other methods are what buyers, carriers, the owner and the platform do.
Nothing sleeps, nothing touches the network, and with the same seed, clock and calls everything comes out the same.
Shells around it ask `next_due_ms`, `deliveries_due` and report `delivery_result` for the webhooks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from daemon.clock import Clock
from daemon.sandbox.deliveries import Delivery
from daemon.sandbox.dice import beside
from daemon.sandbox.faults import Faults
from daemon.sandbox.recorded import Recorded
from daemon.sandbox.tiktok.book import OrderBook
from daemon.sandbox.tiktok.cancelling import Cancelling
from daemon.sandbox.tiktok.catalogue import Catalogue
from daemon.sandbox.tiktok.checkout import Checkout
from daemon.sandbox.tiktok.conversations import Conversations
from daemon.sandbox.tiktok.counter import Counter, Handler
from daemon.sandbox.tiktok.evidence import remembered
from daemon.sandbox.tiktok.external import ExternalOrders
from daemon.sandbox.tiktok.fulfillment import Fulfillment
from daemon.sandbox.tiktok.gateway import Gateway
from daemon.sandbox.tiktok.grants import Grants
from daemon.sandbox.tiktok.kinds import checked, kind_of
from daemon.sandbox.tiktok.logistics import Logistics
from daemon.sandbox.tiktok.market import Market
from daemon.sandbox.tiktok.options import ALL_SCOPES, TikTokOptions
from daemon.sandbox.tiktok.packing import Packing
from daemon.sandbox.tiktok.pricing import Fees, Shipping, UnitSpec
from daemon.sandbox.tiktok.records import Address, Order
from daemon.sandbox.tiktok.seller import Seller
from daemon.sandbox.tiktok.stock import Stock
from daemon.sandbox.tiktok.webhooks import Webhooks
from daemon.sandbox.wire import Call, Reply


class TikTokSandbox:
    """One simulated shop; see `TikTokOptions` for its switches."""

    def __init__(
        self,
        clock: Clock,
        rng: Random | None = None,
        faults: Faults | None = None,
        options: TikTokOptions | None = None,
    ) -> None:
        self.clock = clock
        self.rng = rng or Random(17)
        self.faults = faults or Faults()
        self.options = options or TikTokOptions()
        self.grants = Grants(self.options, self.rng)
        self.webhooks = Webhooks(self.options, self.rng)
        self.book = OrderBook(self.options, self.rng)
        self.logistics = Logistics(self.options)
        self.catalogue = Catalogue(self.options, beside(self.rng, "catalogue"), self.webhooks)
        self.stock = Stock(self.options, self.catalogue, self.logistics, self.webhooks)
        self.market = Market(self.options, self.rng, self.book, self.webhooks, self.stock)
        self.seller = Seller(self.catalogue, self.stock, self.logistics, self._now)
        self.actors = (self.seller,)
        self.fulfillment = Fulfillment(self.market, self.logistics, self.rng)
        self.cancelling = Cancelling(self.market, self.rng)
        self.packing = Packing(self.market, self.fulfillment)
        self.conversations = Conversations(self.options, self.rng, self.book)
        self.external = ExternalOrders(self.book)
        self.gateway = Gateway(self.options, self.grants)
        self._handlers: dict[str, Handler] = {
            "shops.list": self.grants.shops,
            "orders.search": self.book.search,
            "orders.detail": self.book.details,
            "packages.mark_shipped": self.fulfillment.mark_shipped,
            "packages.ship": self.fulfillment.ship,
            "packages.get": self.fulfillment.detail,
            "packages.search": self.fulfillment.search,
            "packages.update_tracking": self.fulfillment.update_tracking,
            "orders.update_tracking": self.fulfillment.update_tracking,
            "packages.hand_over": self.fulfillment.hand_over,
            "packages.split": self.packing.split,
            "packages.split_attributes": self.packing.split_attributes,
            "packages.combinable": self.packing.combinable,
            "packages.combine": self.packing.combine,
            "packages.uncombine": self.packing.uncombine,
            "providers.list": self.logistics.list_providers,
            "warehouses.list": self.logistics.list_warehouses,
            "references.add": self.external.add,
            "references.get": self.external.get,
            "conversations.open": self.conversations.open,
            "messages.send": self.conversations.send,
            "messages.list": self.conversations.messages,
            "webhooks.list": self.webhooks.list,
            "webhooks.set": self.webhooks.set,
            "webhooks.delete": self.webhooks.delete,
            "cancellations.search": self.cancelling.search,
            "cancellations.cancel": self.cancelling.cancel,
            "cancellations.approve": self.cancelling.approve,
            "cancellations.reject": self.cancelling.reject,
            "cancellations.reject_reasons": self.cancelling.reject_reasons,
            "cancellations.eligibility": self.cancelling.eligibility,
            "prerequisites.check": self.logistics.prerequisites,
            "products.search": self.catalogue.search,
            "products.get": self.catalogue.detail,
            "categories.attributes": self.catalogue.attributes,
            "products.activate": self.catalogue.activate,
            "products.deactivate": self.catalogue.deactivate,
            "inventory.search": self.stock.search,
            "inventory.update": self.stock.update,
            "fbt.warehouses": self.logistics.list_platform,
        }
        self._counter = Counter(
            self.options, self.rng, self.faults, self.grants, self.gateway, self._handlers, self._now
        )
        self.calls = self._counter.calls

    def handle(self, call: Call) -> Reply:
        """Answer one call; never raises for anything a client can send."""
        return self._counter.handle(call)

    # -- time and webhooks

    def _now(self) -> int:
        now_ms = self.clock.now_ms()
        self.market.tick(now_ms)
        self.catalogue.tick(now_ms)
        return now_ms

    def next_due_ms(self) -> int | None:
        """When something happens by itself: a hold ends, a delivery leaves. None: nothing is waiting."""
        waiting = (self.market.next_due_ms(), self.catalogue.next_due_ms(), self.webhooks.out.next_due_ms())
        return min((due_ms for due_ms in waiting if due_ms is not None), default=None)

    def deliveries_due(self, now_ms: int) -> list[Delivery]:
        """The webhooks to POST now; report each with `delivery_result`."""
        self.market.tick(now_ms)
        self.catalogue.tick(now_ms)
        self._counter.land(now_ms)
        return self.webhooks.out.due(now_ms)

    def delivery_result(self, delivery_id: int, ok: bool) -> None:
        """Whether the receiver answered 200 within three seconds; otherwise the ladder goes on."""
        self.webhooks.out.result(delivery_id, ok=ok, now_ms=self.clock.now_ms())

    # -- what buyers, carriers and the platform do

    def place_order(
        self,
        skus: Sequence[UnitSpec | str | dict[str, Any]] = ("SKU-A",),
        *,
        paid: bool = True,
        order_id: str = "",
        shipping: Shipping | Mapping[str, str] | None = None,
        fees: Fees | Mapping[str, str] | None = None,
        address: Address | Mapping[str, str] | None = None,
        kind: str = "",
        flags: Mapping[str, Any] | None = None,
        order_type: str = "",
        sample: bool = False,
        release_ms: int | None = None,
        fulfillment_type: str = "",
        shipping_type: str = "",
        buyer_id: str = "7021436810468230477",
        buyer_message: str = "",
        ago_ms: int = 0,
    ) -> str:
        """A buyer checks out: one entry of `skus` is one unit. Returns the order's id.

        What is a dataclass here may also be a mapping with its names, for callers that speak JSON. `kind` is one of
        `kinds.KINDS`; types and flags that are given beside it win.
        `ago_ms`: it was that long ago, and what its age brings (the end of the hold) has happened; seen first now.
        """
        of = kind_of(kind)
        if of.free and shipping is None:
            shipping = Shipping(fee="0")
        where = address if isinstance(address, Address) else self._address(address or {})
        charged = shipping if isinstance(shipping, Shipping) else Shipping(**(shipping or {}))
        checkout = Checkout(
            skus=skus,
            paid=paid,
            order_id=order_id,
            shipping=charged,
            fees=fees if isinstance(fees, Fees) else Fees(**(fees or {})),
            address=where,
            order_type=order_type or of.order_type,
            flags=checked({**of.flags, **({"is_sample_order": True} if sample else {}), **(flags or {})}),
            free=of.free,
            release_ms=release_ms,
            fulfillment_type=fulfillment_type or of.fulfillment_type,
            shipping_type=shipping_type or of.shipping_type,
            buyer_id=buyer_id,
            buyer_message=buyer_message,
        )
        now_ms = self._now()
        order = self.market.place(checkout, now_ms - ago_ms)
        if ago_ms:
            self.market.tick(now_ms)
            self.book.touch(order, now_ms)
        return order.id

    def pay(self, order_id: str) -> None:
        """The payment of an unpaid order comes through."""
        self.market.pay(self.order(order_id), self._now())

    def change_address(self, order_id: str, address: Address | Mapping[str, str]) -> None:
        """The buyer edits the address."""
        where = address if isinstance(address, Address) else self._address(address)
        self.market.change_address(self.order(order_id), where, self._now())
        self.packing.address_changed(self.order(order_id), self._now())

    def cancel_order(self, order_id: str, *, by: str = "BUYER", reason: str = "") -> None:
        """The whole order is cancelled at once; `by` BUYER, SELLER or SYSTEM."""
        self.market.cancel(self.order(order_id), by, reason, (), self._now())

    def remove_unit(self, order_id: str, unit_id: str, *, by: str = "SELLER", reason: str = "") -> None:
        """One line item is cancelled."""
        self.market.cancel(self.order(order_id), by, reason, (unit_id,), self._now())

    def request_cancel(self, order_id: str, unit_ids: Sequence[str] = ()) -> None:
        """The buyer asks to cancel all or some units; without an answer it is granted after 24 h (US) or 48 h."""
        self.market.request_cancel(self.order(order_id), self._now(), unit_ids)

    def refuse_cancel(self, order_id: str) -> None:
        """The seller turns the buyer's request down in Seller Center, or the buyer takes it back."""
        self.market.refuse_cancel(self.order(order_id), self._now())

    def carrier_scan(self, order_id: str, package_id: str = "") -> None:
        """The carrier picks up: IN_TRANSIT, for one package or all that wait."""
        self.market.advance(self.order(order_id), "IN_TRANSIT", self._now(), package_id)

    def deliver(self, order_id: str, package_id: str = "") -> None:
        """The carrier delivers."""
        self.market.advance(self.order(order_id), "DELIVERED", self._now(), package_id)

    def complete(self, order_id: str) -> None:
        """The return window is over."""
        self.market.advance(self.order(order_id), "COMPLETED", self._now())

    def write_as_buyer(self, text: str, buyer_id: str = "7021436810468230477") -> str:
        """The buyer writes to the shop's customer service; the id of the message."""
        return self.conversations.write_as_buyer(buyer_id, text, self._now())

    def _address(self, members: Mapping[str, str]) -> Address:
        return Address(**{"region_code": self.options.region, **members})

    def touch(self, order_id: str) -> None:
        """Something changed that nobody can see; only `update_time` moves."""
        self.book.touch(self.order(order_id), self._now())

    def order(self, order_id: str) -> Order:
        """An order as the shop remembers it; raises `Refused` for an unknown id."""
        return self.book.order(order_id)

    def shown(self, order_id: str) -> dict[str, Any]:
        """An order as its detail shows it now."""
        shown: dict[str, Any] = json.loads(self.book.shown(order_id, self._now()))
        return shown

    # -- what people do in Seller Center

    def split_packages(self, order_id: str, groups: Sequence[Sequence[str]]) -> list[str]:
        """The seller puts these line items into packages of their own; the ids of the packages."""
        return self.packing.split_by_seller(self.order(order_id), groups, self._now())

    def combine_orders(self, order_ids: Sequence[str], *, by_platform: bool = False) -> str:
        """The seller (or the platform, by itself) puts orders into one package; its id."""
        orders = [self.order(order_id) for order_id in order_ids]
        return self.packing.combine_orders(orders, by_platform=by_platform, now_ms=self._now()).id

    def uncombine_orders(self, package_id: str, order_ids: Sequence[str] = ()) -> None:
        """The seller takes orders out of a package that they share; all when none is named."""
        package = self.book.packages[package_id]
        self.packing.take_out(package, order_ids or package.order_ids, "CANCEL_COMBINE", "ROLE_SELLER", self._now())

    def ship_by_hand(self, order_id: str, number: str = "", unit_ids: Sequence[str] = ()) -> str:
        """Somebody ships in Seller Center or with another app; "" for a label that TikTok numbers. The package's id."""
        return self.fulfillment.by_hand(self.order(order_id), number, unit_ids, self._now())

    # -- what the owner does

    def tokens(self, scopes: tuple[str, ...] = ALL_SCOPES) -> dict[str, Any]:
        """A grant and its token pair, without the detour over a code."""
        return self.grants.issue_pair(self._now(), scopes)

    def issue_code(self, scopes: tuple[str, ...] = ALL_SCOPES) -> str:
        """The owner approves the app: an authorization code."""
        return self.grants.issue_code(self._now(), scopes)

    def revoke_grant(self) -> None:
        """The owner disconnects the app; tokens die and webhook 6 leaves."""
        self.grants.revoke()
        self.webhooks.emit("SELLER_DEAUTHORIZATION", {"message": "The seller has removed the app."}, self._now())

    def announce_expiry(self, expires_s: int) -> None:
        """Webhook 7: the grant ends soon."""
        data = {"message": "The authorization expires soon.", "expiration_time": str(expires_s)}
        self.webhooks.emit("UPCOMING_AUTHORIZATION_EXPIRATION", data, self._now())

    def expire_access_tokens(self) -> None:
        """Every access token handed out so far has expired; refresh tokens still work."""
        self.grants.expire_access()

    def rotate_cipher(self, cipher: str) -> None:
        """The shop has a new cipher; the old one answers 101000 from now on."""
        self.gateway.stale_ciphers.add(self.options.shop_cipher)
        self.gateway.stale_ciphers.discard(cipher)
        self.options.shop_cipher = cipher

    # -- evidence

    def state(self) -> dict[str, Any]:
        """What the shop remembers, in short."""
        return remembered(
            self.book,
            self.market.cancellations,
            self.catalogue,
            self.webhooks,
            self.conversations.of_buyer,
            self.external.of_order,
        )

    def called(self, operation: str, *, effective: bool = False) -> list[Recorded]:
        """The recorded calls of one operation; with `effective` only those that did what was asked."""
        return [call for call in self.calls if call.operation == operation and (call.effective or not effective)]
