"""Do both sides agree? What the simulated shop and the simulated Pipe17 hold, compared record by record.

This is the judge of the demo and of the simulation, so it shares no code with the connector: what Pipe17 should hold is
worked out here again, from TikTok's own records. It is meant for a moment when everything has settled; what is still
under way shows as a difference.

    every order that should be there is there exactly once, and nothing else is
    what a warehouse rejected may stand in Pipe17's lines and be gone at TikTok
    on hold <-> not routable, cancelled <-> canceled, shipped by the platform <-> fulfilled or absent,
      digital <-> fulfilled, and never anything else
    the same quantity of each SKU, the same total, the same address
    every fulfillment <-> exactly one package with its tracking number and its units, and the other way round;
      of a bundle whose parts left one by one: one package, with the tracking number of one of them;
      of several for the same lines, of which one package exists: the newest it has the number of (a correction)

Texts of differences name members, never what is in them: addresses stay out of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

from daemon.sandbox.pipe17 import ROUTABLE, Pipe17Sandbox
from daemon.sandbox.tiktok.records import Order, Package, Part, Unit

PLATFORM = frozenset({"FULFILLMENT_BY_TIKTOK", "FULFILLMENT_BY_DILAYANI_TOKOPEDIA"})
HELD = frozenset({"UNPAID", "ON_HOLD"})
SHIPPED = frozenset({"AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"})

Skus = Mapping[str, int | Decimal]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which the sides do not agree. `kind` is a short stable word, `text` is for a person."""

    kind: str
    order_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the connector was told. `excused` are orders that a person has to look at anyway (open exceptions)."""

    hold: timedelta = timedelta(minutes=60)
    pull_on_hold: bool = True
    pull_platform: bool = False
    since_ms: int | None = None
    """Orders created before this, and shipped or cancelled, need not be there."""
    excused: Collection[str] = ()


def compare(
    orders: Mapping[str, Order],
    packages: Mapping[str, Package],
    pipe17: Pipe17Sandbox,
    now_ms: int,
    rules: Rules | None = None,
) -> list[Difference]:
    """All differences, in the order of TikTok's orders; none when both sides agree."""
    pipe17.advance()
    rules = rules or Rules()
    found: list[Difference] = []
    for order in orders.values():
        if order.id not in rules.excused:
            found.extend(_order_differences(order, packages, pipe17, now_ms, rules))
    for row in pipe17.books.orders:
        name = row.document["extOrderId"]
        if row.owner == pipe17.options.integration and name not in orders:
            found.append(Difference("unknown_order", name, "is in Pipe17, but TikTok has no such order"))
    return found


def _order_differences(
    order: Order, packages: Mapping[str, Package], pipe17: Pipe17Sandbox, now_ms: int, rules: Rules
) -> Iterator[Difference]:
    rows = [row for row in pipe17.books.orders.find("extOrderId", order.id) if row.owner == pipe17.options.integration]
    wanted = _expected(order, now_ms, rules)
    if not rows:
        if wanted.present:
            yield Difference("missing", order.id, f"is {order.status} at TikTok and not in Pipe17")
        return
    if len(rows) > 1:
        yield Difference("doubled", order.id, f"is in Pipe17 {len(rows)} times")
    if wanted.absent:
        yield Difference("not_wanted", order.id, f"is {order.status} at TikTok and should not be in Pipe17")
        return
    document = rows[0].document
    if not wanted.status(document["status"]):
        yield Difference("status", order.id, f"is {order.status} at TikTok and {document['status']} in Pipe17")
    if any("*" in str(value) for value in document.get("shippingAddress", {}).values()):
        yield Difference("masked", order.id, "has a masked address in Pipe17")
    if order.status != "CANCELLED" and document["status"] != "canceled":
        yield from _content(order, document, _rejected(order, pipe17))
    if order.fulfillment_type not in PLATFORM:
        yield from _shipments(order, packages, pipe17)


@dataclass(frozen=True, slots=True)
class _Expected:
    """Whether Pipe17 must or must not have the order, and which of its statuses are right."""

    present: bool
    absent: bool
    status: Callable[[str], bool]


