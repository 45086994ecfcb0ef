"""What must have followed from every order that is in Pipe17: one text, one card, and Pipe17's ids at TikTok.

Read on the simulated TikTok's side. An order that was cancelled meanwhile, or that came to Pipe17 as fulfilled (digital
ones), needs no message; one with an open exception is
excused from *having* them, nobody is excused from having them once.
"""

from __future__ import annotations

import sqlite3
from collections import Counter

from tests.sim.world import World

EXCUSES_NOTHING = "sku_unlinked"
"""What most orders of a simulated day have, because the shop lists no products for them."""


def talk_violations(world: World, store: sqlite3.Connection) -> list[str]:
    """Everything that is wrong, in words."""
    said = Counter(
        (one.kind, str(next(iter(one.content.values()))))
        for talk in world.tiktok.conversations.of_buyer.values()
        for one in talk.said
        if one.role != "BUYER"
    )
    found = [f"I2 the buyer got {kind} {text!r} {times} times" for (kind, text), times in said.items() if times > 1]
    settings = world.settings
    excused = excused_orders(store)
    for order_id, order in world.tiktok.book.orders.items():
        there = world.pipe17.order_of(order_id)
        if there is None or order_id in excused:
            continue
        reference = world.tiktok.external.of_order.get(order_id, {}).get("ORDER_MANAGEMENT_SYSTEM", {})
        if settings.orders_push_references and reference.get("id") != there["orderId"]:
            found.append(f"I1 TikTok has {reference.get('id')!r} as Pipe17's id of {order_id}")
        born = next((change.status for change in world.pipe17.audit.of(order_id)), "")
        if order.status == "CANCELLED" or born not in ("onHold", "new"):
            continue
        text = settings.orders_message.replace("{order_id}", order_id)
        if text and not said["TEXT", text]:
            found.append(f"I1 nobody was told about {order_id}")
        if settings.orders_send_order_card and not said["ORDER_CARD", order_id]:
            found.append(f"I1 no card was sent for {order_id}")
    return found


def excused_orders(store: sqlite3.Connection) -> set[str]:
    """Orders that a person has to look at anyway."""
    rows = store.execute(
        "SELECT group_key FROM exceptions WHERE closed_at_ms IS NULL AND code <> ?", (EXCUSES_NOTHING,)
    )
    return {str(order_id) for (order_id,) in rows}
