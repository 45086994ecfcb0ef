"""The hold: how long an order must not leave, because the buyer may still change or cancel it.

A hold ends at the *latest* of three things (scenarios, "hold ends"):

1. TikTok's own status is past UNPAID and ON_HOLD;
2. the modification window (`ORDERS_HOLD`) since payment, or since creation where no payment time is known, is over;
3. a pre-order has reached its release date.

The status alone is not enough: some shops and categories never show ON_HOLD although the buyer's hour runs (contract
4.2). The timer alone is not enough either: TikTok may keep an order longer. When the timers are over and TikTok still
holds, the order is read again every `RECHECK`.

What Pipe17 is told (`told_until_ms`) lies `MARGIN` behind what we wait for: Pipe17 releases an order by itself when its
`holdUntil` is over, without asking whether the address has changed. The daemon has to be first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from daemon.core.order_kinds import PRE_ORDER
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import TikTokOrder

RECHECK = timedelta(minutes=5)
"""How often an order is read again that TikTok holds beyond its timers."""

PAYMENT_RETRY = timedelta(hours=24, minutes=10)
"""A declined payment can be retried for about 24 hours (scenarios, fact 2); then TikTok cancels the order."""

UNPAID_RECHECK = timedelta(hours=24)

MARGIN = timedelta(minutes=15)
"""How much longer Pipe17 is told to hold: covers a restart and a slow call; must be more than twice `RECHECK`."""

TOLD_STEP = timedelta(hours=1)
"""An overdue hold is prolonged in Pipe17 in steps of this, so that it costs a write an hour and not one a look."""

NEVER_HELD = frozenset({"AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED", "CANCELLED", "CANCEL"})
"""Statuses in which there is nothing left to protect."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Whether an order may leave.

    `until_ms`: when to look again (None: released, or only TikTok can change it). `reason`: `unpaid`, `on_hold`,
    `hold_window`, `pre_order`, or "" when released. `ends_ms`: when its timers end, past or future.
    """

    released: bool
    until_ms: int | None
    reason: str
    ends_ms: int


def hold_of(order: TikTokOrder, window: timedelta, now_ms: int) -> Hold:
    """The hold of an order at `now_ms`, by TikTok's clock."""
    window_ends_ms = (order.paid_time_ms or order.create_time_ms) + milliseconds(window)
    release_ms = order.release_date_ms if order.order_type == PRE_ORDER and order.release_date_ms else 0
    ends_ms = max(window_ends_ms, release_ms)
    if order.status in NEVER_HELD:
        return Hold(True, None, "", ends_ms)
    if order.status == "UNPAID":
        return Hold(False, None, "unpaid", ends_ms)
    if order.status == "ON_HOLD":
        reason = "pre_order" if order.order_type == PRE_ORDER else "on_hold"
        return Hold(False, ends_ms if ends_ms > now_ms else now_ms + milliseconds(RECHECK), reason, ends_ms)
    if ends_ms > now_ms:
        return Hold(False, ends_ms, "pre_order" if release_ms > window_ends_ms else "hold_window", ends_ms)
    return Hold(True, None, "", ends_ms)


def unpaid_look_ms(order: TikTokOrder, now_ms: int) -> int:
    """When to look again at an unpaid order: once the time to retry the payment is over, and daily after that."""
    gives_up_ms = order.create_time_ms + milliseconds(PAYMENT_RETRY)
    return gives_up_ms if gives_up_ms > now_ms else now_ms + milliseconds(UNPAID_RECHECK)


def told_until_ms(hold: Hold, now_ms: int, *, margin: timedelta = MARGIN, step: timedelta = TOLD_STEP) -> int:
    """The `holdUntil` for Pipe17: the end of the timers plus `margin`, in steps of `step` once that is near.

    Always at least `margin - RECHECK` ahead of `now_ms`, so that the next look comes first, and the same value for the
    whole of a step. TikTok often lets an order go a moment after its timers (times there are whole seconds); for the
    first `RECHECK` nothing is prolonged, or nearly every order would cost a write more.
    """
    step_ms = milliseconds(step)
    overdue_ms = max(0, now_ms - hold.ends_ms - milliseconds(RECHECK))
    return hold.ends_ms + milliseconds(margin) + -(-overdue_ms // step_ms) * step_ms
