"""Real sockets around the simulated services: what a network does to a reply is carried out here.

`ServiceApp` is an ASGI application around any `Service`: it waits `delay_ms`, and for a loss it resets the TCP
connection without an answer. Under `/_sandbox/` every port offers the control API (`control.py`). `serve_sandbox` runs
both services in the loop it is called in, on ports of its own choice if asked for 0, takes no signals, and hands back a
`Served` to read the addresses from and to close.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from daemon.clock import Clock
from daemon.ops.listener import WebServer, bind
from daemon.sandbox.control import Control, Kills, Simulated
from daemon.sandbox.deliveries import Postman
from daemon.sandbox.pump import Pump
from daemon.sandbox.tiktok import TikTokSandbox
from daemon.sandbox.wire import Call, Loss, Reply
from daemon.settings.values import Listen

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CONTROL = "/_sandbox/"
BODY_LIMIT = 16 * 1024 * 1024


class ServiceApp:
    """One service behind HTTP, with the control API beside it."""

    def __init__(self, service: Simulated, control: Control) -> None:
        self._service = service
        self._control = control
        self._kills: Kills = control.kills

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"].startswith(CONTROL):
            await self._control.app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return
        call = Call(
            method=scope["method"],
            path=scope["path"],
            query=tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            headers={key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]},
            body=body,
        )
        reply = self._service.handle(call)
        self._kills.strike()
        if reply.delay_ms:
            await asyncio.sleep(reply.delay_ms / 1000)
        if reply.loss is Loss.NONE:
            await _answer(reply, send)
        else:
            await _reset(receive, send)


@dataclass(slots=True)
class Served:
    """Both services, listening."""

    tiktok_url: str
    pipe17_url: str
    tiktok_port: int
    pipe17_port: int
    control: Control
    _servers: list[WebServer]
    _pumps: list[Pump]

    async def aclose(self) -> None:
        """Close connections and stop sending webhooks."""
        for pump in self._pumps:
            await pump.aclose()
        for server in self._servers:
            await server.aclose(hard=True)


async def serve_sandbox(
    tiktok: TikTokSandbox,
    pipe17: Simulated,
    *,
    clock: Clock | None = None,
    host: str = "127.0.0.1",
    tiktok_port: int = 0,
    pipe17_port: int = 0,
    webhooks: bool = True,
) -> Served:
    """Listen with both services; returns once both ports accept. Raises `OSError` when a port is taken."""
    control = Control({"tiktok": tiktok, "pipe17": pipe17}, clock or tiktok.clock)
    listeners = [bind(Listen(host=host, port=tiktok_port))]
    try:
        listeners.append(bind(Listen(host=host, port=pipe17_port)))
    except OSError:
        listeners[0].close()
        raise
    servers = [
        WebServer(ServiceApp(service, control), listener, at_once=None)
        for service, listener in zip((tiktok, pipe17), listeners, strict=True)
    ]
    for server in servers:
        await server.start()
    pumps = [Pump(service) for service in (tiktok, pipe17) if webhooks and isinstance(service, Postman)]
    for pump in pumps:
        pump.start()
    ports = [server.address.port for server in servers]
    name = f"[{host}]" if ":" in host else host
    urls = [f"http://{name}:{port}" for port in ports]
    return Served(urls[0], urls[1], ports[0], ports[1], control, servers, pumps)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when the client has gone or sends too much."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_LIMIT:
            return None
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def _answer(reply: Reply, send: Send) -> None:
    headers = {**reply.headers, "content-length": str(len(reply.body))}
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    await send({"type": "http.response.body", "body": reply.body})


async def _reset(receive: Receive, send: Send) -> None:
    """Break the connection. ASGI has no word for it, so this takes the transport from the server's own cycle."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]  # uvicorn's bound method
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
