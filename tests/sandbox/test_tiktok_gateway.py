"""The front door of the simulated TikTok Shop: signatures, tokens, scopes, ciphers, limits, and nothing unexpected."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shop_caller import HOUR_MS, Shop, open_shop

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok.gateway import sign
from daemon.sandbox.tiktok.options import ALL_SCOPES, DAY_MS
from daemon.sandbox.tiktok.route import Cipher, Route
from daemon.sandbox.tiktok.routes import ROUTES
from daemon.sandbox.tiktok.shapes import Members
from daemon.sandbox.wire import Call, Loss

SEARCH = "/order/202309/orders/search"
DETAIL = "/order/202507/orders"
SHOPS = "/authorization/202309/shops"
HOUSES = "/logistics/202309/warehouses"
SIM = {"app_key": "simappkey01", "timestamp": "1767225600", "shop_cipher": "ROW_c2ltLXNob3AtMQ"}
FUD = {"app_key": "68xu9ks5p4i8", "shop_cipher": "ROW_xkMbgAAAeVAQra0eZWebFQq5aIK", "timestamp": "1696909648"}
WINDOW = b'{"update_time_ge":1767139200,"update_time_lt":1767225600}'
PAGE = {**SIM, "page_size": "50", "sort_field": "update_time", "sort_order": "ASC"}
TEXT = '{"type":"TEXT","content":"{\\"content\\": \\"Grüße 🙂\\"}"}'.encode()
SECRET, SIM_SECRET = "e59af819cc", "simsecret0123456789abcdef"


@pytest.mark.parametrize(
    ("secret", "path", "query", "body", "signature"),
    [
        (
            SECRET,
            SHOPS,
            {"app_key": "29a39d", "timestamp": "1623812664"},
            b"",
            "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8",
        ),
        (
            SECRET,
            "/event/202309/webhooks",
            FUD,
            b'{"event_type":"PACKAGE_UPDATE","address":"https://partner.tiktokshop.com"}',
            "701dd6deb2389fe4c469b89bd37fc56f96a6da6afeb4d01c9077a65169752fa7",
        ),
        (SIM_SECRET, SEARCH, PAGE, WINDOW, "9822c1997dd56a54720b7444cc314409cbc784fd78c72384a23e5ad39a5e3e5d"),
        (
            SIM_SECRET,
            SEARCH,
            {**PAGE, "page_token": "aDU2dHIrMUo0RW1i/w=="},
            WINDOW,
            "6070d9c1c78cdee45ab3b90b997933bb788c3d7eb9b9f3117836d75b438382b3",
        ),
        (
            SIM_SECRET,
            "/customer_service/202309/conversations/7494560109732334261/messages",
            SIM,
            TEXT,
            "161c7184ff3e14681e024412bdcec6d4b606bb3c3d98f34fc2cb12ef1acb4328",
        ),
    ],
)
def test_signatures_are_the_published_ones(
    secret: str, path: str, query: dict[str, str], body: bytes, signature: str
) -> None:
    headers = {"content-type": "application/json"}
    assert sign(secret, Call("POST", path, tuple(query.items()), headers, body)) == signature


def test_a_multipart_body_is_not_signed() -> None:
    call = Call(
        "POST",
        "/customer_service/202309/images/upload",
        tuple(SIM.items()),
        {"content-type": "multipart/form-data; boundary=x"},
        b"anything",
    )
    assert sign(SIM_SECRET, call) == "ed3c15539bb9c36b8404c362c1d069df4ea10e1dd40a591cd9c7e2d7af4ee3e5"


def refused(shop: Shop, *args: Any, **kw: Any) -> tuple[int, int, str]:
    reply = shop.raw(*args, **kw)
    answer = json.loads(reply.body)
    assert answer["data"] is None
    assert len(answer["request_id"]) == 34
    return reply.status, answer["code"], answer["message"]


PAGED = {"page_size": "20"}
NAMES = sorted(
    {name for route in ROUTES for name in route.query}
    | {name for route in ROUTES for name in (route.body or Members()).fields}
)


@pytest.mark.parametrize(
    ("args", "kw", "status", "code", "keyword"),
    [
        (("GET", "/order/202309/orders/list"), {}, 404, 36009009, "path"),
        (("GET", SEARCH), {}, 405, 36009010, "method"),
        (("POST", SEARCH, PAGED, {}), {"sign": None}, 400, 36009004, "'sign'"),
        (("POST", SEARCH, PAGED, {}), {"app_key": "other"}, 400, 36009004, "'app_key'"),
        (("POST", SEARCH, PAGED, {}), {"app_key": "other", "sign": "0"}, 400, 36009004, "'app_key'"),
        (("POST", SEARCH, PAGED, {}), {"timestamp": None}, 400, 36009004, "'timestamp'"),
        (("POST", SEARCH, PAGED, {}), {"timestamp": "1767225600000"}, 400, 36009004, "'timestamp'"),
        (("POST", SEARCH, PAGED, {}), {"timestamp": "1767225299"}, 400, 36009004, "'timestamp'"),
        (("POST", SEARCH, PAGED, {}), {"timestamp": "1767225631"}, 400, 36009004, "'timestamp'"),
        (("POST", SEARCH, PAGED, {}), {"sign": "0" * 64}, 401, 106001, "'sign'"),
        (("POST", SEARCH, PAGED, {}), {"cipher": False}, 400, 106013, "'shop_cipher'"),
        (("POST", SEARCH, PAGED, {}), {"shop_cipher": "ROW_other"}, 400, 106011, "'shop_cipher'"),
        (("GET", SHOPS), {}, 400, 36009004, "'shop_cipher'"),
        (("POST", SEARCH, {}, {}), {}, 400, 36009004, "'page_size'"),
        (("POST", SEARCH, {"page_size": "0"}, {}), {}, 400, 36009004, "'page_size'"),
        (("POST", SEARCH, {"page_size": "101"}, {}), {}, 400, 36009004, "'page_size'"),
        (("POST", SEARCH, {"page_size": "20.0"}, {}), {}, 400, 36009004, "'page_size'"),
        (("POST", SEARCH, {**PAGED, "limit": "3"}, {}), {}, 400, 36009004, "'limit'"),
        (("POST", SEARCH, {**PAGED, "sort_order": "asc"}, {}), {}, 400, 36009004, "'sort_order'"),
        (("POST", SEARCH, {**PAGED, "sort_field": "id"}, {}), {}, 400, 36009004, "'sort_field'"),
        (("POST", SEARCH, {**PAGED, "page_token": "nonsense"}, {}), {}, 400, 36009004, "'page_token'"),
        (("POST", SEARCH, PAGED, {"page_size": 20}), {}, 400, 36009004, "'body.page_size'"),
        (("POST", SEARCH, PAGED, {"update_time_ge": "1"}), {}, 400, 36009004, "'body.update_time_ge'"),
        (("POST", SEARCH, PAGED, {"update_time_ge": 1.5}), {}, 400, 36009004, "'body.update_time_ge'"),
        (("POST", SEARCH, PAGED, {"update_time_ge": True}), {}, 400, 36009004, "'body.update_time_ge'"),
        (("POST", SEARCH, PAGED, {"order_status": 100}), {}, 400, 36009004, "'body.order_status'"),
        (("POST", SEARCH, PAGED, {"order_status": "CANCEL"}), {}, 400, 36009004, "'body.order_status'"),
        (("POST", SEARCH, PAGED, {"is_buyer_request_cancel": 1}), {}, 400, 36009004, "'body.is_buyer"),
        (("POST", SEARCH, PAGED, {"warehouse_ids": "1"}), {}, 400, 36009004, "'body.warehouse_ids'"),
        (("POST", SEARCH, PAGED, {"warehouse_ids": [1]}), {}, 400, 36009004, "'body.warehouse_ids[0]'"),
        (("POST", SEARCH, PAGED, []), {}, 400, 36009004, "'body'"),
        (("POST", SEARCH, PAGED, b"{"), {}, 400, 36009004, "JSON"),
        (("GET", DETAIL, {}), {}, 400, 36009004, "'ids'"),
        (("GET", DETAIL, {"ids": "1.0"}), {}, 400, 36009004, "'ids'"),
        (("GET", DETAIL, {"ids": ",".join(map(str, range(51)))}), {}, 400, 36009004, "'ids'"),
        (("GET", DETAIL, {"ids": "999"}), {}, 200, 21008111, "seller"),
        (("POST", "/fulfillment/202309/orders/1/packages", None, {}), {}, 400, 36009004, "'body.shipping_provider_id'"),
        (
            ("POST", "/fulfillment/202610/orders/1/packages", None, {"shipping_info_list": [{}]}),
            {},
            400,
            36009004,
            "'body.shipping_info_list[0].shipping_provider_id'",
        ),
        (("PUT", "/event/202309/webhooks", None, {"event_type": "NO_SUCH"}), {}, 400, 36009004, "'body.address'"),
    ],
)
def test_what_is_wrong_is_refused(args: Any, kw: Any, status: int, code: int, keyword: str) -> None:
    answered = refused(open_shop(), *args, **kw)
    assert answered[:2] == (status, code), answered
    assert keyword in answered[2]


def test_the_clock_window_is_five_minutes_back_and_thirty_seconds_ahead() -> None:
    shop = open_shop()
    for seconds in (-300, 30):
        shop.call("GET", SHOPS, {"timestamp": str(shop.clock.at_ms // 1000 + seconds)}, cipher=False)


def test_an_upper_case_signature_is_refused() -> None:
    shop = open_shop()
    query = {"app_key": "simappkey01", "timestamp": "1767225600"}
    good = sign(SIM_SECRET, Call("GET", SHOPS, tuple(query.items())))
    assert shop.code("GET", SHOPS, cipher=False, sign=good) == 0
    assert shop.code("GET", SHOPS, cipher=False, sign=good.upper()) == 106001


def test_repeated_keys_a_foreign_content_type_and_a_changed_body_are_refused() -> None:
    shop = open_shop()
    query = [("app_key", "simappkey01"), ("timestamp", "1767225600"), ("ids", "1"), ("ids", "2")]
    reply = shop.sandbox.handle(Call("GET", DETAIL, tuple(query)))
    assert json.loads(reply.body)["code"] == 36009004
    pairs = tuple({**PAGE, "sign": sign(SIM_SECRET, Call("POST", SEARCH, tuple(PAGE.items()), body=WINDOW))}.items())
    token = {"x-tts-access-token": shop.token}
    typed = {**token, "content-type": "application/json; charset=utf-8"}
    codes = [
        json.loads(shop.sandbox.handle(Call("POST", SEARCH, pairs, headers, body)).body)["code"]
        for headers, body in ((typed, WINDOW), (token, WINDOW), (typed, WINDOW + b" "))
    ]
    assert codes == [0, 36009022, 106001]


def test_the_vendors_test_tool_may_send_its_extra_keys() -> None:
    extra = {"access_token": "x", "shop_id": "", "version": "202309"}
    open_shop().call("GET", HOUSES, extra)


def test_tokens_expire_are_refreshed_and_rotate() -> None:
    shop = open_shop()
    pair = shop.sandbox.tokens()
    shop.token = pair["access_token"]
    assert pair["access_token_expire_in"] == shop.clock.at_ms // 1000 + 7 * 86_400
    assert pair["refresh_token_expire_in"] > 2**32
    shop.clock.forward(7 * DAY_MS - 1)
    assert shop.code("GET", HOUSES) == 0
    shop.clock.forward(1)
    assert refused(shop, "GET", HOUSES)[:2] == (401, 105002)
    fresh = refresh(shop, pair["refresh_token"])["data"]
    shop.token = fresh["access_token"]
    assert shop.code("GET", HOUSES) == 0
    assert fresh["refresh_token"] != pair["refresh_token"]
    assert refresh(shop, pair["refresh_token"])["code"] == 36004004
    shop.sandbox.options.rotate_refresh = False
    again = refresh(shop, fresh["refresh_token"])
    assert again["message"] == "success"
    assert again["data"]["refresh_token"] == fresh["refresh_token"]
    assert shop.sandbox.grants.refreshes == 2


def refresh(shop: Shop, token: str, **changed: str) -> dict[str, Any]:
    query = {"app_key": "simappkey01", "app_secret": SIM_SECRET, "refresh_token": token, "grant_type": "refresh_token"}
    call = Call("GET", "/api/v2/token/refresh", tuple({**query, **changed}.items()))
    answer: dict[str, Any] = json.loads(shop.sandbox.handle(call).body)
    return answer


def test_a_code_is_good_once_and_for_thirty_minutes() -> None:
    shop = open_shop()

    def spend(code: str) -> int:
        url = f"/api/v2/token/get?app_key=simappkey01&app_secret={SIM_SECRET}&auth_code={code}"
        return int(json.loads(shop.get(f"{url}&grant_type=authorized_code").body)["code"])

    code = shop.sandbox.issue_code()
    assert [spend(code), spend(code), spend("invented")] == [0, 36004004, 36004004]
    late = shop.sandbox.issue_code()
    shop.clock.forward(30 * 60_000 + 1)
    assert spend(late) == 36004004
    wrong = shop.get("/api/v2/token/get?app_key=simappkey01&app_secret=no&auth_code=x&grant_type=authorized_code")
    assert (wrong.status, json.loads(wrong.body)["code"]) == (400, 36009004)
    assert (
        json.loads(shop.get(f"/api/v2/token/get?app_key=simappkey01&app_secret={SIM_SECRET}").body)["code"] == 36009004
    )


def test_a_lost_refresh_answer_costs_a_rotating_grant() -> None:
    shop = open_shop()
    pair = shop.sandbox.tokens()
    shop.sandbox.faults.add(Fault(FaultKind.LOST_ANSWER, "token.refresh"))
    url = f"/api/v2/token/refresh?app_key=simappkey01&app_secret={SIM_SECRET}&refresh_token={pair['refresh_token']}"
    assert shop.get(f"{url}&grant_type=refresh_token").loss is Loss.AFTER
    assert refresh(shop, pair["refresh_token"])["code"] == 36004004


def test_a_revoked_grant_is_dead_at_once() -> None:
    shop = open_shop(app_webhook_url="https://hooks.example.test/")
    pair = shop.sandbox.tokens()
    shop.sandbox.revoke_grant()
    assert refused(shop, "GET", HOUSES)[:2] == (401, 105001)
    assert refresh(shop, pair["refresh_token"])["code"] == 36004004
    assert [json.loads(item.body)["type"] for item in shop.sandbox.deliveries_due(shop.clock.at_ms)] == [6]


def test_a_grant_with_an_end_ends() -> None:
    shop = open_shop(grant_ms=HOUR_MS)
    pair = shop.sandbox.tokens()
    shop.clock.forward(HOUR_MS)
    assert refused(shop, "GET", HOUSES)[1] == 105001
    assert refresh(shop, pair["refresh_token"])["code"] == 36004004


def test_a_missing_token_and_a_missing_scope() -> None:
    shop = open_shop()
    shop.token = ""
    assert refused(shop, "GET", HOUSES)[:2] == (400, 36009004)
    shop.token = shop.sandbox.tokens(tuple(scope for scope in ALL_SCOPES if scope != "seller.logistics"))[
        "access_token"
    ]
    assert refused(shop, "GET", HOUSES)[:2] == (403, 105005)
    assert shop.code("GET", SHOPS, cipher=False) == 0


def test_an_old_cipher_does_not_match_any_more() -> None:
    shop = open_shop()
    shop.sandbox.rotate_cipher("ROW_new")
    assert shop.code("GET", HOUSES) == 0
    assert refused(shop, "GET", HOUSES, shop_cipher="ROW_c2ltLXNob3AtMQ")[1] == 101000


def test_limits_of_a_second_and_of_an_hour() -> None:
    shop = open_shop(requests_per_second=3)
    assert [shop.code("GET", HOUSES) for _ in range(4)] == [0, 0, 0, 36009002]
    assert shop.code("GET", SHOPS, cipher=False) == 0
    shop.clock.forward(1000)
    assert shop.code("GET", HOUSES) == 0
    shop = open_shop(requests_per_hour=2)
    assert [shop.code("GET", HOUSES) for _ in range(3)] == [0, 0, 36009037]
    shop.clock.forward(HOUR_MS)
    assert shop.code("GET", HOUSES) == 0


def test_an_inactive_shop_and_a_retired_version() -> None:
    shop = open_shop(shop_active=False)
    assert refused(shop, "GET", HOUSES)[:2] == (401, 36009043)
    shop = open_shop(retired_versions=frozenset({"fulfillment/202309"}))
    assert shop.mark("1") == 36009014
    shop.sandbox.options.retired_versions = frozenset({"/fulfillment/202309/orders/{order_id}/packages"})
    assert shop.mark("1") == 36009014
    assert shop.code("GET", "/fulfillment/202309/packages/1") == 21011028


def test_the_authorize_page_asks_and_redirects() -> None:
    shop = open_shop(redirect_url="https://app.example.test/back", shop_name="A & B <shop>")
    page = shop.get("/open/authorize?service_id=7300000000000000001&state=abc")
    assert page.status == 200
    assert b"A &amp; B &lt;shop&gt;" in page.body
    denied = shop.get("/open/authorize?service_id=7300000000000000001&state=abc&answer=deny").headers["location"]
    assert dict(parse_qsl(urlsplit(denied).query)) == {"code": "null", "error": "auth_denied", "state": "abc"}
    shop.sandbox.options.auto_approve = True
    location = shop.get("/oauth/authorize?app_key=simappkey01").headers["location"]
    given = dict(parse_qsl(urlsplit(location).query))
    assert given["code"] in shop.sandbox.grants.codes
    assert "state" not in given
    assert shop.get("/open/authorize?service_id=1").status == 404


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (FaultKind.RATE_LIMIT, 429, 36009002),
        (FaultKind.SERVER_ERROR, 500, 36009003),
        (FaultKind.UNAVAILABLE, 503, 36009003),
        (FaultKind.NULL_DATA, 200, 0),
    ],
)
def test_faults_have_the_vendors_face(kind: FaultKind, status: int, code: int) -> None:
    shop = open_shop()
    shop.sandbox.faults.add(Fault(kind, "warehouses.list", retry_after="9"))
    answered = refused(shop, "GET", HOUSES)
    assert answered[:2] == (status, code)
    assert shop.sandbox.calls[-1].fault == kind.value
    assert shop.sandbox.calls[-1].effective is (code == 0)


def test_a_refusal_can_be_ordered_by_code() -> None:
    shop = open_shop()
    shop.sandbox.faults.add(
        Fault(FaultKind.REFUSE, "packages.mark_shipped", code=21001008, message="System process error")
    )
    assert shop.mark(shop.ready()) == 21001008
    assert shop.sandbox.called("packages.mark_shipped", effective=True) == []


def test_calls_are_recorded_without_secrets_and_with_a_bound() -> None:
    shop = open_shop(keep_calls=10)
    shop.sandbox.faults.add(Fault(FaultKind.RESET, "warehouses.list"))
    assert shop.raw("GET", HOUSES).loss is Loss.BEFORE
    refresh(shop, "ROW_secret")
    shop.raw("GET", "/nowhere")
    first, second, third = shop.sandbox.calls
    assert (first.operation, first.loss, first.effective) == ("warehouses.list", Loss.BEFORE, False)
    assert (second.operation, second.query) == (
        "token.refresh",
        {"app_key": "simappkey01", "grant_type": "refresh_token"},
    )
    assert (third.operation, third.status, third.code) == ("unknown", 404, 36009009)
    for _ in range(20):
        shop.raw("GET", HOUSES)
    assert len(shop.sandbox.calls) <= 10


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)


@given(route=st.sampled_from(ROUTES), body=JSON, query=st.dictionaries(st.sampled_from(NAMES), st.text(), max_size=3))
def test_nothing_that_is_sent_makes_it_fall_over(route: Route, body: Any, query: dict[str, str]) -> None:
    shop = open_shop()
    order_id = shop.ready()
    path = route.template.replace("{order_id}", order_id)
    needed = {"page_size": "5"} if "page_size" in route.query else {}
    reply = shop.raw(route.method, path, {**needed, **query}, body, cipher=route.cipher is not Cipher.NO)
    assert json.loads(reply.body)["code"] >= 0


def test_deep_and_broken_bodies_are_refused() -> None:
    shop = open_shop()
    for body in (b"[" * 100_000, b'{"a":NaN}', b'"\\ud800"', b"\xff\xfe"):
        assert shop.code("POST", SEARCH, PAGED, body) == 36009004
    groups = {"splittable_groups": [{"id": "\ud800", "order_line_item_ids": []}]}
    assert shop.code("POST", f"/fulfillment/202309/orders/{shop.ready()}/split", None, groups) == 21011005


def test_every_answer_carries_the_services_date() -> None:
    assert open_shop().raw("GET", HOUSES).headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
