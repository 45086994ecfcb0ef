"""What must have followed from orders, on the services' side: buyers told once, and cancels made in Pipe17 carried out.

told       every order that is news in Pipe17 and lives: the text and the card once; nobody anything twice
cancelled  an order that people cancelled in Pipe17 is cancelled at TikTok by the connector, each unit once; and
           the connector cancels nothing else
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from daemon.sandbox.compare import Difference
from daemon.sandbox.pipe17 import Pipe17Sandbox
from daemon.sandbox.tiktok import TikTokSandbox

NEWS = frozenset({"onHold", "new"})
"""Statuses in which an order is new to Pipe17; one that came as fulfilled is no news to its buyer."""
SAID = (("TEXT", "text"), ("ORDER_CARD", "order card"))


def said(tiktok: TikTokSandbox, template: str) -> Counter[tuple[str, str]]:
    """(kind, order) -> how often the buyer of that order got it."""
    of_text = {template.replace("{order_id}", order_id): order_id for order_id in tiktok.book.orders}
    found: Counter[tuple[str, str]] = Counter()
    for talk in tiktok.conversations.of_buyer.values():
        for one in talk.said:
            if one.role != "BUYER":
                content = str(next(iter(one.content.values())))
                found[one.kind, of_text.get(content, content)] += 1
    return found


def told(tiktok: TikTokSandbox, pipe17: Pipe17Sandbox, template: str) -> Iterator[Difference]:
    """Orders whose buyer was not told, told twice, or told something else."""
    count = said(tiktok, template)
    for (kind, name), times in count.items():
        if times > 1:
            yield Difference("told_twice", name, f"the buyer got the {dict(SAID)[kind]} {times} times")
        if name not in tiktok.book.orders:
            yield Difference("told_wrong", "", "a buyer got a message that is of no order")
    for order in tiktok.book.orders.values():
        first = next((change.status for change in pipe17.audit.of(order.id)), "")
        if first not in NEWS or order.status == "CANCELLED":
            continue
        for kind, what in SAID:
            if not count[kind, order.id]:
                yield Difference("untold", order.id, f"the buyer never got the {what}")


def cancelled(tiktok: TikTokSandbox, asked: Collection[str]) -> Iterator[Difference]:
    """`asked`: orders that people cancelled in Pipe17."""
    units: Counter[tuple[str, str]] = Counter()
    for one in tiktok.market.cancellations.by_id.values():
        if one.by_app:
            units.update((one.order_id, unit_id) for unit_id in one.unit_ids)
    for order_id in asked:
        if tiktok.order(order_id).status != "CANCELLED":
            yield Difference("not_cancelled", order_id, "was cancelled in Pipe17 and not at TikTok")
    for order_id in dict.fromkeys(order_id for order_id, _ in units):
        if order_id not in asked:
            yield Difference("cancelled_unasked", order_id, "was cancelled at TikTok and nobody asked for it")
    for (order_id, unit_id), times in units.items():
        if times > 1:
            yield Difference("cancelled_twice", order_id, f"unit {unit_id} was cancelled {times} times")
