"""The HTTP seam over real sockets: the total deadline, the body limit, resets, and exact bytes."""

import asyncio
import contextlib
import logging
import re
import socket
import struct
import time
import traceback

import pytest

from daemon.apis.http import HttpxTransport, Request, TransportError

CANARY = "canary-secret-99"


class Loopback:
    """A server that does to each connection what `behave(reader, writer)` says; keeps the raw requests."""

    def __init__(self, behave):
        self.behave = behave
        self.requests = []
        self.connections = 0
        self.handlers = set()

    async def _serve(self, reader, writer):
        self.connections += 1
        self.handlers.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
                self.requests.append((head, await reader.readexactly(int(length[1]) if length else 0)))
                if not await self.behave(writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for handler in self.handlers:
            handler.cancel()
        await asyncio.gather(*self.handlers, return_exceptions=True)
        await self.server.wait_closed()


async def fine(writer, body=b'{"a":1}', head=b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nX-ABC: Yes\r\n"):
    writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    return True


@pytest.fixture
async def transport():
    made = HttpxTransport(trust_env=False)
    yield made
    await made.aclose()


async def refused(transport, request):
    with pytest.raises(TransportError) as caught:
        await transport.send(request)
    return caught.value


async def test_bytes_arrive_as_given_and_connections_are_kept(transport):
    body = '{"a":"ü🙂"}'.encode()
    async with Loopback(fine) as server:
        for _ in range(3):
            answer = await transport.send(
                Request("POST", f"{server.url}/p%2Fq?page_token=a%2Fb%3D%3D&ids=1%2C2", {"x-token": "t"}, body)
            )
        assert server.connections == 1
    assert (answer.status, answer.body, answer.headers["x-abc"]) == (200, b'{"a":1}', "Yes")
    head, sent = server.requests[0]
    assert head.startswith(b"POST /p%2Fq?page_token=a%2Fb%3D%3D&ids=1%2C2 HTTP/1.1\r\n")
    assert b"x-token: t\r\n" in head
    assert b"user-agent" not in head.lower()
    assert sent == body


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_call_without_a_body_sends_none_and_a_delete_may_have_one(transport, method):
    async with Loopback(fine) as server:
        await transport.send(Request(method, server.url + "/x"))
        await transport.send(Request("DELETE", server.url + "/x", {}, b'{"event_type":"X"}'))
    assert [sent for _, sent in server.requests] == [b"", b'{"event_type":"X"}']


async def test_a_body_that_drips_for_ever_ends_at_the_total_deadline(transport):
    async def drip(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(200):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with Loopback(drip) as server:
        start_s = time.monotonic()
        error = await refused(transport, Request("GET", server.url, timeout_s=0.3))
        assert 0.25 < time.monotonic() - start_s < 1.0
    assert (error.kind, error.sent) == ("timeout", True)


async def test_headers_that_never_come_end_at_the_total_deadline(transport):
    async def silence(_):
        await asyncio.sleep(1)

    async with Loopback(silence) as server:
        error = await refused(transport, Request("POST", server.url, body=b"{}", timeout_s=0.2))
    assert (error.kind, error.sent) == ("timeout", True)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_limit_is_an_error_and_not_a_truncated_success(transport, announced):
    async def flood(writer):
        length = b"Content-Length: 400000\r\n\r\n" if announced else b"Connection: close\r\n\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"x" * 400_000)
        await writer.drain()

    async with Loopback(flood) as server:
        error = await refused(transport, Request("GET", server.url, body_limit=100_000))
        assert (error.kind, error.sent) == ("body_too_large", True)
        answer = await transport.send(Request("GET", server.url, body_limit=400_000))
        assert len(answer.body) == 400_000


async def test_a_body_cut_short_is_an_error(transport):
    async def cut(writer):
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":1}')
        await writer.drain()

    async with Loopback(cut) as server:
        error = await refused(transport, Request("GET", server.url))
    assert (error.kind, error.sent) == ("reset", True)


async def test_a_reset_after_the_request_may_have_had_an_effect(transport):
    async def reset(writer):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with Loopback(reset) as server:
        error = await refused(transport, Request("POST", server.url, body=b"{}"))
    assert (error.kind, error.sent) == ("reset", True)


async def test_nobody_listening_means_that_nothing_was_sent(transport):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await refused(transport, Request("POST", f"http://127.0.0.1:{port}/", body=b"{}"))
    assert (error.kind, error.sent) == ("connect", False)


async def test_rubbish_instead_of_http_is_an_error(transport):
    async def rubbish(writer):
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()

    async with Loopback(rubbish) as server:
        error = await refused(transport, Request("GET", server.url))
    assert error.sent


async def test_a_redirect_is_an_answer_like_any_other(transport):
    async def elsewhere(writer):
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        return True

    async with Loopback(elsewhere) as server:
        assert (await transport.send(Request("GET", server.url))).status == 302
        assert len(server.requests) == 1


async def test_cookies_are_not_kept(transport):
    async def cookie(writer):
        return await fine(writer, head=b"Set-Cookie: a=b\r\n")

    async with Loopback(cookie) as server:
        for _ in range(2):
            await transport.send(Request("GET", server.url))
    assert all(b"cookie" not in head.lower() for head, _ in server.requests)


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", f"http://127.0.0.1:99999/?s={CANARY}"),
        Request("GET", f"nonsense://{CANARY}/"),
        Request("GET", f"/{CANARY}"),
        Request("GET", "http://127.0.0.1:9/", {"x-key": f"{CANARY}\r\nx: y"}),
        Request("GET", "http://127.0.0.1:9/", {"x-key": f"{CANARY}ü🙂"}),
        Request("GET", f"http://127.0.0.1:9/?app_secret={CANARY}", {"x-key": CANARY}, CANARY.encode()),
    ],
)
async def test_nothing_of_a_request_shows_in_its_failure(transport, request_, caplog):
    caplog.set_level(logging.DEBUG)
    error = await refused(transport, request_)
    shown = "".join(traceback.format_exception(error)) + repr(error) + caplog.text + repr(request_)
    assert CANARY not in shown
    assert error.__cause__ is None


async def test_the_libraries_below_log_no_url_and_no_header(transport, caplog):
    caplog.set_level(logging.DEBUG)
    async with Loopback(fine) as server:
        answer = await transport.send(Request("GET", f"{server.url}/?app_secret={CANARY}", {"x-key": CANARY}))
    assert CANARY not in caplog.text
    assert "a" not in repr(answer).split("status=200")[1].replace("status", "").strip(", )")


async def test_a_cancelled_call_gives_its_connection_back(transport):
    async def slow(writer):
        await asyncio.sleep(0.2)
        return await fine(writer)

    async with Loopback(slow) as server:
        for _ in range(5):
            task = asyncio.create_task(transport.send(Request("GET", server.url)))
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await transport.send(Request("GET", server.url))).status == 200
