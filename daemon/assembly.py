"""What the daemon consists of, and how it is put together from settings: clients, flows, engine. Nothing here runs.

    assemble   everything that has no loop, as `Parts`; calls nobody
    connect    the two clients alone, for commands that need no flow

A new flow gets its lines in `flows_of`, in the order of the lanes. The four seams (clock, randomness, transport,
database) are arguments here: the simulation gives its own. The loops over the parts are in `daemon/app.py`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.apis.http import Transport
from daemon.apis.pacing import CallObserver, Closure, Pacer
from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import TikTok
from daemon.apis.tiktok.grants import App
from daemon.apis.tiktok.operations import VITAL_SCOPES
from daemon.clock import Clock
from daemon.core.follow_ups import FollowUpRules
from daemon.core.lanes import Lane
from daemon.core.orders import OrderRules
from daemon.core.stock import StockRules
from daemon.core.tokens import Secret
from daemon.flows.cancelled_orders import CancelledOrders
from daemon.flows.canceller import Canceller
from daemon.flows.connections import Connections
from daemon.flows.engine import Engine, FlowObserver
from daemon.flows.flow import Flow, Sender
from daemon.flows.ownership import Ownership
from daemon.flows.pull_locations import PullLocations
from daemon.flows.pull_orders import NAME as ORDERS
from daemon.flows.pull_orders import PullOrders
from daemon.flows.pull_products import NAME as PRODUCTS
from daemon.flows.pull_products import PullProducts
from daemon.flows.push_cancellations import PushCancellations
from daemon.flows.push_fulfillments import NAME as FULFILLMENTS
from daemon.flows.push_fulfillments import PushFulfillments
from daemon.flows.push_inventory import PushInventory
from daemon.flows.recipes import Recipes
from daemon.flows.send_messages import SendMessages
from daemon.flows.shipping_calls import ShippingRules
from daemon.flows.stock_history import StockHistory
from daemon.flows.stock_orders import StockOfOrders
from daemon.flows.stock_places import WarehousesWatched
from daemon.flows.strangers import Strangers
from daemon.flows.unlinked_orders import UnlinkedOrders
from daemon.flows.write_references import WriteReferences
from daemon.settings import Settings
from daemon.settings.values import Since
from daemon.store.database import Database
from daemon.store.tokens import StoredTokens

VITAL_CALLS = ("orders.", "shipments.", "fulfillments.")
"""Calls to Pipe17 without which orders do not come or shipments do not go."""


class Observer(CallObserver, FlowObserver, Protocol):
    """Who counts: calls and flows."""


class StoredClosures:
    """`ThrottleMemory` over the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[Closure]:
        rows = await self._database.write(lambda tx: tx.all("throttles_all"))
        return [Closure(*row) for row in rows]

    async def save(self, system: str, operation: str, until_ms: int, strikes: int) -> None:
        await self._database.write(lambda tx: tx.run("throttle_save", (system, operation, until_ms, strikes)))


@dataclass(frozen=True, slots=True)
class Parts:
    """The daemon without its loops."""

    settings: Settings
    clock: Clock
    database: Database
    transport: Transport
    pacer: Pacer
    tiktok: TikTok
    pipe17: Pipe17
    engine: Engine
    ownership: Ownership
    flows: Sequence[tuple[Flow, str]]
    """Each flow with the system its source reads."""
    followers: Sequence[Sender]
    """Flows without a source: their rows follow from successes of the others."""

    @property
    def senders(self) -> tuple[Sender, ...]:
        """Everything that writes."""
        return (*(flow for flow, _ in self.flows), *self.followers)


def assemble(
    settings: Settings,
    *,
    clock: Clock,
    rng: random.Random,
    transport: Transport,
    database: Database,
    observer: Observer,
) -> Parts:
    """Build everything that `settings` asks for; calls nobody."""
    pacer = Pacer(clock=clock, rng=rng, observer=observer, memory=StoredClosures(database))
    pacer.budget("tiktok", per_second=float(settings.tiktok_requests_per_second), shared=False)
    pacer.budget("pipe17", per_second=float(settings.pipe17_requests_per_second), shared=True)
    tiktok, pipe17 = connect(settings, clock, transport, pacer, observer, database)
    connections = Connections(database, clock)
    scopes, grants = (lambda: tiktok.keeper.missing_scopes), (lambda: pipe17.missing_grants)
    connections.watch("tiktok", lambda: _probe_tiktok(tiktok), scopes, VITAL_SCOPES.__contains__)
    connections.watch("pipe17", pipe17.probe, grants, lambda call: call.startswith(VITAL_CALLS))
    engine = Engine(database, clock, rng, observer, connections)
    ownership = Ownership(database, clock, settings.pipe17_integration_id)
    flows = flows_of(settings, clock, tiktok, pipe17, ownership, observer, database)
    stock = next((flow for flow, _ in flows if isinstance(flow, PushInventory)), None)
    if stock is not None:
        engine.watchers = (StockOfOrders(stock.bell.ring), StockHistory(), WarehousesWatched(stock.bell.ring))
    ships = next((flow for flow, _ in flows if isinstance(flow, PushFulfillments)), None)
    if ships is not None:
        engine.watchers += (ships.strangers, CancelledOrders())
    if any(isinstance(flow, PullProducts) for flow, _ in flows):
        engine.watchers += (UnlinkedOrders(database, clock, PRODUCTS),)
    followers = followers_of(settings, clock, tiktok)
    return Parts(settings, clock, database, transport, pacer, tiktok, pipe17, engine, ownership, flows, followers)


