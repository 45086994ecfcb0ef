"""What TikTok's refusals mean for us: one table from business code to consequence, and the rule for everything else.

The business `code` decides; the HTTP status is asked only when there is no code in the table. Five kinds of row:

    UNSURE    internal errors and time-outs: a read is repeated, a write may have happened and is looked up first
    WAIT      refused for a reason that goes away by itself: sent again later
    REJECT    refused for good; the word names the exception a person sees
    REAUTH    our grant, key or shop is refused: sends pause
    PACE      too many calls

`36009004` is TikTok's word for a dozen things and is told apart by keywords in its message. Words that end in a cure of
the client itself (`timestamp`, `cipher`, `endpoint_gone`, and the two token words of REAUTH) come back to the caller
only when the cure did not help. A code nobody documented is tried `UNKNOWN_CODE_TRIES` times and then dead and visible;
so is a write under a 4xx that is not TikTok's JSON, while a read is asked again for as long as it takes.

Sources: the common error page and the error tables of every operation we use, listed in `tests/core/tiktok_codes.json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from daemon.core.tiktok_catalogue_errors import BUSY, INTERNAL, REFUSED
from daemon.core.verdicts import UNKNOWN_CODE_TRIES, Failure, Reauth, Rejected, Retry, Throttled, Unknown

AUTH_CODE_REFUSED = 36004004
PARAMETERS_REFUSED = 36009004
ORDER_NOT_OURS = 21008111
MESSAGE_QUOTA = 45101004
"""The customer-service calls of the day are used up; the flow waits for the shop's next day."""

HOLD_RECHECK = timedelta(minutes=5)
"""An order that is still on hold is asked again after this; the hold timer is our own, this is only the backstop."""
SANDBOX_QUOTA_WAIT = timedelta(minutes=15)
"""A sandbox shop has 1000 calls an hour; whether the hour slides is unknown, so we look four times in it."""


class Kind(Enum):
    """The consequence of a code."""

    UNSURE = "unsure"
    WAIT = "wait"
    REJECT = "reject"
    REAUTH = "reauth"
    PACE = "pace"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: `word` is our stable name for it, `after` the wait where the vendor's nature dictates one."""

    kind: Kind
    word: str
    after: timedelta | None = None
    tries: int | None = None


def _rows(*groups: tuple[Rule, Iterable[int]]) -> Mapping[int, Rule]:
    table: dict[int, Rule] = {}
    for rule, codes in groups:
        for code in codes:
            if code in table:
                raise ValueError(f"{code} has two verdicts")
            table[code] = rule
    return table


def _unsure(word: str) -> Rule:
    return Rule(Kind.UNSURE, word)


def _reject(word: str) -> Rule:
    return Rule(Kind.REJECT, word)


def _few(word: str, after: timedelta | None = None) -> Rule:
    return Rule(Kind.WAIT, word, after, UNKNOWN_CODE_TRIES)


