"""A whole daemon in this process: both simulated sides without sockets, its own web side on a real one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import inspect
import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio

from daemon.apis.http import HttpxTransport, Request, Response, TransportError
from daemon.clock import SystemClock
from daemon.ops.redact import Redactor
from daemon.ops.run import Running, serve
from daemon.sandbox.pipe17 import Pipe17Sandbox
from daemon.sandbox.tiktok import TikTokOptions, TikTokSandbox
from daemon.sandbox.wire import Call, Loss
from daemon.settings import Settings, load_settings

JSON = {"content-type": "application/json"}


class Sides:
    """Both simulated sides as a `Transport`. `silent` operations never answer."""

    def __init__(self) -> None:
        clock = SystemClock()
        options = TikTokOptions(strict_webhook_address=False, index_lag_ms=0, hold_ms=0, on_hold=False)
        self.tiktok = TikTokSandbox(clock, random.Random(1), options=options)
        self.pipe17 = Pipe17Sandbox(clock, random.Random(2))
        self.refresh_token = self.tiktok.tokens()["refresh_token"]
        self.silent: set[tuple[str, str]] = set()

    async def send(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        if (request.method, parts.path) in self.silent:
            await anyio.sleep_forever()
        service = self.tiktok if parts.hostname == "tiktok" else self.pipe17
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = service.handle(Call(request.method, parts.path, query, headers, request.body or b""))
        if reply.loss is not Loss.NONE:
            raise TransportError("reset", sent=True)
        return Response(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)

    async def aclose(self) -> None:
        pass


def settings_for(store: Path, sides: Sides, **more: str) -> Settings:
    """Settings of a daemon between these sides, on a free port."""
    environ = {
        "TIKTOK_APP_KEY": sides.tiktok.options.app_key,
        "TIKTOK_APP_SECRET": sides.tiktok.options.app_secret,
        "TIKTOK_REFRESH_TOKEN": sides.refresh_token,
        "TIKTOK_API_URL": "http://tiktok",
        "TIKTOK_AUTH_URL": "http://tiktok",
        "PIPE17_API_URL": "http://pipe17/api/v3",
        "PIPE17_API_KEY": sides.pipe17.options.api_key,
        "PIPE17_REQUESTS_PER_SECOND": "50",
        "CONNECTOR_STORE_URL": f"sqlite:///{store}",
        "CONNECTOR_LISTEN": "127.0.0.1:0",
        "ORDERS_HOLD": "0s",
    }
    return load_settings(environ | more)


class House:
    """A running daemon, its two sides, and a client of its web side."""

    def __init__(self, running: Running, sides: Sides, http: HttpxTransport, redactor: Redactor) -> None:
        self.running = running
        self.sides = sides
        self.redactor = redactor
        self._http = http

    @property
    def database(self) -> Any:
        return self.running.daemon.parts.database

    async def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """One request; nothing is added to `headers`."""
        url = f"http://{self.running.address}{path}"
        return await self._http.send(Request(method, url, headers or {}, body, 10.0))

    async def get(self, path: str) -> Any:
        answer = await self.ask("GET", path)
        return json.loads(answer.body)

    async def post(self, path: str, document: object, **headers: str) -> tuple[int, Any]:
        """A POST as a command would send it; header names with `_` for `-`."""
        sent = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.ask("POST", path, json.dumps(document).encode(), sent)
        return answer.status, json.loads(answer.body)

    async def hook(self, document: object, signature: str | None = None) -> int:
        """A delivery as TikTok makes it; the status of the answer, whose body must be empty when it is 200."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        options = self.sides.tiktok.options
        right = hmac.new(options.app_secret.encode(), options.app_key.encode() + body, hashlib.sha256).hexdigest()
        answer = await self.ask("POST", "/webhooks/tiktok", body, JSON | {"authorization": signature or right})
        assert answer.status != 200 or answer.body == b""
        return answer.status

    async def backlog(self, state: str, flow: str = "orders") -> int:
        """How many rows of a flow are in a state."""
        one = (await self.get("/api/status"))["flows"][flow]
        count: int = one[state] if state in one else one["backlog"].get(state, 0)
        return count

    async def exceptions(self) -> list[dict[str, Any]]:
        """What is open."""
        rows: list[dict[str, Any]] = (await self.get("/api/exceptions"))["exceptions"]
        return rows

    async def metric(self, line: str) -> float | None:
        """The value of one sample, by its name with labels."""
        answer = await self.ask("GET", "/metrics")
        for row in answer.body.decode().splitlines():
            if row.startswith(f"{line} "):
                return float(row.rpartition(" ")[2])
        return None


class Started:
    """Takes the report of `serve`."""

    def __init__(self) -> None:
        self.report: asyncio.Future[Running] = asyncio.get_running_loop().create_future()

    def started(self, value: Running | None = None) -> None:
        assert value is not None
        self.report.set_result(value)


@asynccontextmanager
async def running(store: Path, sides: Sides, **more: str) -> AsyncIterator[House]:
    """A daemon that is up, in a task of its own; it is stopped at the end, and must stop by itself."""
    http, redactor, started = HttpxTransport(trust_env=False), Redactor(), Started()
    settings, rng = settings_for(store, sides, **more), random.Random(3)
    served = asyncio.create_task(
        serve(settings, redactor=redactor, environ={}, rng=rng, transport=sides, task_status=started)
    )
    try:
        await asyncio.wait([served, started.report], return_when=asyncio.FIRST_COMPLETED)
        if served.done():
            await served
        yield House(started.report.result(), sides, http, redactor)
    finally:
        await http.aclose()  # first: the web server waits a moment for connections that are kept alive
        if started.report.done():
            started.report.result().stop()
        await asyncio.wait_for(served, 20)


async def until(true: Callable[[], Any], seconds: float = 8.0) -> None:
    """Wait until something is so; `true` may be a coroutine function."""
    with anyio.fail_after(seconds):
        while True:
            value = true()
            if await value if inspect.isawaitable(value) else value:
                return
            await anyio.sleep(0.01)
