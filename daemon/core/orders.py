"""Which Pipe17 order a TikTok order is to be, and when: the heart of the flow `pull_orders`.

`plan_order` is asked every time the order is read, and answers with the Pipe17 order that should exist *now*: whole,
not as a change. What has to be sent follows by comparison (`core/orders_diff.py`), so planning again does no harm.

Where the order stands (contract 4.2; scenarios, decisions; pipe17 contract 15.2):

    UNPAID                      nothing yet; looked at again when the time to retry the payment is over
    ON_HOLD, window not over    `onHold` with `holdUntil` (ORDERS_PULL_ON_HOLD), else nothing yet
    AWAITING_SHIPMENT,
    PARTIALLY_SHIPPING          `new`: Pipe17 may route it
      no street to be read      `onHold`, and read again: an exception after ADDRESS_PATIENCE, never routed without one
      a shipper not known       `onHold` with an exception: nobody here knows who ships it
    AWAITING_COLLECTION         known to Pipe17: as it was; first seen now: nothing, or `fulfilled` where
      to COMPLETED              ORDERS_SINCE or a backfill asks for it
    CANCELLED                   `canceled` where Pipe17 knows it, else nothing for ever
    shipped by the platform     nothing, or `fulfilled` once its hold is over (ORDERS_PULL_SHIPPED_BY_PLATFORM)
    digital                     `fulfilled` once its hold is over: no warehouse ever sees it

Which field goes where is `core/order_document.py`, of which kind an order is `core/order_kinds.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from daemon.core import addresses
from daemon.core.bundles import bundles_of
from daemon.core.findings import Finding
from daemon.core.holds import RECHECK, Hold, hold_of, told_until_ms, unpaid_look_ms
from daemon.core.lines import units_of
from daemon.core.order_document import document_of
from daemon.core.order_kinds import digital, needs_address, unknown_shipper, unknown_words
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import SHIPPED, TikTokOrder
from daemon.core.totals import Totals, totals_of

__all__ = ["Finding", "OrderPlan", "OrderRules", "Standing", "plan_order"]

KNOWN_STATUSES = SHIPPED | {"UNPAID", "ON_HOLD", "AWAITING_SHIPMENT", "PARTIALLY_SHIPPING"}
"""What an order that is not cancelled can be (contract 4.2)."""

UNKNOWN_STATUS_RECHECK = timedelta(hours=1)

ADDRESS_PATIENCE = timedelta(minutes=15)
"""How long a released order may be without a street before a person is told; it is read again every `RECHECK`."""

KEPT_BACK = frozenset({"address_hidden", "shipper_unknown"})
"""Reasons for which an order that TikTok has released stays `onHold` here; a person may release it in Pipe17."""

KEPT_BACK_FOR = timedelta(days=1)
"""How far ahead Pipe17 is told to hold such an order: nobody but a person should let it go while the daemon is away."""


@dataclass(frozen=True, slots=True)
class OrderRules:
    """The settings that decide about orders. `since_ms`: orders made from then on are wanted even when shipped."""

    hold: timedelta
    pull_on_hold: bool
    pull_shipped_by_platform: bool
    since_ms: int | None
    shop_id: str
    order_source: str = "TikTok Shop"
    virtual_bundles: bool = False
    """Bundles go to Pipe17 as their parts, and not as the SKU that TikTok sells."""
    count_by_day: bool = False
    """New orders are counted by the shop's day, because the shop may have a limit."""


class Standing(StrEnum):
    """Where the order stands for us."""

    UNPAID = "unpaid"
    HELD = "held"
    RELEASED = "released"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    PLATFORM = "platform"
    DIGITAL = "digital"


