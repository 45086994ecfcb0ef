"""What the demo shows while it runs and at its end.

On a terminal a small panel is drawn again a few times a second under the events of the day; anywhere else a plain line
comes every two seconds. With `--json` all of it goes to stderr and stdout gets one document at the end.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO

from daemon.sandbox.compare_goods import Shelves
from daemon.sandbox.demo_day import HOLD, MINUTE_S, Day
from daemon.sandbox.demo_verdict import Verdict
from daemon.sandbox.pipe17 import Pipe17Sandbox
from daemon.sandbox.tiktok import TikTokSandbox

PANEL_EVERY_S = 0.25
LINE_EVERY_S = 2.0
DIFFERENCES_SHOWN = 50
BACKLOG_STATES: tuple[str, ...] = ("held", "ready", "sending", "unknown", "dead")

Backlog = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Look:
    """Everything at one moment."""

    minute: int
    seconds: int
    tiktok: str
    pipe17: str
    tracking: str
    stock: str
    daemon: str


def look(day: Day, tiktok: TikTokSandbox, pipe17: Pipe17Sandbox, shelves: Shelves, backlog: Backlog | None) -> Look:
    """Both sides and the daemon, now."""
    pipe17.advance()
    orders = Counter(order.status for order in tiktok.book.orders.values())
    theirs = Counter(str(row.document["status"]) for row in pipe17.books.orders)
    skus = len(shelves.skus)
    tracked = sum(bool(package.tracking_number) for package in tiktok.book.packages.values())
    return Look(
        minute=round(day.minute),
        seconds=round(day.minute * MINUTE_S),
        tiktok=_counted(orders),
        pipe17=_counted(theirs),
        tracking=f"{tracked} of {day.diary.fulfillments}",
        stock=f"{skus - len(shelves.differences())} of {skus} SKUs",
        daemon=_owed(backlog),
    )


def _counted(counts: Counter[str]) -> str:
    total = sum(counts.values())
    return f"{total}: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) if total else "none"


def _owed(backlog: Backlog | None) -> str:
    if backlog is None:
        return "does not answer"
    flows: dict[str, dict[str, int]] = {flow: dict.fromkeys(BACKLOG_STATES, 0) for flow, _ in backlog}
    for (flow, state), count in backlog.items():
        flows[flow][state] = count
    texts = []
    for flow, states in sorted(flows.items(), reverse=True):
        owed = ", ".join(f"{count} {state}" for state, count in states.items() if count)
        texts.append(f"{flow} {owed or 'nothing owed'}")
    return "; ".join(texts)


class Screen:
    """Writes to one stream."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._panel = 0
        self._next_s = float("-inf")
        self._told = 0
        self.live = out.isatty()

    def say(self, text: str = "") -> None:
        """Lines that stay."""
        self._clear()
        self._out.write(f"{text}\n")
        self._out.flush()

    def show(self, day: Day, look_now: Callable[[], Look], at_s: float) -> None:
        """The events that are new, and where things stand if it is time for that."""
        news = day.diary.events[self._told :]
        self._told += len(news)
        for minute, what in news:
            self.say(f"minute {minute:3d}: {what}")
        if at_s < self._next_s:
            return
        now = look_now()
        if self.live:
            self._next_s = at_s + PANEL_EVERY_S
            self._draw(now)
        else:
            self._next_s = at_s + LINE_EVERY_S
            self.say(
                f"minute {now.minute:3d} ({now.seconds} s) | TikTok {now.tiktok} | Pipe17 {now.pipe17} | "
                f"tracking at TikTok {now.tracking} | stock agrees {now.stock} | daemon: {now.daemon}"
            )

    def _draw(self, now: Look) -> None:
        width = shutil.get_terminal_size((100, 24)).columns - 1
        lines = [
            "-" * min(width, 78),
            f"minute {now.minute} of the day, {now.seconds} s",
            f"  TikTok    {now.tiktok}",
            f"  Pipe17    {now.pipe17}",
            f"  tracking  {now.tracking} at TikTok",
            f"  stock     {now.stock} as Pipe17's figures give it",
            f"  daemon    {now.daemon}",
        ]
        self._clear()
        self._out.write("".join(f"{line[:width]}\n" for line in lines))
        self._out.flush()
        self._panel = len(lines)

    def _clear(self) -> None:
        if self._panel:
            self._out.write(f"\x1b[{self._panel}A\x1b[J")
            self._panel = 0


