"""Both simulated services on real ports and a daemon process between them, for tests that kill it.

`House.live` plays one small scene: three orders are held for two seconds, released, and shipped in four packages. It
starts the daemon again whenever it was killed, and returns when everything has settled. What is checked afterwards is
counted on the services' side: whatever was killed when, each order was created once and each package shipped once.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from daemon.clock import SystemClock
from daemon.sandbox.compare import Rules, compare
from daemon.sandbox.demo_process import DaemonProcess
from daemon.sandbox.pipe17 import Pipe17Options, Pipe17Sandbox
from daemon.sandbox.serve import Served, serve_sandbox
from daemon.sandbox.tiktok import TikTokOptions, TikTokSandbox

HOLD = timedelta(seconds=2)
LIMIT_S = 40.0
BASKETS = (["SKU-A"], ["SKU-A", "SKU-B"], ["SKU-C"])
PACKAGES = 4
BUSY = ("ready", "sending", "unknown")
OPEN_REQUEST = ("readyForFulfillment", "sentToFulfillment")
PIPE17_CALLS = ("orders.create", "orders.update", "fulfillments.list")


class House:
    """One world for one test. Rows change by events alone and look the same everywhere, so that writes count."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None, rotate: bool = True) -> None:
        clock = SystemClock()
        shop = TikTokOptions(
            hold_ms=2_000,
            index_lag_ms=300,
            restless_rows=0.0,
            sparse=0.0,
            strict_webhook_address=False,
            access_token_ms=600_000,
            rotate_refresh=rotate,
        )
        organisation = Pipe17Options(automation_after_ms=50, routing_after_ms=50)
        self.folder = folder
        self.tiktok = TikTokSandbox(clock, random.Random(1), None, shop)
        self.pipe17 = Pipe17Sandbox(clock, random.Random(2), None, organisation)
        self.served: Served
        self.daemon: DaemonProcess
        self.kills = 0
        self._settings = dict(settings or {})
        self._orders: list[str] = []
        self._sent: set[str] = set()

    async def open(self) -> None:
        """Listen, and know how the daemon is to be started."""
        self.served = await serve_sandbox(self.tiktok, self.pipe17)
        self.daemon = DaemonProcess(self.folder, {})
        self.daemon.settings |= {
            "TIKTOK_APP_KEY": self.tiktok.options.app_key,
            "TIKTOK_APP_SECRET": self.tiktok.options.app_secret,
            "TIKTOK_REFRESH_TOKEN": str(self.tiktok.tokens()["refresh_token"]),
            "TIKTOK_API_URL": self.served.tiktok_url,
            "TIKTOK_AUTH_URL": self.served.tiktok_url,
            "PIPE17_API_KEY": self.pipe17.options.api_key,
            "PIPE17_API_URL": f"{self.served.pipe17_url}/api/v3",
            "PIPE17_REQUESTS_PER_SECOND": "50",
            "CONNECTOR_PUBLIC_URL": self.daemon.url,
            "ORDERS_HOLD": "2s",
            "ORDERS_EVERY": "1s",
            "FULFILLMENTS_EVERY": "1s",
            **self._settings,
        }

    async def aclose(self) -> None:
        """Kill what runs, close what listens."""
        await self.daemon.aclose()
        await self.served.aclose()

    def arm(self, operation: str, nth: int, when: str) -> None:
        """The daemon that runs now will be killed around its nth such call from now on."""
        service = self.pipe17 if operation in PIPE17_CALLS else self.tiktok
        self.daemon.expect_kill()
        self.served.control.kills.arm(service, pid=self.daemon.pid, operation=operation, nth=nth, when=when)

    async def until_ready(self) -> None:
        """Start the daemon if it does not run, and again whenever it is killed, until it is ready."""
        async with asyncio.timeout(LIMIT_S):
            while not await self.ready():
                await self._revive()
                await asyncio.sleep(0.05)

    async def ready(self) -> bool:
        """Whether it runs and its first polls are over."""
        return self.daemon.returncode is None and await self.daemon.backlog() is not None and self._polled()

    def _polled(self) -> bool:
        return bool(self.tiktok.called("orders.search", effective=True))

    async def live(self) -> None:
        """Three orders from checkout to tracking number; returns when nothing is owed and both sides agree."""
        self._orders = [self.tiktok.place_order(basket) for basket in BASKETS]
        await self.go_on()

    async def go_on(self) -> None:
        """The rest of the scene."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while not await self.settled():
                    await self._revive()
                    self._work_in_the_warehouse()
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"not settled after {LIMIT_S:.0f} s: {await self.wrong()}") from None

    async def settled(self) -> bool:
        """Everything is shipped, agreed upon and written down."""
        if len(self.shipped()) < PACKAGES or self.differences():
            return False
        backlog = await self.daemon.backlog()
        return backlog is not None and not any(count for (_, state), count in backlog.items() if state in BUSY)

    async def _revive(self) -> None:
        if self.daemon.returncode is not None:
            assert self.daemon.returncode == -9, self.daemon.log_tail()
            self.kills += 1
            await self.daemon.start(ready=False)

    def _work_in_the_warehouse(self) -> None:
        for order_id in self._orders:
            if order_id in self._sent or self.pipe17.order_of(order_id) is None:
                continue
            requests = [one for one in self.pipe17.shipments_of(order_id) if one["status"] in OPEN_REQUEST]
            if requests:
                self._sent.add(order_id)
                self.pipe17.send_shipments(order_id)
                for place, line in enumerate(requests[0]["lineItems"]):
                    number = f"9400{order_id}{place}"
                    self.pipe17.fulfill(requests[0]["shipmentId"], {line["uniqueId"]: 1}, "USPS", number)

    def differences(self) -> list[str]:
        """On what the sides do not agree."""
        book, now_ms = self.tiktok.book, self.tiktok.clock.now_ms()
        return [
            f"{one.kind} {one.order_id} {one.text}"
            for one in compare(book.orders, book.packages, self.pipe17, now_ms, Rules(hold=HOLD))
        ]

    def shipped(self) -> list[str]:
        """Tracking numbers on packages at TikTok."""
        return [item.tracking_number for item in self.tiktok.book.packages.values() if item.tracking_number]

    async def wrong(self) -> list[str]:
        """Everything one wants to read when a case failed."""
        return [
            *self.differences(),
            f"{len(self.shipped())} of {PACKAGES} packages, {self.kills} kills",
            str(await self.daemon.backlog()),
            *self.daemon.log_tail(),
        ]

    def writes(self) -> dict[str, Counter[str]]:
        """Writes that took effect: creates and updates by order, shipments by tracking number."""
        updates = Counter(call.path.rpartition("/")[2] for call in self.pipe17.called("orders.update", effective=True))
        shipped = self.tiktok.called("packages.mark_shipped", effective=True)
        return {
            "creates": Counter(self.pipe17.audit.creates),
            "updates": updates,
            "shipments": Counter(str(call.body["tracking_number"]) for call in shipped),
        }

    def must_be_once(self) -> None:
        """As in a run without any kill: nothing twice, and nothing that only the other side's refusal kept single."""
        writes = self.writes()
        assert writes["creates"] == Counter(dict.fromkeys(self._orders, 1))
        assert writes["shipments"] == Counter(dict.fromkeys(self.shipped(), 1))
        assert len(self.shipped()) == PACKAGES
        twice = {order_id for order_id, count in writes["updates"].items() if count > 1}
        assert not twice, [
            {name: value for name, value in call.body.items() if name not in ("shippingAddress", "customer")}
            for call in self.pipe17.called("orders.update", effective=True)
            if call.path.rpartition("/")[2] in twice
        ]
        assert not self.pipe17.audit.refused_creates, "a create was sent again without a look first"
        shipping = self.tiktok.called("packages.mark_shipped")
        assert not [call for call in shipping if call.code and not call.fault], "a shipment was sent again blindly"
        for order_id in self._orders:
            paid_ms = self.tiktok.order(order_id).paid_ms
            assert paid_ms is not None
            assert not self.pipe17.audit.routable_before(order_id, paid_ms + 2_000)
