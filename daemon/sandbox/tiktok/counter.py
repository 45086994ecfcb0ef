"""The counter where the API of one shop answers: a call comes in, a reply goes out, and a record of it is kept.

    call -> operation -> fault, if one strikes -> gateway -> the operation's handler -> envelope -> what the wire does

A fault that refuses leaves the shop untouched; one that loses the answer strikes after the effect. A call that lands
late waits here and is judged when it lands, the age of its signature too. Every call is recorded, whatever came of it.
The two token calls have no signature and never see the gateway; the owner's page for the grant is no call of the API at
all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate
from operator import itemgetter
from random import Random
from typing import Any

from daemon.sandbox.faults import PAGE_FAULTS, REFUSALS, Fault, FaultKind, Faults, distort, lost_before
from daemon.sandbox.recorded import Recorded
from daemon.sandbox.tiktok.gateway import Gateway
from daemon.sandbox.tiktok.grants import Grants
from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.shapes import Ask, Refused, encode
from daemon.sandbox.wire import Call, Loss, Reply

TOKEN_PATHS = {"/api/v2/token/get": "token.get", "/api/v2/token/refresh": "token.refresh"}
AUTHORIZE_PATHS = ("/open/authorize", "/oauth/authorize")
SECRET_PARAMS = frozenset({"app_secret", "auth_code", "refresh_token", "sign", "access_token"})
FAULT_ANSWERS = {
    FaultKind.RATE_LIMIT: (429, 36009002, "Too many requests"),
    FaultKind.SERVER_ERROR: (500, 36009003, "Internal error. Please try again."),
    FaultKind.UNAVAILABLE: (503, 36009003, "Service is overloaded"),
}
Handler = Callable[[Ask], dict[str, Any] | str]
"""Answers one operation: the members of `data`, or their JSON text where it is at hand already."""


class Counter:
    """The API of one shop. `handlers`: by operation, as the routes name them."""

    def __init__(
        self,
        options: TikTokOptions,
        rng: Random,
        faults: Faults,
        grants: Grants,
        gateway: Gateway,
        handlers: Mapping[str, Handler],
        now: Callable[[], int],
    ) -> None:
        self.calls: list[Recorded] = []
        self._options = options
        self._rng = rng
        self._faults = faults
        self._grants = grants
        self._gateway = gateway
        self._handlers = handlers
        self._now = now
        self._requests = 0
        self._late: list[tuple[int, Callable[[int], Reply]]] = []

    def handle(self, call: Call) -> Reply:
        """Answer one call; never raises for anything a client can send."""
        now_ms = self._now()
        self.land(now_ms)
        if call.path in AUTHORIZE_PATHS:
            return self._grants.authorize(call, now_ms)
        operation, ready = self._operation(call)
        fault = self._faults.pick(operation, now_ms, self._rng)
        if fault is not None and fault.kind is FaultKind.RESET:
            self._record(call, operation, now_ms, 0, -1, {}, fault, Loss.BEFORE)
            return lost_before(fault)
        if fault is not None and fault.kind is FaultKind.LANDS_LATE:
            lost = replace(fault, kind=FaultKind.LOST_ANSWER)
            self._late.append(
                (now_ms + fault.delay_ms, lambda at_ms: self._answer(call, operation, ready, lost, at_ms))
            )
            return Reply(0, b"", loss=Loss.AFTER)
        return self._answer(call, operation, ready, fault, now_ms)

    def land(self, now_ms: int) -> None:
        """What was on its way until now takes effect, each at its time."""
        for late in sorted(self._late, key=itemgetter(0)):
            if late[0] <= now_ms:
                self._late.remove(late)
                late[1](late[0])

    def _answer(
        self,
        call: Call,
        operation: str,
        ready: Callable[[int], tuple[dict[str, Any], str]],
        fault: Fault | None,
        now_ms: int,
    ) -> Reply:
        headers: dict[str, str] = {}
        body: dict[str, Any] = {}
        success = "success" if operation.startswith("token.") else "Success"
        if fault is not None and fault.kind in REFUSALS:
            known = FAULT_ANSWERS.get(fault.kind, (fault.status or 200, fault.code, fault.message))
            status, code, message, data = known[0], fault.code or known[1], fault.message or known[2], "null"
            headers = fault.headers(now_ms)
        else:
            try:
                body, data = ready(now_ms)
                status, code, message = 200, 0, success
            except Refused as refusal:
                status, code, message, data = refusal.status, refusal.code, refusal.message, "null"
                body = _tried(call)
        if fault is not None and fault.kind is FaultKind.NULL_DATA:
            data = "null"
        elif fault is not None and fault.kind in PAGE_FAULTS and code == 0:
            data = _spoiled(data, fault.kind)
        reply = self._reply(status, code, message, data, now_ms, headers)
        reply = distort(reply, fault)
        self._record(call, operation, now_ms, status, code, body, fault, reply.loss)
        return reply

    def _operation(self, call: Call) -> tuple[str, Callable[[int], tuple[dict[str, Any], str]]]:
        token = TOKEN_PATHS.get(call.path)
        if token is not None and call.method == "GET":
            issue = self._grants.token_get if token == "token.get" else self._grants.token_refresh  # noqa: S105
            return token, lambda now_ms: ({}, _text(issue(call, now_ms)))
        try:
            route, values = self._gateway.route(call)
        except Refused as refusal:
            return "unknown", _raiser(refusal)

        def run(now_ms: int) -> tuple[dict[str, Any], str]:
            ask = self._gateway.admit(call, route, values, now_ms)
            return ask.body, _text(self._handlers[route.operation](ask))

        return route.operation, run

    def _reply(self, status: int, code: int, message: str, data: str, now_ms: int, headers: dict[str, str]) -> Reply:
        self._requests += 1
        stamp = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y%m%d%H%M%S")
        request_id = f"{stamp}{self._requests:020X}"
        head = f'{{"code":{code},"message":{encode(message)},"request_id":"{request_id}","data":'
        headers = {"content-type": "application/json", "date": formatdate(now_ms // 1000, usegmt=True), **headers}
        return Reply(status, f"{head}{data}}}".encode(errors="replace"), headers)

    def _record(
        self,
        call: Call,
        operation: str,
        now_ms: int,
        status: int,
        code: int,
        body: dict[str, Any],
        fault: Fault | None,
        loss: Loss,
    ) -> None:
        query = {name: value for name, value in call.query if name not in SECRET_PARAMS}
        struck = fault.kind.value if fault else ""
        self.calls.append(Recorded(now_ms, operation, call.method, call.path, status, code, body, query, struck, loss))
        if len(self.calls) > self._options.keep_calls:
            del self.calls[: len(self.calls) // 2]


def _text(data: dict[str, Any] | str) -> str:
    return data if isinstance(data, str) else encode(data)


def _spoiled(data: str, kind: FaultKind) -> str:
    """The data of a page with a fault that nobody can see."""
    if kind is FaultKind.EMPTY_LIST:
        return "{}"
    members = json.loads(data)
    members.pop("next_page_token", None)
    return encode(members)


def _raiser(refusal: Refused) -> Callable[[int], tuple[dict[str, Any], str]]:
    def fail(now_ms: int) -> tuple[dict[str, Any], str]:
        raise refusal

    return fail


def _tried(call: Call) -> dict[str, Any]:
    try:
        body = json.loads(call.body) if call.body else {}
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
