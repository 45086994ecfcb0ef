"""Customer service of the simulated shop: one conversation per buyer, and the rules for writing into it (contract 9).

* A shop may write to a buyer whose last conversation is at most 30 days old or who ordered in the last 60 days; else
  45109003 when it opens one, 45109001 when it writes.
* A conversation closes by itself `CLOSES_AFTER_MS` after the shop's last word; writing into a closed one is 45109001
  until it is opened again, with the same id.
* All calls of the area together are counted by the shop's day; above the quota 45101004.
* `content` is JSON in a text, and comes back written with other blanks. Sensitive words are 45101006, a card about
  somebody else's order 45101002.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from daemon.sandbox.tiktok.book import OrderBook
from daemon.sandbox.tiktok.options import DAY_MS, HOUR_MS, TikTokOptions
from daemon.sandbox.tiktok.shapes import Ask, Refused, bad

TALKED_MS = 30 * DAY_MS
ORDERED_MS = 60 * DAY_MS
CLOSES_AFTER_MS = 6 * HOUR_MS
LARGEST_PAGE = 10
TEXT_MAX = 2_000
BUYER, SHOP = "BUYER", "CUSTOMER_SERVICE"


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `content` is the JSON behind the text of the wire."""

    id: str
    kind: str
    content: dict[str, Any]
    at_ms: int
    role: str


@dataclass(slots=True)
class Conversation:
    """Everything said between the shop and one buyer, oldest first."""

    id: str
    buyer_id: str
    opened_ms: int
    said: list[Said] = field(default_factory=list)

    @property
    def last_ms(self) -> int:
        """When it was last opened or written into."""
        return max([self.opened_ms, *(one.at_ms for one in self.said[-1:])])


class Conversations:
    """The shop's side of the customer-service calls."""

    def __init__(self, options: TikTokOptions, rng: Random, book: OrderBook) -> None:
        self.of_buyer: dict[str, Conversation] = {}
        self._options = options
        self._rng = rng
        self._book = book
        self._day = (0, 0)
        self._ids = 0

    def open(self, ask: Ask) -> dict[str, Any]:
        """`POST /customer_service/202309/conversations`."""
        self._count(ask.now_ms)
        buyer_id = ask.body["buyer_user_id"]
        if not self._may_write(buyer_id, ask.now_ms):
            raise Refused(45109003, "Unable to create a conversation as you did not meet the criteria")
        conversation = self._with(buyer_id, ask.now_ms)
        conversation.opened_ms = ask.now_ms
        return {"conversation_id": conversation.id}

    def send(self, ask: Ask) -> dict[str, Any]:
        """`POST /customer_service/202606/conversations/{conversation_id}/messages`."""
        self._count(ask.now_ms)
        conversation = self._find(ask)
        kind, content = ask.body["type"], _parsed(ask.body["content"])
        closed = ask.now_ms - conversation.last_ms > CLOSES_AFTER_MS
        if closed or not self._may_write(conversation.buyer_id, ask.now_ms):
            raise Refused(45109001, "Unable to send messages due to conversation rules")
        self._check(kind, content, conversation.buyer_id)
        said = Said(self._id(), kind, content, ask.now_ms, ask.body.get("sender_role", SHOP))
        conversation.said.append(said)
        return {"message_id": said.id}

    def messages(self, ask: Ask) -> dict[str, Any]:
        """`GET /customer_service/202309/conversations/{conversation_id}/messages`."""
        self._count(ask.now_ms)
        said = list(self._find(ask).said)
        size = ask.number("page_size", 1, LARGEST_PAGE)
        ask.choice("sort_field", ("create_time", "index"))
        if ask.choice("sort_order", ("DESC", "ASC")) == "DESC":
            said.reverse()
        start = int(ask.query.get("page_token") or "0")
        page = said[start : start + size]
        more = start + size < len(said)
        answer: dict[str, Any] = {"unsupported_msg_tips": "Please check this message in Seller Center.\n"}
        if page or self._rng.random() >= self._options.sparse:
            answer["messages"] = [_wire(one) for one in page]
        if more or self._rng.random() >= self._options.sparse:
            answer["next_page_token"] = str(start + size) if more else ""
        return answer

    def write_as_buyer(self, buyer_id: str, text: str, now_ms: int) -> str:
        """The buyer writes to the shop."""
        conversation = self._with(buyer_id, now_ms)
        said = Said(self._id(), "TEXT", {"content": text}, now_ms, BUYER)
        conversation.said.append(said)
        return said.id

    def _with(self, buyer_id: str, now_ms: int) -> Conversation:
        conversation = self.of_buyer.get(buyer_id)
        if conversation is None:
            conversation = self.of_buyer[buyer_id] = Conversation(self._id(), buyer_id, now_ms)
        return conversation

    def _find(self, ask: Ask) -> Conversation:
        wanted = ask.values["conversation_id"]
        for conversation in self.of_buyer.values():
            if conversation.id == wanted:
                return conversation
        raise Refused(45101003, "Record not found. Please check the parameters.")

    def _may_write(self, buyer_id: str, now_ms: int) -> bool:
        known = self.of_buyer.get(buyer_id)
        if known is not None and known.said and now_ms - known.said[-1].at_ms <= TALKED_MS:
            return True
        orders = (order for order in self._book.orders.values() if order.user_id == buyer_id)
        return any(now_ms - order.create_ms <= ORDERED_MS for order in orders)

    def _check(self, kind: str, content: dict[str, Any], buyer_id: str) -> None:
        if kind == "TEXT":
            text = content.get("content")
            if set(content) != {"content"} or not isinstance(text, str) or not 0 < len(text) <= TEXT_MAX:
                raise Refused(45101001, "Invalid parameter. Please check the parameters.")
            if any(word in text.lower() for word in self._options.sensitive_words):
                raise Refused(45101006, "You cannot send the message containing sensitive content.")
        elif kind == "ORDER_CARD":
            order = self._book.orders.get(str(content.get("order_id")))
            if set(content) != {"order_id"} or order is None:
                raise Refused(45101003, "Record not found. Please check the parameters.")
            if order.user_id != buyer_id:
                raise Refused(45101002, "Invalid params. The ORDER_CARD must meet the conditions listed above.")
        else:
            raise Refused(45111001, "not support")

    def _count(self, now_ms: int) -> None:
        day, count = (now_ms - self._options.service_day_starts_ms) // DAY_MS, self._day[1]
        self._day = (day, count + 1 if day == self._day[0] else 1)
        quota = self._options.service_calls_per_day
        if quota is not None and self._day[1] > quota:
            raise Refused(45101004, "The query quota has been reached. Please try again tomorrow.")

    def _id(self) -> str:
        self._ids += 1
        return f"7494560{self._ids:012d}"


def _parsed(content: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise bad("Invalid type: 'content' must be JSON of an object")
    return found


def _wire(said: Said) -> dict[str, Any]:
    sender = {
        "im_user_id": f"74945601{0 if said.role == BUYER else 1}",
        "role": said.role,
        "nickname": "Sam" if said.role == BUYER else "Shop",
        "avatar": "https://p16.example.test/avatar.image",
    }
    return {
        "id": said.id,
        "type": said.kind,
        "content": json.dumps(said.content),
        "create_time": said.at_ms // 1000,
        "is_visible": True,
        "sender": sender,
        "index": said.id,
    }
