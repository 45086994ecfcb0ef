"""The simulated shop's orders of every kind, and what they cost."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from shop_caller import HOUR_MS, open_shop

from daemon.sandbox.tiktok.kinds import KINDS
from daemon.sandbox.tiktok.pricing import ON_LINES, Fees, Shipping, UnitSpec

DAY_MS = 24 * HOUR_MS


def paid(shown: Any) -> Decimal:
    return Decimal(shown["payment"]["total_amount"])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_bears_its_flags_in_list_and_detail(kind: str) -> None:
    shop, of = open_shop(sparse=0.0), KINDS[kind]
    order_id = shop.sandbox.place_order(("A",), kind=kind)
    shop.clock.forward(HOUR_MS + 40_000)
    query = {"page_size": "10", "sort_field": "update_time", "sort_order": "ASC"}
    found = json.loads(shop.raw("POST", "/order/202309/orders/search", query, {}).body)["data"]["orders"]
    for shown in (shop.sandbox.shown(order_id), found[-1]):
        types = (shown["order_type"], shown["fulfillment_type"], shown["shipping_type"])
        assert types == (of.order_type, of.fulfillment_type, of.shipping_type)
        assert {name: shown[name] for name in of.flags} == dict(of.flags)
        assert (paid(shown) == 0) == of.free
        assert (shown["line_items"][0]["gift_retail_price"] == "25") == of.free


def test_types_and_flags_beside_a_kind_win() -> None:
    shop = open_shop()
    order_id = shop.sandbox.place_order(("A",), kind="cod", order_type="AUCTION", flags={"is_subscription_order": True})
    shown = shop.sandbox.shown(order_id)
    assert (shown["order_type"], shown["is_cod"], shown["is_subscription_order"]) == ("AUCTION", True, True)


def test_a_handling_time_moves_the_day_by_which_it_must_be_shipped() -> None:
    shop = open_shop()
    plain, made = (shop.sandbox.place_order(("A",), kind=kind) for kind in ("", "made-to-order"))
    assert shop.sandbox.shown(made)["rts_sla_time"] - shop.sandbox.shown(plain)["rts_sla_time"] == 4 * DAY_MS // 1000


def test_a_pre_order_leaves_its_hold_near_its_release() -> None:
    shop = open_shop(release_early_ms=DAY_MS)
    release_ms = shop.clock.at_ms + 5 * DAY_MS
    order_id = shop.sandbox.place_order(("A",), kind="pre-order", release_ms=release_ms)
    for days, status in ((3, "ON_HOLD"), (1, "AWAITING_SHIPMENT")):
        shop.clock.forward(days * DAY_MS)
        assert shop.sandbox.shown(order_id)["status"] == status
    assert shop.sandbox.shown(order_id)["release_date"] == release_ms // 1000


def test_an_address_may_be_late() -> None:
    shop = open_shop(address_late_ms=60_000)
    order_id = shop.sandbox.place_order(("A",))
    shop.clock.forward(HOUR_MS)
    shown = shop.sandbox.shown(order_id)
    assert (shown["status"], shown["recipient_address"]["address_line1"]) == ("AWAITING_SHIPMENT", "1***")
    shop.clock.forward(60_000)
    assert shop.sandbox.shown(order_id)["recipient_address"]["address_line1"] == "100 Sim Street"


EVERY_FEE = UnitSpec("E", "9", tax="0", **dict.fromkeys((*ON_LINES, "pfand_fee"), "0.5"))  # type: ignore[arg-type]
FEES = Fees("1", "2", "3", "0.4", "0.7", "6")


@pytest.mark.parametrize(
    ("switches", "total"),
    [({}, "16.10"), ({"pfand_in_price": True}, "15.10"), ({"payment_discount_off": False}, "22.10")],
)
def test_the_buyer_pays_every_fee_as_the_shop_is_set_up(switches: dict[str, bool], total: str) -> None:
    """Two at 9 with six fees of 0.50, one of them a deposit; fees of 7.10 on the order and a discount of 6.

    18 + 5 + 1 + 7.10 - 6 - 9 of the shop's own discount.
    """
    shop = open_shop(**switches)
    cut = replace(EVERY_FEE, seller_discount="4.5")
    order_id = shop.sandbox.place_order((cut, cut), fees=FEES, shipping=Shipping("0"))
    shown = shop.sandbox.shown(order_id)
    assert paid(shown) == Decimal(total)
    payment = shown["payment"]
    assert {name: payment[name] for name in ON_LINES} == dict.fromkeys(ON_LINES, "1")
    assert (payment["item_insurance_tax"], payment["payment_platform_discount"]) == ("0.4", "6")
    assert "pfand_fee" not in payment
    assert shown["line_items"][0]["pfand_fee"] == "0.5"