def flows_of(
    settings: Settings,
    clock: Clock,
    tiktok: TikTok,
    pipe17: Pipe17,
    ownership: Ownership,
    observer: Observer,
    database: Database,
) -> list[tuple[Flow, str]]:
    """The flows that are switched on, each with the system its source reads."""
    flows: list[tuple[Flow, str]] = []
    if settings.orders == "pull":
        rules, afterwards = order_rules(settings, clock), follow_up_rules(settings)
        recipes = Recipes(database, clock, ORDERS) if settings.inventory == "push" else None
        orders = PullOrders(tiktok, pipe17, clock, rules, settings.orders_every, ownership, afterwards, recipes)
        flows.append((orders, "tiktok"))
    ships, both_ways = settings.fulfillments == "push", settings.orders_push_cancellations and settings.orders == "pull"
    if ships:
        shipping = ShippingRules(
            hold=settings.orders_hold,
            carrier_map=dict(settings.fulfillments_carrier_map),
            fallback_carrier=settings.fulfillments_fallback_carrier,
            ship_despite_cancel=settings.orders_cancel_race == "ship",
            since_ms=since_ms(settings, clock),
            virtual_bundles=settings.orders_virtual_bundles,
        )
        every, told = settings.fulfillments_every, observer.carrier_fallback
        strangers = Strangers(database, clock, FULFILLMENTS)
        rejects = Canceller(tiktok, pipe17, clock, Lane.FULFILLMENTS, ships=ships) if both_ways else None
        fulfillments = PushFulfillments(tiktok, pipe17, clock, shipping, every, ownership, told, strangers, rejects)
        flows.append((fulfillments, "pipe17"))
    if settings.inventory == "push":
        every = settings.inventory_every
        stock = PushInventory(database, tiktok, pipe17, clock, stock_rules(settings), every, ownership)
        flows.append((stock, "pipe17"))
    if both_ways:
        canceller = Canceller(tiktok, pipe17, clock, Lane.CANCELLATIONS, ships=ships)
        cancellations = PushCancellations(pipe17, canceller, clock, settings.orders_every, ownership)
        flows.append((cancellations, "pipe17"))
    if settings.locations == "pull":
        locations = PullLocations(tiktok, pipe17, clock, settings.locations_every, ownership, database)
        flows.append((locations, "tiktok"))
    if settings.products == "pull":
        every, required_only = settings.products_every, settings.products_only_required_attributes
        products = PullProducts(tiktok, pipe17, clock, every, ownership, database, required_only=required_only)
        flows.append((products, "tiktok"))
    return flows


def followers_of(settings: Settings, clock: Clock, tiktok: TikTok) -> list[Sender]:
    """The flows without a source that are switched on."""
    asked, followers = follow_up_rules(settings), list[Sender]()
    if settings.orders == "pull" and (asked.text or asked.card):
        followers.append(SendMessages(tiktok, clock, settings.orders_message, card=asked.card))
    if settings.orders == "pull" and asked.references:
        followers.append(WriteReferences(tiktok, clock))
    return followers


def connect(
    settings: Settings, clock: Clock, transport: Transport, pacer: Pacer, observer: CallObserver, database: Database
) -> tuple[TikTok, Pipe17]:
    """The two clients; calls nobody."""
    key = settings.connector_token_key
    first = settings.tiktok_refresh_token
    app = App(
        key=settings.tiktok_app_key.get_secret_value(),
        secret=Secret(settings.tiktok_app_secret.get_secret_value()),
        service_id=settings.tiktok_service_id,
        api_url=settings.tiktok_api_url,
        auth_url=settings.tiktok_auth_url,
        authorize_url=settings.tiktok_authorize_url,
        shop_id=settings.tiktok_shop_id,
        first_refresh_token=Secret(first.get_secret_value() if first else ""),
    )
    tokens = StoredTokens(database, clock, key.get_secret_value() if key else None)
    tiktok = TikTok.connect(app, transport=transport, pacer=pacer, clock=clock, observer=observer, memory=tokens)
    pipe17 = Pipe17.connect(
        base_url=settings.pipe17_api_url,
        key=Secret(settings.pipe17_api_key.get_secret_value()),
        transport=transport,
        pacer=pacer,
        clock=clock,
        observer=observer,
    )
    return tiktok, pipe17


def order_rules(settings: Settings, clock: Clock) -> OrderRules:
    """The settings that decide about orders."""
    return OrderRules(
        hold=settings.orders_hold,
        pull_on_hold=settings.orders_pull_on_hold,
        pull_shipped_by_platform=settings.orders_pull_shipped_by_platform,
        since_ms=since_ms(settings, clock),
        shop_id=settings.tiktok_shop_id,
        virtual_bundles=settings.orders_virtual_bundles,
        count_by_day=settings.orders_daily_limit is not None,
    )


def stock_rules(settings: Settings) -> StockRules:
    """The settings that decide about quantities."""
    return StockRules(
        location=settings.inventory_location,
        total_to_default=settings.inventory_total_to_default,
        location_map=dict(settings.inventory_location_map),
        locations_except=frozenset(settings.inventory_locations_except),
        skus=None if settings.inventory_skus is None else frozenset(settings.inventory_skus),
        buffer_units=settings.inventory_buffer.units,
        buffer_share=settings.inventory_buffer.share,
        stale_after=settings.inventory_stale_after,
    )


def follow_up_rules(settings: Settings) -> FollowUpRules:
    """The settings that decide what follows from an order in Pipe17."""
    return FollowUpRules(
        text=bool(settings.orders_message),
        card=settings.orders_send_order_card,
        references=settings.orders_push_references,
    )


def since_ms(settings: Settings, clock: Clock) -> int | None:
    """ORDERS_SINCE as an instant; None where the first run starts with the present."""
    since = settings.orders_since
    return None if since is None or since == Since() else since.start_ms(clock.now_ms())


async def _probe_tiktok(tiktok: TikTok) -> None:
    await tiktok.authorized_shops()
