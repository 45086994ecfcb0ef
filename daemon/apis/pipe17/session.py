"""A call to Pipe17: gate, key header, JSON once, envelope.

Every answer carries `success` and `code`; a body that says `success: false` is a failure whatever the status. Lists
return `{<plural>: [...], pagination: {last, pageSize}}`. The key sits in one header and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from daemon.apis.caller import Caller, Judgement, unreadable
from daemon.apis.gate import Gate
from daemon.apis.http import Request
from daemon.apis.pipe17.assumptions import KEY_HEADER
from daemon.core import jsontext
from daemon.core.lanes import Lane
from daemon.core.pipe17_errors import pipe17_verdict
from daemon.core.tokens import Secret
from daemon.core.verdicts import Reauth
from daemon.errors import ApiError

SYSTEM = "pipe17"
CALL_TIMEOUT_S = 30.0
OPTIONAL = ("webhooks.", "inventory.totals")
"""Calls we can do without: that the key may not make them says nothing about where we stand."""

Params = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of a list. Ask for the next one with `skip` raised by `len(rows)` unless this was the `last`."""

    rows: list[dict[str, Any]]
    last: bool


def judge(operation: str, write: bool, status: int, body: Any, wait: timedelta | None) -> Judgement:
    """Pipe17's envelope; success needs a 2xx and no `success: false`."""
    if not isinstance(body, dict):
        failure = pipe17_verdict(
            operation=operation, write=write, status=status, code=None, message="", retry_after=wait
        )
        return Judgement(failure)
    code = body.get("code")
    code = code if isinstance(code, int) and not isinstance(code, bool) else status
    message = body.get("message")
    message = message if isinstance(message, str) else ""
    if 200 <= status < 300 and body.get("success") is not False:
        return Judgement(None)
    failure = pipe17_verdict(
        operation=operation, write=write, status=status, code=code, message=message, retry_after=wait
    )
    return Judgement(failure, str(code) if code != status else "", message)


class Session:
    """What all lanes of the client share."""

    def __init__(self, *, base_url: str, key: Secret, caller: Caller, gate: Gate) -> None:
        self.caller = caller
        self.gate = gate
        self._base = base_url.rstrip("/")
        self._headers = {
            KEY_HEADER.value: key.get_secret_value(),
            "content-type": "application/json",
            "accept": "application/json",
        }

    async def call(
        self, operation: str, lane: Lane, method: str, path: str, *, params: Params = (), document: Any = None
    ) -> dict[str, Any]:
        """The decoded answer of a success; raises `ApiError`. A repeated parameter is repeated on the wire."""
        self.gate.enter(operation, operation)
        payload = None if document is None else jsontext.dumps(document).encode()
        url = self._base + path
        if params:
            url += "?" + "&".join(f"{key}={quote(value, safe='*')}" for key, value in params)
        request = Request(method, url, self._headers, payload, CALL_TIMEOUT_S)
        try:
            body = await self.caller.call(
                operation, lane=lane, write=method != "GET", build=lambda: request, sent=document
            )
        except ApiError as error:
            if not (operation.startswith(OPTIONAL) and error.verdict == Reauth("scope")):
                self.gate.refused(error, operation)
            raise
        self.gate.accepted(operation)
        answer: dict[str, Any] = body
        return answer

    async def rows(self, operation: str, lane: Lane, path: str, params: Params) -> Rows:
        """One page of the list at `/path`; a page of the wrong shape is an error and never the last page."""
        body = await self.call(operation, lane, "GET", f"/{path}", params=params)
        rows, paging = body.get(path), body.get("pagination")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.misshapen(operation, write=False, member=path)
        return Rows(rows, last=not rows or (isinstance(paging, dict) and paging.get("last") is True))

    def misshapen(self, operation: str, *, write: bool, member: str) -> ApiError:
        """The answer says success and lacks `member`."""
        return self.caller.error(operation, unreadable(write), f"{member}: missing or of another shape")
