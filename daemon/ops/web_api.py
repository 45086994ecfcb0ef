"""The API behind commands and the status page: what stands where, and the few things a person may ask for.

    GET  /api/status                           what `status` prints, and whether the daemon is ready
    GET  /api/backlog?flow=&limit=             what is owed, and why it is not done
    GET  /api/exceptions?flow=&limit=          what a person has to look at, each with its cure
    GET  /api/trace/{id}                       everything about one order, product or SKU; 404 when nothing is known
    POST /api/retry     {"flow", "key"} | {"flow", "code"} | {"flow"} | {"all": true, "code"}
    POST /api/dismiss   {"flow", "key", "note"}
    POST /api/pull      {"ids": [...]}         read these orders or fulfillments now; {"flow", "ids"}: of that flow
    POST /api/backfill  {"since", "until"}     read the orders of the past; dates or durations, `until` may be left out
    POST /api/resync    {"flow": "inventory"}  send every level again; joins one that is under way
    POST /api/approve   {"flow": "inventory"}  let pass what the inventory guard holds
    POST /api/rollback  {"to"}                 stock as it was pushed then
    POST /api/pause     {"flow"}               its pusher claims nothing more; kept over a restart
    POST /api/resume    {"flow"}
    POST /api/connect   {"code"}               a new grant (ops/connecting.py)

The POSTs pass `guard.py`. What they answer is documented in flows/operator.py and flows/backfill.py.
"""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from daemon import __version__
from daemon.flows import backfill, operator, pauses
from daemon.ops.cures import explained
from daemon.ops.guard import admin_request, asked_by
from daemon.ops.past import window
from daemon.ops.stock_api import StockApi
from daemon.ops.stock_locations import left_out
from daemon.ops.story import story
from daemon.ops.web import HEADERS, Site, not_ready, problem
from daemon.store import reports
from daemon.store.database import Tx

LIMIT = 100
NOTE_CHARS_MAX = 500
ID_CHARS_MAX = 100


class Api:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._engine = site.daemon.parts.engine

    def routes(self) -> list[Route]:
        """Where they are found."""
        return [
            Route("/api/status", self.status, methods=["GET"]),
            Route("/api/backlog", self.backlog, methods=["GET"]),
            Route("/api/exceptions", self.exceptions, methods=["GET"]),
            Route("/api/trace/{subject}", self.trace, methods=["GET"]),
            Route("/api/retry", self.retry, methods=["POST"]),
            Route("/api/dismiss", self.dismiss, methods=["POST"]),
            Route("/api/pull", self.pull, methods=["POST"]),
            Route("/api/backfill", self.backfill, methods=["POST"]),
            *StockApi(self._site, self._admin).routes(),
            Route("/api/pause", self.pause, methods=["POST"]),
            Route("/api/resume", self.resume, methods=["POST"]),
            Route("/api/connect", self.connect, methods=["POST"]),
        ]

    async def status(self, request: Request) -> Response:
        return _json(await whole_status(self._site))

    async def backlog(self, request: Request) -> Response:
        return _json({"backlog": await reports.backlog(self._site.reader, _limit(request), _flow(request))})

    async def exceptions(self, request: Request) -> Response:
        return _json({"exceptions": await open_exceptions(self._site, _limit(request), _flow(request))})

    async def trace(self, request: Request) -> Response:
        found = await story(self._site.reader, request.path_params["subject"], self._site.daemon.parts.settings)
        if found is None:
            return problem(404, "nothing is known by this id")
        found["exceptions"] = [_with_cure(row) for row in found["exceptions"]]
        return _json(found)

    async def retry(self, request: Request) -> Response:
        body = await self._admin(request)
        flow, key, code = (_text(body, name) for name in ("flow", "key", "code"))
        if (key and not flow) or not (flow or body.get("all") is True):
            raise HTTPException(400, 'say what: {"flow", "key"}, {"flow", "code"}, {"flow"} or {"all": true}')
        now_ms, by = self._engine.clock.now_ms(), asked_by(request)

        def work(tx: Tx) -> operator.Retried:
            return operator.retry(tx, now_ms, by, flow=flow, key=key, code=code)

        retried = await self._engine.database.write(work)
        if retried.queued:
            self._engine.timekeeper.announce()
        if retried.reread:
            self._site.daemon.hints.bell.ring()
        return _json(retried.public())

    async def dismiss(self, request: Request) -> Response:
        body = await self._admin(request)
        flow, key, note = (_text(body, name) for name in ("flow", "key", "note"))
        if not (flow and key and note):
            raise HTTPException(400, 'say what and why: {"flow", "key", "note"}')
        now_ms, by = self._engine.clock.now_ms(), asked_by(request)

        def work(tx: Tx) -> operator.Dismissed:
            return operator.dismiss(tx, flow, key, note, now_ms, by)

        return _json((await self._engine.database.write(work)).public())

    async def pull(self, request: Request) -> Response:
        body = await self._admin(request)
        ids, named = body.get("ids"), _text(body, "flow") if "flow" in body else ""
        if not isinstance(ids, list) or not 1 <= len(ids) <= operator.PULLED_AT_ONCE:
            raise HTTPException(400, f'say which: {{"ids": [...]}}, at most {operator.PULLED_AT_ONCE}')
        if not all(isinstance(one, str) and 1 <= len(one) <= ID_CHARS_MAX for one in ids):
            raise HTTPException(400, f"ids: texts of at most {ID_CHARS_MAX} characters")
        with_source = {flow.name for flow, _ in self._site.daemon.parts.flows}
        for flow in sorted({named or operator.flow_of(one) for one in ids} - with_source):
            raise HTTPException(400, f"{flow} are switched off in the settings")
        now_ms, by = self._engine.clock.now_ms(), asked_by(request)
        pulled = await self._engine.database.write(lambda tx: operator.pull(tx, ids, now_ms, by, named))
        self._site.daemon.hints.bell.ring()
        return _json({"pulled": [one.public() for one in pulled]})

    async def backfill(self, request: Request) -> Response:
        body, loop = await self._admin(request), self._site.daemon.backfill
        if loop is None:
            raise HTTPException(400, "orders are switched off in the settings")
        now_ms = self._engine.clock.now_ms()
        try:
            since_ms, until_ms = window(_text(body, "since"), _text(body, "until"), now_ms)
        except ValueError as problem:
            raise HTTPException(400, str(problem)) from None
        answer = await self._engine.database.write(lambda tx: backfill.request(tx, since_ms, until_ms, now_ms))
        loop.bell.ring()
        return _json(answer)

    async def pause(self, request: Request) -> Response:
        await pauses.pause(self._engine, await self._running_flow(request))
        return _json({"paused": sorted(self._engine.paused)})

    async def resume(self, request: Request) -> Response:
        await pauses.resume(self._engine, await self._running_flow(request))
        return _json({"paused": sorted(self._engine.paused)})

    async def connect(self, request: Request) -> Response:
        from daemon.ops.connecting import take_code

        body = await self._admin(request)
        taken = await take_code(self._site.daemon.parts, _text(body, "code", most=2_000))
        if taken["connected"]:
            for poller in self._site.daemon.pollers:
                poller.poke()
        return _json(taken)

    async def _admin(self, request: Request) -> dict[str, Any]:
        return await admin_request(request, local_only=self._site.local_only, token=self._site.admin_token)

    async def _running_flow(self, request: Request) -> str:
        flow = _text(await self._admin(request), "flow")
        if flow not in self._site.snapshots.flows:
            running = ", ".join(self._site.snapshots.flows) or "none"
            raise HTTPException(400, f"no such flow runs; running: {running}")
        return flow


