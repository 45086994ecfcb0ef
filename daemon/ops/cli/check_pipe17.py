"""What `check` asks Pipe17: does the key work, may it list what the running flows read, is our webhook registered?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from daemon.apis.pipe17.webhooks import TOPICS
from daemon.assembly import Parts, stock_rules
from daemon.core.exclusions import are_totals
from daemon.core.verdicts import Reauth
from daemon.errors import ApiError
from daemon.ops.cli.findings import Finding, fail, ok, refused, warn
from daemon.ops.pipe17_registration import is_right, ours, seal_of
from daemon.ops.pipe17_webhooks import PATH
from daemon.settings.values import Direction
from daemon.store import webhook_secret

AREA = "Pipe17"
WEBHOOKS = "webhooks"
RECENT = timedelta(days=7)
_NO_ORDER = "0"
"""An order id that names none: the list of its shipping requests is empty, if we may read it."""


async def check_pipe17(parts: Parts) -> AsyncIterator[Finding]:
    """Reads only; what the key may *write* shows with the first order."""
    pipe17, settings = parts.pipe17, parts.settings
    since_ms = parts.clock.now_ms() - RECENT // timedelta(milliseconds=1)

    async def orders() -> None:
        await pipe17.orders(updated_since_ms=since_ms, skip=0, count=1)

    async def fulfillments() -> None:
        await pipe17.fulfillments(updated_since_ms=since_ms, skip=0, count=1)

    async def shipments() -> None:
        await pipe17.shipments(_NO_ORDER)

    async def products() -> None:
        await pipe17.goods.products(count=1)

    async def locations() -> None:
        await pipe17.goods.locations()

    async def inventory() -> None:
        await pipe17.goods.inventory(count=1)

    try:
        await pipe17.probe()
    except ApiError as error:
        if error.verdict != Reauth("scope"):
            yield refused(AREA, error)
            return
    else:
        yield ok(AREA, f"{settings.pipe17_api_url} takes the key")
    wanted: list[tuple[str, Callable[[], Awaitable[None]]]] = [("orders", orders)]
    if settings.fulfillments is not Direction.OFF:
        wanted += [("fulfillments", fulfillments), ("shipments", shipments)]
    if settings.products is Direction.PULL:
        wanted.append(("products", products))
    if settings.locations is not Direction.OFF:
        wanted.append(("locations", locations))
    if settings.inventory is not Direction.OFF:
        wanted.append(("inventory", inventory))
    granted: list[str] = []
    for name, read in wanted:
        try:
            await read()
        except ApiError as error:
            if error.verdict == Reauth("scope"):
                cure = f"give the integration access to {name} in Pipe17"
                yield fail(AREA, f"the key may not list {name}", cure)
            else:
                yield refused(AREA, error)
        else:
            granted.append(name)
    if granted:
        yield ok(AREA, f"may list {', '.join(granted)}")
    if "inventory" in granted:
        async for finding in _locations_named(parts):
            yield finding
        if stock_rules(settings).sums_all:
            yield await _check_totals(parts)
    if settings.connector_public_url:
        yield await _check_webhook(parts)


async def _locations_named(parts: Parts) -> AsyncIterator[Finding]:
    """Whether the locations that the INVENTORY_... settings name are Pipe17's."""
    settings = parts.settings
    named = {
        "INVENTORY_LOCATION": [settings.inventory_location] if settings.inventory_location else [],
        "INVENTORY_LOCATION_MAP": list(settings.inventory_location_map),
        "INVENTORY_LOCATIONS_EXCEPT": list(settings.inventory_locations_except),
    }
    if not any(named.values()):
        return
    try:
        known = {str(one.get("locationId")) for one in await parts.pipe17.goods.locations()}
        for setting, locations in named.items():
            for location in locations:
                if location in known or (await parts.pipe17.goods.inventory(location_id=location, count=1)).rows:
                    continue
                cure = "use the id of a location as Pipe17 shows it"
                yield fail(AREA, f"{setting} names {location}, and Pipe17 has no such location", cure)
    except ApiError as error:
        yield refused(AREA, error)


async def _check_totals(parts: Parts) -> Finding:
    """Whether we can tell which locations are excluded in Pipe17 (flows/stock_exclusions.py)."""
    why = "locations that are excluded in Pipe17 cannot be told, and their stock counts"
    cure = "name such locations in INVENTORY_LOCATIONS_EXCEPT"
    try:
        page = await parts.pipe17.goods.inventory_totals(count=1)
    except ApiError as error:
        return warn(AREA, f"shows no totals of stock: {why} ({error})", cure)
    if not are_totals(page.rows):
        return warn(AREA, f"answers with rows where totals of stock were asked for: {why}", cure)
    return ok(AREA, "shows totals of stock, which tell the locations that are excluded")


async def _check_webhook(parts: Parts) -> Finding:
    """Whether Pipe17 delivers to us; the address is shown without its secret."""
    settings = parts.settings
    seal, public_url = seal_of(settings), settings.connector_public_url
    secret = await parts.database.write(lambda tx: webhook_secret.stored(tx, seal))
    address, shown = f"{public_url}{PATH}{secret}", f"{public_url}{PATH}..."
    try:
        mine = ours(await parts.pipe17.webhooks.all(), public_url)
    except ApiError as error:
        if error.verdict == Reauth("scope"):
            cure = "give the integration access to webhooks in Pipe17; until then polling finds every change"
            return warn(WEBHOOKS, "the Pipe17 key may not list webhooks", cure)
        finding = refused(AREA, error)
        return warn(WEBHOOKS, f"those of Pipe17 cannot be listed: {finding.what}", finding.cure)
    if not any(is_right(one, address, settings.pipe17_api_key.get_secret_value()) for one in mine):
        what = f"Pipe17 does not deliver {', '.join(TOPICS)} to {shown}"
        return warn(WEBHOOKS, what, "the daemon registers it while it runs; until then polling finds every change")
    if len(mine) > 1:
        what = f"Pipe17 has {len(mine)} webhooks that begin with {shown}; one is enough"
        return warn(WEBHOOKS, what, "remove the others in Pipe17; they do no harm")
    return ok(WEBHOOKS, f"Pipe17 delivers {', '.join(TOPICS)} to {shown}")
