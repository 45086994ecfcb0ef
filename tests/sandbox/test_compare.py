"""The judge of both sides: it finds every kind of difference, and none where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from pipe17_org import MINUTE_MS, Org, order

from daemon.sandbox.compare import Rules, compare
from daemon.sandbox.tiktok import Address, TikTokSandbox, UnitSpec
from daemon.sandbox.tiktok.records import Order, Package

HOUR_MS = 60 * MINUTE_MS


class Sides:
    """A shop and an organisation, and a connector's work done by hand."""

    def __init__(self) -> None:
        self.org = Org()
        self.shop = TikTokSandbox(self.org.clock, Random(5))

    def place(self, *skus: UnitSpec | str, hold_over: bool = True, **members: Any) -> Order:
        placed = self.shop.place_order(skus or ("A", "A", "B"), **members)
        if hold_over:
            self.org.wait(HOUR_MS)
        self.shop.deliveries_due(self.org.clock.at_ms)
        return self.shop.order(placed)

    def pull(self, placed: Order, **changes: Any) -> str:
        lines: dict[str, dict[str, Any]] = {}
        for unit in placed.live():
            line = lines.setdefault(unit.seller_sku, {"uniqueId": unit.id, "sku": unit.seller_sku, "quantity": 0})
            line["quantity"] += 1
        payment = json.loads("{" + placed.static + "}")["payment"]
        where = placed.address
        document = {
            "shippingAddress": {
                "firstName": where.first_name,
                "lastName": where.last_name,
                "address1": where.line1,
                "address2": where.line2,
                "city": where.city,
                "stateOrProvince": where.state_code,
                "zipCodeOrPostalCode": where.postal_code,
                "country": where.region_code,
            },
            "lineItems": list(lines.values()),
            "totalPrice": Decimal(payment["total_amount"]),
            "currency": payment["currency"],
            **changes,
        }
        order_id: str = self.org.create(placed.id, **document)["orderId"]
        self.org.wait(2_000)
        return order_id

    def ship(self, placed: Order, *unit_ids: str, tracking: str) -> Package:
        chosen = [unit for unit in placed.units if unit.id in unit_ids or not unit_ids]
        package = self.shop.market.new_package(placed, [unit.id for unit in chosen], self.org.clock.at_ms)
        package.tracking_number = tracking
        for unit in chosen:
            unit.status = "AWAITING_COLLECTION"
        placed.settle_status()
        return package

    def differences(self, **rules: Any) -> list[str]:
        book = self.shop.book
        found = compare(book.orders, book.packages, self.org.sandbox, self.org.clock.at_ms, Rules(**rules))
        return [item.kind for item in found]


def test_a_day_without_mistakes_has_no_differences() -> None:
    sides = Sides()
    plain, partly, gone = sides.place(), sides.place("A", "B"), sides.place()
    for placed in (plain, partly, gone):
        sides.pull(placed)
    for placed in (plain, partly):
        (shipment_id,) = sides.org.sandbox.send_shipments(placed.id)
        if placed is plain:
            sides.ship(placed, tracking="T1")
            sides.org.sandbox.fulfill(shipment_id, None, "UPS", "T1")
        else:
            sides.ship(placed, placed.units[0].id, tracking="T2")
            sides.org.sandbox.fulfill(shipment_id, {"A": 1}, "UPS", "T2")
    sides.shop.cancel_order(gone.id)
    sides.org.update(sides.org.get(gone.id)["orderId"], status="canceled")
    sides.place(paid=False, hold_over=False)
    held = sides.place(hold_over=False)
    sides.pull(held, status="onHold", shippingAddress={})
    sides.shop.cancel_order(sides.place(hold_over=False).id)
    assert sides.differences() == []


def test_an_order_that_is_not_there() -> None:
    sides = Sides()
    lost = sides.place()
    assert sides.differences() == ["missing"]
    assert sides.differences(excused={lost.id}) == []


def test_an_order_that_should_not_be_there() -> None:
    sides = Sides()
    sides.org.create("nobody")
    sides.pull(sides.place(paid=False), status="onHold")
    assert sides.differences() == ["not_wanted", "unknown_order"]


def test_orders_of_other_channels_are_not_looked_at() -> None:
    sides = Sides()
    placed = sides.place()
    sides.pull(placed)
    sides.org.sandbox.add_foreign_order(order(placed.id))
    sides.org.sandbox.add_foreign_order(order("other"))
    assert sides.differences() == []


def test_an_order_that_is_there_twice() -> None:
    sides = Sides()
    placed = sides.place()
    sides.pull(placed)
    books = sides.org.sandbox.books
    books.orders.add("twin", sides.org.options.integration, sides.org.get(placed.id), sides.org.clock.at_ms)
    assert "doubled" in sides.differences()


@pytest.mark.parametrize("status", ["new", "readyForFulfillment"])
def test_an_order_that_is_routable_while_it_is_held(status: str) -> None:
    sides = Sides()
    sides.pull(sides.place(hold_over=False), status=status)
    assert sides.differences() == ["status"]
    assert sides.differences(pull_on_hold=False) == ["not_wanted"]


