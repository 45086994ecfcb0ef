"""TikTok Shop as the flows see it: typed calls in, plain records or `ApiError` out.

`at(lane)` gives the same client with another priority. Order and package records stay JSON objects here; `core` reads
them. An answer that says success and lacks what a success must have is an error of its own (`shape`): for a read it is
tried again, for a write it is `Unknown` and looked up. A page without its data never looks like the last page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.apis.caller import Caller
from daemon.apis.gate import PROBE_EVERY, Gate
from daemon.apis.http import Transport
from daemon.apis.pacing import CallObserver, Pacer
from daemon.apis.tiktok.auth import TokenKeeper, TokenMemory
from daemon.apis.tiktok.cancelling import Cancelling
from daemon.apis.tiktok.goods import (
    MOST_SWITCHED,
    ProductFailure,
    ProductsPage,
    SkuFailure,
    SkuLevels,
    ids_of,
    product_failures,
    products_page,
    sku_failures,
)
from daemon.apis.tiktok.grants import App
from daemon.apis.tiktok.logistics import Logistics
from daemon.apis.tiktok.packages import Packages
from daemon.apis.tiktok.references import References
from daemon.apis.tiktok.registrations import Registrations
from daemon.apis.tiktok.session import SYSTEM, Session, judge
from daemon.apis.tiktok.shops import Shop
from daemon.apis.tiktok.signing import joined
from daemon.apis.tiktok.talk import Talk
from daemon.clock import Clock
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, record, records, required_text, text
from daemon.core.tiktok_errors import ORDER_NOT_OURS
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError

IDS_IN_A_CALL = 50
"""Order ids in one detail call, by the reference."""
LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of a search. `next_page_token` "" means that this was the last one."""

    orders: list[dict[str, Any]]
    next_page_token: str


