"""What a person may ask for about stock: send everything again, let a held change pass, go back to what was pushed.

    POST /api/resync    {"flow": "inventory"}   joins a resync that is under way
    POST /api/approve   {"flow": "inventory"}   what the inventory guard holds
    POST /api/rollback  {"to"}                  an id that `rollback` lists, a date, an instant or a duration

The requests pass `guard.py` like all others; what they do is flows/resync.py, stock_judge.py and stock_history.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from daemon.flows import stock_history, stock_judge
from daemon.flows.poller import announce
from daemon.flows.push_inventory import NAME, PushInventory
from daemon.ops.guard import asked_by
from daemon.ops.past import remembered
from daemon.ops.web import HEADERS, Site


class StockApi:
    """The handlers; `admin` lets a request in and gives its body."""

    def __init__(self, site: Site, admin: Callable[[Request], Awaitable[dict[str, Any]]]) -> None:
        self._site = site
        self._admin = admin
        self._engine = site.daemon.parts.engine

    def routes(self) -> list[Route]:
        """Where they are found."""
        return [
            Route("/api/resync", self.resync, methods=["POST"]),
            Route("/api/approve", self.approve, methods=["POST"]),
            Route("/api/rollback", self.rollback, methods=["POST"]),
        ]

    async def resync(self, request: Request) -> Response:
        self._flow(await self._admin(request))
        loop = self._site.daemon.resync
        return _json({} if loop is None else await loop.ask(asked_by(request)))

    async def approve(self, request: Request) -> Response:
        flow = self._flow(await self._admin(request))
        now_ms, by = self._engine.clock.now_ms(), asked_by(request)
        answer = await self._engine.database.write(lambda tx: stock_judge.approve(tx, now_ms, by))
        flow.bell.ring()
        return _json(answer)

    async def rollback(self, request: Request) -> Response:
        body = await self._admin(request)
        flow, now_ms = self._flow({"flow": NAME}), self._engine.clock.now_ms()
        try:
            to_ms = remembered(
                "to", str(body.get("to") or ""), now_ms, self._site.daemon.parts.settings.connector_retention
            )
        except ValueError as problem:
            raise HTTPException(400, str(problem)) from None
        return _json(await self._roll_back(flow, to_ms, now_ms))

    async def _roll_back(self, flow: PushInventory, to_ms: int, now_ms: int) -> dict[str, Any]:
        skus, alone, after = 0, 0, ""
        while True:
            roll_back = partial(stock_history.roll_back, rules=flow.rules, to_ms=to_ms, after=after, now_ms=now_ms)
            step = await self._engine.database.write(roll_back)
            announce(self._engine, flow.name, step.moved)
            skus, alone, after = skus + step.skus, alone + step.left_alone, step.last
            if not after:
                return {"to_ms": to_ms, "skus": skus, "left_alone": alone}

    def _flow(self, body: dict[str, Any]) -> PushInventory:
        """The inventory flow, when it is meant and runs."""
        if body.get("flow") != NAME:
            raise HTTPException(400, 'say which: {"flow": "inventory"}; the past of orders is read by backfill')
        flow = self._site.daemon.stock
        if flow is None:
            raise HTTPException(400, "inventory is switched off in the settings")
        return flow


def _json(document: dict[str, Any]) -> Response:
    return JSONResponse(document, headers=HEADERS)
