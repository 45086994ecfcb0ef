"""The simulated Pipe17 against the contract: the fixtures are taken, and what comes back has the contract's shapes."""

from __future__ import annotations

from decimal import Decimal

from pipe17_org import ADA, CONTRACT, EXT, MUG, ORDER, TEA, Org, check, check_answer

from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.pipe17.gateway import COLLECTION, RECORD
from daemon.sandbox.pipe17.listing import DEFAULT_MEMBERS
from daemon.sandbox.pipe17.shapes import ORDER as KEPT
from daemon.sandbox.pipe17.shapes import ORDER_STATUSES, ROUTING_STATUSES, SHIPMENT_STATUSES


def test_the_fixture_of_a_create_is_a_valid_request_and_nothing_of_it_is_lost() -> None:
    check(ORDER, "orderWrite")
    stored = Org().create()
    assert {name: stored[name] for name in ORDER if name != "status"} == {
        name: value for name, value in ORDER.items() if name != "status"
    }


def test_the_answer_to_a_create_is_the_fixture_of_an_order_on_hold() -> None:
    org = Org(Pipe17Options(hold_rule_ms=3_600_000, automation_after_ms=0))
    status, answer = org.call("POST", "/orders", {**ORDER, "holdUntil": "2025-03-04T18:05:11.000Z"})
    check_answer("orders.create", status, answer)
    made = answer["order"]
    expected = {
        "integration": "b7712ce05d9f3a48",
        "orgKey": "90aa17c34e5bd2f1",
        "extOrderId": EXT,
        "status": "onHold",
        "routingStatus": "pending",
        "disposition": ["unrouted"],
        "totalPrice": Decimal("70.87"),
        "exceptions": [],
        "exceptionCategories": [],
        "createdAt": "2025-03-04T17:10:02.417Z",
    }
    assert {name: made[name] for name in expected} == expected


def test_a_shipping_request_is_the_fixture() -> None:
    org = Org(Pipe17Options(bundles={"TEA-KIT": (("TEA-TIN", 1), ("TEA-STRAINER", 1))}))
    org.sent()
    (made,) = org.list("shipments", keys="*")
    check(made, "shipment")
    expected = {
        "orderId": org.get()["orderId"],
        "extOrderId": EXT,
        "extOrderApiId": EXT,
        "extShipmentId": EXT,
        "status": "sentToFulfillment",
        "version": 1,
        "orderIntegration": "b7712ce05d9f3a48",
        "fulfillmentIntegrationId": "e1054fa97c02d8b6",
        "orderSource": "TikTok Shop",
        "orderSourceType": "online",
        "orderCreateTime": "2025-03-04T17:05:11.000Z",
        "locationId": "5ad3709be8c41f26",
        "shippingAddress": ADA,
        "lineItems": [
            {"uniqueId": MUG, "sku": "MUG-BLUE", "name": "Blue mug", "quantity": 2},
            {"uniqueId": TEA, "sku": "TEA-TIN", "name": "TEA-TIN", "quantity": 1},
            {"uniqueId": TEA, "sku": "TEA-STRAINER", "name": "TEA-STRAINER", "quantity": 1},
        ],
        "shippingCarrier": "USPS",
        "shippingClass": "Ground Advantage",
        "sentToFulfillmentAt": made["updatedAt"],
        "shippingLabels": [],
        "tags": [],
    }
    assert {name: made[name] for name in expected} == expected


def test_fulfillments_are_the_fixtures() -> None:
    org = Org()
    shipment_id = org.sent()
    shipped = org.sandbox.fulfill(shipment_id, {MUG: 2}, "USPS", "9400100000000000000011", service="Ground Advantage")
    rejected = org.sandbox.reject(shipment_id, {TEA: 1})
    for made in (shipped, rejected):
        check(made, "fulfillment")
        check_answer("fulfillments.get", *org.call("GET", f"/fulfillments/{made['fulfillmentId']}"))
    expected = {
        "shipmentId": shipment_id,
        "orderId": org.get()["orderId"],
        "extOrderId": EXT,
        "integration": "e1054fa97c02d8b6",
        "orderIntegration": "b7712ce05d9f3a48",
        "locationId": "5ad3709be8c41f26",
        "actualShipDate": "2025-03-04T17:10:04.417Z",
        "shippingCarrier": "USPS",
        "shippingClass": "Ground Advantage",
        "trackingNumber": ["9400100000000000000011"],
        "lineItems": [{"uniqueId": MUG, "sku": "MUG-BLUE", "quantity": 2}],
        "autoEngUpdateStatus": "updated",
    }
    assert {name: shipped[name] for name in expected} == expected
    assert rejected["fulfillmentType"] == "rejected"
    assert {"trackingNumber", "shippingCarrier", "actualShipDate"}.isdisjoint(rejected)


def test_every_state_of_an_order_has_the_contracts_shape() -> None:
    org = Org()
    created = org.create()
    check_answer("orders.update", *org.update(created["orderId"], tags=["x"]))
    org.wait(2_000)
    check(org.get(), "order")
    (shipment_id,) = org.sandbox.send_shipments(EXT)
    for lines in ({MUG: 1}, None):
        org.sandbox.fulfill(shipment_id, lines, "UPS", "T1")
        check(org.get(), "order")
        check_answer("orders.list", *org.call("GET", "/orders"))
    org.create("2", status="canceled")
    check(org.get("2"), "order")


def test_the_tables_of_the_sandbox_are_those_of_the_contract() -> None:
    enums, shapes = CONTRACT["enums"], CONTRACT["shapes"]
    assert list(ORDER_STATUSES) == enums["orderStatus"]
    assert list(SHIPMENT_STATUSES) == enums["shipmentStatus"]
    assert list(ROUTING_STATUSES) == enums["routingStatus"]
    assert set(DEFAULT_MEMBERS["orders"]) == set(shapes["orderRow"]["members"])
    assert set(DEFAULT_MEMBERS["fulfillments"]) == set(shapes["fulfillmentRow"]["members"])
    assert set(shapes["orderWrite"]["members"]) <= set(KEPT)
    offered = {
        f"{entity}.{action}"
        for table in (COLLECTION, RECORD)
        for entity, methods in table.items()
        for action in methods.values()
    }
    assert offered == set(CONTRACT["operations"])
