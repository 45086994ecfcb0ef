"""Faults of the simulated Pipe17: what is answered, and whether the call took effect."""

from __future__ import annotations

import json

import pytest
from pipe17_org import EXT, Org, order

from daemon.sandbox.faults import FaultKind
from daemon.sandbox.wire import Loss


@pytest.mark.parametrize(
    ("kind", "status"), [(FaultKind.RATE_LIMIT, 429), (FaultKind.SERVER_ERROR, 500), (FaultKind.UNAVAILABLE, 503)]
)
def test_a_refusal_comes_in_the_envelope_and_has_no_effect(kind: FaultKind, status: int) -> None:
    org = Org()
    org.fail(kind=kind, operation="orders.create", retry_after="7")
    reply = org.send("POST", "/orders", order())
    assert reply.status == status
    assert json.loads(reply.body)["code"] == status
    assert reply.headers.get("retry-after") == "7"
    assert org.sandbox.audit.creates[EXT] == 0
    assert (org.sandbox.calls[-1].status, org.sandbox.calls[-1].fault) == (status, kind.value)
    org.create()


def test_a_refusal_of_choice_may_even_say_200() -> None:
    org = Org()
    org.fail(kind=FaultKind.REFUSE, operation="orders.create", status=200, message="connector paused")
    status, answer = org.call("POST", "/orders", order())
    assert (status, answer["success"], answer["message"]) == (200, False, "connector paused")
    assert not org.sandbox.calls[-1].effective


@pytest.mark.parametrize(
    "kind", [FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER, FaultKind.TRUNCATED, FaultKind.GARBAGE, FaultKind.NULL_DATA]
)
def test_these_hit_the_answer_and_the_order_exists(kind: FaultKind) -> None:
    org = Org()
    org.fail(kind=kind, operation="orders.*")
    reply = org.send("POST", "/orders", order())
    assert org.sandbox.audit.creates[EXT] == 1
    assert org.sandbox.calls[-1].effective
    assert reply.loss is (Loss.AFTER if kind is FaultKind.LOST_ANSWER else Loss.NONE)
    if kind is FaultKind.NULL_DATA:
        assert json.loads(reply.body) == {"success": True, "code": 200}
    elif kind is not FaultKind.LOST_ANSWER:
        with pytest.raises(ValueError):
            json.loads(reply.body)


def test_a_reset_happens_before_anything() -> None:
    org = Org()
    org.fail(kind=FaultKind.RESET)
    reply = org.send("POST", "/orders", order())
    assert reply.loss is Loss.BEFORE
    assert org.sandbox.audit.creates[EXT] == 0
    assert not org.sandbox.calls[-1].effective


def test_a_slow_answer_took_effect_at_once() -> None:
    org = Org()
    org.fail(kind=FaultKind.DELAY, delay_ms=8_000)
    assert org.send("POST", "/orders", order()).delay_ms == 8_000
    assert org.sandbox.audit.of(EXT)[0].at_ms == org.clock.at_ms


def test_a_list_without_its_rows() -> None:
    org = Org()
    org.fail(kind=FaultKind.NULL_DATA, operation="fulfillments.list")
    assert org.call("GET", "/fulfillments") == (200, {"success": True, "code": 200})
