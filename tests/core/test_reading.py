"""Readers of vendor records: what is absent, what is understood, what is refused."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import reading
from daemon.core.reading import BadShape

Reader = Callable[[dict[str, Any], str], Any]
NOTHING: list[Any] = [None, "", [], {}]


@pytest.mark.parametrize(
    ("reader", "absent"),
    [
        (reading.text, ""),
        (reading.identifier, ""),
        (reading.flag, False),
        (reading.amount, Decimal(0)),
        (reading.whole, None),
        (reading.seconds_as_ms, None),
        (reading.iso_as_ms, None),
        (reading.stated, False),
    ],
)
def test_missing_null_and_every_kind_of_empty_are_absent(reader: Reader, absent: object) -> None:
    assert reader({}, "member") == absent
    assert [reader({"member": nothing}, "member") for nothing in NOTHING] == [absent] * 4


@pytest.mark.parametrize(
    ("reader", "value", "understood"),
    [
        (reading.text, 577, "577"),
        (reading.text, " padded ", "padded"),
        (reading.text, "cut \ud83d", "cut \N{REPLACEMENT CHARACTER}"),
        (reading.identifier, "0", ""),
        (reading.identifier, "577", "577"),
        (reading.flag, True, True),
        (reading.flag, "TRUE", True),
        (reading.flag, "false", False),
        (reading.flag, "0", False),
        (reading.optional_record, "0", {}),
        (reading.optional_record, {"a": 1}, {"a": 1}),
        (reading.amount, "4.8", Decimal("4.8")),
        (reading.amount, " ", Decimal(0)),
        (reading.amount, "1.50000000", Decimal("1.5")),
        (reading.amount, 24, Decimal(24)),
        (reading.amount, Decimal("-0.01"), Decimal("-0.01")),
        (reading.whole, "7", 7),
        (reading.whole, Decimal("2.0"), 2),
        (reading.seconds_as_ms, 1619611561, 1619611561000),
        (reading.seconds_as_ms, "1619611561", 1619611561000),
        (reading.seconds_as_ms, 0, None),
        (reading.iso_as_ms, "2025-03-04T17:05:11.250Z", 1741107911250),
        (reading.iso_as_ms, "2025-03-04T19:05:11+02:00", 1741107911000),
        (reading.iso_as_ms, "2025-03-04T17:05:11", 1741107911000),
        (reading.stated, "0", True),
    ],
)
def test_the_forms_that_vendors_send_are_understood(reader: Reader, value: object, understood: object) -> None:
    assert reader({"member": value}, "member") == understood


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (reading.text, ["a"]),
        (reading.text, True),
        (reading.required_text, ""),
        (reading.flag, "perhaps"),
        (reading.flag, 1),
        (reading.optional_record, "x"),
        (reading.amount, 1.5),
        (reading.amount, "1,50"),
        (reading.amount, "NaN"),
        (reading.amount, True),
        (reading.amount, "1e12"),
        (reading.amount, "1e999999"),
        (reading.amount, "0.0000001"),
        (reading.whole, "1.5"),
        (reading.whole, "seven"),
        (reading.whole, False),
        (reading.whole, "1e999999"),
        (reading.seconds_as_ms, -1),
        (reading.seconds_as_ms, 1619611561000),
        (reading.iso_as_ms, "yesterday"),
    ],
)
def test_anything_else_is_refused_by_its_name(reader: Reader, value: object) -> None:
    with pytest.raises(BadShape, match=r"^member: is ") as refused:
        reader({"member": value}, "member")
    assert refused.value.field == "member"


def test_records_of_a_list_are_objects() -> None:
    assert list(reading.records({}, "rows")) == []
    assert list(reading.records({"rows": ""}, "rows")) == []
    assert list(reading.records({"rows": [{"a": 1}]}, "rows")) == [{"a": 1}]
    with pytest.raises(BadShape, match="rows: is a text, not a list"):
        list(reading.records({"rows": "many"}, "rows"))
    with pytest.raises(BadShape, match=r"rows\[1\]: is NoneType, not an object"):
        list(reading.records({"rows": [{}, None]}, "rows"))


def test_a_complaint_can_be_told_from_further_out() -> None:
    assert str(BadShape("tax", "is odd").inside("payment")) == "payment.tax: is odd"


@given(st.integers(0, 4_000_000_000_000))
def test_instants_survive_the_way_to_pipe17_and_back(instant_ms: int) -> None:
    assert reading.iso_as_ms({"at": reading.iso(instant_ms)}, "at") == instant_ms
