"""The TikTok client against a scripted wire: shapes, cures, versions, the clock, and what never leaks."""

import asyncio
import hashlib
import hmac
import json
from datetime import timedelta
from urllib.parse import unquote

import pytest
from fake_wire import (
    APP_SECRET,
    CIPHER,
    DETAIL,
    LOST,
    SEARCH,
    SHOPS,
    START_MS,
    UNREACHABLE,
    LoopClock,
    answer,
    no,
    ok,
    search,
    shop,
    tiktok_rig,
    virtual,
)

from daemon.core.carriers import Provider
from daemon.core.lanes import Lane
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Rejected, Retry, Throttled, Unknown
from daemon.errors import ApiError

ORDER = "576461413038785752"
UNIT = "576461413038916824"
USPS = "7117858858072016686"
MARK = f"/fulfillment/202309/orders/{ORDER}/packages"
MARK_NEW = f"/fulfillment/202610/orders/{ORDER}/packages"
SHIP = "/fulfillment/202309/packages/1200000000000095871/ship"
PACKAGE = "/fulfillment/202309/packages/1153132168123859123"
WEBHOOKS = "/event/202309/webhooks"
SHIPPED = ok({"order_id": ORDER, "order_line_item_ids": [UNIT], "package_id": "1153132168123859123"})


def resign(seen):
    """The signature of a request as the other side computes it, from the wire alone."""
    path, _, query = seen.url.removeprefix("https://api.tiktok.test").partition("?")
    pairs = [pair.split("=", 1) for pair in query.split("&")]
    text = path + "".join(f"{key}{unquote(value)}" for key, value in sorted(pairs) if key != "sign")
    message = APP_SECRET.encode() + text.encode() + (seen.body or b"") + APP_SECRET.encode()
    return hmac.new(APP_SECRET.encode(), message, hashlib.sha256).hexdigest()


def mark(rig):
    return rig.tiktok.packages.mark_package_as_shipped(ORDER, [UNIT], "9400111899223100000019", USPS)


async def failure(awaitable):
    with pytest.raises(ApiError) as caught:
        await awaitable
    return caught.value


