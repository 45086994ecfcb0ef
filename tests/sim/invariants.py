"""What must be true after any day, checked on the services' side and in the store, never by asking the daemon.

I1 nothing lost: both sides agree line by line, or the record is owed or an open exception says why
I2 nothing twice: one order each, one package per fulfillment, no blind second send
I3 no hold released early, no old address released, nothing cancelled on hold ever released
I5 the newest wanted state won
I6 what is dead, unknown or blocked is in the tally that the metrics are read from
I7 the limiter of the other side never tripped by our fault
I2 too: a buyer gets one text and one card about an order, whatever fails; I1 too: nobody is forgotten
I10 a restart with nothing new sends nothing
K1 to K6: every kind of order told apart, every total what the buyer paid, nothing routed that must not be (`kinds.py`)
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import timedelta

from daemon.sandbox.compare import Rules, compare
from tests.sim import catalogue, kinds
from tests.sim.afterwards import EXCUSES_NOTHING, excused_orders, talk_violations
from tests.sim.day import Diary
from tests.sim.day_cancels import LINE_MARKETS
from tests.sim.invariants_cancels import cancellation_violations
from tests.sim.world import World

WRITES = (
    "orders.create",
    "orders.update",
    "packages.mark_shipped",
    "packages.ship",
    "cancellations.cancel",
    "cancellations.approve",
    "products.create",
    "products.update",
    "locations.create",
    "locations.update",
    "messages.send",
    "references.add",
    "packages.split",
    "packages.update_tracking",
    "orders.update_tracking",
)
UPDATES = ("packages.update_tracking", "orders.update_tracking")


def violations(world: World, diary: Diary, *, hold: timedelta = timedelta(hours=1)) -> list[str]:
    """Everything that is wrong, in words."""
    found = [f"loop: {text}" for text in world.broken]
    store = sqlite3.connect(f"file:{world.store}?mode=ro", uri=True)
    try:
        found += _sides_agree(world, diary, store, hold)
        found += cancellation_violations(world, diary)
        found += _nothing_twice(world)
        found += _holds_kept(world, diary, hold)
        found += _nothing_hidden(store)
        found += talk_violations(world, store)
    finally:
        store.close()
    found += _limits_kept(world)
    found += catalogue.violations(world)
    found += kinds.violations(world, diary.kinds)
    return found


def _sides_agree(world: World, diary: Diary, store: sqlite3.Connection, hold: timedelta) -> list[str]:
    excused = excused_orders(store)
    rules = Rules(hold=hold, excused=excused)
    now_ms = world.truth.now_ms()
    differences = compare(world.tiktok.book.orders, world.tiktok.book.packages, world.pipe17, now_ms, rules)
    owed = {row[0] for row in store.execute("SELECT group_key FROM outbox WHERE state IN ('held','ready','unknown')")}
    return [
        f"I1/I5 {found.kind} {found.order_id}: {found.text}"
        + (" (owed, but everything should have settled)" if found.order_id in owed else "")
        for found in differences
    ] + [f"I1 exception that nobody caused: {text}" for text in _unexplained(world, diary, store)]


def _unexplained(world: World, diary: Diary, store: sqlite3.Connection) -> list[str]:
    """Open exceptions that no event of a simulated day can justify."""
    rows = store.execute("SELECT flow, key, code, detail, group_key FROM exceptions WHERE closed_at_ms IS NULL")
    # what has left cannot be cancelled any more, and single lines only where TikTok lets them be
    refusable = diary.cancelled_late if world.tiktok.options.region in LINE_MARKETS else diary.taken_back.keys()
    after_ship = ("cancelled_after_ship", "edited_after_ship", "digital_cancelled")
    expected = ("order_cancelled", "recall", "edited_after_release", *after_ship)
    return [
        f"{flow} {key} {code}: {detail}"
        for flow, key, code, detail, order_id in rows
        if code not in expected
        and code not in diary.shelf.expected.get(order_id, ())
        and not (code == "cancel_refused" and order_id in refusable)
        and not (code == EXCUSES_NOTHING and _unlisted(world, order_id))
    ]


def _unlisted(world: World, order_id: str) -> bool:
    """Whether the order has something that the shop does not list."""
    units = world.tiktok.order(order_id).units
    skus = {str(part["seller_sku"]) for unit in units for part in unit.recipe} | {unit.seller_sku for unit in units}
    return not all(world.tiktok.catalogue.by_seller_sku(sku) for sku in skus)


def _nothing_twice(world: World) -> list[str]:
    found = [
        f"I2 order {order_id} was created {times} times"
        for order_id, times in world.pipe17.audit.creates.items()
        if times > 1
    ]
    found += [
        f"I2 order {order_id} was sent again {times} times without looking"
        for order_id, times in world.pipe17.audit.refused_creates.items()
    ]
    numbers = Counter(
        package.tracking_number for package in world.tiktok.book.packages.values() if package.tracking_number
    )
    found += [f"I2 tracking {number} stands on {times} packages" for number, times in numbers.items() if times > 1]
    shipped_again = [
        call
        for call in world.tiktok.calls
        if call.operation in ("packages.mark_shipped", "packages.ship") and call.code == 21011020
    ]
    blind = Counter(call.path for call in shipped_again)
    for order in world.tiktok.book.orders.values():
        if order.combined:  # the other order shipped it, and no page could be read that says so: once is no harm
            blind.subtract([f"/fulfillment/202309/orders/{order.id}/packages"])
    found += [f"I2 shipped again without looking, {times} times: {path}" for path, times in blind.items() if times > 0]
    return found + _corrected_once(world)


def _corrected_once(world: World) -> list[str]:
    """A number is corrected once, and nothing is split twice."""
    judged: Counter[tuple[str, str]] = Counter()
    for call in world.tiktok.calls:
        if not call.effective:
            continue
        if call.operation in UPDATES:
            carried = call.body.get("shipping_info_list", [call.body])[0]
            judged[call.path, carried.get("tracking_number", "")] += 1
        if call.operation == "packages.split":
            judged[call.path, str(sorted(call.body["splittable_groups"][0]["order_line_item_ids"]))] += 1
    return [f"I2 done {times} times: {what} of {path}" for (path, what), times in judged.items() if times > 1]


def _holds_kept(world: World, diary: Diary, hold: timedelta) -> list[str]:
    found = []
    audit, hold_ms = world.pipe17.audit, hold // timedelta(milliseconds=1)
    for order_id in diary.orders:
        true_ms = world.tiktok.order(order_id).paid_ms
        paid_ms = None if true_ms is None else true_ms // 1000 * 1000  # TikTok tells whole seconds
        if audit.first_routable_ms(order_id) is not None and (
            paid_ms is None or audit.routable_before(order_id, paid_ms + hold_ms)
        ):
            found.append(f"I3 {order_id} was routable before its hold ended")
        if order_id in diary.cancelled_on_hold and audit.first_routable_ms(order_id) is not None:
            found.append(f"I3 {order_id} was cancelled on hold and released")
        if order_id in diary.old_street and world.tiktok.order(order_id).status != "CANCELLED":
            street = world.tiktok.order(order_id).address.line1
            for change in audit.of(order_id):
                if change.routable and change.address.get("address1") != street:
                    found.append(f"I3 {order_id} was routable with an address that was changed before the release")
                    break
    found += [
        f"I3 status taken back: {change.ext_order_id} {change.before} -> {change.status}" for change in audit.lowered
    ]
    return found


def _nothing_hidden(store: sqlite3.Connection) -> list[str]:
    real = dict(store.execute("SELECT flow || '/' || state, count(*) FROM outbox GROUP BY flow, state"))
    tally = dict(
        store.execute("SELECT flow || '/' || state, items FROM tally WHERE items <> 0 AND flow NOT LIKE 'exception:%'")
    )
    found = [] if real == tally else [f"I6 the tally says {tally}, the table {real}"]
    silent = store.execute(
        "SELECT flow, key FROM outbox AS o WHERE state = 'dead' AND NOT EXISTS (SELECT 1 FROM exceptions AS e "
        "WHERE e.flow = o.flow AND e.key = o.key AND e.closed_at_ms IS NULL)"
    ).fetchall()
    found += [f"I6 {flow} {key} is dead and no exception says so" for flow, key in silent]
    stuck = store.execute(
        "SELECT flow, key, state, reason FROM outbox WHERE state IN ('sending', 'unknown')"
    ).fetchall()
    found += [f"I6 {flow} {key} is still {state}: {reason}" for flow, key, state, reason in stuck]
    return found


def _limits_kept(world: World) -> list[str]:
    tripped = [call for call in world.tiktok.calls if call.status == 429 and not call.fault]
    return [f"I7 {len(tripped)} calls were too many for TikTok's limiter"] if tripped else []


async def restart_sends_nothing(world: World) -> list[str]:
    """I10: stop, start, wait; counted on the services' side."""

    def writes() -> int:
        return sum(call.operation in WRITES for service in (world.tiktok, world.pipe17) for call in service.calls)

    before = writes()
    await world.stop()
    await world.start()
    await world.live(900)
    return [] if writes() == before else [f"I10 {writes() - before} writes after a restart with nothing new"]
