"""What `check` asks TikTok: the grant, the shop, the scopes of the flows in use, carriers, webhooks, the checklist.

Reads only. A token that is due is renewed as the daemon would, but never beside a running daemon.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

from daemon.apis.tiktok.operations import OPERATIONS
from daemon.apis.tiktok.shops import Shop
from daemon.apis.tiktok.webhooks import events_for
from daemon.assembly import Parts
from daemon.core.tokens import TokenPair
from daemon.core.verdicts import Reauth
from daemon.errors import ApiError
from daemon.ops.cli import times
from daemon.ops.cli.bench import NOT_RENEWED
from daemon.ops.cli.check_carriers import check_carriers
from daemon.ops.cli.findings import Finding, fail, ok, refused, warn
from daemon.ops.connecting import missing_scopes
from daemon.settings.values import Direction

AREA = "TikTok"
RECENT = timedelta(days=7)
END_IS_NEAR = timedelta(days=30)
_SCOPE_CURE = "add the scope to the app in Partner Center, then run `tiktok-pipe17 connect` with the master account"
_ITEMS = {
    "shop_status": "shop status",
    "shop_tax": "tax information",
    "pickup_warehouse": "pickup warehouse",
    "return_warehouse": "return warehouse",
    "delivery_option": "delivery options",
    "shipping_template": "shipping template",
    "product_quantity_limit": "product quantity limit",
    "extended_producer_responsibility": "extended producer responsibility",
    "bank_account": "bank account",
    "contact_info": "contact information",
}
"""The items of TikTok's checklist in plain words, by their name in lower case (TikTok writes `BANk_ACCOUNT`)."""


async def check_tiktok(parts: Parts, *, beside_daemon: bool) -> AsyncIterator[Finding]:
    """Everything, in the order in which one thing needs the other."""
    keeper = parts.tiktok.keeper
    await keeper.load()
    if keeper.pair is None and (beside_daemon or not keeper.app.first_refresh_token):
        yield fail(AREA, "there is no grant yet", "run `tiktok-pipe17 connect`")
        return
    try:
        shops = await parts.tiktok.authorized_shops()
    except ApiError as error:
        if NOT_RENEWED in str(error):
            yield warn(
                AREA,
                f"the stored token has ended and {NOT_RENEWED}",
                "see `status`; if it says needs_reauth, `connect`",
            )
        else:
            yield refused(AREA, error)
        return
    if keeper.pair is not None:
        for finding in check_grant(parts, keeper.pair):
            yield finding
    try:
        shop = await parts.tiktok.shop()
    except ApiError as error:
        yield _no_shop(error, shops)
        return
    yield ok("shop", f"{shop.name} ({shop.region}, {shop.id}), one of {len(shops)} in the grant")
    orders: list[dict[str, Any]] = []
    async for finding in _check_calls(parts, orders):
        yield finding
    if parts.settings.fulfillments is not Direction.OFF:
        async for finding in check_carriers(parts, shop, orders):
            yield finding
    yield await _check_webhooks(parts)
    async for finding in _check_list(parts):
        yield finding


def check_grant(parts: Parts, pair: TokenPair) -> Iterator[Finding]:
    """How long the grant lives, and what it covers."""
    now_ms = parts.clock.now_ms()
    left = timedelta(milliseconds=min(pair.refresh_expires_at_ms - now_ms, times.WITHOUT_END_MS))
    what = f"the grant works, and {times.end_of_grant(pair.refresh_expires_at_ms, now_ms)}"
    if left < END_IS_NEAR:
        yield warn(AREA, what, "the owner opens the link of `tiktok-pipe17 connect` again before it ends")
    else:
        yield ok(AREA, what)
    missing = missing_scopes(parts, pair)
    if missing:
        yield fail(AREA, f"the grant lacks {', '.join(missing)}, which the flows in use need", _SCOPE_CURE)
    elif pair.scopes:
        yield ok(AREA, f"the grant has every scope that the flows in use need ({len(pair.scopes)} in all)")
    else:
        yield warn(AREA, "TikTok did not say which scopes the grant has; the calls below show it")


def _no_shop(error: ApiError, shops: tuple[Shop, ...]) -> Finding:
    if len(shops) > 1:
        listed = ", ".join(f"{shop.id} ({shop.name}, {shop.region})" for shop in shops)
        return fail("shop", f"{error.message}; it covers {listed}", "set TIKTOK_SHOP_ID to one of these ids")
    return refused("shop", error, "grant access again with the owner account of the shop")


async def _check_calls(parts: Parts, orders: list[dict[str, Any]]) -> AsyncIterator[Finding]:
    """The reads that the flows live on; `orders` gets what the search shows."""
    since_s = (parts.clock.now_ms() - RECENT // timedelta(milliseconds=1)) // 1000
    try:
        page = await parts.tiktok.search_orders(update_time_ge=since_s, update_time_lt=None, page_size=20)
    except ApiError as error:
        yield _scope_or(error, "orders.search")
    else:
        orders += page.orders
        yield ok(AREA, "orders can be read")


async def _check_webhooks(parts: Parts) -> Finding:
    public_url = parts.settings.connector_public_url
    if not public_url:
        return ok("webhooks", "off (CONNECTOR_PUBLIC_URL is empty): changes are found by polling")
    address = f"{public_url}/webhooks/tiktok"
    try:
        registered = await parts.tiktok.registrations.addresses()
    except ApiError as error:
        return _scope_or(error, "webhooks.list")
    events = events_for({flow.name for flow, _ in parts.flows})
    missing = [event for event in events if registered.get(event) != address]
    if not missing:
        return ok("webhooks", f"{len(events)} event types go to {address}")
    what = f"{', '.join(missing)} do not go to {address}"
    return warn("webhooks", what, "the daemon registers them while it runs; until then polling finds every change")


async def _check_list(parts: Parts) -> AsyncIterator[Finding]:
    """TikTok's own checklist of the shop. What fails there stops product creation, not orders."""
    try:
        rows = await parts.tiktok.prerequisites()
    except ApiError as error:
        finding = _scope_or(error, "prerequisites.check")
        yield warn("checklist", f"cannot be read: {finding.what}", finding.cure)
        return
    failed = [row for row in rows if str(row.get("is_failed")).lower() in ("true", "1")]
    grade = fail if parts.settings.products is Direction.PUSH else warn
    for row in failed:
        name = str(row.get("check_item") or "unnamed item")
        reasons = row.get("fail_reasons")
        said = "; ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else str(reasons or "")
        plain = _ITEMS.get(name.lower(), "an item this version does not know")
        what = f"{name} ({plain}): {said or 'TikTok gives no reason'}"
        yield grade("checklist", what, "mend it in Seller Center; until then TikTok takes no new products")
    if not failed:
        yield ok("checklist", f"TikTok's {len(rows)} checks of the shop pass")


def _scope_or(error: ApiError, operation: str) -> Finding:
    if error.verdict == Reauth("scope"):
        return fail(AREA, f"the grant lacks {OPERATIONS[operation].scope} ({operation} is refused)", _SCOPE_CURE)
    return refused(AREA, error)
