"""Bundles taken apart: to the cent, under names that stay, and shipped whole with their last part."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from order_builders import document, fulfillment, order, plan, raw_unit, sample

from daemon.core.bundles import bundles_of, part_lines
from daemon.core.findings import Refusal
from daemon.core.fulfillments import Fulfillment
from daemon.core.jsontext import dumps, loads
from daemon.core.lines import units_of
from daemon.core.money import total
from daemon.core.order_facts import facts_of, with_recipes
from daemon.core.shipments import AlreadyShipped, PartsAwaited, ShipPlan, plan_shipment
from daemon.core.tiktok_order import TikTokOrder, read_order

RECIPE = (("A", 2), ("B", 1))


def bundle(unit_id: str, recipe: Any = RECIPE, price: str = "30", prices: Any = (), **members: Any) -> dict[str, Any]:
    components = [{"sku_id": f"9{ord(sku)}", "sku_count": count, "seller_sku": sku} for sku, count in recipe]
    pieces = [component for component in components for _ in range(component["sku_count"])]
    parts = [
        {
            "id": f"{unit_id}0{place}",
            "sku_id": piece["sku_id"],
            "seller_sku": piece["seller_sku"],
            "original_price": cost,
        }
        for place, (piece, cost) in enumerate(zip(pieces, prices, strict=True) if prices else ())
    ]
    return raw_unit(unit_id, "V", price, combined_listing_skus=components, sub_item_info=parts, **members)


CENTS = st.integers(0, 20_000).map(lambda cents: str(Decimal(cents) / 100))


@st.composite
def bundle_orders(draw: st.DrawFn) -> list[dict[str, Any]]:
    skus = draw(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=4, unique=True))
    recipe = [(sku, draw(st.integers(1, 4))) for sku in skus]
    pieces = sum(count for _sku, count in recipe)
    prices = draw(st.none() | st.lists(CENTS, min_size=pieces, max_size=pieces))
    price = draw(CENTS) if prices is None or draw(st.booleans()) else str(total(map(Decimal, prices)))
    ids = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=5, unique=True))
    discount = st.decimals(0, Decimal(price), places=2).map(str)
    return [
        bundle(
            str(unit_id),
            recipe,
            price,
            prices or (),
            seller_discount=draw(discount),
            item_tax=[{"tax_amount": draw(CENTS)}],
            display_status=draw(st.sampled_from(["AWAITING_SHIPMENT", "CANCELLED"])),
        )
        for unit_id in ids
    ] + [raw_unit("9999999", "C")]


@given(bundle_orders())
def test_parts_cost_are_discounted_and_taxed_as_the_bundles_are(units: list[dict[str, Any]]) -> None:
    found = order(*units)
    lines = part_lines(found, tax_on_top=True)
    live = found.live_units
    assert total(line["itemPrice"] * line["quantity"] for line in lines) == total(unit.original_price for unit in live)
    assert total(line["itemDiscount"] for line in lines) == total(unit.seller_discount for unit in live)
    assert total(line["itemTax"] for line in lines) == total(unit.tax for unit in live)
    assert all(line["itemPrice"].as_tuple().exponent >= -2 for line in lines)
    assert all(0 <= line["itemDiscount"] <= line["itemPrice"] * line["quantity"] for line in lines)


@given(bundle_orders())
def test_every_part_of_every_live_bundle_is_in_one_line(units: list[dict[str, Any]]) -> None:
    found = order(*units)
    (kind,) = bundles_of(found).values()
    asked = {part.seller_sku: part.count * len(kind.live) for part in kind.recipe if kind.live}
    have: dict[str, int] = {}
    lines = [line for line in part_lines(found, tax_on_top=True) if line["uniqueId"] != "9999999"]
    for line in lines:
        have[line["sku"]] = have.get(line["sku"], 0) + line["quantity"]
    assert have == asked
    assert len({line["uniqueId"] for line in lines}) == len(lines)


@given(bundle_orders(), st.data())
def test_lines_keep_their_names_and_prices_when_bundles_are_cancelled(
    units: list[dict[str, Any]], data: st.DataObject
) -> None:
    def named(wanted: list[dict[str, Any]]) -> dict[str, tuple[str, Decimal]]:
        lines = part_lines(order(*wanted), tax_on_top=True)
        return {line["uniqueId"]: (line["sku"], line["itemPrice"]) for line in lines}

    before = named([{**unit, "display_status": "AWAITING_SHIPMENT"} for unit in units])
    statuses = st.sampled_from(["CANCELLED", "IN_TRANSIT"])
    later = named([{**unit, "display_status": data.draw(statuses)} for unit in units])
    assert later.items() <= before.items()


def test_the_prices_of_tiktoks_parts_are_used_where_they_add_up() -> None:
    lines = part_lines(read_order(sample("two_lines_us.json")), tax_on_top=True)
    assert [(line["sku"], line["quantity"], line["itemPrice"], line["itemTax"]) for line in lines[1:]] == [
        ("TEA-A", 1, 6, Decimal("0.42")),
        ("SPOON", 1, 4, Decimal("0.28")),
    ]
    assert [line["name"] for line in lines[1:]] == ["Tea A", "Spoon"]


def test_a_rest_goes_to_a_part_that_is_there_once() -> None:
    lines = part_lines(order(bundle("1", price="30.01")), tax_on_top=True)
    assert [(line["sku"], line["quantity"], line["itemPrice"]) for line in lines] == [
        ("A", 2, Decimal("10.00")),
        ("B", 1, Decimal("10.01")),
    ]


def test_where_no_part_is_there_once_a_rest_makes_a_line_of_its_own() -> None:
    lines = part_lines(order(bundle("1", (("A", 2),), "30.01"), bundle("2", (("A", 2),), "30.01")), tax_on_top=True)
    assert [(line["uniqueId"], line["quantity"], line["itemPrice"]) for line in lines] == [
        ("1-965", 2, Decimal("15.01")),
        ("1-965-2", 2, Decimal("15.00")),
    ]


def test_the_document_notes_the_bundle_and_switched_off_it_is_one_line() -> None:
    wanted = order(bundle("1"))
    apart, whole = document(wanted, virtual_bundles=True), document(wanted)
    assert {"name": "tiktok_bundle:1", "value": "V"} in apart["customFields"]
    assert [line["sku"] for line in apart["lineItems"]] == ["A", "B"]
    assert [line["sku"] for line in whole["lineItems"]] == ["V"]
    assert (apart["subTotalPrice"], apart["totalPrice"]) == (whole["subTotalPrice"], whole["totalPrice"])


def test_a_recipe_that_cannot_be_used_leaves_the_bundle_whole() -> None:
    (line,) = part_lines(order(bundle("1", (("A", 0), ("B", 1)))), tax_on_top=True)
    assert line["sku"] == "V"


def test_a_part_without_a_seller_sku_is_told() -> None:
    unit = bundle("1")
    unit["combined_listing_skus"][0]["seller_sku"] = ""
    findings = plan(order(unit), virtual_bundles=True).findings
    assert [(one.code, one.text.split()[2]) for one in findings] == [("sku_missing", "965")]


def test_a_record_without_the_recipe_looks_the_same_after_one_with_it() -> None:
    raw = sample("two_lines_us.json")
    facts = loads(dumps(facts_of(raw)))
    bare = {**raw, "line_items": [{**item} for item in raw["line_items"]]}
    bare["line_items"][1].pop("combined_listing_skus")
    bare["line_items"][1]["sub_item_info"] = []
    again = with_recipes(bare, facts)
    assert document(read_order(again), virtual_bundles=True) == document(read_order(raw), virtual_bundles=True)
    assert facts_of(again) == facts_of(raw)
    assert [kind.recipe for kind in bundles_of(read_order(facts)).values()] == [
        kind.recipe for kind in bundles_of(read_order(raw)).values()
    ]


# --- shipping --------------------------------------------------------------------------------------------------------


def ship(
    wanted: Fulfillment, at: TikTokOrder, *before: Fulfillment, taken: dict[str, str] | None = None
) -> ShipPlan | AlreadyShipped | PartsAwaited | Refusal:
    return plan_shipment(wanted, at, units_of(at), taken or {}, of_order=before, parts_by_sku=True)


TWO = (bundle("1"), bundle("2"))
A, B = "1-965", "1-966"


def sent(name: str, *lines: tuple[str, int], at_ms: int) -> Fulfillment:
    return fulfillment(f"TRACK-{name}", *((uid, "", count) for uid, count in lines), name=name, created_at_ms=at_ms)


@given(st.permutations([A] * 4 + [B] * 2), st.lists(st.integers(1, 5), max_size=3, unique=True))
def test_however_the_parts_are_packed_each_bundle_leaves_once_with_its_last_part(
    pieces: list[str], cuts: list[int]
) -> None:
    at = order(*TWO)
    edges = [0, *sorted(cuts), len(pieces)]
    packages = [pieces[start:end] for start, end in itertools.pairwise(edges)]
    made = [
        sent(f"f{place}", *((uid, package.count(uid)) for uid in (A, B) if uid in package), at_ms=place)
        for place, package in enumerate(packages)
    ]
    taken: dict[str, str] = {}
    left = {A: 0, B: 0}
    for one, package in zip(made, packages, strict=True):
        whole_before = min(left[A] // 2, left[B])
        for uid in package:
            left[uid] += 1
        found = ship(one, at, *made, taken=taken)
        completed = min(left[A] // 2, left[B]) - whole_before
        assert len(found.unit_ids if isinstance(found, ShipPlan) else ()) == completed
        if isinstance(found, ShipPlan):
            assert not taken.keys() & set(found.unit_ids)
            taken |= dict.fromkeys(found.unit_ids, one.id)
            assert ship(one, at, *made, taken=taken) == found
    assert sorted(taken) == ["1", "2"]


def test_the_earlier_part_is_done_once_the_bundle_has_left() -> None:
    first, last = sent("f1", (A, 2), at_ms=1), sent("f2", (B, 1), at_ms=2)
    assert isinstance(ship(first, order(bundle("1")), last), PartsAwaited)
    gone = bundle("1", display_status="IN_TRANSIT", tracking_number="TRACK-f2", package_id="p1")
    assert ship(first, order(gone), last, taken={"1": "f2"}) == AlreadyShipped("p1", ("1",))


def test_a_fulfillment_that_was_made_first_and_shown_last_completes_the_bundle() -> None:
    """The one made later left with a unit of its own before the list showed the other."""
    at = order(bundle("1"), raw_unit("2", "C"), raw_unit("3", "D"))
    late, gone = sent("f1", (B, 1), ("3", 1), at_ms=1), sent("f2", (A, 2), ("2", 1), at_ms=2)
    assert ship(gone, at) == ShipPlan(("2",), "TRACK-f2")
    assert ship(late, at, gone, taken={"2": "f2"}) == ShipPlan(("1", "3"), "TRACK-f1")
    assert ship(gone, at, late, taken={"2": "f2", "1": "f1", "3": "f1"}) == ShipPlan(("2",), "TRACK-f2")


def test_parts_that_pipe17_names_by_sku_are_found() -> None:
    at = order(bundle("1"), raw_unit("2", "C"))
    for name in ("1", "", "another"):
        whole = fulfillment("TRACK", (name, "A", 2), (name, "B", 1), ("2", "C", 1))
        assert ship(whole, at) == ShipPlan(("1", "2"), "TRACK")
        assert isinstance(ship(fulfillment("TRACK", (name, "A", 2)), at), PartsAwaited)


def test_a_part_that_is_also_sold_by_itself_is_told_apart_by_its_line() -> None:
    at = order(bundle("1"), raw_unit("2", "A"))
    assert ship(fulfillment("TRACK", ("2", "A", 1)), at) == ShipPlan(("2",), "TRACK")
    assert ship(fulfillment("TRACK", ("", "A", 1)), at) == ShipPlan(("2",), "TRACK")
    assert isinstance(ship(fulfillment("TRACK", ("1", "A", 2)), at), PartsAwaited)
    assert isinstance(ship(fulfillment("TRACK", (A, "A", 2)), at), PartsAwaited)


def test_a_bundle_named_as_itself_counts_as_all_its_parts() -> None:
    at = order(*TWO)
    whole = fulfillment("TRACK-f0", ("1", "V", 1), name="f0", created_at_ms=0)
    rest = sent("f1", (A, 2), (B, 1), at_ms=1)
    assert ship(whole, at, rest) == ShipPlan(("1",), "TRACK-f0")
    assert ship(rest, at, whole, taken={"1": "f0"}) == ShipPlan(("2",), "TRACK-f1")


def test_parts_too_many_and_parts_of_cancelled_bundles_are_refused() -> None:
    def code(found: object) -> str:
        assert isinstance(found, Refusal)
        return found.code

    at = order(bundle("1"), raw_unit("2", "C"))
    assert code(ship(sent("f1", (A, 3), at_ms=1), at)) == "over_fulfilment"
    cancelled = order(bundle("1", display_status="CANCELLED"), raw_unit("2", "C"))
    assert code(ship(sent("f1", (A, 2), at_ms=1), cancelled)) == "order_cancelled"
    elsewhere = order(bundle("1", display_status="IN_TRANSIT", tracking_number="OTHER"), raw_unit("2", "C"))
    assert code(ship(sent("f1", (A, 2), (B, 1), at_ms=1), elsewhere)) == "already_shipped_elsewhere"
