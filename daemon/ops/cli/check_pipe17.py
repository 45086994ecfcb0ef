"""What `check` asks Pipe17: does the key work, and may it list what the running flows read?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from daemon.assembly import Parts
from daemon.core.verdicts import Reauth
from daemon.errors import ApiError
from daemon.ops.cli.findings import Finding, fail, ok, refused
from daemon.settings.values import Direction

AREA = "Pipe17"
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
        await pipe17.products(count=1)

    async def locations() -> None:
        await pipe17.locations()

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
