"""What is sent so that Pipe17's order becomes the one we want: enough, and nothing twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import AFTER_HOLD_MS, CLEAR, MASKED, PAID_MS, document, order, raw_unit

from daemon.core import addresses
from daemon.core.orders_diff import BEFORE_SENT, changes, covers, essential, findings, line_changes, recall

HELD = document(order(status="ON_HOLD", recipient_address={}), PAID_MS)
NEW = document(order(raw_unit("1"), raw_unit("2"), raw_unit("3", "B")))
FEWER = document(order(raw_unit("1"), raw_unit("2", display_status="CANCELLED"), raw_unit("3", "B")))
MOVED = document(
    order(raw_unit("1"), raw_unit("2"), raw_unit("3", "B"), recipient_address={**CLEAR, "address_line1": "9 Fir"})
)
CANCELLED = document(order(status="CANCELLED"), created=True)

EVERY_STATUS = [
    *sorted(BEFORE_SENT),
    "sentToFulfillment",
    "partialFulfillment",
    "fulfilled",
    "inTransit",
    "partialReceived",
    "received",
    "canceled",
    "returned",
    "refunded",
    "archived",
    "closed",
]


def in_pipe17(wanted: dict[str, Any], status: str | None = None, **members: Any) -> dict[str, Any]:
    """Pipe17's record of a document it took, with members of its own."""
    record = {**wanted, "orderId": "3f0c9a41d27be860", "routingStatus": "pending", "exceptions": [], **members}
    return {**record, "status": status or wanted["status"]}


