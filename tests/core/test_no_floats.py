"""No amount is ever a float: the source says so, and the values do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import document, order, raw_unit

import daemon.core

FOLDER = Path(daemon.core.__file__).parent
ABOUT_TIME = {"backoff.py", "bucket.py"}
"""Seconds, rates and chances; no amount of money comes near them."""
ONE_LINE = {"jsontext.py": {"number"}}
"""The one function that writes a number for JSON, and only one whose shortest text is the amount (`test_jsontext`)."""


def floats_in(source: str) -> Iterator[tuple[int, str]]:
    """(line, function) of every float literal, every use of the name, every import of `math`."""
    tree = ast.parse(source)
    functions = {
        node: function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        named = isinstance(node, ast.Name) and node.id == "float"
        mathematics = isinstance(node, ast.Import) and any(name.name == "math" for name in node.names)
        if literal or named or mathematics:
            yield getattr(node, "lineno", 0), functions.get(node, "")


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_the_core_has_no_float(path: Path) -> None:
    if path.name not in ABOUT_TIME:
        allowed = ONE_LINE.get(path.name, set())
        assert [found for found in floats_in(path.read_text()) if found[1] not in allowed] == []


@pytest.mark.parametrize("planted", ["x = 0.5", "def f(v):\n    return float(v)", "import math"])
def test_the_search_finds_what_it_looks_for(planted: str) -> None:
    assert list(floats_in(planted))


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


AMOUNTS = st.decimals(0, 10**6, places=2).map(str)


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), min_size=1, max_size=4), AMOUNTS, st.booleans())
def test_no_value_of_a_document_is_a_float(amounts: list[tuple[str, str, str]], fee: str, apart: bool) -> None:
    units = [
        raw_unit(
            str(place),
            price=price,
            seller_discount=cut,
            pfand_fee=tax,
            item_tax=[{"tax_amount": tax}],
            combined_listing_skus=[{"sku_id": "1", "sku_count": 3, "seller_sku": "P"}],
        )
        for place, (price, cut, tax) in enumerate(amounts, 10)
    ]
    payment = {"currency": "USD", "handling_fee": fee, "tax": fee, "total_amount": fee}
    found = document(order(*units, payment=payment), virtual_bundles=apart)
    assert not any(isinstance(leaf, float) for leaf in leaves(found))
    assert isinstance(found["totalPrice"], Decimal)