@virtual
async def test_a_search_is_signed_as_sent_with_filters_in_the_body_and_paging_in_the_query():
    rig = tiktok_rig({SEARCH: ok({"orders": [{"id": ORDER}], "next_page_token": "aDU2dHIr/w=="})})
    page = await rig.tiktok.search_orders(
        update_time_ge=1_767_139_200, update_time_lt=1_767_225_600, page_token="aDU+/w==", page_size=50
    )
    assert (page.orders, page.next_page_token) == ([{"id": ORDER}], "aDU2dHIr/w==")
    (call,) = rig.wire.calls(SEARCH)
    assert call.body == b'{"update_time_ge":1767139200,"update_time_lt":1767225600}'
    assert call.query == {
        "page_size": "50",
        "sort_field": "update_time",
        "sort_order": "ASC",
        "page_token": "aDU+/w==",
        "shop_cipher": CIPHER,
        "app_key": "simappkey01",
        "timestamp": str(START_MS // 1000),
        "sign": resign(call),
    }
    assert "aDU%2B%2Fw%3D%3D" in call.url


@virtual
async def test_every_call_carries_a_signature_that_fits_and_a_get_signs_no_body():
    rig = tiktok_rig(
        {
            DETAIL: ok({"orders": [{"id": ORDER}]}),
            MARK: SHIPPED,
            SHIP: ok({}),
            PACKAGE: ok({"package_id": "1153132168123859123"}),
            WEBHOOKS: ok({"webhooks": [{"event_type": "PACKAGE_UPDATE", "address": "https://c.test/w"}]}),
            "/logistics/202309/warehouses": ok({"warehouses": [{"id": "7"}]}),
            "/product/202312/prerequisites": ok({"check_results": [{"check_item": "SHOP_TAX", "is_failed": False}]}),
            "/logistics/202309/delivery_options/70/shipping_providers": ok(
                {"shipping_providers": [{"id": USPS, "name": "USPS"}]}
            ),
        }
    )
    client = rig.tiktok
    await client.order_details([ORDER, UNIT])
    await mark(rig)
    await client.packages.ship_package("1200000000000095871", "JX1", "68")
    assert (await client.packages.package("1153132168123859123"))["package_id"] == "1153132168123859123"
    assert await client.registrations.addresses() == {"PACKAGE_UPDATE": "https://c.test/w"}
    await client.registrations.set("PACKAGE_UPDATE", "https://c.test/w")
    await client.registrations.delete("PACKAGE_UPDATE")
    assert await client.logistics.warehouses() == [{"id": "7"}]
    assert (await client.prerequisites())[0]["check_item"] == "SHOP_TAX"
    providers = await client.logistics.providers("70", warehouse_region="DE", buyer_region="FR")
    assert providers == (Provider(USPS, "USPS"),)
    for call in rig.wire.seen:
        assert call.query["sign"] == resign(call), call.path
        assert (call.body is None) == (call.method == "GET"), call.path
        assert ("shop_cipher" in call.query) == (call.path != SHOPS), call.path
        assert call.headers["content-type"] == "application/json"
    methods = [call.method for call in rig.wire.calls(WEBHOOKS)]
    assert methods == ["GET", "PUT", "DELETE"]
    assert rig.wire.calls(WEBHOOKS)[2].json == {"event_type": "PACKAGE_UPDATE"}
    assert rig.wire.calls(DETAIL)[0].query["ids"] == f"{ORDER},{UNIT}"
    assert rig.wire.seen[-1].query["warehouse_region"] == "DE"
    assert rig.wire.calls(SHIP)[0].json == {"self_shipment": {"tracking_number": "JX1", "shipping_provider_id": "68"}}


@virtual
async def test_an_empty_search_is_an_empty_page():
    for data in ({}, {"orders": []}, {"orders": None, "next_page_token": ""}, {"orders": "", "total_count": 0}):
        rig = tiktok_rig({SEARCH: ok(data)})
        page = await search(rig)
        assert (page.orders, page.next_page_token) == ([], "")


@virtual
@pytest.mark.parametrize(
    "broken",
    [
        ok(None),
        ok([]),
        ok("x"),
        answer({"code": 0, "message": "Success"}),
        ok({"orders": {"id": "1"}}),
        ok({"orders": ["1"]}),
        ok({"orders": [], "next_page_token": [1]}),
        answer(b""),
        answer(b"<html>"),
        answer(b'{"code":0,"data":{"orders":[{"id":"1'),
        answer(b"[" * 50_000),
        answer(b'{"code":NaN}'),
        answer([1]),
    ],
)
async def test_a_page_of_another_shape_is_an_error_and_never_the_last_page(broken):
    rig = tiktok_rig({SEARCH: broken})
    error = await failure(search(rig))
    assert isinstance(error.verdict, Retry)


@virtual
async def test_money_in_an_answer_is_exact():
    rig = tiktok_rig({DETAIL: answer(b'{"code":0,"data":{"orders":[{"id":"1","x":0.10}]}}')})
    (order,) = await rig.tiktok.order_details(["1"])
    assert str(order["x"]) == "0.10"


@virtual
async def test_one_foreign_id_is_left_out_and_the_others_are_read_one_by_one():
    def detail(seen):
        asked = seen.query["ids"].split(",")
        return no(21008111, "not yours") if "666" in asked else ok({"orders": [{"id": each} for each in asked]})

    rig = tiktok_rig({DETAIL: detail})
    assert await rig.tiktok.order_details(["1", "666", "2"]) == [{"id": "1"}, {"id": "2"}]
    assert await rig.tiktok.order_details([]) == []
    with pytest.raises(ValueError, match="51 order ids"):
        await rig.tiktok.order_details([str(number) for number in range(51)])


@virtual
async def test_shipping_sends_the_older_body_and_returns_package_and_warning():
    warned = ok({"package_id": 77, "warning": {"message": "match more than one provider"}})
    rig = tiktok_rig({MARK: [SHIPPED, warned]})
    first, second = await mark(rig), await mark(rig)
    assert (first.package_id, first.warning) == ("1153132168123859123", "")
    assert (second.package_id, second.warning) == ("77", "match more than one provider")
    assert rig.wire.calls(MARK)[0].json == {
        "order_line_item_ids": [UNIT],
        "tracking_number": "9400111899223100000019",
        "shipping_provider_id": USPS,
    }


@virtual
@pytest.mark.parametrize("code", [36009009, 36009014])
async def test_a_retired_version_is_left_for_the_newer_one_and_stays_left(code):
    rig = tiktok_rig({MARK: no(code, "Invalid path", 404), MARK_NEW: SHIPPED})
    await mark(rig)
    await mark(rig)
    assert len(rig.wire.calls(MARK)) == 1
    assert rig.wire.calls(MARK_NEW)[0].json == {
        "order_line_list": [{"order_line_id": UNIT}],
        "shipping_info_list": [{"tracking_number": "9400111899223100000019", "shipping_provider_id": USPS}],
    }


@virtual
async def test_when_every_version_is_gone_it_is_said_once():
    rig = tiktok_rig({MARK: no(36009009, "Invalid path", 404), MARK_NEW: no(36009009, "Invalid path", 404)})
    assert (await failure(mark(rig))).verdict == Rejected("endpoint_gone")
    assert (await failure(mark(rig))).verdict == Rejected("endpoint_gone")
    assert len(rig.wire.calls(MARK)) == 1


@virtual
async def test_a_write_without_a_usable_answer_is_unknown_and_one_that_never_left_is_not():
    for lost in (LOST, answer(b"<html>"), ok(None), ok({}), answer({}, 502), no(36009003, "Internal error")):
        rig = tiktok_rig({MARK: lost})
        assert isinstance((await failure(mark(rig))).verdict, Unknown)
        assert len(rig.wire.calls(MARK)) == 1
    rig = tiktok_rig({MARK: UNREACHABLE})
    assert (await failure(mark(rig))).verdict == Retry("connect")


@virtual
async def test_trouble_on_the_way_to_the_shop_never_condemns_the_write_behind_it():
    for trouble in (LOST, no(98001004, "parameter invalid"), answer(b"<html>"), ok(None), no(36009003)):
        rig = tiktok_rig({SHOPS: trouble, MARK: SHIPPED})
        error = await failure(mark(rig))
        assert isinstance(error.verdict, Retry), trouble
        assert error.operation == "shops.list"
        assert rig.wire.calls(MARK) == []


@virtual
@pytest.mark.parametrize("code", [101000, 106011])
async def test_a_stale_cipher_is_read_again_and_the_call_repeated_once(code):
    def answer_for(seen):
        return SHIPPED if seen.query["shop_cipher"] == "ROW_new" else no(code, "cipher does not match")

    rig = tiktok_rig({SHOPS: [ok({"shops": [shop()]}), ok({"shops": [shop(cipher="ROW_new")]})], MARK: answer_for})
    await mark(rig)
    assert len(rig.wire.calls(MARK)) == 2
    rig.wire.routes[MARK] = no(code, "cipher does not match")
    assert (await failure(mark(rig))).verdict == Retry("cipher", None, UNKNOWN_CODE_TRIES)
    assert len(rig.wire.calls(MARK)) == 4


@virtual
async def test_a_wrong_host_clock_is_set_by_the_first_refusal_and_the_call_repeated():
    clock = LoopClock(host_ahead_ms=600_000)

    def gateway(seen):
        drift_s = int(seen.query["timestamp"]) - clock.true_ms() // 1000
        date = "Thu, 01 Jan 2026 00:00:00 GMT"
        if -300 <= drift_s <= 30:
            return ok({"orders": [], "shops": [shop()]}, date=date)
        return no(36009004, "Invalid timestamp: in the future", 400, date=date)

    rig = tiktok_rig({SHOPS: gateway, SEARCH: gateway}, clock=clock)
    await search(rig)
    assert abs(clock.now_ms() - clock.true_ms()) <= 1_000
    assert len(rig.wire.seen) == 3


@virtual
async def test_one_odd_date_header_moves_nothing_two_that_agree_do():
    odd = ok({"orders": []}, date="Thu, 01 Jan 2026 02:00:00 GMT")
    fine = ok({"orders": []}, date="Thu, 01 Jan 2026 00:00:00 GMT")
    rig = tiktok_rig({SEARCH: [odd, fine, odd, fine, odd, odd]})
    for _ in range(5):
        await search(rig)
    assert rig.clock.corrections == []
    await search(rig)
    assert rig.clock.corrections == [7_200_000], "the earliest that it can be at TikTok: never ahead of its clock"


@virtual
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": "soon"},
        {"date": "Thu, 01 Jan 2026 00:00:03 GMT"},
        {"date": "Thu, 01 Jan 2026 09:00:00 GMT", "age": "5"},
    ],
)
async def test_dates_that_prove_nothing_are_ignored(headers):
    rig = tiktok_rig({SEARCH: ok({"orders": []}, **headers)})
    for _ in range(3):
        await search(rig)
    assert rig.clock.corrections == []