def test_the_hold_counts_also_where_tiktok_shows_none() -> None:
    sides = Sides()
    sides.shop.options.on_hold = False
    sides.pull(sides.place(hold_over=False), status="onHold")
    assert sides.differences() == []
    sides.org.wait(HOUR_MS)
    assert sides.differences() == ["status"]


def test_a_cancel_that_did_not_arrive() -> None:
    sides = Sides()
    placed = sides.place()
    sides.pull(placed)
    sides.shop.cancel_order(placed.id)
    assert sides.differences() == ["status"]


def test_a_cancel_that_tiktok_does_not_know() -> None:
    sides = Sides()
    placed = sides.place()
    sides.org.update(sides.pull(placed), status="canceled")
    assert sides.differences() == ["status"]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"totalPrice": 1}, "total"),
        ({"currency": "GBP"}, "currency"),
        ({"lineItems": [{"uniqueId": "1", "sku": "A", "quantity": 3}]}, "lines"),
        ({"lineItems": [{"uniqueId": "1", "sku": "A", "quantity": 2}]}, "lines"),
        ({"shippingAddress": {"address1": "1 Elm Street"}}, "address"),
        ({"shippingAddress": {}}, "address"),
    ],
)
def test_content_that_differs(changes: dict[str, Any], kind: str) -> None:
    sides = Sides()
    sides.pull(sides.place(), **changes)
    assert sides.differences() == [kind]


def test_a_mask_in_an_address() -> None:
    sides = Sides()
    sides.pull(sides.place(), shippingAddress={"firstName": "S***"})
    assert sides.differences() == ["masked", "address"]


def test_a_late_address_that_did_not_arrive_names_members_only() -> None:
    sides = Sides()
    placed = sides.place()
    sides.pull(placed)
    sides.shop.change_address(placed.id, Address(line1="9 Secret Way"))
    book = sides.shop.book
    (found,) = compare(book.orders, book.packages, sides.org.sandbox, sides.org.clock.at_ms)
    assert (found.kind, found.order_id) == ("address", placed.id)
    assert "address1" in found.text
    assert "Secret" not in found.text


def test_a_unit_that_was_cancelled_alone() -> None:
    sides = Sides()
    placed = sides.place()
    order_id = sides.pull(placed)
    sides.shop.remove_unit(placed.id, placed.units[2].id)
    assert sides.differences() == ["lines"]
    sides.org.update(order_id, lineItems=[{"uniqueId": placed.units[0].id, "sku": "A", "quantity": 2}])
    assert sides.differences() == []


@pytest.mark.parametrize(
    ("shipped", "expected"),
    [
        (lambda sides, placed: None, ["status", "shipment"]),
        (lambda sides, placed: sides.ship(placed, tracking="OTHER"), ["package_unknown", "shipment"]),
        (lambda sides, placed: sides.ship(placed, placed.units[0].id, tracking="T1"), ["status", "units"]),
        (
            lambda sides, placed: [
                sides.ship(placed, placed.units[0].id, tracking="T1"),
                sides.ship(placed, placed.units[1].id, placed.units[2].id, tracking="T1"),
            ],
            ["shipment"],
        ),
    ],
)
def test_a_fulfillment_without_its_one_package(shipped: Callable[[Sides, Order], object], expected: list[str]) -> None:
    sides = Sides()
    placed = sides.place()
    sides.pull(placed)
    sides.org.sandbox.fulfill(sides.org.sandbox.send_shipments(placed.id)[0], None, "UPS", "T1")
    shipped(sides, placed)
    assert sides.differences() == expected


def test_a_rejection_needs_no_package() -> None:
    sides = Sides()
    placed = sides.place()
    sides.pull(placed)
    sides.org.sandbox.reject(sides.org.sandbox.send_shipments(placed.id)[0], {"B": 1})
    assert sides.differences() == []


def test_orders_shipped_before_the_start_need_not_be_there() -> None:
    sides = Sides()
    placed = sides.place()
    sides.ship(placed, tracking="T1")
    assert sides.differences() == ["missing"]
    assert sides.differences(since_ms=sides.org.clock.at_ms) == []


def test_orders_that_the_platform_ships() -> None:
    sides = Sides()
    placed = sides.place(fulfillment_type="FULFILLMENT_BY_TIKTOK", shipping_type="TIKTOK")
    assert sides.differences() == []
    assert sides.differences(pull_platform=True) == ["missing"]
    sides.pull(placed, status="fulfilled", shippingAddress={})
    assert sides.differences(pull_platform=True) == []
    assert sides.differences() == ["not_wanted"]


