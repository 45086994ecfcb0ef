"""Messages to buyers: a text and an order card, once per order for ever, after the order exists in Pipe17.

A flow without a source: its rows `<order id>:text` and `<order id>:card` are staged with the order's own success
(core/follow_ups.py). Nothing about it ever touches the order.

    deliver  reads the order again: cancelled meanwhile or no news any more, and nothing is sent; opens the
             conversation, notes what it is about to write, writes it
    settle   reads the conversation: a message of ours with that content, written since the note, is the one

TikTok has no idempotency key here, so what was noted before is looked for before anything is written again, whatever
the last attempt ended with. A message that another row has found to be its own is not taken for this one's.

The day's quota of calls is for all messages: once it is used up, nobody asks before the shop's next day. A missing
scope is asked about by one row a minute (`Connections` says so once); the others wait an hour without a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from daemon.apis.tiktok.client import TikTok
from daemon.apis.tiktok.talk import Message, Talk
from daemon.clock import Clock
from daemon.core.follow_ups import MESSAGES
from daemon.core.lanes import Lane
from daemon.core.messages import ORDER_CARD, born_ms, content_of, is_news, render, same_content
from daemon.core.owed import Absent, Done, Dropped, Later, Outcome, Owed, Refused, Settled
from daemon.core.reading import iso
from daemon.core.shop_day import day_of, next_day_ms
from daemon.core.spans import milliseconds
from daemon.core.tiktok_errors import MESSAGE_QUOTA
from daemon.core.tiktok_order import TikTokOrder, read_order
from daemon.core.verdicts import Reauth
from daemon.errors import ApiError
from daemon.flows.flow import Attempt
from daemon.flows.order_reader import OrderReader

NAME = MESSAGES
NOT_SHOWN_RECHECK = timedelta(minutes=5)
REFUSED_RECHECK = timedelta(hours=1)
CLOCKS_DIFFER = timedelta(minutes=2)
"""How much earlier than our note TikTok's time of the message may be."""
PAGES_READ = 50
"""Pages of a conversation that are looked through for one message."""
SAME_CONVERSATION = timedelta(hours=1)
"""How long the conversation of the order's other message is written into without opening it again."""


