"""Settings of the flows: direction, pace, and the rules for orders and fulfillments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated

from pydantic_settings import BaseSettings

from daemon.settings import grammar
from daemon.settings.connection import Boolean, Text
from daemon.settings.declare import PLANNED, read_by, setting
from daemon.settings.values import CancelRace, Direction, Since

Pull = Annotated[Direction, read_by(grammar.one_of(Direction.PULL, Direction.OFF))]
Push = Annotated[Direction, read_by(grammar.one_of(Direction.PUSH, Direction.OFF))]
PullOrPush = Annotated[Direction, read_by(grammar.one_of(Direction.PULL, Direction.PUSH, Direction.OFF))]
AnyDirection = Annotated[Direction, read_by(grammar.one_of(*Direction))]
Every = Annotated[timedelta, read_by(grammar.duration_between("1s", "1d"))]
HoldWindow = Annotated[timedelta, read_by(grammar.duration_between("0s", "30d"))]
Start = Annotated[Since | None, read_by(grammar.since)]
Race = Annotated[CancelRace, read_by(grammar.one_of(*CancelRace))]
Message = Annotated[str, read_by(grammar.template, "")]
Limit = Annotated[int | None, read_by(grammar.count_between(1, 1_000_000))]
Pairs = Annotated[Mapping[str, str], read_by(grammar.pairs, grammar.NO_PAIRS)]

flow_setting = partial(setting, section="Flows: direction and pace")
order_setting = partial(setting, section="Orders")
fulfillment_setting = partial(setting, section="Fulfillments")


class FlowSettings(BaseSettings):
    """Which flows run, which way and how often; ORDERS_... and FULFILLMENTS_...."""

    orders: Pull = flow_setting("pull", "pull or off")
    fulfillments: Push = flow_setting("push", "push or off")
    inventory: Push = flow_setting("push", "push or off")
    products: PullOrPush = flow_setting("pull", "pull or off; push comes with a later version")
    locations: Pull = flow_setting("pull", "pull or off")
    returns: AnyDirection = flow_setting("pull", "pull, push, both or off", since=PLANNED)
    refunds: AnyDirection = flow_setting("pull", "pull, push, both or off", since=PLANNED)
    statements: Pull = flow_setting("pull", "pull or off", since=PLANNED)

    orders_every: Every = flow_setting("60s", "time between two polls, 1s to 1d")
    fulfillments_every: Every = flow_setting("60s", "time between two polls, 1s to 1d")
    inventory_every: Every = flow_setting("60s", "time between two polls, 1s to 1d")
    products_every: Every = flow_setting("5m", "time between two polls, 1s to 1d")
    locations_every: Every = flow_setting("1h", "time between two polls, 1s to 1d")
    returns_every: Every = flow_setting("5m", "time between two polls, 1s to 1d", since=PLANNED)
    refunds_every: Every = flow_setting("5m", "time between two polls, 1s to 1d", since=PLANNED)
    statements_every: Every = flow_setting("1h", "time between two polls, 1s to 1d", since=PLANNED)
    orders_since: Start = flow_setting(
        "", "how far back the first pull goes: a date, or a duration; empty starts at the first run"
    )

    orders_pull_shipped_by_platform: Boolean = order_setting(
        "false", "pull orders that TikTok itself ships, as fulfilled"
    )
    orders_pull_on_hold: Boolean = order_setting("true", "pull orders while TikTok holds them, as onHold")
    orders_hold: HoldWindow = order_setting("60m", "the modification window, counted from payment; 0s to 30d")
    orders_virtual_bundles: Boolean = order_setting("true", "send virtual bundles to Pipe17 as their parts")
    orders_message: Message = order_setting(
        "", "message to the buyer of a new order, with {order_id}, {buyer_name}, {shop_name}, {ship_by}; empty is off"
    )
    orders_send_order_card: Boolean = order_setting("false", "send the order card to the buyer of a new order")
    orders_push_references: Boolean = order_setting("true", "write Pipe17's ids of the order and its lines to TikTok")
    orders_daily_limit: Limit = order_setting(
        "", "orders a day that TikTok allows the shop on probation, such as 100; empty watches none"
    )
    orders_cancel_race: Race = order_setting(
        "hold", "ship or hold: what a buyer's pending cancel does to a tracking push"
    )
    orders_push_cancellations: Boolean = order_setting(
        "true", "a cancel made in Pipe17, or a line rejected there, is cancelled at TikTok"
    )

    fulfillments_fallback_carrier: Text = fulfillment_setting(
        "", "carrier of the market to name when TikTok does not know the real one; empty is off"
    )
    fulfillments_carrier_map: Pairs = fulfillment_setting("", "our carrier name:TikTok's, such as Purolator:USPS,...")
