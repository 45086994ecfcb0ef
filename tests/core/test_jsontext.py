"""JSON in and out: exact, stable, and nothing that cannot be sent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import jsontext

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.decimals(-(10**9), 10**9, places=4)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_reads_back_equal(value: object) -> None:
    assert jsontext.loads(jsontext.dumps(value)) == value


@given(st.dictionaries(st.text(max_size=5), VALUES, min_size=2, max_size=5))
def test_the_fingerprint_does_not_depend_on_the_order_of_members(value: dict[str, object]) -> None:
    assert jsontext.digest(dict(reversed(value.items()))) == jsontext.digest(value)


def test_amounts_are_plain_numbers_whatever_their_trailing_zeros() -> None:
    assert jsontext.dumps([Decimal("34.24"), Decimal("5.00"), Decimal("4.80")]) == "[34.24,5,4.8]"
    assert jsontext.digest(Decimal("4.80")) == jsontext.digest(Decimal("4.8"))


def test_fractions_come_in_as_decimals() -> None:
    assert jsontext.loads(b'{"a":0.1}') == {"a": Decimal("0.1")}


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), Decimal("Infinity"), Decimal("0.1234567890123456789"), Decimal("1e999999"), float("nan")]
)
def test_a_number_that_json_cannot_carry_exactly_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        jsontext.dumps(value)


def test_something_that_is_no_json_value_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no place"):
        jsontext.dumps({1, 2})


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", "<html>", b"\xff\xfe", "[" * 200_000, "1.0e99999999999999999999"]
)
def test_rubbish_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        jsontext.loads(text)


def test_half_an_emoji_is_written_so_that_it_can_be_sent_and_stored() -> None:
    cut = jsontext.loads('{"note":"hi \\ud83d"}')
    assert jsontext.dumps(cut).encode() == b'{"note":"hi \\ud83d"}'
    assert jsontext.dumps({"note": "é"}) == '{"note":"é"}'
