"""Virtual bundles: what TikTok sells as one unit, as the lines of the parts that a warehouse picks.

A bundle's unit carries its recipe (`components`). Its Pipe17 line is taken apart: one line per component, quantity =
pieces in the recipe x bundles. Three rules:

* the prices of the parts are the bundle's price to the cent: TikTok's own prices of the parts where they add up to it,
  else the price is split by them, or evenly. Cents that do not divide go to a component with one piece; where there is
  none, that component becomes two lines with different prices. Discount and tax are split the same way;
* a part line is called `<line id>-<SKU id of the component>`. The ids of TikTok's sub-items are not used: not every
  record shows them, and a line must keep its name;
* TikTok is told of a bundle once: in one package, when its last part has left, with the tracking number of that last
  part (`share_of`). Until then the earlier parts wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from daemon.core.fulfillments import FulfilledLine, Fulfillment
from daemon.core.lines import groups_of, order_lines, sku_of
from daemon.core.money import allocate, smallest_unit, total
from daemon.core.tiktok_order import TikTokOrder, Unit
from daemon.core.units import Component, Part

LINE_AND_TAX = ("itemDiscount", "itemTax")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The bundles behind one line: `id` is its `uniqueId`, `recipe` what one of them is made of."""

    id: str
    sku: str
    units: tuple[Unit, ...]
    recipe: tuple[Component, ...]
    parts: tuple[Part, ...]
    """The sub-items of one bundle, where TikTok shows all that the recipe asks for."""

    def line_id(self, component: Component) -> str:
        return f"{self.id}-{component.sku_id}"

    @property
    def live(self) -> tuple[Unit, ...]:
        return tuple(unit for unit in self.units if not unit.cancelled)


@dataclass(frozen=True, slots=True)
class Parts:
    """Finds the part that a fulfilled line is about.

    `by_sku`: also where Pipe17 names it by its SKU under the id of the bundle's own line, or under none that we know
    (pipe17 contract 18.3).
    """

    bundles: Mapping[str, Bundle]
    line_ids: Collection[str]
    skus: Collection[str]
    """What the order's units go under; they come before parts."""
    by_sku: bool

    @classmethod
    def of(cls, order: TikTokOrder, *, by_sku: bool) -> Parts:
        return cls(bundles_of(order), frozenset(groups_of(order)), frozenset(map(sku_of, order.units)), by_sku)

    def part(self, line: FulfilledLine) -> tuple[Bundle, Component] | None:
        """The bundle and its component; None: the line is about whole units."""
        for bundle in self.bundles.values():
            for component in bundle.recipe:
                name = bundle.line_id(component)
                if line.unique_id == name or line.unique_id.startswith(f"{name}-"):
                    return bundle, component
        for bundle in self._named_by_sku(line) if self.by_sku and line.sku else ():
            for component in bundle.recipe:
                if sku_of_part(component) == line.sku:
                    return bundle, component
        return None

    def _named_by_sku(self, line: FulfilledLine) -> list[Bundle]:
        """The bundles that a line without the name of a part may be about."""
        if line.unique_id in self.line_ids:
            bundle = self.bundles.get(line.unique_id)
            return [] if bundle is None or line.sku == bundle.sku else [bundle]
        return [] if line.sku in self.skus else list(self.bundles.values())


@dataclass(frozen=True, slots=True)
class Share:
    """What one fulfillment means for one bundle line.

    `completes`: bundles whose last part it carried. `reaches`: its parts lie in the first so many bundles of the line.
    `too_many`: it carried parts of more bundles than are wanted.
    """

    completes: int
    reaches: int
    too_many: bool


def sku_of_part(component: Component) -> str:
    """The SKU under which Pipe17 knows a part."""
    return component.seller_sku or component.sku_id


def bundles_of(order: TikTokOrder) -> dict[str, Bundle]:
    """`uniqueId` -> bundle, for the lines whose recipe TikTok shows."""
    found: dict[str, Bundle] = {}
    if not any(unit.components for unit in order.units):
        return found
    for unique_id, units in groups_of(order).items():
        recipe = next((recipe for unit in units if (recipe := _recipe(unit))), ())
        if recipe:
            wanted = Counter({component.sku_id: component.count for component in recipe})
            parts = next((unit.parts for unit in units if Counter(part.sku_id for part in unit.parts) == wanted), ())
            found[unique_id] = Bundle(unique_id, sku_of(units[0]), tuple(units), recipe, parts)
    return found


def part_lines(order: TikTokOrder, *, tax_on_top: bool) -> list[dict[str, Any]]:
    """The `lineItems` of the Pipe17 order, bundles taken apart."""
    bundles, step = bundles_of(order), smallest_unit(order.payment.currency)
    lines: list[dict[str, Any]] = []
    for line in order_lines(order, tax_on_top=tax_on_top):
        bundle = bundles.get(line["uniqueId"])
        lines += [line] if bundle is None else _taken_apart(line, bundle, step)
    return lines


