"""TikTok Shop as the flows see it: typed calls in, plain records or `ApiError` out.

`at(lane)` gives the same client with another priority. Order and package records stay JSON objects here; `core` reads
them. An answer that says success and lacks what a success must have is an error of its own (`shape`): for a read it is
tried again, for a write it is `Unknown` and looked up. A page without its data never looks like the last page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daemon.apis.caller import Caller
from daemon.apis.gate import PROBE_EVERY, Gate
from daemon.apis.http import Transport
from daemon.apis.pacing import CallObserver, Pacer
from daemon.apis.tiktok.auth import TokenKeeper, TokenMemory
from daemon.apis.tiktok.cancelling import Cancelling
from daemon.apis.tiktok.catalogue import Catalogue
from daemon.apis.tiktok.grants import App
from daemon.apis.tiktok.logistics import Logistics
from daemon.apis.tiktok.packages import Packages
from daemon.apis.tiktok.references import References
from daemon.apis.tiktok.registrations import Registrations
from daemon.apis.tiktok.session import SYSTEM, Session, judge, objects
from daemon.apis.tiktok.shops import Shop
from daemon.apis.tiktok.signing import joined
from daemon.apis.tiktok.talk import Talk
from daemon.clock import Clock
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, record, text
from daemon.core.tiktok_errors import ORDER_NOT_OURS
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
    def catalogue(self) -> Catalogue:
        """Products and their stock."""
        return Catalogue(self._session, self._lane)

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
            return OrderPage(objects(found, "orders"), text(found, "next_page_token"))
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
            return objects(record(data, "data"), "orders")
        except BadShape as shape:
            raise self._session.misshapen("orders.detail", shape) from None

    async def prerequisites(self) -> list[dict[str, Any]]:
        """The shop checklist: `check_item`, `is_failed`, `fail_reasons`."""
        data = await self._session.call("prerequisites.check", self._lane)
        try:
            return objects(record(data, "data"), "check_results")
        except BadShape as shape:
            raise self._session.misshapen("prerequisites.check", shape) from None
