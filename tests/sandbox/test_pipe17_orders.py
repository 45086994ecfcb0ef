"""Creating and updating orders in the simulated Pipe17."""

from __future__ import annotations

from typing import Any

import pytest
from pipe17_org import ADA, EXT, MUG, TEA, Org, order

from daemon.sandbox.pipe17 import By, Creation, Duplicate, EditsUntil, Pipe17Options

OTHER = {**ADA, "address1": "1 Elm Street"}


def test_the_server_sets_ids_owner_and_stamps() -> None:
    org = Org()
    created = org.create(orderId="ffffffffffffffff", integration="0000000000000000", createdAt="2001-01-01T00:00:00Z")
    assert created["orderId"] != "ffffffffffffffff"
    assert created["integration"] == org.options.integration
    assert created["createdAt"] == created["updatedAt"] == "2025-03-04T17:10:02.417Z"


def test_unknown_members_are_dropped_without_a_word() -> None:
    org = Org()
    created = org.create(
        channel="tiktok",
        taxes=[{"amount": 1}],
        customer={"firstName": "Ada", "email": "ada@example.test", "phone": "1"},
        shippingAddress={**ADA, "addressLine3": "x"},
        lineItems=[{"uniqueId": "1", "sku": "A", "quantity": 1, "tracking": "x"}],
    )
    assert "channel" not in created
    assert "taxes" not in created
    assert created["customer"] == {"firstName": "Ada"}
    assert created["shippingAddress"] == ADA
    assert created["lineItems"] == [{"uniqueId": "1", "sku": "A", "quantity": 1}]


def test_open_members_are_kept_as_they_come() -> None:
    charges = [{"name": "fee", "value": 1, "inner": {"any": []}}]
    created = Org().create(discounts=charges, additionalCharges=charges, sourceDoc={"a": [1]})
    assert created["discounts"] == created["additionalCharges"] == charges
    assert created["sourceDoc"] == {"a": [1]}


def test_the_mail_address_is_lifted_from_the_address() -> None:
    assert Org().create()["email"] == ADA["email"]


@pytest.mark.parametrize(
    "changes",
    [
        {"extOrderId": ""},
        {"extOrderId": None},
        {"extOrderId": 577},
        {"status": "cancelled"},
        {"status": "NEW"},
        {"totalPrice": "70.87"},
        {"totalPrice": True},
        {"shippingAddress": "18 Larch Road"},
        {"shippingAddress": {"address1": None}},
        {"lineItems": {"sku": "A"}},
        {"lineItems": [{"sku": "A", "quantity": "2"}]},
        {"lineItems": [{"uniqueId": 1, "sku": "A", "quantity": 1}]},
        {"lineItems": [{"uniqueId": "1", "sku": "A"}, {"uniqueId": "1", "sku": "B"}]},
        {"tags": "a,b"},
        {"tags": [1]},
        {"customFields": {"name": "x", "value": "y"}},
        {"customFields": [{"name": "x", "value": 5}]},
        {"requireShippingLabels": "false"},
        {"holdUntil": "tomorrow"},
        {"holdUntil": "2025-03-04"},
        {"holdUntil": "2025-03-04T18:05:11"},
        {"holdUntil": 1741108202417},
        {"shippingClass": "Ground", "shippingCarrier": None},
        {"sourceDoc": "text"},
    ],
)
def test_members_of_the_wrong_type_are_400(changes: dict[str, Any]) -> None:
    org = Org()
    status, answer = org.call("POST", "/orders", order(**changes))
    assert (status, answer["success"]) == (400, False)
    assert len(org.sandbox.books.orders) == 0


def test_carrier_and_class_come_together() -> None:
    body = order()
    del body["shippingClass"]
    assert Org().call("POST", "/orders", body)[0] == 400


@pytest.mark.parametrize(
    ("how", "status"), [(Duplicate.CONFLICT, 409), (Duplicate.BAD_REQUEST, 400), (Duplicate.ITEM_FAILED, 200)]
)
def test_a_second_create_is_refused_and_changes_nothing(how: Duplicate, status: int) -> None:
    org = Org(Pipe17Options(duplicate=how))
    org.create()
    answered, answer = org.call("POST", "/orders", order(totalPrice=1))
    assert (answered, answer["success"]) == (status, False)
    assert "exists" in answer["message"]
    assert org.get()["totalPrice"] != 1
    assert org.sandbox.audit.creates[EXT] == 1
    assert org.sandbox.audit.refused_creates[EXT] == 1