class TikTok:
    """One shop. Every method raises `ApiError` with a verdict when it does not return."""

    __slots__ = ("_lane", "_session")

    def __init__(self, session: Session, lane: Lane = Lane.ORDERS) -> None:
        self._session = session
        self._lane = lane

    @classmethod
    def connect(
        cls,
        app: App,
        *,
        transport: Transport,
        pacer: Pacer,
        clock: Clock,
        observer: CallObserver,
        memory: TokenMemory,
        probe_every: timedelta = PROBE_EVERY,
    ) -> TikTok:
        """Put the parts together; calls nobody. The pacer needs a budget for the system `tiktok`."""
        gate = Gate(clock, probe_every)
        caller = Caller(
            system=SYSTEM,
            judge=judge,
            transport=transport,
            pacer=pacer,
            clock=clock,
            observer=observer,
            secrets=lambda: keeper.secrets(),
            follow_clock=True,
        )
        keeper = TokenKeeper(app=app, caller=caller, memory=memory, clock=clock, gate=gate, probe_every=probe_every)
        return cls(Session(app=app, caller=caller, keeper=keeper, gate=gate, clock=clock))

    def at(self, lane: Lane) -> TikTok:
        """The same client; its calls ride in `lane`."""
        return TikTok(self._session, lane)

    @property
    def talk(self) -> Talk:
        """Conversations with buyers."""
        return Talk(self._session, self._lane)

    @property
    def references(self) -> References:
        """Other systems' ids of orders, kept at TikTok."""
        return References(self._session, self._lane)

    @property
    def keeper(self) -> TokenKeeper:
        """The grant: state, expiries, `exchange`, `authorize_url`."""
        return self._session.keeper

    @property
    def packages(self) -> Packages:
        """Shipping: packages and their tracking numbers."""
        return Packages(self._session, self._lane)

    @property
    def cancelling(self) -> Cancelling:
        """The calls about cancellations."""
        return Cancelling(self._session, self._lane)

    @property
    def logistics(self) -> Logistics:
        """Carriers and warehouses."""
        return Logistics(self._session, self._lane)

    @property
    def registrations(self) -> Registrations:
        """Where TikTok sends its events."""
        return Registrations(self._session, self._lane)

    async def shop(self) -> Shop:
        """The shop we serve."""
        return await self._session.shop(self._lane)

    async def authorized_shops(self) -> tuple[Shop, ...]:
        """Every shop that the grant covers."""
        return await self._session.read_shops(self._lane)

    async def search_orders(
        self, *, update_time_ge: int, update_time_lt: int | None, page_token: str = "", page_size: int = LARGEST_PAGE
    ) -> OrderPage:
        """Orders changed in [ge, lt), epoch *seconds* as on the wire, oldest change first; one page.

        Orders may carry a later `update_time` than `update_time_lt`: they changed while the search ran.
        """
        window = {"update_time_ge": update_time_ge}
        if update_time_lt is not None:
            window["update_time_lt"] = update_time_lt
        params = {"page_size": str(page_size), "sort_field": "update_time", "sort_order": "ASC"}
        if page_token:
            params["page_token"] = page_token
        data = await self._session.call("orders.search", self._lane, params=params, body=lambda _: window)
        try:
            found = record(data, "data")
            return OrderPage(_objects(found, "orders"), text(found, "next_page_token"))
        except BadShape as shape:
            raise self._session.misshapen("orders.search", shape) from None

    async def order_details(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The orders with these ids, at most 50; ids that TikTok does not know or that are not ours are left out."""
        if len(ids) > IDS_IN_A_CALL:
            raise ValueError(f"{len(ids)} order ids in one call, {IDS_IN_A_CALL} are allowed")
        if not ids:
            return []
        try:
            return await self._details(ids)
        except ApiError as error:
            if error.code != str(ORDER_NOT_OURS):
                raise
        if len(ids) == 1:
            return []
        orders: list[dict[str, Any]] = []
        for order_id in ids:
            orders += await self.order_details([order_id])
        return orders

    async def _details(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        data = await self._session.call("orders.detail", self._lane, params={"ids": joined(ids)})
        try:
            return _objects(record(data, "data"), "orders")
        except BadShape as shape:
            raise self._session.misshapen("orders.detail", shape) from None

    async def search_products(
        self,
        *,
        update_time_ge: int | None = None,
        update_time_le: int | None = None,
        page_token: str = "",
        page_size: int = LARGEST_PAGE,
    ) -> ProductsPage:
        """Products changed in [ge, le], epoch *seconds*, both ends included and open when None; one page.

        In no promised order, and without images, description and attributes: `product` has those.
        """
        window = {"update_time_ge": update_time_ge, "update_time_le": update_time_le}
        body = {name: value for name, value in window.items() if value is not None}
        params = {"page_size": str(page_size), **({"page_token": page_token} if page_token else {})}
        data = await self._session.call("products.search", self._lane, params=params, body=lambda _: body)
        try:
            return products_page(record(data, "data"))
        except BadShape as shape:
            raise self._session.misshapen("products.search", shape) from None

    async def product(self, product_id: str) -> dict[str, Any] | None:
        """A product as it is live, whole; None when the shop has no such product."""
        try:
            data = await self._session.call("products.get", self._lane, ids={"product_id": product_id})
        except ApiError as error:
            if error.verdict == Rejected("product_unknown"):
                return None
            raise
        try:
            found = dict(record(data, "data"))
            required_text(found, "id")
        except BadShape as shape:
            raise self._session.misshapen("products.get", shape) from None
        return found

    async def category_attributes(self, category_id: str) -> list[dict[str, Any]]:
        """The attributes of a leaf category; `is_requried` (TikTok's spelling) says which it demands."""
        data = await self._session.call(
            "categories.attributes", self._lane, ids={"category_id": category_id}, params={"category_version": "v2"}
        )
        try:
            return _objects(record(data, "data"), "attributes")
        except BadShape as shape:
            raise self._session.misshapen("categories.attributes", shape) from None

    async def search_inventory(
        self, *, sku_ids: Sequence[str] = (), product_ids: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Available and committed units by warehouse, of up to 600 SKUs or 100 products; unknown ids are left out."""
        body = ids_of(sku_ids, product_ids)
        data = await self._session.call("inventory.search", self._lane, body=lambda _: body)
        try:
            return _objects(record(data, "data"), "inventory")
        except BadShape as shape:
            raise self._session.misshapen("inventory.search", shape) from None

    async def update_inventory(self, product_id: str, skus: Sequence[SkuLevels]) -> tuple[SkuFailure, ...]:
        """Set the stock of SKUs of one product, absolute and in every warehouse; the SKUs that were refused."""
        body = {"skus": [levels.as_json() for levels in skus]}
        data = await self._session.call(
            "inventory.update", self._lane, ids={"product_id": product_id}, body=lambda _: body
        )
        try:
            return sku_failures(record(data if data is not None else {}, "data"))
        except BadShape as shape:
            raise self._session.misshapen("inventory.update", shape) from None

    async def deactivate_products(self, product_ids: Sequence[str]) -> tuple[ProductFailure, ...]:
        """Take up to 20 products off sale; those that were refused."""
        if len(product_ids) > MOST_SWITCHED:
            raise ValueError(f"{len(product_ids)} product ids in one call, {MOST_SWITCHED} are allowed")
        body = {"product_ids": list(product_ids)}
        data = await self._session.call("products.deactivate", self._lane, body=lambda _: body)
        try:
            return product_failures(record(data if data is not None else {}, "data"))
        except BadShape as shape:
            raise self._session.misshapen("products.deactivate", shape) from None

    async def prerequisites(self) -> list[dict[str, Any]]:
        """The shop checklist: `check_item`, `is_failed`, `fail_reasons`."""
        data = await self._session.call("prerequisites.check", self._lane)
        try:
            return _objects(record(data, "data"), "check_results")
        except BadShape as shape:
            raise self._session.misshapen("prerequisites.check", shape) from None


def _objects(data: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
    return [dict(row) for row in records(data, member)]
