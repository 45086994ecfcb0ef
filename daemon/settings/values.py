"""The small types that a setting can have, beside text, numbers and durations.

They are values only: frozen, without input or output. How they are written is the business of `grammar.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address


class Direction(StrEnum):
    """Which way a flow runs, seen from Pipe17: it pulls from TikTok Shop or pushes to it."""

    PULL = "pull"
    PUSH = "push"
    BOTH = "both"
    OFF = "off"

    @property
    def pulls(self) -> bool:
        return self in (Direction.PULL, Direction.BOTH)

    @property
    def pushes(self) -> bool:
        return self in (Direction.PUSH, Direction.BOTH)


class CancelRace(StrEnum):
    """What a buyer's pending cancel request does to a tracking number that is ready to go."""

    SHIP = "ship"
    HOLD = "hold"


class MissingAttributes(StrEnum):
    """Where the value of a missing product attribute comes from."""

    AI = "ai"
    EXCEPTION = "exception"


class AiProvider(StrEnum):
    """Who suggests attribute values."""

    TIKTOK = "tiktok"
    OPENAI = "openai"


class LogLevel(StrEnum):
    """The least serious line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line looks. AUTO: JSON unless the stream is a terminal."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the web side listens: `host` and `port` (0: any free one), or the unix socket at `path`."""

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def local_only(self) -> bool:
        """True when nobody outside this machine can reach it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Since:
    """How far back the first pull goes: a fixed instant, or a stretch of time before the first start."""

    at_ms: int | None = None
    back: timedelta | None = None

    def start_ms(self, first_run_ms: int) -> int:
        """The instant to start from, epoch milliseconds, for a daemon first started at `first_run_ms`."""
        if self.at_ms is not None:
            return self.at_ms
        return first_run_ms - (self.back or timedelta()) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Buffer:
    """Stock kept back from TikTok: a number of units, or a share of the level (`Decimal("0.1")` is 10 %)."""

    units: int = 0
    share: Decimal = Decimal(0)
