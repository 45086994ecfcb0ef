"""What must be true of cancellations after any day; the comparison of both sides is in `invariants.py`.

C1 nothing is cancelled at TikTok by us that nobody took back in Pipe17
C2 each unit is cancelled by one call, and no cancel is sent blindly a second time
C3 while a cancel of ours is carried out at TikTok, no shipping call is made for the order
"""

from __future__ import annotations

from collections import Counter

from tests.sim.day import Diary
from tests.sim.world import World

RUNNING, OVER = 25001011, 25001051
BLOCKED = 21011007


def cancellation_violations(world: World, diary: Diary) -> list[str]:
    """Everything that is wrong, in words."""
    tiktok = world.tiktok
    calls = tiktok.called("cancellations.cancel")
    pieces: Counter[str] = Counter()
    for one in tiktok.market.cancellations.by_id.values():
        if one.by_app:
            pieces[one.order_id] += len(one.unit_ids)
    found = [
        f"C1 {many} units of {order_id} were cancelled at TikTok, {diary.taken_back[order_id]} taken back in Pipe17"
        for order_id, many in pieces.items()
        if many > diary.taken_back[order_id]
    ]
    granted = [call.path.split("/")[-2] for call in tiktok.called("cancellations.approve", effective=True)]
    orders = {tiktok.market.cancellations.by_id[cancel_id].order_id for cancel_id in granted}
    found += [
        f"C1 the buyer's request of {one} was granted unasked" for one in sorted(orders - diary.taken_back.keys())
    ]
    units = Counter(
        unit_id for one in tiktok.market.cancellations.by_id.values() if one.by_app for unit_id in one.unit_ids
    )
    found += [f"C2 unit {unit_id} was cancelled {times} times" for unit_id, times in units.items() if times > 1]
    found += [
        f"C2 {call.body.get('order_id')} was cancelled again without looking ({call.code})"
        for call in calls
        if call.code in (RUNNING, OVER)
    ]
    if tiktok.options.region == "US":
        found += [
            f"C3 shipped while its cancel was carried out: {call.path}"
            for call in tiktok.called("packages.mark_shipped")
            if call.code == BLOCKED
        ]
    return found
