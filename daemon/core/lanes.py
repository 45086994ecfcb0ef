"""The order in which work goes out when several flows share one budget (design law 9).

A lower number goes first. Calls that keep the daemon itself alive (tokens, look-ups that settle an unknown send) ride
in the lane of the flow that needs them.
"""

from __future__ import annotations

from enum import IntEnum


class Lane(IntEnum):
    """Priority of a call; the smaller goes first."""

    FULFILLMENTS = 0
    ORDERS = 1
    CANCELLATIONS = 2
    RETURNS = 3
    INVENTORY = 4
    MESSAGES = 5
    PRODUCTS = 6
    STATEMENTS = 7
    RESYNC = 8
    """Forced resyncs and backfills: never in front of anything."""
