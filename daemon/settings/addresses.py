"""How addresses are read: where to listen, whom to call, where the store lies.

The same rules as `grammar.py`: a `ValueError` says what is accepted. URLs and store addresses are not quoted back, for
somebody may have put a password into one; a URL with a password is refused, since URLs end in logs.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from daemon.settings.grammar import quoted, text
from daemon.settings.values import Listen

UNIX_PATH_BYTES_MAX = 107
"""What fits into `sun_path` on Linux, without the closing zero."""

_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")


def listen(value: str) -> Listen:
    """`host:port`, `[::1]:port` or `unix:/path`."""
    accepted = "use host:port such as 127.0.0.1:9817 or [::1]:9817, or unix:/path"
    if value.startswith("unix:"):
        path = text(value.removeprefix("unix:"))
        if not path.startswith("/") or path.endswith("/") or len(path.encode()) > UNIX_PATH_BYTES_MAX:
            raise ValueError(
                f"{quoted(value)} is not an absolute path of at most {UNIX_PATH_BYTES_MAX} bytes; {accepted}"
            )
        return Listen(path=path)
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    port_ok = port.isascii() and port.isdigit() and int(port) <= 65_535 if len(port) <= 5 else False
    if not colon or not port_ok or not _host_ok(host) or bracketed != (":" in host):
        raise ValueError(f"{quoted(value)} is not an address; {accepted}")
    return Listen(host=host, port=int(port))


def _host_ok(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return bool(_HOST.fullmatch(host)) and not re.fullmatch(r"[\d.]+", host)
    return True


def url(value: str) -> str:
    """An http(s) address without a trailing slash.

    Credentials travel there, so plain http is for this machine and its private neighbours (a sandbox in another
    container), never for the internet.
    """
    host, scheme, _ = _address(value)
    if scheme == "http" and not _private(host):
        raise ValueError("is plain http to a public host, which would show the credentials; use https://…")
    return value.rstrip("/")


def public_url(value: str) -> str:
    """What TikTok can reach: https, a domain name, no port. A loopback address is accepted for tests."""
    host, scheme, port = _address(value)
    if not _loopback(host) and (scheme != "https" or port is not None or ":" in host or re.fullmatch(r"[\d.]+", host)):
        raise ValueError("cannot be called by TikTok; use https, a domain name and no port: https://shop.example.com")
    return value.rstrip("/")


def _address(value: str) -> tuple[str, str, int | None]:
    """Host, scheme and port of a URL; the value itself is not quoted back, it may hold a password."""
    accepted = "use https://host or https://host/path"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError(f"is not a URL; {accepted}") from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _host_ok(host) or not value.isascii() or " " in value:
        raise ValueError(f"is not an http(s) URL; {accepted}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"has a user name or password in it; {accepted}")
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        raise ValueError(f"has a query or fragment in it; {accepted}")
    return host, parts.scheme, port


def _loopback(host: str) -> bool:
    return Listen(host=host).local_only


def _private(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host


def store_url(value: str) -> str:
    """`sqlite:///relative.db` or `sqlite:////absolute.db`; the only store of this version."""
    path = value.removeprefix("sqlite:///")
    wrong = path == value or not path.strip("/") or path.endswith("/") or not value.isprintable()
    if wrong or any(mark in path for mark in "?#$") or path == ":memory:":
        raise ValueError("is not the address of a store; use sqlite:////absolute/path.db or sqlite:///relative/path.db")
    return value
