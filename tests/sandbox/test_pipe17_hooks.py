"""Registration and delivery of the simulated Pipe17's webhooks."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from pipe17_org import EXT, MUG, Org, check, check_answer

from daemon.sandbox.pipe17 import Pipe17Options
from daemon.sandbox.pipe17.hooks import TOPICS

HOOK = "https://hooks.example.test/webhooks/pipe17/s"


def register(org: Org, **changes: Any) -> tuple[int, dict[str, Any]]:
    body = {"url": HOOK, "apikey": org.options.api_key, "topics": ["orders", "fulfillments"]} | changes
    check(body, "webhookWrite")
    return org.call("POST", "/webhooks", body)


def delivered(org: Org) -> list[dict[str, Any]]:
    return [json.loads(item.body) for item in org.sandbox.deliveries_due(org.clock.at_ms)]


def test_a_webhook_is_made_listed_read_and_changed() -> None:
    org = Org()
    status, answer = register(org)
    check_answer("webhooks.create", status, answer)
    made = answer["webhook"]
    assert (made["url"], made["topics"], made["orgKey"]) == (HOOK, ["orders", "fulfillments"], org.options.org_key)
    org.wait(1_000)
    status, answer = org.call("PUT", f"/webhooks/{made['webhookId']}", {"topics": ["products"]})
    check_answer("webhooks.update", status, answer)
    changed = answer["webhook"]
    assert changed == {**made, "topics": ["products"], "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > made["updatedAt"]
    status, answer = org.call("GET", "/webhooks", query={"count": "100"})
    check_answer("webhooks.list", status, answer)
    assert answer["webhooks"] == [changed]
    check_answer("webhooks.get", *org.call("GET", f"/webhooks/{made['webhookId']}"))
    for method in ("GET", "PUT"):
        assert org.call(method, "/webhooks/0123456789abcdef", {})[0] == 404
    assert org.call("DELETE", f"/webhooks/{made['webhookId']}")[0] == 405


@pytest.mark.parametrize(
    "change",
    [{"url": "ftp://x"}, {"url": ""}, {"apikey": "not-ours"}, {"topics": []}, {"topics": ["weather"]}],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    org = Org()
    status, answer = register(org, **change)
    check_answer("webhooks.create", status, answer)
    assert status == 400
    assert org.sandbox.hooks.registered == {}


def test_a_key_without_the_grant_is_refused() -> None:
    assert register(Org(Pipe17Options(grants={"orders": "crul"})))[0] == 403


def test_a_second_key_of_the_organisation_may_be_registered() -> None:
    org = Org(Pipe17Options(other_keys=("second-key",)))
    assert register(org, apikey="second-key")[0] == 200
    org.create()
    (item,) = org.sandbox.deliveries_due(org.clock.at_ms)
    assert item.headers["x-pipe17-key"] == "second-key"


def test_a_delivery_is_thin_and_names_entity_action_and_record() -> None:
    org = Org()
    org.create("1")
    register(org)
    order_id = org.create()["orderId"]
    (item,) = org.sandbox.deliveries_due(org.clock.at_ms)
    said = json.loads(item.body)
    check(said, "delivery")
    assert (item.url, item.headers["content-type"]) == (HOOK, "application/json")
    assert (said["entity"], said["action"], said["itemId"]) == ("orders", "create", order_id)
    assert set(said) == {"orgKey", "entity", "action", "itemId", "timestamp", "requestId"}
    assert item.headers["x-pipe17-key"] == org.options.api_key


def test_only_the_topics_that_were_asked_for_are_told() -> None:
    org = Org()
    register(org, topics=["fulfillments"])
    shipment_id = org.sent()
    made = org.sandbox.fulfill(shipment_id, {MUG: 1}, "UPS", "T1")
    assert [(one["entity"], one["itemId"]) for one in delivered(org)] == [("fulfillments", made["fulfillmentId"])]


def test_every_change_is_told_also_those_of_engines_and_people() -> None:
    org = Org(Pipe17Options(webhook_names_plural=False))
    register(org, topics=list(TOPICS))
    org.sent()
    org.sandbox.cancel_order(EXT)
    said = delivered(org)
    assert next(one["action"] for one in said if one["entity"] == "order") == "create"
    seen = Counter((one["entity"], one["action"]) for one in said)
    assert seen["order", "update"] >= 3
    assert seen["shipment", "create"] == 1


def test_deliveries_are_lost_doubled_and_overtake_each_other_when_asked() -> None:
    org = Org(Pipe17Options(webhook_loss=0.3, webhook_duplicates=0.3, webhook_jitter_ms=60_000))
    register(org, topics=["orders"])
    for number in range(200):
        org.create(str(number))
    org.wait(60_000)
    created = [one for one in delivered(org) if one["action"] == "create"]
    times = Counter(one["itemId"] for one in created)
    assert 110 < len(times) < 170
    assert set(times.values()) == {1, 2}
    made_at = {row.id: row.number for row in org.sandbox.books.orders}
    assert any(made_at[before["itemId"]] > made_at[after["itemId"]] for before, after in pairwise(created))
    doubled = [one for one in created if times[one["itemId"]] == 2]
    assert len({json.dumps(one) for one in doubled}) == len(doubled) / 2, "a double is the same to the letter"


@pytest.mark.parametrize(("ladder", "tries"), [((), 1), ((1_000, 5_000), 3)])
def test_what_fails_comes_again_only_where_an_option_says_so(ladder: tuple[int, ...], tries: int) -> None:
    org = Org(Pipe17Options(webhook_ladder_ms=ladder))
    register(org, topics=["orders"])
    org.create(status="draft")
    for _ in range(tries):
        (item,) = org.sandbox.deliveries_due(org.clock.at_ms)
        org.sandbox.delivery_result(item.id, False)
        org.wait(10_000)
    assert org.sandbox.deliveries_due(org.clock.at_ms) == []
    assert len(org.sandbox.hooks.out.dropped) == 1
