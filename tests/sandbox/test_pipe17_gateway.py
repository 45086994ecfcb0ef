"""The front door of the simulated Pipe17: key, grants, paths, methods, envelopes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipe17_org import EXT, Org, check_answer, order

from daemon.sandbox.pipe17 import HoldFrom, Pipe17Options
from daemon.sandbox.pipe17.shapes import ORDER as KEPT
from daemon.sandbox.wire import Call


def test_a_wrong_or_missing_key_is_401() -> None:
    org = Org()
    for headers in (
        {},
        {"x-pipe17-key": ""},
        {"x-pipe17-key": "00"},
        {"authorization": f"Bearer {org.options.api_key}"},
    ):
        reply = org.sandbox.handle(Call("GET", "/api/v3/orders", (), headers))
        assert reply.status == 401
        check_answer("orders.list", 401, json.loads(reply.body))


@pytest.mark.parametrize(
    ("method", "path", "grants"),
    [
        ("GET", "/orders", {"orders": "cru"}),
        ("GET", "/orders/x", {"orders": "cul"}),
        ("POST", "/orders", {"orders": "rul"}),
        ("PUT", "/orders/x", {"orders": "crl"}),
        ("GET", "/shipments", {"orders": "crul"}),
        ("POST", "/fulfillments", {"fulfillments": "rl"}),
    ],
)
def test_each_action_needs_its_own_grant(method: str, path: str, grants: dict[str, str]) -> None:
    org = Org(Pipe17Options(grants=grants))
    assert org.call(method, path, {}) == (403, {"success": False, "code": 403, "message": "Access denied"})


@pytest.mark.parametrize("path", ["/returns", "/refunds", "/jobs/x", "/jobs"])
def test_what_the_channel_key_has_no_grant_for_is_403(path: str) -> None:
    assert Org().call("GET", path)[0] == 403


@pytest.mark.parametrize("path", ["/order", "/shipping_requests", "/orders/a/b", "/orders/", "/ORDERS", "/batch", "/"])
def test_an_unknown_path_is_404_in_the_same_envelope(path: str) -> None:
    status, answer = Org().call("GET", path)
    assert status == 404
    check_answer("orders.list", status, answer)


def test_the_base_path_belongs_to_the_address() -> None:
    org = Org()
    reply = org.sandbox.handle(Call("GET", "/orders", (), {"x-pipe17-key": org.options.api_key}))
    assert reply.status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/orders/x"),
        ("DELETE", "/orders/x"),
        ("PUT", "/orders"),
        ("POST", "/orders/x"),
        ("POST", "/shipments"),
        ("PUT", "/shipments/x"),
        ("PUT", "/fulfillments/x"),
        ("PATCH", "/fulfillments/x"),
        ("HEAD", "/orders"),
    ],
)
def test_methods_nobody_has_seen_work_are_405(method: str, path: str) -> None:
    status, answer = Org().call(method, path, {})
    assert status == 405
    check_answer("orders.get", status, answer)


def test_records_are_found_by_id_by_external_id_and_by_api_id() -> None:
    org = Org()
    created = org.create("SHOP/1#7, 50%", extOrderApiId="api 9")
    for name in (created["orderId"], "ext:SHOP/1#7, 50%", "api:api 9"):
        status, answer = org.call("GET", "/orders/" + quote(name, safe=""))
        assert (status, answer["order"]["orderId"]) == (200, created["orderId"])
        check_answer("orders.get", status, answer)


@pytest.mark.parametrize("name", ["ext:nobody", "api:nobody", "ref:577", "0000000000000000", EXT, ":", "ext:"])
def test_nothing_found_is_404_no_results(name: str) -> None:
    org = Org()
    org.create()
    status, answer = org.call("GET", "/orders/" + quote(name, safe=""))
    assert (status, answer["message"]) == (404, "No results")


def test_an_update_is_addressed_by_the_pipe17_id_only() -> None:
    org = Org()
    org.create()
    assert org.update(quote(f"ext:{EXT}", safe=""), tags=["x"])[0] == 404


def test_conditions_and_idempotency_keys_have_no_effect() -> None:
    org = Org()
    headers = {"idempotency-key": "1", "x-idempotency-key": "1", "if-match": '"1"', "if-none-match": "*"}
    first = org.send("POST", "/orders", order(), **headers)
    second = org.send("POST", "/orders", order(), **headers)
    assert (first.status, second.status) == (200, 409)
    order_id = json.loads(first.body)["order"]["orderId"]
    assert org.send("PUT", f"/orders/{order_id}", {"tags": ["a"]}, **headers).status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"7", b'"x"', b"\xff\xfe", b'{"extOrderId": NaN}', b"[" * 100_000, b'{"totalPrice": 1e999}'],
)
def test_a_body_that_is_no_json_object_is_400(body: bytes) -> None:
    org = Org()
    headers = {"x-pipe17-key": org.options.api_key, "content-type": "application/json"}
    assert org.sandbox.handle(Call("POST", "/api/v3/orders", (), headers, body)).status == 400


def test_a_body_must_be_labelled_as_json() -> None:
    org = Org()
    assert org.send("POST", "/orders", order(), **{"content-type": "text/plain"}).status == 400
    assert org.send("POST", "/orders", order(), **{"content-type": "application/json; charset=utf-8"}).status == 200


def test_amounts_are_kept_as_the_doubles_they_are_sent_as() -> None:
    org = Org()
    headers = {"x-pipe17-key": org.options.api_key, "content-type": "application/json"}
    body = b'{"extOrderId": "1", "totalPrice": 0.1234567890123456789, "orderTax": 70.10}'
    reply = org.sandbox.handle(Call("POST", "/api/v3/orders", (), headers, body))
    stored = json.loads(reply.body)["order"]
    assert (stored["totalPrice"], stored["orderTax"]) == (0.12345678901234568, 70.1)


def test_every_call_is_recorded_whatever_came_of_it() -> None:
    org = Org()
    org.create()
    org.call("POST", "/orders", order())
    org.call("GET", "/orders", query={"count": "5"})
    org.call("PATCH", "/orders/x")
    seen = [(item.operation, item.method, item.path, item.status, item.effective) for item in org.sandbox.calls]
    assert seen == [
        ("orders.create", "POST", "/api/v3/orders", 200, True),
        ("orders.create", "POST", "/api/v3/orders", 409, False),
        ("orders.list", "GET", "/api/v3/orders", 200, True),
        ("unknown", "PATCH", "/api/v3/orders/x", 405, False),
    ]
    assert org.sandbox.calls[0].body["extOrderId"] == EXT
    assert org.sandbox.calls[2].query == {"count": "5"}
    assert org.options.api_key not in repr(org.sandbox.calls)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(KEPT)), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.dictionaries(st.sampled_from([*sorted(KEPT), "shipmentId", "other"]), ANYTHING, max_size=5)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from(["orders", "shipments", "fulfillments", "orders/known", "orders/ext%3A1", "orders/%ff%00"]),
    st.lists(
        st.tuples(
            st.sampled_from(["count", "skip", "order", "keys", "status", "since", "updatedSince", "tags"]), st.text()
        )
    ),
    MEMBERS | st.lists(MEMBERS, max_size=2) | ANYTHING,
)
def test_whatever_is_sent_is_answered(method: str, path: str, query: list[tuple[str, str]], body: Any) -> None:
    org = Org(
        Pipe17Options(grants={"orders": "crul", "shipments": "rl", "fulfillments": "crl"}, hold_from=HoldFrom.CHANNEL)
    )
    known = org.create("1")["orderId"]
    raw = json.dumps(body).encode()
    headers = {"x-pipe17-key": org.options.api_key, "content-type": "application/json"}
    call = Call(method, "/api/v3/" + path.replace("known", known), tuple(query), headers, raw)
    for _ in range(2):
        reply = org.sandbox.handle(call)
        assert json.loads(reply.body)["code"] == reply.status
        org.wait(5_000)
    assert org.call("GET", "/orders", query={"keys": "*"})[0] == 200


def test_bodies_are_not_kept_when_a_benchmark_says_so() -> None:
    org = Org(Pipe17Options(record_bodies=False))
    org.create()
    assert org.sandbox.calls[0].body == {}
