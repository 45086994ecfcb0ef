"""Which units of a TikTok order Pipe17 no longer wants: the other direction of a cancellation.

Pipe17 takes pieces back in three ways: the order is `canceled`, a person lowers the quantity of a line or removes it,
or a warehouse rejects a line (a fulfillment of type `rejected`). Each is told by comparison and not by event:

    taken back   what we last wrote as the line's quantity, minus what stands there now, plus what was rejected
    still due    what stands there now, minus what was rejected, minus what Pipe17 has shipped at TikTok
    to cancel    the open units at TikTok beyond what is still due, and never more than were taken back

So a line that *we* lowered, because TikTok had cancelled a piece, asks for nothing: TikTok has no unit too many. Units
that somebody else shipped count neither way. A unit is open while it is neither cancelled nor shipped; shipping takes
the lowest ids of a line first and cancelling the highest. A bundle whose parts are lines goes when the same number of
bundles was taken back of every part, else a person must decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.core.bundles import Bundle, bundles_of, sku_of_part
from daemon.core.findings import Refusal
from daemon.core.fulfillments import FulfilledLine, Fulfillment
from daemon.core.lines import by_age, groups_of, sku_of
from daemon.core.order_document import has_bundles_apart
from daemon.core.tiktok_order import TikTokOrder, Unit

CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """Cancel these units at TikTok. `whole`: they are all that is left, and nothing of the order was shipped."""

    unit_ids: tuple[str, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class NothingToCancel:
    """TikTok has no unit that Pipe17 does not want."""


@dataclass(frozen=True, slots=True)
class _Demand:
    """What Pipe17 says of one line, in units: the quantity that stands there, and what it took back since ours."""

    quantity: int
    taken_back: int


def taken_back(accepted: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, int]:
    """`uniqueId` -> pieces that Pipe17 has fewer of than we last wrote; a canceled order takes back all."""
    wanted = quantities(accepted)
    if record.get("status") == CANCELED:
        return wanted
    stands = quantities(record)
    return {name: many - stands.get(name, 0) for name, many in wanted.items() if many > stands.get(name, 0)}


def quantities(record: Mapping[str, Any]) -> dict[str, int]:
    """`uniqueId` -> pieces, of an order's document or record."""
    found: Counter[str] = Counter()
    for line in record.get("lineItems") or ():
        if isinstance(line, Mapping):
            found[str(line.get("uniqueId") or "")] += int(line.get("quantity") or 0)
    return dict(found)


def plan_cancellation(
    order: TikTokOrder,
    accepted: Mapping[str, Any],
    record: Mapping[str, Any],
    fulfillments: Iterable[Fulfillment],
    claimed: Collection[str],
) -> CancelPlan | NothingToCancel | Refusal:
    """What to cancel at TikTok.

    `accepted`: the document that Pipe17 last took from us. `record`: the order as it stands in Pipe17. `fulfillments`:
    all of it in Pipe17. `claimed`: units that those of them that shipped something name at TikTok.
    """
    if order.cancelled:
        return NothingToCancel()
    canceled = record.get("status") == CANCELED
    demands: Mapping[str, _Demand] | Refusal = {}
    if not canceled:
        demands = _demands(order, accepted, record, [one for one in fulfillments if one.rejected])
    if isinstance(demands, Refusal):
        return demands
    chosen: list[str] = []
    for line_id, units in groups_of(order).items():
        demand = _Demand(0, len(units)) if canceled else demands.get(line_id)
        if demand is not None:
            chosen += _beyond(units, demand, claimed)
    live = [unit for unit in order.units if not unit.cancelled]
    if chosen:
        whole = len(chosen) == len(live)
        return CancelPlan(tuple(sorted(chosen, key=by_age)), whole)
    if canceled and any(unit.shipped for unit in live):
        text = "the order was cancelled in Pipe17, but TikTok shows it shipped; call the goods back or let them return"
        return Refusal("cancel_refused", text)
    return NothingToCancel()


