"""How many units TikTok may sell: S43 to S45 as examples, the rules of what is not known as properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.stock import MOST, Figures, Publish, Shelf, StockRules, Why, Withhold, plan_stock, shelf_of

NOW = 10_000_000
HOUR = 3_600_000
ONE = Shelf(("W1",), "W1")
TWO = Shelf(("W1", "W2"), "W1")
TOTAL = StockRules(total_to_default=True)


def at(location: str, on_hand: int, *, certain: bool = True, known_at_ms: int = NOW, committed: int = 0) -> Figures:
    return Figures(location, on_hand, committed=committed, certain=certain, known_at_ms=known_at_ms)


def published(
    *figures: Figures,
    shelf: Shelf = ONE,
    rules: StockRules = StockRules(),  # noqa: B008
    reserved: int = 0,
    last: Mapping[str, int] | None = None,
) -> dict[str, int] | Why:
    plan = plan_stock(figures, shelf, reserved, last, rules, NOW)
    return plan.why if isinstance(plan, Withhold) else dict(plan.quantities)


def test_the_formula() -> None:
    figures = Figures("L1", on_hand=20, committed=6, future=5, committed_future=2)
    assert published(figures, reserved=3) == {"W1": 14}


def test_total_goes_to_the_default_warehouse_and_the_others_get_zero() -> None:
    rules = replace(TOTAL, locations_except=frozenset({"L3"}))
    assert published(at("L1", 5), at("L2", 7), at("L3", 8), shelf=TWO, rules=rules) == {"W1": 12, "W2": 0}


def test_one_location_alone() -> None:
    assert published(at("L1", 5), at("L2", 9), rules=StockRules(location="L1")) == {"W1": 5}


def test_one_location_down() -> None:
    last = {"W1": 20}
    down = at("L3", 8, certain=False, known_at_ms=NOW - HOUR)
    assert published(at("L1", 2), at("L2", 7), down, rules=TOTAL, last=last) == {"W1": 17}
    assert published(at("L1", 2), at("L2", 30), down, rules=TOTAL, last={"W1": 17}) == {"W1": 17}
    gone = replace(down, known_at_ms=NOW - HOUR - 1)
    assert published(at("L1", 0), at("L2", 7), gone, rules=TOTAL, last=last) is Why.STALE
    assert published(at("L1", 2), at("L2", 30), at("L3", 3), rules=TOTAL, last={"W1": 17}) == {"W1": 35}


def test_a_location_outside_the_rules_is_not_missed() -> None:
    down = at("L2", 9, certain=False, known_at_ms=0)
    assert published(at("L1", 5), down, rules=StockRules(location="L1")) == {"W1": 5}


def test_no_figure_is_not_zero() -> None:
    assert published() is Why.UNKNOWN
    assert published(at("L2", 9), rules=StockRules(location="L1"), last={"W1": 4}) is Why.UNKNOWN


def test_what_lies_in_locations_that_are_left_out_only_is_nothing_to_sell() -> None:
    rules = replace(TOTAL, locations_except=frozenset({"L3", "L4"}))
    assert published(at("L3", 8), at("L4", 2), shelf=TWO, rules=rules) == {"W1": 0, "W2": 0}
    assert published(at("L3", 8), at("L4", 2, certain=False), rules=rules) is Why.UNKNOWN
    assert plan_stock([at("L3", 8)], ONE, 0, {"W1": 9}, rules, NOW, blind=True) == Withhold(Why.UNKNOWN)
    mapped = StockRules(location_map={"L1": "W1"}, locations_except=frozenset({"L3"}))
    assert published(at("L3", 8), rules=mapped) is Why.UNKNOWN


def test_no_warehouse() -> None:
    assert published(at("L1", 9), shelf=Shelf((), "")) is Why.NO_WAREHOUSE


def test_a_location_never_read_makes_everything_doubtful() -> None:
    plan = plan_stock([at("L1", 0)], ONE, 0, {"W1": 9}, TOTAL, NOW, blind=True)
    assert plan == Withhold(Why.STALE)


def test_partial_and_nothing_known_of_tiktok() -> None:
    assert published(at("L1", 3, certain=False)) is Why.PARTIAL


def test_location_map() -> None:
    rules = StockRules(location_map={"L1": "W1", "L2": "W2", "L4": "W9"})
    figures = (at("L1", 5), at("L2", 7), at("L3", 50), at("L4", 60))
    assert published(*figures, shelf=TWO, rules=rules) == {"W1": 5, "W2": 7}
    assert published(*figures, shelf=TWO, rules=replace(rules, buffer_units=3), reserved=6) == {"W1": 3, "W2": 0}


def test_the_total_is_stronger_than_the_map() -> None:
    rules = StockRules(location_map={"L2": "W2"}, total_to_default=True)
    assert published(at("L1", 5), at("L2", 7), shelf=TWO, rules=rules) == {"W1": 12, "W2": 0}


def test_what_one_warehouse_lacks_the_other_has_to_keep() -> None:
    rules = StockRules(location_map={"L1": "W1", "L2": "W2"})
    assert published(at("L1", 2, committed=5), at("L2", 7), shelf=TWO, rules=rules) == {"W1": 0, "W2": 4}


@pytest.mark.parametrize(
    ("units", "share", "on_hand", "quantity"),
    [(3, "0", 10, 7), (3, "0", 2, 0), (0, "0.1", 20, 18), (0, "0.1", 12, 10), (0, "1", 7, 0), (0, "0.1", 0, 0)],
)
def test_buffer(units: int, share: str, on_hand: int, quantity: int) -> None:
    rules = StockRules(buffer_units=units, buffer_share=Decimal(share))
    assert published(at("L1", on_hand), rules=rules) == {"W1": quantity}


def test_chosen_skus() -> None:
    assert StockRules().chooses("A")
    assert StockRules(skus=frozenset({"A"})).chooses("A")
    assert not StockRules(skus=frozenset({"A"})).chooses("B")


def test_the_shelf_of_a_sku_that_is_not_in_the_default_warehouse() -> None:
    assert shelf_of(["W2", "W1", "W2"], "W2") == Shelf(("W1", "W2"), "W2")
    assert shelf_of(["W3", "W2"], "W1") == Shelf(("W2", "W3"), "W2")
    assert shelf_of([], "W1") == Shelf((), "")


counts = st.integers(-50, 300)
sound = st.builds(
    Figures,
    location=st.sampled_from(["L1", "L2", "L3"]),
    on_hand=counts,
    committed=st.integers(0, 60),
    future=st.integers(0, 60),
    committed_future=st.integers(0, 60),
    certain=st.just(True),
    known_at_ms=st.just(NOW),
)
doubtful = st.builds(
    Figures,
    location=st.sampled_from(["L1", "L2", "L3"]),
    on_hand=counts,
    certain=st.booleans(),
    known_at_ms=st.integers(NOW - 2 * HOUR, NOW),
)
rules_made = st.builds(
    StockRules,
    location=st.sampled_from(["", "", "L1"]),
    total_to_default=st.booleans(),
    location_map=st.sampled_from([{}, {"L1": "W1", "L2": "W2"}, {"L1": "W9"}]),
    locations_except=st.sampled_from([frozenset(), frozenset({"L2"})]),
    buffer_units=st.integers(0, 20),
    buffer_share=st.decimals(0, 1, places=2),
    stale_after=st.just(timedelta(hours=1)),
)
lasts = st.none() | st.fixed_dictionaries({"W1": st.integers(0, 400), "W2": st.integers(0, 400)})


@given(st.lists(sound | doubtful, max_size=5), st.integers(0, 50), lasts, rules_made, st.booleans())
def test_whatever_is_published_names_every_warehouse_within_bounds(
    figures: list[Figures], reserved: int, last: dict[str, int] | None, rules: StockRules, blind: bool
) -> None:
    plan = plan_stock(figures, TWO, reserved, last, rules, NOW, blind=blind)
    if isinstance(plan, Publish):
        assert tuple(warehouse for warehouse, _ in plan.quantities) == TWO.warehouses
        assert all(0 <= quantity <= MOST for _, quantity in plan.quantities)


@given(st.lists(doubtful, max_size=5), st.integers(0, 50), lasts, rules_made, st.booleans())
def test_partial_knowledge_never_raises_and_unknown_is_never_zero(
    figures: list[Figures], reserved: int, last: dict[str, int] | None, rules: StockRules, blind: bool
) -> None:
    plan = plan_stock(figures, TWO, reserved, last, rules, NOW, blind=blind)
    counted = [one for one in figures if rules.counts(one.location)]
    unsure = [one for one in counted if not one.certain]
    if not counted and isinstance(plan, Publish):
        assert figures
        assert all(one.certain and one.location in rules.locations_except for one in figures)
        assert plan == Publish((("W1", 0), ("W2", 0)))
        assert not blind
    elif not counted:
        assert plan == Withhold(Why.UNKNOWN)
    elif blind or any(NOW - one.known_at_ms > HOUR for one in unsure):
        assert plan == Withhold(Why.STALE)
    elif unsure and isinstance(plan, Publish):
        assert plan.partial
        assert last is not None
        assert all(quantity <= last[warehouse] for warehouse, quantity in plan.quantities)
        assert plan.total <= sum(last.values())


@given(st.lists(sound, min_size=1, max_size=5), st.integers(0, 50), rules_made)
def test_the_sum_is_what_is_sellable_less_orders_and_buffer(
    figures: list[Figures], reserved: int, rules: StockRules
) -> None:
    plan = plan_stock(figures, TWO, reserved, None, rules, NOW)
    counted = [one for one in figures if rules.counts(one.location)]
    if not counted and not rules.sums_all:
        assert plan == Withhold(Why.UNKNOWN)
        return
    assert isinstance(plan, Publish)
    total = sum(one.sellable for one in counted if rules.warehouse_of(one.location, TWO))
    assert plan.total == max(0, total - reserved - rules.kept_back(total))


@given(st.lists(sound, min_size=1, max_size=5), st.integers(0, 50), st.integers(1, 50))
def test_an_order_more_is_never_a_unit_more(figures: list[Figures], reserved: int, more: int) -> None:
    few = plan_stock(figures, TWO, reserved, None, TOTAL, NOW)
    many = plan_stock(figures, TWO, reserved + more, None, TOTAL, NOW)
    assert isinstance(few, Publish)
    assert isinstance(many, Publish)
    assert many.total == max(0, few.total - more)


@given(st.integers(0, 1000), st.integers(0, 30), st.decimals(0, 1, places=2))
def test_the_buffer_is_never_less_than_asked_for(total: int, units: int, share: Decimal) -> None:
    kept = StockRules(buffer_units=units, buffer_share=share).kept_back(total)
    assert total * share + units <= kept < total * share + units + 1
