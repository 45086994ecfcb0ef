"""What the body of a call says, read as the vendor reads it.

Only a body that is labelled as JSON counts, a number with a fraction becomes a double, and what is nested too deep to
be written again is no body at all.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from daemon.core.jsontext import dumps
from daemon.sandbox.wire import Call

DEEPEST = 400
"""A body with more brackets is written once before it is believed, because it may be nested too deep to be written."""


def json_body(call: Call) -> Any:
    """The JSON of the body; None for none, for something else, and for a body that is not labelled as JSON."""
    if not call.body or not call.headers.get("content-type", "").lower().startswith("application/json"):
        return None
    try:
        body = json.loads(call.body, parse_float=_as_stored, parse_constant=_as_stored)
        if call.body.count(b"{") + call.body.count(b"[") > DEEPEST:
            dumps(body)
    except (ValueError, RecursionError):
        return None
    return body


def _as_stored(text: str) -> Decimal:
    """A number with a fraction as the vendor keeps it: a double, whatever its digits were."""
    stored = Decimal(repr(float(text)))
    if not stored.is_finite():
        raise ValueError(text)
    return stored
