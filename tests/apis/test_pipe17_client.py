"""The Pipe17 client against a scripted wire: envelope, pages, duplicates, and what never leaks."""

import asyncio
import random
from datetime import timedelta
from decimal import Decimal

import pytest
from fake_wire import API_KEY, LOST, START_MS, UNREACHABLE, Counted, LoopClock, Throttles, Wire, answer, virtual

from daemon.apis.gate import Access
from daemon.apis.pacing import Pacer
from daemon.apis.pipe17.client import Pipe17
from daemon.core.lanes import Lane
from daemon.core.tokens import Secret
from daemon.core.verdicts import Reauth, Rejected, Retry, Throttled, Unknown
from daemon.errors import ApiError

BASE = "/api/v3"
ORDERS = f"{BASE}/orders"
EXT = "577000111222333444"
BY_EXT = f"{ORDERS}/ext:{EXT}"
RECORD = {"orderId": "3f0c9a41d27be860", "extOrderId": EXT, "status": "onHold"}
DOCUMENT = {
    "extOrderId": EXT,
    "status": "new",
    "totalPrice": Decimal("70.87"),
    "shippingAddress": {
        "firstName": "Canaria",
        "lastName": "Nwosu",
        "address1": "18 Larch Road",
        "phone": "+12535550123",
    },
    "lineItems": [{"sku": "MUG-BLUE", "quantity": 2, "itemPrice": Decimal("24.00")}],
}
FOUND = answer({"success": True, "code": 200, "order": RECORD})
MISSING = answer({"success": False, "code": 404, "message": "No results"}, 404)
TAKEN = answer({"success": False, "code": 409, "message": "Order exists"}, 409)


class Rig:
    def __init__(self, routes, per_second=1_000.0):
        self.wire, self.clock, self.counted = Wire(routes), LoopClock(), Counted()
        pacer = Pacer(clock=self.clock, rng=random.Random(1), observer=self.counted, memory=Throttles())
        pacer.budget("pipe17", per_second=per_second, shared=True)
        self.client = Pipe17.connect(
            base_url=f"https://api.pipe17.test{BASE}/",
            key=Secret(API_KEY),
            transport=self.wire,
            pacer=pacer,
            clock=self.clock,
            observer=self.counted,
        )


async def failure(awaitable):
    with pytest.raises(ApiError) as caught:
        await awaitable
    return caught.value


def rows(*found, last=True, name="fulfillments"):
    return answer({"success": True, "code": 200, name: list(found), "pagination": {"last": last, "pageSize": 100}})


@virtual
async def test_the_key_is_in_its_header_and_nowhere_else():
    rig = Rig({ORDERS: rows(name="orders")})
    await rig.client.probe()
    (call,) = rig.wire.seen
    assert call.headers["X-Pipe17-Key"] == API_KEY
    assert API_KEY not in call.url
    assert call.query == {"count": "1", "keys": "orderId"}
    assert rig.client.state is Access.AUTHORIZED


@virtual
async def test_a_page_of_fulfillments_asks_for_whole_records_oldest_change_first():
    rig = Rig({f"{BASE}/fulfillments": rows({"fulfillmentId": "8e6b21f09d5c74a3"}, last=False)})
    page = await rig.client.fulfillments(updated_since_ms=START_MS + 5, skip=200)
    assert (page.rows, page.last) == ([{"fulfillmentId": "8e6b21f09d5c74a3"}], False)
    assert rig.wire.seen[0].query == {
        "updatedSince": "2026-01-01T00:00:00.005Z",
        "keys": "*",
        "count": "100",
        "skip": "200",
        "order": "updatedAt",
    }


