"""The simulated Pipe17's products, stock and locations: ownership, what moves stock, totals, and pages with faults."""

from __future__ import annotations

from typing import Any

import pytest
from pipe17_org import EXT, MUG, Org, check, check_answer

from daemon.sandbox.faults import FaultKind
from daemon.sandbox.pipe17 import Pipe17Options, Totals

OWN = "b7712ce05d9f3a48"
MAPPED = {"integrationId": OWN, "extProductId": "1729", "sku": "MUG-BLUE", "status": "published"}


def levels(org: Org, sku: str = "MUG-BLUE") -> tuple[int, int, int]:
    row: Any = org.sandbox.keeper.stock_at(sku)
    return row["onHand"], row["committed"], row["available"]


def test_a_product_is_created_once_and_read_by_sku() -> None:
    org = Org()
    status, answer = org.call("POST", "/products", {"sku": "MUG-BLUE", "name": "Mug", "mappedProduct": MAPPED})
    check_answer("products.create", status, answer)
    check(answer["product"], "product")
    assert answer["product"]["published"][0]["extProductId"] == "1729"
    assert answer["product"]["mappedProduct"] == answer["product"]["published"][0]
    assert org.call("POST", "/products", {"sku": "MUG-BLUE", "name": "Mug"})[0] == 409
    assert [row["sku"] for row in org.list("products", sku="MUG-BLUE")] == ["MUG-BLUE"]
    assert org.call("POST", "/products", {"sku": "X"})[0] == 400


def test_a_product_of_another_integration_takes_a_mapping_and_nothing_else() -> None:
    org = Org()
    foreign = org.sandbox.keeper.add_product({"sku": "MUG-BLUE", "name": "Mug"}, "0c41d97be85a2f36")
    person = org.sandbox.keeper.add_product({"sku": "TEA-TIN", "name": "Tin"})
    assert org.call("PUT", f"/products/{foreign}", {"name": "Other"})[0] == 403
    assert org.call("PUT", f"/products/{foreign}", {"mappedProduct": MAPPED})[0] == 200
    assert org.call("PUT", f"/products/{foreign}", {"mappedProduct": {**MAPPED, "integrationId": "x"}})[0] == 400
    assert org.call("PUT", f"/products/{person}", {"name": "Other"})[0] == 200
    assert org.sandbox.keeper.product_of("MUG-BLUE")["published"][0]["sku"] == "MUG-BLUE"


def test_orders_commit_with_their_request_ship_from_the_shelf_and_free_what_is_cancelled() -> None:
    org = Org()
    org.sandbox.keeper.add_stock("MUG-BLUE", 10)
    order_id = org.create()["orderId"]
    assert levels(org) == (10, 0, 10)
    org.wait(2_000)
    assert levels(org) == (10, 2, 8)
    (shipment_id,) = org.sandbox.send_shipments(order_id)
    org.sandbox.fulfill(shipment_id, {MUG: 1})
    assert levels(org) == (9, 1, 8)
    org.sandbox.cancel_order(EXT)
    assert levels(org) == (9, 0, 9)
    (row,) = org.list("inventory", sku="MUG-BLUE", keys="*")
    check(row, "inventory")
    assert org.list("inventory", sku="TEA-KIT") == []


def test_orders_may_commit_when_they_are_made() -> None:
    org = Org(Pipe17Options(commits_at="created", hold_rule_ms=3_600_000))
    org.sandbox.keeper.add_stock("MUG-BLUE", 10)
    org.create()
    assert levels(org) == (10, 2, 8)
    org.wait(3_700_000)
    assert levels(org) == (10, 2, 8)
    org.sandbox.cancel_order(EXT)
    assert levels(org) == (10, 0, 10)


def test_a_rejection_frees_what_the_warehouse_will_not_ship() -> None:
    org = Org()
    org.sandbox.keeper.add_stock("MUG-BLUE", 10)
    org.sandbox.reject(org.sent(), {MUG: 2})
    assert levels(org) == (10, 0, 10)


def test_an_update_since_shows_the_rows_that_moved() -> None:
    org = Org()
    org.sandbox.keeper.create_stock(["A", "B"], 5)
    org.wait(1_000)
    org.sandbox.keeper.add_stock("B", 4)
    stamp = org.sandbox.keeper.stock_at("B")["updatedAt"]
    assert [row["sku"] for row in org.list("inventory", updatedSince=stamp)] == ["B"]


