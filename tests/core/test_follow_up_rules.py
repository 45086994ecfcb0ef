"""What follows from an order in Pipe17."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from daemon.core.follow_ups import FollowUpRules, follow_ups
from daemon.core.lifecycle import State
from daemon.core.owed import Owed

NOW_MS = 1_767_225_600_000
ALL = FollowUpRules(text=True, card=True, references=True)
ROW = Owed(
    1, "orders", "576", "576", State.SENDING, 1, {}, "d", "", "", 0, "", None, None, 0, False, "", None, None, NOW_MS
)  # fmt: skip
PAYLOAD: dict[str, Any] = {
    "facts": {"create_time": NOW_MS // 1000 - 60, "paid_time": NOW_MS // 1000 - 30},
    "document": {"status": "onHold"},
    "units": {"u1": ["u1", "u2"]},
}


def following(row: Owed = ROW, rules: FollowUpRules = ALL, *, fresh: bool = True, **payload: Any) -> dict[str, Any]:
    found = follow_ups(row, "p17", PAYLOAD | payload, rules, NOW_MS, fresh=fresh)
    return {f"{one.flow} {one.key}": one for one in found}


def test_a_new_order_is_followed_by_a_text_a_card_and_our_ids() -> None:
    found = following()
    assert list(found) == ["messages 576:text", "messages 576:card", "references 576"]
    assert found["messages 576:text"].payload == {"kind": "TEXT", "look_first": False}
    assert found["messages 576:card"].once
    assert found["references 576"].payload == {"id": "p17", "units": PAYLOAD["units"]}
    assert found["references 576"].due_at_ms > NOW_MS


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (FollowUpRules(), []),
        (FollowUpRules(text=True), ["messages 576:text"]),
        (FollowUpRules(card=True), ["messages 576:card"]),
        (FollowUpRules(references=True), ["references 576"]),
    ],
)
def test_what_is_switched_off_does_not_follow(rules: FollowUpRules, expected: list[str]) -> None:
    assert list(following(rules=rules)) == expected


def test_an_order_that_we_did_not_make_just_now_is_looked_for_first() -> None:
    assert following(fresh=False)["messages 576:text"].payload["look_first"] is True


def test_a_later_success_is_followed_by_nothing_unless_the_id_changes() -> None:
    accepted = replace(ROW, accepted_digest="d", remote_id="p17")
    assert following(accepted) == {}
    assert list(following(replace(accepted, remote_id="p16"))) == ["references 576"]


@pytest.mark.parametrize(
    "payload",
    [
        {"document": {"status": "fulfilled"}},
        {"document": {"status": "canceled"}},
        {"document": None},
        {"facts": {"create_time": NOW_MS // 1000 - 4 * 86_400}},
        {"facts": {"create_time": NOW_MS // 1000 - 60, "paid_time": NOW_MS // 1000 - 4 * 86_400}},
    ],
)
def test_what_is_no_news_for_the_buyer_is_not_told(payload: dict[str, Any]) -> None:
    assert list(following(**payload)) == ["references 576"]


def test_a_pre_order_is_news_when_it_is_released() -> None:
    old = {"create_time": NOW_MS // 1000 - 30 * 86_400, "order_type": "PRE_ORDER", "release_date": NOW_MS // 1000 - 60}
    assert "messages 576:text" in following(facts=old)


def test_an_order_of_a_backfill_is_not_told() -> None:
    assert list(following(replace(ROW, payload={"late": True}))) == ["references 576"]
