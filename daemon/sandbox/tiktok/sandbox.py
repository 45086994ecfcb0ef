"""The simulated TikTok Shop: one shop, its buyers, its carriers and the API, as a pure state machine.

`handle` answers one call; the methods below it are what buyers, carriers, the owner and the platform do. Nothing
sleeps, nothing touches the network, and with the same seed, clock and calls everything comes out the same. Shells
around it ask `next_due_ms`, `deliveries_due` and report `delivery_result` for the webhooks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import formatdate
from random import Random
from typing import Any

from daemon.clock import Clock
from daemon.sandbox.deliveries import Delivery
from daemon.sandbox.dice import beside
from daemon.sandbox.faults import PAGE_FAULTS, REFUSALS, Fault, FaultKind, Faults, distort, lost_before
from daemon.sandbox.recorded import Recorded
from daemon.sandbox.tiktok.book import OrderBook
from daemon.sandbox.tiktok.cancelling import Cancelling
from daemon.sandbox.tiktok.catalogue import Catalogue
from daemon.sandbox.tiktok.conversations import Conversations
from daemon.sandbox.tiktok.external import ExternalOrders
from daemon.sandbox.tiktok.fulfillment import Fulfillment
from daemon.sandbox.tiktok.gateway import Gateway
from daemon.sandbox.tiktok.grants import Grants
from daemon.sandbox.tiktok.kinds import checked, kind_of
from daemon.sandbox.tiktok.logistics import Logistics
from daemon.sandbox.tiktok.market import Checkout, Market
from daemon.sandbox.tiktok.options import ALL_SCOPES, TikTokOptions
from daemon.sandbox.tiktok.packing import Packing
from daemon.sandbox.tiktok.pricing import Fees, Shipping, UnitSpec
from daemon.sandbox.tiktok.records import Address, Order
from daemon.sandbox.tiktok.seller import Seller
from daemon.sandbox.tiktok.shapes import Ask, Refused, encode
from daemon.sandbox.tiktok.stock import Stock
from daemon.sandbox.tiktok.webhooks import Webhooks
from daemon.sandbox.wire import Call, Loss, Reply

TOKEN_PATHS = {"/api/v2/token/get": "token.get", "/api/v2/token/refresh": "token.refresh"}
AUTHORIZE_PATHS = ("/open/authorize", "/oauth/authorize")
SECRET_PARAMS = frozenset({"app_secret", "auth_code", "refresh_token", "sign", "access_token"})
FAULT_ANSWERS = {
    FaultKind.RATE_LIMIT: (429, 36009002, "Too many requests"),
    FaultKind.SERVER_ERROR: (500, 36009003, "Internal error. Please try again."),
    FaultKind.UNAVAILABLE: (503, 36009003, "Service is overloaded"),
}


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
        self.calls: list[Recorded] = []
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
        self._requests = 0
        self._handlers: dict[str, Callable[[Ask], dict[str, Any] | str]] = {
            "shops.list": self._shops,
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

    # -- the API

    def handle(self, call: Call) -> Reply:
        """Answer one call; never raises for anything a client can send."""
        now_ms = self._now()
        if call.path in AUTHORIZE_PATHS:
            return self.grants.authorize(call, now_ms)
        operation, ready = self._operation(call)
        fault = self.faults.pick(operation, now_ms, self.rng)
        if fault is not None and fault.kind is FaultKind.RESET:
            self._record(call, operation, now_ms, 0, -1, {}, fault, Loss.BEFORE)
            return lost_before(fault)
        headers: dict[str, str] = {}
        body: dict[str, Any] = {}
        success = "success" if operation.startswith("token.") else "Success"
        if fault is not None and fault.kind in REFUSALS:
            known = FAULT_ANSWERS.get(fault.kind, (fault.status or 200, fault.code, fault.message))
            status, code, message, data = known[0], fault.code or known[1], fault.message or known[2], "null"
            headers = fault.headers(now_ms)
        else:
            try:
                body, data = ready(now_ms)
                status, code, message = 200, 0, success
            except Refused as refusal:
                status, code, message, data = refusal.status, refusal.code, refusal.message, "null"
                body = _tried(call)
        if fault is not None and fault.kind is FaultKind.NULL_DATA:
            data = "null"
        elif fault is not None and fault.kind in PAGE_FAULTS and code == 0:
            data = _spoiled(data, fault.kind)
        reply = self._reply(status, code, message, data, now_ms, headers)
        reply = distort(reply, fault)
        self._record(call, operation, now_ms, status, code, body, fault, reply.loss)
        return reply

    def _operation(self, call: Call) -> tuple[str, Callable[[int], tuple[dict[str, Any], str]]]:
        token = TOKEN_PATHS.get(call.path)
        if token is not None and call.method == "GET":
            issue = self.grants.token_get if token == "token.get" else self.grants.token_refresh  # noqa: S105
            return token, lambda now_ms: ({}, _text(issue(call, now_ms)))
        try:
            route, values = self.gateway.route(call)
        except Refused as refusal:
            return "unknown", _raiser(refusal)

        def run(now_ms: int) -> tuple[dict[str, Any], str]:
            ask = self.gateway.admit(call, route, values, now_ms)
            return ask.body, _text(self._handlers[route.operation](ask))

        return route.operation, run

    def _reply(self, status: int, code: int, message: str, data: str, now_ms: int, headers: dict[str, str]) -> Reply:
        self._requests += 1
        stamp = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y%m%d%H%M%S")
        request_id = f"{stamp}{self._requests:020X}"
        head = f'{{"code":{code},"message":{encode(message)},"request_id":"{request_id}","data":'
        headers = {"content-type": "application/json", "date": formatdate(now_ms // 1000, usegmt=True), **headers}
        return Reply(status, f"{head}{data}}}".encode(errors="replace"), headers)

    def _record(
        self,
        call: Call,
        operation: str,
        now_ms: int,
        status: int,
        code: int,
        body: dict[str, Any],
        fault: Fault | None,
        loss: Loss,
    ) -> None:
        query = {name: value for name, value in call.query if name not in SECRET_PARAMS}
        struck = fault.kind.value if fault else ""
        self.calls.append(Recorded(now_ms, operation, call.method, call.path, status, code, body, query, struck, loss))
        if len(self.calls) > self.options.keep_calls:
            del self.calls[: len(self.calls) // 2]

    def _shops(self, ask: Ask) -> dict[str, Any]:
        options = self.options
        shop = {
            "id": options.shop_id,
            "name": options.shop_name,
            "region": options.region,
            "seller_type": options.seller_type,
            "cipher": options.shop_cipher,
            "code": options.shop_code,
        }
        return {"shops": [shop]}

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
        orders = {
            order.id: {
                "status": order.status,
                "update_ms": order.update_ms,
                "units": {unit.id: [unit.seller_sku, unit.status, unit.package_id] for unit in order.units},
            }
            for order in self.book.orders.values()
        }
        packages = {
            package.id: [package.order_id, package.status, package.tracking_number, package.provider_name]
            for package in self.book.packages.values()
        }
        cancellations = {
            one.id: [one.order_id, one.kind, one.status, *one.unit_ids]
            for one in self.market.cancellations.by_id.values()
        }
        hooks = {event: item.address for event, item in self.webhooks.registered.items()}
        waiting = [item.as_json() for item in self.webhooks.out.waiting.values()]
        said = {
            talk.buyer_id: [[one.kind, one.role, one.content] for one in talk.said]
            for talk in self.conversations.of_buyer.values()
        }
        return {
            "orders": orders,
            "packages": packages,
            "cancellations": cancellations,
            "webhooks": hooks,
            "deliveries": waiting,
            "messages": said,
            "references": self.external.of_order,
        }

    def called(self, operation: str, *, effective: bool = False) -> list[Recorded]:
        """The recorded calls of one operation; with `effective` only those that did what was asked."""
        return [call for call in self.calls if call.operation == operation and (call.effective or not effective)]


def _text(data: dict[str, Any] | str) -> str:
    return data if isinstance(data, str) else encode(data)


def _spoiled(data: str, kind: FaultKind) -> str:
    """The data of a page with a fault that nobody can see."""
    if kind is FaultKind.EMPTY_LIST:
        return "{}"
    members = json.loads(data)
    members.pop("next_page_token", None)
    return encode(members)


def _raiser(refusal: Refused) -> Callable[[int], tuple[dict[str, Any], str]]:
    def fail(now_ms: int) -> tuple[dict[str, Any], str]:
        raise refusal

    return fail


def _tried(call: Call) -> dict[str, Any]:
    try:
        body = json.loads(call.body) if call.body else {}
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
