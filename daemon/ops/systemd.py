"""Talking to systemd: ready, alive, stopping, and one line of status. Without systemd nothing happens.

The protocol is a datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names, a path or, with `@` in front,
an abstract one (sd_notify(3)). A datagram that cannot be sent is left out: telling systemd must never stop the daemon,
and a lost WATCHDOG=1 is made good by the next one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import timedelta

STATUS_CHARS_MAX = 200


class Notifier:
    """The line to the service manager; `environ` is where it left its address."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address if address.startswith("/") else ""

    @property
    def watchdog_every(self) -> timedelta | None:
        """How often `alive` should be called: a third of systemd's patience; None when nobody watches."""
        patience = self._environ.get("WATCHDOG_USEC", "")
        watched = self._environ.get("WATCHDOG_PID", "") or str(os.getpid())
        if not self._address or not patience.isdecimal() or int(patience) == 0 or watched != str(os.getpid()):
            return None
        return timedelta(microseconds=int(patience)) / 3

    def ready(self) -> bool:
        """The start is complete."""
        return self._send("READY=1")

    def alive(self) -> bool:
        """Loop and writer both answer."""
        return self._send("WATCHDOG=1")

    def stopping(self) -> bool:
        """The end has begun."""
        return self._send("STOPPING=1")

    def status(self, text: str) -> bool:
        """One line for `systemctl status`, without personal data."""
        return self._send("STATUS=" + " ".join(text.split())[:STATUS_CHARS_MAX])

    def _send(self, message: str) -> bool:
        """True when systemd was told."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.setblocking(False)
                line.sendto(message.encode(), self._address)
        except (OSError, ValueError):
            return False
        return True
