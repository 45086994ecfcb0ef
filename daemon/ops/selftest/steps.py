"""The steps of the smoke test, in the article's order; each proves one thing on both sides, by reading them.

    sides        both let us in
    product      a product that is new at TikTok appears in Pipe17
    inventory    a level that changes in Pipe17 is the level at TikTok
    order        a test order appears in Pipe17
    routing      Pipe17 routes it: there is a shipping request
    fulfilment   what the warehouse ships stands at TikTok, with its tracking number
    clean-up     what was made is taken back

The connector does the work: the running daemon, or one that runs for the length of the test. A step only looks, pokes
(`Worker.nudge`) and waits. A step whose flow is switched off, or that this version does not have, is skipped and says
so. The first broken step ends the test; the clean-up happens all the same.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import anyio

from daemon.apis.tiktok.shops import Shop
from daemon.assembly import Parts
from daemon.core.fulfillments import read_fulfillment
from daemon.core.reading import BadShape, records, text
from daemon.core.verdicts import Reauth, Rejected
from daemon.errors import ApiError
from daemon.ops.cli.commands import Ended
from daemon.ops.selftest.hands import Hands

T = TypeVar("T")

LOOK_EVERY_S = 0.25
NUDGE_EVERY_S = 5.0
ON_HOLD, CANCELED = "onHold", "canceled"


class Worker(Protocol):
    """Who does the connector's work."""

    async def nudge(self, flow: str, key: str) -> None:
        """Have a record looked at now, where that can be asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one step. `outcome`: ok, skipped or broken."""

    name: str
    outcome: str
    took_ms: int
    text: str
    ids: dict[str, str]

    def public(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.name,
            "ok": self.outcome == "ok",
            "outcome": self.outcome,
            "ms": self.took_ms,
            "ids": self.ids,
            "text": self.text,
        }


class Skipped(Exception):
    """The step does not apply; the reason is for a person."""


class Broken(Exception):
    """The step failed; what was waited for and what was found instead."""


@dataclass(slots=True)
class Run:
    """One smoke test."""

    parts: Parts
    hands: Hands
    worker: Worker
    wait_s: float
    """How long a step waits for the connector."""
    person_s: float
    """How long it waits for a person."""
    sku: str = ""
    order_id: str = ""
    pipe17_id: str = ""
    shipments: list[str] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """Of the step under way."""

    async def play(self, show: Callable[[Step], None]) -> list[Step]:
        """All steps up to the first broken one, then the clean-up."""
        done: list[Step] = []
        for name, step in STEPS:
            done.append(await self._one(name, step(self)))
            show(done[-1])
            if done[-1].outcome == "broken":
                break
        broken = done[-1].outcome == "broken"
        done.append(await self._one("clean-up", self.hands.clean_up(self.made, broken=broken)))
        show(done[-1])
        return done

    async def _one(self, name: str, work: Awaitable[str]) -> Step:
        self.ids, started_s = {}, time.monotonic()
        try:
            outcome, said = "ok", await work
        except Skipped as reason:
            outcome, said = "skipped", str(reason)
        except (Broken, Ended, ApiError, BadShape) as problem:
            outcome, said = "broken", str(problem)
        took_ms = round((time.monotonic() - started_s) * 1000)
        return Step(name, outcome, took_ms, said, self.ids)

    async def until(
        self,
        look: Callable[[], Awaitable[T | None]],
        flow: str,
        key: str,
        otherwise: Callable[[], str],
        wait_s: float = 0.0,
    ) -> T:
        """What `look` finds in the end; raises `Broken`. A side that fails for a moment is asked again."""
        limit_s, trouble = wait_s or self.wait_s, ""
        begun_s, nudged_s = time.monotonic(), -NUDGE_EVERY_S
        while True:
            try:
                found = await look()
                if found is not None:
                    return found
                trouble = ""
            except ApiError as error:
                if isinstance(error.verdict, Rejected | Reauth):
                    raise
                trouble = f"; {error}"
            waited_s = time.monotonic() - begun_s
            if waited_s > limit_s:
                raise Broken(f"after {limit_s:.0f} s: {otherwise()}{trouble}")
            if waited_s - nudged_s >= NUDGE_EVERY_S:
                nudged_s = waited_s
                await self.worker.nudge(flow, key)
            await anyio.sleep(LOOK_EVERY_S)

    def needs(self, flow: str) -> None:
        """Skip the step when the flow does not run."""
        if flow not in {sender.name for sender in self.parts.senders}:
            raise Skipped(f"the flow {flow} does not run: switched off, or not in this version")


async def sides(run: Run) -> str:
    """Both let us in."""

    async def let_in() -> Shop:
        # a daemon that has just started may still be fetching its first token, which only the store shows us
        await run.parts.tiktok.keeper.load()
        return await run.parts.tiktok.shop()

    shop = await run.until(let_in, "", "", lambda: "TikTok does not answer")
    await run.parts.pipe17.probe()
    run.ids["shop"] = shop.id
    return f"TikTok Shop {shop.name} ({shop.region}) and Pipe17 let us in"