RULES: Mapping[int, Rule] = _rows(
    # The gateway.
    (Rule(Kind.PACE, "rate_limited"), (36009002, *BUSY)),
    (Rule(Kind.PACE, "sandbox_quota", SANDBOX_QUOTA_WAIT), (36009037,)),
    (_unsure("vendor_internal"), (36009003, 33001002, *INTERNAL)),
    (_unsure("vendor_timeout"), (36009007,)),
    (_reject("endpoint_gone"), (36009009, 36009010, 36009014)),
    (_reject("bad_request"), (36009021, 36009022, 36009023, 98001004, 21001001, 11001002, 11050001, 25001001)),
    (Rule(Kind.REAUTH, "key"), (106001, 36009033)),
    (Rule(Kind.REAUTH, "shop_inactive"), (36009043, 36009044)),
    (Rule(Kind.REAUTH, "expired"), (105002,)),
    (Rule(Kind.REAUTH, "revoked"), (105001,)),
    (Rule(Kind.REAUTH, "scope"), (105005,)),
    (_few("cipher"), (101000, 106011, 106013)),
    (_reject("auth_code"), (AUTH_CODE_REFUSED,)),
    # Reading orders and packages.
    (_unsure("read_failed"), (10002014, 10002015, 10037002, 10037003, 10037004)),
    (_reject("permission_denied"), (10006402,)),
    (_reject("not_ours"), (ORDER_NOT_OURS, 21011028, 21011029, 21011031)),
    (_reject("option_not_subscribed"), (21008116,)),
    (_reject("shipped_by_platform"), (21008117, 21008025)),
    # Shipping: what the order or package is.
    (Rule(Kind.WAIT, "on_hold", HOLD_RECHECK), (21011044,)),
    (
        _reject("already_shipped"),
        (21011006, 21011020, 21011027, 21011040, 21008099, 21042056, 11006021),
    ),
    (_reject("order_cancelled"), (21011041, 21011042)),
    (_reject("after_sale_open"), (21011007, 21008044)),
    (_reject("not_awaiting_shipment"), (21042057, 21011003, 21011043, 21032001)),
    (_reject("not_for_this_market"), (21008106,)),
    (_reject("not_seller_shipped"), (21011004,)),
    (_reject("lines_needed"), (21011048,)),
    (_few("package_frozen", timedelta(minutes=5)), (10007014,)),
    (_few("package_incomplete", timedelta(minutes=5)), (21011008,)),
    # Shipping: the tracking number and the carrier.
    (
        _reject("tracking_refused"),
        (21011022, 21004012, 21004015, 21004016, 11028006, 21022032),
    ),
    (_reject("duplicate_tracking"), (21011025, 21034012, 21011026)),
    (
        _reject("tracking_update_refused"),
        (21011030, 21011049, 21011050, 21011051, 21011052, 10007002),
    ),
    # Shipping: splitting and combining.
    (
        _reject("split_refused"),
        (21011012, 21011013, 21011033, 21011035, 21011036, 21011046, 21022028, 11006013, 11006014),
    ),
    # Shipping: what must happen first, or cannot.
    (_reject("invoice_needed"), (21004006, 21004019, 21004020)),
    (_reject("label_refused"), (21004008, 21008042, 21011037, 11021009, 21022025, 11034002, 21008017)),
    (_reject("label_refused_now"), (21023035, 11034023, 21042102, 21042104)),
    (_few("label_not_ready", timedelta(minutes=1)), (11034037, 21022026)),
    (
        _reject("address_or_size_refused"),
        (*range(11021010, 11021026), 21014009, 21021010),
    ),
    (_reject("warehouse_unknown"), (11005004,)),
    (_few("pickup_slot", timedelta(minutes=30)), (21004017, 21011053, 21011054)),
    (_reject("platform_refused"), (21004024, 21042067)),
    (_reject("return_closed"), (25001010,)),
    # Cancellations, returns and refunds: what is asked for cannot be had.
    (
        _reject("aftersale_refused"),
        (
            *(25001003, 25001014, 25001015, 25001016, 25001020, 25001021, 25001044, 25001045, 25001046, 25001057),
            *(25011010, 25011011, 25011012, 25020003, 25020004),
        ),
    ),
    (_reject("aftersale_lines_refused"), (25005010, 25005011)),
    (_reject("aftersale_over"), (25001051, 25020009, 25020010)),
    (_reject("aftersale_not_permitted"), (25007006, 25020005)),
    (Rule(Kind.WAIT, "aftersale_running", timedelta(minutes=1)), (25001011,)),
    (Rule(Kind.WAIT, "aftersale_busy"), (25001028,)),
    (_unsure("vendor_internal_aftersale"), (25001042, 25001058, 25007002)),
    # Messages to buyers.
    (
        _reject("message_rejected"),
        (45101002, 45101003, 45101006, 45102007, 45109001, 45109003, 45111001, 45111017),
    ),
    (Rule(Kind.WAIT, "message_quota", timedelta(hours=1)), (MESSAGE_QUOTA,)),
    (_few("message_trouble"), (45101001, 45101008, 45111012)),
    # Shipping: TikTok's own trouble.
    (
        _unsure("vendor_internal_shipping"),
        (
            *(11001027, 11001031, 11005010, 11006005, 11006026),
            *(21001003, 21001008, 21001011, 21001029, 21001043, 21001055),
            *(21008300, 21022029, 21022030, 21034006, 21042001, 21042076),
        ),
    ),
    # Products and stock: by the table of their own.
    *((_reject(word), codes) for word, codes in REFUSED.items()),
)
"""Every business code with a verdict of its own."""

_PARAMETER_WORDS: tuple[tuple[re.Pattern[str], Rule], ...] = (
    (re.compile(r"timestamp"), _few("timestamp")),
    (re.compile(r"shop_cipher|cipher\b"), _few("cipher")),
    (re.compile(r"access[-_ ]?token|\btoken\b"), Rule(Kind.REAUTH, "expired")),
    (re.compile(r"\bsign(ature)?\b|app_key"), Rule(Kind.REAUTH, "key")),
)
"""How 36009004 is told apart, first match wins, on the lower-cased message without quote characters."""
_QUOTES = re.compile(r"[`'\"‘’“”]")


def tiktok_verdict(
    *, operation: str, write: bool, status: int, code: int | None, message: str, retry_after: timedelta | None
) -> Failure:
    """The consequence of an answer that was not a success.

    `operation` is our name of the call, `write` whether it changes something at TikTok, `status` the HTTP status,
    `code` the business code (None when the body was not TikTok's JSON), `retry_after` what the header asked for.
    """
    rule = _parameter_rule(message) if code == PARAMETERS_REFUSED else RULES.get(code) if code is not None else None
    if rule is not None:
        return _apply(rule, write, retry_after)
    if status == 429:
        return Throttled("rate_limited", retry_after)
    if status == 408 or status >= 500 or (code in (None, 0) and 200 <= status < 300):
        word = f"http_{status}" if status >= 400 else "unreadable"
        return Unknown(word) if write else Retry(word, retry_after)
    if code in (None, 0):
        tries = UNKNOWN_CODE_TRIES if write else None
        return Reauth("expired") if status == 401 else Retry(f"http_{status}", retry_after, tries)
    return Retry(f"tiktok_{code}", retry_after, UNKNOWN_CODE_TRIES)


def _parameter_rule(message: str) -> Rule:
    text = _QUOTES.sub("", message).lower()
    for pattern, rule in _PARAMETER_WORDS:
        if pattern.search(text):
            return rule
    return _reject("bad_request")


def _apply(rule: Rule, write: bool, retry_after: timedelta | None) -> Failure:
    if rule.kind is Kind.UNSURE:
        return Unknown(rule.word) if write else Retry(rule.word, retry_after)
    if rule.kind is Kind.WAIT:
        return Retry(rule.word, retry_after or rule.after, rule.tries)
    if rule.kind is Kind.PACE:
        return Throttled(rule.word, retry_after or rule.after)
    if rule.kind is Kind.REAUTH:
        return Reauth(rule.word)
    return Rejected(rule.word)
