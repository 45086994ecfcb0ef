"""Where the goods go: TikTok's address as a Pipe17 address, and which of two addresses to believe.

TikTok shows an address only while it is needed (contract 4.4): empty while the order is unpaid or on hold, with `*` in
place of characters for orders shipped by the platform, for cancelled ones, and for all some weeks after completion. An
order is read many times; the rules below make sure that a clear address, once seen, stays:

* a value with a `*` is masked: it is never sent to Pipe17 and never takes the place of a clear one;
* two addresses are not mixed. A new address takes the place of the old one *whole*, once it has a street and hides
  nothing that the old one shows; until then the old one stays *whole*;
* only where no street was ever seen are the clear members of both put together.

An address here is a dict with the members of Pipe17's Address (pipe17 contract 1.15); absent members are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.core.tiktok_order import Address

MEMBERS = (
    "firstName",
    "lastName",
    "address1",
    "address2",
    "city",
    "stateOrProvince",
    "zipCodeOrPostalCode",
    "country",
    "email",
    "phone",
)
"""The members of Pipe17's Address that TikTok can fill."""

CITY_NAMES = frozenset({"city", "town", "municipality", "post town"})
"""`address_level_name`s (lower case) that name the city, whatever their level."""

CITY_LEVELS = {"US": ("L3", "L2"), "": ("L2", "L1")}
"""Where the city stands when no level is called so: by `region_code`, "" for every other market."""

STATE_LEVEL = "L1"
COUNTRY_LEVEL = "L0"

REGION_ALIASES = {"UK": "GB"}
"""Region codes that are not ISO-3166 alpha-2, as Pipe17 wants them."""

# fmt: off
US_STATES = {
    "alabama": "AL", "alaska": "AK", "arizona": "AZ", "arkansas": "AR", "california": "CA", "colorado": "CO",
    "connecticut": "CT", "delaware": "DE", "district of columbia": "DC", "florida": "FL", "georgia": "GA",
    "hawaii": "HI", "idaho": "ID", "illinois": "IL", "indiana": "IN", "iowa": "IA", "kansas": "KS", "kentucky": "KY",
    "louisiana": "LA", "maine": "ME", "maryland": "MD", "massachusetts": "MA", "michigan": "MI", "minnesota": "MN",
    "mississippi": "MS", "missouri": "MO", "montana": "MT", "nebraska": "NE", "nevada": "NV", "new hampshire": "NH",
    "new jersey": "NJ", "new mexico": "NM", "new york": "NY", "north carolina": "NC", "north dakota": "ND",
    "ohio": "OH", "oklahoma": "OK", "oregon": "OR", "pennsylvania": "PA", "rhode island": "RI",
    "south carolina": "SC", "south dakota": "SD", "tennessee": "TN", "texas": "TX", "utah": "UT", "vermont": "VT",
    "virginia": "VA", "washington": "WA", "west virginia": "WV", "wisconsin": "WI", "wyoming": "WY",
    "puerto rico": "PR", "guam": "GU", "virgin islands": "VI", "american samoa": "AS",
    "northern mariana islands": "MP",
}
# fmt: on
"""Pipe17 writes US states with two letters (pipe17 contract 1.4); TikTok's `iso_code` may be empty."""


def usable(value: object) -> bool:
    """Whether a member says something: a text that is neither empty nor masked."""
    return isinstance(value, str) and bool(value.strip()) and "*" not in value


def masked(value: object) -> bool:
    """Whether a member hides what it says."""
    return isinstance(value, str) and "*" in value


def clear(address: Mapping[str, Any]) -> dict[str, str]:
    """The members of an address that may be sent."""
    return {member: address[member] for member in MEMBERS if usable(address.get(member))}


def complete(address: Mapping[str, Any]) -> bool:
    """Whether goods can be sent there: it has a street that can be read."""
    return usable(address.get("address1"))


def to_pipe17(address: Address, email: str) -> dict[str, str]:
    """TikTok's address under Pipe17's names, masked members still masked; what is empty is left out.

    Names: where TikTok does not split them the whole name is the first name (contract 4.3). Street: line 1, else the
    detail line, else the full address; lines 2 to 4 are the second line. E-mail: TikTok's relay address of the buyer
    goes into the address, because Pipe17 drops it from the customer (pipe17 contract 1.11).
    """
    line1, *more_lines = address.lines
    country = address.region_code or _district(address, COUNTRY_LEVEL, iso=True)
    found = {
        "firstName": address.first_name or address.name,
        "lastName": address.last_name if address.first_name else "",
        "address1": line1 or address.address_detail or address.full_address,
        "address2": ", ".join(filter(None, more_lines)),
        "city": _city(address),
        "stateOrProvince": _state(address),
        "zipCodeOrPostalCode": address.postal_code,
        "country": REGION_ALIASES.get(country, country),
        "email": email,
        "phone": _phone(address.phone_number),
    }
    return {member: value for member, value in found.items() if value}


def merge(previous: Mapping[str, Any] | None, current: Mapping[str, Any]) -> dict[str, str]:
    """The address to send, out of the one we had and the one TikTok shows now; the result hides nothing."""
    before, now = clear(previous or {}), clear(current)
    hidden = {member for member in MEMBERS if masked(current.get(member))}
    if complete(now) and not hidden & before.keys():
        return {member: before[member] for member in ("email",) if member in before} | now
    if complete(before):
        return before
    return before | now


def _city(address: Address) -> str:
    if address.post_town:
        return address.post_town
    for district in address.districts:
        if district.level_name.casefold() in CITY_NAMES:
            return district.name
    levels = CITY_LEVELS.get(address.region_code, CITY_LEVELS[""])
    return next(filter(None, (_district(address, level) for level in levels)), "")


def _state(address: Address) -> str:
    name = _district(address, STATE_LEVEL)
    if address.region_code != "US":
        return name
    iso_code = _district(address, STATE_LEVEL, iso=True).rpartition("-")[2]
    return iso_code or US_STATES.get(name.casefold(), name)


def _district(address: Address, level: str, *, iso: bool = False) -> str:
    for district in address.districts:
        if district.level == level:
            return district.iso_code if iso else district.name
    return ""


def _phone(number: str) -> str:
    """`(+1)2135550100` as `+12135550100`; any other way of writing it stays."""
    return number.replace("(+", "+").replace(")", "") if number.startswith("(+") else number
