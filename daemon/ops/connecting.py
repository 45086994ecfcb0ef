"""A new grant: the code that the owner's browser brought back becomes the stored tokens in force.

Used by `tiktok-pipe17 connect` when no daemon runs, and by the daemon itself for `POST /api/connect` (admin; body
`{"code": "..."}`; the answer is what `take_code` returns, status 200 also for a refused code), because only the daemon
may write its store. Nothing here shows a code or a token.
"""

from __future__ import annotations

from typing import Any

from daemon.apis.tiktok.operations import OPERATIONS
from daemon.assembly import Parts
from daemon.core.tokens import TokenPair
from daemon.core.verdicts import Reauth, Unknown
from daemon.errors import ApiError
from daemon.flows.connections import CURES, note_failure
from daemon.flows.upkeep import Upkeep

CODE_REFUSED = "36004004"
CODE_CHARS_MAX = 1_000

NEEDED = {
    "orders": ("orders.search", "orders.detail"),
    "fulfillments": ("orders.detail", "packages.mark_shipped", "packages.get", "providers.list"),
    "cancellations": ("orders.detail", "cancellations.search", "cancellations.cancel", "cancellations.eligibility"),
    "locations": ("warehouses.list",),
    "products": ("products.search", "products.get"),
    "inventory": ("inventory.update", "inventory.search", "products.deactivate"),
    "messages": ("conversations.open", "messages.send", "messages.list"),
    "references": ("references.add", "references.get"),
}
"""The calls to TikTok that a flow cannot do without."""


async def take_code(parts: Parts, code: str) -> dict[str, Any]:
    """Exchange the code, store the pair, read the shops, choose ours, and let the flows go on.

    Returns `connected` (the tokens are stored and TikTok takes them), `problem` with its cure ("" when all is well),
    `unreachable`, `shop_id` (the shop in force, "" while none is chosen), `shops`, `missing_scopes`,
    `refresh_expires_at_ms`.
    """
    tiktok, result = parts.tiktok, _nothing_yet()
    if not code or len(code) > CODE_CHARS_MAX:
        return result | {"problem": "that is no code; open the link again"}
    try:
        pair = await tiktok.keeper.exchange(code)
    except ApiError as error:
        return result | _refused(error)
    result |= {
        "connected": True,
        "refresh_expires_at_ms": pair.refresh_expires_at_ms,
        "missing_scopes": missing_scopes(parts, pair),
    }
    try:
        shops = await tiktok.authorized_shops()
        result["shops"] = [
            {"id": shop.id, "name": shop.name, "region": shop.region, "code": shop.code} for shop in shops
        ]
        result["shop_id"] = (await tiktok.shop()).id
    except ApiError as error:
        await note_failure(parts.engine.connections, error)
        result["problem"] = _no_shop(parts, error, len(result["shops"]))
    else:
        await parts.engine.connections.accept("tiktok")
    await Upkeep(parts.database, parts.clock, tiktok, parts.settings.connector_retention).watch_grant()
    return result


def missing_scopes(parts: Parts, pair: TokenPair) -> list[str]:
    """Scopes that the flows in use need and the grant does not name; none when TikTok named no scopes at all."""
    if not pair.scopes:
        return []
    calls = {"shops.list", *(call for sender in parts.senders for call in NEEDED[sender.name])}
    return sorted({OPERATIONS[call].scope for call in calls} - set(pair.scopes))


def _nothing_yet() -> dict[str, Any]:
    return {
        "connected": False,
        "problem": "",
        "unreachable": False,
        "shop_id": "",
        "shops": [],
        "missing_scopes": [],
        "refresh_expires_at_ms": None,
    }


def _refused(error: ApiError) -> dict[str, Any]:
    if error.code == CODE_REFUSED:
        text = "TikTok does not take this code: it was used before, or is older than 30 minutes; open the link again"
    elif isinstance(error.verdict, Reauth):
        text = f"{error}; {CURES.get(f'tiktok:{error.verdict.code}', '')}"
    elif isinstance(error.verdict, Unknown):
        text = f"{error}; the answer was lost and the code may be spent: open the link again"
    else:
        text = f"{error}; try again in a moment, the code lives 30 minutes"
    return {"problem": text, "unreachable": not error.code and (error.status == 0 or error.status >= 500)}


def _no_shop(parts: Parts, error: ApiError, shops: int) -> str:
    if shops > 1 and not parts.settings.tiktok_shop_id:
        return f"the grant covers {shops} shops; set TIKTOK_SHOP_ID to the id of the one to keep in step"
    return f"the tokens are stored, but: {error}"