@virtual
@pytest.mark.parametrize(
    ("body", "last"),
    [
        ({"fulfillments": [{"a": 1}], "pagination": {"last": True}}, True),
        ({"fulfillments": [{"a": 1}], "pagination": {"last": False}}, False),
        ({"fulfillments": [{"a": 1}], "pagination": {"last": "true"}}, False),
        ({"fulfillments": [{"a": 1}], "pagination": {}}, False),
        ({"fulfillments": [{"a": 1}]}, False),
        ({"fulfillments": [], "pagination": {"last": False}}, True),
        ({"fulfillments": []}, True),
    ],
)
async def test_the_last_page_says_so_or_is_empty_and_a_short_one_is_not(body, last):
    rig = Rig({f"{BASE}/fulfillments": answer({"success": True, "code": 200, **body})})
    assert (await rig.client.fulfillments(updated_since_ms=START_MS, skip=0)).last is last


@virtual
@pytest.mark.parametrize(
    "broken",
    [
        answer({"success": True, "code": 200}),
        answer({"success": True, "fulfillments": None, "pagination": {"last": True}}),
        answer({"success": True, "fulfillments": {"a": 1}}),
        answer({"success": True, "fulfillments": [1]}),
        answer(b""),
        answer(b"null"),
        answer(b"[]"),
        answer(b"<html>", 200),
        answer(b'{"success":true,"fulfillments":[{"fu'),
        LOST,
        UNREACHABLE,
        answer(b"bad gateway", 502),
    ],
)
async def test_a_page_of_another_shape_is_an_error_and_never_the_last_page(broken):
    rig = Rig({f"{BASE}/fulfillments": broken})
    error = await failure(rig.client.fulfillments(updated_since_ms=START_MS, skip=0))
    assert isinstance(error.verdict, Retry)


@virtual
async def test_a_refused_sort_is_left_out_and_the_page_sorted_here():
    def answer_for(seen):
        if "order" in seen.query:
            return answer({"success": False, "code": 400, "message": "order: unsupported"}, 400)
        return rows({"updatedAt": "2026-01-02"}, {"updatedAt": "2026-01-01"})

    rig = Rig({f"{BASE}/fulfillments": answer_for})
    for client in (rig.client, rig.client.at(Lane.RESYNC)):
        page = await client.fulfillments(updated_since_ms=START_MS, skip=0)
        assert [row["updatedAt"] for row in page.rows] == ["2026-01-01", "2026-01-02"]
    assert len(rig.wire.seen) == 3


@virtual
async def test_several_statuses_are_repeated_parameters():
    rig = Rig({ORDERS: rows(RECORD, name="orders")})
    await rig.client.orders(updated_since_ms=START_MS, status=("canceled", "fulfilled"), skip=0, integration="b77")
    assert "status=canceled&status=fulfilled&integration=b77&keys=*&count=100" in rig.wire.seen[0].url


@virtual
async def test_one_record_or_none():
    rig = Rig(
        {BY_EXT: FOUND, f"{ORDERS}/3f0c": MISSING, f"{BASE}/shipments/c2": MISSING, f"{BASE}/fulfillments/8e": MISSING}
    )
    assert await rig.client.order_by_ext(EXT) == RECORD
    assert await rig.client.order("3f0c") is None
    assert await rig.client.shipment("c2") is None
    assert await rig.client.fulfillment("8e") is None


@virtual
async def test_no_results_under_another_status_is_none_too_but_a_bare_404_page_is_not():
    rig = Rig({BY_EXT: answer({"success": False, "code": 400, "message": "No results"}, 400)})
    assert await rig.client.order_by_ext(EXT) is None
    rig = Rig({BY_EXT: answer(b"<h1>Not Found</h1>", 404)})
    assert (await failure(rig.client.order_by_ext(EXT))).verdict == Retry("http_404")


@virtual
async def test_the_wrong_order_is_not_taken_for_ours():
    rig = Rig({BY_EXT: answer({"success": True, "code": 200, "order": {**RECORD, "extOrderId": "1"}})})
    assert (await failure(rig.client.order_by_ext(EXT))).verdict == Retry("shape")


@virtual
async def test_names_are_encoded_into_the_path():
    rig = Rig({f"{ORDERS}/ext:%2312%2F3": MISSING})
    assert await rig.client.order_by_ext("#12/3") is None


