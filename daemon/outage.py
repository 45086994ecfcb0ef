"""Log once when something breaks and once when it works again; between the two, stay quiet.

One `Outage` stands for one thing that can be down ("pipe17", "poll orders"). It may be used by every room: it needs
only a logger. A new reason during the same outage is worth one more line; the same reason is not.
"""

from __future__ import annotations

import logging


class Outage:
    """Whether one thing is down, and since when in tries."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._reason: str | None = None
        self._tries = 0

    @property
    def reason(self) -> str | None:
        """Why it is down, or None while it works."""
        return self._reason

    def broke(self, reason: str) -> None:
        """It failed. `reason` holds no personal data and no text of the other side."""
        self._tries += 1
        if reason != self._reason:
            self._log.warning("broken", extra={"what": self._what, "reason": reason})
            self._reason = reason

    def recovered(self) -> None:
        """It worked."""
        if self._reason is None:
            return
        self._log.info("recovered", extra={"what": self._what, "reason": self._reason, "failed_tries": self._tries})
        self._reason, self._tries = None, 0
