"""The calls about cancellations (contract 7.3 to 7.5, 7.9): search, cancel, approve, reject, eligibility, reasons.

A seller cancels whole orders until they are shipped, in the US until the carrier has them; single lines only in the US
and the UK, and only as out of stock. While one cancellation of an order runs there is no second one (25001011).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from daemon.sandbox.tiktok.cancellations import COMPLETE, PENDING, SUCCESS, Cancellation
from daemon.sandbox.tiktok.index import Pager
from daemon.sandbox.tiktok.market import Market
from daemon.sandbox.tiktok.records import Order, Unit
from daemon.sandbox.tiktok.shapes import Ask, Refused

LINE_REGIONS = frozenset({"US", "GB"})
"""Where single lines can be cancelled (contract 7.4)."""

PAID = ("out_of_stock", "wrong_price")
REJECT_REASONS = (
    "order_manage_list_action_respond_popup_reject_reason_invalid_cancellation_reason",
    "order_manage_list_action_respond_popup_reject_reason_delivered",
    "seller_reject_apply_product_has_been_packed",
)


def reasons(order: Order, region: str) -> tuple[str, ...]:
    """Why the seller may cancel an order in its status, in the words of its market (contract 7.4)."""
    suffix = "_uk" if region == "GB" else ""
    if order.status == "UNPAID":
        return tuple(f"seller_cancel_unpaid_reason_{name}{suffix}" for name in PAID)
    names = [f"seller_cancel_reason_{name}" for name in PAID]
    if region in ("US", "GB"):
        names.append("seller_cancel_paid_reason_address_not_deliver")
    if region == "US":
        names.append("seller_cancel_paid_reason_buyer_requested_cancellation")
    return tuple(name + suffix for name in names)


class Cancelling:
    """The cancellation desk of one shop."""

    def __init__(self, market: Market, rng: Random) -> None:
        self._market = market
        self._book = market.book
        self._options = market.options
        self._rng = rng
        self._pager = Pager(market.options, rng)
        self._approved: set[str] = set()
        """Idempotency keys of approvals that took effect."""

    def search(self, ask: Ask) -> dict[str, Any]:
        """`POST …/cancellations/search`."""
        size = ask.number("page_size", 1, 50) if "page_size" in ask.query else 10
        field = ask.choice("sort_field", ("create_time", "update_time"))
        descending = ask.choice("sort_order", ("DESC", "ASC")) == "DESC"
        known = self._market.cancellations
        index = known.by_create if field == "create_time" else known.by_update
        span = index.span(ask.body.get(f"{field[:6]}_time_ge"), ask.body.get(f"{field[:6]}_time_lt"))
        keep = self._filter(ask.body)
        page = self._pager.page(
            ask, index, span, size=size, descending=descending, keep=lambda one: keep(known.by_id[one])
        )
        rows = [self._shown(known.by_id[one]) for one in page.ids]
        data: dict[str, Any] = {"total_count": page.total}
        if rows or self._rng.random() >= self._options.sparse:
            data["cancellations"] = rows
        if page.next_token or self._rng.random() >= self._options.sparse:
            data["next_page_token"] = page.next_token
        return data

    def cancel(self, ask: Ask) -> dict[str, Any]:
        """`POST …/cancellations`: the seller cancels an order or some of its lines."""
        order = self._order(ask.body["order_id"], 25001001)
        units = self._named(order, ask.body)
        if order.status in ("CANCELLED", "COMPLETED"):
            raise Refused(25001051, "Not allowed to return or cancel since order is completed or cancelled")
        if self._market.cancellations.running(order.id) is not None or not all(unit.live for unit in units):
            raise Refused(25001011, "A return request is already in process, or the order has already been cancelled.")
        if not all(self._cancellable(unit) for unit in units):
            raise Refused(
                25001045, "The order has already been shipped and we are unable to cancel shipment with the courier."
            )
        if ask.body["cancel_reason"] not in reasons(order, self._options.region):
            raise Refused(25001014, "Unknown return reason. Please ensure you are passing a valid return reason.")
        by_line = any(ask.body.get(name) for name in ("skus", "order_line_item_ids", "order_line_list"))
        if by_line and (self._options.region not in LINE_REGIONS or "out_of_stock" not in ask.body["cancel_reason"]):
            raise Refused(25005010, "Unable to cancel individual line items within this request.")
        ids = [unit.id for unit in units]
        one = self._market.begin_cancel(order, ask.body["cancel_reason"], ids, ask.now_ms)
        return {"cancel_id": one.id, "cancel_status": SUCCESS}

    def approve(self, ask: Ask) -> dict[str, Any]:
        """`POST …/cancellations/{cancel_id}/approve`: the seller grants the buyer's request."""
        one = self._request(ask.values["cancel_id"])
        key = ask.query.get("idempotency_key", "")
        if key and key in self._approved:
            return {}
        if one.status != PENDING:
            if one.status == COMPLETE:
                raise Refused(25011012, "reverse status cannot approve application")
            raise Refused(25020009, "reverse already cancelled")
        self._approved.add(key)
        self._market.approve_cancel(self._book.order(one.order_id), one, ask.now_ms)
        return {}

    def reject(self, ask: Ask) -> dict[str, Any]:
        """`POST …/cancellations/{cancel_id}/reject`: the seller turns the buyer's request down."""
        one = self._request(ask.values["cancel_id"])
        if ask.body["reject_reason"] not in REJECT_REASONS:
            raise Refused(25001014, "Unknown return reason. Please ensure you are passing a valid return reason.")
        if one.status == COMPLETE:
            raise Refused(25020010, "Aftersales has been approved and cannot be rejected.")
        if one.status != PENDING:
            raise Refused(25011011, "reverse status cannot reject application")
        self._market.refuse_cancel(self._book.order(one.order_id), ask.now_ms)
        return {}

    def reject_reasons(self, ask: Ask) -> dict[str, Any]:
        """`GET …/reject_reasons`."""
        self._request(ask.query["return_or_cancel_id"])
        return {"reasons": [{"name": name, "text": name.replace("_", " ")} for name in REJECT_REASONS]}

    def eligibility(self, ask: Ask) -> dict[str, Any]:
        """`GET …/aftersale_eligibility`: what may be asked for now; only a seller's cancel is simulated."""
        order = self._order(ask.values["order_id"], 25007006)
        ask.choice("initiate_aftersale_user", ("SELLER",))
        ask.choice("request_types", ("CANCEL",))
        running = self._market.cancellations.running(order.id) is not None
        by_sku: dict[str, list[Unit]] = {}
        for unit in order.units:
            by_sku.setdefault(unit.sku_id, []).append(unit)
        return {
            "sku_eligibility": [
                {"sku_id": sku_id, "line_item_eligibility": list(self._eligible(order, units, running))}
                for sku_id, units in by_sku.items()
            ]
        }

    def _eligible(self, order: Order, units: Sequence[Unit], running: bool) -> Iterator[dict[str, Any]]:
        free = [unit.id for unit in units if unit.live and not running and self._cancellable(unit)]
        others = [unit.id for unit in units if unit.id not in free]
        if free:
            yield {
                "request_type": "CANCEL",
                "order_line_items_ids": free,
                "eligible": True,
                "available_reason_names": list(reasons(order, self._options.region)),
            }
        if others:
            code, text = (25001011, "already in process") if running else (25001003, "Invalid order status.")
            yield {
                "request_type": "CANCEL",
                "order_line_items_ids": others,
                "eligible": False,
                "ineligible_code": code,
                "ineligible_reason": text,
            }

    def _cancellable(self, unit: Unit) -> bool:
        return not unit.shipped or (unit.status == "AWAITING_COLLECTION" and self._options.region == "US")

    def _named(self, order: Order, body: Mapping[str, Any]) -> list[Unit]:
        forms = [name for name in ("order_line_item_ids", "order_line_list") if body.get(name)]
        if len(forms) > 1:
            raise _wrong_parameter()
        ids = list(body.get("order_line_item_ids") or ())
        ids += [line["order_line_item_id"] for line in body.get("order_line_list") or ()]
        for wanted in body.get("skus") or ():
            of_sku = [unit.id for unit in order.live() if unit.sku_id == wanted["sku_id"] and unit.id not in ids]
            if len(of_sku) < wanted["quantity"]:
                raise Refused(25005011, "The requested line item(s) for return or refund exceeds the allowable limit.")
            ids += of_sku[: wanted["quantity"]]
        units = [unit for unit in map(order.unit, ids) if unit is not None]
        if len(units) != len(ids) or len(set(ids)) != len(ids):
            raise _wrong_parameter()
        return units or list(order.live())

    def _order(self, order_id: str, otherwise: int) -> Order:
        order = self._book.orders.get(order_id)
        if order is None:
            raise Refused(otherwise, "Order not found.")
        return order

    def _request(self, cancel_id: str) -> Cancellation:
        one = self._market.cancellations.by_id.get(cancel_id)
        if one is None or one.role != "BUYER":
            raise Refused(25007006, "Order not found.")
        return one

    def _filter(self, body: Mapping[str, Any]) -> Any:
        wanted = {
            "id": body.get("cancel_ids"),
            "order_id": body.get("order_ids"),
            "kind": body.get("cancel_types"),
            "status": body.get("cancel_status"),
        }
        asked = {name: frozenset(values) for name, values in wanted.items() if values}
        buyers = frozenset(body.get("buyer_user_ids") or ())

        def keep(one: Cancellation) -> bool:
            if buyers and self._book.order(one.order_id).user_id not in buyers:
                return False
            return all(getattr(one, name) in values for name, values in asked.items())

        return keep

    def _shown(self, one: Cancellation) -> dict[str, Any]:
        order = self._book.order(one.order_id)
        currency = json.loads("{" + order.static + "}")["payment"]["currency"]
        row: dict[str, Any] = {
            "cancel_id": one.id,
            "order_id": one.order_id,
            "cancel_type": one.kind,
            "cancel_status": one.status,
            "role": one.role,
            "cancel_reason": one.reason,
            "cancel_reason_text": one.reason.replace("_", " "),
            "should_replenish_stock": True,
            "refund_amount": {"currency": currency, "refund_total": "0"},
            "cancel_line_items": [
                {
                    "cancel_line_item_id": f"{one.id}{place:02d}",
                    "order_line_item_id": unit.id,
                    "sku_id": unit.sku_id,
                    "seller_sku": unit.seller_sku,
                }
                for place, unit in enumerate(order.units)
                if unit.id in one.unit_ids
            ],
            "create_time": one.create_ms // 1000,
            "update_time": one.update_ms // 1000,
        }
        if one.status == PENDING and one.deadline_ms is not None:
            answer = {"action": "SELLER_RESPOND_BUYER_CANCEL", "deadline": one.deadline_ms // 1000}
            row["seller_next_action_response"] = [answer]
        return row


def _wrong_parameter() -> Refused:
    return Refused(25001001, "An invalid request parameter was passed.")
