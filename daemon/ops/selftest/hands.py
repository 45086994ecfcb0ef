"""Who does at both sides what no API of theirs offers to us: places the order, changes the stock, ships.

    SandboxHands   the control API of the two simulated services does it
    PersonHands    a person is asked to, with a clear prompt; only the order and the SKU that they name are looked at

Whether the configured endpoints are the simulated ones is asked of themselves (`/_sandbox/`), and never of TikTok's and
Pipe17's own addresses. Nothing is placed unless *both* endpoints are simulated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from daemon.apis.http import Request, Transport, TransportError
from daemon.ops.cli.commands import Ended
from daemon.settings import Settings

REAL = ("tiktokglobalshop.com", "tiktok-shops.com", "tiktok.com", "pipe17.com")
CONTROL_TIMEOUT_S = 10.0
TWO_HOURS_MS = 7_200_000
CARRIER = "USPS"


class Hands(Protocol):
    """What has to be done at the two sides. Each method returns "" or an id, or raises `Ended` with what to do."""

    sandbox: str
    """The control address, "" where a person acts."""

    async def add_product(self) -> tuple[str, str]:
        """A new product at TikTok: its id and its seller SKU. ("", "") where none can be named."""
        ...

    async def change_stock(self, sku: str) -> int | None:
        """Give the SKU another level in Pipe17: the level, None where it is only looked at."""
        ...

    async def place_order(self, sku: str) -> str:
        """A test order at TikTok; its id, "" while there is none yet."""
        ...

    async def fulfill(self, order_id: str, shipment_ids: list[str]) -> str:
        """Ship the order in the fulfilment system; the tracking number, "" where it is still to be seen."""
        ...

    async def clean_up(self, made: Mapping[str, str], *, broken: bool) -> str:
        """Take back what was made; says what was done and what is left."""
        ...


class Control:
    """The control API of the simulated services."""

    def __init__(self, transport: Transport, address: str) -> None:
        self.address = address
        self._transport = transport

    async def act(self, service: str, action: str, **members: Any) -> Any:
        """One action of a simulated service; its result."""
        answer = await self._call("POST", f"/_sandbox/{service}/actions/{action}", members)
        if "error" in answer:
            raise Ended(f"the sandbox refuses {service} {action}: {answer['error']}")
        return answer.get("result")

    async def services(self) -> set[str]:
        """What is simulated at this address; empty where it is no sandbox."""
        try:
            return set(map(str, (await self._call("GET", "/_sandbox/")).get("services", ())))
        except Ended:
            return set()

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = Request(method, self.address + path, headers, content, CONTROL_TIMEOUT_S)
        try:
            response = await self._transport.send(request)
            answer = json.loads(response.body)
        except (TransportError, ValueError) as error:
            raise Ended(f"the sandbox at {self.address} does not answer: {error}") from None
        return answer if isinstance(answer, dict) else {}


async def sandbox_of(settings: Settings, transport: Transport, given: str) -> Control | None:
    """The control API behind the configured endpoints; None when these are the real ones. `given`: --sandbox."""
    origins = [_origin(address) for address in (settings.tiktok_api_url, settings.pipe17_api_url)]
    if any((urlsplit(origin).hostname or "").endswith(REAL) for origin in origins):
        if given:
            raise Ended(f"--sandbox is given, but the settings name a real side ({' and '.join(origins)})")
        return None
    for origin in origins:
        if not {"tiktok", "pipe17"} <= await Control(transport, origin).services():
            if given:
                raise Ended(f"--sandbox is given, but {origin} of the settings is not the sandbox's")
            return None
    return Control(transport, given.rstrip("/") or origins[0])


class SandboxHands:
    """`Hands` over the control API."""

    def __init__(self, control: Control, address: str, name: Callable[[], str], order_id: str = "") -> None:
        """`order_id`: an order that was placed by hand; it is tested and left as it is."""
        self.sandbox = address
        self._given = order_id
        self._control = control
        self._name = name

    async def add_product(self) -> tuple[str, str]:
        sku = f"SELFTEST-{self._name()}"
        return str(await self._control.act("tiktok", "add_product", skus=[sku], stock=5)), sku

    async def change_stock(self, sku: str) -> int | None:
        await self._control.act("pipe17", "add_stock", sku=sku, on_hand=17)
        return 17

    async def place_order(self, sku: str) -> str:
        if self._given:
            return self._given
        # its hold is over: the hour of the real one is no matter of a smoke test
        return str(await self._control.act("tiktok", "place_order", skus=[sku], ago_ms=TWO_HOURS_MS))

    async def fulfill(self, order_id: str, shipment_ids: list[str]) -> str:
        await self._control.act("pipe17", "send_shipments", order=order_id)
        number = f"9400{time.time_ns() % 10**16:016d}"
        for shipment_id in shipment_ids[:1]:
            await self._control.act("pipe17", "fulfill", shipment_id=shipment_id, carrier=CARRIER, tracking=number)
        return number

    async def clean_up(self, made: Mapping[str, str], *, broken: bool) -> str:
        done = []
        if made.get("product"):
            await self._control.act("tiktok", "vanish_product", product_id=made["product"])
            done.append("the product is gone")
        if self._given and made.get("order") == self._given:
            return ", ".join([*done, "the order was not made here and is left as it is"])
        if made.get("order") and broken:
            await self._control.act("tiktok", "cancel_order", order_id=made["order"])
            done.append("the order is cancelled")
        elif made.get("order"):
            for step in ("carrier_scan", "deliver", "complete"):
                await self._control.act("tiktok", step, order_id=made["order"])
            done.append("the order is delivered and completed")
        return ", ".join(done) or "nothing was made"


class PersonHands:
    """`Hands` of a person: the order and the SKU that they name, nothing else."""

    sandbox = ""

    def __init__(self, say: Callable[[str], None], order_id: str, sku: str, patience_s: float) -> None:
        self._say = say
        self._order_id = order_id
        self._sku = sku
        self._patience_s = patience_s

    async def add_product(self) -> tuple[str, str]:
        return "", self._sku

    async def change_stock(self, sku: str) -> int | None:
        return None

    async def place_order(self, sku: str) -> str:
        return self._order_id

    async def fulfill(self, order_id: str, shipment_ids: list[str]) -> str:
        self._say(
            f"now ship order {order_id} in your fulfilment system, with a carrier and a tracking number; "
            f"this waits {self._patience_s / 60:.0f} minutes for it"
        )
        return ""

    async def clean_up(self, made: Mapping[str, str], *, broken: bool) -> str:
        return (
            f"order {made['order']} is yours: refund it in Seller Center" if made.get("order") else "nothing was made"
        )


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
