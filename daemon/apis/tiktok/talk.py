"""Conversations with buyers (customer service): open one, write into it, read what stands in it.

`content` is a JSON document inside a text. Opening is by the buyer's id and gives an old conversation again; TikTok
closes one by itself after some hours, so it is opened before each batch of messages and never remembered for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon.apis.tiktok.session import Session
from daemon.core.lanes import Lane
from daemon.core.reading import (
    BadShape,
    identifier,
    optional_record,
    record,
    records,
    required_text,
    seconds_as_ms,
    text,
)

PAGE = 10
"""Messages in one page, at most (contract 3.6)."""
OUR_ROLE = "CUSTOMER_SERVICE"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. `role`: BUYER, or somebody of the shop."""

    id: str
    kind: str
    content: str
    create_time_ms: int
    role: str


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Newest first. `next_page_token` "" means that this was the last one."""

    messages: tuple[Message, ...]
    next_page_token: str


class Talk:
    """Every method raises `ApiError` with a verdict when it does not return."""

    __slots__ = ("_lane", "_session")

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    async def open(self, buyer_user_id: str) -> str:
        """The id of the conversation with this buyer, new or opened again."""
        data = await self._session.call(
            "conversations.open", self._lane, body=lambda _: {"buyer_user_id": buyer_user_id}
        )
        try:
            return required_text(record(data, "data"), "conversation_id")
        except BadShape as shape:
            raise self._session.misshapen("conversations.open", shape) from None

    async def send(self, conversation_id: str, kind: str, content: str) -> str:
        """Write one message; its id."""
        older = {"type": kind, "content": content}
        newer = {**older, "sender_role": OUR_ROLE}
        data = await self._session.call(
            "messages.send",
            self._lane,
            ids={"conversation_id": conversation_id},
            body=lambda version: (newer, older)[version],
        )
        try:
            return required_text(record(data, "data"), "message_id")
        except BadShape as shape:
            raise self._session.misshapen("messages.send", shape) from None

    async def messages(self, conversation_id: str, page_token: str = "") -> MessagePage:
        """What stands in a conversation, newest first; one page. Marks nothing as read."""
        params = {"page_size": str(PAGE), "sort_field": "create_time", "sort_order": "DESC"}
        if page_token:
            params["page_token"] = page_token
        data = await self._session.call(
            "messages.list", self._lane, ids={"conversation_id": conversation_id}, params=params
        )
        try:
            found = record(data, "data")
            rows = tuple(_message(row) for row in records(found, "messages"))
            return MessagePage(rows, text(found, "next_page_token"))
        except BadShape as shape:
            raise self._session.misshapen("messages.list", shape) from None


def _message(row: Any) -> Message:
    return Message(
        id=identifier(row, "id"),
        kind=text(row, "type"),
        content=text(row, "content"),
        create_time_ms=seconds_as_ms(row, "create_time") or 0,
        role=text(optional_record(row, "sender"), "role"),
    )