def share_of(
    bundle: Bundle,
    parts: Parts,
    fulfillment: Fulfillment,
    of_order: Iterable[Fulfillment],
    sent: Collection[str] = (),
) -> Share:
    """How far `fulfillment` brings the bundles, counted in the order in which the fulfillments were made.

    Those in `sent` (ids) have left with other units already and come first: lists show some fulfillments late, and one
    that has left can not complete a bundle any more.
    """
    told = {one.id: one for one in (*of_order, fulfillment) if not one.rejected}
    live, complete, covered = len(bundle.live), 0, Counter[str]()
    for one in sorted(told.values(), key=lambda one: (one.id not in sent, one.created_at_ms, one.id)):
        carried = _carried(bundle, parts, one)
        covered.update(carried)
        now = min(live, *(covered[part.sku_id] // part.count for part in bundle.recipe))
        if one.id == fulfillment.id:
            reached = [-(-covered[part.sku_id] // part.count) for part in bundle.recipe if carried[part.sku_id]]
            reaches = max(reached, default=0)
            return Share(now - complete, reaches, reaches > live)
        complete = now
    return Share(0, 0, too_many=False)


def _recipe(unit: Unit) -> tuple[Component, ...]:
    """The recipe with every SKU once; none where it cannot be used."""
    if any(not component.sku_id or component.count < 1 for component in unit.components):
        return ()
    merged: dict[str, Component] = {}
    for one in unit.components:
        before = merged.get(one.sku_id)
        count = one.count + (before.count if before else 0)
        merged[one.sku_id] = Component(one.sku_id, one.seller_sku, one.product_id, count)
    return tuple(merged.values())


def _carried(bundle: Bundle, parts: Parts, fulfillment: Fulfillment) -> Counter[str]:
    """Pieces of each component (by SKU id) that left with a fulfillment; a whole bundle is all its parts."""
    pieces: Counter[str] = Counter()
    for line in fulfillment.lines:
        found = parts.part(line)
        if found is not None:
            if found[0].id == bundle.id:
                pieces[found[1].sku_id] += line.quantity
        elif line.unique_id == bundle.id or (line.unique_id not in parts.line_ids and line.sku == bundle.sku):
            pieces.update({part.sku_id: part.count * line.quantity for part in bundle.recipe})
    return pieces


def _taken_apart(line: Mapping[str, Any], bundle: Bundle, step: Decimal) -> list[dict[str, Any]]:
    """One line per component and price, in place of the bundle's line."""
    names = {part.sku_id: part.product_name for part in bundle.parts if part.product_name}
    levels = _levels(bundle, line["itemPrice"], step)
    weights = [abs(price) * count for _component, price, count in levels]
    shares = {member: allocate(line[member], weights, step) for member in LINE_AND_TAX}
    lines = []
    seen: Counter[str] = Counter()
    for place, (component, price, count) in enumerate(levels):
        seen[component.sku_id] += 1
        level = seen[component.sku_id]
        sku = sku_of_part(component)
        lines.append(
            {
                **line,
                "uniqueId": bundle.line_id(component) + (f"-{level}" if level > 1 else ""),
                "sku": sku,
                "name": names.get(component.sku_id) or f"{line['name']} - {sku}",
                "quantity": count * line["quantity"],
                "itemPrice": price,
                **{member: shares[member][place] for member in LINE_AND_TAX},
            }
        )
    return lines


def _levels(bundle: Bundle, bundle_price: Decimal, step: Decimal) -> list[tuple[Component, Decimal, int]]:
    """(component, price of a piece, pieces at that price in one bundle); together they cost what the bundle costs."""
    pieces = [component for component in bundle.recipe for _ in range(component.count)]
    stated: dict[str, list[Decimal]] = {}
    for part in bundle.parts:
        stated.setdefault(part.sku_id, []).append(part.original_price)
    weights = [price for component in bundle.recipe for price in stated.get(component.sku_id, ())]
    if len(weights) != len(pieces) or min(weights) < 0:
        weights = [Decimal(1)] * len(pieces)
    if total(weights) == bundle_price:
        prices = list(weights)
    else:
        prices = _even(bundle, list(allocate(bundle_price, weights, step)))
    counted = Counter(zip((component.sku_id for component in pieces), prices, strict=True))
    components = {component.sku_id: component for component in bundle.recipe}
    return [(components[sku_id], price, count) for (sku_id, price), count in counted.items()]


def _even(bundle: Bundle, prices: list[Decimal]) -> list[Decimal]:
    """The same sum with one price for all pieces of a component, if there is a component of one piece to take the
    rest: the dearest of them."""
    starts, start = [], 0
    for component in bundle.recipe:
        starts.append(start)
        start += component.count
    single = [start for start, component in zip(starts, bundle.recipe, strict=True) if component.count == 1]
    if not single:
        return prices
    lowest: list[Decimal] = []
    for start, component in zip(starts, bundle.recipe, strict=True):
        lowest += [min(prices[start : start + component.count])] * component.count
    lowest[max(single, key=lambda place: prices[place])] += total(prices) - total(lowest)
    return lowest
