"""What the simulated Pipe17 does by itself: holds, routing, shipping requests, the roll-up of statuses."""

from __future__ import annotations

import pytest
from pipe17_org import ADA, EXT, MINUTE_MS, MUG, TEA, Org

from daemon.sandbox.pipe17 import HoldFrom, Pipe17Options, Tracking

HOUR_MS = 60 * MINUTE_MS


def test_a_new_order_is_made_ready_and_gets_a_shipping_request() -> None:
    org = Org()
    assert org.create()["status"] == "new"
    org.wait(1_000)
    assert org.get()["status"] == "readyForFulfillment"
    assert org.sandbox.shipments_of(EXT) == []
    org.wait(1_000)
    (shipment,) = org.sandbox.shipments_of(EXT)
    assert shipment["status"] == "readyForFulfillment"
    assert shipment["extShipmentId"] == EXT
    assert shipment["orderIntegration"] == org.options.integration
    assert shipment["shippingAddress"] == ADA
    assert shipment["createdAt"] == "2025-03-04T17:10:04.417Z"
    assert [(line["uniqueId"], line["quantity"]) for line in shipment["lineItems"]] == [(MUG, 2), (TEA, 1)]
    after = org.get()
    assert (after["routingStatus"], after["disposition"]) == ("ready", ["routed", "unsent", "unfulfilled"])


def test_steps_carry_the_instant_they_were_due_however_late_anyone_looks() -> None:
    org = Org()
    org.create()
    org.wait(3_600_000)
    assert org.get()["updatedAt"] == "2025-03-04T17:10:04.417Z"
    assert org.sandbox.next_due_ms() is None


def test_the_hold_rule_holds_a_new_order_and_releases_it() -> None:
    org = Org(Pipe17Options(hold_rule_ms=HOUR_MS, automation_after_ms=0))
    held = org.create()
    assert (held["status"], held["holdUntil"]) == ("onHold", "2025-03-04T18:10:02.417Z")
    assert org.sandbox.next_due_ms() == org.clock.at_ms + 60 * MINUTE_MS
    org.wait(60 * MINUTE_MS - 1)
    assert org.get()["status"] == "onHold"
    org.wait(1)
    assert org.get()["status"] == "readyForFulfillment"


def test_the_hold_rule_may_count_from_the_channels_time() -> None:
    org = Org(Pipe17Options(hold_rule_ms=HOUR_MS, hold_from=HoldFrom.CHANNEL, automation_after_ms=0))
    assert org.create()["holdUntil"] == "2025-03-04T18:05:11.000Z"
    assert org.create("old", extOrderCreatedAt="2025-03-04T10:00:00.000Z")["status"] == "readyForFulfillment"


def test_a_hold_of_the_rule_ends_earlier_when_its_end_is_moved() -> None:
    org = Org(Pipe17Options(hold_rule_ms=HOUR_MS, automation_after_ms=0))
    order_id = org.create()["orderId"]
    org.update(order_id, holdUntil="2025-03-04T17:20:00.000Z")
    org.wait(10 * MINUTE_MS)
    assert org.get()["status"] == "readyForFulfillment"


@pytest.mark.parametrize("engine_releases", [False, True])
def test_a_hold_of_the_connector_ends_when_it_says_so(engine_releases: bool) -> None:
    org = Org(Pipe17Options(releases_connector_holds=engine_releases))
    order_id = org.create(status="onHold", holdUntil="2025-03-04T18:05:11.000Z")["orderId"]
    org.wait(90 * MINUTE_MS)
    assert org.get()["status"] == ("readyForFulfillment" if engine_releases else "onHold")
    if not engine_releases:
        org.update(order_id, status="new")
        org.wait(2_000)
        assert len(org.sandbox.shipments_of(EXT)) == 1


@pytest.mark.parametrize("status", ["draft", "onHold", "canceled", "fulfilled", "reviewRequired", "archived"])
def test_other_statuses_are_not_routed(status: str) -> None:
    org = Org()
    org.create(status=status)
    org.wait(24 * 60 * MINUTE_MS)
    assert org.get()["status"] == status
    assert org.sandbox.shipments_of(EXT) == []
    assert not org.sandbox.audit.routable_before(EXT, org.clock.at_ms)


def test_an_order_canceled_before_automation_is_left_alone() -> None:
    org = Org()
    order_id = org.create()["orderId"]
    org.update(order_id, status="canceled")
    org.wait(10_000)
    assert org.get()["status"] == "canceled"
    assert org.sandbox.shipments_of(EXT) == []


