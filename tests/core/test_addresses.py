"""Addresses: names in Pipe17, masking, and never losing a clear one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_builders import CLEAR, MASKED, order, sample

from daemon.core import addresses
from daemon.core.addresses import MEMBERS, merge, to_pipe17
from daemon.core.tiktok_order import read_order

HERE = {
    "firstName": "Ada",
    "lastName": "Nwosu",
    "address1": "18 Larch Road",
    "address2": "Flat 2",
    "city": "Tacoma",
    "stateOrProvince": "WA",
    "zipCodeOrPostalCode": "98402",
    "country": "US",
    "email": "relay@example.test",
    "phone": "+12535550114",
}


def in_pipe17(**members: Any) -> dict[str, str]:
    found = order(recipient_address=members)
    return to_pipe17(found.address, "")


def district(level: str, name: str, level_name: str = "", iso_code: str = "") -> dict[str, str]:
    return {"address_level": level, "address_name": name, "address_level_name": level_name, "iso_code": iso_code}


def test_a_clear_address_has_all_its_members() -> None:
    found = order()
    assert to_pipe17(found.address, found.buyer_email) == HERE


def test_the_fixture_of_the_contract_maps_to_its_street_city_and_state() -> None:
    found = to_pipe17(read_order(sample("two_lines_us.json")).address, "")
    assert found["address1"] == "100 Sim Street"
    assert (found["city"], found["stateOrProvince"], found["zipCodeOrPostalCode"]) == ("Los Angeles", "CA", "90001")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"name": "Ada Nwosu"}, {"firstName": "Ada Nwosu"}),
        ({"first_name": "Ada Nwosu", "last_name": ""}, {"firstName": "Ada Nwosu"}),
        ({"address_detail": "Unit 8", "full_address": "US, Unit 8"}, {"address1": "Unit 8"}),
        ({"full_address": "US, Unit 8"}, {"address1": "US, Unit 8"}),
        (
            {"address_line1": "R1", "address_line2": "R2", "address_line3": " ", "address_line4": "R4"},
            {"address1": "R1", "address2": "R2, R4"},
        ),
        ({"region_code": "UK", "post_town": "Leeds"}, {"country": "GB", "city": "Leeds"}),
        ({"district_info": [district("L0", "Ireland", iso_code="IE")]}, {"country": "IE"}),
        (
            {
                "region_code": "US",
                "district_info": [district("L1", "Nevada", iso_code="US-NV"), district("L2", "Clark")],
            },
            {"country": "US", "stateOrProvince": "NV", "city": "Clark"},
        ),
        (
            {"region_code": "US", "district_info": [district("L1", "Elsewhere"), district("L3", "Reno")]},
            {"country": "US", "stateOrProvince": "Elsewhere", "city": "Reno"},
        ),
        (
            {
                "region_code": "VN",
                "district_info": [district("L1", "Hà Nội", iso_code="VN-HN"), district("L2", "Ba Đình")],
            },
            {"country": "VN", "stateOrProvince": "Hà Nội", "city": "Ba Đình"},
        ),
        (
            {
                "region_code": "DE",
                "district_info": [district("L1", "Berlin", "State"), district("L3", "Berlin", "CITY")],
            },
            {"country": "DE", "stateOrProvince": "Berlin", "city": "Berlin"},
        ),
        ({"phone_number": "(+44)20 7946"}, {"phone": "+4420 7946"}),
        ({"phone_number": "020 7946"}, {"phone": "020 7946"}),
    ],
)
def test_addresses_of_other_markets_and_forms(members: dict[str, Any], expected: dict[str, str]) -> None:
    assert in_pipe17(**members) == expected


@pytest.mark.parametrize("hidden", [{}, {"address1": "18 *****", "city": "Tacoma"}, {"email": "relay@example.test"}])
def test_an_empty_or_masked_address_leaves_the_clear_one_whole(hidden: dict[str, str]) -> None:
    assert merge(HERE, hidden) == HERE


def test_a_masked_phone_does_not_take_a_clear_one_away_even_with_a_new_street() -> None:
    assert merge(HERE, {**HERE, "address1": "1 Other Way", "phone": "+1253****14"}) == HERE


def test_a_new_clear_address_replaces_the_old_one_whole() -> None:
    moved = {"firstName": "Ada", "address1": "1 Other Way", "city": "Reno", "country": "US"}
    assert merge(HERE, moved) == {**moved, "email": HERE["email"]}


def test_an_address_that_always_hides_the_same_members_can_still_change() -> None:
    before = merge(None, {"address1": "1 Old Way", "firstName": "T** K*", "phone": "84****"})
    assert before == {"address1": "1 Old Way"}
    assert merge(before, {"address1": "2 New Way", "firstName": "T** K*", "phone": "84****"}) == {
        "address1": "2 New Way"
    }


def test_without_any_street_the_clear_members_are_put_together() -> None:
    assert merge({"city": "Reno"}, {"country": "US", "address1": "1 *"}) == {"city": "Reno", "country": "US"}


def test_a_first_address_that_is_masked_gives_only_what_is_clear() -> None:
    masked = order(recipient_address=MASKED)
    assert merge(None, to_pipe17(masked.address, "")) == {"country": "US"}


VALUES = st.sampled_from(["", "clear", "other", "m***", "*"])
ADDRESSES = st.dictionaries(st.sampled_from(MEMBERS), VALUES)


@given(ADDRESSES, ADDRESSES)
def test_what_is_sent_never_hides_anything(previous: dict[str, str], current: dict[str, str]) -> None:
    assert all(addresses.usable(value) for value in merge(previous, current).values())


@given(ADDRESSES, ADDRESSES)
def test_a_clear_address_is_never_lost(previous: dict[str, str], current: dict[str, str]) -> None:
    """What was clear stays, or a whole new address that shows all it shows has taken its place."""
    merged, before, now = merge(previous, current), addresses.clear(previous), addresses.clear(current)
    replaced = merged == {**({"email": before["email"]} if "email" in before else {}), **now}
    kept = all(member in merged for member in before)
    assert kept or (replaced and addresses.complete(now))
    assert not addresses.complete(before) or addresses.complete(merged)
    for member in before:
        if addresses.masked(current.get(member)) and addresses.complete(before):
            assert merged[member] == before[member]


@given(ADDRESSES, ADDRESSES)
def test_two_complete_addresses_are_never_mixed(previous: dict[str, str], current: dict[str, str]) -> None:
    before, now = addresses.clear(previous), addresses.clear(current)
    if addresses.complete(before):
        merged = {member: value for member, value in merge(previous, current).items() if member != "email"}
        assert merged in [{m: v for m, v in one.items() if m != "email"} for one in (before, now)]


@given(ADDRESSES, ADDRESSES)
def test_reading_the_same_address_again_changes_nothing(previous: dict[str, str], current: dict[str, str]) -> None:
    once = merge(previous, current)
    assert merge(once, current) == once


def test_the_sample_address_is_not_changed_by_reading() -> None:
    assert CLEAR["address_line1"] == order().address.lines[0]
