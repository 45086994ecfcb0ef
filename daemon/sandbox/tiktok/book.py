"""The shop's orders and packages, by id and by time, and the search over them.

A change is on the order's own page at once and in the search index up to `index_lag_ms` later. Until then a search
finds the order where it was before (a new one not at all), but the row it returns is the order as it is now: that is
how `update_time` comes to lie outside the window that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

from daemon.sandbox.tiktok.index import Page, Pager, TimeIndex
from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.records import Order, Package
from daemon.sandbox.tiktok.render import Renderer
from daemon.sandbox.tiktok.shapes import Ask, Refused, bad

DETAIL_LIMIT = 50


class OrderBook:
    """Orders and packages of one shop, with their indices."""

    def __init__(self, options: TikTokOptions, rng: Random) -> None:
        self.orders: dict[str, Order] = {}
        self.packages: dict[str, Package] = {}
        self._options = options
        self._rng = rng
        self._pager = Pager(options, rng)
        self._renderer = Renderer(options, self.packages, rng.getrandbits(31))
        self._by_update = TimeIndex()
        self._by_create = TimeIndex()
        self._packages_by_update = TimeIndex()
        self._packages_by_create = TimeIndex()
        self._late: list[tuple[int, int, str, int]] = []
        self._indexed: dict[str, int] = {}
        self._numbers = 0

    def touch(self, order: Order, at_ms: int) -> None:
        """An order changed: its update time moves and the index will hear of it."""
        order.version += 1
        order.update_ms = max(order.update_ms, at_ms)
        order.cached.clear()
        self._numbers += 1
        seen_ms = at_ms + (self._rng.randint(0, self._options.index_lag_ms) if self._options.index_lag_ms else 0)
        heappush(self._late, (seen_ms, self._numbers, order.id, order.update_ms // 1000))

    def touch_package(self, package: Package, at_ms: int) -> None:
        """A package is new or changed; package look-ups do not lag."""
        package.update_ms = max(package.update_ms, at_ms)
        self.packages[package.id] = package
        self._packages_by_update.put(package.id, package.update_ms // 1000)
        self._packages_by_create.put(package.id, package.create_ms // 1000)

    def order(self, order_id: str) -> Order:
        """One order; raises `Refused` for an id of another shop."""
        order = self.orders.get(order_id)
        if order is None:
            raise Refused(21008111, "order does not belong to the seller")
        return order

    def catch_up(self, now_ms: int) -> None:
        """Let the index hear of every change that is old enough."""
        while self._late and self._late[0][0] <= now_ms:
            _, _, order_id, second = heappop(self._late)
            if order_id not in self._indexed:
                self._by_create.put(order_id, self.orders[order_id].create_ms // 1000)
            if second >= self._indexed.get(order_id, 0):
                self._indexed[order_id] = second
                self._by_update.put(order_id, second)

    def search(self, ask: Ask) -> str:
        """`POST /order/202309/orders/search`: the page as JSON text."""
        self.catch_up(ask.now_ms)
        page = self._page(ask, self._by_create, self._by_update, 100, _order_filter(ask.body, self.orders))
        if page.ids and self._options.restless_rows and self._rng.random() < self._options.restless_rows:
            self.touch(self.orders[self._rng.choice(page.ids)], ask.now_ms)
        rows = [self._renderer.order(self.orders[order_id], "list", ask.now_ms) for order_id in page.ids]
        return self._page_json("orders", rows, page)

    def details(self, ask: Ask) -> str:
        """`GET /order/202507/orders`: one foreign id and the whole call fails."""
        ids = ask.query["ids"].split(",")
        if len(ids) > DETAIL_LIMIT or not all(item.isascii() and item.isdigit() for item in ids):
            raise bad("Invalid value: 'ids'")
        found = [self.order(order_id) for order_id in dict.fromkeys(ids)]
        rows = [self._renderer.order(order, "detail", ask.now_ms) for order in found]
        return '{"orders":[' + ",".join(rows) + "]}"

    def shown(self, order_id: str, now_ms: int) -> str:
        """One order as its detail shows it."""
        return self._renderer.order(self.order(order_id), "detail", now_ms)

    def search_packages(self, ask: Ask, show: Callable[[Package], str]) -> str:
        """`POST /fulfillment/202309/packages/search`."""
        status = ask.body.get("package_status")

        def has_status(package_id: str) -> bool:
            return self.packages[package_id].status == status

        keep = has_status if status else None
        page = self._page(ask, self._packages_by_create, self._packages_by_update, 50, keep)
        return self._page_json("packages", [show(self.packages[package_id]) for package_id in page.ids], page)

    def _page(
        self, ask: Ask, created: TimeIndex, updated: TimeIndex, largest: int, keep: Callable[[str], bool] | None
    ) -> Page:
        fields = ("create_time", "update_time") if largest == 100 else ("create_time", "update_time", "order_pay_time")
        size = ask.number("page_size", 1, largest)
        field = ask.choice("sort_field", fields)
        descending = ask.choice("sort_order", ("DESC", "ASC")) == "DESC"
        update = (updated, ask.body.get("update_time_ge"), ask.body.get("update_time_lt"))
        create = (created, ask.body.get("create_time_ge"), ask.body.get("create_time_lt"))
        sorted_by, narrowed_by = (update, create) if field == "update_time" else (create, update)
        index, *window = sorted_by
        span = index.span(*window)
        other, *second_window = narrowed_by
        if second_window != [None, None]:
            low, high = other.span(*second_window)
            inside = {record for _, record in other.rows[low:high]}
            rest = keep

            def both(record: str) -> bool:
                return record in inside and (rest is None or rest(record))

            keep = both
        return self._pager.page(ask, index, span, size=size, descending=descending, keep=keep)

    def _page_json(self, name: str, rows: list[str], page: Page) -> str:
        members = []
        if rows or self._rng.random() >= self._options.sparse:
            members.append(f'"{name}":[{",".join(rows)}]')
        if page.next_token or self._rng.random() >= self._options.sparse:
            members.append(f'"next_page_token":"{page.next_token}"')
        members.append(f'"total_count":{page.total}')
        return "{" + ",".join(members) + "}"


def _order_filter(body: dict[str, Any], orders: dict[str, Order]) -> Callable[[str], bool] | None:
    status, shipping, buyer = body.get("order_status"), body.get("shipping_type"), body.get("buyer_user_id")
    cancel, warehouses = body.get("is_buyer_request_cancel"), body.get("warehouse_ids")
    if status is None and shipping is None and buyer is None and cancel is None and not warehouses:
        return None

    def keep(order_id: str) -> bool:
        order = orders[order_id]
        return (
            (status is None or order.status == status)
            and (shipping is None or order.shipping_type == shipping)
            and (buyer is None or order.user_id == buyer)
            and (cancel is None or (order.cancel_requested_ms is not None) == cancel)
            and (not warehouses or order.warehouse_id in warehouses)
        )

    return keep