@virtual
async def test_a_create_sends_exact_money_once():
    rig = Rig({ORDERS: answer({"success": True, "code": 201, "order": RECORD}, 201)})
    created = await rig.client.create_order(DOCUMENT)
    assert (created.order, created.fresh) == (RECORD, True)
    (call,) = rig.wire.seen
    assert b'"totalPrice":70.87' in call.body
    assert b'"itemPrice":24' in call.body


@virtual
@pytest.mark.parametrize(
    "refusal",
    [
        TAKEN,
        answer({"success": False, "code": 400, "message": "duplicate extOrderId"}, 400),
        answer({"success": False, "code": 422, "message": "order already exists"}, 422),
        answer({"success": False, "code": 409}, 200),
        answer({"success": True, "code": 200, "orders": [{"status": "failed", "message": "duplicate order"}]}),
    ],
)
async def test_a_duplicate_is_the_order_that_is_there(refusal):
    rig = Rig({ORDERS: refusal, BY_EXT: FOUND})
    created = await rig.client.create_order(DOCUMENT)
    assert (created.order, created.fresh) == (RECORD, False)


@virtual
async def test_a_duplicate_that_is_nowhere_is_for_a_person():
    rig = Rig({ORDERS: TAKEN, BY_EXT: MISSING})
    assert (await failure(rig.client.create_order(DOCUMENT))).verdict == Rejected("duplicate")


@virtual
async def test_a_duplicate_that_cannot_be_looked_up_is_unknown():
    for trouble in (LOST, UNREACHABLE, answer({"success": False, "code": 500}, 500)):
        rig = Rig({ORDERS: TAKEN, BY_EXT: trouble})
        assert (await failure(rig.client.create_order(DOCUMENT))).verdict == Unknown("look_up_failed")


@virtual
@pytest.mark.parametrize(
    "accepted",
    [
        answer({"success": True, "code": 202, "job": {"jobId": "1"}}, 202),
        answer({"success": True, "code": 202}, 202),
        answer({"success": True, "code": 200, "order": {}}),
        answer({"success": True, "code": 200, "orders": []}),
    ],
)
async def test_an_answer_without_a_record_is_looked_up_and_unknown_until_found(accepted):
    rig = Rig({ORDERS: accepted, BY_EXT: [MISSING, FOUND]})
    assert (await failure(rig.client.create_order(DOCUMENT))).verdict == Unknown("accepted")
    assert (await rig.client.create_order(DOCUMENT)).order == RECORD


@virtual
async def test_the_list_shape_of_a_create_is_understood():
    for item in ({"status": "submitted", "order": RECORD}, RECORD):
        rig = Rig({ORDERS: answer({"success": True, "code": 200, "orders": [item]})})
        assert (await rig.client.create_order(DOCUMENT)).order == RECORD


@virtual
@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        (LOST, Unknown("reset")),
        (UNREACHABLE, Retry("connect")),
        (answer(b"<html>", 200), Unknown("unreadable")),
        (answer(b"", 201), Unknown("unreadable")),
        (answer({"success": False, "code": 500}, 500), Unknown("http_500")),
        (answer({"success": False, "code": 400, "message": "lineItems required"}, 400), Rejected("bad_request")),
    ],
)
async def test_the_ends_of_a_create(end, verdict):
    rig = Rig({ORDERS: end})
    assert (await failure(rig.client.create_order(DOCUMENT))).verdict == verdict
    assert len(rig.wire.seen) == 1


@virtual
async def test_an_update_sends_only_the_changes():
    path = f"{ORDERS}/3f0c9a41d27be860"
    rig = Rig({path: [FOUND, answer({"success": True, "code": 200})]})
    assert await rig.client.update_order("3f0c9a41d27be860", {"status": "canceled"}) == RECORD
    assert await rig.client.update_order("3f0c9a41d27be860", {"status": "canceled"}) is None
    assert (rig.wire.seen[0].method, rig.wire.seen[0].json) == ("PUT", {"status": "canceled"})


