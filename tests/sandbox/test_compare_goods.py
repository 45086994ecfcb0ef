"""The judges of catalogue and stock, of messages and cancels: nothing where all is well, and every planted fault."""

from __future__ import annotations

from random import Random

import pytest
from pipe17_org import Org

from daemon.sandbox.compare_goods import SEEN_BEFORE_MS, Shelves, linked
from daemon.sandbox.compare_talk import cancelled, told
from daemon.sandbox.tiktok import TikTokSandbox, UnitSpec
from daemon.sandbox.tiktok.conversations import Conversation, Said
from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE
from daemon.sandbox.tiktok.pricing import id_of

EAST = "10c000000000000e"
TEMPLATE = "Thank you for {order_id}"


class Shop:
    """A shop of two SKUs and a bundle on both sides, and a connector's work done by hand."""

    def __init__(self) -> None:
        self.org = Org()
        self.pipe17 = self.org.sandbox
        self.tiktok = TikTokSandbox(self.org.clock, Random(5))
        self.east = self.tiktok.seller.add_warehouse("East")
        keeper, seller = self.pipe17.keeper, self.tiktok.seller
        keeper.add_location("East", EAST)
        for sku in ("A", "B"):
            keeper.add_stock(sku, 20)
            keeper.add_stock(sku, 5, EAST)
        seller.add_product(("A", "B"), title="Mug", stock={MAIN_WAREHOUSE: 20, self.east: 5})
        seller.add_product(({"seller_sku": "SET", "bundle": ((id_of("A", "sku"), 1),)},), title="Set")
        places = {self.pipe17.options.location: MAIN_WAREHOUSE, EAST: self.east}
        self.shelves = Shelves(self.tiktok, self.pipe17, places)
        self.shelves.look()

    def link(self) -> None:
        mine = self.pipe17.options.integration
        for sku, title in (("A", "Mug"), ("B", "Mug"), ("SET", "Set")):
            mapping = {"status": "published", "integrationId": mine}
            self.pipe17.keeper.add_product({"sku": sku, "name": title, "mappedProduct": mapping}, mine)
        for warehouse in self.tiktok.logistics.warehouses:
            made = self.pipe17.keeper.add_location(warehouse["name"])
            fields = [{"name": "tiktokWarehouseId", "value": warehouse["id"]}]
            row = self.pipe17.books.goods.locations.get(made)
            assert row is not None
            self.pipe17.books.goods.update_location(row, {"customFields": fields}, self.org.clock.at_ms)

    def push(self, sku: str, main: int, east: int) -> None:
        """What a connector sets, as the shop takes it."""
        found = self.tiktok.catalogue.by_seller_sku(sku)[0]
        self.tiktok.stock._accept(found, {MAIN_WAREHOUSE: main, self.east: east}, self.org.clock.at_ms)

    def say(self, order_id: str, *kinds: str) -> None:
        talks = self.tiktok.conversations.of_buyer
        talk = talks.setdefault("buyer", Conversation("1", "buyer", self.org.clock.at_ms))
        for kind in kinds:
            text = TEMPLATE.replace("{order_id}", order_id)
            content = {"content": text} if kind == "TEXT" else {"order_id": order_id}
            talk.said.append(Said("1", kind, content, self.org.clock.at_ms, "CUSTOMER_SERVICE"))


def kinds(found: object) -> list[str]:
    return [one.kind for one in found]  # type: ignore[attr-defined]


def test_a_shop_that_is_linked_and_agrees_has_no_difference() -> None:
    shop = Shop()
    shop.link()
    assert list(linked(shop.tiktok, shop.pipe17)) == []
    assert shop.shelves.differences() == shop.shelves.zeroed() == shop.shelves.oversold() == []


def test_what_is_not_linked_exactly_once_is_told() -> None:
    shop = Shop()
    assert len(list(linked(shop.tiktok, shop.pipe17))) == 3 + len(shop.tiktok.logistics.warehouses)
    shop.link()
    shop.pipe17.keeper.change_product("A", name="Another")
    (found,) = linked(shop.tiktok, shop.pipe17)
    assert found.text == "SKU A has another name in Pipe17"


