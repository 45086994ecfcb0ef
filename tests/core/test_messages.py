"""What a buyer is told: the template, the names, and who gets a message at all."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import raw_order

from daemon.core.message_template import TEXT_MAX, WIDEST, check_template
from daemon.core.messages import NEWS, NO_DATE, NO_NAME, born_ms, buyer_name, content_of, is_news, render, same_content
from daemon.core.spans import milliseconds
from daemon.core.tiktok_order import read_order


@pytest.mark.parametrize(
    ("template", "position"),
    [
        ("Hi {name}", 4),
        ("Hi {", 4),
        ("{order_id} and {", 16),
        ("Hi {buyer_name", 4),
        ("Hi }", 4),
        ("{{}} }", 6),
        ("Hi {}", 4),
        ("{buyer_name!r}", 1),
        ("{buyer_name.x}", 1),
        ("{buyer{name}", 1),
    ],
)
def test_what_is_wrong_with_a_template_is_named_with_its_place(template: str, position: int) -> None:
    with pytest.raises(ValueError, match=f"^position {position}: ") as problem:
        check_template(template)
    assert "{buyer_name}" in str(problem.value)


def test_the_longest_text_that_a_template_can_become_counts() -> None:
    room = TEXT_MAX - WIDEST["order_id"]
    assert check_template("x" * room + "{order_id}")
    with pytest.raises(ValueError, match=f"{TEXT_MAX + 1} characters"):
        check_template("x" * (room + 1) + "{order_id}")
    assert check_template("{{" * TEXT_MAX), "a written brace is one character"


@given(
    st.lists(
        st.one_of(st.sampled_from(["{order_id}", "{buyer_name}", "{ship_by}", "{{", "}}"]), st.text("ab ö", max_size=9))
    )
)
def test_every_good_template_becomes_a_text_with_nothing_left_of_its_placeholders(parts: list[str]) -> None:
    template = "".join(parts)
    one = read_order(raw_order())
    text = render(check_template(template), one, "Shop", "2026-01-31")
    values = {"{order_id}": one.id, "{buyer_name}": buyer_name(one), "{ship_by}": "2026-01-31", "{{": "{", "}}": "}"}
    assert text == "".join(values.get(part, part) for part in parts)


@given(st.text("{}ab_", max_size=40))
def test_a_template_is_good_or_says_where_not(template: str) -> None:
    try:
        told = check_template(template)
    except ValueError as problem:
        told = str(problem)
    assert told == template or re.match(r"position \d+: ", told)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ({"first_name": "Ann", "name": "Ann Lee"}, "Ann"),
        ({"first_name": "", "name": "Ann  Lee "}, "Ann Lee"),
        ({"first_name": "A**", "name": "A** L**"}, NO_NAME),
        ({"first_name": "***", "name": "Ann Lee"}, "Ann Lee"),
        ({"first_name": "", "name": ""}, NO_NAME),
        ({}, NO_NAME),
    ],
)
def test_a_hidden_name_is_a_neutral_word(address: dict[str, str], name: str) -> None:
    assert buyer_name(read_order(raw_order() | {"recipient_address": address})) == name


def test_a_name_without_end_and_a_missing_date_do_no_harm() -> None:
    one = read_order(raw_order() | {"recipient_address": {"name": "x" * 500}})
    text = render("{buyer_name}|{ship_by}|{shop_name}", one, "s" * 500, "")
    assert text == f"{'x' * WIDEST['buyer_name']}|{NO_DATE[: WIDEST['ship_by']]}|{'s' * WIDEST['shop_name']}"


def test_content_is_json_in_a_text_and_compared_as_json() -> None:
    content = content_of("TEXT", "1", 'say "hi"')
    assert json.loads(content) == {"content": 'say "hi"'}
    assert json.loads(content_of("ORDER_CARD", "1", "")) == {"order_id": "1"}
    assert same_content(content, json.dumps(json.loads(content), indent=2))
    rubbish: list[Any] = ["", "no json", None, 7, content_of("TEXT", "1", "other")]
    assert not any(same_content(content, other) for other in rubbish)


def test_news_is_counted_from_the_payment_and_of_a_pre_order_from_its_release() -> None:
    plain = raw_order() | {"create_time": 1_000, "paid_time": 2_000, "release_date": 9_000}
    assert born_ms(read_order(plain)) == 2_000_000
    assert born_ms(read_order(plain | {"paid_time": 0})) == 1_000_000
    assert born_ms(read_order(plain | {"order_type": "PRE_ORDER"})) == 9_000_000
    edge_ms = milliseconds(NEWS)
    assert is_news(0, edge_ms)
    assert not is_news(0, edge_ms + 1)
