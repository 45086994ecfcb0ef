"""Pipe17's refusals: the status decides, then the message."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.pipe17_errors import pipe17_verdict
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Reauth, Rejected, Retry, Throttled, Unknown

SOON = timedelta(seconds=3)


def verdict(status, message="", *, operation="orders.create", write=True, code=0, wait=None):
    return pipe17_verdict(
        operation=operation,
        write=write,
        status=status,
        code=status if code == 0 else code,
        message=message,
        retry_after=wait,
    )


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (401, "", Reauth("key")),
        (403, "Access denied", Reauth("scope")),
        (409, "", Rejected("duplicate")),
        (400, "Duplicate order id", Rejected("duplicate")),
        (422, "extOrderId already exists", Rejected("duplicate")),
        (400, "lineItems required", Rejected("bad_request")),
        (413, "", Rejected("too_large")),
        (404, "No results", Retry("http_404", None, UNKNOWN_CODE_TRIES)),
        (500, "duplicate key in log", Unknown("http_500")),
    ],
)
def test_a_refused_create(status, message, expected):
    assert verdict(status, message) == expected


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (404, "", Rejected("not_found")),
        (400, "No results", Rejected("not_found")),
        (409, "", Rejected("conflict")),
        (405, "", Rejected("not_allowed")),
        (400, "bad since", Rejected("bad_request")),
        (500, "", Retry("http_500")),
        (429, "", Throttled("rate_limited", None)),
    ],
)
def test_a_refused_read(status, message, expected):
    assert verdict(status, message, operation="orders.get", write=False) == expected


def test_retry_after_is_passed_on():
    assert verdict(429, wait=SOON) == Throttled("rate_limited", SOON)
    assert verdict(503, wait=SOON, write=False, operation="orders.get") == Retry("http_503", SOON)


def test_success_false_under_200_is_judged_by_the_code_in_the_body():
    assert verdict(200, code=409) == Rejected("duplicate")
    assert verdict(200, code=401) == Reauth("key")
    assert verdict(200, "No results", code=200, operation="orders.get", write=False) == Rejected("not_found")
    assert verdict(200, "something", code=200) == Retry("refused", None, UNKNOWN_CODE_TRIES)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Unknown("unreadable")),
        (404, Retry("http_404", None, UNKNOWN_CODE_TRIES)),
        (403, Retry("http_403", None, UNKNOWN_CODE_TRIES)),
        (502, Unknown("http_502")),
    ],
)
def test_an_answer_that_is_not_pipe17s_json_proves_nothing_about_the_record(status, expected):
    assert verdict(status, code=None) == expected


def test_a_404_page_of_a_proxy_is_not_a_missing_order():
    found = verdict(404, code=None, operation="orders.get", write=False)
    assert found == Retry("http_404")


@pytest.mark.parametrize(
    ("status", "word"), [(200, "unreadable"), (400, "http_400"), (403, "http_403"), (502, "http_502")]
)
def test_a_read_that_cannot_be_understood_is_asked_again_without_end_like_one_without_an_answer(status, word):
    assert verdict(status, code=None, operation="products.list", write=False) == Retry(word)


@given(st.integers(100, 599), st.one_of(st.none(), st.integers()), st.booleans(), st.text())
def test_a_read_is_never_unknown_and_every_answer_has_a_verdict(status, code, write, message):
    found = pipe17_verdict(
        operation="orders.get", write=write, status=status, code=code, message=message, retry_after=None
    )
    assert write or not isinstance(found, Unknown)
