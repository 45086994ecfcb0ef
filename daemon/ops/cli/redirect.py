"""Where the owner's browser comes back: reading the redirect, and the small server that waits for it.

TikTok sends `?code=...&state=...` and sometimes more; a denial is `code=null&error=auth_denied`; a start from the App
Store in Seller Center has no `state`. A redirect with a foreign state is answered and does not end the wait. Nothing of
a request is logged.
"""

from __future__ import annotations

import hmac
import html
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import Any
from urllib.parse import parse_qs, urlsplit

REQUEST_TIMEOUT_S = 10
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>tiktok-pipe17</title></head>
<body style="font-family:sans-serif;max-width:36em;margin:4em auto"><h1>{title}</h1><p>{text}</p></body></html>"""


@dataclass(frozen=True, slots=True)
class Redirect:
    """What came back. `state` None: there was none."""

    code: str = field(default="", repr=False)
    state: str | None = field(default=None, repr=False)
    error: str = ""

    @property
    def says_something(self) -> bool:
        """False for a favicon, a preconnect, a curious visitor."""
        return bool(self.code or self.error)


def read_redirect(text: str) -> Redirect:
    """A pasted address, its query, or the bare code."""
    text = text.strip().strip("\"'")
    if "=" not in text and "/" not in text:
        return Redirect(code=text)
    return read_query(urlsplit(text).query if "?" in text else text)


def read_query(query: str) -> Redirect:
    """The part of an address after `?`."""
    values = {name: found[0].strip() for name, found in parse_qs(query.partition("#")[0]).items()}
    code = values.get("code", "")
    code = "" if code.lower() == "null" else code
    error = values.get("error", "") or ("" if code or "code" not in values else "no code")
    return Redirect(code, values.get("state"), error)


def problem_of(redirect: Redirect, state: str) -> str:
    """Why a redirect cannot be used; "" when it can. Without a state it is the App Store's, which sends none."""
    if foreign(redirect, state):
        return "it carries another state: it belongs to another attempt; open the link of this one"
    if redirect.error in ("auth_denied", "access_denied"):
        return "the owner denied access; open the link again and choose Authorize"
    if redirect.error:
        return "TikTok sent no code but an error; open the link again"
    if not redirect.code:
        return "there is no code in it; paste the whole address the browser ended on"
    return ""


def foreign(redirect: Redirect, state: str) -> bool:
    """It names a state that is not ours (`state` "": we gave out none)."""
    given = redirect.state
    return bool(state) and given is not None and not hmac.compare_digest(given.encode(), state.encode())


class RedirectServer:
    """Waits for the browser on host and port, any path."""

    def __init__(self, host: str, port: int, state: str) -> None:
        """Listens when it returns; raises `OSError`."""
        self._found: queue.Queue[Redirect] = queue.Queue()
        self._server = _Server((host, port), self._take, state)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> Redirect | None:
        """The first redirect that is for us; None when the time is over."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            try:
                # in short turns, so that Ctrl-C is heard
                return self._found.get(timeout=min(left, 0.5))
            except queue.Empty:
                continue
        return None

    def close(self) -> None:
        """Stop listening; answers under way are finished."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, redirect: Redirect) -> None:
        self._found.put(redirect)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], take: Callable[[Redirect], None], state: str) -> None:
        if ":" in address[0]:
            self.address_family = AF_INET6
        self.take = take
        self.state = state
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # only ever made by it
    timeout = REQUEST_TIMEOUT_S
    server_version = "tiktok-pipe17"
    sys_version = ""

    def do_GET(self) -> None:
        redirect = read_query(urlsplit(self.path).query)
        if not redirect.says_something:
            self._answer(404, "Nothing here", "This address waits for TikTok Shop to send the owner back.")
            return
        problem = problem_of(redirect, self.server.state)
        if problem:
            self._answer(400, "Not connected", f"That did not work: {problem}.")
        else:
            self._answer(200, "Thank you", "The code has arrived. You may close this page and look at the terminal.")
        if not foreign(redirect, self.server.state):
            self.server.take(redirect)

    def log_message(self, format: str, *args: Any) -> None:
        """The address holds the code: nothing is logged."""

    def _answer(self, status: int, title: str, text: str) -> None:
        page = _PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(page)))
        self.send_header("cache-control", "no-store")
        self.send_header("referrer-policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)