@virtual
async def test_a_slow_answer_does_not_move_the_clock():
    rig = tiktok_rig({SEARCH: ok({"orders": []}, date="Thu, 01 Jan 2026 00:00:00 GMT")})
    rig.wire.delay_s = 25
    await search(rig)
    rig.wire.delay_s = 0
    assert rig.clock.corrections == []


@virtual
async def test_the_signature_carries_the_time_after_the_wait_not_before():
    rig = tiktok_rig(per_second=0.1)
    await search(rig)
    await search(rig)
    await search(rig)
    times = [int(call.query["timestamp"]) * 1000 for call in rig.wire.calls(SEARCH)]
    assert times == [START_MS, START_MS + 10_000, START_MS + 20_000]


@virtual
async def test_a_429_closes_the_operation_and_says_for_how_long():
    """X2: a minute of 429 on the order search; shipping goes on at once, the search when it may."""
    storm_ends_s = 1_060.0

    def stormy(seen):
        return no(36009002, "Too many requests", 429) if seen.at_s < storm_ends_s else ok({"orders": []})

    rig = tiktok_rig({SEARCH: stormy, MARK: SHIPPED})

    ends = []

    async def keep_polling():
        while True:
            try:
                await search(rig)
                return
            except ApiError as error:
                ends.append(type(error.verdict))
                await asyncio.sleep(error.verdict.after.total_seconds())

    polling = asyncio.create_task(keep_polling())
    for _ in range(60):
        before_s = rig.clock.monotonic()
        await rig.tiktok.at(Lane.FULFILLMENTS).packages.mark_package_as_shipped(ORDER, [UNIT], "940011189922", USPS)
        assert rig.clock.monotonic() == before_s
        await asyncio.sleep(1)
    await polling
    assert len(rig.wire.calls(SEARCH)) <= 8
    assert set(rig.counted.limited) == {"orders.search"}
    assert set(ends) == {Throttled}


