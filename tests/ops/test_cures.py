"""Every code that an exception can carry has a meaning and a cure, and no cure is for a code that nobody uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import daemon
from daemon.apis.gate import ACCESS_AFTER
from daemon.core.pipe17_errors import pipe17_verdict
from daemon.core.tiktok_errors import _PARAMETER_WORDS, RULES, Kind
from daemon.core.verdicts import Reauth, Rejected, Retry
from daemon.ops.cures import BY_BEGINNING, CURES, UNNAMED, cure_of, explained

ROOMS = ("core", "flows", "apis", "store", "ops")
SAYS = {"Finding", "Refusal", "Refused", "Rejected", "SetAside"}
"""What carries the code of an exception, as its first text."""


def _sources() -> Iterator[ast.Module]:
    home = Path(daemon.__file__).parent
    for room in ROOMS:
        for path in sorted((home / room).rglob("*.py")):
            yield ast.parse(path.read_text(encoding="utf-8"))


def said_in_code() -> set[str]:
    """Every text that the code gives to a finding, a refusal, a rejection or a wait a person should know of."""
    found: set[str] = set()
    for module in _sources():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                name, given = node.func.id, [*node.args[:1], *(kw.value for kw in node.keywords if kw.arg == "code")]
                if name in SAYS or (name == "Later" and node.keywords):
                    taken = given if name != "Later" else given[len(node.args[:1]) :]
                    found |= {one.value for one in taken if isinstance(one, ast.Constant) and one.value}
                limited = name == "Retry" and any(kw.arg == "tries" for kw in node.keywords)
                if limited and isinstance(node.args[0], ast.Constant):
                    found.add(node.args[0].value)
            named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
            if named and node.targets[0].id.endswith("MALFORMED") and isinstance(node.value, ast.Constant):
                found.add(node.value.value)
    return found


def tiktok_words() -> set[str]:
    """Words of TikTok's error table that leave a record dead."""
    rules = {*RULES.values(), *(rule for _, rule in _PARAMETER_WORDS)}
    return {rule.word for rule in rules if rule.kind is Kind.REJECT or (rule.kind is Kind.WAIT and rule.tries)}


def pipe17_words() -> set[str]:
    """Words of Pipe17's that leave a record dead."""
    found = set()
    for status in range(200, 600):
        for operation in ("orders.create", "orders.update"):
            for message in ("", "duplicate", "No results"):
                verdict = pipe17_verdict(
                    operation=operation, write=True, status=status, code=status, message=message, retry_after=None
                )
                if isinstance(verdict, Rejected) or (isinstance(verdict, Retry) and verdict.tries):
                    found.add(verdict.code)
    return found


def connection_words() -> set[str]:
    """Codes of the connection itself: what refuses us, and how."""
    pipe17 = {
        verdict.code
        for status in (401, 403)
        if isinstance(
            verdict := pipe17_verdict(
                operation="orders.list", write=False, status=status, code=status, message="", retry_after=None
            ),
            Reauth,
        )
    }
    return {f"tiktok_{code}" for code in ACCESS_AFTER} | {f"pipe17_{code}" for code in pipe17}


EVERY_CODE = said_in_code() | tiktok_words() | pipe17_words() | connection_words()


def test_the_codes_are_found() -> None:
    """The search itself works: one code of every kind."""
    assert {
        "total_mismatch",
        "carrier_unmapped",
        "fulfillment_rejected",
        "order_not_shown",
        "cancel_requested",
        "edited_after_release",
        "malformed_record",
        "malformed_answer",
        "internal_error",
        "bad_request",
        "label_not_ready",
        "tiktok_shop_inactive",
        "pipe17_scope",
    } <= EVERY_CODE


@pytest.mark.parametrize("code", sorted(EVERY_CODE))
def test_every_code_is_explained(code: str) -> None:
    numbered = code.startswith("http_")
    assert numbered or code in CURES
    assert explained(code) is not UNNAMED


def test_no_cure_is_for_a_code_that_nobody_uses() -> None:
    # "on_hold" is turned into a wait by the flow; it would be shown only if TikTok said it of another call
    assert set(CURES) - EVERY_CODE <= {"on_hold"}


def test_codes_with_a_number_are_explained_by_their_beginning() -> None:
    for code in ("http_418", "tiktok_36001234"):
        assert explained(code) in [cure for _, cure in BY_BEGINNING]
    assert cure_of("never heard of") == UNNAMED.cure


def test_every_text_is_a_sentence() -> None:
    for cure in (*CURES.values(), *(one for _, one in BY_BEGINNING), UNNAMED):
        assert cure.meaning.endswith(".")
        assert cure.cure.endswith(".")
        assert "  " not in cure.meaning + cure.cure