def put(current: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """A PUT merges at the top level (pipe17 contract 1.13)."""
    return {**current, **body}


@pytest.mark.parametrize("wanted", [HELD, NEW, FEWER, CANCELLED])
@pytest.mark.parametrize("status", EVERY_STATUS)
def test_an_order_that_is_as_wanted_is_left_alone(wanted: dict[str, Any], status: str) -> None:
    body = changes(in_pipe17(wanted, status), wanted)
    assert body.keys() <= {"status"}


def test_the_released_order_becomes_new_with_its_address_and_its_hold_over() -> None:
    wanted = document(order())
    current = in_pipe17(HELD)
    body = changes(current, wanted)
    assert body["status"] == "new"
    assert body["holdUntil"] == wanted["holdUntil"]
    assert body["shippingAddress"] == wanted["shippingAddress"]
    assert body["customer"]["firstName"] == "Ada"
    assert "lineItems" not in body


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_only_an_order_on_hold_is_made_new(status: str) -> None:
    assert ("status" in changes(in_pipe17(NEW, status), NEW)) == (status == "onHold")


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_an_order_is_cancelled_until_something_has_shipped(status: str) -> None:
    body = changes(in_pipe17(NEW, status), CANCELLED)
    assert body == ({"status": "canceled"} if status in BEFORE_SENT or status == "sentToFulfillment" else {})


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_an_order_is_never_put_back_on_hold(status: str) -> None:
    assert "status" not in changes(in_pipe17(NEW, status), HELD)


def test_an_order_shipped_by_others_is_fulfilled_only_out_of_its_hold() -> None:
    shipped = {**NEW, "status": "fulfilled"}
    assert changes(in_pipe17(NEW, "onHold"), shipped)["status"] == "fulfilled"
    assert changes(in_pipe17(NEW, "readyForFulfillment"), shipped) == {}


def test_a_cancelled_unit_lowers_the_line_and_the_money() -> None:
    body = changes(in_pipe17(NEW, "readyForFulfillment"), FEWER)
    assert [line["quantity"] for line in body["lineItems"]] == [1, 1]
    assert body["totalPrice"] == 40
    assert "shippingAddress" not in body


def test_what_others_wrote_into_a_list_is_kept() -> None:
    lines = [{**line, "locationId": "5ad3709be8c41f26"} for line in reversed(NEW["lineItems"])]
    fields = [{"name": "erp", "value": "1"}, {"name": "shop_id", "value": "old"}]
    body = changes(in_pipe17(NEW, "new", lineItems=lines, tags=["vip"], customFields=fields), FEWER)
    assert {line["locationId"] for line in body["lineItems"]} == {"5ad3709be8c41f26"}
    assert body["tags"] == ["vip", "tiktok-shop"]
    assert body["customFields"][:2] == [{"name": "erp", "value": "1"}, {"name": "shop_id", "value": "7495000000042"}]


def test_a_line_that_is_gone_is_left_out_of_the_list() -> None:
    gone = document(order(raw_unit("1"), raw_unit("2"), raw_unit("3", "B", display_status="CANCELLED")))
    body = changes(in_pipe17(NEW), gone)
    assert [line["uniqueId"] for line in body["lineItems"]] == ["1"]


def test_lines_stay_as_they_are_once_the_order_is_at_the_warehouse() -> None:
    assert changes(in_pipe17(NEW, "sentToFulfillment"), FEWER) == {}
    assert "shippingAddress" in changes(in_pipe17(NEW, "sentToFulfillment"), MOVED)


def test_a_moved_address_empties_what_the_old_one_had_more() -> None:
    short = {**NEW, "shippingAddress": {"address1": "9 Fir", "country": "US"}}
    body = changes(in_pipe17(NEW), short)
    assert body["shippingAddress"]["address2"] == ""
    assert body["shippingAddress"]["email"] == "relay@example.test"
    assert changes(put(in_pipe17(NEW), body), short) == {}


@pytest.mark.parametrize("hidden", [{}, MASKED])
def test_a_hidden_address_does_not_touch_the_clear_one(hidden: dict[str, Any]) -> None:
    wanted = document(order(raw_unit("1"), raw_unit("2"), raw_unit("3", "B"), recipient_address=hidden))
    assert "shippingAddress" not in changes(in_pipe17(NEW), wanted)


def test_a_status_at_tiktok_alone_sends_nothing_but_rides_along() -> None:
    later = document(
        order(raw_unit("1"), raw_unit("2"), raw_unit("3", "B"), status="IN_TRANSIT", update_time=1_767_999_999),
        created=True,
    )
    assert essential(later) == essential(NEW)
    assert changes(in_pipe17(NEW), later) == {}
    body = changes(in_pipe17(NEW, tags=[]), later)
    assert body.keys() == {"tags", "customFields", "extOrderUpdatedAt"}


def test_without_custom_fields_there_is_still_an_essence() -> None:
    assert essential({"status": "new"}) == {"status": "new"}


def test_what_a_person_changed_in_pipe17_stays_while_tiktok_says_the_same() -> None:
    corrected = {**NEW["shippingAddress"], "address1": "18 Larch Road, Rear"}
    current = in_pipe17(NEW, "onHold", shippingAddress=corrected, shipByDate="2030-01-01T00:00:00.000Z")
    assert changes(current, NEW, accepted=NEW) == {}
    assert changes(current, MOVED, accepted=NEW)["shippingAddress"]["address1"] == "9 Fir"


def test_instants_are_compared_as_instants() -> None:
    same = in_pipe17(document(order(rts_sla_time=1_767_484_799)), shipByDate="2026-01-04T00:59:59+01:00")
    assert changes(same, document(order(rts_sla_time=1_767_484_799))) == {}
    odd = {**same, "shipByDate": "soon"}
    assert changes(odd, document(order(rts_sla_time=1_767_484_799))) == {"shipByDate": "2026-01-03T23:59:59.000Z"}


@pytest.mark.parametrize(
    ("status", "wanted", "codes"),
    [
        ("readyForFulfillment", CANCELLED, []),
        ("sentToFulfillment", CANCELLED, ["recall"]),
        ("partialFulfillment", CANCELLED, ["cancelled_after_ship"]),
        ("fulfilled", CANCELLED, ["cancelled_after_ship"]),
        ("canceled", CANCELLED, []),
        ("readyForFulfillment", FEWER, []),
        ("sentToFulfillment", FEWER, ["edited_after_release"]),
        ("sentToFulfillment", MOVED, []),
        ("fulfilled", FEWER, ["edited_after_ship"]),
        ("fulfilled", MOVED, ["edited_after_ship"]),
        ("fulfilled", NEW, []),
    ],
)
def test_what_comes_too_late_is_shown_to_a_person(status: str, wanted: dict[str, Any], codes: list[str]) -> None:
    assert [finding.code for finding in findings(in_pipe17(NEW, status), wanted)] == codes


def test_what_is_not_shipped_at_all_was_not_cancelled_after_a_shipment() -> None:
    sold = document(order(order_type="VIRTUAL_ORDER"), created=True)
    gone = document(order(order_type="VIRTUAL_ORDER", status="CANCELLED"), created=True)
    assert [finding.code for finding in findings(in_pipe17(sold, "fulfilled"), gone)] == ["digital_cancelled"]


def test_a_correction_made_in_pipe17_is_no_late_edit() -> None:
    current = in_pipe17(NEW, "fulfilled", shippingAddress={**NEW["shippingAddress"], "address1": "Rear"})
    assert findings(current, NEW, accepted=NEW) == ()
    assert [finding.code for finding in findings(current, NEW)] == ["edited_after_ship"]


@pytest.mark.parametrize(
    ("current", "wanted", "covered"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([{"a": 1, "b": 2}], [{"a": 1}], True),
        ([1, 2], [1], False),
        ("ab", ["a", "b"], False),
        (None, {"a": 1}, False),
        (None, [], False),
        ("a", "a", True),
    ],
)
def test_covering_means_saying_at_least_the_same(current: object, wanted: object, covered: bool) -> None:
    assert covers(current, wanted) is covered


UNITS = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from(["5", "9.99"]), st.booleans()), min_size=1, max_size=5
)
ADDRESSES = st.sampled_from([{}, CLEAR, MASKED, {**CLEAR, "address_line1": "9 Fir", "address_line2": ""}])


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    units = [
        raw_unit(str(place), sku, price, display_status="CANCELLED" if gone else "AWAITING_SHIPMENT")
        for place, (sku, price, gone) in enumerate(draw(UNITS), 100)
    ]
    members = {
        "status": draw(st.sampled_from(["ON_HOLD", "AWAITING_SHIPMENT", "IN_TRANSIT", "CANCELLED"])),
        "recipient_address": draw(ADDRESSES),
        "rts_sla_time": draw(st.sampled_from([None, 1_767_484_799, 1_767_571_199])),
        "is_sample_order": draw(st.booleans()),
    }
    return document(order(*units, **members), draw(st.sampled_from([PAID_MS, AFTER_HOLD_MS])), created=True)


