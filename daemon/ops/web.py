"""The web side: metrics, health, the status page, the API behind the commands, and the door for webhooks.

    GET  /metrics  /healthz  /readyz  /  /api/status  /api/backlog  /api/exceptions  /api/trace/{id}
    POST /api/retry  /api/dismiss  /api/pause  /api/resume  /api/connect      state-changing: see `guard.py`
    POST /webhooks/tiktok  /webhooks/pipe17/{secret}

Here are the application, health and the answers to everything that goes wrong; `web_api.py`, `status_page.py` and
`webhooks.py` and `pipe17_webhooks.py` hold the rest.

Everything it shows is ids, codes, states and instants: no names, no addresses, no tokens. Unknown paths and wrong
methods are answered in JSON; nothing is cached; the page needs no script and loads nothing from elsewhere.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from daemon.app import Daemon
from daemon.core.tokens import Secret
from daemon.errors import StoreError
from daemon.ops.metrics import CONTENT_TYPE, Metrics, StoreSnapshot
from daemon.ops.pulse import writer_answers
from daemon.ops.snapshot import read_snapshot
from daemon.store.reader import Reader

log = logging.getLogger("daemon.web")

HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
HEALTH_WITHIN = timedelta(seconds=3)
SNAPSHOT_WITHIN_S = 5.0

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Snapshots:
    """What the metrics show of the store: read just before an exposition, absent when it could not be read."""

    reader: Reader | None = None
    flows: tuple[str, ...] = ()
    _latest: StoreSnapshot | None = field(default=None)

    def latest(self) -> StoreSnapshot | None:
        return self._latest

    async def refresh(self, now_ms: int) -> None:
        self._latest = None
        if self.reader is None:
            return
        try:
            with anyio.move_on_after(SNAPSHOT_WITHIN_S):
                self._latest = await read_snapshot(self.reader, self.flows, now_ms)
        except (sqlite3.Error, StoreError) as error:
            log.warning("the store cannot be read for the metrics: %s", error)


@dataclass(slots=True)
class Site:
    """What the handlers work with."""

    daemon: Daemon
    reader: Reader
    metrics: Metrics
    snapshots: Snapshots
    local_only: bool
    admin_token: Secret
    stopping: bool = False


def not_ready(site: Site) -> list[str]:
    """Why the daemon is not ready, for people; empty when it is."""
    daemon, connections = site.daemon, site.daemon.parts.engine.connections
    reasons = []
    if site.stopping:
        reasons.append("stopping")
    if not daemon.started:
        reasons.append("starting")
    reasons += [f"{poller.flow.name}: the first poll is not over" for poller in daemon.pollers if not poller.ran_once]
    return reasons + connections.refusals


class Health:
    """`/metrics`, `/healthz` and `/readyz`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def metrics(self, request: Request) -> Response:
        await self._site.snapshots.refresh(self._site.daemon.parts.clock.now_ms())
        return Response(self._site.metrics.exposition(), headers=HEADERS | {"content-type": CONTENT_TYPE})

    async def healthz(self, request: Request) -> Response:
        if await writer_answers(self._site.daemon.parts.database, HEALTH_WITHIN):
            return JSONResponse({"status": "ok"}, headers=HEADERS)
        return JSONResponse({"status": "the store's writer does not answer"}, 503, headers=HEADERS)

    async def readyz(self, request: Request) -> Response:
        reasons = not_ready(self._site)
        if not await writer_answers(self._site.daemon.parts.database, HEALTH_WITHIN):
            reasons.insert(0, "the store's writer does not answer")
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200, headers=HEADERS)


def build(site: Site, routes: list[Route]) -> Starlette:
    """The application: health and `routes`."""
    health = Health(site)
    app = Starlette(
        routes=[
            Route("/metrics", health.metrics, methods=["GET"]),
            Route("/healthz", health.healthz, methods=["GET"]),
            Route("/readyz", health.readyz, methods=["GET"]),
            *routes,
        ],
        exception_handlers={
            HTTPException: _refused,
            ClientDisconnect: _gone,
            sqlite3.Error: _unreadable,
            StoreError: _unreadable,
            Exception: _broke,
        },
    )
    app.router.redirect_slashes = False
    return app


def problem(status: int, text: str, **more: object) -> JSONResponse:
    """An answer that says what is wrong."""
    return JSONResponse({"error": text, **more}, status, headers=HEADERS)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    said = str(getattr(error, "detail", ""))
    known = {404: "no such page", 405: "this method is not allowed here"}
    answer = problem(status, known.get(status, said))
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def _gone(request: Request, error: Exception) -> Response:
    return problem(400, "the request ended early")


async def _unreadable(request: Request, error: Exception) -> Response:
    log.warning("the store cannot be used for a request: %s", error)
    return problem(503, "the store cannot be used at the moment")


async def _broke(request: Request, error: Exception) -> Response:
    # of the path only its head: a webhook's secret is at its end
    log.error("answering %s broke", "/".join(request.url.path.split("/")[:3])[:100], exc_info=error)
    return problem(500, "something broke in the connector; the log says where")