@pytest.mark.parametrize("kind", ["digital", "virtual"])
def test_a_digital_order_is_fulfilled_and_nothing_else(kind: str) -> None:
    sides = Sides()
    held = sides.place(kind=kind, hold_over=False)
    sides.pull(held, status="onHold")
    assert sides.differences() == ["not_wanted"]
    sides = Sides()
    placed = sides.place(kind=kind)
    assert sides.differences() == ["missing"]
    sides.pull(placed, status="fulfilled", shippingAddress={})
    assert sides.differences() == []
    sides = Sides()
    sides.pull(sides.place(kind=kind), status="readyForFulfillment")
    assert sides.differences() == ["status"]


def test_a_pre_order_is_held_until_its_release_though_tiktok_lets_it_go_earlier() -> None:
    sides = Sides()
    sides.shop.options.release_early_ms = 10 * HOUR_MS
    release_ms = sides.org.clock.at_ms + 5 * HOUR_MS
    placed = sides.place(kind="pre-order", release_ms=release_ms)
    assert placed.status == "AWAITING_SHIPMENT"
    sides.pull(placed, status="readyForFulfillment")
    assert sides.differences() == ["status"]
    sides.org.wait(5 * HOUR_MS)
    assert sides.differences() == []


def test_tokopedias_warehouse_is_the_platforms_too() -> None:
    sides = Sides()
    sides.place(kind="dilayani-tokopedia")
    assert sides.differences() == []
    assert sides.differences(pull_platform=True) == ["missing"]


def test_a_bundle_may_be_told_as_itself_or_as_its_parts() -> None:
    for parts in (False, True):
        sides = Sides()
        placed = sides.place(UnitSpec(seller_sku="KIT", parts=(("TIN", 1, "9"), ("CUP", 2, "3"))))
        lines = [("TIN", 1), ("CUP", 2)] if parts else [("KIT", 1)]
        sides.pull(placed, lineItems=[{"uniqueId": sku, "sku": sku, "quantity": quantity} for sku, quantity in lines])
        assert sides.differences() == []
        sides.org.sandbox.fulfill(sides.org.sandbox.send_shipments(placed.id)[0], None, "UPS", "T1")
        sides.ship(placed, tracking="T1")
        assert sides.differences() == []


def test_a_bundle_whose_parts_left_one_by_one_is_one_package_with_one_of_their_numbers() -> None:
    def played(number: str, *units: int, lines: tuple[dict[str, int], ...] = ({"TIN": 1}, {"CUP": 2, "PAN": 1})) -> Any:
        sides = Sides()
        placed = sides.place(UnitSpec(seller_sku="KIT", parts=(("TIN", 1, "9"), ("CUP", 2, "3"))), "PAN", "POT")
        told = [("TIN", 1), ("CUP", 2), ("PAN", 1), ("POT", 1)]
        sides.pull(placed, lineItems=[{"uniqueId": sku, "sku": sku, "quantity": quantity} for sku, quantity in told])
        request = sides.org.sandbox.send_shipments(placed.id)[0]
        for place, parcel in enumerate(lines, 1):
            sides.org.sandbox.fulfill(request, parcel, "UPS", f"T{place}")
        if units:
            sides.ship(placed, *(placed.units[place].id for place in units), tracking=number)
        return sides.differences()

    assert played("T2", 0, 1) == []
    assert played("T2") == ["shipment", "shipment"]
    assert "package_unknown" in played("T3", 0, 1)
    assert "shipment" in played("T1", 0, 1), "the package has the number of a fulfillment that does not name the pan"
    assert "shipment" in played("T2", 0, 2)
    assert "shipment" in played("T2", 0, 1, lines=({"TIN": 1}, {"CUP": 1, "PAN": 1}))


def test_a_corrected_number_beside_parts_of_a_bundle_that_left_one_by_one() -> None:
    """Two parcels with one cup each are both parts of the bundle; it is the number of the pan that was corrected."""

    def played(*lines: dict[str, int], pan: str) -> list[str]:
        sides = Sides()
        placed = sides.place(UnitSpec(seller_sku="KIT", parts=(("TIN", 1, "9"), ("CUP", 2, "3"))), "PAN")
        told = [("TIN", 1), ("CUP", 2), ("PAN", 1)]
        sides.pull(placed, lineItems=[{"uniqueId": sku, "sku": sku, "quantity": quantity} for sku, quantity in told])
        request = sides.org.sandbox.send_shipments(placed.id)[0]
        for place, parcel in enumerate(lines, 1):
            sides.org.sandbox.fulfill(request, parcel, "UPS", f"T{place}")
        sides.ship(placed, placed.units[0].id, tracking="T3")
        sides.ship(placed, placed.units[1].id, tracking=pan)
        return sides.differences()

    told = ({"TIN": 1, "PAN": 1}, {"CUP": 1}, {"CUP": 1}, {"TIN": 1, "PAN": 1})
    assert played(*told, pan="T4") == []
    assert "shipment" in played(*told, pan="T1"), "the newer number did not arrive"
    assert played(*told[:2], {"PAN": 1}, told[3], pan="T4") != [], "a cup is missing"
