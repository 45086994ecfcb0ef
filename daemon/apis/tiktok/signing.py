"""TikTok's request signature, version 202309 and later, and the URL that goes with it.

    input   = path + every query parameter except `sign` and `access_token`, sorted, as key + value, decoded
            + the exact body bytes (nothing for no body, nothing for multipart)
    sign    = hex(HMAC-SHA256(secret, secret + input + secret)), lower case

Sign what you send: the same bytes go to `signature` and to the wire. Lists are one comma-joined value. A `page_token`
may hold `+`, `/` and `=`: it is signed raw and percent-encoded on the wire. Source: "Sign your API request"; the
vectors are in the tests.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import quote

_UNSIGNED = frozenset({"sign", "access_token"})


def signature(secret: str, path: str, params: Mapping[str, str], body: bytes | None) -> str:
    """The `sign` parameter. `path` has its ids filled in; `body` is None for no body and for multipart."""
    pairs = "".join(f"{key}{params[key]}" for key in sorted(params) if key not in _UNSIGNED)
    message = f"{secret}{path}{pairs}".encode() + (body or b"") + secret.encode()
    return hmac.digest(secret.encode(), message, "sha256").hex()


def signed_url(
    base: str, path: str, params: Mapping[str, str], body: bytes | None, *, app_key: str, secret: str, timestamp_s: int
) -> str:
    """The whole URL of a call, with `app_key`, `timestamp` and `sign` added."""
    everything = {**params, "app_key": app_key, "timestamp": str(timestamp_s)}
    everything["sign"] = signature(secret, path, everything, body)
    return f"{base}{path}?{query(everything)}"


def query(params: Mapping[str, str]) -> str:
    """A query string with every character encoded that is not unreserved."""
    return "&".join(f"{key}={quote(value, safe='')}" for key, value in params.items())


def joined(values: Iterable[str]) -> str:
    """A list as TikTok takes it in a query: one value, comma-joined."""
    return ",".join(values)
