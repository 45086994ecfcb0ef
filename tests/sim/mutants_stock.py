"""Mistakes with stock, planted one at a time (see `bug_bank.py`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

from daemon.core.exclusions import Rows, Sees, told, weighings
from daemon.core.standings import Place
from daemon.core.stock_rows import StockRow
from daemon.flows import resync_standing, stock_exclusions, stock_unanswered
from daemon.flows.resync import Resync
from daemon.flows.stock_reader import StockReader
from daemon.flows.stock_silence import Silence
from daemon.flows.stock_unanswered import SecondLooks
from daemon.store import facts, levels, links, reservations
from daemon.store.database import Tx
from tests.sim import scenarios_stock as worlds
from tests.sim.bug_bank import Mutant
from tests.sim.scenarios import Scenario

Answer = Sequence[Mapping[str, Any]]


@contextmanager
def _absent_is_zero() -> Iterator[None]:
    """A location that a reading does not show has nothing."""

    def only(tx: Tx, sku: str, shown: Collection[str], sweep: int, now_ms: int) -> None:
        for row in levels.of_sku(tx, sku):
            if row.location not in shown:
                tx.run("level_put", (sku, row.location, 0, 0, 0, 0, row.version_ms, sweep))
                levels.mark(tx, sku, levels.Cause.READ, now_ms)

    with mock.patch.object(levels, "only", only):
        yield


@contextmanager
def _empty_is_nothing_new() -> Iterator[None]:
    """A reading without rows is a whole reading, and the next one begins behind it."""

    async def hidden(self: StockReader, pipe17: object) -> bool:
        return False

    with mock.patch.object(StockReader, "_hidden", hidden):
        yield


@contextmanager
def _older_row_stored() -> Iterator[None]:
    """What was read last counts, however old it is."""
    real = levels.put

    def put(tx: Tx, row: StockRow, sweep: int, now_ms: int) -> bool:
        found = tx.one("level_get", (row.sku, row.location))
        if found is not None and row.version_ms < levels.Stored(*found).version_ms:
            row = replace(row, version_ms=levels.Stored(*found).version_ms)
        return real(tx, row, sweep, now_ms)

    with mock.patch.object(levels, "put", put):
        yield


@contextmanager
def _every_start_asks() -> Iterator[None]:
    """Every start asks for a resync of its own, also one after a crash."""
    real = Resync.booted

    async def booted(self: Resync) -> None:
        await real(self)
        now_ms = self._engine.clock.now_ms()

        def work(tx: Tx) -> None:
            known = resync_standing.find(tx)
            if known is not None and not known.ended:
                facts.put(
                    tx,
                    resync_standing.FACT,
                    replace(known, phase=resync_standing.DONE, ended_at_ms=now_ms).public(),
                    now_ms,
                )
            if levels.any_known(tx):
                resync_standing.request(tx, "restart", now_ms)

        await self._engine.database.write(work)

    with mock.patch.object(Resync, "booted", booted):
        yield


@contextmanager
def _resync_beside_resync() -> Iterator[None]:
    """Whoever asks for a resync gets one, also while one runs."""
    real = resync_standing.request

    def request(tx: Tx, by: str, now_ms: int) -> dict[str, Any]:
        known = resync_standing.find(tx)
        if known is not None and not known.ended:
            facts.put(
                tx,
                resync_standing.FACT,
                replace(known, phase=resync_standing.DONE, ended_at_ms=now_ms).public(),
                now_ms,
            )
        return real(tx, by, now_ms)

    with mock.patch.object(resync_standing, "request", request):
        yield


@contextmanager
def _statement(name: str, sql: str) -> Iterator[None]:
    with mock.patch.dict("daemon.store.writer.SQL", {name: sql}):
        yield


@contextmanager
def _guard_forgets_slices() -> Iterator[None]:
    """The guard counts what is before it, and not what went to zero an hour ago."""
    with _statement("stock_zeroed_count", "SELECT 0 WHERE ? IS NOT NULL"):
        yield


@contextmanager
def _guard_counts_too_many_linked() -> Iterator[None]:
    """The guard takes its share of a catalogue that is not there."""
    real = links.settable
    with mock.patch.object(links, "settable", lambda tx, chosen: real(tx, chosen) * 10):
        yield


@contextmanager
def _units_twice() -> Iterator[None]:
    """That Pipe17's figures count an order is never noticed: its units are taken off twice."""
    with mock.patch.object(reservations, "explain", return_value=None):
        yield


@contextmanager
def _units_never() -> Iterator[None]:
    """What an order takes is known once Pipe17 has committed it, and not before."""
    with mock.patch.object(reservations, "units", return_value=0):
        yield


@contextmanager
def _units_kept_for_ever() -> Iterator[None]:
    """An order that is cancelled gives nothing back."""
    real: Callable[..., set[str]] = reservations.take

    def take(tx: Tx, order_id: str, units: Mapping[str, int], *, first: bool) -> set[str]:
        return real(tx, order_id, units, first=first) if units else set()

    with mock.patch.object(reservations, "take", take):
        yield