def test_totals_sum_the_locations_that_count() -> None:
    org = Org(Pipe17Options(excluded_locations=("c3",)))
    for place, units in (("a1", 5), ("b2", 7), ("c3", 8)):
        org.sandbox.keeper.add_stock("A", units, place)
    org.sandbox.keeper.add_stock("B", 1, "a1")
    rows = org.list("inventory", totals="true")
    assert [(row["sku"], row["available"]) for row in rows] == [("A", 12), ("B", 1)]
    check(rows[0], "inventoryTotal")
    assert org.call("GET", "/inventory", query={"totals": "true", "ledger": "true"})[0] == 400
    assert org.call("GET", "/inventory", query={"totals": "true", "updatedSince": "2025-01-01T00:00:00.000Z"})[0] == 400


def totals(org: Org) -> int:
    """Units of SKU A over all locations that count."""
    (row,) = org.list("inventory", totals="true", sku="A")
    return int(row["onHand"])


def test_a_location_is_excluded_while_it_runs_and_a_failing_one_is_in_neither_answer() -> None:
    org = Org()
    for place, units in (("a1", 5), ("b2", 7), ("c3", 8)):
        org.sandbox.keeper.add_stock("A", units, place)
    stamps = [row["updatedAt"] for row in org.list("inventory")]
    assert org.sandbox.keeper.exclude_location("c3") == ["c3"]
    assert totals(org) == 12
    assert [row["updatedAt"] for row in org.list("inventory")] == stamps, "no row says so"
    org.fail(kind=FaultKind.MISSING_LOCATION, operation="inventory.list", times=2, message="b2")
    assert totals(org) == 5
    assert {row["locationId"] for row in org.list("inventory")} == {"a1", "c3"}
    assert org.sandbox.keeper.exclude_location("c3", excluded=False) == []
    assert totals(org) == 20


@pytest.mark.parametrize(("answer", "status"), [("400", 400), ("403", 403), ("404", 404), ("none", 200)])
def test_totals_may_be_answered_otherwise(answer: str, status: int) -> None:
    org = Org(Pipe17Options(totals=Totals(answer)))
    org.sandbox.keeper.add_stock("A", 5)
    got, body = org.call("GET", "/inventory", query={"totals": "true"})
    assert got == status
    assert body.get("inventory", []) == []
    assert len(org.list("inventory")) == 1


def test_totals_may_be_passed_over_and_carry_other_members() -> None:
    org = Org(Pipe17Options(totals=Totals.IGNORED))
    org.sandbox.keeper.add_stock("A", 5)
    assert "locationId" in org.list("inventory", totals="true")[0]
    org.sandbox.options.totals, org.sandbox.options.totals_members = Totals.SUMS, ("available",)
    assert org.list("inventory", totals="true")[0].keys() == {"sku", "available", "updatedAt"}


def test_pages_with_faults_look_like_good_ones() -> None:
    org = Org()
    for place in ("a1", "b2"):
        org.sandbox.keeper.create_stock(["A", "B", "C"], 5, [place])
    org.fail(kind=FaultKind.EMPTY_LIST, operation="inventory.list")
    assert org.list("inventory") == []
    org.fail(kind=FaultKind.MISSING_LOCATION, operation="inventory.list", message="b2")
    assert {row["locationId"] for row in org.list("inventory")} == {"a1"}
    org.fail(kind=FaultKind.SHORT_PAGE, operation="inventory.list")
    status, answer = org.call("GET", "/inventory", query={"count": "2"})
    assert (status, len(answer["inventory"]), answer["pagination"]["last"]) == (200, 2, True)
    assert len(org.list("inventory")) == 6


@pytest.mark.parametrize("kept", [True, False])
def test_a_location_has_a_name_and_may_keep_its_link(kept: bool) -> None:
    org = Org(Pipe17Options(keeps_external_system=kept))
    link = [{"integrationId": OWN, "locationValue": "7068"}]
    status, answer = org.call("POST", "/locations", {"name": "Main", "externalSystem": link})
    check_answer("locations.create", status, answer)
    location_id = answer["location"]["locationId"]
    assert (answer["location"].get("externalSystem") == link) is kept
    status, answer = org.call("PUT", f"/locations/{location_id}", {"status": "inactive"})
    check_answer("locations.update", status, answer)
    assert (answer["location"]["name"], answer["location"]["status"]) == ("Main", "inactive")
    assert org.call("POST", "/locations", {})[0] == 400
    assert [row["locationId"] for row in org.list("locations")] == [location_id]