class SendMessages:
    """The flow; see the module."""

    name = NAME
    lane = Lane.MESSAGES
    concurrency = 8

    def __init__(self, tiktok: TikTok, clock: Clock, template: str, *, card: bool) -> None:
        """`template`: ORDERS_MESSAGE; `card`: ORDERS_SEND_ORDER_CARD. What is off is not sent, though it waits."""
        self._tiktok = tiktok.at(Lane.MESSAGES)
        self._orders = OrderReader(self._tiktok)
        self._clock = clock
        self._template = template
        self._card = card
        self._quota_until_ms = 0
        self._refused_until_ms = 0

    @property
    def _talk(self) -> Talk:
        return self._tiktok.talk

    async def deliver(self, attempt: Attempt) -> Outcome:
        row, now_ms = attempt.row, self._clock.now_ms()
        if not (self._card if row.payload["kind"] == ORDER_CARD else self._template):
            setting = "ORDERS_SEND_ORDER_CARD" if row.payload["kind"] == ORDER_CARD else "ORDERS_MESSAGE"
            return Dropped(f"switched off ({setting})")
        if now_ms < self._quota_until_ms:
            return self._waits()
        if now_ms < self._refused_until_ms:
            return Later(self._refused_until_ms, "the grant lacks the scope seller.customer_service")
        raw = await self._orders.read(row.group)
        if raw is None and is_news(row.changed_at_ms, now_ms):
            return Later(now_ms + milliseconds(NOT_SHOWN_RECHECK), "TikTok shows no order by this id")
        if raw is None:
            return Dropped("TikTok shows no order by this id any more")
        order = read_order(raw)
        if order.cancelled:
            return Dropped("the order was cancelled before the message left")
        if not is_news(born_ms(order), now_ms):
            return Dropped("too late: the order is no news any more")
        try:
            return await self._tell(attempt, order)
        except ApiError as error:
            return await self._refused(error, now_ms)

    async def _refused(self, error: ApiError, now_ms: int) -> Outcome:
        if error.code == str(MESSAGE_QUOTA) and now_ms < self._quota_until_ms:
            return self._waits()
        if error.code == str(MESSAGE_QUOTA):
            shop = await self._tiktok.shop()
            self._quota_until_ms = next_day_ms(now_ms, shop.region)
            # one message says it for all; the others of the day wait without a call
            text = (
                "TikTok allows 10000 customer-service calls a day and they are used up; this and all further messages "
                f"are sent in the shop's next day, from {iso(self._quota_until_ms)}"
            )
            return Later(self._quota_until_ms, text, code="message_quota")
        if isinstance(error.verdict, Reauth) and error.verdict.code == "scope":
            self._refused_until_ms = now_ms + milliseconds(REFUSED_RECHECK)
        raise error

    def _waits(self) -> Later:
        return Later(self._quota_until_ms, "the calls of the day are used up; sent in the shop's next day")

    async def _tell(self, attempt: Attempt, order: TikTokOrder) -> Outcome:
        row = attempt.row
        conversation_id = await self._conversation(attempt, order.user_id)
        self._refused_until_ms = 0
        # what was noted once stays as it is: another text would not be found again
        intent = row.intent or await self._intended(row, order)
        intent = {**intent, "conversation_id": conversation_id}
        if row.intent is not None or row.payload.get("look_first"):
            written = await self._written(attempt, intent)
            if written is not None:
                return written
        await attempt.intend(intent)
        message_id = await self._talk.send(conversation_id, str(row.payload["kind"]), intent["content"])
        return _sent(row, intent, message_id)

    async def _conversation(self, attempt: Attempt, user_id: str) -> str:
        since_ms = self._clock.now_ms() - milliseconds(SAME_CONVERSATION)
        for other in await attempt.neighbours(NAME):
            if other.result and int(other.result.get("at_ms", 0)) > since_ms:
                return str(other.result["conversation_id"])
        return await self._talk.open(user_id)

    async def _intended(self, row: Owed, order: TikTokOrder) -> dict[str, Any]:
        """What is about to be written, and since when it can stand there."""
        shop = await self._tiktok.shop()
        due_ms = order.rts_sla_time_ms
        ship_by = "" if due_ms is None else day_of(due_ms, shop.region)
        text = "" if row.payload["kind"] == ORDER_CARD else render(self._template, order, shop.name, ship_by)
        return {
            "content": content_of(str(row.payload["kind"]), order.id, text),
            # an order that an earlier life of this connector made in Pipe17 may have been told about since its birth
            "since_ms": born_ms(order) if row.payload.get("look_first") else self._clock.now_ms(),
        }

    async def settle(self, attempt: Attempt) -> Settled:
        intent = attempt.row.intent
        if intent is None:
            return Absent()
        return await self._written(attempt, intent) or Absent()

    async def _written(self, attempt: Attempt, intent: Mapping[str, Any]) -> Done | Refused | None:
        """The end of this row when its message stands in the conversation already."""
        token, since_ms = "", int(intent["since_ms"]) - milliseconds(CLOCKS_DIFFER)
        for _ in range(PAGES_READ):
            page = await self._talk.messages(str(intent["conversation_id"]), token)
            for message in page.messages:
                if _same(message, attempt.row, intent) and message.create_time_ms >= since_ms:
                    owner = await attempt.owner_of(NAME, message.id)
                    if owner is None or owner.id == attempt.row.id:
                        return _sent(attempt.row, intent, message.id)
            oldest_ms = min((message.create_time_ms for message in page.messages), default=0)
            token = page.next_page_token
            if not token or oldest_ms < since_ms:
                return None
        return Refused(
            "message_rejected",
            f"a call to send it got no answer, and it is not among the last {PAGES_READ * 10} messages of a busy "
            "conversation; it is not sent again, so that the buyer does not get it twice",
        )


def _same(message: Message, row: Owed, intent: Mapping[str, Any]) -> bool:
    ours = message.role != "BUYER" and message.kind == row.payload["kind"]
    return ours and same_content(str(intent["content"]), message.content)


def _sent(row: Owed, intent: Mapping[str, Any], message_id: str) -> Done:
    result = {"conversation_id": intent["conversation_id"], "at_ms": intent["since_ms"]}
    return Done(digest=row.digest, remote_id=message_id, result=result)
