"""What buyers, carriers and the platform do to orders, and what happens by itself when time passes.

    UNPAID -> ON_HOLD -> AWAITING_SHIPMENT -> (PARTIALLY_SHIPPING) -> AWAITING_COLLECTION -> IN_TRANSIT -> DELIVERED
           -> COMPLETED, and CANCELLED from everything before the carrier has it (contract 4.2)

Timers run on the service's clock: the hold ends, an unpaid order is given up, a cancel request without an answer is
granted. `tick` carries out what is due, at the instant it was due. Every change bumps `update_time` and queues the
webhooks that the vendor would send (`news.py`). An action that the vendor would not allow raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from random import Random

from daemon.sandbox.tiktok import pricing
from daemon.sandbox.tiktok.book import OrderBook
from daemon.sandbox.tiktok.cancellations import (
    COMPLETE,
    PENDING,
    SUCCESS,
    WITHDRAWN,
    Cancellation,
    CancellationBook,
)
from daemon.sandbox.tiktok.checkout import Checkout, ordered
from daemon.sandbox.tiktok.news import News
from daemon.sandbox.tiktok.options import DAY_MS, LATE_PACKAGE_REGIONS, TikTokOptions
from daemon.sandbox.tiktok.records import Address, Order, Package
from daemon.sandbox.tiktok.shapes import Refused
from daemon.sandbox.tiktok.stock import Stock
from daemon.sandbox.tiktok.webhooks import Webhooks

CANCEL_TEXTS = {"BUYER": "No longer needed", "SELLER": "Out of stock", "SYSTEM": "Payment was not completed"}
CARRIER_STEPS = {
    "IN_TRANSIT": ("AWAITING_COLLECTION", "FULFILLING"),
    "DELIVERED": ("IN_TRANSIT", "COMPLETED"),
    "COMPLETED": ("DELIVERED", "COMPLETED"),
}
"""Where a unit must be to get to a status, and what its package then says."""


class Market:
    """The life of one shop's orders."""

    def __init__(self, options: TikTokOptions, rng: Random, book: OrderBook, webhooks: Webhooks, stock: Stock) -> None:
        self.options = options
        self.book = book
        self._rng = rng
        self.cancellations = CancellationBook()
        self.news = News(book, webhooks)
        self._stock = stock
        self._timers: list[tuple[int, int, str, str]] = []
        self._numbers = 0
        self._last_id = 576_461_413_038_000_000

    def new_id(self) -> str:
        """An 18-digit id, larger than every one before."""
        self._last_id += self._rng.randint(1, 99_999)
        return str(self._last_id)

    def tick(self, now_ms: int) -> None:
        """Everything that became due, in order, each at its own instant."""
        while self._timers and self._timers[0][0] <= now_ms:
            due_ms, _, order_id, what = heappop(self._timers)
            self._fire(self.book.orders[order_id], what, due_ms)

    def next_due_ms(self) -> int | None:
        """When something happens by itself."""
        return self._timers[0][0] if self._timers else None

    def place(self, checkout: Checkout, now_ms: int) -> Order:
        """A buyer checks out; returns the order, UNPAID or already paid."""
        specs = [self._stock.listed(pricing.spec_of(item)) for item in checkout.skus]
        order = ordered(checkout, specs, self.options, self.new_id, now_ms)
        self.book.orders[order.id] = order
        self._stock.reserve(order, now_ms)
        if checkout.paid:
            self.pay(order, now_ms)
        else:
            self.news.changed(order, now_ms, status=True)
            self._later(order, "unpaid", now_ms + self.options.unpaid_ms)
        return order

    def pay(self, order: Order, now_ms: int) -> None:
        """The payment came through; the hold begins where there is one."""
        _need(order.status == "UNPAID", "order is not unpaid")
        order.paid_ms = now_ms
        held = self.options.on_hold or order.order_type == "PRE_ORDER"
        order.went_on_hold = held
        order.status = "ON_HOLD" if held else "AWAITING_SHIPMENT"
        self._units(order, "AWAITING_SHIPMENT")
        if self.options.region not in LATE_PACKAGE_REGIONS:
            self.new_package(order, [unit.id for unit in order.live()], now_ms)
        if held:
            release_ms = (order.release_ms or 0) - self.options.release_early_ms
            order.hold_until_ms = max(now_ms + self.options.hold_ms, release_ms)
            self._later(order, "release", order.hold_until_ms)
        self.news.changed(order, now_ms, status=True)

    def change_address(self, order: Order, address: Address, now_ms: int) -> None:
        """The buyer edits where the order goes."""
        _need(order.status in ("UNPAID", "ON_HOLD", "AWAITING_SHIPMENT"), "address can not be changed any more")
        order.address = address
        order.address_updated = True
        self.news.address(order, now_ms)

    def cancel(self, order: Order, by: str, reason: str, unit_ids: Sequence[str], now_ms: int) -> Cancellation:
        """Units (all of them when none is named) are cancelled at once."""
        _need(order.status not in ("DELIVERED", "COMPLETED", "CANCELLED"), "order can not be cancelled")
        named = _live_ids(order, unit_ids)
        pending = self.cancellations.pending(order.id)
        if pending is None or by == "SYSTEM" or not set(pending.unit_ids) <= set(named):
            one = self.cancellations.open(order.id, by, SUCCESS, reason, named, now_ms)
        else:
            one = pending
        self._carry_out(order, one, by, now_ms)
        return one

    def begin_cancel(self, order: Order, reason: str, unit_ids: Sequence[str], now_ms: int) -> Cancellation:
        """The seller cancels through the API: done at once, or after `cancel_takes_ms`."""
        one = self.cancellations.open(order.id, "SELLER", SUCCESS, reason, _live_ids(order, unit_ids), now_ms)
        one.by_app = True
        if self.options.cancel_takes_ms:
            self._later(order, "cancel_done", now_ms + self.options.cancel_takes_ms)
            self.news.cancellation(order, one, now_ms)
        else:
            self._carry_out(order, one, "SELLER", now_ms)
        return one

    def request_cancel(self, order: Order, now_ms: int, unit_ids: Sequence[str] = ()) -> None:
        """The buyer asks for a cancellation that needs an answer; within the hold it needs none."""
        if order.status in ("UNPAID", "ON_HOLD"):
            self.cancel(order, "BUYER", "", unit_ids, now_ms)
            return
        _need(order.status == "AWAITING_SHIPMENT", "cancel can not be requested any more")
        _need(self.cancellations.running(order.id) is None, "a request is in process already")
        order.cancel_requested_ms = now_ms
        days = 1 if self.options.region == "US" else 2
        named = _live_ids(order, unit_ids)
        reason = "ecom_order_to_ship_canceled_reason_created_by_mistakes"
        one = self.cancellations.open(order.id, "BUYER", PENDING, reason, named, now_ms, now_ms + days * DAY_MS)
        self._later(order, "cancel_answer", now_ms + days * DAY_MS)
        self.news.changed(order, now_ms)
        self.news.cancellation(order, one, now_ms)

    def refuse_cancel(self, order: Order, now_ms: int) -> None:
        """The buyer's request is turned down (by the seller, or by shipping in the US), or the buyer takes it back."""
        pending = self.cancellations.pending(order.id)
        if pending is not None:
            order.cancel_requested_ms = None
            self.cancellations.move(pending, WITHDRAWN, now_ms)
            self.news.changed(order, now_ms)
            self.news.cancellation(order, pending, now_ms)

    def approve_cancel(self, order: Order, one: Cancellation, now_ms: int) -> None:
        """The buyer's request is granted."""
        self._carry_out(order, one, "BUYER", now_ms)

    def _carry_out(self, order: Order, one: Cancellation, by: str, now_ms: int) -> None:
        for unit in order.units:
            if unit.live and unit.id in one.unit_ids:
                unit.status = "CANCELLED"
                unit.cancel_user = by
                unit.cancel_reason = one.reason or CANCEL_TEXTS[by]
                for part in unit.parts:
                    part.status = "CANCELLED"
        self._stock.settle(order, now_ms)
        before = order.status
        order.settle_status()
        if order.status == "CANCELLED":
            order.cancelled_ms = now_ms
            order.cancel_reason = one.reason or CANCEL_TEXTS[by]
            order.cancel_initiator = by
        for other in self.cancellations.of_order(order.id):
            if other is not one and other.status == PENDING and order.status == "CANCELLED":
                self.cancellations.move(other, WITHDRAWN, now_ms)
        if self.cancellations.pending(order.id) in (None, one):
            order.cancel_requested_ms = None
        self.cancellations.move(one, COMPLETE, now_ms)
        self._drop_empty_packages(order, now_ms)
        self.news.changed(order, now_ms, status=order.status != before)
        self.news.cancellation(order, one, now_ms)

    def advance(self, order: Order, status: str, now_ms: int, package_id: str = "") -> None:
        """A carrier's scan, a delivery, or the end of the return window, for one package or all of them."""
        before, package_status = CARRIER_STEPS[status]
        moved = False
        for unit in order.units:
            if unit.status == before and package_id in ("", unit.package_id):
                unit.status = status
                moved = True
                package = self.book.packages[unit.package_id]
                if package.status != package_status:
                    package.status = package_status
                    self.book.touch_package(package, now_ms)
        _need(moved, f"nothing of the order is {before}")
        previous = order.status
        order.settle_status()
        self._note_arrival(order, status, now_ms)
        self.news.changed(order, now_ms, status=order.status != previous)

    def shipped(self, order: Order, now_ms: int) -> None:
        """A shipping call changed units: settle the order, tell everyone, start the carrier's timer."""
        before = order.status
        order.settle_status()
        self._stock.settle(order, now_ms)
        self.refuse_cancel(order, now_ms)
        if order.status != before and self.options.scan_after_ms is not None:
            self._later(order, "scan", now_ms + self.options.scan_after_ms)
        self.news.changed(order, now_ms, status=order.status != before)

    def new_package(self, order: Order, unit_ids: list[str], now_ms: int) -> Package:
        """A package of an order, not shipped yet."""
        package_id = str(1_152_000_000_000_000_000 + int(self.new_id()) % 10**15)
        package = Package(package_id, order.id, unit_ids, now_ms, now_ms)
        order.package_ids.append(package_id)
        for unit in order.units:
            if unit.id in unit_ids:
                unit.package_id = package_id
        self.book.touch_package(package, now_ms)
        return package

    def _units(self, order: Order, status: str) -> None:
        for unit in order.units:
            unit.status = status
            for part in unit.parts:
                part.status = status

    def _later(self, order: Order, what: str, due_ms: int) -> None:
        self._numbers += 1
        heappush(self._timers, (due_ms, self._numbers, order.id, what))

    def _fire(self, order: Order, what: str, at_ms: int) -> None:
        if what == "release" and order.status == "ON_HOLD" and (order.hold_until_ms or 0) <= at_ms:
            order.status = "AWAITING_SHIPMENT"
            self.news.changed(order, at_ms, status=True)
        elif what == "unpaid" and order.status == "UNPAID":
            self.cancel(order, "SYSTEM", "", (), at_ms)
        elif what == "cancel_answer":
            pending = self.cancellations.pending(order.id)
            if pending is not None and (pending.deadline_ms or 0) <= at_ms:
                self._carry_out(order, pending, "BUYER", at_ms)
        elif what == "cancel_done":
            begun = self.cancellations.running(order.id)
            if begun is not None and begun.status == SUCCESS:
                self._carry_out(order, begun, "SELLER", at_ms)
        elif what in ("scan", "deliver", "complete"):
            status = {"scan": "IN_TRANSIT", "deliver": "DELIVERED", "complete": "COMPLETED"}[what]
            if any(unit.status == CARRIER_STEPS[status][0] for unit in order.units):
                self.advance(order, status, at_ms)

    def _note_arrival(self, order: Order, status: str, now_ms: int) -> None:
        if status == "IN_TRANSIT":
            order.collected_ms = order.collected_ms or now_ms
            if self.options.deliver_after_ms is not None:
                self._later(order, "deliver", now_ms + self.options.deliver_after_ms)
        elif status == "DELIVERED":
            order.delivered_ms = now_ms
            if self.options.complete_after_ms is not None:
                self._later(order, "complete", now_ms + self.options.complete_after_ms)
        else:
            order.completed_ms = now_ms

    def _drop_empty_packages(self, order: Order, now_ms: int) -> None:
        for package_id in order.package_ids:
            package = self.book.packages[package_id]
            inside = [self.book.orders[order_id] for order_id in package.order_ids]
            live = {unit.package_id for one in inside for unit in one.live()}
            if package_id not in live and package.status != "CANCELLED":
                package.status = "CANCELLED"
                self.book.touch_package(package, now_ms)


def _live_ids(order: Order, unit_ids: Sequence[str]) -> list[str]:
    return [unit.id for unit in order.live() if not unit_ids or unit.id in unit_ids]


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise Refused(21001001, message)
