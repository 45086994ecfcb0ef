"""The shop's day of the demo: what buyers, the warehouse, the networks and the machine do, drawn from a seed.

Times are simulated minutes. Orders are placed during the first `placing` minutes; each is held for `HOLD` minutes after
its payment and then lives on by its `Fate`. Trouble is spread over the same day, so it meets creates, releases and
shipments alike. The few orders at the head of the list carry every fate once, however short the day is. Meanwhile stock
moves (`demo_catalogue.py`).

The day only acts; what became of it is judged in `demo_verdict.py` on the services' side.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from daemon.sandbox.demo_catalogue import BUNDLE, EAST, SKUS, DemoCatalogue
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Pipe17Sandbox
from daemon.sandbox.tiktok import TikTokSandbox
from daemon.sandbox.tiktok.pricing import UnitSpec

ALL_BUT_STOCK = "[!i]*"
"""Operations, as `Fault` matches them; those of stock are called `inventory.`."""
MINUTE_S = 0.2
HOLD = 60.0
PLACING_MAX = 100.0
ORDERS_A_MINUTE = 3.0
OLD_STREET = "1 Old Street"
FIRST_BUYER = 7_021_436_810_468_000_000
KNOWN_CARRIERS = ("USPS", "usps ", "UPS®", "FEDEX HOME DELIVERY", "DHL eCommerce", "OnTrac")
UNKNOWN_CARRIER = "Pigeon Post"
MOVE_EVERY = 2.0
BUNDLES = 0.08
"""Of the units that buyers order."""
OPEN_REQUEST = ("readyForFulfillment", "sentToFulfillment")


class Fate(StrEnum):
    """What happens to an order."""

    SHIPPED = "shipped"
    APART = "shipped in three packages"
    ODD_CARRIER = "shipped with a carrier that TikTok does not know"
    EDITED = "address changed in minute 59"
    CANCELLED_ON_HOLD = "cancelled on hold"
    CANCELLED_LATE = "cancelled after its release"
    CANCELLED_IN_PIPE17 = "cancelled in Pipe17 after its release"
    PAID_LATE = "paid late"
    NEVER_PAID = "never paid"


UNPAID_AT_FIRST = (Fate.PAID_LATE, Fate.NEVER_PAID)
WEIGHTS = {
    Fate.SHIPPED: 54,
    Fate.APART: 10,
    Fate.ODD_CARRIER: 5,
    Fate.EDITED: 8,
    Fate.CANCELLED_ON_HOLD: 8,
    Fate.CANCELLED_LATE: 5,
    Fate.CANCELLED_IN_PIPE17: 4,
    Fate.PAID_LATE: 4,
    Fate.NEVER_PAID: 2,
}


@dataclass(slots=True)
class Diary:
    """What happened; the daemon knows none of it."""

    fates: dict[str, Fate] = field(default_factory=dict)
    fallback: set[str] = field(default_factory=set)
    """Fulfillments with a carrier that TikTok does not know."""
    fulfillments: int = 0
    events: list[tuple[int, str]] = field(default_factory=list)
    """(minute, what happened), oldest first."""

    def with_fate(self, *fates: Fate) -> list[str]:
        """The orders that had one of these fates."""
        return [order_id for order_id, fate in self.fates.items() if fate in fates]


class Day:
    """One day between both services. `kill_and_restart` does what its name says, in its own time."""

    def __init__(
        self,
        tiktok: TikTokSandbox,
        pipe17: Pipe17Sandbox,
        catalogue: DemoCatalogue,
        *,
        orders: int,
        seed: int,
        kill_and_restart: Callable[[], Awaitable[None]],
    ) -> None:
        self.diary = Diary()
        self._tiktok = tiktok
        self._pipe17 = pipe17
        self._catalogue = catalogue
        self._orders = orders
        self._rng = random.Random(f"day-{seed}")
        self._kill_and_restart = kill_and_restart
        self._begun_s = 0.0
        self._begun_ms = 0

    @property
    def minute(self) -> float:
        """How far the day is."""
        return (asyncio.get_running_loop().time() - self._begun_s) / MINUTE_S if self._begun_s else 0.0

    @property
    def placing(self) -> float:
        """For how many minutes orders come in."""
        return min(max(self._orders / ORDERS_A_MINUTE, 10.0), PLACING_MAX)

    async def live(self) -> None:
        """From the first order to the last parcel that can still be sent."""
        self._begun_s = asyncio.get_running_loop().time()
        self._begun_ms = self._tiktok.clock.now_ms()
        fates = list(Fate) + self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=self._orders)
        starts = sorted(self._rng.uniform(0, self.placing) for _ in range(self._orders))
        async with asyncio.TaskGroup() as group:
            stock = group.create_task(self._stock())
            group.create_task(self._trouble())
            orders = [group.create_task(self._order(at, fate)) for at, fate in zip(starts, fates, strict=False)]
            await asyncio.gather(*orders)
            stock.cancel()

    def happened(self, what: str) -> None:
        """Write down what just happened."""
        self.diary.events.append((round(self.minute), what))

    # --- buyers and the warehouse ------------------------------------------------------------------------------------

    async def _order(self, at: float, fate: Fate) -> None:
        await self._until(at)
        rng, tiktok = self._rng, self._tiktok
        units: list[str | UnitSpec] = [self._unit() for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        if fate is Fate.APART:
            units = [*rng.sample(SKUS, 3), rng.choice(SKUS)]
        paid = fate not in UNPAID_AT_FIRST
        address = {"line1": OLD_STREET, "city": "Los Angeles"}
        buyer_id = str(FIRST_BUYER + rng.randrange(self._orders))
        order_id = tiktok.place_order(units, paid=paid, address=address, buyer_id=buyer_id)
        self.diary.fates[order_id] = fate
        if fate is Fate.NEVER_PAID:
            return
        if fate is Fate.PAID_LATE:
            await self._pass(rng.uniform(5, 20))
            tiktok.pay(order_id)
        if fate is Fate.CANCELLED_ON_HOLD:
            await self._pass(rng.choice((rng.uniform(2, 50), HOLD - 1)))
            tiktok.cancel_order(order_id)
            return
        if fate is Fate.EDITED:
            await self._pass(HOLD - 1)
            if tiktok.order(order_id).status == "ON_HOLD":
                tiktok.change_address(order_id, {"line1": f"{rng.randint(2, 999)} New Street"})
            else:  # on a slow machine the minute is over before anybody could act in it
                self.diary.fates[order_id] = Fate.SHIPPED
        await self._ship(order_id, fate)

    async def _ship(self, order_id: str, fate: Fate) -> None:
        """The warehouse sends what Pipe17 asks it to, once Pipe17 asks."""
        rng, pipe17 = self._rng, self._pipe17
        while not (requests := self._open_requests(order_id)):
            await self._pass(2)
        if fate is Fate.CANCELLED_LATE:
            self._tiktok.cancel_order(order_id)
            return
        if fate is Fate.CANCELLED_IN_PIPE17:
            pipe17.cancel_order(order_id)
            return
        await self._pass(rng.uniform(0, 3))
        pipe17.send_shipments(order_id)
        for shipment in requests:
            for parcel in self._parcels(shipment["lineItems"], fate):
                await self._pass(rng.uniform(0.5, 4))
                carrier = UNKNOWN_CARRIER if fate is Fate.ODD_CARRIER else rng.choice(KNOWN_CARRIERS)
                number = f"9400{rng.randrange(10**18):018d}"
                made = pipe17.fulfill(str(shipment["shipmentId"]), parcel, carrier, number)
                self.diary.fulfillments += 1
                if fate is Fate.ODD_CARRIER:
                    self.diary.fallback.add(str(made["fulfillmentId"]))

    def _unit(self) -> str | UnitSpec:
        return BUNDLE if self._rng.random() < BUNDLES else self._rng.choice(SKUS)

    def _open_requests(self, order_id: str) -> list[dict[str, object]]:
        if self._pipe17.order_of(order_id) is None:
            return []
        return [dict(one) for one in self._pipe17.shipments_of(order_id) if one["status"] in OPEN_REQUEST]

    @staticmethod
    def _parcels(lines: object, fate: Fate) -> list[dict[str, int] | None]:
        assert isinstance(lines, list)
        if fate is not Fate.APART:
            return [None]
        parcels: list[dict[str, int]] = [{}, {}, {}]
        for place, line in enumerate(lines):
            parcels[place % 3][str(line["uniqueId"])] = int(line["quantity"])
        return [parcel for parcel in parcels if parcel]

    # --- stock

    async def _stock(self) -> None:
        """Goods come in and are sold elsewhere until somebody ends it; the bowl runs out, the candle is new."""
        events = [
            (0.30 * self.placing, "another channel sells the last bowl", self._catalogue.sell_out),
            (0.50 * self.placing, "TikTok's seller lists one more product", self._catalogue.list_candle),
            (HOLD + 0.35 * self.placing, "bowls come in", self._catalogue.bring_in),
        ]
        while True:
            await self._pass(MOVE_EVERY)
            self._catalogue.move()
            while events and self.minute >= events[0][0]:
                _, what, act = events.pop(0)
                act()
                self.happened(what)

    # --- networks and the machine ------------------------------------------------------------------------------------

    async def _trouble(self) -> None:
        placing, tiktok, pipe17 = self.placing, "TikTok", "Pipe17"
        kinds = FaultKind
        plan: list[tuple[float, Callable[[], None]]] = [
            (0.10, lambda: self._fault(tiktok, kinds.RATE_LIMIT, "orders.*", 6, 0.7, "1")),
            (0.20, lambda: self._fault(tiktok, kinds.LOST_ANSWER, "messages.send", 8, 0.3)),
            (0.25, lambda: self._fault(pipe17, kinds.MISSING_LOCATION, "inventory.list", 8, 1.0)),
            (0.30, lambda: self._fault(pipe17, kinds.LOST_ANSWER, "orders.create", 12, 0.3)),
            (0.40, lambda: self._fault(pipe17, kinds.EMPTY_LIST, "inventory.list", 8, 0.7)),
            (0.55, lambda: self._fault(pipe17, kinds.UNAVAILABLE, "*", 14, 1.0, "1")),
            (0.80, lambda: self._fault(tiktok, kinds.TRUNCATED, "orders.*", 5, 0.5)),
        ]
        for part, act in plan:
            await self._until(part * placing)
            act()
        await self._until(HOLD + 0.25 * placing)
        self.happened("kill -9 of the daemon as soon as Pipe17 has taken its next release")
        await self._kill_and_restart()
        # no update of stock ends in the dark here: its SKU would wait half a minute, as long as the whole day takes
        later: list[tuple[float, Callable[[], None]]] = [
            (0.45, lambda: self._fault(pipe17, kinds.LOST_ANSWER, "orders.update", 8, 0.3)),
            (0.50, lambda: self._fault(tiktok, kinds.RATE_LIMIT, "inventory.update", 8, 0.5, "1")),
            (0.60, lambda: self._fault(tiktok, kinds.RESET, ALL_BUT_STOCK, 14, 1.0)),
            (0.85, lambda: self._fault(tiktok, kinds.LOST_ANSWER, "packages.mark_shipped", 8, 0.3)),
            (1.00, lambda: self._fault(tiktok, kinds.RATE_LIMIT, "packages.mark_shipped", 5, 0.7, "1")),
        ]
        for part, act in later:
            await self._until(HOLD + part * placing)
            act()

    def _fault(
        self, side: str, kind: FaultKind, operation: str, minutes: float, probability: float, wait: str = ""
    ) -> None:
        now_ms = self._tiktok.clock.now_ms()
        until_ms = now_ms + round(minutes * MINUTE_S * 1000)
        fault = Fault(kind, operation, None, probability, until_ms=until_ms, retry_after=wait or None)
        fault.message = EAST if kind is FaultKind.MISSING_LOCATION else ""
        (self._tiktok if side == "TikTok" else self._pipe17).faults.add(fault)
        every = "every call" if probability == 1.0 else "many calls"
        what = {
            FaultKind.RATE_LIMIT: f"{side} says 429, Retry-After: {wait}, to {every} of {operation}",
            FaultKind.LOST_ANSWER: f"{side} does {operation} and the answer is lost",
            FaultKind.UNAVAILABLE: f"{side} is out: 503 to {every}",
            FaultKind.RESET: f"{side} is out: {every} but those for stock ends in a connection reset",
            FaultKind.MISSING_LOCATION: f"{side} leaves a location out of {operation}",
            FaultKind.EMPTY_LIST: f"{side} answers {operation} with nothing, and a 200, to {every}",
            FaultKind.TRUNCATED: f"{side} cuts answers of {operation} in half",
        }[kind]
        self.happened(f"{what}, for {minutes:.0f} minutes")

    async def _until(self, minute: float) -> None:
        await self._pass(minute - self.minute)

    @staticmethod
    async def _pass(minutes: float) -> None:
        await asyncio.sleep(max(minutes, 0.0) * MINUTE_S)