def test_a_changed_order_gets_new_requests_under_new_numbers() -> None:
    org = Org()
    order_id = org.routed()
    org.update(order_id, shippingAddress={**ADA, "address1": "1 Elm Street"})
    org.wait(1_000)
    first, second = org.sandbox.shipments_of(EXT)
    assert (first["status"], second["status"]) == ("canceled", "readyForFulfillment")
    assert (first["extShipmentId"], second["extShipmentId"]) == (EXT, f"{EXT}.2")
    assert second["shippingAddress"]["address1"] == "1 Elm Street"


def test_lines_that_need_no_shipping_and_empty_orders_are_not_routed() -> None:
    org = Org()
    org.routed("1", lineItems=[{"uniqueId": "1", "sku": "A", "quantity": 1, "requiresShipping": False}])
    org.routed("2", lineItems=[])
    assert org.sandbox.shipments_of("1") == org.sandbox.shipments_of("2") == []


def test_one_request_per_line_if_the_organisation_splits() -> None:
    org = Org(Pipe17Options(request_per_line=True))
    org.routed()
    first, second = org.sandbox.shipments_of(EXT)
    assert [shipment["extShipmentId"] for shipment in (first, second)] == [EXT, f"{EXT}.2"]
    org.sandbox.fulfill(first["shipmentId"], tracking="T1")
    assert org.get()["status"] == "partialFulfillment"
    org.sandbox.fulfill(second["shipmentId"], tracking="T2")
    assert org.get()["status"] == "fulfilled"


def test_the_status_follows_the_packages() -> None:
    org = Org()
    org.routed()
    (shipment_id,) = org.sandbox.send_shipments(EXT)
    assert org.sandbox.send_shipments(EXT) == []
    assert org.get()["status"] == "sentToFulfillment"
    org.sandbox.fulfill(shipment_id, {MUG: 1}, "UPS", "T1")
    assert org.get()["status"] == org.sandbox.shipments_of(EXT)[0]["status"] == "partialFulfillment"
    org.wait(1_000)
    org.sandbox.fulfill(shipment_id, None, "UPS", "T2")
    done = org.get()
    assert (done["status"], done["fulfilledAt"]) == ("fulfilled", done["updatedAt"])
    assert done["disposition"] == ["routed", "sent", "fulfilled"]
    statuses = ["new", "readyForFulfillment", "sentToFulfillment", "partialFulfillment", "fulfilled"]
    assert org.sandbox.audit.statuses(EXT) == statuses


def test_a_cancel_reaches_the_requests_but_not_the_warehouse() -> None:
    org = Org()
    shipment_id = org.sent()
    org.update(org.get()["orderId"], status="canceled")
    assert org.sandbox.shipments_of(EXT)[0]["status"] == "canceled"
    org.sandbox.fulfill(shipment_id, tracking="T1")
    assert org.get()["status"] == "canceled"
    assert org.sandbox.shipments_of(EXT)[0]["status"] == "canceled"
    assert len(org.list("fulfillments", extOrderId=EXT)) == 1


def test_a_person_cancels_with_restock() -> None:
    org = Org()
    org.routed()
    org.sandbox.cancel_order(EXT, restock=True)
    (shipment,) = org.sandbox.shipments_of(EXT)
    assert (shipment["status"], shipment["canceledByType"]) == ("canceledRestock", "user")
    assert (org.get()["status"], org.get()["disposition"]) == ("canceled", ["canceled"])


def test_a_person_moves_an_order_on() -> None:
    org = Org()
    org.create(status="onHold")
    org.sandbox.change_order(EXT, status="readyForFulfillment")
    org.wait(1_000)
    assert len(org.sandbox.shipments_of(EXT)) == 1
    assert org.sandbox.order_of("nobody") is None


def test_a_rejection_leaves_the_order_partly_fulfilled() -> None:
    org = Org()
    shipment_id = org.sent()
    org.sandbox.fulfill(shipment_id, {MUG: 2}, "UPS", "T1")
    rejection = org.sandbox.reject(shipment_id)
    assert (rejection["fulfillmentType"], rejection["lineItems"]) == (
        "rejected",
        [{"uniqueId": TEA, "sku": "TEA-KIT", "quantity": 1}],
    )
    assert "trackingNumber" not in rejection
    assert org.get()["status"] == "partialFulfillment"
    assert org.get()["disposition"] == ["routed", "sent", "partiallyFulfilled", "partiallyRejected"]


