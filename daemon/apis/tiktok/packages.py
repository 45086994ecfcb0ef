"""Shipping over the wire: packages, what becomes of them, and their tracking numbers (orders contract 5 and 6).

Where TikTok makes a package when the order is shipped (US, UK, EU, JP) it is marked as shipped by its units; where
packages exist from payment on (SEA, LATAM) the package is shipped, and split before where only a part of it goes. Two
versions of some calls differ in the shape of their body; `Session.call` says which one it sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from daemon.apis.tiktok.session import Session
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, flag, identifier, record, records, required_text, text, whole


@dataclass(frozen=True, slots=True)
class Shipped:
    """TikTok has the shipment; `warning` is its remark about the tracking number, "" when it has none."""

    package_id: str
    warning: str


class Packages:
    """Every method raises `ApiError`; a write that ends in the dark is `Unknown` and looked up."""

    __slots__ = ("_lane", "_session")

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    async def mark_package_as_shipped(
        self, order_id: str, unit_ids: Sequence[str], tracking_number: str, provider_id: str
    ) -> Shipped:
        """Ship these units of an order as one package (US, UK, EU, JP). No units named: the whole order."""
        older: dict[str, Any] = {"tracking_number": tracking_number, "shipping_provider_id": provider_id}
        newer: dict[str, Any] = {"shipping_info_list": [dict(older)]}
        if unit_ids:
            older["order_line_item_ids"] = list(unit_ids)
            newer["order_line_list"] = [{"order_line_id": unit_id} for unit_id in unit_ids]
        data = await self._session.call(
            "packages.mark_shipped",
            self._lane,
            ids={"order_id": order_id},
            body=lambda version: (older, newer)[version],
        )
        try:
            shipped = record(data, "data")
            warning = record(shipped.get("warning") or {}, "warning")
            return Shipped(required_text(shipped, "package_id"), text(warning, "message"))
        except BadShape as shape:
            raise self._session.misshapen("packages.mark_shipped", shape) from None

    async def ship_package(self, package_id: str, tracking_number: str, provider_id: str) -> None:
        """Ship a package that exists already with the seller's own carrier (SEA, LATAM)."""
        shipment = {"self_shipment": {"tracking_number": tracking_number, "shipping_provider_id": provider_id}}
        await self._session.call("packages.ship", self._lane, ids={"package_id": package_id}, body=lambda _: shipment)

    async def hand_over_package(self, package_id: str) -> None:
        """Ship a package that TikTok carries (SEA, LATAM): dropped off where offered, else picked up in a slot."""
        body: dict[str, Any] = {"handover_method": "DROP_OFF"}
        data = await self._session.call("packages.hand_over", self._lane, ids={"package_id": package_id})
        try:
            offered = record(data, "data")
            slots = [slot for slot in records(offered, "pickup_slots") if slot.get("avaliable", True)]
            if not flag(offered, "can_drop_off") and slots:
                slot = {name: whole(slots[0], name) for name in ("start_time", "end_time")}
                body = {"handover_method": "PICKUP", "pickup_slot": slot}
        except BadShape as shape:
            raise self._session.misshapen("packages.hand_over", shape) from None
        await self._session.call("packages.ship", self._lane, ids={"package_id": package_id}, body=lambda _: body)

    async def update_tracking(self, tracking_number: str, provider_id: str, *, order_id: str, package_id: str) -> None:
        """Change the number of what has left: of an order that is one package, or of a package (`order_id` "")."""
        older: dict[str, Any] = {"tracking_number": tracking_number, "shipping_provider_id": provider_id}
        newer: dict[str, Any] = {"shipping_info_list": [dict(older)]}
        if order_id:
            ids = {"order_id": order_id}
            await self._session.call("orders.update_tracking", self._lane, ids=ids, body=lambda _: older)
            return
        ids = {"package_id": package_id}
        await self._session.call(
            "packages.update_tracking", self._lane, ids=ids, body=lambda version: (older, newer)[version]
        )

    async def why_whole(self, order_id: str) -> str:
        """Why TikTok does not let the order be split, in its words; "" when it does."""
        data = await self._session.call("packages.split_attributes", self._lane, params={"order_ids": order_id})
        try:
            for row in records(record(data, "data"), "split_attributes"):
                if identifier(row, "order_id") == order_id and not flag(row, "can_split"):
                    return text(row, "reason") or "no reason given"
        except BadShape as shape:
            raise self._session.misshapen("packages.split_attributes", shape) from None
        return ""

    async def split(self, order_id: str, groups: Sequence[Sequence[str]]) -> list[str]:
        """Put these groups of units into packages of their own; the ids of the packages, in that order."""
        named = {str(number): list(group) for number, group in enumerate(groups, 1)}
        wanted = {"splittable_groups": [{"id": key, "order_line_item_ids": ids} for key, ids in named.items()]}
        data = await self._session.call("packages.split", self._lane, ids={"order_id": order_id}, body=lambda _: wanted)
        try:
            rows = records(record(data, "data"), "packages")
            made = {identifier(row, "splittable_group_id"): required_text(row, "id") for row in rows}
            if not made.keys() >= named.keys():
                raise BadShape("packages", "lacks one of the groups")
        except BadShape as shape:
            raise self._session.misshapen("packages.split", shape) from None
        return [made[key] for key in named]

    async def package(self, package_id: str) -> dict[str, Any]:
        """A package as TikTok has it: status, tracking number, provider, unit ids."""
        data = await self._session.call("packages.get", self._lane, ids={"package_id": package_id})
        try:
            return dict(record(data, "data"))
        except BadShape as shape:
            raise self._session.misshapen("packages.get", shape) from None
