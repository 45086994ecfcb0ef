"""Which Pipe17 order should exist now, for every state of a TikTok order."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import (
    AFTER_HOLD_MS,
    CLEAR,
    HOUR_MS,
    MASKED,
    MINUTE_MS,
    PAID_MS,
    PAID_S,
    document,
    order,
    plan,
    raw_unit,
    sample,
)

from daemon.core import jsontext
from daemon.core.orders import Standing
from daemon.core.reading import iso
from daemon.core.tiktok_order import read_order

SHIPPED = ["AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"]
PLATFORM = {"fulfillment_type": "FULFILLMENT_BY_TIKTOK"}
EARLIER_MS = PAID_MS + 59 * MINUTE_MS


def test_the_fixture_of_the_contract_becomes_this_pipe17_order() -> None:
    found = plan(read_order(sample("two_lines_us.json")))
    assert (found.standing, found.reason, found.drop, found.findings) == (Standing.RELEASED, "", False, ())
    assert found.ship_by_ms == 1767484799000
    assert found.units == {"576461413038916824": ["576461413038916824"], "576461413038982360": ["576461413038982360"]}
    assert found.document == jsontext.loads(
        """
        {"extOrderId": "576461413038785752", "extOrderApiId": "576461413038785752", "status": "new",
         "extOrderCreatedAt": "2025-12-31T21:59:00.000Z", "extOrderUpdatedAt": "2025-12-31T23:00:00.000Z",
         "orderSource": "TikTok Shop", "orderSourceType": "online", "currency": "USD",
         "holdUntil": "2025-12-31T23:00:00.000Z", "shipByDate": "2026-01-03T23:59:59.000Z",
         "expectedDeliveryDate": "2026-01-08T23:59:59.000Z",
         "lineItems": [
          {"uniqueId": "576461413038916824", "sku": "MUG-BLUE", "name": "Enamel mug - Blue", "quantity": 1,
           "itemPrice": 25, "itemDiscount": 2, "itemTax": 1.54, "requiresShipping": true, "taxable": true},
          {"uniqueId": "576461413038982360", "sku": "GIFTSET-1", "name": "Tea gift set", "quantity": 1,
           "itemPrice": 10, "itemDiscount": 0, "itemTax": 0.7, "requiresShipping": true, "taxable": true}],
         "subTotalPrice": 33, "orderDiscount": 1, "orderTax": 2.24, "shippingPrice": 0, "totalPrice": 34.24,
         "discounts": [{"name": "seller_discount", "value": 2}, {"name": "platform_discount", "value": 1},
                       {"name": "shipping_fee_platform_discount", "value": 5.99}],
         "payments": [{"method": "marketplace", "kind": "Credit/debit card", "status": "succeeded",
                       "amount": 34.24, "currency": "USD"}],
         "paymentStatus": "paid",
         "shippingAddress": {"firstName": "Sam", "lastName": "Sample", "address1": "100 Sim Street",
                             "address2": "Apt 2", "city": "Los Angeles", "stateOrProvince": "CA",
                             "zipCodeOrPostalCode": "90001", "country": "US", "email": "v4bEXAMPLE@scs.tiktokw.us",
                             "phone": "+12135550100"},
         "customer": {"extCustomerId": "7021436810468230477", "firstName": "Sam", "lastName": "Sample",
                      "type": "individual"},
         "orderNote": "Please leave at the door", "tags": ["tiktok-shop"],
         "customFields": [{"name": "shop_id", "value": "7495000000042"},
                          {"name": "tiktok_status", "value": "AWAITING_SHIPMENT"},
                          {"name": "tiktok_order_type", "value": "NORMAL"},
                          {"name": "tiktok_fulfillment_type", "value": "FULFILLMENT_BY_SELLER"},
                          {"name": "tiktok_shipping_type", "value": "SELLER"},
                          {"name": "tiktok_delivery_option", "value": "Standard shipping"},
                          {"name": "tiktok_warehouse_id", "value": "7068517275539719942"}]}
        """
    )


def test_an_unpaid_order_is_not_sent_and_looked_at_again() -> None:
    found = plan(order(status="UNPAID", paid_time=None))
    assert (found.standing, found.document, found.reason, found.drop) == (Standing.UNPAID, None, "unpaid", False)
    assert found.look_again_at_ms is not None


def test_an_order_on_hold_is_shown_on_hold_until_after_its_window() -> None:
    found = plan(order(status="ON_HOLD", recipient_address={}), EARLIER_MS)
    assert found.document is not None
    assert (found.standing, found.document["status"], found.reason) == (Standing.HELD, "onHold", "on_hold")
    assert found.look_again_at_ms == AFTER_HOLD_MS
    assert found.document["holdUntil"] == iso(AFTER_HOLD_MS + 15 * MINUTE_MS)
    assert found.document["shippingAddress"] == {"email": "relay@example.test"}
    assert found.findings == ()


def test_with_the_setting_off_nothing_is_sent_while_on_hold() -> None:
    found = plan(order(status="ON_HOLD"), EARLIER_MS, pull_on_hold=False)
    assert (found.document, found.reason, found.look_again_at_ms) == (None, "on_hold", AFTER_HOLD_MS)


def test_a_shop_without_on_hold_status_waits_for_the_window_all_the_same() -> None:
    assert document(order(), EARLIER_MS)["status"] == "onHold"
    assert document(order())["status"] == "new"


def test_the_released_order_carries_the_address_read_at_release() -> None:
    held = document(order(recipient_address={**CLEAR, "address_line1": "1 Old Way"}), EARLIER_MS)
    released = document(order(), previous=held, created=True)
    assert released["shippingAddress"]["address1"] == "18 Larch Road"
    assert released["holdUntil"] == iso(AFTER_HOLD_MS)


def test_a_masked_address_leaves_the_clear_one_in_place() -> None:
    before = document(order())
    after = document(order(status="COMPLETED", recipient_address=MASKED), previous=before, created=True)
    assert after["shippingAddress"] == before["shippingAddress"]
    assert after["customer"] == before["customer"]


@pytest.mark.parametrize("status", ["CANCELLED", "AWAITING_SHIPMENT"])
def test_a_cancelled_order_is_cancelled_where_it_exists(status: str) -> None:
    gone = order(raw_unit("1", display_status="CANCELLED"), status=status)
    found = plan(gone, created=True)
    assert found.document is not None
    assert (found.standing, found.document["status"]) == (Standing.CANCELLED, "canceled")
    assert found.document["lineItems"][0]["quantity"] == 1


@pytest.mark.parametrize(("paid_time", "reason"), [(PAID_S, "cancelled_on_hold"), (None, "cancelled_unpaid")])
def test_an_order_cancelled_before_it_was_sent_never_appears(paid_time: int | None, reason: str) -> None:
    found = plan(order(status="CANCELLED", paid_time=paid_time))
    assert (found.document, found.drop, found.reason) == (None, True, reason)


@pytest.mark.parametrize("status", SHIPPED)
def test_an_order_first_seen_shipped_is_not_sent(status: str) -> None:
    found = plan(order(status=status))
    assert (found.standing, found.document, found.drop) == (Standing.SHIPPED, None, True)
    assert found.reason == "first_seen_shipped"


@pytest.mark.parametrize(("since_s", "wanted"), [(PAID_S - 60, True), (PAID_S, False)])
def test_a_backfill_sends_shipped_orders_as_fulfilled(since_s: int, wanted: bool) -> None:
    found = plan(order(status="DELIVERED"), since_ms=since_s * 1000)
    assert (found.document is not None, found.drop) == (wanted, not wanted)
    if found.document is not None:
        assert found.document["status"] == "fulfilled"
        assert "holdUntil" not in found.document
        again = plan(order(status="COMPLETED"), previous=found.document, created=True)
        assert again.document is not None
        assert again.document["status"] == "fulfilled"


@pytest.mark.parametrize("status", SHIPPED)
def test_a_shipped_order_stays_as_it_was_released(status: str) -> None:
    before = document(order())
    after = plan(order(status=status), previous=before, created=True)
    assert after.document is not None
    assert (after.standing, after.findings) == (Standing.SHIPPED, ())
    changed = {member for member in before if before[member] != after.document[member]}
    assert changed == {"customFields"}


def test_an_order_shipped_by_others_while_held_here_is_never_made_routable() -> None:
    held = document(order(), EARLIER_MS)
    found = plan(order(status="IN_TRANSIT"), previous=held, created=True)
    assert found.document is not None
    assert found.document["status"] == "fulfilled"
    assert [finding.code for finding in found.findings] == ["shipped_elsewhere"]


def test_an_order_shipped_inside_its_window_says_that_its_hold_is_over() -> None:
    early = order(status="IN_TRANSIT", rts_time=PAID_S + 60)
    assert document(early, EARLIER_MS, created=True)["holdUntil"] == iso(PAID_MS + MINUTE_MS)


def test_an_order_partly_shipped_before_it_was_seen_warns_of_shipping_twice() -> None:
    partly = order(raw_unit("1", display_status="IN_TRANSIT"), raw_unit("2"), status="PARTIALLY_SHIPPING")
    assert [finding.code for finding in plan(partly).findings] == ["partly_shipped_elsewhere"]
    assert plan(partly, created=True).findings == ()


def test_an_order_shipped_by_the_platform_is_left_out_with_the_setting_off() -> None:
    found = plan(order(**PLATFORM))
    assert (found.standing, found.document, found.drop) == (Standing.PLATFORM, None, True)
    assert found.reason == "shipped_by_platform"


def test_an_order_shipped_by_the_platform_is_fulfilled_from_the_start_with_the_setting_on() -> None:
    found = plan(order(**PLATFORM, recipient_address=MASKED), pull_shipped_by_platform=True)
    assert found.document is not None
    assert (found.standing, found.document["status"], found.findings) == (Standing.PLATFORM, "fulfilled", ())
    assert "shipped-by-platform" in found.document["tags"]


@pytest.mark.parametrize("status", ["UNPAID", "ON_HOLD", "AWAITING_SHIPMENT"])
def test_an_order_shipped_by_the_platform_waits_for_the_end_of_its_hold(status: str) -> None:
    found = plan(order(status=status, **PLATFORM), EARLIER_MS, pull_shipped_by_platform=True)
    assert (found.document, found.drop) == (None, False)


@pytest.mark.parametrize("status", SHIPPED)
def test_an_order_the_platform_has_shipped_is_created_fulfilled(status: str) -> None:
    assert document(order(status=status, **PLATFORM), pull_shipped_by_platform=True)["status"] == "fulfilled"


def test_an_unknown_status_changes_nothing_and_is_shown() -> None:
    found = plan(order(status="BLOCKED"))
    assert (found.document, found.drop, found.reason) == (None, False, "status_unknown")
    assert [finding.code for finding in found.findings] == ["status_unknown"]
    assert found.look_again_at_ms == AFTER_HOLD_MS + HOUR_MS


def test_a_total_that_does_not_add_up_is_shown_with_both_numbers_and_sent_as_tiktok_says() -> None:
    payment = {"currency": "USD", "total_amount": "20.01"}
    found = plan(order(payment=payment))
    assert found.document is not None
    assert found.document["totalPrice"] == Decimal("20.01")
    (finding,) = found.findings
    assert finding.code == "total_mismatch"
    assert "20.01 USD" in finding.text
    assert "20 USD" in finding.text


def test_a_total_that_is_not_stated_is_shown() -> None:
    (finding,) = plan(order(payment={"currency": "USD"})).findings
    assert "no total" in finding.text


def test_a_missing_seller_sku_is_shown_once_for_each_sku() -> None:
    found = plan(order(raw_unit("1", seller_sku=""), raw_unit("2", seller_sku="")))
    assert [(finding.code, "170065" in finding.text) for finding in found.findings] == [("sku_missing", True)]


@pytest.mark.parametrize("hidden", [MASKED, {}])
def test_without_a_street_nothing_is_routed_it_is_read_again_and_a_person_is_told(hidden: Any) -> None:
    waits = order(recipient_address=hidden, rts_sla_time=PAID_S + 86_400)
    found = plan(waits)
    assert found.document is not None
    assert (found.standing, found.document["status"], found.reason) == (Standing.HELD, "onHold", "address_hidden")
    assert (found.look_again_at_ms, found.findings) == (AFTER_HOLD_MS + 5 * MINUTE_MS, ())
    assert not any("*" in str(leaf) for leaf in walk(found.document["shippingAddress"]))
    (told,) = plan(waits, AFTER_HOLD_MS + 15 * MINUTE_MS).findings
    assert (told.code, told.deadline_at_ms) == ("address_missing", (PAID_S + 86_400) * 1000)
    shown = plan(order(), AFTER_HOLD_MS + 20 * MINUTE_MS, previous=found.document, created=True)
    assert shown.document is not None
    assert (shown.document["status"], shown.findings) == ("new", ())


def test_the_setting_for_tiktoks_hold_does_not_hide_an_order_that_waits_for_its_address() -> None:
    assert document(order(recipient_address=MASKED), pull_on_hold=False)["status"] == "onHold"


def test_an_order_that_is_out_already_is_not_taken_back_for_its_address() -> None:
    out = {"status": "new", "shippingAddress": {"firstName": "Ada"}}
    found = plan(order(recipient_address=MASKED), previous=out, created=True)
    assert found.document is not None
    assert (found.document["status"], [one.code for one in found.findings]) == ("new", ["address_missing"])
    never_sent = plan(order(recipient_address=MASKED), previous=out, created=False)
    assert never_sent.reason == "address_hidden"


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"shipping_type": "TIKTOK"}, "new"),
        ({"shipping_type": "IN-STORE PICKUP"}, "new"),
        ({"order_type": "VIRTUAL_ORDER"}, "fulfilled"),
        ({"shipping_type": "TIKTOK_DIGITAL"}, "fulfilled"),
    ],
)
def test_a_hidden_street_matters_only_where_someone_must_write_a_label(members: Any, status: str) -> None:
    hidden = plan(order(recipient_address=MASKED, **members))
    assert hidden.document is not None
    assert (hidden.document["status"], hidden.findings) == (status, ())


@pytest.mark.parametrize("digital", [{"shipping_type": "TIKTOK_DIGITAL"}, {"order_type": "VIRTUAL_ORDER"}])
def test_a_digital_order_is_never_routable(digital: Any) -> None:
    assert plan(order(status="ON_HOLD", **digital), EARLIER_MS).document is None
    assert plan(order(**digital), EARLIER_MS).document is None
    for status in ("AWAITING_SHIPMENT", *SHIPPED):
        found = plan(order(status=status, **digital))
        assert found.document is not None
        assert (found.standing, found.document["status"]) == (Standing.DIGITAL, "fulfilled")
        assert not any(line["requiresShipping"] for line in found.document["lineItems"])


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"order_type": "NEW_KIND"}, "new"),
        ({"shipping_type": "DRONE"}, "onHold"),
        ({"fulfillment_type": "FULFILLMENT_BY_FRIENDS"}, "onHold"),
    ],
)
def test_an_unknown_kind_is_taken_in_tagged_and_told(members: Any, status: str) -> None:
    found = plan(order(**members), pull_on_hold=False)
    assert found.document is not None
    assert (found.document["status"], "unknown-kind" in found.document["tags"]) == (status, True)
    (told,) = found.findings
    assert told.code == "kind_unknown"
    (value,) = members.values()
    assert value in told.text


def test_a_pre_order_whose_money_is_not_taken_yet_is_not_called_paid() -> None:
    release = {"order_type": "PRE_ORDER", "release_date": PAID_S + 86_400, "status": "ON_HOLD"}
    assert "paymentStatus" not in document(order(paid_time=None, **release))
    assert document(order(**release))["paymentStatus"] == "paid"


def test_samples_gifts_and_other_kinds_are_tagged() -> None:
    odd = order(
        raw_unit("1", price="0", is_gift=True),
        order_type="PRE_ORDER",
        is_sample_order=True,
        is_cod=True,
        is_replacement_order=True,
        replaced_order_id="577",
        is_exchange_order=True,
        exchange_source_order_id="578",
        is_subscription_order=True,
    )
    found = document(odd)
    tags = {"tiktok-shop", "sample", "gift", "pre-order", "replacement", "exchange", "subscription", "cod"}
    assert set(found["tags"]) == tags
    fields = {field["name"]: field["value"] for field in found["customFields"]}
    assert (fields["tiktok_replaced_order_id"], fields["tiktok_exchanged_order_id"]) == ("577", "578")
    assert "paymentStatus" not in found
    assert found["totalPrice"] == 0


def test_a_free_order_is_paid_without_a_payment() -> None:
    found = document(order(raw_unit("1", price="0"), order_type="ZERO_LOTTERY"))
    assert (found["paymentStatus"], "payments" in found) == ("paid", False)


def test_tax_inside_the_prices_is_noted() -> None:
    payment = {"currency": "GBP", "tax": "3.33", "total_amount": "20"}
    found = document(order(payment=payment))
    assert found["orderTax"] == 0
    assert {"name": "tiktok_tax_included", "value": "3.33"} in found["customFields"]


def test_an_anonymous_order_has_no_customer_and_notes_are_carried() -> None:
    address = {"delivery_preferences": {"drop_off_location": "Front Door"}}
    found = document(order(user_id="", recipient_address=address, buyer_message="ring twice", buyer_email=""))
    assert "customer" not in found
    assert "shippingAddress" not in found
    assert (found["shippingNote"], found["orderNote"]) == ("Front Door", "ring twice")


def walk(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in walk(member)]
    if isinstance(value, list):
        return [leaf for member in value for leaf in walk(member)]
    return [value]


STATUSES = ["UNPAID", "ON_HOLD", "AWAITING_SHIPMENT", "PARTIALLY_SHIPPING", *SHIPPED, "CANCELLED", "BLOCKED"]
ORDERS = st.builds(
    lambda status, platform, address, prices: order(
        *(raw_unit(str(place), price=str(price)) for place, price in enumerate(prices, 10)),
        status=status,
        fulfillment_type="FULFILLMENT_BY_TIKTOK" if platform else "FULFILLMENT_BY_SELLER",
        recipient_address=address,
    ),
    st.sampled_from(STATUSES),
    st.booleans(),
    st.sampled_from([{}, CLEAR, MASKED]),
    st.lists(st.decimals(0, 1000, places=2), min_size=1, max_size=4),
)
RULES = st.fixed_dictionaries(
    {
        "pull_on_hold": st.booleans(),
        "pull_shipped_by_platform": st.booleans(),
        "since_ms": st.sampled_from([None, 0, PAID_MS + HOUR_MS]),
    }
)


@given(ORDERS, RULES, st.booleans(), st.integers(-HOUR_MS, 48 * HOUR_MS))
def test_every_plan_is_sent_later_or_dropped_with_a_reason(
    wanted: Any, given: Any, created: bool, after_ms: int
) -> None:
    found = plan(wanted, PAID_MS + after_ms, created=created, **given)
    if found.document is None:
        assert found.reason
        assert found.drop or found.look_again_at_ms is not None
    else:
        assert not found.drop
        assert {type(leaf) for leaf in walk(found.document)} <= {str, int, bool, Decimal}
        assert jsontext.loads(jsontext.dumps(found.document)) == found.document
        assert "*" not in jsontext.dumps(found.document.get("shippingAddress"))
    assert found.look_again_at_ms is None or found.look_again_at_ms > PAID_MS + after_ms


@given(ORDERS, RULES, st.booleans(), st.integers(-HOUR_MS, HOUR_MS - 1))
def test_no_order_is_routable_inside_its_window(wanted: Any, given: Any, created: bool, after_ms: int) -> None:
    found = plan(wanted, PAID_MS + after_ms, created=created, **given)
    if found.document is not None and found.document["status"] == "new":
        assert wanted.status in SHIPPED
        assert created


@given(ORDERS, RULES, st.booleans())
def test_planning_again_with_what_was_planned_gives_the_same(wanted: Any, given: Any, created: bool) -> None:
    first = plan(wanted, created=created, **given)
    if first.document is not None:
        assert plan(wanted, previous=first.document, created=True, **given).document == first.document