def test_a_canceled_order_still_takes_its_number() -> None:
    org = Org()
    org.create(status="canceled")
    assert org.call("POST", "/orders", order())[0] == 409


def test_another_channel_may_use_the_same_number() -> None:
    org = Org()
    foreign = org.sandbox.add_foreign_order(order())
    mine = org.create()
    assert org.get()["orderId"] == mine["orderId"] != foreign
    assert [change.order_id for change in org.sandbox.audit.history] == [mine["orderId"]]


def test_an_array_is_answered_item_by_item() -> None:
    org = Org()
    status, answer = org.call("POST", "/orders", [order("1"), order("1"), order("2"), {"status": "new"}])
    assert status == 200
    assert [item["status"] for item in answer["orders"]] == ["submitted", "failed", "submitted", "failed"]
    assert answer["orders"][2]["order"]["extOrderId"] == "2"


def test_202_creates_later_and_says_nothing_of_a_duplicate() -> None:
    org = Org(Pipe17Options(creation=Creation.ACCEPTED, accepted_after_ms=2_000))
    assert org.call("POST", "/orders", order()) == (202, {"success": True, "code": 202})
    assert org.call("POST", "/orders", order())[0] == 202
    assert org.call("GET", f"/orders/ext%3A{EXT}")[0] == 404
    org.wait(2_000)
    assert org.get()["createdAt"] == "2025-03-04T17:10:04.417Z"
    assert (org.sandbox.audit.creates[EXT], org.sandbox.audit.refused_creates[EXT]) == (1, 1)


def test_an_update_merges_at_the_top_and_replaces_arrays_and_objects() -> None:
    org = Org()
    order_id = org.create()["orderId"]
    org.wait(5)
    status, answer = org.update(
        order_id,
        tags=["a"],
        shippingAddress={"address1": "1 Elm Street"},
        lineItems=[{"uniqueId": MUG, "sku": "MUG-BLUE", "quantity": 1}],
        unknown=1,
    )
    changed = answer["order"]
    assert status == 200
    assert changed["tags"] == ["a"]
    assert changed["shippingAddress"] == {"address1": "1 Elm Street"}
    assert changed["lineItems"] == [{"uniqueId": MUG, "sku": "MUG-BLUE", "quantity": 1}]
    assert changed["totalPrice"] == order()["totalPrice"]
    assert "unknown" not in changed
    assert changed["updatedAt"] > changed["createdAt"]


def test_read_only_members_can_not_be_written() -> None:
    org = Org()
    order_id = org.create()["orderId"]
    readonly = {
        "orderId": "x",
        "integration": "x",
        "disposition": [],
        "fulfilledAt": "2025-03-04T17:10:02Z",
        "email": "x",
    }
    after = org.update(order_id, **readonly)[1]["order"]
    assert after["orderId"] == order_id
    assert after["integration"] == org.options.integration
    assert after["disposition"] == ["unrouted"]
    assert after["email"] == ADA["email"]
    assert "fulfilledAt" not in after


def test_an_update_without_echo() -> None:
    org = Org(Pipe17Options(echo_updates=False))
    order_id = org.create()["orderId"]
    assert org.update(order_id, tags=["b"]) == (200, {"success": True, "code": 200})
    assert org.get()["tags"] == ["b"]


def test_an_update_of_nothing_is_404_and_a_bad_one_changes_nothing() -> None:
    org = Org()
    order_id = org.create()["orderId"]
    assert org.update("0000000000000000", tags=[])[0] == 404
    assert org.update(order_id, tags=["x"], totalPrice="1")[0] == 400
    assert org.get()["tags"] == ["channel:tiktok"]


def test_an_update_moves_the_stamp_even_when_nothing_changes() -> None:
    org = Org()
    order_id = org.create()["orderId"]
    org.wait(10)
    assert org.update(order_id, status="new")[1]["order"]["updatedAt"] == "2025-03-04T17:10:02.427Z"


