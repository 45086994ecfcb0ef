"""TikTok's webhooks: the official vectors, the two header names, and what a delivery hints at."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.apis.tiktok.webhooks import Topic, genuine, read
from daemon.core.reading import BadShape
from daemon.core.tokens import Secret

OFFICIAL = (
    b'{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507","timestamp":1718305585,'
    b'"data":{"is_on_hold_order":true,"order_id":"576653688135258178","order_status":"UNPAID",'
    b'"update_time":1718305585}}'
)
OFFICIAL_SIGN = "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05"
OURS = (
    b'{"type":1,"tts_notification_id":"7588123456789012345","shop_id":"7495000000000000001","timestamp":1767222005,'
    b'"data":{"is_on_hold_order":true,"order_id":"576461413038785752","order_status":"AWAITING_SHIPMENT",'
    b'"update_time":1767222000}}'
)
OURS_SIGN = "4228c5561d75dcae7c457ce67ff7351b7fe60a6367d7b16a9499a0fa12d1ca6a"
SECRET = Secret("simsecret0123456789abcdef")


def check(headers, body=OURS):
    return genuine("simappkey01", SECRET, headers, body)


def test_the_official_vectors():
    assert genuine("abcdef", Secret("123"), {"authorization": OFFICIAL_SIGN}, OFFICIAL)
    assert check({"Authorization": OURS_SIGN})


def test_the_second_header_name_counts_too_whatever_a_proxy_put_into_the_first():
    assert check({"x-tt-signature": OURS_SIGN})
    assert check({"Authorization": "Basic dXNlcjpwdw==", "X-TT-Signature": OURS_SIGN})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": OFFICIAL_SIGN},
        {"authorization": OURS_SIGN[:-1]},
        {"authorization": OURS_SIGN.upper()},
        {"authorization": "Bearer " + OURS_SIGN},
        {"authorization": "ü"},
        {"x-other": OURS_SIGN},
    ],
)
def test_forgeries_are_refused(headers):
    assert not check(headers)


def test_one_changed_byte_is_enough():
    assert not check({"authorization": OURS_SIGN}, OURS + b"\n")
    assert not check({"authorization": OURS_SIGN}, OURS.replace(b"785752", b"785753"))


def test_reading_the_official_delivery():
    found = read(OFFICIAL)
    assert (found.topic, found.key, found.shop_id) == (Topic.ORDER_STATUS, "7380066284010030890", "7495540735365777507")
    assert found.order_ids == ("576653688135258178",)
    assert found.timestamp_s == 1718305585


def test_without_a_notification_id_the_key_is_made_of_what_changed():
    body = b'{"type":3,"shop_id":"7","timestamp":5,"data":{"order_id":"576461413038785752","update_time":9}}'
    assert read(body).key == "3:576461413038785752:9"
    assert read(body.replace(b'"update_time":9', b'"x":0')).key == "3:576461413038785752:5"


def test_a_package_update_names_every_order_once():
    found = read(
        b'{"type":4,"tts_notification_id":"1","timestamp":5,"data":{"sc_type":"COMBINE","package_list":['
        b'{"package_id":"1","order_id_list":["11","12"]},{"package_id":"2","order_id_list":["12"]}]}}'
    )
    assert found.order_ids == ("11", "12")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b'{"data":{}}', b'{"type":1,"data":[1]}', b'{"type":true}', b"[" * 100_000]
)
def test_a_genuine_body_of_another_shape_is_named(body):
    with pytest.raises(BadShape):
        read(body)


def test_unknown_types_and_missing_data_pass():
    assert read(b'{"type":71}').order_ids == ()
    assert read(b'{"type":27,"data":{"product_id":"1"}}').topic == 27


@given(st.binary())
def test_nothing_random_is_genuine_and_reading_it_fails_politely(body):
    assert not check({"authorization": "0" * 64}, body)
    with contextlib.suppress(BadShape):
        read(body)
