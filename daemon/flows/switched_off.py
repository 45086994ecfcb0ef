"""What follows an order goes away with its setting: rows of a follow-up flow that was switched off are dropped.

A message to a buyer that waits for months and goes out when somebody switches messages on again would be worse than
none, and nobody sends it meanwhile: so after a start, what waits in a follow-up flow that is off is dropped with that
reason, a few hundred rows a transaction, whatever their number. What was refused stays on the exceptions page until a
person dismisses it. One kind of message that is off while the other is on is dropped by the flow itself.

Rows of the flows with a source (orders, fulfillments, cancellations, inventory, locations, products) are kept: they are
what one side owes the other. They stand in the backlog while the flow is off and go out when it is on again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from daemon.clock import Clock
from daemon.core.follow_ups import MESSAGES, REFERENCES
from daemon.store import outbox
from daemon.store.database import Database

log = logging.getLogger("daemon.flows")

SWITCHES = {MESSAGES: "ORDERS_MESSAGE and ORDERS_SEND_ORDER_CARD", REFERENCES: "ORDERS_PUSH_REFERENCES"}
AT_ONCE = 500
"""Rows of one transaction."""


async def drop_switched_off(database: Database, clock: Clock, on: Collection[str]) -> None:
    """Drop what waits in the follow-up flows that are not `on`."""
    for flow, settings in SWITCHES.items():
        if flow in on:
            continue
        reason, total = f"switched off ({settings})", 0
        while many := await database.write(lambda tx: outbox.drop_waiting(tx, flow, reason, clock.now_ms(), AT_ONCE)):  # noqa: B023
            total += many
        if total:
            log.warning("%d waiting rows of %s were dropped: %s", total, flow, reason, extra={"flow": flow})
