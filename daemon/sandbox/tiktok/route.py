"""One simulated operation: its path and method, the scopes it wants, and the parameters it takes.

`cipher` says whether `shop_cipher` belongs to the call: yes, no (then sending it is an error) or either (the official
pages call it optional for the two package look-ups). Also the shapes that operations of several kinds share: ids,
instants, the window of a search, and its paging.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from daemon.sandbox.tiktok.shapes import Many, Members, Shape, Text, Whole


class Cipher(Enum):
    """Whether a call takes `shop_cipher`."""

    YES = "yes"
    NO = "no"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `scopes`: any one of them is enough. `query`: parameter names, True when required."""

    operation: str
    method: str
    template: str
    scopes: tuple[str, ...]
    cipher: Cipher = Cipher.YES
    query: dict[str, bool] = field(default_factory=dict)
    body: Members | None = None

    @property
    def version(self) -> str:
        """The version part of the path, as `fulfillment/202309`."""
        return "/".join(self.template.split("/")[1:3])


IDS = Many(Text())
INSTANT = Whole()
WINDOW: dict[str, Shape] = {
    "create_time_ge": INSTANT,
    "create_time_lt": INSTANT,
    "update_time_ge": INSTANT,
    "update_time_lt": INSTANT,
}
PAGING = {"page_size": True, "page_token": False, "sort_field": False, "sort_order": False}
