"""What `check` says about carriers: are the fallback carrier and the targets of the map known to TikTok?

The truth is the provider list of a delivery option, and an order names its option; so the newest order's is asked.
Without an order the names are held against the carriers we know for the market.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from daemon.apis.tiktok.shops import Shop
from daemon.assembly import Parts
from daemon.core.carriers import KNOWN, Provider, choose_carrier, normal
from daemon.core.findings import Refusal
from daemon.core.reading import BadShape
from daemon.core.tiktok_order import read_order
from daemon.core.verdicts import Reauth
from daemon.errors import ApiError
from daemon.ops.cli.findings import Finding, fail, ok, refused, warn

AREA = "carriers"


async def check_carriers(parts: Parts, shop: Shop, orders: Sequence[dict[str, Any]]) -> AsyncIterator[Finding]:
    """The names in the settings against TikTok's list."""
    asked = _asked(shop, orders)
    if asked is None:
        for finding in _against_known(parts, shop):
            yield finding
        return
    option_id, buyer_region = asked
    try:
        providers = await parts.tiktok.logistics.providers(
            option_id, warehouse_region=shop.region, buyer_region=buyer_region
        )
    except ApiError as error:
        cure = "add the scope seller.logistics in Partner Center and grant again"
        yield refused(AREA, error, cure if error.verdict == Reauth("scope") else "")
        return
    yield ok(AREA, f"TikTok lists {len(providers)} shipping providers")
    for setting, name in _names(parts):
        yield _against_list(setting, name, shop, providers)


def _against_list(setting: str, name: str, shop: Shop, providers: Sequence[Provider]) -> Finding:
    choice = choose_carrier(name, "", shop.region, providers, {}, "")
    if isinstance(choice, Refusal):
        some = ", ".join(sorted(provider.name for provider in providers)[:30])
        return fail(AREA, f"{setting} names {name!r}, which TikTok does not list", f"use one of: {some}")
    return ok(AREA, f"{setting}: {name!r} is {choice.provider_name}")


def _against_known(parts: Parts, shop: Shop) -> Iterator[Finding]:
    known = KNOWN.get(shop.region.upper())
    names = _names(parts)
    if known is None or not names:
        yield ok(AREA, "TikTok's list was not asked: no order of the last 7 days names a delivery option")
        return
    everything = {normal(one) for name, others in known.items() for one in (name, *others)}
    for setting, name in names:
        if normal(name) in everything:
            yield ok(
                AREA, f"{setting}: {name!r} is a carrier of this market (no recent order to ask TikTok's list with)"
            )
        else:
            cure = "compare with the setup article; with the first order `check` asks TikTok's own list"
            yield warn(AREA, f"{setting} names {name!r}, which is not a carrier we know in {shop.region}", cure)


def _names(parts: Parts) -> list[tuple[str, str]]:
    """Each carrier name that must be TikTok's, with the setting it stands in."""
    settings = parts.settings
    fallback = settings.fulfillments_fallback_carrier
    names = [("FULFILLMENTS_FALLBACK_CARRIER", fallback)] if fallback else []
    targets = sorted(set(dict(settings.fulfillments_carrier_map).values()))
    return names + [("FULFILLMENTS_CARRIER_MAP", target) for target in targets]


def _asked(shop: Shop, orders: Sequence[dict[str, Any]]) -> tuple[str, str] | None:
    """Delivery option and buyer's region of the newest order that has both."""
    for raw in reversed(orders):
        try:
            order = read_order(raw)
        except BadShape:
            continue
        if order.delivery_option_id:
            return order.delivery_option_id, order.address.region_code or shop.region
    return None