def _expected(order: Order, now_ms: int, rules: Rules) -> _Expected:
    if order.fulfillment_type in PLATFORM:
        return _Expected(
            rules.pull_platform and order.status not in HELD and order.status != "CANCELLED",
            not rules.pull_platform,
            lambda status: status in ("fulfilled", "canceled"),
        )
    if order.digital:
        return _expected_digital(order, now_ms, rules)
    if order.paid_ms is None:
        return _Expected(False, order.status != "CANCELLED", lambda status: status == "canceled")
    if order.status == "CANCELLED":
        return _Expected(False, False, lambda status: status in ("canceled", "fulfilled"))
    in_window = now_ms < max(order.paid_ms + rules.hold // timedelta(milliseconds=1), order.release_ms or 0)
    if order.status in SHIPPED:
        old = rules.since_ms is not None and order.create_ms < rules.since_ms
        wrong = {"draft", "canceled"} if in_window else {"draft", "canceled", "onHold"}
        if any(not unit.live for unit in order.units):
            wrong.discard("canceled")  # cancelled in Pipe17 when a part had left: the rest is cancelled, that part not
        return _Expected(not old and not in_window, False, lambda status: status not in wrong)
    if order.status in HELD or in_window:
        return _Expected(rules.pull_on_hold, not rules.pull_on_hold, lambda status: status not in ROUTABLE)
    return _Expected(True, False, lambda status: status not in ("onHold", "draft", "canceled", "fulfilled"))


def _rejected(order: Order, pipe17: Pipe17Sandbox) -> Skus:
    """What warehouses rejected, by SKU: TikTok has it no more, the lines in Pipe17 still name it."""
    found: Counter[str] = Counter()
    for row in pipe17.books.fulfillments.find("extOrderId", order.id):
        if row.owner == pipe17.options.integration and row.document.get("fulfillmentType") == "rejected":
            for line in row.document["lineItems"]:
                found[line.get("sku", "")] += line.get("quantity", 0)
    return dict(found)


def _expected_digital(order: Order, now_ms: int, rules: Rules) -> _Expected:
    window_ms = rules.hold // timedelta(milliseconds=1)
    in_window = order.paid_ms is None or now_ms < order.paid_ms + window_ms
    waits = order.status in HELD or (in_window and order.status not in SHIPPED)
    gone = order.status == "CANCELLED"
    return _Expected(not waits and not gone, waits and not gone, lambda status: status in ("fulfilled", "canceled"))


def _content(order: Order, document: Mapping[str, Any], rejected: Skus) -> Iterator[Difference]:
    live = list(order.live())
    have: Counter[str] = Counter()
    for line in document.get("lineItems", ()):
        have[line.get("sku", "")] += line.get("quantity", 0)
    if not any(_covers(have, rejected, skus) for skus in _readings(live)):
        yield Difference(
            "lines", order.id, f"has {sum(have.values())} units in Pipe17, {len(live)} at TikTok, or others"
        )
    payment = json.loads("{" + order.static + "}").get("payment", {})
    if document.get("currency") != payment.get("currency"):
        yield Difference("currency", order.id, "has another currency in Pipe17")
    total = document.get("totalPrice")
    if len(live) == len(order.units) and total != Decimal(payment.get("total_amount", "0")):
        yield Difference("total", order.id, f"costs {total} in Pipe17 and {payment.get('total_amount')} at TikTok")
    if (
        order.status not in HELD
        and order.fulfillment_type not in PLATFORM
        and order.shipping_type != "TIKTOK"
        and not order.digital
    ):
        members = ", ".join(_other_members(order, document.get("shippingAddress", {})))
        if members:
            yield Difference("address", order.id, f"goes elsewhere in Pipe17: {members}")


def _covers(have: Skus, rejected: Skus, wanted: Skus) -> bool:
    """Whether these quantities are the wanted ones; what was rejected may be gone from the other side."""
    return have.keys() >= wanted.keys() and all(
        many - rejected.get(sku, 0) <= wanted.get(sku, 0) <= many for sku, many in have.items()
    )


def _other_members(order: Order, address: Mapping[str, str]) -> Iterator[str]:
    theirs = order.address
    wanted = {
        "firstName": {theirs.first_name},
        "lastName": {theirs.last_name},
        "address1": {theirs.line1},
        "address2": {theirs.line2},
        "city": {theirs.city},
        "stateOrProvince": {theirs.state_code, theirs.state},
        "zipCodeOrPostalCode": {theirs.postal_code},
        "country": {theirs.region_code},
    }
    return (member for member, values in wanted.items() if address.get(member, "") not in values)


def _shipments(order: Order, packages: Mapping[str, Package], pipe17: Pipe17Sandbox) -> Iterator[Difference]:
    fulfillments = [
        row.document
        for row in pipe17.books.fulfillments.find("extOrderId", order.id)
        if row.owner == pipe17.options.integration and row.document.get("fulfillmentType") != "rejected"
    ]
    sent = [package for package in map(packages.get, order.package_ids) if package and package.tracking_number]
    told = Counter(_tracking(fulfillment) for fulfillment in fulfillments)
    for counted in _corrected(fulfillments, {package.tracking_number for package in sent}):
        fulfillments = counted
        if _bundles_in_pieces(order, counted, sent):
            fulfillments = []
            break
    for package in sent:
        if package.tracking_number not in told:
            yield Difference("package_unknown", order.id, f"package {package.id} has no fulfillment in Pipe17")
    for fulfillment in fulfillments:
        name = fulfillment["fulfillmentId"]
        matching = [package for package in sent if package.tracking_number == _tracking(fulfillment)]
        if len(matching) != 1:
            yield Difference("shipment", order.id, f"fulfillment {name} has {len(matching)} packages at TikTok")
            continue
        units = [unit for unit in map(order.unit, matching[0].unit_ids) if unit is not None]
        apart = [part for unit in order.units for part in unit.parts if part.id in matching[0].part_ids]
        have: Counter[str] = Counter()
        for line in fulfillment["lineItems"]:
            have[line.get("sku", "")] += line.get("quantity", 0)
        if not any(dict(have) == skus for skus in _readings(units, apart)):
            yield Difference("units", order.id, f"fulfillment {name} and package {matching[0].id} hold other units")


def _corrected(fulfillments: list[Mapping[str, Any]], numbers: Collection[str]) -> Iterator[list[Mapping[str, Any]]]:
    """The list, and again without some of those whose number a later one of the same lines may have replaced.

    Two pieces of one line may be two parts of a bundle or a part and its correction: which, only the whole tells.
    """

    def lines(fulfillment: Mapping[str, Any]) -> Counter[str]:
        found: Counter[str] = Counter()
        for line in fulfillment["lineItems"]:
            found[line.get("uniqueId") or line.get("sku", "")] += line.get("quantity", 0)
        return found

    replaced = [
        place
        for place, one in enumerate(fulfillments)
        if _tracking(one) not in numbers
        and any(_tracking(later) in numbers and lines(later) == lines(one) for later in fulfillments[place + 1 :])
    ]
    for many in range(len(replaced) + 1):
        for gone in combinations(replaced, many):
            yield [one for place, one in enumerate(fulfillments) if place not in gone]


def _bundles_in_pieces(order: Order, fulfillments: Sequence[Mapping[str, Any]], sent: Sequence[Package]) -> bool:
    """Whether bundles left in pieces and all of them are at TikTok.

    The fulfillments together name the parts of exactly what the packages hold; each names the plain units of its own
    package, and one without a package nothing but parts of bundles.
    """
    of_bundles = {part.seller_sku or part.sku_id for unit in order.units for part in unit.parts}
    if not of_bundles:
        return False
    packed = {package.tracking_number: list(filter(None, map(order.unit, package.unit_ids))) for package in sent}
    told: Counter[str] = Counter()
    for fulfillment in fulfillments:
        names: Counter[str] = Counter()
        for line in fulfillment["lineItems"]:
            names[line.get("sku", "")] += line.get("quantity", 0)
        units = packed.get(_tracking(fulfillment))
        plain = Counter(unit.seller_sku or unit.sku_id for unit in units or () if not unit.parts)
        if not plain <= names or (units is None and not names.keys() <= of_bundles):
            return False
        told.update(names)
    return dict(told) == _readings([unit for units in packed.values() for unit in units])[1]


def _tracking(fulfillment: Mapping[str, Any]) -> str:
    value = fulfillment.get("trackingNumber") or fulfillment.get("trackingNumbers") or ""
    return value if isinstance(value, str) else str(value[0])


def _readings(units: list[Unit], apart: Sequence[Part] = ()) -> tuple[Skus, Skus]:
    """Units by SKU: bundles as they are sold, and as their parts (`apart`: parts that travel without their unit)."""
    whole: Counter[str] = Counter(unit.seller_sku or unit.sku_id for unit in units)
    parts: Counter[str] = Counter()
    for unit in units:
        for sku in [part.seller_sku or part.sku_id for part in unit.parts] or [unit.seller_sku or unit.sku_id]:
            parts[sku] += 1
    parts.update(part.seller_sku or part.sku_id for part in apart)
    return dict(whole), dict(parts)
