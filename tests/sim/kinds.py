"""The kinds of orders and the fees of a simulated day, and what must be true of them in Pipe17 at its end.

Drawn with a stream of random numbers of its own, so that nothing else of a seeded day depends on it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from daemon.sandbox.tiktok.pricing import Shipping, UnitSpec, spec_of
from tests.sim.world import World

HOUR_MS = 3_600_000
TAGS = {
    "sample": "sample",
    "refundable-sample": "refundable-sample",
    "giveaway": "giveaway",
    "auction": "auction",
    "pre-order": "pre-order",
    "made-to-order": "made-to-order",
    "back-order": "back-order",
    "replacement": "replacement",
    "exchange": "exchange",
    "subscription": "subscription",
    "cod": "cod",
    "collection-point": "collection-point",
    "tokopedia": "tokopedia",
    "digital": "digital",
    "virtual": "digital",
}
"""Kind -> the tag that tells it. Orders with TikTok's label need calls that a random day does not make."""
NOT_OURS = ("shipped-by-platform", "dilayani-tokopedia")
GIFT = UnitSpec("SKU-G", price="0", is_gift=True, gift_retail_price="4.99", tax="0")
ON_LINES = ("retail_delivery_fee", "small_order_fee", "buyer_service_fee", "distance_shipping_fee", "pfand_fee")
ON_ORDERS = ("handling_fee", "shipping_insurance_fee", "item_insurance_fee", "payment_platform_discount")


def draw(world: World, number: int, units: list[Any]) -> dict[str, Any]:
    """What the buyer of order `number` asks for beside `units`: arguments of `place_order`, `skus` among them."""
    rng = random.Random(f"{world.seed}-{number}")
    skus: list[UnitSpec] = [spec_of(unit) for unit in units]
    if rng.random() < 0.3:
        fee = rng.choice(ON_LINES)
        skus = [replace(unit, **{fee: _amount(rng)}) for unit in skus]
    if rng.random() < 0.3:
        skus = [replace(unit, seller_discount=_amount(rng), platform_discount=_amount(rng)) for unit in skus]
    order: dict[str, Any] = {"kind": rng.choice((*TAGS, *NOT_OURS)) if rng.random() < 0.4 else ""}
    if rng.random() < 0.15:
        skus.append(GIFT)
    if rng.random() < 0.3:
        order["fees"] = {name: _amount(rng) for name in rng.sample(ON_ORDERS, 2)}
    if rng.random() < 0.5:
        order["shipping"] = Shipping("5.99", seller_discount=_amount(rng), tax=_amount(rng))
    if order["kind"] == "pre-order":
        order["release_ms"] = world.truth.now_ms() + rng.randint(HOUR_MS, 3 * HOUR_MS)
    return {"skus": skus, **order}


def _amount(rng: random.Random) -> str:
    return str(Decimal(rng.randint(1, 199)).scaleb(-2))


def violations(world: World, kinds: Mapping[str, str]) -> list[str]:
    """What is wrong with the kinds and the money; `kinds` is order -> the kind it was drawn as."""
    found: list[str] = []
    for order_id, kind in kinds.items():
        found += _routed_wrongly(world, order_id)
        order = world.pipe17.order_of(order_id)
        if order is not None and order["status"] != "canceled":
            found += _told_apart(world, order_id, kind, order)
    return found


def _told_apart(world: World, order_id: str, kind: str, order: Mapping[str, Any]) -> list[str]:
    found = []
    if kind and TAGS[kind] not in order.get("tags", ()):
        found.append(f"K1 {order_id} is {kind} and Pipe17 does not say so")
    theirs = world.tiktok.order(order_id)
    if all(unit.live for unit in theirs.units):
        pays = Decimal(world.tiktok.shown(order_id)["payment"]["total_amount"])
        if order["totalPrice"] != pays:
            found.append(f"K2 {order_id} costs {order['totalPrice']} in Pipe17, and its buyer paid {pays}")
        if sum(line["quantity"] for line in order["lineItems"] if line["sku"] == "SKU-G") != sum(
            unit.seller_sku == "SKU-G" for unit in theirs.units
        ):
            found.append(f"K3 {order_id} has lost its gift")
    return found


def _routed_wrongly(world: World, order_id: str) -> list[str]:
    theirs, audit = world.tiktok.order(order_id), world.pipe17.audit
    found = []
    if theirs.digital and audit.first_routable_ms(order_id) is not None:
        found.append(f"K4 {order_id} has nothing to ship and was routable")
    release_ms = (theirs.release_ms or 0) // 1000 * 1000  # TikTok tells whole seconds
    if release_ms and audit.routable_before(order_id, release_ms):
        found.append(f"K5 {order_id} was routable before its release")
    streets = [str(change.address.get("address1", "")) for change in audit.of(order_id) if change.routable]
    if theirs.shipping_type == "SELLER" and any(not street or "*" in street for street in streets):
        found.append(f"K6 {order_id} was routable without a street")
    return found
