"""How units are put into packages before they leave: split, combine, and undoing a combination (contract 5.5).

The API and the seller in Seller Center do the same through here, and both make webhook 4. Orders that can share a
package: same buyer, address, warehouse and delivery option, nothing shipped, no package of theirs split or combined.
A new address takes an order out of a package that it shares (`ADDRESS_UPDATE_SPLIT`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.sandbox.tiktok.fulfillment import Fulfillment, whole_skus
from daemon.sandbox.tiktok.index import hash_text
from daemon.sandbox.tiktok.market import Market
from daemon.sandbox.tiktok.options import LATE_PACKAGE_REGIONS
from daemon.sandbox.tiktok.records import Order, Package
from daemon.sandbox.tiktok.shapes import Ask, Refused

SELLER, SYSTEM, USER = "ROLE_SELLER", "ROLE_SYSTEM", "ROLE_USER"


class Packing:
    """The packages of one shop, before they leave."""

    def __init__(self, market: Market, fulfillment: Fulfillment) -> None:
        self._market = market
        self._book = market.book
        self._options = market.options
        self._fulfillment = fulfillment

    def split_attributes(self, ask: Ask) -> dict[str, Any]:
        """`GET …/orders/split_attributes`: may an order be split, and why not."""
        rows = []
        for order_id in ask.query["order_ids"].split(","):
            reason = self._why_whole(self._book.order(order_id))
            row: dict[str, Any] = {"order_id": order_id, "can_split": not reason, "must_split": False}
            rows.append(row | ({"reason": reason} if reason else {}))
        return {"split_attributes": rows}

    def split(self, ask: Ask) -> dict[str, Any]:
        """`POST …/orders/{order_id}/split`: one package per group of line items; the others keep theirs."""
        order = self._book.order(ask.values["order_id"])
        groups = {group["id"]: list(group["order_line_item_ids"]) for group in ask.body["splittable_groups"]}
        made = self._split(order, list(groups.values()), ask.now_ms)
        return {"packages": [{"splittable_group_id": key, "id": one.id} for key, one in zip(groups, made, strict=True)]}

    def split_by_seller(self, order: Order, groups: Sequence[Sequence[str]], now_ms: int) -> list[str]:
        """The same in Seller Center."""
        return [package.id for package in self._split(order, groups, now_ms)]

    def combinable(self, ask: Ask) -> dict[str, Any]:
        """`GET …/combinable_packages/search`: drafts of packages that several orders could share."""
        ask.number("page_size", 1, 50)
        rows = [{"id": _draft(orders), "order_ids": [order.id for order in orders]} for orders in self._drafts()]
        return {"combinable_packages": rows, "next_page_token": "", "total_count": len(rows)}

    def combine(self, ask: Ask) -> dict[str, Any]:
        """`POST …/packages/combine`: the drafts become packages, each for itself."""
        made, errors = [], []
        for wanted in ask.body["combinable_packages"]:
            drafted = next((orders for orders in self._drafts() if _draft(orders) == wanted["id"]), [])
            ids = wanted.get("order_ids") or [order.id for order in drafted]
            orders = [order for order in drafted if order.id in ids]
            try:
                if len(orders) < 2 or len(orders) != len(ids):
                    raise Refused(21011033, "The orders can not be combined, or are combined already.")
                package = self.combine_orders(orders, now_ms=ask.now_ms)
            except Refused as refusal:
                detail = {"package_id": wanted["id"]}
                errors.append({"code": refusal.code, "message": refusal.message, "detail": detail})
            else:
                made.append({"id": package.id, "order_ids": package.order_ids})
        return {"packages": made, **({"errors": errors} if errors else {})}

    def uncombine(self, ask: Ask) -> dict[str, Any]:
        """`POST …/packages/{package_id}/uncombine`: these orders leave the package, all when none is named."""
        package = self._book.packages.get(ask.values["package_id"])
        if package is None or not package.also:
            raise Refused(21011028, "The package does not belong to the current shop.")
        leaving = ask.body.get("order_ids") or package.order_ids
        made = self.take_out(package, leaving, "CANCEL_COMBINE", SELLER, ask.now_ms)
        return {"packages": [{"id": one.id, "order_ids": one.order_ids} for one in made]}

    def combine_orders(self, orders: Sequence[Order], *, by_platform: bool = False, now_ms: int) -> Package:
        """One package for all of them."""
        for order in orders:
            self._fulfillment.may_ship(order)
            if order.combined or order.split or any(unit.shipped for unit in order.live()):
                raise Refused(21011033, "The orders can not be combined, or are combined already.")
        first, *others = orders
        for order in orders:
            self._forget(order, now_ms)
        package = self._market.new_package(first, [unit.id for unit in first.live()], now_ms)
        package.also = [order.id for order in others]
        for order in others:
            order.package_ids.append(package.id)
            package.unit_ids += [unit.id for unit in order.live()]
            for unit in order.live():
                unit.package_id = package.id
        for order in orders:
            order.combined = True
            order.combine_group = f"8{package.id[1:]}" if by_platform else ""
        self._book.touch_package(package, now_ms)
        self._market.news.packages(orders, "COMBINE", SYSTEM if by_platform else SELLER, now_ms)
        return package

    def take_out(self, package: Package, order_ids: Sequence[str], kind: str, role: str, now_ms: int) -> list[Package]:
        """These orders get packages of their own; who is left alone in the old one does, too."""
        if package.status != "TO_FULFILL":
            raise Refused(21011020, "These orders are already shipped.")
        staying = [order_id for order_id in package.order_ids if order_id not in order_ids]
        parting = [self._book.orders[order_id] for order_id in package.order_ids if order_id in order_ids]
        if len(staying) == 1:
            parting.append(self._book.orders[staying.pop()])
        made = []
        for order in parting:
            order.combined, order.combine_group = False, ""
            order.package_ids.remove(package.id)
            for unit in order.units:
                unit.package_id = "" if unit.package_id == package.id else unit.package_id
            if self._options.region not in LATE_PACKAGE_REGIONS and order.status != "CANCELLED":
                made.append(self._market.new_package(order, [unit.id for unit in order.live()], now_ms))
        if staying:
            package.order_id, *package.also = staying
            inside = {unit.id for order_id in staying for unit in self._book.orders[order_id].units}
            package.unit_ids = [unit_id for unit_id in package.unit_ids if unit_id in inside]
        else:
            package.status = "CANCELLED"
        self._book.touch_package(package, now_ms)
        self._market.news.packages([*parting, *map(self._book.order, staying)], kind, role, now_ms)
        return made

    def address_changed(self, order: Order, now_ms: int) -> None:
        """An order with a new address cannot stay in a package with others."""
        for package in [self._book.packages[package_id] for package_id in order.package_ids]:
            if package.also and package.status == "TO_FULFILL":
                self.take_out(package, [order.id], "ADDRESS_UPDATE_SPLIT", USER, now_ms)

    def _split(self, order: Order, groups: Sequence[Sequence[str]], now_ms: int) -> list[Package]:
        self._fulfillment.may_ship(order)
        if order.combined:
            raise Refused(21011046, "combined order can not split.")
        named = [unit_id for group in groups for unit_id in group]
        units = [unit for unit in order.live() if unit.id in named]
        if not all(groups) or len(set(named)) != len(named) or len(units) != len(named):
            raise Refused(21011005, "Invalid parameters. Please ensure you are passing the correct line items.")
        if any(unit.shipped for unit in (units if self._options.split_after_ship else order.live())):
            raise Refused(21011035, "split order not allowed")
        for group in groups:
            whole_skus(self._options, order, [unit for unit in units if unit.id in group])
        touched = {unit.package_id for unit in units}
        rest = [unit.id for unit in order.live() if unit.package_id in touched and unit.id not in named]
        self._forget(order, now_ms, touched)
        order.split = True
        made = [self._market.new_package(order, list(group), now_ms) for group in groups]
        if rest:
            self._market.new_package(order, rest, now_ms)
        self._market.news.packages([order], "SPLIT", SELLER, now_ms)
        return made

    def _forget(self, order: Order, now_ms: int, package_ids: set[str] | None = None) -> None:
        """Packages that are replaced by others."""
        for package_id in [one for one in order.package_ids if package_ids is None or one in package_ids]:
            order.package_ids.remove(package_id)
            package = self._book.packages[package_id]
            package.status = "CANCELLED"
            self._book.touch_package(package, now_ms)

    def _why_whole(self, order: Order) -> str:
        if order.combined:
            return "The order is combined with another one."
        if order.status != "AWAITING_SHIPMENT" and not self._options.split_after_ship:
            return "The order is not waiting for shipment."
        live = list(order.live())
        pieces = len(live) if self._options.unit_split else len({unit.sku_id for unit in live})
        return "" if pieces > 1 else "There is nothing to split."

    def _drafts(self) -> list[list[Order]]:
        alike: dict[Any, list[Order]] = {}
        for order in self._book.orders.values():
            if order.status == "AWAITING_SHIPMENT" and not order.combined and not order.split:
                where = (order.user_id, order.address, order.warehouse_id, order.delivery_option_id)
                alike.setdefault(where, []).append(order)
        return [orders for orders in alike.values() if len(orders) > 1]


def _draft(orders: Sequence[Order]) -> str:
    ids: Mapping[str, None] = dict.fromkeys(sorted(order.id for order in orders))
    return str(1_154_000_000_000_000_000 + hash_text(",".join(ids)) % 10**15)
