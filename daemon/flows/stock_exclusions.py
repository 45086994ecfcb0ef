"""Finding out which locations are excluded in Pipe17, and having their SKUs worked out anew when that changes.

    look       totals, rows and totals again of at most `SKUS_IN_A_LOOK` SKUs, in a row (core/exclusions.py); two looks
               that agree settle a location (core/standings.py)
    when       before the first push of a store; at once when a location shows its first stock; every `LOOK_EVERY`, and
               with a resync; after a look that said something new with the next reading
    then       the SKUs kept at a location that counts otherwise are marked, stretch by stretch

Rows stay the only source of quantities. Where Pipe17 refuses totals, or they tell nothing, every location counts as it
always did, a person can read so in `status`, and it is tried again; stock never waits for it for long. Where the
settings name the locations that count (INVENTORY_LOCATION, INVENTORY_LOCATION_MAP), that is the merchant's word: no
look is made, and what is excluded in Pipe17 does not matter.

What is known is the fact `stock_locations`. The cost of a look does not depend on the size of the catalogue: the SKUs
of a location are taken by index, from where the last look ended.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import anyio

from daemon.apis.pipe17.assumptions import TOTALS_ASK_AS_US
from daemon.apis.pipe17.client import Pipe17
from daemon.clock import Clock
from daemon.core.exclusions import Rows, Sees, are_totals, sample, told, weighings
from daemon.core.reading import BadShape, required_text
from daemon.core.spans import milliseconds
from daemon.core.standings import FACT, Places, Standing, read_places
from daemon.core.stock import StockRules
from daemon.core.verdicts import Reauth, Rejected
from daemon.errors import ApiError
from daemon.flows.ownership import Ownership
from daemon.flows.stock_reader import SKUS_IN_A_CALL, StockReader
from daemon.store import facts, levels
from daemon.store.database import Database, Tx
from daemon.store.levels import Cause

log = logging.getLogger("daemon.stock")

WORK = "stock_locations_work"
"""Fact: how far the marking is, by location, and from which SKU on the next look takes its sample."""
LOOK_EVERY = timedelta(minutes=15)
LOST_LATELY = timedelta(hours=1)
"""A location that lost a row within this time is not judged: it may be failing."""
LOOKS_AT_ONCE = 8
SKUS_IN_A_LOOK = SKUS_IN_A_CALL
PLACES_IN_A_LOOK = 16
CANDIDATES = 12
"""SKUs of a location among which those are chosen that tell most."""
FIRST_RETRIES_S = (2.0, 5.0, 10.0)
"""Waits between attempts of the very first look, for which every push waits."""
AT_ONCE = 500
_DEAF = "what it excludes stays as last seen, all other locations count; INVENTORY_LOCATIONS_EXCEPT leaves them out"


@dataclass(frozen=True, slots=True)
class Agenda:
    """What one look is about."""

    locations: tuple[str, ...]
    skus: tuple[str, ...]


def find(tx: Tx) -> Places:
    """What is known of the locations."""
    return read_places(facts.get(tx, FACT))


def in_force(rules: StockRules, places: Places) -> StockRules:
    """The rules with what is excluded in Pipe17, as far as the settings leave it to Pipe17."""
    if not rules.sums_all or not places.excluded:
        return rules
    return replace(rules, locations_except=rules.locations_except | places.excluded)


def mark_next(tx: Tx, now_ms: int) -> bool:
    """Mark the SKUs of the next stretch of a location that counts otherwise now; True when there is more."""
    work: dict[str, Any] = facts.get(tx, WORK) or {}
    marking: dict[str, str] = work.get("marking") or {}
    if not marking:
        return False
    place, position = next(iter(marking.items()))
    stretch = levels.stocked_at(tx, place, position, AT_ONCE)
    for sku in stretch:
        levels.mark(tx, sku, Cause.READ, now_ms)
    left = {name: at for name, at in marking.items() if name != place}
    if len(stretch) == AT_ONCE:
        left[place] = stretch[-1]
    facts.put(tx, WORK, work | {"marking": left}, now_ms)
    return True


def tells(
    tx: Tx,
    rows: Rows,
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    now_ms: int,
) -> dict[str, Sees]:
    """What the answers of a look tell: rows that were just shown are weighed, at locations that lost none lately."""
    lost_after_ms = now_ms - milliseconds(LOST_LATELY)
    found = told(weighings(rows, before, after))
    return {place: sees for place, sees in found.items() if not levels.lost_any(tx, place, lost_after_ms)}


class Exclusions:
    """The looks; see the module."""

    def __init__(
        self, database: Database, clock: Clock, rules: StockRules, reader: StockReader, ownership: Ownership
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._reader = reader
        self._ownership = ownership
        self._asked = False

    def ask(self) -> None:
        """Somebody wants everything read again: look with the next reading, whenever the last look was."""
        self._asked = True

    async def keep_up(self, pipe17: Pipe17) -> None:
        """Look, if it is time; called when the rows have just been read. Never raises what Pipe17 answers."""
        if not self._rules.sums_all:
            await self._database.write(self._forget)
            return
        asked, self._asked = self._asked, False
        agenda = await self._database.write(lambda tx: self._agenda(tx, asked=asked))
        looks = 0
        while agenda is not None and await self._look(pipe17, agenda) and (looks := looks + 1) < LOOKS_AT_ONCE:
            agenda = await self._database.write(self._next)

    # --- what to look at

    def _agenda(self, tx: Tx, *, asked: bool) -> Agenda | None:
        """The first look of this time; None when it is not time for one, or nothing is there to be looked at."""
        places, now_ms, stocked = find(tx), self._clock.now_ms(), levels.stocked_places(tx)
        pending = [one for one in stocked if places.place(one).pending]
        late = places.looked_at_ms is None or now_ms - places.looked_at_ms >= milliseconds(LOOK_EVERY)
        if not (late or asked or pending):
            return None
        if not stocked:
            self._keep(tx, places, Places(places.known, now_ms, places.problem), now_ms)
            return None
        return self._taken(tx, stocked, pending, now_ms)

    def _next(self, tx: Tx) -> Agenda | None:
        """Another look right behind the last one: only while a location is new, for its stock waits for it."""
        places, stocked = find(tx), levels.stocked_places(tx)
        if not any(map(places.is_new, stocked)):
            return None
        pending = [one for one in stocked if places.place(one).pending]
        return self._taken(tx, stocked, pending, self._clock.now_ms())

    def _taken(self, tx: Tx, stocked: Sequence[str], pending: Sequence[str], now_ms: int) -> Agenda:
        """The locations whose turn it is, those that are open first, and SKUs that tell about them."""
        work: dict[str, Any] = facts.get(tx, WORK) or {}
        turn, sampled = str(work.get("turn") or ""), dict(work.get("sampled") or {})
        others = [one for one in stocked if one > turn and one not in pending]
        others += [one for one in stocked if one <= turn and one not in pending]
        some = [*pending, *others][:PLACES_IN_A_LOOK]
        candidates: dict[str, list[tuple[str, dict[str, int]]]] = {}
        for place in some:
            skus = levels.stocked_at(tx, place, sampled.get(place, ""), CANDIDATES)
            sampled[place] = skus[-1] if len(skus) == CANDIDATES else ""
            if len(skus) < CANDIDATES:
                skus = list(dict.fromkeys([*skus, *levels.stocked_at(tx, place, "", CANDIDATES)]))[:CANDIDATES]
            candidates[place] = [(sku, _parts(tx, sku, place)) for sku in skus]
        rest = [one for one in some if one not in pending]
        known = {"turn": rest[-1] if rest else turn, "sampled": sampled}
        facts.put(tx, WORK, work | known, now_ms)
        return Agenda(tuple(some), tuple(sample(candidates, SKUS_IN_A_LOOK)))

    # --- the look

    async def _look(self, pipe17: Pipe17, agenda: Agenda) -> bool:
        """True when the answers could be weighed."""
        first = (await self._database.write(find)).looked_at_ms is None
        waits = list(FIRST_RETRIES_S) if first else []
        while True:
            try:
                before = await self._totals(pipe17, agenda.skus)
                rows = _by_place(await self._reader.whole(pipe17, agenda.skus))
                after = await self._totals(pipe17, agenda.skus)
                break
            except ApiError as error:
                for_good, problem = isinstance(error.verdict, Rejected | Reauth), str(error)
            except BadShape as shape:
                for_good, problem = True, f"the answer cannot be understood: {shape}"
            if for_good or not waits:
                await self._give_up(f"Pipe17 shows no totals ({problem}): {_DEAF}", later=for_good)
                return False
            await anyio.sleep(waits.pop(0))
        now_ms = self._clock.now_ms()

        def work(tx: Tx) -> tuple[Places, Places]:
            places = find(tx)
            found = tells(tx, rows, before, after, now_ms)
            then = places.after_look({*agenda.locations, *found}, found, levels.stocked_places(tx), now_ms)
            self._keep(tx, places, then, now_ms)
            return places, then

        _say(*await self._database.write(work))
        return True

    async def _totals(self, pipe17: Pipe17, skus: Sequence[str]) -> list[dict[str, Any]]:
        asks = self._ownership.integration_id if TOTALS_ASK_AS_US.value else ""
        page = await pipe17.goods.inventory_totals(skus=skus, requestor_id=asks)
        if not are_totals(page.rows):
            raise BadShape("inventory", "has rows of locations where totals were asked for")
        return page.rows

    async def _give_up(self, problem: str, *, later: bool) -> None:
        """`later`: asked for good, so the next time is in `LOOK_EVERY`; else with the next reading."""
        now_ms = self._clock.now_ms()

        def work(tx: Tx) -> tuple[Places, Places]:
            places = find(tx)
            looked_at_ms = now_ms if later else places.looked_at_ms or 0
            then = places.given_up(levels.stocked_places(tx), problem[:500], now_ms, looked_at_ms)
            self._keep(tx, places, then, now_ms)
            return places, then

        _say(*await self._database.write(work))

    # --- what is known

    @staticmethod
    def _keep(tx: Tx, before: Places, after: Places, now_ms: int) -> None:
        facts.put(tx, FACT, after.public(), now_ms)
        moved = after.moved_from(before)
        if moved:
            work: dict[str, Any] = facts.get(tx, WORK) or {}
            marking = {**(work.get("marking") or {}), **dict.fromkeys(moved, "")}
            facts.put(tx, WORK, work | {"marking": marking}, now_ms)

    def _forget(self, tx: Tx) -> None:
        """The settings say which locations count; what was found out may be old when they do not any more."""
        if facts.get(tx, FACT):
            facts.put(tx, FACT, {}, self._clock.now_ms())


def _parts(tx: Tx, sku: str, place: str) -> dict[str, int]:
    """What a look will weigh of a SKU for the sake of a location, as far as we know."""
    rows = levels.of_sku(tx, sku)
    here = next(row for row in rows if row.location == place)
    parts = {row.location: row.on_hand if here.on_hand else row.future for row in rows}
    return {name: units for name, units in parts.items() if units}


def _by_place(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """Rows that name both; one that does not is no part of its SKU's sum, and then no sum explains the total."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        try:
            found.setdefault(required_text(row, "sku"), {})[required_text(row, "locationId")] = row
        except BadShape:
            continue
    return found


def _say(before: Places, after: Places) -> None:
    """Once, when something has changed."""
    for place in sorted(after.excluded - before.excluded):
        log.warning("location %s is excluded in Pipe17: its stock is not sold any more", place)
    for place in sorted(before.excluded - after.excluded):
        log.warning("location %s is not excluded in Pipe17 any more: its stock is sold again", place)
    assumed = {name for name, one in after.known.items() if one.standing is Standing.ASSUMED}
    told_before = {name for name, one in before.known.items() if one.standing is Standing.ASSUMED}
    if after.problem and not before.problem:
        log.warning("%s", after.problem)
    elif before.problem and not after.problem:
        log.warning("Pipe17 shows totals again: locations that are excluded there can be told")
    elif assumed - told_before:
        names = ", ".join(sorted(assumed - told_before))
        log.warning("it cannot be told whether Pipe17 excludes %s; the stock there counts", names)