def _beyond(units: Sequence[Unit], demand: _Demand, claimed: Collection[str]) -> list[str]:
    open_units = [unit for unit in units if not unit.cancelled and not unit.shipped]
    shipped_here = sum(unit.shipped and unit.id in claimed for unit in units)
    still_due = max(0, demand.quantity - shipped_here)
    many = min(len(open_units) - still_due, demand.taken_back)
    open_units.sort(key=lambda unit: (unit.id not in claimed, by_age(unit.id)), reverse=True)
    return [unit.id for unit in open_units[: max(0, many)]]


def _demands(
    order: TikTokOrder, accepted: Mapping[str, Any], record: Mapping[str, Any], rejections: Iterable[Fulfillment]
) -> dict[str, _Demand] | Refusal:
    """By line id, the lines of which something was taken back."""
    wrote, stands = quantities(accepted), quantities(record)
    bundles = bundles_of(order) if has_bundles_apart(accepted) else {}
    rejected = _rejected(order, bundles, wrote, rejections)
    if isinstance(rejected, Refusal):
        return rejected
    found: dict[str, _Demand] = {}
    for line_id in groups_of(order):
        bundle = bundles.get(line_id)
        demand = (
            _of_bundle(bundle, wrote, stands, rejected)
            if bundle is not None
            else _of_line(line_id, wrote, stands, rejected)
        )
        if isinstance(demand, Refusal):
            return demand
        if demand.taken_back:
            found[line_id] = demand
    return found


def _of_line(name: str, wrote: Mapping[str, int], stands: Mapping[str, int], rejected: Mapping[str, int]) -> _Demand:
    many = stands.get(name, 0) - rejected.get(name, 0)
    return _Demand(many, max(0, wrote.get(name, 0) - stands.get(name, 0)) + rejected.get(name, 0))


def _of_bundle(
    bundle: Bundle, wrote: Mapping[str, int], stands: Mapping[str, int], rejected: Mapping[str, int]
) -> _Demand | Refusal:
    """In whole bundles; pieces of a part may stand in several lines, which differ in price."""
    demands = set()
    for component in bundle.recipe:
        name = bundle.line_id(component)
        lines = [line for line in {*wrote, *stands} if line == name or line.startswith(f"{name}-")]
        pieces = [_of_line(line, wrote, stands, rejected) for line in lines]
        quantity, back = sum(one.quantity for one in pieces), sum(one.taken_back for one in pieces)
        demands.add((quantity // component.count, *divmod(back, component.count)))
    backs = {(bundles, left) for _, bundles, left in demands}
    if len(backs) == 1 and not min(left for _, left in backs):
        return _Demand(min(quantity for quantity, *_ in demands), min(bundles for bundles, _ in backs))
    text = f"parts of bundle {bundle.sku} were taken back in Pipe17; TikTok cancels bundles whole, take back every part"
    return Refusal("cancel_refused", text)


def _rejected(
    order: TikTokOrder, bundles: Mapping[str, Bundle], wrote: Mapping[str, int], rejections: Iterable[Fulfillment]
) -> dict[str, int] | Refusal:
    """Line name as Pipe17 has it -> pieces that warehouses rejected."""
    skus = {line_id: sku_of(units[0]) for line_id, units in groups_of(order).items() if line_id not in bundles}
    for bundle in bundles.values():
        for component in bundle.recipe:
            for name in wrote:
                if name == bundle.line_id(component) or name.startswith(f"{bundle.line_id(component)}-"):
                    skus[name] = sku_of_part(component)
    found: Counter[str] = Counter()
    for line in (line for one in rejections for line in one.lines):
        named = _name_of(line, skus, found, wrote)
        if named is None:
            text = (
                f"a warehouse rejected {line.quantity} of {line.sku or line.unique_id or 'an unnamed line'}, which is "
                "no line of the order; cancel what it means at TikTok by hand"
            )
            return Refusal("cancel_refused", text)
        found[named] += line.quantity
    return dict(found)


def _name_of(
    line: FulfilledLine, skus: Mapping[str, str], found: Mapping[str, int], wrote: Mapping[str, int]
) -> str | None:
    """The line that a rejection names: by `uniqueId`, else the first of its SKU with room for it."""
    if line.unique_id in skus:
        return line.unique_id if line.sku in ("", skus[line.unique_id]) else None
    room = [
        name
        for name, sku in skus.items()
        if line.sku and sku == line.sku and wrote.get(name, 0) - found.get(name, 0) >= line.quantity
    ]
    return room[0] if room else None