AWAITS_SHIPPING = frozenset({Standing.UNPAID, Standing.HELD, Standing.RELEASED})
"""Where a ship-by instant still means something for the merchant."""


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """What is to be done about one order.

    `document`: the Pipe17 order that should exist now (None: nothing yet, or nothing for ever when `drop`).
    `look_again_at_ms`: when to read the order again (None: only when TikTok changes it). `reason`: a stable word for
    why nothing or not everything is sent now, "" when it is. `units`: `uniqueId` -> unit ids, cancelled ones too.
    `ship_by_ms`: TikTok's deadline for shipping, None when there is nothing left to ship.
    """

    standing: Standing
    document: dict[str, Any] | None = field(repr=False)
    look_again_at_ms: int | None
    reason: str
    drop: bool
    findings: tuple[Finding, ...]
    units: dict[str, list[str]]
    ship_by_ms: int | None
    cancelled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """`uniqueId` -> those of its units that are cancelled at TikTok, for lines that have some."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """One row of the table above: `status` is the Pipe17 status wanted, None for no document."""

    standing: Standing
    status: str | None = None
    reason: str = ""
    look_again_at_ms: int | None = None
    drop: bool = False


def plan_order(
    order: TikTokOrder, rules: OrderRules, now_ms: int, previous: Mapping[str, Any] | None, created: bool
) -> OrderPlan:
    """What is to be done about `order` at `now_ms` (TikTok's clock).

    `previous` is the document that was wanted before (a clear address is taken from it where TikTok hides it now);
    `created` says that Pipe17 has the order, or may have it.
    """
    hold = hold_of(order, rules.hold, now_ms)
    address = addresses.merge(
        (previous or {}).get("shippingAddress"), addresses.to_pipe17(order.address, order.buyer_email)
    )
    decision = _decide(order, rules, hold, now_ms, previous or {}, created)
    if decision.standing is Standing.RELEASED and not (created and (previous or {}).get("status") == "new"):
        decision = _kept_back(order, address, now_ms) or decision
    document = None
    findings: tuple[Finding, ...] = ()
    if decision.reason == "status_unknown":
        findings = (Finding("status_unknown", f"TikTok says {order.status}, a status this version does not know"),)
    if decision.status is not None:
        totals = totals_of(order)
        document = document_of(
            order,
            totals,
            address,
            status=decision.status,
            hold_until_ms=_hold_until_ms(order, hold, decision, now_ms),
            shop_id=rules.shop_id,
            order_source=rules.order_source,
            take_bundles_apart=rules.virtual_bundles,
        )
        findings = tuple(_findings(order, totals, address, decision, created, rules, hold, now_ms))
    return OrderPlan(
        standing=decision.standing,
        document=document,
        look_again_at_ms=decision.look_again_at_ms,
        reason=decision.reason,
        drop=decision.drop,
        findings=findings,
        units={unique_id: list(unit_ids) for unique_id, unit_ids in units_of(order).items()},
        cancelled=_cancelled(order),
        ship_by_ms=order.rts_sla_time_ms if decision.standing in AWAITS_SHIPPING and not decision.drop else None,
    )


def _cancelled(order: TikTokOrder) -> dict[str, frozenset[str]]:
    gone = {unit.id for unit in order.units if unit.cancelled}
    if not gone:
        return {}
    return {line: frozenset(gone.intersection(unit_ids)) for line, unit_ids in units_of(order).items()}


def _decide(
    order: TikTokOrder, rules: OrderRules, hold: Hold, now_ms: int, previous: Mapping[str, Any], created: bool
) -> _Decision:
    if order.platform_fulfilled and not rules.pull_shipped_by_platform:
        return _Decision(Standing.PLATFORM, reason="shipped_by_platform", drop=True)
    if order.cancelled:
        if created:
            return _Decision(Standing.CANCELLED, "canceled")
        paid = order.paid_time_ms is not None
        return _Decision(Standing.CANCELLED, reason="cancelled_on_hold" if paid else "cancelled_unpaid", drop=True)
    if order.status not in KNOWN_STATUSES:
        recheck_ms = now_ms + milliseconds(UNKNOWN_STATUS_RECHECK)
        return _Decision(Standing.HELD, reason="status_unknown", look_again_at_ms=recheck_ms)
    if order.status == "UNPAID":
        return _Decision(Standing.UNPAID, reason="unpaid", look_again_at_ms=unpaid_look_ms(order, now_ms))
    if not hold.released:
        shown = rules.pull_on_hold and not order.platform_fulfilled and not digital(order)
        return _Decision(Standing.HELD, "onHold" if shown else None, hold.reason, hold.until_ms)
    if order.platform_fulfilled:
        return _Decision(Standing.PLATFORM, "fulfilled")
    if digital(order):
        return _Decision(Standing.DIGITAL, "fulfilled")
    if order.shipped:
        return _decide_shipped(order, rules, previous, created)
    return _Decision(Standing.RELEASED, "new")


def _kept_back(order: TikTokOrder, address: Mapping[str, str], now_ms: int) -> _Decision | None:
    """Of an order that TikTok has released: why it must not be routed yet.

    It is in Pipe17 `onHold` whatever ORDERS_PULL_ON_HOLD says, because it is not TikTok that holds it.
    """
    look_again_at_ms = now_ms + milliseconds(RECHECK)
    if unknown_shipper(order):
        return _Decision(Standing.HELD, "onHold", "shipper_unknown", look_again_at_ms)
    if needs_address(order) and not addresses.complete(address):
        return _Decision(Standing.HELD, "onHold", "address_hidden", look_again_at_ms)
    return None


def _decide_shipped(order: TikTokOrder, rules: OrderRules, previous: Mapping[str, Any], created: bool) -> _Decision:
    """Nothing that is shipped already may become routable: it would be shipped twice."""
    if created:
        released_before = previous.get("status") not in ("onHold", "fulfilled")
        return _Decision(Standing.SHIPPED, "new" if released_before else "fulfilled")
    if rules.since_ms is not None and order.create_time_ms >= rules.since_ms:
        return _Decision(Standing.SHIPPED, "fulfilled")
    return _Decision(Standing.SHIPPED, reason="first_seen_shipped", drop=True)


def _hold_until_ms(order: TikTokOrder, hold: Hold, decision: _Decision, now_ms: int) -> int:
    if decision.reason in KEPT_BACK:
        return told_until_ms(hold, now_ms, margin=KEPT_BACK_FOR, step=KEPT_BACK_FOR)
    return told_until_ms(hold, now_ms) if decision.status == "onHold" else _ended_ms(order, hold)


def _ended_ms(order: TikTokOrder, hold: Hold) -> int:
    """When the hold of an order that may leave was over; shipped inside its window, it ended with the shipping."""
    return min(hold.ends_ms, order.rts_time_ms or hold.ends_ms) if order.shipped else hold.ends_ms


def _findings(
    order: TikTokOrder,
    totals: Totals,
    address: Mapping[str, str],
    decision: _Decision,
    created: bool,
    rules: OrderRules,
    hold: Hold,
    now_ms: int,
) -> list[Finding]:
    found = [_unknown_kind(member, value, order) for member, value in unknown_words(order)]
    if totals.mismatch is not None:
        stated = order.payment.total_amount
        says = "no total" if stated is None else f"{stated} {order.payment.currency}"
        parts = f"{totals.mismatch} {order.payment.currency}"
        found.append(Finding("total_mismatch", f"TikTok says the buyer pays {says}; the parts add up to {parts}"))
    for sku_id in sorted(_without_sku(order, rules)):
        found.append(Finding("sku_missing", f"TikTok SKU {sku_id} has no seller SKU; its TikTok id is sent instead"))
    if decision.standing is Standing.RELEASED:
        found.extend(_findings_of_released(order, address, created))
    if decision.reason == "address_hidden":
        shown_since_ms = max(hold.ends_ms, order.update_time_ms)
        if now_ms >= shown_since_ms + milliseconds(ADDRESS_PATIENCE):
            text = "TikTok released the order and shows no street for it; it is kept on hold and read again"
            found.append(Finding("address_missing", text, order.rts_sla_time_ms))
    if decision.standing is Standing.SHIPPED and created and decision.status == "fulfilled":
        found.append(Finding("shipped_elsewhere", "TikTok shows the order shipped, though it was never released here"))
    return found


def _unknown_kind(member: str, value: str, order: TikTokOrder) -> Finding:
    then = "it is not released from here" if unknown_shipper(order) else "it is treated like any other order"
    return Finding("kind_unknown", f"TikTok says {member} {value}, which this version does not know; {then}")


def _without_sku(order: TikTokOrder, rules: OrderRules) -> set[str]:
    """TikTok SKU ids that go to Pipe17 in place of a seller SKU."""
    live = {unit.id for unit in order.live_units}
    bundles = bundles_of(order).values() if rules.virtual_bundles else ()
    apart = [bundle for bundle in bundles if any(unit.id in live for unit in bundle.units)]
    sold_whole = live - {unit.id for bundle in apart for unit in bundle.units}
    parts = {part.sku_id for bundle in apart for part in bundle.recipe if not part.seller_sku}
    return parts | {unit.sku_id for unit in order.units if unit.id in sold_whole and not unit.seller_sku}


def _findings_of_released(order: TikTokOrder, address: Mapping[str, str], created: bool) -> list[Finding]:
    found = []
    if needs_address(order) and not addresses.complete(address):
        text = "TikTok shows no street for the order, which has left its hold in Pipe17 all the same"
        found.append(Finding("address_missing", text, order.rts_sla_time_ms))
    shipped = sum(unit.shipped for unit in order.live_units)
    if shipped and not created:
        text = (
            f"{shipped} of {len(order.live_units)} units were shipped before the order was first seen; do not ship them"
        )
        found.append(Finding("partly_shipped_elsewhere", text))
    return found
