"""The signature: the contract's vectors, and that what is signed is what is sent."""

from urllib.parse import parse_qs, urlsplit

import pytest

from daemon.apis.tiktok.signing import joined, query, signature, signed_url

FUD = {"app_key": "68xu9ks5p4i8", "shop_cipher": "ROW_xkMbgAAAeVAQra0eZWebFQq5aIK", "timestamp": "1696909648"}
SIM = {"app_key": "simappkey01", "timestamp": "1767225600", "shop_cipher": "ROW_c2ltLXNob3AtMQ"}
SIM_SECRET = "simsecret0123456789abcdef"
SEARCH = {**SIM, "page_size": "50", "sort_field": "update_time", "sort_order": "ASC"}
WINDOW = b'{"update_time_ge":1767139200,"update_time_lt":1767225600}'
SHIP = "/fulfillment/202309/packages/1200000000000788810/ship"

VECTORS = [
    (
        "e59af819cc",
        "/authorization/202309/shops",
        {"app_key": "29a39d", "timestamp": "1623812664"},
        None,
        "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8",
    ),
    (
        "e59af819cc",
        "/event/202309/webhooks",
        FUD,
        None,
        "ed58e1b5e59865c22a7b828c1cab65007441f43cc91a6cb2f2cdc638e0995a37",
    ),
    (
        "e59af819cc",
        "/event/202309/webhooks",
        FUD,
        b'{"event_type":"PACKAGE_UPDATE","address":"https://partner.tiktokshop.com"}',
        "701dd6deb2389fe4c469b89bd37fc56f96a6da6afeb4d01c9077a65169752fa7",
    ),
    (
        "e59af819cc",
        "/event/202309/webhooks",
        FUD,
        b'{"address":"https://partner.tiktokshop.com","event_type":"PACKAGE_UPDATE"}',
        "cd0d6268252f4ba293bf7ea4c0a2873bf9beec600d22530638564ab301435f7a",
    ),
    (
        "app_secret",
        "/test-api",
        {"foo": "bar"},
        None,
        "d3cb7fe11ecae942802ceeca67e7cf10120cc12f1517d45fbc1c8cfe5413c80f",
    ),
    (
        SIM_SECRET,
        "/order/202309/orders/search",
        SEARCH,
        WINDOW,
        "9822c1997dd56a54720b7444cc314409cbc784fd78c72384a23e5ad39a5e3e5d",
    ),
    (
        SIM_SECRET,
        "/order/202309/orders/search",
        {**SEARCH, "page_token": "aDU2dHIrMUo0RW1i/w=="},
        WINDOW,
        "6070d9c1c78cdee45ab3b90b997933bb788c3d7eb9b9f3117836d75b438382b3",
    ),
    (
        SIM_SECRET,
        "/order/202507/orders",
        {**SIM, "ids": "576461413038785752,576461413038785753"},
        None,
        "c1ed3138c0e616ebcc92798993f0e1a0ac80a863f36f087eb800e65ede3e02b4",
    ),
    (SIM_SECRET, SHIP, SIM, b"{}", "2aa294091d8c8f946c2148b3dcbe814e3849f1a1a08b9185307c4c5ef836d2e9"),
    (SIM_SECRET, SHIP, SIM, None, "f07621582849dbc89b1e9b7ea24cc9a45ba518c2c1986f45c94d4d7e6a3e6abd"),
    (
        SIM_SECRET,
        "/customer_service/202309/conversations/7494560109732334261/messages",
        SIM,
        '{"type":"TEXT","content":"{\\"content\\": \\"Grüße 🙂\\"}"}'.encode(),
        "161c7184ff3e14681e024412bdcec6d4b606bb3c3d98f34fc2cb12ef1acb4328",
    ),
    (
        SIM_SECRET,
        "/customer_service/202309/images/upload",
        SIM,
        None,
        "ed3c15539bb9c36b8404c362c1d069df4ea10e1dd40a591cd9c7e2d7af4ee3e5",
    ),
]


@pytest.mark.parametrize(("secret", "path", "params", "body", "expected"), VECTORS, ids=range(1, 13))
def test_the_twelve_vectors(secret, path, params, body, expected):
    assert signature(secret, path, params, body) == expected
    assert signature(secret, path, dict(reversed(params.items())), body) == expected


def test_the_sign_itself_and_the_token_are_not_signed():
    secret, path, params, body, expected = VECTORS[5]
    assert signature(secret, path, {**params, "sign": "x", "access_token": "y"}, body) == expected


def test_a_page_token_is_signed_raw_and_sent_encoded():
    secret, path, params, body, expected = VECTORS[6]
    sent = {key: value for key, value in params.items() if key not in ("app_key", "timestamp")}
    url = signed_url(
        "https://api.tiktok.test", path, sent, body, app_key="simappkey01", secret=secret, timestamp_s=1767225600
    )
    assert "page_token=aDU2dHIrMUo0RW1i%2Fw%3D%3D" in url
    assert parse_qs(urlsplit(url).query)["sign"] == [expected]


def test_a_list_is_one_comma_joined_value():
    assert joined(["1", "2"]) == "1,2"
    assert query({"ids": "1,2"}) == "ids=1%2C2"


def test_nothing_reserved_survives_on_the_wire():
    assert query({"a": "b c&d=e/f+g?h#i%ü"}) == "a=b%20c%26d%3De%2Ff%2Bg%3Fh%23i%25%C3%BC"