@pytest.mark.parametrize(("main", "east"), [(21, 5), (20, 4), (5, 20), (0, 25)])
def test_another_stock_in_any_warehouse_is_told(main: int, east: int) -> None:
    shop = Shop()
    shop.push("A", main, east)
    assert kinds(shop.shelves.differences()) == ["stock"]


def test_units_of_orders_that_no_warehouse_has_are_not_for_sale_and_bundles_take_their_parts() -> None:
    shop = Shop()
    shop.tiktok.place_order(["A", UnitSpec("SET", "10", parts=(("A", 2, "5"),))], paid=False)
    assert shop.shelves.differences() == [], "TikTok takes them by itself"
    shop.push("A", 20, 5)
    (found,) = shop.shelves.differences()
    assert found.text == "TikTok sells 20+5 of A, there are 17+5"


def test_a_zero_that_was_never_true_is_told_and_one_that_was_is_not() -> None:
    shop = Shop()
    shop.pipe17.keeper.add_stock("A", 0, EAST)
    shop.org.wait(1_000)
    shop.shelves.look()
    shop.push("A", 20, 0)
    shop.push("B", 20, 0)
    (found,) = shop.shelves.zeroed()
    assert found.text.startswith("B was set to 0")
    shop.pipe17.keeper.add_stock("A", 5, EAST)
    shop.shelves.look()
    shop.push("A", 20, 5)
    shop.org.wait(2 * SEEN_BEFORE_MS)
    shop.push("A", 20, 0)
    assert len(shop.shelves.zeroed()) == 2, "it was true, but long before"
    shop.org.wait(2 * SEEN_BEFORE_MS)
    shop.push("A", 20, 0)
    assert len(shop.shelves.zeroed()) == 2, "sent again, it takes nothing off sale"


def test_what_was_promised_beyond_what_there_is_is_told() -> None:
    shop = Shop()
    shop.tiktok.place_order(["A"] * 3, paid=False)
    for location in ("", EAST):
        shop.pipe17.keeper.add_stock("A", 1, location)
    shop.shelves.look()
    assert kinds(shop.shelves.oversold()) == ["oversold"]
    assert shop.shelves.oversold_units() == 1


def test_buyers_that_were_told_once_are_well_and_all_else_is_told() -> None:
    shop = Shop()
    one, two, three = (shop.tiktok.place_order(["A"]) for _ in range(3))
    for order_id in (one, two, three):
        shop.org.create(order_id, status="onHold")
        shop.say(order_id, "TEXT", "ORDER_CARD")
    assert list(told(shop.tiktok, shop.pipe17, TEMPLATE)) == []
    shop.say(one, "ORDER_CARD")
    shop.say("57", "TEXT")
    four = shop.tiktok.place_order(["A"])
    shop.org.create(four, status="onHold")
    shop.say(four, "TEXT")
    assert sorted(kinds(told(shop.tiktok, shop.pipe17, TEMPLATE))) == ["told_twice", "told_wrong", "untold"]
    shop.tiktok.cancel_order(four)
    assert "untold" not in kinds(told(shop.tiktok, shop.pipe17, TEMPLATE)), "a cancelled order is no news"


def test_cancels_are_those_that_were_asked_for() -> None:
    shop = Shop()
    one, two = (shop.tiktok.place_order(["A"]) for _ in range(2))
    assert kinds(cancelled(shop.tiktok, [one])) == ["not_cancelled"]
    for order_id in (one, two):
        shop.tiktok.market.begin_cancel(shop.tiktok.order(order_id), "", (), shop.org.clock.at_ms)
    assert kinds(cancelled(shop.tiktok, [one, two])) == []
    assert kinds(cancelled(shop.tiktok, [one])) == ["cancelled_unasked"]
