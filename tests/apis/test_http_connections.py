"""How the HTTP seam keeps its connections: reused per origin, never more than allowed, closed when nobody needs one."""

import asyncio

import pytest

from daemon.apis import http
from daemon.apis.http import HttpxTransport, Request, TransportError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers every request once `gate` is open; counts connections."""

    def __init__(self):
        self.made = 0
        self.now = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def serve(self, reader, writer):
        self.made += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await self.gate.wait()
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.now -= 1
            writer.close()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()


async def ask(transport, *servers):
    return await asyncio.gather(*(transport.send(Request("GET", server.url)) for server in servers))


async def settled(server, count):
    async with asyncio.timeout(5):
        while server.now != count:  # noqa: ASYNC110 (a server that we only watch)
            await asyncio.sleep(0.005)


async def test_requests_that_overlap_never_open_more_connections_than_allowed():
    transport = HttpxTransport(connections=3, trust_env=False)
    async with Server() as server:
        await ask(transport, *[server] * 20)
        assert server.most == 3
        await ask(transport, *[server] * 3)
        assert server.made == 3
        await transport.aclose()
        await settled(server, 0)


async def test_a_free_connection_of_another_origin_makes_room():
    transport = HttpxTransport(connections=2, trust_env=False)
    async with Server() as one, Server() as other:
        await ask(transport, one, one)
        await ask(transport, other, other)
        await settled(one, 0)
        assert other.now == 2
        await ask(transport, one, other)
        await transport.aclose()
        await settled(one, 0)
        await settled(other, 0)


async def test_who_gets_no_connection_in_time_has_sent_nothing(monkeypatch):
    monkeypatch.setattr(http, "CONNECT_TIMEOUT_S", 0.05)
    transport = HttpxTransport(connections=1, trust_env=False)
    async with Server() as server:
        server.gate.clear()
        first = asyncio.create_task(transport.send(Request("GET", server.url)))
        await settled(server, 1)
        with pytest.raises(TransportError) as caught:
            await transport.send(Request("POST", server.url, body=b"{}"))
        assert (caught.value.kind, caught.value.sent) == ("connect", False)
        server.gate.set()
        assert (await first).status == 200
        await transport.aclose()
        await settled(server, 0)


async def test_connections_that_a_burst_left_behind_are_closed_after_a_while(monkeypatch):
    monkeypatch.setattr(http, "KEEP_ALIVE_S", 0.05)
    transport = HttpxTransport(connections=4, trust_env=False)
    async with Server() as server:
        await ask(transport, *[server] * 4)
        assert server.now == 4
        await asyncio.sleep(0.1)
        await ask(transport, server)
        await settled(server, 1)
        await ask(transport, *[server] * 4)
        assert server.now == 4
        await transport.aclose()
        await settled(server, 0)
