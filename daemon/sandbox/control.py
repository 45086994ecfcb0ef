"""The control API of the simulated services, under `/_sandbox/`: JSON in, JSON out, for tests, demo and curious people.

    GET    /_sandbox/                          what is served, the clock, how many calls each side had
    GET    /_sandbox/{service}/calls           the recorded calls; ?operation= ?since= (position) narrow it
    DELETE /_sandbox/{service}/calls           forget them
    GET    /_sandbox/{service}/faults          what goes wrong on purpose, and the kinds of what can
    POST   /_sandbox/{service}/faults          one more: the members of `Fault`
    DELETE /_sandbox/{service}/faults          nothing goes wrong any more
    GET    /_sandbox/{service}/actions         the names that the next one takes
    POST   /_sandbox/{service}/actions/{name}  calls that method of the service with the body's members
    PATCH  /_sandbox/{service}/options         sets switches of the service's options by name
    GET    /_sandbox/{service}/state           what the service remembers
    POST   /_sandbox/kill                      {"pid", "service", "operation", "nth", "when": "before" | "after"}

`kill` sends SIGKILL to a local process around the nth call of an operation from now on: `before` it has any effect, or
`after` it took effect; either way no answer leaves and the connection is reset.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import signal
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from daemon.clock import Clock
from daemon.sandbox.faults import Fault, FaultKind, Faults
from daemon.sandbox.recorded import Recorded
from daemon.sandbox.wire import Call, Reply

KINDS = {"before": FaultKind.RESET, "after": FaultKind.LOST_ANSWER}


class Simulated(Protocol):
    """What the control API needs of a service beside `handle`."""

    faults: Faults
    calls: list[Recorded]

    def handle(self, call: Call) -> Reply:
        """Answer one call."""
        ...


class Kills:
    """Processes that will be killed around a call that has not come yet."""

    def __init__(self) -> None:
        self._armed: list[tuple[Fault, int]] = []

    def arm(self, service: Simulated, *, pid: int, operation: str, nth: int, when: str) -> None:
        """Kill `pid` around the nth call of `operation` from now on; raises `ValueError` for what makes no sense."""
        if pid <= 1 or pid == os.getpid() or nth < 1 or when not in KINDS:
            raise ValueError("pid must be another process, nth at least 1, when before or after")
        fault = service.faults.add(Fault(KINDS[when], operation, skip=nth - 1), first=True)
        self._armed.append((fault, pid))

    def disarm(self) -> None:
        """Nobody will be killed any more."""
        for fault, _ in self._armed:
            fault.times = 0
        self._armed.clear()

    def strike(self) -> None:
        """Kill every process whose call has just come."""
        for armed in [item for item in self._armed if item[0].hits]:
            self._armed.remove(armed)
            os.kill(armed[1], signal.SIGKILL)


class Control:
    """The application behind `/_sandbox/`, the same on every port."""

    def __init__(self, services: Mapping[str, Simulated], clock: Clock) -> None:
        self.kills = Kills()
        self._services = services
        self._clock = clock
        one = "/_sandbox/{service}"
        self.app = Starlette(
            routes=[
                Route("/_sandbox/", self._index),
                Route("/_sandbox/kill", self._kill, methods=["POST"]),
                Route(f"{one}/calls", self._calls, methods=["GET", "DELETE"]),
                Route(f"{one}/faults", self._faults, methods=["GET", "POST", "DELETE"]),
                Route(f"{one}/actions", self._actions),
                Route(f"{one}/actions/{{name}}", self._act, methods=["POST"]),
                Route(f"{one}/options", self._options, methods=["GET", "PATCH"]),
                Route(f"{one}/state", self._state),
            ],
            exception_handlers={KeyError: _unknown, ValueError: _wrong, TypeError: _wrong},
        )

    def _service(self, request: Request) -> Simulated:
        return self._services[request.path_params["service"]]

    async def _index(self, request: Request) -> JSONResponse:
        calls = {name: len(service.calls) for name, service in self._services.items()}
        return _answer({"now_ms": self._clock.now_ms(), "services": sorted(self._services), "calls": calls})

    async def _kill(self, request: Request) -> JSONResponse:
        body = await _body(request)
        operation = str(body["operation"])
        service = self._services[body.get("service", "tiktok")]
        when = str(body.get("when", "after"))
        self.kills.arm(service, pid=int(body["pid"]), operation=operation, nth=int(body.get("nth", 1)), when=when)
        return _answer({"armed": operation})

    async def _calls(self, request: Request) -> JSONResponse:
        calls = self._service(request).calls
        if request.method == "DELETE":
            calls.clear()
        operation, since = request.query_params.get("operation"), int(request.query_params.get("since", "0"))
        rows = [call.as_json() for call in calls[since:] if operation in (None, call.operation)]
        return _answer({"calls": rows, "total": len(calls)})

    async def _faults(self, request: Request) -> JSONResponse:
        faults = self._service(request).faults
        if request.method == "DELETE":
            faults.clear()
        elif request.method == "POST":
            faults.add_json(await _body(request))
        return _answer(
            {"faults": [fault.as_json() for fault in faults.items], "kinds": [kind.value for kind in FaultKind]}
        )

    async def _actions(self, request: Request) -> JSONResponse:
        return _answer({"actions": sorted(_methods(self._service(request)))})

    async def _act(self, request: Request) -> JSONResponse:
        methods = _methods(self._service(request))
        method = methods[request.path_params["name"]]
        arguments = await _body(request)
        try:
            return _answer({"result": method(**arguments)})
        except Exception as refusal:  # whatever the action says no with, the caller shall read it
            return _answer({"error": f"{type(refusal).__name__}: {refusal}"}, 409)

    async def _options(self, request: Request) -> JSONResponse:
        options: Any = getattr(self._service(request), "options", None)
        if request.method == "PATCH":
            changes = await _body(request)
            for name, value in changes.items():
                if not hasattr(options, name):
                    raise ValueError(f"no option {name}")
                setattr(options, name, _like(getattr(options, name), value))
        return _answer({"options": options})

    async def _state(self, request: Request) -> JSONResponse:
        state = _methods(self._service(request)).get("state")
        return _answer(state() if state else {})


def _methods(service: Simulated) -> dict[str, Any]:
    actors = (*getattr(service, "actors", ()), service)
    return {
        name: method
        for actor in actors
        for name, method in inspect.getmembers(actor, inspect.ismethod)
        if not name.startswith("_") and name != "handle"
    }


async def _body(request: Request) -> dict[str, Any]:
    text = await request.body()
    body = json.loads(text) if text else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def _like(current: Any, value: Any) -> Any:
    """A JSON value as the type that an option has now; durations come in seconds. Raises `ValueError`."""
    if isinstance(current, timedelta):
        return timedelta(seconds=value)
    if isinstance(current, Enum | tuple | frozenset):
        return type(current)(value)
    if current is None or value is None or type(value) is type(current):
        return value
    if isinstance(current, float) and type(value) is int:
        return float(value)
    raise ValueError(f"{value!r} is no {type(current).__name__}")


def _answer(value: Any, status: int = 200) -> JSONResponse:
    return JSONResponse(json.loads(json.dumps(value, default=_plain)), status)


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    return _answer({"error": f"unknown: {error}"}, 404)


async def _wrong(request: Request, error: Exception) -> JSONResponse:
    return _answer({"error": str(error)}, 400)
