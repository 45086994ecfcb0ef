"""How the demo's day ended: both sides counted and compared, on the services' side, never by asking the daemon.

`agree` needs all of it: the sides agree line by line (`compare.py`) and about what is for sale (`compare_goods.py`), no
fault ever set a stock to 0, nothing was oversold, buyers were told once and cancels made in Pipe17 were carried out at
TikTok once (`compare_talk.py`), nothing was routable before its hold ended,
nothing cancelled on hold was ever released, an edited order was released with its new address alone, no order was
created twice and no shipment sent twice, and the limiters of the other side tripped only where the play said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from daemon.sandbox.compare import Difference, Rules, compare
from daemon.sandbox.compare_goods import Shelves, linked
from daemon.sandbox.compare_talk import cancelled, said, told
from daemon.sandbox.demo_day import OLD_STREET, Diary, Fate
from daemon.sandbox.pipe17 import Pipe17Sandbox
from daemon.sandbox.recorded import Recorded
from daemon.sandbox.tiktok import TikTokSandbox
from daemon.sandbox.wire import Loss

ALREADY_SHIPPED = 21011020
LOST = frozenset({"missing", "shipment"})
"""Differences that mean: TikTok or the warehouse has it and the other side never got it."""


@dataclass(frozen=True, slots=True)
class Played:
    """A day that was played. `moves`: how often stock moved in Pipe17. `message`: the template of the buyers' text."""

    tiktok: TikTokSandbox
    pipe17: Pipe17Sandbox
    diary: Diary
    hold: timedelta
    shelves: Shelves
    moves: int
    message: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What a day came to."""

    orders: int
    held: int
    released: int
    edited: int
    cancelled_on_hold: int
    cancelled_late: int
    never_paid: int
    shipped_apart: int
    fulfillments: int
    packages: int
    tracking: int
    fallback_carrier: int
    products: int
    skus: int
    skus_linked: int
    skus_with_stock: int
    skus_agreed: int
    stock_moves: int
    zeroed_by_fault: int
    oversold: int
    cancelled_in_pipe17: int
    cancels_arrived: int
    buyers_told: int
    told_twice: int
    doubled: int
    lost: int
    early_releases: int
    limited_by_our_fault: int
    limited_by_the_play: int
    outages: int
    lost_answers: int
    resets: int
    webhooks: int
    webhooks_missed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures and everything that is wrong."""

    figures: Figures
    differences: list[Difference]

    @property
    def agree(self) -> bool:
        """Whether nothing is wrong at all."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "agree": self.agree,
            **asdict(self.figures),
            "differences": [asdict(found) for found in self.differences],
        }


def judge(played: Played) -> Verdict:
    """Count and compare."""
    tiktok, pipe17, diary, hold = played.tiktok, played.pipe17, played.diary, played.hold
    found = sides(played)
    zeroed = played.shelves.zeroed()
    found += [*zeroed, *played.shelves.oversold()]
    early = list(_early(tiktok, pipe17, hold))
    twice = list(_twice(tiktok, pipe17))
    limited = [call for call in _calls(tiktok, pipe17) if call.status == 429]
    ours = [call for call in limited if not call.fault]
    found += [*early, *twice, *_addresses(tiktok, pipe17, diary), *_cancelled(pipe17, diary)]
    found += [Difference("rate_limited", "", f"{call.operation} got a 429 by our own fault") for call in ours]
    figures = _figures(tiktok, pipe17, diary)
    figures |= _goods(played, found) | {
        "doubled": len(twice) + sum(one.kind == "doubled" for one in found if one not in twice),
        "lost": sum(one.kind in LOST for one in found),
        "early_releases": len(early),
        "zeroed_by_fault": len(zeroed),
        "limited_by_our_fault": len(ours),
        "limited_by_the_play": len(limited) - len(ours),
    }
    return Verdict(Figures(**figures), found)


def sides(played: Played) -> list[Difference]:
    """The comparison alone; cheap enough to ask again and again whether all has settled."""
    tiktok, pipe17 = played.tiktok, played.pipe17
    rules = Rules(hold=played.hold)
    found = compare(tiktok.book.orders, tiktok.book.packages, pipe17, tiktok.clock.now_ms(), rules)
    found += [*linked(tiktok, pipe17), *played.shelves.differences(), *told(tiktok, pipe17, played.message)]
    return [*found, *cancelled(tiktok, played.diary.with_fate(Fate.CANCELLED_IN_PIPE17))]


def _early(tiktok: TikTokSandbox, pipe17: Pipe17Sandbox, hold: timedelta) -> Iterator[Difference]:
    hold_ms = hold // timedelta(milliseconds=1)
    for order in tiktok.book.orders.values():
        first_ms = pipe17.audit.first_routable_ms(order.id)
        if first_ms is None:
            continue
        if order.paid_ms is None:
            yield Difference("early", order.id, "was routable and never paid")
        elif first_ms < order.paid_ms + hold_ms:
            yield Difference("early", order.id, f"was routable {order.paid_ms + hold_ms - first_ms} ms early")


def _twice(tiktok: TikTokSandbox, pipe17: Pipe17Sandbox) -> Iterator[Difference]:
    for order_id, times in pipe17.audit.creates.items():
        if times > 1:
            yield Difference("doubled_create", order_id, f"was created {times} times")
    for order_id, times in pipe17.audit.refused_creates.items():
        yield Difference("blind_create", order_id, f"was sent again {times} times without a look first")
    numbers = Counter(item.tracking_number for item in tiktok.book.packages.values() if item.tracking_number)
    for number, times in numbers.items():
        if times > 1:
            yield Difference("doubled_tracking", "", f"tracking number {number} stands on {times} packages")
    for call in tiktok.called("packages.mark_shipped"):
        if call.code == ALREADY_SHIPPED:
            yield Difference("blind_shipment", "", f"{call.path} was sent again without a look first")


def _addresses(tiktok: TikTokSandbox, pipe17: Pipe17Sandbox, diary: Diary) -> Iterator[Difference]:
    for order_id in diary.with_fate(Fate.EDITED):
        edited = tiktok.order(order_id).address.line1 != OLD_STREET
        if edited and pipe17.audit.routable_with(order_id, address1=OLD_STREET):
            yield Difference("old_address", order_id, "was released with the address from before its change")


def _cancelled(pipe17: Pipe17Sandbox, diary: Diary) -> Iterator[Difference]:
    for order_id in diary.with_fate(Fate.CANCELLED_ON_HOLD):
        if pipe17.audit.first_routable_ms(order_id) is not None:
            yield Difference("cancelled_released", order_id, "was cancelled on hold and released")


def _goods(played: Played, found: list[Difference]) -> dict[str, int]:
    """What came of the catalogue, the stock, the buyers' messages and Pipe17's cancels."""
    kinds, catalogue = Counter(one.kind for one in found), played.tiktok.catalogue
    asked = played.diary.with_fate(Fate.CANCELLED_IN_PIPE17)
    of_buyers = said(played.tiktok, played.message)
    stocked = len(played.shelves.skus)
    return {
        "products": len(catalogue.products),
        "skus": len(catalogue.skus),
        "skus_linked": len(catalogue.skus) - kinds["unlinked"],
        "skus_with_stock": stocked,
        "skus_agreed": stocked - kinds["stock"],
        "stock_moves": played.moves,
        "oversold": played.shelves.oversold_units(),
        "cancelled_in_pipe17": len(asked),
        "cancels_arrived": len(asked) - kinds["not_cancelled"],
        "buyers_told": len({order_id for _, order_id in of_buyers}),
        "told_twice": sum(times > 1 for times in of_buyers.values()),
    }


def _figures(tiktok: TikTokSandbox, pipe17: Pipe17Sandbox, diary: Diary) -> dict[str, int]:
    audit, orders = pipe17.audit, tiktok.book.orders
    webhooks = (tiktok.webhooks.out, pipe17.hooks.out)
    calls = _calls(tiktok, pipe17)
    shipped = [item for item in tiktok.book.packages.values() if item.shipped_ms is not None]
    return {
        "orders": len(orders),
        "held": sum("onHold" in audit.statuses(order_id) for order_id in orders),
        "released": sum(audit.first_routable_ms(order_id) is not None for order_id in orders),
        "edited": len(diary.with_fate(Fate.EDITED)),
        "cancelled_on_hold": len(diary.with_fate(Fate.CANCELLED_ON_HOLD)),
        "cancelled_late": len(diary.with_fate(Fate.CANCELLED_LATE)),
        "never_paid": len(diary.with_fate(Fate.NEVER_PAID)),
        "shipped_apart": len(diary.with_fate(Fate.APART)),
        "fulfillments": diary.fulfillments,
        "packages": len(shipped),
        "tracking": sum(bool(item.tracking_number) for item in shipped),
        "fallback_carrier": len(diary.fallback),
        "outages": sum(call.status == 503 for call in calls),
        "lost_answers": sum(call.loss is Loss.AFTER for call in calls),
        "resets": sum(call.loss is Loss.BEFORE for call in calls),
        "webhooks": sum(one.delivered for one in webhooks),
        "webhooks_missed": sum(len(one.waiting) + len(one.dropped) for one in webhooks),
    }


def _calls(tiktok: TikTokSandbox, pipe17: Pipe17Sandbox) -> list[Recorded]:
    return [*tiktok.calls, *pipe17.calls]