@pytest.mark.parametrize("change", [{"shippingAddress": OTHER}, {"lineItems": [{"uniqueId": TEA, "quantity": 1}]}])
@pytest.mark.parametrize(
    ("until", "routed", "sent"),
    [(EditsUntil.ROUTED, 400, 400), (EditsUntil.SENT, 200, 400), (EditsUntil.FINAL, 200, 200)],
)
def test_address_and_lines_can_be_changed_up_to_a_point(
    change: dict[str, Any], until: EditsUntil, routed: int, sent: int
) -> None:
    org = Org(Pipe17Options(edits_until=until))
    assert org.update(org.create("1")["orderId"], **change)[0] == 200
    assert org.update(org.routed("2"), **change)[0] == routed
    org.sent("3")
    assert org.update(org.get("3")["orderId"], **change)[0] == sent


def test_the_same_address_again_is_no_change() -> None:
    org = Org()
    org.sent()
    assert org.update(org.get()["orderId"], shippingAddress=ADA, tags=["t"])[0] == 200


def test_any_open_order_can_be_canceled_and_a_closed_one_can_not_be_revived() -> None:
    org = Org()
    for status in ("draft", "onHold", "new"):
        order_id = org.create(status, status=status)["orderId"]
        assert org.update(order_id, status="canceled")[0] == 200
        assert org.update(order_id, status="canceled")[0] == 200
        assert org.update(order_id, status="new")[0] == 400
    order_id = org.create("done", status="fulfilled")["orderId"]
    assert org.update(order_id, status="canceled")[0] == 400
    assert org.get("done")["status"] == "fulfilled"


def test_taking_a_status_back_is_done_and_audited_unless_the_switch_refuses_it() -> None:
    org = Org()
    order_id = org.routed()
    assert org.update(order_id, status="new")[0] == 200
    assert [(item.before, item.status) for item in org.sandbox.audit.lowered] == [("readyForFulfillment", "new")]
    strict = Org(Pipe17Options(refuse_lowering=True))
    order_id = strict.routed()
    assert strict.update(order_id, status="new")[0] == 400
    assert not strict.sandbox.audit.lowered


def test_a_number_can_not_be_changed_into_one_that_exists() -> None:
    org = Org()
    org.create("1")
    order_id = org.create("2")["orderId"]
    assert org.update(order_id, extOrderId="1")[0] == 409
    assert org.update(order_id, extOrderId="3")[0] == 200
    assert org.get("3")["orderId"] == order_id
    assert org.call("GET", "/orders/ext%3A2")[0] == 404


def test_records_of_others_are_hidden_without_org_wide_access() -> None:
    org = Org(Pipe17Options(org_wide=False))
    foreign = org.sandbox.add_foreign_order(order("9"))
    assert org.call("GET", f"/orders/{foreign}")[0] == 404
    assert org.call("GET", "/orders/ext%3A9")[0] == 404
    assert org.update(foreign, tags=["x"])[0] == 404
    assert org.list("orders") == []


def test_the_audit_answers_when_and_with_which_address_an_order_could_have_left() -> None:
    org = Org()
    order_id = org.create(status="onHold", holdUntil="2025-03-04T18:10:02.417Z", shippingAddress={})["orderId"]
    org.wait(60_000)
    org.update(order_id, shippingAddress=ADA)
    org.wait(60_000)
    org.update(order_id, shippingAddress=OTHER, status="new")
    audit = org.sandbox.audit
    assert audit.statuses(EXT) == ["onHold", "new"]
    assert audit.first_routable_ms(EXT) == org.clock.at_ms
    assert not audit.routable_before(EXT, org.clock.at_ms)
    assert audit.routable_before(EXT, org.clock.at_ms + 1)
    assert not audit.routable_with(EXT, address1=ADA["address1"])
    assert audit.routable_with(EXT, address1="1 Elm Street", city="Tacoma")
    assert {change.by for change in audit.of(EXT)} == {By.CONNECTOR}
    assert audit.of(EXT)[0].quantities == {MUG: 2, TEA: 1}
    assert audit.first_routable_ms("nobody") is None
