"""What a simulated service remembers of every call: the evidence that tests and the demo count.

A call is recorded whatever came of it, also when its signature was wrong or its answer was lost: "exactly one" is
checked on the server's side. Authorization headers and tokens are not kept.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from daemon.sandbox.wire import Loss


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call and what it got. `code` is the vendor's business code (0: done), `body` the request's JSON object."""

    at_ms: int
    operation: str
    method: str
    path: str
    status: int
    code: int
    body: dict[str, Any] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    """The fault that struck it, by its name."""
    loss: Loss = Loss.NONE

    @property
    def effective(self) -> bool:
        """Whether the service did what was asked, whether or not the answer arrived."""
        return self.status == 200 and self.code == 0 and self.loss is not Loss.BEFORE

    def as_json(self) -> dict[str, Any]:
        """The call as the control API shows it."""
        return {**asdict(self), "loss": self.loss.value}
