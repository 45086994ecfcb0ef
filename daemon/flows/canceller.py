"""Carries out at TikTok what Pipe17 took back: the one way of a cancel, whoever found out about it.

    carry_out  reads the order on both sides again, plans (core.cancel_plan), then grants the buyer's open request or
               cancels under an allowed reason (core.cancel_reasons), and looks whether it came true
    settle     reads the order: are the units of the intent cancelled?

Two flows use it: `push_cancellations` for orders that people canceled or made smaller, `push_fulfillments` for what a
warehouse rejected. Both keep their intent in their own row, under `cancels`. What TikTok has cancelled already, by
whomever, asks for nothing more: so a cancel is not sent twice, and one that was born at TikTok does not come back.

Shipments that Pipe17 knows of go first, so that nothing is cancelled that has left. Once a cancel was sent, tracking
numbers of the order wait until it is through (`under_way`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from daemon.apis.pipe17.client import Pipe17
from daemon.apis.tiktok.client import TikTok
from daemon.clock import Clock
from daemon.core.cancel_plan import CANCELED, CancelPlan, plan_cancellation
from daemon.core.cancel_reasons import Eligibility, InProcess, choose_reason
from daemon.core.cancellations import Cancellation, Stage
from daemon.core.findings import Refusal
from daemon.core.fulfillments import Fulfillment, read_fulfillment
from daemon.core.lanes import Lane
from daemon.core.lifecycle import State
from daemon.core.order_facts import with_recipes
from daemon.core.owed import Absent, Done, Dropped, Later, Outcome, Owed, Refused, Settled
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import TikTokOrder, read_order
from daemon.core.verdicts import Rejected, Retry
from daemon.errors import ApiError
from daemon.flows.flow import Attempt
from daemon.flows.order_reader import OrderReader

ORDERS, FULFILLMENTS, CANCELLATIONS = "orders", "fulfillments", "cancellations"
"""Names of the flows whose rows tell what is under way with an order."""

RECHECK = timedelta(seconds=30)
NEWS_WITHIN = timedelta(minutes=15)
"""A fulfillment younger than this, of which the flow of fulfillments has not heard yet, is waited for."""
_OPEN = (State.HELD, State.READY, State.SENDING, State.UNKNOWN)
_OVER = ("aftersale_over", "order_cancelled")
"""TikTok's words for: it is cancelled, or past cancelling, already. Which of both, a look at the order tells."""


def cancels(row: Owed) -> Mapping[str, Any] | None:
    """The cancel that a row set out to do, if its last attempt was one."""
    return row.intent if row.intent is not None and row.intent.get("cancels") else None


def sent(row: Owed) -> Mapping[str, Any] | None:
    """The cancel that a row set out to do and that is not known to be through."""
    intent = cancels(row)
    return None if intent is None or set(intent["unit_ids"]) <= _through(row) else intent


def under_way(rows: Iterable[Owed]) -> bool:
    """Whether a cancel may have reached TikTok and is not known to be through."""
    return any(row.state in _OPEN and sent(row) is not None for row in rows)


def born_here(rows: Iterable[Owed]) -> set[str]:
    """Units that were cancelled, or are being cancelled, because Pipe17 took them back."""
    found: set[str] = set()
    for row in rows:
        found |= _through(row) | set((cancels(row) or {}).get("unit_ids", ()))
    return found


def _through(row: Owed) -> set[str]:
    return set((row.result or {}).get("cancelled_unit_ids", ()))


