"""The operations that are simulated, and which of them a path means.

Each area has a table to read, `routes_of_*.py`: path, method, scope, cipher and parameters of every operation. Paths of
any other operation answer 36009009.
"""

from __future__ import annotations

import re

from daemon.sandbox.tiktok.route import Route
from daemon.sandbox.tiktok.routes_of_cancellations import CANCELLATION_ROUTES
from daemon.sandbox.tiktok.routes_of_orders import ORDER_ROUTES
from daemon.sandbox.tiktok.routes_of_parcels import PARCEL_ROUTES
from daemon.sandbox.tiktok.routes_of_products import PRODUCT_ROUTES
from daemon.sandbox.tiktok.routes_of_shop import SHOP_ROUTES
from daemon.sandbox.tiktok.routes_of_talk import TALK_ROUTES

ROUTES = (
    *SHOP_ROUTES,
    *ORDER_ROUTES,
    *PARCEL_ROUTES,
    *CANCELLATION_ROUTES,
    *PRODUCT_ROUTES,
    *TALK_ROUTES,
)


def _literal(template: str) -> bool:
    return "{" not in template


_EXACT: dict[str, list[Route]] = {}
_PATTERNS: dict[str, tuple[re.Pattern[str], list[Route]]] = {}
for _route in ROUTES:
    if _literal(_route.template):
        _EXACT.setdefault(_route.template, []).append(_route)
    else:
        _pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", _route.template))
        _PATTERNS.setdefault(_route.template, (_pattern, []))[1].append(_route)


def find(path: str) -> tuple[list[Route], dict[str, str]]:
    """The operations under a path, one a method, and the values in the path; a literal path wins over a template."""
    exact = _EXACT.get(path)
    if exact is not None:
        return exact, {}
    for pattern, routes in _PATTERNS.values():
        if match := pattern.fullmatch(path):
            return routes, match.groupdict()
    return [], {}