@virtual
async def test_retry_after_is_honoured_and_remembered():
    rig = tiktok_rig({SEARCH: no(36009002, "Too many requests", 429, retry_after="7")})
    error = await failure(search(rig))
    assert error.verdict == Throttled("rate_limited", timedelta(seconds=7))
    assert rig.throttles.kept["tiktok", "orders.search"].until_ms == START_MS + 7_000
    assert (await failure(search(rig))).verdict == Throttled("closed", timedelta(seconds=7))
    assert len(rig.wire.calls(SEARCH)) == 1


@virtual
async def test_the_observer_sees_every_end():
    rig = tiktok_rig({SEARCH: [ok({"orders": []}), no(36009003), LOST, no(36009004, "bad"), no(36009002, "", 429)]})
    for _ in range(5):
        try:
            await search(rig)
        except ApiError:
            continue
    ends = [outcome for operation, outcome in rig.counted.finished if operation == "orders.search"]
    assert ends == ["ok", "retry", "retry", "rejected", "throttled"]


@virtual
async def test_an_error_carries_code_status_and_request_id():
    rig = tiktok_rig({MARK: no(21011041, "Cannot complete the operation when order is cancelled.", 200)})
    error = await failure(mark(rig))
    assert (error.system, error.operation, error.code, error.status) == (
        "tiktok",
        "packages.mark_shipped",
        "21011041",
        200,
    )
    assert error.request_id == "20260101AB"
    assert error.verdict == Rejected("order_cancelled")
    assert "order is cancelled" in str(error)


