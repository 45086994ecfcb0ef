"""Who carries and from where: TikTok's carriers by delivery option, the shop's warehouses, and TikTok's own (FBT).

Carriers belong to a delivery option, which stands on the order; a carrier's id is of use only for that option. The call
about TikTok's own warehouses needs a scope that most grants lack, so it is made only where that was given.
"""

from __future__ import annotations

from typing import Any

from daemon.apis.tiktok.operations import OPERATIONS
from daemon.apis.tiktok.session import Session
from daemon.core.carriers import Provider
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, record, records, required_text


class Logistics:
    """Every method raises `ApiError` with a verdict when it does not return."""

    __slots__ = ("_lane", "_session")

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    async def providers(
        self, delivery_option_id: str, *, warehouse_region: str = "", buyer_region: str = ""
    ) -> tuple[Provider, ...]:
        """The carriers of a delivery option; EU shops must name both regions."""
        params = {"warehouse_region": warehouse_region, "buyer_region": buyer_region}
        data = await self._session.call(
            "providers.list",
            self._lane,
            ids={"option_id": delivery_option_id},
            params={key: value for key, value in params.items() if value},
        )
        try:
            rows = records(record(data, "data"), "shipping_providers")
            return tuple(Provider(required_text(row, "id"), required_text(row, "name")) for row in rows)
        except BadShape as shape:
            raise self._session.misshapen("providers.list", shape) from None

    async def warehouses(self) -> list[dict[str, Any]]:
        """The shop's warehouses, for sales and for returns."""
        return await self._warehouses("warehouses.list")

    async def platform_warehouses(self) -> list[dict[str, Any]]:
        """TikTok's own warehouses (FBT), for shops whose grant covers them; none for the others."""
        if OPERATIONS["fbt.warehouses"].scope not in self._scopes():
            return []
        return await self._warehouses("fbt.warehouses")

    async def _warehouses(self, operation: str) -> list[dict[str, Any]]:
        data = await self._session.call(operation, self._lane)
        try:
            return [dict(row) for row in records(record(data, "data"), "warehouses")]
        except BadShape as shape:
            raise self._session.misshapen(operation, shape) from None

    def _scopes(self) -> tuple[str, ...]:
        pair = self._session.keeper.pair
        return () if pair is None else pair.scopes
