"""Which locations of Pipe17 are left out of the stock, and why: for `status` and the status page.

From the settings, and from what the stock flow has found out (the fact `stock_locations`, core/standings.py). Where the
settings name the locations that count, nothing is left to be found out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from daemon.core.standings import FACT, Standing, read_places
from daemon.ops.cli import times
from daemon.settings import Settings


def left_out(settings: Settings, facts: Mapping[str, Any]) -> dict[str, Any]:
    """For `--json` and /api/status; empty while stock is switched off."""
    if not settings.inventory.pushes:
        return {}
    places = read_places(facts.get(FACT))
    excluded = sorted(places.excluded)
    return {
        "excluded_in_pipe17": [{"location": one, "since_ms": places.place(one).since_ms} for one in excluded],
        "left_out_by_setting": sorted(settings.inventory_locations_except),
        "not_told": sorted(one for one, place in places.known.items() if place.standing is Standing.ASSUMED),
        "looked_at_ms": places.looked_at_ms,
        "problem": places.problem,
    }


def why_uncounted(settings: Settings, facts: Mapping[str, Any], locations: Iterable[str]) -> dict[str, str]:
    """Why the stock of these locations is not sold, "" where it is."""
    from daemon.assembly import stock_rules

    rules, excluded = stock_rules(settings), read_places(facts.get(FACT)).excluded

    def why(location: str) -> str:
        if not rules.sums_all:
            return "" if rules.counts(location) else "the settings name other locations"
        if not rules.counts(location):
            return "INVENTORY_LOCATIONS_EXCEPT names it"
        return "excluded in Pipe17" if location in excluded else ""

    return {location: why(location) for location in locations}


def left_out_text(known: Mapping[str, Any], now_ms: int) -> str:
    """The same in a line, "" when every location counts and there is nothing to say."""
    if not known:
        return ""
    names = [
        f"{one['location']} (excluded in Pipe17, {times.since(one['since_ms'], now_ms)})"
        for one in known["excluded_in_pipe17"]
    ]
    names += [f"{one} (INVENTORY_LOCATIONS_EXCEPT)" for one in known["left_out_by_setting"]]
    parts = [f"without {', '.join(names)}"] if names else []
    if known["problem"]:
        parts.append(known["problem"])
    elif known["not_told"]:
        parts.append(f"whether Pipe17 excludes {', '.join(known['not_told'])} cannot be told; the stock there counts")
    return "; ".join(parts)