@virtual
async def test_codes_and_request_ids_that_are_not_ones_are_dropped():
    rig = tiktok_rig({MARK: answer({"code": "21011041", "message": 5, "request_id": "Ada Nwosu, 18 Larch Road"})})
    error = await failure(mark(rig))
    assert (error.code, error.request_id, error.message) == ("21011041", "", "")


@virtual
async def test_ids_are_encoded_into_the_path():
    rig = tiktok_rig({"/fulfillment/202309/packages/1%2F..%3Fx": ok({"package_id": "1"})})
    await rig.tiktok.packages.package("1/..?x")
    assert rig.wire.seen[-1].query["sign"] == resign(rig.wire.seen[-1])


@virtual
async def test_no_credential_shows_in_the_errors_of_a_call():
    def echo(seen):
        text = f"Invalid header {seen.headers['x-tts-access-token']} for {seen.url} with {APP_SECRET} {CIPHER}"
        return no(36009021, text, 400)

    rig = tiktok_rig({MARK: echo})
    error = await failure(mark(rig))
    shown = repr(error) + str(error) + str(vars(error))
    for canary in ("canary", APP_SECRET, CIPHER, "sign="):
        assert canary not in shown
    assert "Invalid header" in error.message


@virtual
async def test_what_is_signed_is_made_once_and_holds_every_character():
    seen = []
    rig = tiktok_rig({WEBHOOKS: lambda call: seen.append(call) or ok({})})
    await rig.tiktok.registrations.set("PACKAGE_UPDATE", "https://gß.test/🙂")
    assert json.loads(seen[0].body)["address"] == "https://gß.test/🙂"
    assert "🙂".encode() in seen[0].body
    assert seen[0].query["sign"] == resign(seen[0])


@virtual
async def test_every_read_of_another_shape_is_an_error_with_the_name_of_the_member():
    option = "/logistics/202309/delivery_options/70/shipping_providers"
    cases = [
        (DETAIL, lambda client: client.order_details([ORDER])),
        (PACKAGE, lambda client: client.packages.package("1153132168123859123")),
        (option, lambda client: client.logistics.providers("70")),
        (WEBHOOKS, lambda client: client.registrations.addresses()),
        (SHOPS, lambda client: client.authorized_shops()),
    ]
    for path, read in cases:
        rig = tiktok_rig({path: ok(None)})
        error = await failure(read(rig.tiktok))
        assert error.verdict == Retry("shape"), path
        assert "data" in error.message
    rig = tiktok_rig({option: ok({"shipping_providers": [{"id": USPS}]})})
    assert "name" in (await failure(rig.tiktok.logistics.providers("70"))).message


@virtual
async def test_a_foreign_id_alone_is_nobody_and_other_refusals_of_a_detail_are_raised():
    rig = tiktok_rig({DETAIL: [no(21008111, "not yours"), no(10002014, "Failed to get orders")]})
    assert await rig.tiktok.order_details(["666"]) == []
    assert (await failure(rig.tiktok.order_details(["1"]))).verdict == Retry("read_failed")


@virtual
async def test_a_whole_order_is_shipped_without_naming_units():
    rig = tiktok_rig({MARK: SHIPPED})
    await rig.tiktok.packages.mark_package_as_shipped(ORDER, [], "940011189922", USPS)
    assert rig.wire.calls(MARK)[0].json == {"tracking_number": "940011189922", "shipping_provider_id": USPS}


@virtual
@pytest.mark.parametrize(
    ("shops", "wanted", "word"),
    [([], "", "covers no shop"), ([shop(1)], "42", "TIKTOK_SHOP_ID"), ([], "42", "TIKTOK_SHOP_ID")],
)
async def test_a_grant_without_our_shop_says_so(shops, wanted, word):
    rig = tiktok_rig({SHOPS: ok({"shops": shops})}, shop_id=wanted)
    assert word in (await failure(search(rig))).message