@virtual
async def test_all_shipping_requests_of_an_order_advance_by_the_rows_received():
    def page(seen):
        skip = int(seen.query["skip"])
        return rows(
            *({"shipmentId": str(number)} for number in range(skip, min(skip + 30, 70))),
            last=skip + 30 >= 70,
            name="shipments",
        )

    rig = Rig({f"{BASE}/shipments": page})
    assert [row["shipmentId"] for row in await rig.client.shipments("3f0c")] == [str(number) for number in range(70)]
    assert {call.query["orderId"] for call in rig.wire.seen} == {"3f0c"}


@virtual
async def test_a_list_that_never_ends_is_cut_off():
    rig = Rig({f"{BASE}/shipments": rows({"shipmentId": "1"}, last=False, name="shipments")})
    assert (await failure(rig.client.shipments("3f0c"))).verdict == Retry("shape")
    assert len(rig.wire.seen) == 100


@virtual
async def test_a_wrong_key_costs_one_probe_a_minute_and_recovers():
    rig = Rig({ORDERS: answer({"success": False, "code": 401, "message": "Unauthorized"}, 401), BY_EXT: FOUND})
    for _ in range(20):
        assert (await failure(rig.client.create_order(DOCUMENT))).verdict == Reauth("key")
        assert (await failure(rig.client.order_by_ext(EXT))).verdict == Reauth("key")
    assert len(rig.wire.seen) == 1
    assert rig.client.state is Access.KEY_REFUSED
    assert "401" in rig.client.reason
    rig.wire.routes[ORDERS] = rows(name="orders")
    await asyncio.sleep(61)
    await rig.client.probe()
    assert rig.client.state is Access.AUTHORIZED
    await rig.client.order_by_ext(EXT)


@virtual
async def test_a_missing_grant_stops_only_its_own_calls():
    rig = Rig({ORDERS: answer({"success": False, "code": 403, "message": "Access denied"}, 403), BY_EXT: FOUND})
    for _ in range(5):
        assert (await failure(rig.client.create_order(DOCUMENT))).verdict == Reauth("scope")
    assert await rig.client.order_by_ext(EXT) == RECORD
    assert rig.client.missing_grants == ("orders.create",)
    assert rig.client.state is Access.INSUFFICIENT_PERMISSION


@virtual
async def test_a_429_closes_its_operation_only():
    rig = Rig({ORDERS: answer({"success": False, "code": 429}, 429, retry_after="60"), BY_EXT: FOUND})
    assert (await failure(rig.client.create_order(DOCUMENT))).verdict == Throttled(
        "rate_limited", timedelta(seconds=60)
    )
    assert await rig.client.order_by_ext(EXT) == RECORD


@virtual
async def test_neither_key_nor_buyer_shows_in_an_error():
    text = (
        f"Invalid address 18 Larch Road for CANARIA nwosu phone +12535550123 key {API_KEY} field shippingAddress.phone"
    )
    rig = Rig({ORDERS: answer({"success": False, "code": 400, "message": text}, 400)})
    error = await failure(rig.client.create_order(DOCUMENT))
    shown = (repr(error) + str(error) + str(vars(error))).lower()
    for canary in ("larch", "canaria", "nwosu", "2535550123", API_KEY):
        assert canary not in shown
    assert "shippingAddress.phone" in error.message


@virtual
async def test_the_fulfillments_of_an_order_and_members_of_orders():
    rig = Rig({f"{BASE}/fulfillments": rows({"fulfillmentId": "8e"}), ORDERS: rows(RECORD, name="orders")})
    assert await rig.client.fulfillments_of("3f0c") == [{"fulfillmentId": "8e"}]
    await rig.client.orders(updated_since_ms=START_MS, skip=0, members=("orderId", "status"))
    listed, orders = rig.wire.seen
    assert "orderId=3f0c" in listed.url
    assert orders.query["keys"] == "orderId,status"