def test_a_warehouse_may_ship_too_much_or_something_else() -> None:
    org = Org()
    shipment_id = org.sent()
    assert org.sandbox.fulfill(shipment_id, {"MUG-BLUE": 5}, "UPS", "T1")["lineItems"][0]["quantity"] == 5
    assert org.sandbox.fulfill(shipment_id, {"nothing": 1})["lineItems"] == [
        {"uniqueId": "nothing", "sku": "", "quantity": 1}
    ]
    with pytest.raises(KeyError):
        org.sandbox.fulfill("0000000000000000")


def test_bundles_are_shipped_as_their_parts() -> None:
    org = Org(Pipe17Options(bundles={"TEA-KIT": (("TEA-TIN", 1), ("TEA-STRAINER", 2))}))
    shipment_id = org.sent()
    (shipment,) = org.sandbox.shipments_of(EXT)
    assert [(line["uniqueId"], line["sku"], line["quantity"]) for line in shipment["lineItems"]] == [
        (MUG, "MUG-BLUE", 2),
        (TEA, "TEA-TIN", 1),
        (TEA, "TEA-STRAINER", 2),
    ]
    org.sandbox.fulfill(shipment_id, {"TEA-TIN": 1}, tracking="T1")
    assert org.get()["status"] == "partialFulfillment"
    org.sandbox.fulfill(shipment_id, None, tracking="T2")
    assert org.get()["status"] == "fulfilled"


def test_a_bundle_is_fulfilled_by_the_id_of_its_line() -> None:
    org = Org(Pipe17Options(bundles={"TEA-KIT": (("TEA-TIN", 1), ("TEA-STRAINER", 2))}))
    shipped = org.sandbox.fulfill(org.sent(), {TEA: 1}, tracking="T1")
    assert [(line["sku"], line["quantity"]) for line in shipped["lineItems"]] == [("TEA-TIN", 1), ("TEA-STRAINER", 2)]


@pytest.mark.parametrize(
    ("form", "tracking", "member", "value"),
    [
        (Tracking.ARRAY, "T1", "trackingNumber", ["T1"]),
        (Tracking.ARRAY, ("T1", "T2"), "trackingNumber", ["T1", "T2"]),
        (Tracking.TEXT, "T1", "trackingNumber", "T1"),
        (Tracking.PLURAL_ARRAY, "T1", "trackingNumbers", ["T1"]),
        (Tracking.PLURAL_TEXT, "T1", "trackingNumbers", "T1"),
    ],
)
def test_tracking_comes_under_either_name_and_in_either_type(
    form: Tracking, tracking: str | tuple[str, ...], member: str, value: object
) -> None:
    org = Org(Pipe17Options(tracking=form))
    assert org.sandbox.fulfill(org.sent(), None, "UPS", tracking)[member] == value


def test_fulfillments_need_not_name_the_channel() -> None:
    org = Org(Pipe17Options(fulfillment_names_channel=False))
    assert "orderIntegration" not in org.sandbox.fulfill(org.sent(), None, "UPS", "T1")


def test_a_fulfillment_made_through_the_api_counts_like_any_other() -> None:
    org = Org(Pipe17Options(grants={"orders": "crul", "shipments": "rl", "fulfillments": "crl"}))
    shipment_id = org.sent()
    lines = [{"uniqueId": MUG, "sku": "MUG-BLUE", "quantity": 2}, {"uniqueId": TEA, "sku": "TEA-KIT", "quantity": 1}]
    body = {"shipmentId": shipment_id, "lineItems": lines, "trackingNumber": "T1", "extFulfillmentId": "w:1"}
    status, answer = org.call("POST", "/fulfillments", body)
    assert status == 200
    assert org.get()["status"] == "fulfilled"
    assert org.call("GET", "/fulfillments/ext%3Aw%3A1")[1]["fulfillment"] == answer["fulfillment"]
    assert org.call("POST", "/fulfillments", {"shipmentId": "x"})[0] == 400
    assert org.call("POST", "/fulfillments", {"shipmentId": shipment_id, "lineItems": "x"})[0] == 400


def test_the_same_seed_and_calls_give_the_same_records() -> None:
    def play() -> object:
        org = Org(seed=11)
        org.sandbox.fulfill(org.sent(), {MUG: 1}, "UPS", "T1")
        return org.get(), org.sandbox.shipments_of(EXT), org.list("fulfillments", keys="*")

    assert play() == play()
