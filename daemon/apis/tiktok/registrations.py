"""The addresses that TikTok sends its events to, one for each type of event of the shop.

What comes in at such an address is read in `webhooks.py`. For a type without an address of the shop's own, TikTok uses
the one that the app has in Partner Center, if it has one.
"""

from __future__ import annotations

from daemon.apis.tiktok.session import Session
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, identifier, record, records, text


class Registrations:
    """Every method raises `ApiError` with a verdict when it does not return."""

    __slots__ = ("_lane", "_session")

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    async def addresses(self) -> dict[str, str]:
        """Registered addresses by event type."""
        data = await self._session.call("webhooks.list", self._lane)
        try:
            rows = list(records(record(data, "data"), "webhooks"))
        except BadShape as shape:
            raise self._session.misshapen("webhooks.list", shape) from None
        return {identifier(row, "event_type"): text(row, "address") for row in rows}

    async def set(self, event_type: str, address: str) -> None:
        """Register or replace the address of an event type: https, a domain name, no port."""
        registration = {"address": address, "event_type": event_type}
        await self._session.call("webhooks.set", self._lane, body=lambda _: registration)

    async def delete(self, event_type: str) -> None:
        """Remove the address of an event type; also fine when there is none."""
        await self._session.call("webhooks.delete", self._lane, body=lambda _: {"event_type": event_type})
