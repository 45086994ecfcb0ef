"""What Pipe17's refusals mean for us. Pipe17 documents no business codes: the HTTP status decides, then the message.

`code` is the number in the body, which repeats the status; it counts when the body says `success: false` under a 2xx.
An answer that is not Pipe17's JSON (cut, or of a proxy) says nothing about the record. A read is then asked again for
as long as it takes, like after a break of the line; a write that got a 4xx was refused, perhaps for good by somebody on
the way, and dies after a few tries.
Three rules come from working clients and not from a reference (tags P17-02, P17-05 in `apis/pipe17/assumptions.py`):
"No results" on any refusal means the record does not exist; a refused create whose message speaks of a duplicate, or a
409, means it may exist already and is looked up; 403 is a grant that the key lacks.
"""

from __future__ import annotations

import re
from datetime import timedelta

from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Failure, Reauth, Rejected, Retry, Throttled, Unknown

_DUPLICATE = re.compile(
    r"duplicat|already (exist|used|taken|in use)|\bexists\b|not unique|must be unique", re.IGNORECASE
)
_NO_RESULTS = re.compile(r"\bno results\b", re.IGNORECASE)


def pipe17_verdict(
    *, operation: str, write: bool, status: int, code: int | None, message: str, retry_after: timedelta | None
) -> Failure:
    """The consequence of an answer that was not a success.

    `operation` is our name of the call, `write` whether it changes something in Pipe17, `status` the HTTP status,
    `code` the number in the body (None when the body was not Pipe17's JSON), `retry_after` what the header asked for.
    """
    ours = code is not None
    effective = code if code is not None and status < 400 <= code <= 599 else status
    if effective == 401:
        return Reauth("key")
    if effective == 403 and ours:
        return Reauth("scope")
    if effective == 429:
        return Throttled("rate_limited", retry_after)
    if effective == 408 or effective >= 500 or (effective < 300 and not ours):
        word = f"http_{effective}" if effective >= 400 else "unreadable"
        return Unknown(word) if write else Retry(word, retry_after)
    if not ours:
        return Retry(f"http_{effective}", retry_after, UNKNOWN_CODE_TRIES if write else None)
    return _refusal(operation, effective, message, retry_after)


def _refusal(operation: str, status: int, message: str, retry_after: timedelta | None) -> Failure:
    creates = operation.endswith(".create")
    if not creates and (status == 404 or _NO_RESULTS.search(message)):
        return Rejected("not_found")
    if creates and (status == 409 or (status < 500 and _DUPLICATE.search(message))):
        return Rejected("duplicate")
    word = {400: "bad_request", 405: "not_allowed", 409: "conflict", 413: "too_large", 422: "bad_request"}.get(status)
    if word is not None:
        return Rejected(word)
    return Retry(f"http_{status}" if status >= 300 else "refused", retry_after, UNKNOWN_CODE_TRIES)
