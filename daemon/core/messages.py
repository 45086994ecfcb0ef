"""What a buyer is told once the order is in Pipe17: the text from the merchant's template, and who gets one at all.

The template is checked when the settings are read (`core/message_template.py`).

TikTok hides the buyer's name while an order is on hold and in some markets for good. A name that is empty or masked is
never sent as stars: `NO_NAME` stands there instead.

A message is about news. An order whose payment lies further back than `NEWS` gets none (the daemon was down for days,
or the order came from a backfill), and neither does one that is cancelled.
"""

from __future__ import annotations

from datetime import timedelta

from daemon.core.addresses import usable
from daemon.core.jsontext import dumps, loads
from daemon.core.message_template import WIDEST, pieces
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import TikTokOrder

NO_NAME = "customer"
NO_DATE = "the date in your order"
NEWS = timedelta(days=3)
TEXT, ORDER_CARD = "TEXT", "ORDER_CARD"
"""The types of message that we send, in TikTok's words."""


def render(template: str, order: TikTokOrder, shop_name: str, ship_by: str) -> str:
    """The text for the buyer of this order; `ship_by` is the day, "" when TikTok names none."""
    values = {
        "order_id": order.id,
        "buyer_name": buyer_name(order),
        "shop_name": shop_name,
        "ship_by": ship_by or NO_DATE,
    }
    return "".join(piece if is_text else values[piece][: WIDEST[piece]] for is_text, piece in pieces(template))


def buyer_name(order: TikTokOrder) -> str:
    """What to call the buyer."""
    address = order.address
    for name in (address.first_name, address.name):
        if usable(name):
            return " ".join(name.split())
    return NO_NAME


def content_of(kind: str, order_id: str, text: str) -> str:
    """The `content` of a message: JSON inside a text."""
    return dumps({"order_id": order_id} if kind == ORDER_CARD else {"content": text})


def same_content(one: str, other: object) -> bool:
    """Whether two contents say the same; TikTok may write the JSON with other blanks."""
    try:
        return isinstance(other, str) and bool(loads(one) == loads(other))
    except ValueError:
        return False


def born_ms(order: TikTokOrder) -> int:
    """When an order became the merchant's business: its payment, and for a pre-order its release."""
    paid_ms = order.paid_time_ms or order.create_time_ms
    return max(paid_ms, order.release_date_ms or 0) if order.order_type == "PRE_ORDER" else paid_ms


def is_news(born_at_ms: int, now_ms: int) -> bool:
    """Whether a message about an order still makes sense."""
    return now_ms - born_at_ms <= milliseconds(NEWS)
