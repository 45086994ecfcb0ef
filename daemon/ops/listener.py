"""A listening socket and the web server on it, run by its parts: the daemon's, and those of the simulated services.

`bind` takes CONNECTOR_LISTEN's address, so that a port in use is found before anything else happens; `WebServer` serves
an ASGI application on it in the loop it is started in. uvicorn's own `serve` is not used: it takes the process's
signals, and wakes ten times a second to look whether it should end. Requests are not logged: a path may be a secret.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from contextlib import suppress
from typing import Any

import uvicorn

from daemon.settings.values import Listen

BACKLOG = 512
CONNECTIONS_MAX = 500
"""Requests and connections at once; more get a 503."""
KEEP_ALIVE_S = 30
CLOSE_WITHIN_S = 1
SOCKET_MODE = 0o660
"""Of a unix socket: its owner and group, such as the reverse proxy's."""


def bind(listen: Listen) -> socket.socket:
    """A bound socket; raises `OSError` when the address cannot be had. The caller closes it."""
    if listen.path:
        return _bind_unix(listen.path)
    found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _bind_unix(path: str) -> socket.socket:
    """A socket file nobody answers at is a left-over of a killed process and gives way."""
    if os.path.exists(path):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise FileExistsError(17, "a file that is no socket is in the way", path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            try:
                caller.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
            else:
                raise OSError(98, "another process listens there", path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        os.chmod(path, SOCKET_MODE)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def bound_to(listener: socket.socket) -> Listen:
    """Where a bound socket really listens (a port of 0 has become a number)."""
    name = listener.getsockname()
    return Listen(path=str(name)) if listener.family == socket.AF_UNIX else Listen(host=name[0], port=name[1])


class WebServer:
    """An application on a bound socket, from `start` to `aclose`."""

    def __init__(self, app: Any, listener: socket.socket, *, at_once: int | None = CONNECTIONS_MAX) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self.address = bound_to(listener)
        self._listener = listener
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            limit_concurrency=at_once,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=CLOSE_WITHIN_S,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)

    async def start(self) -> None:
        """Returns when requests are answered."""
        await self._server.startup(sockets=[self._listener])

    async def aclose(self, *, hard: bool = False) -> None:
        """Take no more, give what is under way `CLOSE_WITHIN_S`, and remove a unix socket's file.

        `hard` waits for nobody, as a service that is switched off.
        """
        self._server.force_exit = hard
        await self._server.shutdown(sockets=[self._listener])
        for server in self._server.servers:
            await asyncio.wait_for(server.wait_closed(), CLOSE_WITHIN_S)
        if self.address.path:
            _remove(self.address.path)


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
