"""TikTok's refusals: every code of the official tables has a verdict, and the ambiguous ones have the right one."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.tiktok_errors import HOLD_RECHECK, PARAMETERS_REFUSED, RULES, Kind, Rule, _rows, tiktok_verdict
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Reauth, Rejected, Retry, Throttled, Unknown

CODES = json.loads((Path(__file__).parent / "tiktok_codes.json").read_text())


def verdict(code, message="", *, write=False, status=200, wait=None, operation="packages.mark_shipped"):
    return tiktok_verdict(operation=operation, write=write, status=status, code=code, message=message, retry_after=wait)


@pytest.mark.parametrize("operation", sorted(CODES["operations"]))
def test_every_code_of_an_operations_official_table_has_a_verdict(operation):
    missing = [code for code in CODES["operations"][operation] if int(code) not in RULES]
    assert missing == []


@pytest.mark.parametrize("group", ["gateway", "shipping"])
def test_every_code_of_the_common_tables_has_a_verdict(group):
    assert [code for code in CODES[group] if int(code) not in RULES and int(code) != PARAMETERS_REFUSED] == []


def test_the_texts_of_the_official_tables_agree_with_the_verdicts():
    """Where the vendor says "already shipped", "system error", "duplicate" or "after-sale", so do we."""
    expected = {
        "already": {"already_shipped", "label_refused", "split_refused", "aftersale_running", "aftersale_over"}
        | {"aftersale_refused"},
        "has been shipped": {"already_shipped"},
        "system process error": {"vendor_internal_shipping", "vendor_internal"},
        "system timeout": {"vendor_internal_shipping"},
        "duplicate tracking": {"duplicate_tracking"},
        "after-sale request": {"after_sale_open"},
        "is cancelled": {"order_cancelled"},
        "failed to get orders": {"read_failed"},
    }
    for table in CODES["operations"].values():
        for code, text in table.items():
            for fragment, words in expected.items():
                if fragment in text.lower():
                    assert RULES[int(code)].word in words, (code, text)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (36009002, Throttled("rate_limited", None)),
        (36009037, Throttled("sandbox_quota", timedelta(minutes=15))),
        (105002, Reauth("expired")),
        (105001, Reauth("revoked")),
        (105005, Reauth("scope")),
        (106001, Reauth("key")),
        (36009033, Reauth("key")),
        (36009043, Reauth("shop_inactive")),
        (36009044, Reauth("shop_inactive")),
        (101000, Retry("cipher", None, UNKNOWN_CODE_TRIES)),
        (106011, Retry("cipher", None, UNKNOWN_CODE_TRIES)),
        (36009014, Rejected("endpoint_gone")),
        (21011044, Retry("on_hold", HOLD_RECHECK)),
        (21011020, Rejected("already_shipped")),
        (21008099, Rejected("already_shipped")),
        (21011041, Rejected("order_cancelled")),
        (21011025, Rejected("duplicate_tracking")),
        (21008106, Rejected("not_for_this_market")),
        (21011007, Rejected("after_sale_open")),
        (10006402, Rejected("permission_denied")),
        (25001011, Retry("aftersale_running", timedelta(minutes=1))),
        (25005010, Rejected("aftersale_lines_refused")),
        (25001051, Rejected("aftersale_over")),
        (25020009, Rejected("aftersale_over")),
        (25001045, Rejected("aftersale_refused")),
    ],
)
def test_codes_whose_consequence_everything_hangs_on(code, expected):
    assert verdict(code) == expected


@pytest.mark.parametrize("code", [36009003, 36009007, 33001002, 11001027, 21001003, 21042076])
def test_the_vendors_own_trouble_is_repeated_for_reads_and_looked_up_for_writes(code):
    assert isinstance(verdict(code), Retry)
    assert isinstance(verdict(code, write=True), Unknown)


def test_a_hold_waits_without_counting_tries():
    waits = verdict(21011044, write=True)
    assert isinstance(waits, Retry)
    assert waits.tries is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Invalid timestamp: more than 5 minutes old", Retry("timestamp", None, UNKNOWN_CODE_TRIES)),
        ("Invalid credentials: 'app_key' query parameter", Reauth("key")),
        ("Invalid credentials: `sign` query parameter is missing", Reauth("key")),
        ("Invalid credentials: 'x-tts-access-token' header", Reauth("expired")),
        ("Unexpected identifier: 'shop_cipher'", Retry("cipher", None, UNKNOWN_CODE_TRIES)),
        ("Invalid parameter: 'page_token'", Rejected("bad_request")),
        ("Missing parameter body.address", Rejected("bad_request")),
        ("Invalid field: design, assigned_to", Rejected("bad_request")),
        ("", Rejected("bad_request")),
    ],
)
def test_36009004_is_told_apart_by_its_words(message, expected):
    assert verdict(PARAMETERS_REFUSED, message, status=400) == expected
    assert verdict(PARAMETERS_REFUSED, message.upper(), status=400) == expected


def test_an_undocumented_code_is_tried_a_few_times_and_keeps_its_number():
    assert verdict(99999999) == Retry("tiktok_99999999", None, UNKNOWN_CODE_TRIES)


@pytest.mark.parametrize(
    ("status", "write", "expected"),
    [
        (429, True, Throttled("rate_limited", timedelta(seconds=7))),
        (503, False, Retry("http_503", timedelta(seconds=7))),
        (503, True, Unknown("http_503")),
        (408, True, Unknown("http_408")),
        (200, False, Retry("unreadable", timedelta(seconds=7))),
        (200, True, Unknown("unreadable")),
        (401, True, Reauth("expired")),
        (404, True, Retry("http_404", timedelta(seconds=7), UNKNOWN_CODE_TRIES)),
        (302, True, Retry("http_302", timedelta(seconds=7), UNKNOWN_CODE_TRIES)),
        (302, False, Retry("http_302", timedelta(seconds=7))),
        (404, False, Retry("http_404", timedelta(seconds=7))),
    ],
)
def test_the_http_status_decides_only_without_a_code(status, write, expected):
    assert verdict(None, write=write, status=status, wait=timedelta(seconds=7)) == expected


def test_the_code_beats_the_status():
    assert verdict(21011044, status=503, write=True) == Retry("on_hold", HOLD_RECHECK)
    assert verdict(105002, status=200) == Reauth("expired")


def test_what_the_header_asks_for_beats_our_own_wait():
    assert verdict(36009037, wait=timedelta(seconds=9)) == Throttled("sandbox_quota", timedelta(seconds=9))


def test_an_unknown_code_under_a_server_error_leaves_a_write_unknown():
    assert verdict(77777777, status=500, write=True) == Unknown("http_500")


@given(st.one_of(st.none(), st.integers()), st.integers(100, 599), st.booleans(), st.text())
def test_a_read_is_never_unknown_and_every_answer_has_a_verdict(code, status, write, message):
    found = verdict(code, message, write=write, status=status)
    assert write or not isinstance(found, Unknown)


def test_a_code_in_two_rows_stops_the_start():
    with pytest.raises(ValueError, match="7 has two verdicts"):
        _rows((Rule(Kind.REJECT, "a"), (7,)), (Rule(Kind.REJECT, "b"), (7,)))
