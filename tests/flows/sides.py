"""Both sides in a few lines, for the edges that the sandbox never shows: what a test puts in is what a flow is told."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from house import NOW_MS, House

from daemon.apis.pipe17.client import Created
from daemon.apis.pipe17.session import Rows
from daemon.apis.tiktok.client import OrderPage
from daemon.apis.tiktok.packages import Shipped
from daemon.apis.tiktok.shops import Shop
from daemon.core.carriers import Provider
from daemon.core.lanes import Lane
from daemon.core.orders import OrderRules
from daemon.flows.ownership import Ownership
from daemon.flows.pull_orders import PullOrders
from daemon.flows.push_fulfillments import PushFulfillments
from daemon.flows.shipping_calls import ShippingRules
from daemon.flows.strangers import Strangers

ORDER = "576461413038785752"
OURS = "b7712ce05d9f3a48"
NOW_S = NOW_MS // 1000
HOUR_S = 3600
ADDRESS = {
    "name": "Ada Nwosu",
    "first_name": "Ada",
    "last_name": "Nwosu",
    "phone_number": "(+1)2535550114",
    "address_line1": "18 Larch Road",
    "postal_code": "98402",
    "region_code": "US",
    "district_info": [
        {"address_level": "L0", "address_level_name": "Country", "address_name": "United States", "iso_code": "US"},
        {"address_level": "L1", "address_level_name": "State", "address_name": "Washington", "iso_code": ""},
        {"address_level": "L3", "address_level_name": "City", "address_name": "Tacoma", "iso_code": ""},
    ],
}


def unit(number: int, **members: Any) -> dict[str, Any]:
    return {
        "id": f"10{number}",
        "sku_id": "170001",
        "seller_sku": "A",
        "product_id": "1729",
        "product_name": "Product A",
        "sku_name": "Default",
        "currency": "USD",
        "original_price": "20",
        "sale_price": "20",
        "display_status": "AWAITING_SHIPMENT",
        **members,
    }


def order(units: int = 1, paid_ago_s: int = 2 * HOUR_S, **members: Any) -> dict[str, Any]:
    """Paid two hours ago and free to leave, unless told otherwise."""
    total = str(20 * units)
    return {
        "id": ORDER,
        "user_id": "7021436810468230477",
        "status": "AWAITING_SHIPMENT",
        "order_type": "NORMAL",
        "fulfillment_type": "FULFILLMENT_BY_SELLER",
        "shipping_type": "SELLER",
        "delivery_option_id": "7001",
        "create_time": NOW_S - paid_ago_s - 60,
        "paid_time": NOW_S - paid_ago_s,
        "update_time": NOW_S - paid_ago_s,
        "recipient_address": ADDRESS,
        "payment": {
            "currency": "USD", "sub_total": total, "shipping_fee": "0", "seller_discount": "0",
            "platform_discount": "0", "total_amount": total, "original_total_product_price": total, "tax": "0",
        },
        "line_items": [unit(number) for number in range(units)],
        **members,
    }  # fmt: skip


def fulfillment(
    name: str = "f1", number: str = "1Z999AA10123456784", quantity: int = 1, **members: Any
) -> dict[str, Any]:
    return {
        "fulfillmentId": name,
        "orderId": "p-1",
        "extOrderId": ORDER,
        "shipmentId": "s-1",
        "orderIntegration": OURS,
        "shippingCarrier": "UPS",
        "shippingClass": "",
        "trackingNumber": number,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "lineItems": [{"uniqueId": "100", "sku": "A", "quantity": quantity}],
        **members,
    }


class _Side:
    """Calls are noted; `errors[name]` are raised by the next calls of that name (None: let one pass)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.errors: dict[str, list[Exception | None]] = {}

    def _call(self, name: str, details: Any = None) -> None:
        self.calls.append((name, details))
        waiting = self.errors.get(name)
        problem = waiting.pop(0) if waiting else None
        if problem is not None:
            raise problem

    def named(self, name: str) -> list[Any]:
        return [details for found, details in self.calls if found == name]


