"""Lists of the simulated Pipe17: what a row shows, filters, order, offset paging over a moving set, lag."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipe17_org import EXT, START_MS, Org, check_answer, order

from daemon.core.reading import iso
from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.pipe17.listing import Window
from daemon.sandbox.pipe17.table import Row, Table


def many(number: int, **options: Any) -> Org:
    """An organisation with orders `0`, `1`, ..., a minute apart, that automation has not seen yet."""
    org = Org(Pipe17Options(automation_after_ms=10**9, **options))
    for name in range(number):
        org.create(str(name))
        org.wait(60_000)
    return org


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["extOrderId"] for row in rows]


def test_a_row_shows_a_few_members_unless_asked_for_more() -> None:
    org = many(1)
    (row,) = org.list("orders")
    assert sorted(row) == sorted(
        ["orderId", "extOrderId", "email", "status", "shipByDate", "tags", "createdAt", "updatedAt", "orgKey"]
    )
    assert org.list("orders", keys="extOrderId,nonsense") == [{"extOrderId": "0"}]
    assert org.list("orders", keys="*") == [org.get("0")]


def test_shipments_and_fulfillments_show_a_few_members_too() -> None:
    org = Org()
    fulfillment = org.sandbox.fulfill(org.sent(), None, "UPS", "T1")
    (row,) = org.list("fulfillments")
    assert "lineItems" not in row
    assert "trackingNumber" not in row
    assert org.list("fulfillments", keys="*")[0]["trackingNumber"] == ["T1"]
    assert "lineItems" not in org.list("shipments")[0]
    assert "lineItems" in org.list("shipments", keys="*")[0]
    for entity, record in (("shipments", fulfillment["shipmentId"]), ("fulfillments", fulfillment["fulfillmentId"])):
        check_answer(f"{entity}.list", *org.call("GET", f"/{entity}"))
        check_answer(f"{entity}.get", *org.call("GET", f"/{entity}/{record}"))


def test_offset_paging_to_the_last_page() -> None:
    org = many(5)
    seen: list[str] = []
    pages: list[dict[str, Any]] = []
    for skip in (0, 2, 4, 6):
        status, answer = org.call("GET", "/orders", query={"skip": str(skip), "count": "2"})
        check_answer("orders.list", status, answer)
        seen += names(answer["orders"])
        pages.append(answer["pagination"])
    assert seen == ["0", "1", "2", "3", "4"]
    assert [page["last"] for page in pages] == [False, False, True, True]
    assert {page["pageSize"] for page in pages} == {2}


def test_a_page_that_ends_exactly_is_the_last() -> None:
    assert many(4).call("GET", "/orders", query={"skip": "2", "count": "2"})[1]["pagination"]["last"] is True


def test_count_has_a_default_and_a_silent_maximum() -> None:
    org = many(4, default_count=2, max_count=3)
    assert org.call("GET", "/orders")[1]["pagination"] == {"last": False, "pageSize": 2}
    status, answer = org.call("GET", "/orders", query={"count": "1000"})
    assert (status, len(answer["orders"]), answer["pagination"]) == (200, 3, {"last": False, "pageSize": 3})


def test_paging_can_be_turned_off() -> None:
    answer = many(4, default_count=2, max_count=3).call("GET", "/orders", query={"pagination": "disabled"})[1]
    assert (len(answer["orders"]), answer["pagination"]["last"]) == (4, True)


def test_a_row_that_moves_between_two_pages_makes_another_slip_through() -> None:
    org = many(4)
    first = org.list("orders", order="updatedAt", count=2)
    org.update(first[0]["orderId"], tags=["moved"])
    second = org.list("orders", order="updatedAt", count=2, skip=2)
    assert names(first) + names(second) == ["0", "1", "3", "0"]


def test_order_and_windows() -> None:
    org = many(4)
    order_id = org.get("1")["orderId"]
    org.update(order_id, tags=["x"])
    minute = [iso(START_MS + number * 60_000) for number in range(5)]
    assert names(org.list("orders")) == ["0", "1", "2", "3"]
    assert names(org.list("orders", order="-createdAt")) == ["3", "2", "1", "0"]
    assert names(org.list("orders", order="updatedAt")) == ["0", "2", "3", "1"]
    assert names(org.list("orders", order="-updatedAt", skip=1)) == ["3", "2", "0"]
    assert names(org.list("orders", since=minute[1], until=minute[2])) == ["1", "2"]
    assert names(org.list("orders", updatedSince=minute[3])) == ["1", "3"]
    assert names(org.list("orders", updatedSince=minute[2], updatedUntil=minute[3])) == ["2", "3"]
    assert names(org.list("orders", updatedSince=minute[2], order="updatedAt", since=minute[2])) == ["2", "3"]
    assert names(org.list("orders", order="updatedAt", updatedUntil=minute[3], since=minute[3])) == ["3"]


def test_the_named_instant_may_be_left_out() -> None:
    org = many(2, since_exclusive=True)
    assert names(org.list("orders", updatedSince=iso(START_MS), order="updatedAt")) == ["1"]


def test_upper_bounds_are_known_for_orders_only() -> None:
    org = Org()
    org.sandbox.fulfill(org.sent(), None, "UPS", "T1")
    assert len(org.list("fulfillments", updatedUntil=iso(0), until=iso(0))) == 1


def test_several_values_as_repeats_or_with_commas() -> None:
    org = many(3)
    org.update(org.get("1")["orderId"], status="canceled")
    for query in (
        [("extOrderId", "0"), ("extOrderId", "2")],
        [("extOrderId", "0,2")],
        [("status", "new"), ("status", "draft")],
        [("status", "new,draft")],
    ):
        assert names(org.call("GET", "/orders", query=query)[1]["orders"]) == ["0", "2"]


def test_filters_of_orders() -> None:
    org = Org()
    mine = org.create("1", tags=["a", "b"], locationId="L1", holdUntil="2025-03-05T00:00:00.000Z", status="onHold")
    other = org.sandbox.add_foreign_order(order("2", requireShippingLabels=True, orderSource="Shopify", tags=["c"]))
    org.wait(2_000)
    expected = {
        "1": [
            {"orderId": mine["orderId"]},
            {"integration": org.options.integration},
            {"tags": "b,z"},
            {"locationId": "L1"},
            {"status": "onHold"},
            {"routingStatus": "pending"},
            {"disposition": "unrouted"},
            {"holdUntilSince": "2025-03-04T23:00:00Z", "holdUntilUntil": "2025-03-05T00:00:00Z"},
            {"requireShippingLabels": "false"},
        ],
        "2": [{"orderId": other}, {"orderSource": "Shopify"}, {"tags": "c"}, {"requireShippingLabels": "true"}],
        "": [{"email": "nobody@example.test"}, {"orderSourceType": "pos"}, {"exceptionType": "stuck"}],
    }
    for name, queries in expected.items():
        for query in queries:
            assert names(org.list("orders", **query)) == ([name] if name else []), query


def test_filters_of_shipments_and_fulfillments() -> None:
    org = Org()
    shipment_id = org.sent("1")
    org.sandbox.fulfill(shipment_id, None, "UPS", "T1")
    org.routed("2")
    order_id = org.get("1")["orderId"]
    for query in ({"orderId": order_id}, {"extOrderId": "1"}, {"status": "fulfilled"}):
        assert names(org.list("shipments", **query)) == ["1"]
    assert names(org.list("shipments", locationId=org.options.location, status="readyForFulfillment")) == ["2"]
    for query in ({"orderId": order_id}, {"shipmentId": shipment_id}, {"locationId": org.options.location}):
        assert names(org.list("fulfillments", **query)) == ["1"]
    assert org.list("fulfillments", extOrderId="2") == []


def test_a_parameter_nobody_knows_has_no_effect() -> None:
    assert len(many(3).list("orders", limit=1, page=7, cursor="x", orderIntegration="x")) == 3


@pytest.mark.parametrize(
    "query",
    [
        {"count": "0"},
        {"count": "ten"},
        {"count": "-1"},
        {"skip": "-1"},
        {"skip": "1.5"},
        {"order": "totalPrice"},
        {"order": "--updatedAt"},
        {"pagination": "off"},
        {"updatedSince": "yesterday"},
        {"updatedSince": "1741108202"},
        {"since": "2025-03-04T17:10:02"},
        {"status": "cancelled"},
        {"routingStatus": "none"},
        {"orderSourceType": "sales"},
        {"filters": "string~status~equals~new"},
    ],
)
def test_values_that_can_not_be_are_400(query: dict[str, str]) -> None:
    assert many(1).call("GET", "/orders", query=query)[0] == 400


def test_a_change_shows_in_lists_later_and_as_it_was_when_made() -> None:
    org = Org(Pipe17Options(list_lag_ms=30_000, automation_after_ms=10**8))
    order_id = org.create()["orderId"]
    assert org.get()["orderId"] == order_id
    waited = 0
    while not org.list("orders"):
        org.wait(500)
        waited += 500
    assert 0 < waited <= 30_000
    before = org.list("orders", keys="*")
    org.update(order_id, tags=["new"])
    org.update(order_id, tags=["newer"])
    assert org.list("orders", keys="*") == before
    assert org.get()["tags"] == ["newer"]
    org.wait(30_000)
    assert org.list("orders", keys="*")[0]["tags"] == ["newer"]
    assert len(org.list("orders", order="updatedAt")) == 1


def test_a_late_row_appears_behind_a_cursor_that_has_passed_it() -> None:
    org = Org(Pipe17Options(list_lag_ms=30_000, automation_after_ms=10**8), seed=3)
    org.create("late")
    created_ms = org.clock.at_ms
    org.wait(100)
    assert org.list("orders", updatedSince=iso(created_ms), order="updatedAt") == []
    org.wait(30_000)
    assert names(org.list("orders", updatedSince=iso(created_ms), order="updatedAt")) == ["late"]


def test_own_records_only_without_org_wide_access() -> None:
    org = Org(Pipe17Options(org_wide=False))
    org.sandbox.add_foreign_order(order("8"))
    org.sandbox.fulfill(org.sent(EXT), None, "UPS", "T1")
    org.sandbox.fulfill(org.sandbox.send_shipments("8")[0], None, "UPS", "T2")
    for entity in ("orders", "shipments", "fulfillments"):
        assert names(org.list(entity)) == [EXT]
    org.options.org_wide = True
    for entity in ("orders", "shipments", "fulfillments"):
        assert sorted(names(org.list(entity))) == [EXT, "8"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=40), st.data())
def test_the_sorted_lists_are_what_a_full_scan_would_find(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    table = Table("things", "thing", ("colour",))
    at_ms = 1_000
    for name, pause in steps:
        at_ms += pause
        row = table.get(str(name))
        document = {"colour": str(at_ms % 3)}
        if row is None:
            table.add(str(name), "me", document, at_ms)
        else:
            table.replace(row, document, at_ms)
    window = Window(*sorted((data.draw(st.integers(990, at_ms)), data.draw(st.integers(990, at_ms)))))
    updated, descending = data.draw(st.booleans()), data.draw(st.booleans())

    def place(row: Row) -> tuple[int, int]:
        return (row.updated_ms if updated else row.created_ms, row.number)

    scanned = sorted((row for row in table if window.holds(place(row)[0])), key=place, reverse=descending)
    walked = table.walk(updated=updated, descending=descending, from_ms=window.from_ms, to_ms=window.to_ms)
    assert list(walked) == scanned
    for colour in "012":
        assert {row.id for row in table.find("colour", colour)} == {
            row.id for row in table if row.document["colour"] == colour
        }
