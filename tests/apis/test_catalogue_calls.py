"""Both clients on products, stock and locations: what is sent, how partial failures read, what counts as there."""

import pytest
from fake_wire import answer, no, ok, pair, tiktok_rig, virtual
from test_pipe17_client import BASE, MISSING, Rig, failure, rows

from daemon.apis.tiktok.goods import SkuFailure, SkuLevels
from daemon.core.tiktok_catalogue_errors import word_of
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Rejected, Retry, Unknown

PRODUCT = "1729500000000000301"
UPDATE = f"/product/202309/products/{PRODUCT}/inventory/update"
SEARCH = "/product/202502/products/search"
LEVELS = [SkuLevels("11", (("7068", 5), ("7069", 0)))]


@virtual
async def test_stock_is_sent_absolute_for_every_warehouse():
    rig = tiktok_rig({UPDATE: ok({})})
    assert await rig.tiktok.catalogue.update_inventory(PRODUCT, LEVELS) == ()
    (call,) = rig.wire.calls(UPDATE)
    assert call.json == {
        "skus": [
            {
                "id": "11",
                "inventory": [{"warehouse_id": "7068", "quantity": 5}, {"warehouse_id": "7069", "quantity": 0}],
            }
        ]
    }


@virtual
async def test_a_success_that_refuses_skus_says_which_and_why():
    inner = [
        {"warehouse_id": "7068", "code": 12052097, "message": "The warehouse does not exist"},
        {"warehouse_id": "7069", "code": 12052531, "message": "disabled"},
    ]
    whole = {"code": 12052850, "message": "bundle", "detail": {"sku_id": "12"}}
    errors = [{"code": 12052990, "message": "failed", "detail": {"sku_id": "11", "extra_errors": inner}}, whole]
    rig = tiktok_rig({UPDATE: ok({"errors": errors})})
    assert await rig.tiktok.catalogue.update_inventory(PRODUCT, LEVELS) == (
        SkuFailure("11", 12052097, "The warehouse does not exist", {"7068": 12052097, "7069": 12052531}),
        SkuFailure("12", 12052850, "bundle", {}),
    )
    assert (word_of(12052850), word_of(12052097), word_of(1)) == ("stock_of_bundle", "warehouse_set_wrong", "tiktok_1")


@virtual
async def test_an_answer_to_an_update_that_makes_no_sense_is_unknown_and_not_a_success():
    for errors in ({"errors": "no"}, {"errors": [{"code": 1}]}):
        rig = tiktok_rig({UPDATE: ok(errors)})
        assert isinstance((await failure(rig.tiktok.catalogue.update_inventory(PRODUCT, LEVELS))).verdict, Unknown)


@virtual
async def test_products_that_were_not_switched_off():
    path = "/product/202309/products/deactivate"
    error = {"code": 12052048, "message": "not yours", "detail": {"product_id": PRODUCT}}
    rig = tiktok_rig({path: ok({"errors": [error]})})
    (failed,) = await rig.tiktok.catalogue.deactivate_products([PRODUCT])
    assert (failed.product_id, failed.code) == (PRODUCT, 12052048)
    with pytest.raises(ValueError, match="20"):
        await rig.tiktok.catalogue.deactivate_products(["1"] * 21)


@virtual
async def test_a_product_search_has_its_window_in_the_body():
    rig = tiktok_rig({SEARCH: ok({"products": [{"id": PRODUCT}], "total_count": 3, "next_page_token": "t"})})
    page = await rig.tiktok.catalogue.search_products(update_time_ge=5, update_time_le=9, page_token="s")
    assert (page.products, page.next_page_token, page.total) == ([{"id": PRODUCT}], "t", 3)
    (call,) = rig.wire.calls(SEARCH)
    assert call.json == {"update_time_ge": 5, "update_time_le": 9}
    assert (call.query["page_size"], call.query["page_token"]) == ("100", "s")


