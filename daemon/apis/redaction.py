"""Cleans what a vendor says before it may appear in an error, a log line or a status page.

A vendor's message is free text and may repeat anything we sent or hold: a token, a buyer's name, a street. No list of
bad patterns is complete, so the rule is the other way round: a word stays only when it looks like part of an API
message. That is lower-case English, field names (`line_items[0].sku_id`, `extOrderId`), capitalised words of a fixed
vocabulary, whole ids of 15 to 20 digits and very small numbers. Everything else becomes `…`. Secrets we hold and
personal values of the document we sent go first, whole, whatever they look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

LIMIT = 300
"""Longest message kept, in characters."""
_READ_AT_MOST = 2_000
_SHORTEST_VALUE = 3

GAP = "…"
_URL_OR_VALUE = re.compile(r"\S+://\S+|(?<==)[^\s&]+")
_WORD = re.compile(r"[^\s,;:!?()\"'`<>=|]+")
_LOWER = re.compile(r"[a-z]{1,24}(?:[-/][a-z]{1,24})*\.*")
_FIELD = re.compile(
    r"[a-z][a-zA-Z]{0,29}(?:_[a-z]{1,20}){0,6}\d?(?:\[\d{0,3}\])?(?:\.[a-z][a-zA-Z_]{0,39}\d?(?:\[\d{0,3}\])?){0,5}\.?"
)
_CAMEL = re.compile(r"[a-z]+(?:[A-Z][a-z]+)+")
_IDENTIFIER = re.compile(r"\d{15,20}\.?")
_SMALL = re.compile(r"\d{1,2}[.%]?")
_HEADER = re.compile(r"x-tts-access-token|X-Pipe17-Key|Retry-After|Content-Type|content-type")
_GAPS = re.compile(rf"{GAP}(?:[\s,;:]*{GAP})+")
_VOCABULARY_TEXT = (
    "a access address already an and api app are auth authorization awaiting bad body buyer by call "
    "cannot channel code complete conflict content could credentials currency data denied duplicate "
    "duplicated empty entity error exceeded exist exists expired fail failed field fields for forbidden "
    "found fulfillment gateway grant header http id identifier ids if in integration interface internal "
    "invalid ip is it item items json key length limit line lines logistics many method missing must no "
    "not ok on order orders package packages parameter parameters path permission please product products "
    "property query rate refund refused request required result results return service server shipment "
    "shipments shipping shop signature sku status success system tag the there these this timeout "
    "timestamp token too tracking type unauthorized unavailable unexpected unique unknown unsupported "
    "update upload value version warehouse webhook wrong you your "
)
_VOCABULARY = frozenset(_VOCABULARY_TEXT.split())
_PERSONAL_KEYS_TEXT = (
    "firstname lastname name fullname company address address1 address2 address3 address4 addressline1 "
    "addressline2 city town district state stateorprovince zip zipcode zipcodeorpostalcode postalcode "
    "phone phonenumber email emailaddr emailaddress buyeremail buyermessage buyernickname note notes "
    "message customernote giftnote recipient shippingaddress billingaddress recipientaddress "
    "senderaddress customer cpf cpfname "
)
_PERSONAL_KEYS = frozenset(_PERSONAL_KEYS_TEXT.split())


def clean(message: str, secrets: Iterable[str] = (), sent: object = None) -> str:
    """The message with everything that is not API talk replaced by `…`, at most `LIMIT` characters.

    `secrets` are texts that must not appear; `sent` is the JSON value we sent, whose personal members must not either.
    """
    text = message[:_READ_AT_MOST]
    for value in sorted({*secrets, *personal_values(sent)}, key=len, reverse=True):
        if len(value) >= _SHORTEST_VALUE:
            text = re.sub(re.escape(value), GAP, text, flags=re.IGNORECASE)
    text = _GAPS.sub(GAP, _WORD.sub(_judge, _URL_OR_VALUE.sub(GAP, text)))
    text = " ".join(text.split())
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + GAP


def personal_values(document: object) -> Iterator[str]:
    """Every text in a JSON document that sits under a member that may hold personal data, whole and by word."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            if str(key).lower().replace("_", "") in _PERSONAL_KEYS:
                yield from _texts(value)
            else:
                yield from personal_values(value)
    elif isinstance(document, Sequence) and not isinstance(document, str | bytes):
        for value in document:
            yield from personal_values(value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield from value.split()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for item in value:
            yield from _texts(item)


def _judge(found: re.Match[str]) -> str:
    word = found.group()
    if _LOWER.fullmatch(word) or _SMALL.fullmatch(word) or _IDENTIFIER.fullmatch(word) or _HEADER.fullmatch(word):
        return word
    if word.strip(".").lower() in _VOCABULARY:
        return word
    if _FIELD.fullmatch(word) and ("_" in word or "." in word.rstrip(".") or "[" in word or _CAMEL.match(word)):
        return word
    return word if not any(map(str.isalnum, word)) else GAP