class Canceller:
    """Cancels at TikTok for one lane."""

    def __init__(self, tiktok: TikTok, pipe17: Pipe17, clock: Clock, lane: Lane, *, ships: bool) -> None:
        """`ships`: the flow of fulfillments runs, so shipments of Pipe17 reach TikTok."""
        self._tiktok = tiktok.at(lane)
        self._pipe17 = pipe17.at(lane)
        self._orders = OrderReader(self._tiktok)
        self._clock = clock
        self._ships = ships

    async def carry_out(self, attempt: Attempt) -> Outcome:
        """Bring TikTok's order down to what Pipe17 still wants of it."""
        known = await attempt.neighbours(ORDERS)
        if not known or not known[0].remote_id:
            return Dropped("not_ours") if not known else self._later("the order is not in Pipe17 yet")
        row = known[0]
        raw = await self._orders.read(row.key)
        if raw is None:
            return Refused("order_not_shown", "TikTok shows no order by this id", attempt.row.deadline_at_ms)
        order = read_order(with_recipes(raw, row.payload.get("facts")))
        if order.cancelled:
            return _done(attempt, "TikTok has it cancelled")
        record = await self._pipe17.order(row.remote_id)
        accepted = (row.result or {}).get("document")
        if record is None or accepted is None:
            return self._later("the order is being written to Pipe17; looked at again then")
        made = [read_fulfillment(one) for one in await self._pipe17.fulfillments_of(row.remote_id)]
        rows = {one.key: one for one in await attempt.neighbours(FULFILLMENTS)}
        shipped = [one for one in rows.values() if one.intent is not None and cancels(one) is None]
        claimed = {unit_id for one in shipped for unit_id in (one.intent or {})["unit_ids"]}
        plan = plan_cancellation(order, accepted, record, made, claimed)
        if isinstance(plan, Refusal) and not (record.get("status") == CANCELED and attempt.row.flow != CANCELLATIONS):
            return _refused(plan, attempt)
        if not isinstance(plan, CancelPlan):  # of a canceled order, the row of the order itself says why not
            return _done(attempt, "TikTok has nothing that Pipe17 does not want")
        return await self._cancel(attempt, order, plan, [one for one in made if self._must_go_first(one, rows)])

    async def settle(self, attempt: Attempt) -> Settled:
        """Whether the cancel that ended in the dark came true."""
        intent = sent(attempt.row)
        if intent is None:
            return Absent()
        raw = await self._orders.read(str(intent["order_id"]))
        if raw is None or not _gone(read_order(raw), intent["unit_ids"]):
            return Absent()
        return _done(attempt, "found cancelled at TikTok")

    def _must_go_first(self, fulfillment: Fulfillment, rows: Mapping[str, Owed]) -> bool:
        if fulfillment.rejected or not self._ships:
            return False
        row = rows.get(fulfillment.id)
        if row is not None:
            return row.state in _OPEN
        return fulfillment.created_at_ms > self._clock.now_ms() - milliseconds(NEWS_WITHIN)

    async def _cancel(
        self, attempt: Attempt, order: TikTokOrder, plan: CancelPlan, first: Sequence[Fulfillment]
    ) -> Outcome:
        known: Sequence[Cancellation] = ()
        tried = sent(attempt.row)
        if order.is_buyer_request_cancel or tried is not None:
            known = await self._tiktok.cancelling.of_orders([order.id])
        if tried is not None:
            running = await self._running(attempt, order, plan, known, tried)
            if running is not None:
                return running
            # it never came to TikTok: nothing waits for it any more, and what has left meanwhile goes first
            await attempt.intend({"order_id": order.id, "unit_ids": [], "tracking_number": ""})
        if first:
            return self._later(f"{len(first)} shipments of the order are told to TikTok first")
        request = next((one for one in known if one.asked), None)
        if request is not None:
            return await self._approve(attempt, order, request, plan)
        eligibility = await self._tiktok.cancelling.eligibility(order.id)
        reason = choose_reason(eligibility, plan.unit_ids, whole=plan.whole)
        if isinstance(reason, InProcess):
            return self._later("another cancellation of the order is in process at TikTok")
        if isinstance(reason, Refusal):
            return _refused(reason, attempt)
        await _intend(attempt, order, plan.unit_ids, {"reason": reason})
        try:
            cancel_id = await self._tiktok.cancelling.cancel(order.id, reason, () if plan.whole else plan.unit_ids)
        except ApiError as error:
            return await self._after_refusal(attempt, error, order, eligibility)
        intent = await _intend(attempt, order, plan.unit_ids, {"reason": reason, "cancel_id": cancel_id})
        return await self._look(attempt, intent, plan, f"cancelled as {reason}")

    async def _running(
        self,
        attempt: Attempt,
        order: TikTokOrder,
        plan: CancelPlan,
        known: Sequence[Cancellation],
        tried: Mapping[str, Any],
    ) -> Outcome | None:
        """What became of our own cancel that is not through; None: it is not at TikTok."""
        for one in known:
            if one.running and not one.by_buyer:
                units = one.unit_ids or plan.unit_ids
                intent = await _intend(attempt, order, units, {"reason": one.reason, "cancel_id": one.id})
                return await self._look(attempt, intent, plan, "cancelled")
            if one.id == tried.get("cancel_id") and one.stage is Stage.GIVEN_UP and not one.by_buyer:
                text = "TikTok took the cancellation and gave it up; look at the order in Seller Center and retry"
                return _refused(Refusal("cancel_refused", text), attempt)
        return None

    async def _approve(self, attempt: Attempt, order: TikTokOrder, request: Cancellation, plan: CancelPlan) -> Outcome:
        """Grant the buyer's request where it asks for nothing that Pipe17 still wants to ship."""
        units = request.unit_ids or (plan.unit_ids if plan.whole else ())
        if not units or not set(units) <= set(plan.unit_ids):
            text = (
                "the buyer asks to cancel other units than Pipe17 took back, and TikTok takes no second cancellation "
                "before that is answered; answer in Seller Center"
            )
            return Later(self._soon_ms(), text, code="cancel_requested")
        intent = await _intend(attempt, order, units, {"reason": request.reason, "cancel_id": request.id})
        try:
            await self._tiktok.cancelling.approve(request.id, str(uuid5(NAMESPACE_OID, f"approve {request.id}")))
        except ApiError as error:
            return await self._after_refusal(attempt, error, order, None)
        return await self._look(attempt, intent, plan, "the buyer's request was granted")

    async def _look(self, attempt: Attempt, intent: Mapping[str, Any], plan: CancelPlan, reason: str) -> Outcome:
        """Done when the order shows it, and all that Pipe17 took back is gone; else it is looked at again."""
        raw = await self._orders.read(str(intent["order_id"]))
        if raw is not None and _gone(read_order(raw), (*plan.unit_ids, *intent["unit_ids"])):
            return _done(attempt, reason)
        return self._later("TikTok has taken the cancellation and is carrying it out")

    async def _after_refusal(
        self, attempt: Attempt, error: ApiError, order: TikTokOrder, eligibility: Eligibility | None
    ) -> Outcome:
        """TikTok answered no: nothing was sent, and what a person can do about it."""
        verdict = error.verdict
        if isinstance(verdict, Rejected) or (isinstance(verdict, Retry) and verdict.code == "aftersale_running"):
            await attempt.intend({"order_id": order.id, "unit_ids": [], "tracking_number": ""})
        if isinstance(verdict, Retry) and verdict.code == "aftersale_running":
            return self._later("another cancellation of the order is in process at TikTok")
        if isinstance(verdict, Rejected) and verdict.code in _OVER:
            return self._later("TikTok says that the order is over already; it is read again")
        if not isinstance(verdict, Rejected):
            raise error
        offered = sorted({name for names in eligibility.reasons.values() for name in names}) if eligibility else []
        text = f"TikTok refuses to cancel ({error})" + (f"; it offers: {', '.join(offered)}" if offered else "")
        return _refused(Refusal("cancel_refused", text), attempt)

    def _soon_ms(self) -> int:
        return self._clock.now_ms() + milliseconds(RECHECK)

    def _later(self, reason: str) -> Later:
        return Later(self._soon_ms(), reason)


