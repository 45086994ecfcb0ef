"""A request to the running daemon, over CONNECTOR_LISTEN: TCP or a unix socket, standard library only.

Only the daemon may write its store while it runs, so commands that change something ask it. The admin token goes along
when there is one. A wildcard address is reached over loopback.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from daemon.ops.cli.commands import FAILED, UNREACHABLE, WRONG_SETTINGS, Ended
from daemon.ops.cli.given import BY
from daemon.settings import Settings
from daemon.settings.values import Listen

TIMEOUT_S = 60.0
"""A new grant takes up to three calls to TikTok."""
ANSWER_BYTES_MAX = 4 << 20
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared, not bound)


def ask_daemon(settings: Settings, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST a JSON body; the JSON answer. Raises `Ended` with what a person must do."""
    listen, token = settings.connector_listen, settings.connector_admin_token
    headers = {"content-type": "application/json", "accept": "application/json", "user-agent": BY}
    if token is not None:
        headers["authorization"] = f"Bearer {token.get_secret_value()}"
    connection = _connection(listen)
    try:
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read(ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise Ended(
            f"a daemon holds the store, but does not answer on {listen} ({why.lower()}); is CONNECTOR_LISTEN here "
            "the same as the daemon's?",
            UNREACHABLE,
        ) from None
    finally:
        connection.close()
    document = _document(content)
    if answer.status in (401, 403):
        raise Ended("the daemon refuses CONNECTOR_ADMIN_TOKEN; set the one it was started with", WRONG_SETTINGS)
    if answer.status >= 300 or document is None:
        said = str((document or {}).get("error") or f"HTTP {answer.status}")
        raise Ended(f"the daemon on {listen} says: {said}", UNREACHABLE if answer.status >= 500 else FAILED)
    return document


def _connection(listen: Listen) -> http.client.HTTPConnection:
    if listen.path:
        connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT_S)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(TIMEOUT_S)
        try:
            connection.sock.connect(listen.path)
        except OSError as error:
            connection.sock.close()
            why = (error.strerror or "no answer").lower()
            raise Ended(f"a daemon holds the store, but {listen} cannot be reached: {why}", UNREACHABLE) from None
        return connection
    if listen.port == 0:
        raise Ended("CONNECTOR_LISTEN has port 0, so the daemon cannot be found; give it a port", WRONG_SETTINGS)
    return http.client.HTTPConnection(_WILDCARDS.get(listen.host, listen.host), listen.port, timeout=TIMEOUT_S)


def _document(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
