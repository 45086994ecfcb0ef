"""Every error of our own, in one tree; the class docstring is the default message.

    ConnectorError
    ├── SettingsError        every wrong setting, by name (exit 78)
    ├── StoreError
    │   ├── StoreLocked      another daemon holds the store
    │   ├── StoreTooNew      the database was written by a newer version
    │   └── StoreClosed      a write arrived after the store was closed
    └── ApiError             the other side, or the way there, said no; carries a verdict

Messages are for the person who must act and hold no personal data and no secrets: vendor messages are cut and cleaned
by `apis/redaction.py` before they get here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.core.verdicts import Failure


class ConnectorError(Exception):
    """Something went wrong in the connector."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class SettingsError(ConnectorError):
    """The settings are not usable."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class StoreError(ConnectorError):
    """The store cannot be used."""


class StoreLocked(StoreError):
    """Another daemon holds this store; stop it first, or give this one another CONNECTOR_STORE_URL."""


class StoreTooNew(StoreError):
    """This store was written by a newer version of tiktok-pipe17; install that version or restore a backup."""


class StoreClosed(StoreError):
    """The store is closed."""


class ApiError(ConnectorError):
    """The other side refused a call, or could not be reached.

    `system` is "tiktok" or "pipe17"; `operation` our name of the call (`orders.search`); `verdict` what follows for
    the sender; `code` the vendor's business code as text ("" when there was none); `status` the HTTP status (0 when no
    answer came); `request_id` what the vendor's support will ask for.
    """

    def __init__(
        self,
        *,
        system: str,
        operation: str,
        verdict: Failure,
        status: int = 0,
        code: str = "",
        message: str = "",
        request_id: str = "",
    ) -> None:
        self.system = system
        self.operation = operation
        self.verdict = verdict
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        where = f"{system} {operation}"
        what = " ".join(part for part in (f"HTTP {status}" if status else "", code, message) if part) or "no answer"
        super().__init__(f"{where}: {what}" + (f" (request {request_id})" if request_id else ""))
