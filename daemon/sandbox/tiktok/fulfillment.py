"""Shipping calls, packages and tracking corrections (contract 5), with the vendor's refusals.

There is no idempotency key: a repeated shipping call answers "already shipped", and only a look at the order tells
whether it was one's own. In the US a shipping call silently turns down the buyer's pending cancel request, elsewhere
the request blocks the call; so does a seller's cancel that is being carried out, everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from daemon.sandbox.tiktok.cancellations import PENDING
from daemon.sandbox.tiktok.logistics import SELLER_OPTION, Logistics
from daemon.sandbox.tiktok.market import Market
from daemon.sandbox.tiktok.options import HOUR_MS, MARK_REGIONS, TikTokOptions
from daemon.sandbox.tiktok.package_pages import detail_row, search_row
from daemon.sandbox.tiktok.records import Order, Package, Part, Unit
from daemon.sandbox.tiktok.shapes import Ask, Refused

CORRECTION_MS = 72 * HOUR_MS
LABEL_PROVIDER = ("6617675021119438849", "TT Virtual express")
"""Who carries parcels with TikTok's label here."""
ORDERS_PER_TRACKING_NUMBER = 20


class Fulfillment:
    """The shipping side of one shop."""

    def __init__(self, market: Market, logistics: Logistics, rng: Random) -> None:
        self._market = market
        self._book = market.book
        self._options = market.options
        self._logistics = logistics
        self._rng = rng
        self._numbers: dict[str, set[str]] = {}

    def mark_shipped(self, ask: Ask) -> dict[str, Any]:
        """`POST …/orders/{order_id}/packages`, 202309 and 202610."""
        order = self._book.orders.get(ask.values["order_id"])
        if order is None:
            raise Refused(21011029, "order does not belong to fulfill unit")
        if self._options.region not in MARK_REGIONS:
            raise Refused(21008106, "This interface cannot be used in this region.")
        if order.shipping_type == "TIKTOK":
            raise Refused(21011004, "This API cannot be used for packages that are not shipped by sellers.")
        self.may_ship(order)
        units, parts = self._named(order, ask.body)
        carried = ask.body
        if "shipping_info_list" in ask.body:
            if len(ask.body["shipping_info_list"]) != 1:
                raise Refused(21001001, "Invalid parameters. Exactly one tracking number is allowed.")
            carried = ask.body["shipping_info_list"][0]
        number, provider = carried["tracking_number"], carried["shipping_provider_id"]
        name, warning = self._logistics.check_carried(order.delivery_option_id, number, provider)
        self._check_number(order, number)
        package = self._shared(order, units) or self._package_for(order, units, parts, ask.now_ms)
        self._send(package, number, provider, name, ask.now_ms)
        data: dict[str, Any] = {
            "order_id": order.id,
            "order_line_item_ids": [unit.id for unit in units],
            "package_id": package.id,
        }
        if warning:
            data["warning"] = {"message": warning}
        return data

    def ship(self, ask: Ask) -> dict[str, Any]:
        """`POST …/packages/{package_id}/ship`: the call of the markets where packages exist from payment on."""
        package = self._package(ask.values["package_id"])
        orders = [order for order in self._orders_in(package) if order.status != "CANCELLED"]
        order = orders[0] if orders else self._book.orders[package.order_id]
        if package.tracking_number or package.status in ("PROCESSING", "FULFILLING"):
            raise self._already_shipped()
        if package.status == "COMPLETED":
            raise Refused(21011027, "Package has already been delivered.")
        for one in orders or [order]:
            self.may_ship(one)
        if package.status == "CANCELLED":
            raise Refused(21011041, "Cannot complete the operation when order is cancelled.")
        carried = ask.body.get("self_shipment")
        if carried is None and order.shipping_type == "SELLER":
            raise Refused(21011022, "Invalid tracking number or provider ID. Please double check and try again.")
        if carried is None:
            package.handover_method = ask.body.get("handover_method", "DROP_OFF")
            number, (provider, name) = f"TT{package.id[-12:]}", LABEL_PROVIDER
        else:
            number, provider = carried["tracking_number"], carried["shipping_provider_id"]
            name, _ = self._logistics.check_carried(order.delivery_option_id, number, provider)
            self._check_number(order, number)
        self._send(package, number, provider, name, ask.now_ms)
        return {}

    def hand_over(self, ask: Ask) -> dict[str, Any]:
        """`GET …/packages/{package_id}/handover_time_slots`: how a parcel with TikTok's label is handed over."""
        package = self._package(ask.values["package_id"])
        start_s = ask.now_ms // 1000 + 3600
        slots = [{"start_time": start_s, "end_time": start_s + 14_400, "avaliable": place > 0} for place in range(2)]
        if self._book.orders[package.order_id].shipping_type != "TIKTOK":
            raise Refused(11034002, "Only packages shipped by the platform have time slots.")
        found: dict[str, Any] = {"can_pickup": True, "can_drop_off": self._options.drop_off}
        return {**found, "can_van_collection": False, "drop_off_point_url": "", "pickup_slots": slots}

    def by_hand(self, order: Order, number: str, unit_ids: Sequence[str], now_ms: int) -> str:
        """Somebody ships in Seller Center or through another app, with a label of TikTok's or of their own."""
        self.may_ship(order)
        units = [unit for unit in order.live() if not unit.shipped and (not unit_ids or unit.id in unit_ids)]
        provider, name = next(iter(self._logistics.providers[SELLER_OPTION].items()))
        if order.shipping_type == "TIKTOK":
            provider, name = LABEL_PROVIDER
        package = self._shared(order, units) or self._package_for(order, units, [], now_ms)
        self._send(package, number or f"TT{package.id[-12:]}", provider, name, now_ms)
        return package.id

    def update_tracking(self, ask: Ask) -> dict[str, Any]:
        """A tracking correction: once, within 72 h of shipping, of a package or of an order with one package."""
        package = self._shipped_package(ask)
        order = self._book.orders[package.order_id]
        if order.shipping_type != "SELLER":
            raise Refused(21011004, "This API cannot be used for packages that are not shipped by sellers.")
        if package.status == "CANCELLED":
            raise Refused(21011042, "Cannot complete the operation when order is cancelled.")
        if package.shipped_ms is None:
            raise Refused(21011043, "The package has not been shipped yet.")
        if package.status == "COMPLETED":
            raise Refused(21011030, "Package has already been delivered.")
        if package.corrections >= self._options.corrections_allowed:
            raise Refused(21011051, "The tracking number can only be updated once.")
        if ask.now_ms - package.shipped_ms > CORRECTION_MS:
            raise Refused(21011050, "The tracking number can only be updated within a certain number of hours.")
        (carried,) = ask.body.get("shipping_info_list", [ask.body])
        number, provider = carried["tracking_number"], carried["shipping_provider_id"]
        name, _ = self._logistics.check_carried(order.delivery_option_id, number, provider)
        self._check_number(order, number)
        package.corrections += 1
        self._numbers.setdefault(number, set()).update(package.order_ids)
        package.tracking_number, package.provider_id, package.provider_name = number, provider, name
        self._book.touch_package(package, ask.now_ms)
        for one in self._orders_in(package):
            self._market.news.changed(one, ask.now_ms)
        return {}

    def detail(self, ask: Ask) -> dict[str, Any]:
        """`GET …/packages/{package_id}`."""
        package = self._package(ask.values["package_id"])
        return detail_row(package, self._orders_in(package), self._rng)

    def search(self, ask: Ask) -> str:
        """`POST …/packages/search`."""
        return self._book.search_packages(ask, search_row)

    def may_ship(self, order: Order) -> None:
        """Raises `Refused` for an order that cannot be shipped, split or combined now."""
        if order.fulfillment_type != "FULFILLMENT_BY_SELLER":
            raise Refused(21008025, "Seller cannot operate orders which are fulfilled by platform")
        if order.status == "ON_HOLD":
            raise Refused(21011044, "order is on hold")
        if order.status == "CANCELLED":
            raise Refused(21011041, "Cannot complete the operation when order is cancelled.")
        if order.status == "UNPAID":
            raise Refused(21042057, "These orders are not in the Awaiting shipment status.")
        if order.status not in ("AWAITING_SHIPMENT", "PARTIALLY_SHIPPING"):
            raise self._already_shipped()
        running = self._market.cancellations.running(order.id)
        if running is not None and (running.status != PENDING or self._options.region != "US"):
            raise Refused(21011007, "Package item has after-sale request, please process the after-sale request first.")

    def _named(self, order: Order, body: dict[str, Any]) -> tuple[list[Unit], list[Part]]:
        lines: Sequence[dict[str, str]] = body.get("order_line_list") or [
            {"order_line_id": unit_id} for unit_id in body.get("order_line_item_ids") or ()
        ]
        if not lines:
            if len(self._waiting(order)) > 1:
                raise Refused(
                    21011048, "There are multiple packages that can be shipped, please specify the order line."
                )
            return [unit for unit in order.live() if not unit.shipped], []
        units: dict[str, Unit] = {}
        parts: list[Part] = []
        for line in lines:
            unit = order.unit(line["order_line_id"])
            if unit is None:
                raise Refused(21011029, "order does not belong to fulfill unit")
            if not unit.live:
                raise Refused(21011041, "Cannot complete the operation when order is cancelled.")
            part = next((item for item in unit.parts if item.id == line.get("sub_item_id")), None)
            if line.get("sub_item_id") and part is None:
                raise Refused(21001001, "Invalid parameters. Please ensure you are passing the correct sub_item_id.")
            if unit.shipped or (part and part.package_id):
                raise self._already_shipped()
            if part:
                parts.append(part)
            units[unit.id] = unit
        if not parts:
            whole_skus(self._options, order, list(units.values()))
        return list(units.values()), parts

    def _shared(self, order: Order, units: list[Unit]) -> Package | None:
        """The package that the order shares with others; it leaves whole or not at all."""
        shared = next((package for package in self._waiting(order) if package.also), None)
        if shared is not None and len(units) < sum(1 for _ in order.live()):
            raise Refused(21011046, "combined order can not split.")
        return shared

    def _waiting(self, order: Order) -> list[Package]:
        packages = [self._book.packages[package_id] for package_id in order.package_ids]
        return [package for package in packages if package.status == "TO_FULFILL"]

    def _orders_in(self, package: Package) -> list[Order]:
        return [self._book.orders[order_id] for order_id in package.order_ids]

    def _package_for(self, order: Order, units: list[Unit], parts: list[Part], now_ms: int) -> Package:
        ids = [unit.id for unit in units]
        for package_id in order.package_ids:
            package = self._book.packages[package_id]
            if package.status == "TO_FULFILL" and not parts:
                package.unit_ids = [unit_id for unit_id in package.unit_ids if unit_id not in ids]
                if not package.unit_ids:
                    package.unit_ids = ids
                    return package
        if len(ids) < sum(1 for _ in order.live()) or parts:
            order.split = True
        package = self._market.new_package(order, ids, now_ms)
        for part in parts:
            part.package_id = package.id
            part.status = "AWAITING_COLLECTION"
            package.part_ids.append(part.id)
        return package

    def _send(self, package: Package, number: str, provider: str, name: str, now_ms: int) -> None:
        package.tracking_number, package.provider_id, package.provider_name = number, provider, name
        package.status = "PROCESSING"
        package.shipped_ms = now_ms
        self._numbers.setdefault(number, set()).update(package.order_ids)
        self._book.touch_package(package, now_ms)
        for order in self._orders_in(package):
            if order.status != "CANCELLED":
                self._send_units(order, package, now_ms)
                self._market.shipped(order, now_ms)

    def _send_units(self, order: Order, package: Package, now_ms: int) -> None:
        for unit in order.live():
            if unit.id not in package.unit_ids:
                continue
            if package.part_ids and unit.parts and not all(part.package_id for part in unit.parts):
                continue
            unit.status = "AWAITING_COLLECTION"
            unit.package_id = package.id
            unit.shipped_ms = now_ms
            for part in unit.parts:
                part.status = "AWAITING_COLLECTION"
                part.package_id = part.package_id or package.id

    def _check_number(self, order: Order, number: str) -> None:
        used = self._numbers.get(number, set())
        if order.id in used:
            raise Refused(21011025, "Duplicate tracking number.")
        if len(used) >= ORDERS_PER_TRACKING_NUMBER:
            raise Refused(21011026, "fulfillment tracking no used times over limit")

    def _already_shipped(self) -> Refused:
        return Refused(self._rng.choice(self._options.already_shipped_codes), "These orders are already shipped.")

    def _package(self, package_id: str) -> Package:
        package = self._book.packages.get(package_id)
        if package is None:
            raise Refused(21011028, "The package does not belong to the current shop.")
        return package

    def _shipped_package(self, ask: Ask) -> Package:
        if "package_id" in ask.values:
            return self._package(ask.values["package_id"])
        order = self._book.order(ask.values["order_id"])
        if order.status == "CANCELLED":
            raise Refused(21011041, "Cannot complete the operation when order is cancelled.")
        if not order.package_ids:
            raise Refused(21011043, "The package has not been shipped yet.")
        if len(order.package_ids) > 1:
            raise Refused(21011049, "Due to platform rule limitations, you are unable to update the tracking number.")
        return self._book.packages[order.package_ids[0]]


def whole_skus(options: TikTokOptions, order: Order, units: list[Unit]) -> None:
    """Where only whole SKUs may be shipped apart, units of one SKU stay together (contract 5.5)."""
    if options.unit_split:
        return
    chosen = {unit.id for unit in units}
    skus = {unit.sku_id for unit in units}
    if any(unit.sku_id in skus and unit.id not in chosen for unit in order.live()):
        raise Refused(21011036, "split same sku in Multi Package not allow.")