async def _intend(
    attempt: Attempt, order: TikTokOrder, unit_ids: Collection[str], more: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The intent of a cancel. Like a shipment's it names units, which so are nobody else's, and has no number."""
    intent = {
        "cancels": True,
        "order_id": order.id,
        "unit_ids": list(unit_ids),
        "tracking_number": "",
        "digest": attempt.row.digest,
        **more,
    }
    await attempt.intend(intent)
    return intent


def _gone(order: TikTokOrder, unit_ids: Collection[str]) -> bool:
    return order.cancelled or all(unit.cancelled for unit in order.units if unit.id in unit_ids)


def _done(attempt: Attempt, reason: str) -> Done:
    """TikTok has it as Pipe17 wants it; what we cancelled ourselves is kept with the row."""
    intent = sent(attempt.row)
    if intent is None:
        return Done(digest=attempt.row.digest, remote_id=attempt.row.remote_id, reason=reason, unchanged=True)
    through = sorted(_through(attempt.row) | set(intent["unit_ids"]))
    return Done(
        digest=str(intent["digest"]),
        remote_id=str(intent.get("cancel_id", "")),
        result={"cancelled_unit_ids": through, "reason": intent["reason"]},
        reason=reason,
    )


def _refused(refusal: Refusal, attempt: Attempt) -> Refused:
    return Refused(refusal.code, refusal.text, attempt.row.deadline_at_ms)