class TikTokSide(_Side):
    def __init__(self, *orders: dict[str, Any]) -> None:
        super().__init__()
        self.orders = {raw["id"]: raw for raw in orders}
        self.pages: list[OrderPage] = []
        self.region = "US"
        self.provider_lists: list[Sequence[Provider]] = [(Provider("71", "UPS"), Provider("72", "USPS"))]

    def at(self, lane: Lane) -> TikTokSide:
        return self

    async def shop(self) -> Shop:
        return Shop("7495", "Shop", self.region, "LOCAL", "cipher", "CODE")

    async def search_orders(
        self, *, update_time_ge: int, update_time_lt: int | None, page_token: str = "", page_size: int = 100
    ) -> OrderPage:
        self._call("search", (update_time_ge, update_time_lt, page_token))
        return self.pages.pop(0) if self.pages else OrderPage([], "")

    async def order_details(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        self._call("details", tuple(ids))
        return [copy.deepcopy(self.orders[one]) for one in ids if one in self.orders]

    @property
    def logistics(self) -> TikTokSide:
        return self

    @property
    def packages(self) -> TikTokSide:
        return self

    async def providers(self, delivery_option_id: str, **regions: str) -> Sequence[Provider]:
        self._call("providers", (delivery_option_id, regions))
        return self.provider_lists.pop(0) if len(self.provider_lists) > 1 else self.provider_lists[0]

    async def mark_package_as_shipped(
        self, order_id: str, unit_ids: Sequence[str], tracking_number: str, provider_id: str
    ) -> Shipped:
        try:
            self._call("mark", (order_id, tuple(unit_ids), tracking_number, provider_id))
        except LostAnswer as lost:
            self.ship(unit_ids, tracking_number)
            raise lost.error from None
        self.ship(unit_ids, tracking_number)
        return Shipped(f"pkg-{tracking_number}", "")

    async def ship_package(self, package_id: str, tracking_number: str, provider_id: str) -> None:
        self._call("ship", (package_id, tracking_number, provider_id))

    def ship(self, unit_ids: Sequence[str], number: str) -> None:
        """The units leave TikTok's list of open ones."""
        for item in self.orders[ORDER]["line_items"]:
            if item["id"] in unit_ids:
                item |= {
                    "display_status": "AWAITING_COLLECTION",
                    "tracking_number": number,
                    "package_id": f"pkg-{number}",
                }


class LostAnswer(Exception):
    """The call takes effect and its answer is lost."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Pipe17Side(_Side):
    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, dict[str, Any]] = {}
        self.shipments: dict[str, dict[str, Any]] = {}
        self.pages: list[Rows] = []

    def at(self, lane: Lane) -> Pipe17Side:
        return self

    async def create_order(self, document: dict[str, Any]) -> Created:
        try:
            self._call("create", document)
        except LostAnswer as lost:
            self._add(document)
            raise lost.error from None
        known = await self.order_by_ext(document["extOrderId"])
        return Created(known, fresh=False) if known else Created(self._add(document), fresh=True)

    def _add(self, document: dict[str, Any]) -> dict[str, Any]:
        made = {**copy.deepcopy(document), "orderId": f"p-{len(self.orders) + 1}", "integration": OURS}
        self.orders[made["orderId"]] = made
        return made

    async def order(self, order_id: str) -> dict[str, Any] | None:
        self._call("order", order_id)
        return self.orders.get(order_id)

    async def order_by_ext(self, ext_order_id: str) -> dict[str, Any] | None:
        return next((one for one in self.orders.values() if one["extOrderId"] == ext_order_id), None)

    async def update_order(self, order_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        self._call("update", changes)
        self.orders[order_id] |= copy.deepcopy(changes)
        return self.orders[order_id]

    async def fulfillments(self, *, updated_since_ms: int, skip: int, count: int = 100) -> Rows:
        self._call("fulfillments", (updated_since_ms, skip))
        return self.pages.pop(0)

    async def shipment(self, shipment_id: str) -> dict[str, Any] | None:
        self._call("shipment", shipment_id)
        return self.shipments.get(shipment_id)

    async def fulfillment(self, fulfillment_id: str) -> dict[str, Any] | None:
        return None


class Sides:
    """A house with the real flows between the two sides."""

    def __init__(self, house: House, *orders: dict[str, Any], **rules: Any) -> None:
        self.house = house
        self.tiktok = TikTokSide(*orders)
        self.pipe17 = Pipe17Side()
        self.ownership = Ownership(house.database, house.clock, rules.pop("integration", OURS))
        since_ms = rules.pop("since_ms", None)
        hold = rules.pop("hold", timedelta(hours=1))
        every = timedelta(seconds=60)
        self.orders = PullOrders(
            self.tiktok,  # type: ignore[arg-type]
            self.pipe17,  # type: ignore[arg-type]
            house.clock,
            OrderRules(hold, rules.pop("pull_on_hold", True), False, since_ms, "7495"),
            every,
            self.ownership,
        )
        shipping = ShippingRules(
            hold, rules.pop("carrier_map", {}), rules.pop("fallback", ""), rules.pop("ship", False), since_ms
        )
        self.fulfillments = PushFulfillments(
            self.tiktok,  # type: ignore[arg-type]
            self.pipe17,  # type: ignore[arg-type]
            house.clock,
            shipping,
            every,
            self.ownership,
            house.counts.carrier_fallback,
            Strangers(house.database, house.clock, "fulfillments"),
        )
        assert not rules, rules
        house.add(self.orders)
        house.add(self.fulfillments)

    async def pull(self, *orders: dict[str, Any]) -> None:
        """The poller finds these orders."""
        self.tiktok.orders |= {raw["id"]: raw for raw in orders}
        self.tiktok.pages = [OrderPage([copy.deepcopy(raw) for raw in orders], "")]
        assert await self.house.pollers[0].once()

    async def push(self, *fulfillments: dict[str, Any]) -> None:
        """The poller finds these fulfillments."""
        self.pipe17.pages = [Rows([dict(raw) for raw in fulfillments], last=True)]
        assert await self.house.pollers[1].once()

    async def released(self, *orders: dict[str, Any]) -> None:
        """These orders are in Pipe17."""
        await self.pull(*(orders or tuple(self.tiktok.orders.values())))
        await self.house.run_for(1)
        self.house.pushers = [type(one)(self.house.engine, one.flow) for one in self.house.pushers]

    async def run_for(self, seconds: float) -> None:
        """Everything that sends, for a while; may be called again."""
        await self.house.run_for(seconds)
        self.house.pushers = [type(one)(self.house.engine, one.flow) for one in self.house.pushers]