async def product(run: Run) -> str:
    """A product that is new at TikTok appears in Pipe17."""
    run.needs("products")
    product_id, sku = await run.hands.add_product()
    if not sku:
        raise Skipped("name one with --sku: add a product in Seller Center, and give its seller SKU")
    run.sku = sku
    if product_id:
        run.made["product"] = run.ids["tiktok"] = product_id
    found = await run.until(
        lambda: run.parts.pipe17.goods.product_by_sku(sku),
        "products",
        product_id,
        lambda: f"Pipe17 shows no product {sku}",
    )
    run.ids |= {"sku": sku, "pipe17": str(found.get("productId"))}
    return f"{sku} is in Pipe17"


async def inventory(run: Run) -> str:
    """The level in Pipe17 is the level at TikTok."""
    run.needs("inventory")
    product_id = run.made.get("product", "")
    if not run.sku or not product_id:
        raise Skipped("only with a product of the test's own: nobody's stock is changed for a test")
    level = await run.hands.change_stock(run.sku)
    seen: list[int] = []

    async def arrived() -> int | None:
        rows = await run.parts.tiktok.catalogue.search_inventory(product_ids=[product_id])
        units = [place for row in rows for sku in records(row, "skus") for place in records(sku, "warehouse_inventory")]
        seen[:] = [int(place.get("available_quantity") or 0) for place in units]
        return level if level in seen else None

    await run.until(arrived, "inventory", run.sku, lambda: f"TikTok shows {seen} of {run.sku}, Pipe17 has {level}")
    run.ids |= {"sku": run.sku, "tiktok": product_id}
    return f"{level} of {run.sku} at TikTok"


async def order(run: Run) -> str:
    """The test order appears in Pipe17."""
    run.needs("orders")
    run.order_id = await run.hands.place_order(run.sku or "SELFTEST")
    if not run.order_id:
        raise Broken(
            "TikTok has no call that places an order: place a test order in the shop, then run `selftest --order ID`; "
            "no other order is touched"
        )
    run.made["order"] = run.ids["tiktok"] = run.order_id
    known = await run.parts.tiktok.order_details([run.order_id])
    if not known:
        raise Broken(f"TikTok shows no order {run.order_id} in this shop")
    found = await run.until(
        lambda: run.parts.pipe17.order_by_ext(run.order_id),
        "orders",
        run.order_id,
        lambda: "Pipe17 shows no such order",
    )
    run.pipe17_id = run.ids["pipe17"] = str(found.get("orderId"))
    return f"in Pipe17 as {found.get('status')}"


async def routing(run: Run) -> str:
    """Pipe17 has routed it."""
    last: list[str] = [""]

    async def routed() -> list[str] | None:
        found = await run.parts.pipe17.order(run.pipe17_id) or {}
        last[0] = str(found.get("status"))
        if last[0] == CANCELED:
            raise Broken("the order is canceled in Pipe17")
        rows = [] if last[0] == ON_HOLD else await run.parts.pipe17.shipments(run.pipe17_id)
        return [str(row.get("shipmentId")) for row in rows] or None

    run.shipments = await run.until(routed, "orders", run.order_id, lambda: _not_routed(last[0], run))
    run.ids |= {"pipe17": run.pipe17_id, "shipments": ",".join(run.shipments)}
    return f"routed ({last[0]}): {len(run.shipments)} shipping request(s)"


async def fulfilment(run: Run) -> str:
    """What the warehouse ships stands at TikTok."""
    run.needs("fulfillments")
    started_ms = run.parts.clock.now_ms()
    number = await run.hands.fulfill(run.order_id, run.shipments)
    waits_s = run.wait_s if number else run.person_s

    async def in_pipe17() -> tuple[str, str] | None:
        rows = (await run.parts.pipe17.fulfillments(updated_since_ms=started_ms - 60_000, skip=0)).rows
        mine = [one for one in map(read_fulfillment, rows) if one.order_id == run.pipe17_id and one.tracking_numbers]
        return (mine[-1].id, mine[-1].tracking_numbers[0]) if mine else None

    made, number = await run.until(
        in_pipe17, "", "", lambda: "Pipe17 shows no fulfillment with a tracking number for the order", waits_s
    )
    run.ids |= {"fulfillment": made, "tracking": number}

    async def at_tiktok() -> str | None:
        (found,) = await run.parts.tiktok.order_details([run.order_id]) or ({},)
        shown = {text(unit, "tracking_number") for unit in records(found, "line_items")}
        return str(found.get("status")) if number in shown else None

    status = await run.until(at_tiktok, "fulfillments", made, lambda: f"TikTok does not show {number}")
    return f"TikTok shows {number}; the order is {status}"


def _not_routed(status: str, run: Run) -> str:
    if status == ON_HOLD:
        return (
            "the order is on hold in Pipe17, as it must be while the buyer may still change it; run "
            f"`selftest --order {run.order_id}` again when the hold (ORDERS_HOLD) is over"
        )
    return f"Pipe17 has not routed the order (it is {status}): look at its routing rules and at the order there"


STEPS: tuple[tuple[str, Callable[[Run], Awaitable[str]]], ...] = (
    ("sides", sides),
    ("product", product),
    ("inventory", inventory),
    ("order", order),
    ("routing", routing),
    ("fulfilment", fulfilment),
)