def intro(orders: int, seed: int) -> str:
    """What is about to be seen."""
    return (
        f"A shop's day in under a minute: {orders} orders (seed {seed}). A minute of the shop takes {MINUTE_S} s,\n"
        f"so its hold of {HOLD:.0f} minutes takes {HOLD * MINUTE_S:.0f} s. TikTok Shop and Pipe17 are simulated on "
        "loopback, with\nworse manners than the real ones; the daemon is the real one. One webhook in ten is lost,\n"
        "one in ten comes twice."
    )


def summary(verdict: Verdict, took_s: float) -> str:
    """The table, and every difference."""
    figures = verdict.figures
    rows = [
        ("orders", figures.orders, f"{figures.never_paid} never paid, so never in Pipe17"),
        ("held", figures.held, "in Pipe17 on hold first, not routable"),
        ("released", figures.released, f"after their hold; {figures.edited} with an address changed in minute 59"),
        ("cancelled", figures.cancelled_on_hold + figures.cancelled_late, _cancelled_text(verdict)),
        ("fulfillments", figures.fulfillments, f"{figures.shipped_apart} orders in three packages"),
        ("packages", figures.packages, f"shipped at TikTok; {figures.fallback_carrier} by the fallback carrier"),
        ("tracking", figures.tracking, "packages with their tracking number"),
        ("products linked", figures.skus_linked, f"of {figures.skus} SKUs, in {figures.products} products"),
        (
            "stock agrees",
            figures.skus_agreed,
            f"of {figures.skus_with_stock} SKUs; it moved {figures.stock_moves} times",
        ),
        ("zeroed by a fault", figures.zeroed_by_fault, "SKUs at 0 at TikTok while Pipe17 had stock"),
        ("oversold", figures.oversold, "units"),
        (
            "cancelled there",
            figures.cancels_arrived,
            f"of {figures.cancelled_in_pipe17} cancelled in Pipe17, at TikTok",
        ),
        ("buyers told", figures.buyers_told, f"of their order; {figures.told_twice} told anything twice"),
        ("doubled", figures.doubled, "orders or shipments sent twice"),
        ("lost", figures.lost, "orders or shipments that never arrived"),
        ("early releases", figures.early_releases, "routable before the hold ended"),
        ("429s by our fault", figures.limited_by_our_fault, f"beside {figures.limited_by_the_play} of the play"),
    ]
    survived = (
        f"survived: one kill -9, {figures.outages} times 503, {figures.resets} resets, {figures.lost_answers} lost "
        f"answers, {figures.webhooks_missed} undeliverable webhooks ({figures.webhooks} delivered)"
    )
    wide = max(len(name) for name, _, _ in rows)
    lines = ["", *(f"  {name.ljust(wide)}  {count:5d}  {text}" for name, count, text in rows), "", survived]
    if verdict.agree:
        lines += ["", f"TikTok and Pipe17 agree, line by line ({took_s:.0f} s)."]
        return "\n".join(lines)
    found = len(verdict.differences)
    count = "1 difference" if found == 1 else f"{found} differences"
    lines += ["", f"TikTok and Pipe17 DO NOT AGREE ({took_s:.0f} s), {count}:"]
    lines += [
        f"  {one.kind}: order {one.order_id} {one.text}" if one.order_id else f"  {one.kind}: {one.text}"
        for one in verdict.differences[:DIFFERENCES_SHOWN]
    ]
    if found > DIFFERENCES_SHOWN:
        lines.append(f"  and {found - DIFFERENCES_SHOWN} more (--json shows all)")
    return "\n".join(lines)


def _cancelled_text(verdict: Verdict) -> str:
    figures = verdict.figures
    return f"{figures.cancelled_on_hold} on hold and never released, {figures.cancelled_late} after their release"
