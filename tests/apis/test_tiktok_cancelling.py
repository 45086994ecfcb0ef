"""The calls about cancellations against a scripted wire."""

import json

import pytest
from fake_wire import LOST, answer, no, ok, tiktok_rig, virtual

from daemon.core.cancellations import Stage
from daemon.core.verdicts import Rejected, Retry, Unknown
from daemon.errors import ApiError

ORDER = "576461413038785752"
SEARCH = "/return_refund/202602/cancellations/search"
CANCEL = "/return_refund/202602/cancellations"
APPROVE = "/return_refund/202309/cancellations/404/approve"
ELIGIBLE = f"/return_refund/202602/orders/{ORDER}/aftersale_eligibility"
ROW = {"cancel_id": "404", "order_id": ORDER, "cancel_status": "CANCELLATION_REQUEST_PENDING", "role": "BUYER"}


async def failure(awaitable):
    with pytest.raises(ApiError) as caught:
        await awaitable
    return caught.value


@virtual
async def test_a_search_is_read_to_its_end():
    pages = {
        "": {"cancellations": [ROW], "next_page_token": "more"},
        "more": {"cancellations": [ROW | {"cancel_id": "405"}]},
    }
    rig = tiktok_rig({SEARCH: lambda seen: ok(pages[seen.query.get("page_token", "")])})
    found = await rig.tiktok.cancelling.of_orders([ORDER])
    assert [(one.id, one.stage) for one in found] == [("404", Stage.PENDING), ("405", Stage.PENDING)]
    first, _ = rig.wire.calls(SEARCH)
    assert json.loads(first.body) == {"order_ids": [ORDER]}
    assert first.query["page_size"] == "50"


@virtual
async def test_a_search_that_does_not_end_is_an_error():
    rig = tiktok_rig({SEARCH: ok({"cancellations": [ROW], "next_page_token": "again"})})
    assert (await failure(rig.tiktok.cancelling.of_orders([ORDER]))).verdict == Retry("shape")


@virtual
async def test_a_row_that_cannot_be_read_is_an_error_and_no_empty_list():
    rig = tiktok_rig({SEARCH: ok({"cancellations": [{"cancel_id": "404"}]})})
    assert isinstance((await failure(rig.tiktok.cancelling.of_orders([ORDER]))).verdict, Retry)


@virtual
async def test_too_many_orders_in_one_search_are_our_mistake():
    rig = tiktok_rig({})
    with pytest.raises(ValueError, match="51 orders"):
        await rig.tiktok.cancelling.of_orders([str(number) for number in range(51)])


@virtual
@pytest.mark.parametrize("units", [(), ("1", "2")])
async def test_a_cancel_names_its_units_or_none_for_the_whole_order(units):
    rig = tiktok_rig({CANCEL: ok({"cancel_id": "404", "cancel_status": "CANCELLATION_REQUEST_SUCCESS"})})
    assert await rig.tiktok.cancelling.cancel(ORDER, "seller_cancel_reason_out_of_stock", units) == "404"
    (call,) = rig.wire.calls(CANCEL)
    body = {"order_id": ORDER, "cancel_reason": "seller_cancel_reason_out_of_stock"}
    assert json.loads(call.body) == body | ({"order_line_item_ids": ["1", "2"]} if units else {})


@virtual
@pytest.mark.parametrize("reply", [ok({}), ok(None), LOST, no(25001042, "internal", 200), answer(b"<html>", 502)])
async def test_a_cancel_that_may_have_happened_is_unknown(reply):
    rig = tiktok_rig({CANCEL: reply})
    assert isinstance((await failure(rig.tiktok.cancelling.cancel(ORDER, "reason", ()))).verdict, Unknown)


@virtual
async def test_a_cancel_falls_forward_to_the_version_that_still_works():
    older = CANCEL.replace("202602", "202309")
    rig = tiktok_rig({CANCEL: no(36009014, "gone", 404), older: ok({"cancel_id": "404"})})
    assert await rig.tiktok.cancelling.cancel(ORDER, "reason", ()) == "404"


@virtual
async def test_an_approval_carries_its_key_and_an_empty_body():
    rig = tiktok_rig({APPROVE: ok({})})
    await rig.tiktok.cancelling.approve("404", "key-1")
    (call,) = rig.wire.calls(APPROVE)
    assert (call.query["idempotency_key"], call.body) == ("key-1", b"{}")


@virtual
async def test_an_approval_that_came_too_late_is_refused():
    rig = tiktok_rig({APPROVE: no(25020009, "reverse already cancelled", 200)})
    assert (await failure(rig.tiktok.cancelling.approve("404", "key"))).verdict == Rejected("aftersale_over")


@virtual
async def test_eligibility_is_asked_as_the_seller():
    line = {"request_type": "CANCEL", "order_line_items_ids": ["1"], "eligible": True, "available_reason_names": ["r"]}
    rig = tiktok_rig({ELIGIBLE: ok({"sku_eligibility": [{"sku_id": "9", "line_item_eligibility": [line]}]})})
    assert (await rig.tiktok.cancelling.eligibility(ORDER)).reasons == {"1": ("r",)}
    (call,) = rig.wire.calls(ELIGIBLE)
    assert (call.query["initiate_aftersale_user"], call.query["request_types"]) == ("SELLER", "CANCEL")


@virtual
async def test_an_eligibility_that_cannot_be_read_is_asked_again():
    rig = tiktok_rig({ELIGIBLE: ok({"sku_eligibility": ["odd"]})})
    assert isinstance((await failure(rig.tiktok.cancelling.eligibility(ORDER))).verdict, Retry)
