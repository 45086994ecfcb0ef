"""Which package Ship Package names, and what must be split first, in markets where packages exist from payment on.

There a package leaves whole. When a fulfillment ships a part of one, the package is split before: into the units of
this fulfillment, those of every other fulfillment that is known and not sent yet, and the rest. That is done in one go
because TikTok may refuse a second split once something has left (only AWAITING_SHIPMENT allows one, contract 4.2, 5.5).
A package that holds just these units is shipped as it is, so a split whose answer was lost is never repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from daemon.core.findings import Refusal
from daemon.core.lines import by_age, sku_of
from daemon.core.tiktok_order import TikTokOrder


@dataclass(frozen=True, slots=True)
class SplitFirst:
    """The package must be split into these groups of units; the first is the one to ship. All its units are named."""

    package_id: str
    groups: tuple[tuple[str, ...], ...]

    @property
    def smallest(self) -> SplitFirst:
        """The same for this fulfillment alone: its units, and the rest."""
        rest = tuple(unit_id for group in self.groups[1:] for unit_id in group)
        return SplitFirst(self.package_id, (self.groups[0], tuple(sorted(rest, key=by_age))))


def package_for(
    order: TikTokOrder, unit_ids: Sequence[str], others: Sequence[Collection[str]] = ()
) -> str | SplitFirst | Refusal:
    """The package for these units, by its id. `others`: the units of fulfillments that will come next."""
    wanted = set(unit_ids)
    packages = {unit.package_id for unit in order.units if unit.id in wanted}
    if len(packages) != 1 or not all(packages):
        text = f"TikTok has the {len(wanted)} units in {len(packages)} packages, and a number belongs to one"
        return Refusal("package_unknown", text)
    package_id = packages.pop()
    inside = {unit.id for unit in order.units if unit.package_id == package_id and not unit.cancelled}
    if inside == wanted:
        return package_id
    groups, rest = [wanted], inside - wanted
    for other in others:
        if other and rest.issuperset(other):
            groups.append(set(other))
            rest -= set(other)
    groups += [rest] if rest else []
    return SplitFirst(package_id, tuple(tuple(sorted(group, key=by_age)) for group in groups))


def why_not_split(order: TikTokOrder, unit_ids: Collection[str], code: str, said: str) -> Refusal:
    """TikTok does not ship these units apart from the others; what it would take instead. `code`: its own number."""
    if code == "21011036":
        skus = sorted({sku_of(unit) for unit in order.units if unit.id in unit_ids})
        parts = [f"all {sum(sku_of(one) == sku for one in order.live_units)} of {sku}" for sku in skus]
        alternative = f"it splits by whole SKUs only: {' and '.join(parts)} can go in one package"
    elif code == "21011046":
        alternative = "the order shares a package with another one, which leaves whole; or take it out of it first"
    else:
        alternative = "what is left of the order can go in one package"
    return Refusal(
        "split_refused", f"TikTok does not let these {len(unit_ids)} units leave apart ({said}); {alternative}"
    )