@virtual
async def test_a_product_that_is_not_there_is_none_and_one_without_id_is_an_error():
    path = f"/product/202309/products/{PRODUCT}"
    assert await tiktok_rig({path: no(12052032)}).tiktok.catalogue.product(PRODUCT) is None
    assert await tiktok_rig({path: ok({"id": PRODUCT})}).tiktok.catalogue.product(PRODUCT) == {"id": PRODUCT}
    assert isinstance((await failure(tiktok_rig({path: ok({})}).tiktok.catalogue.product(PRODUCT))).verdict, Retry)


@virtual
async def test_stock_is_asked_by_skus_or_by_products_within_the_bounds():
    path = "/product/202309/inventory/search"
    rig = tiktok_rig({path: ok({"inventory": [{"product_id": PRODUCT}]})})
    assert await rig.tiktok.catalogue.search_inventory(sku_ids=["11"]) == [{"product_id": PRODUCT}]
    for wrong in ({}, {"sku_ids": ["1"], "product_ids": ["2"]}, {"sku_ids": ["1"] * 601}, {"product_ids": ["1"] * 101}):
        with pytest.raises(ValueError, match=r"SKU|product"):
            await rig.tiktok.catalogue.search_inventory(**wrong)


@virtual
async def test_platform_warehouses_are_asked_only_with_their_scope():
    path = "/fbt/202408/warehouses"
    rig = tiktok_rig({path: ok({"warehouses": [{"fbt_warehouse_id": "9"}]})}, stored=pair())
    assert await rig.tiktok.logistics.platform_warehouses() == []
    assert rig.wire.calls(path) == []


@virtual
async def test_a_product_that_exists_is_handed_over_and_one_that_no_list_shows_yet_is_tried_again():
    taken = answer({"success": False, "code": 409, "message": "Product exists"}, 409)
    there = rows({"productId": "p", "sku": "MUG"}, name="products")
    path = f"{BASE}/products"
    rig = Rig({path: [taken, there]})
    made = await rig.client.goods.create_product({"sku": "MUG", "name": "Mug"})
    assert (made.record["productId"], made.fresh) == ("p", False)
    rig = Rig({path: [taken, rows(name="products")]})
    verdict = (await failure(rig.client.goods.create_product({"sku": "MUG", "name": "Mug"}))).verdict
    assert isinstance(verdict, Retry)
    assert (verdict.code, verdict.tries) == ("duplicate", UNKNOWN_CODE_TRIES)


@virtual
async def test_a_product_is_found_by_its_very_sku():
    rig = Rig({f"{BASE}/products": rows({"productId": "p", "sku": "MUG-2"}, name="products")})
    assert await rig.client.goods.product_by_sku("MUG") is None
    rig = Rig({f"{BASE}/products/p": MISSING})
    assert await rig.client.goods.product("p") is None


@virtual
async def test_a_location_without_an_id_is_unknown():
    rig = Rig({f"{BASE}/locations": answer({"success": True, "code": 200})})
    assert isinstance((await failure(rig.client.goods.create_location({"name": "Main"}))).verdict, Unknown)


@virtual
async def test_stock_rows_are_asked_by_instant_sku_and_location_and_totals_without_an_instant():
    path = f"{BASE}/inventory"
    rig = Rig({path: rows({"sku": "A"}, name="inventory")})
    page = await rig.client.goods.inventory(
        updated_since_ms=1_767_225_600_000, skus=["A", "B"], location_id="l", skip=100
    )
    assert (page.rows, page.last) == ([{"sku": "A"}], True)
    await rig.client.goods.inventory_totals(skus=["A"])
    await rig.client.goods.inventory_totals(skus=["A"], requestor_id="b7712ce05d9f3a48")
    first, second, third = (call.url for call in rig.wire.calls(path))
    assert "requestorId" not in second
    assert "requestorId=b7712ce05d9f3a48" in third
    assert "sku=A&sku=B&updatedSince=2026-01-01" in first
    assert "locationId=l" in first
    assert "skip=100" in first
    assert "totals=true" in second
    assert "updatedSince" not in second


@virtual
async def test_a_refusal_of_a_search_that_shows_too_much_is_known():
    rig = tiktok_rig({SEARCH: no(12052180)})
    assert (await failure(rig.tiktok.catalogue.search_products())).verdict == Rejected("too_many_hits")