@contextmanager
def _failing_is_excluded() -> Iterator[None]:
    """What is in neither the rows nor the totals is weighed as if it were there, and found to be left out."""

    def tells(tx: Tx, rows: Rows, before: Answer, after: Answer, now_ms: int) -> dict[str, Sees]:
        kept = {
            sku: {row.location: {"onHand": row.on_hand, "future": row.future} for row in levels.of_sku(tx, sku)}
            for sku in rows
        }
        return told(weighings(kept, before, after))

    with mock.patch.object(stock_exclusions, "tells", tells):
        yield


@contextmanager
def _exclusions_ignored() -> Iterator[None]:
    """Every location counts, whatever Pipe17's totals say."""
    with mock.patch.object(stock_exclusions, "in_force", lambda rules, places: rules):
        yield


@contextmanager
def _one_look_is_enough() -> Iterator[None]:
    """What one look tells of a location is believed at once, and it may have lost rows a minute ago."""
    real = Place.after_look

    def after_look(self: Place, sees: Sees | None, now_ms: int) -> Place:
        return real(real(self, sees, now_ms), sees, now_ms) if sees is not None else real(self, sees, now_ms)

    with mock.patch.object(Place, "after_look", after_look), mock.patch.object(levels, "lost_any", return_value=False):
        yield


@contextmanager
def _next_call_at_once() -> Iterator[None]:
    """After a call without an answer the next one leaves as soon as the look-up has said that TikTok has it not."""
    with mock.patch.object(stock_unanswered, "quiet_until_ms", return_value=None):
        yield


@contextmanager
def _never_looked_again() -> Iterator[None]:
    """What the look-up said of a call without an answer is believed for good."""

    async def look(self: SecondLooks) -> bool:
        return False

    with mock.patch.object(SecondLooks, "_look", look):
        yield


@contextmanager
def _silence_is_rest() -> Iterator[None]:
    """A location of which nothing is shown has not changed."""

    async def look(self: Silence, reader: object, pipe17: object, since_ms: int) -> None:
        return None

    with mock.patch.object(Silence, "look", look):
        yield


NASTY: tuple[Scenario, ...] = tuple(partial(worlds.a_nasty_source, seed) for seed in (1, 0, 2))
ORDERS: tuple[Scenario, ...] = tuple(partial(worlds.orders_take_units_once, seed) for seed in range(4))
RESYNC: tuple[Scenario, ...] = (
    lambda: worlds.levels_move_during_a_resync(None),
    lambda: worlds.levels_move_during_a_resync(("committed", 13)),
    lambda: worlds.levels_move_during_a_resync(("effect", 4)),
)
ZERO: tuple[Scenario, ...] = (lambda: worlds.a_source_that_zeroes_everything(1.0, 5),)

EXCLUDED: tuple[Scenario, ...] = tuple(
    partial(worlds.an_excluded_location_beside_failing_ones, seed) for seed in (7, 9)
)
"""Days with a location that is now and then in neither the rows nor the totals, at the wrong moments."""

MUTANTS = (
    Mutant("absent is zero", _absent_is_zero, NASTY),
    Mutant(
        "a newer level overtakes a call without an answer",
        _next_call_at_once,
        (lambda: worlds.calls_that_land_late(29),),
    ),
    Mutant("a look-up is believed for good", _never_looked_again, (lambda: worlds.calls_that_land_late(200),)),
    Mutant(
        "a location that shows nothing has not changed",
        _silence_is_rest,
        (worlds.a_location_that_shows_nothing,),
    ),
    Mutant("an empty answer is nothing new", _empty_is_nothing_new, (worlds.empty_for_twenty_minutes,)),
    Mutant("an older row of Pipe17 replaces a newer one", _older_row_stored, (worlds.an_answer_that_comes_late,)),
    Mutant("every start asks for a resync", _every_start_asks, (worlds.a_crash_loop_in_a_resync,)),
    Mutant("a second resync runs beside the first", _resync_beside_resync, RESYNC),
    Mutant("the guard forgets what went to zero in slices", _guard_forgets_slices, ZERO),
    Mutant("the guard counts SKUs that are not linked", _guard_counts_too_many_linked, ZERO),
    Mutant("a location that fails is taken for excluded", _failing_is_excluded, EXCLUDED),
    Mutant("one look settles whether a location is excluded", _one_look_is_enough, EXCLUDED),
    Mutant("what is excluded in Pipe17 counts all the same", _exclusions_ignored, EXCLUDED),
    Mutant("units of an order are counted twice", _units_twice, ORDERS),
    Mutant("units of an order are never counted", _units_never, ORDERS),
    Mutant("units of a cancelled order never come back", _units_kept_for_ever, ORDERS),
)