async def whole_status(site: Site) -> dict[str, Any]:
    """`reports.status`, with what only the running daemon knows."""
    report = await reports.status(site.reader, site.daemon.parts.clock.now_ms())
    keeper, reasons = site.daemon.parts.tiktok.keeper, not_ready(site)
    report["authorization"] = report["authorization"] | {"state": keeper.state.value, "reason": keeper.reason}
    for flow, _ in site.daemon.parts.flows:
        report["flows"].setdefault(flow.name, dict(_NEVER_RAN))
    live: dict[str, Any] = {"version": __version__, "ready": not reasons, "reasons": reasons}
    live["stock_locations"] = left_out(site.daemon.parts.settings, await reports.facts(site.reader))
    return live | {"paused": sorted(site.daemon.parts.engine.paused)} | report


_NEVER_RAN: dict[str, Any] = {
    "last_success_at_ms": None,
    "failing_since_ms": None,
    "problem": "",
    "backlog": {},
    "oldest_ms": {},
    "done": 0,
    "dropped": 0,
    "nearest_deadline_at_ms": None,
}


async def open_exceptions(site: Site, limit: int, flow: str = "") -> list[dict[str, Any]]:
    """What a person has to look at, with meaning and cure."""
    return [_with_cure(row) for row in await reports.exceptions(site.reader, limit, flow)]


def _with_cure(row: dict[str, Any]) -> dict[str, Any]:
    known = explained(row["code"])
    return row | {"meaning": known.meaning, "cure": known.cure}


def _json(document: dict[str, Any]) -> Response:
    return JSONResponse(document, headers=HEADERS)


def _flow(request: Request) -> str:
    return request.query_params.get("flow", "")


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(LIMIT))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= reports.PAGE_MAX:
        raise HTTPException(400, f"limit: a number from 1 to {reports.PAGE_MAX}")
    return int(text[:9])


def _text(body: dict[str, Any], name: str, most: int = NOTE_CHARS_MAX) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise HTTPException(400, f"{name}: a text of at most {most} characters")
    return value.strip()