@given(documents(), documents(), st.sampled_from(EVERY_STATUS))
def test_after_the_change_there_is_nothing_left_to_change(before: Any, wanted: Any, status: str) -> None:
    current = in_pipe17(before, status)
    after = put(current, changes(current, wanted))
    assert changes(after, wanted) == {}


@given(documents(), documents(), st.sampled_from(sorted(BEFORE_SENT)))
def test_after_the_change_pipe17_has_what_was_wanted(before: Any, wanted: Any, status: str) -> None:
    current = in_pipe17(before, status)
    after = put(current, changes(current, wanted))
    if wanted["status"] == "canceled":
        assert after == {**current, "status": "canceled"}
        return
    assert after["lineItems"] == wanted["lineItems"]
    assert after["totalPrice"] == wanted["totalPrice"]
    assert set(wanted["tags"]) <= set(after["tags"])
    shown = addresses.clear(wanted.get("shippingAddress", {}))
    kept = addresses.clear(before.get("shippingAddress", {}))
    if addresses.complete(shown) or addresses.complete(kept):
        assert addresses.clear(after["shippingAddress"]) == (shown if addresses.complete(shown) else kept)


ORDER_OF_LIFE = [
    "onHold",
    "new",
    "readyForFulfillment",
    "sentToFulfillment",
    "partialFulfillment",
    "fulfilled",
    "canceled",
]


@given(documents(), documents(), st.sampled_from(ORDER_OF_LIFE))
def test_the_status_is_never_lowered(before: Any, wanted: Any, status: str) -> None:
    current = in_pipe17(before, status)
    after = put(current, changes(current, wanted))
    assert ORDER_OF_LIFE.index(after["status"]) >= ORDER_OF_LIFE.index(status)


@given(documents(), documents())
def test_the_identity_of_an_order_is_never_written_again(before: Any, wanted: Any) -> None:
    assert "orderId" not in changes(in_pipe17(before), wanted)
    assert "extOrderId" not in changes(in_pipe17(before), wanted)


# --- cancellations by the line


def lines_of(**pieces: int) -> list[dict[str, Any]]:
    return [{"uniqueId": f"id-{sku}", "sku": sku, "quantity": many} for sku, many in pieces.items() if many]


@pytest.mark.parametrize("status", ["readyForFulfillment", "onHold"])
def test_pieces_that_a_person_took_out_stay_out(status: str) -> None:
    """TikTok changes another line; what Pipe17 took back meanwhile is on its way to TikTok."""
    accepted = {"status": "new", "lineItems": lines_of(A=3, B=1, C=2)}
    current = {"status": status, "lineItems": lines_of(A=1, B=1)}
    wanted = {"status": "new", "lineItems": lines_of(A=3, C=1)}
    assert changes(current, wanted, accepted)["lineItems"] == lines_of(A=1)
    assert changes(current, wanted)["lineItems"] == lines_of(A=3, C=1)


def test_what_changed_too_late_is_named_by_sku_and_pieces() -> None:
    current = {"lineItems": lines_of(A=3, B=1)}
    assert line_changes(current, {"lineItems": lines_of(A=1, C=2)}) == (
        "2 of A cancelled, 1 of B cancelled, 2 of C more than Pipe17 has"
    )
    assert line_changes(current, current) == ""


def test_a_line_that_pipe17_took_back_itself_is_no_news() -> None:
    current = {"status": "sentToFulfillment", "lineItems": [{"uniqueId": "100", "sku": "A", "quantity": 2}]}
    parts = {"status": "sentToFulfillment", "lineItems": [{"uniqueId": "100-9", "sku": "A", "quantity": 2}]}
    for stands in (current, parts):
        wanted = {"status": "new", "lineItems": []}
        assert [one.code for one in findings(stands, wanted)] == ["edited_after_release"]
        assert findings(stands, wanted, None, {"100"}) == ()


def test_a_recall_names_what_a_warehouse_was_sent() -> None:
    sent = {"shipmentId": "s1", "extShipmentId": "x1", "status": "sentToFulfillment"}
    stopped = {"shipmentId": "s2", "status": "canceled", "sentToFulfillmentAt": "2026-01-01T00:00:00.000Z"}
    never = {"shipmentId": "s3", "status": "canceled"}
    assert recall([never]) is None
    found = recall([never, stopped, sent])
    assert found is not None
    assert (found.code, "(s2, x1)" in found.text) == ("recall", True)
