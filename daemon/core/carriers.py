"""Which of TikTok's shipping providers a Pipe17 carrier is.

The truth is the live provider list of the order's delivery option (contract 5.9); ids are never constants. A name is
looked for in this order:

1. `FULFILLMENTS_CARRIER_MAP`, the owner's own word;
2. the list itself: a name equal to a provider's but for case, spaces, punctuation and marks ("usps ", "UPS®");
3. the known names of the market (`KNOWN`, from the setup article's lists of US and UK carriers and contract 5.9): a
   carrier is known by the words its name begins with ("FEDEX HOME DELIVERY" is FedEx), the longest beginning first, so
   "DHL eCommerce" is never "DHL";
4. `FULFILLMENTS_FALLBACK_CARRIER`.

What is found in 3 and 4 must stand on the live list too. Otherwise the carrier is unmapped and a person decides.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from daemon.core.findings import Refusal

MARKS = str.maketrans("", "", "®™©℠")

US: Mapping[str, tuple[str, ...]] = {
    "Amazon Logistics": ("Amazon", "AMZL", "Amazon Shipping", "Amazon MCF"),
    "Asendia US": ("Asendia", "Asendia USA"),
    "AxleHire": ("Axle Hire",),
    "Better Trucks": (),
    "DHL eCommerce": ("DHL eCommerce Solutions", "DHL Global Mail", "DHL eComm"),
    "DHL Express": ("DHL Worldwide Express",),
    "Deliver-it": (),
    "FedEx": ("Fed Ex", "Federal Express"),
    "First Mile": (),
    "GLS US": ("GLS", "GSO", "Golden State Overnight"),
    "LaserShip": ("Laser Ship",),
    "Lone Star Overnight": ("LSO",),
    "OSM Worldwide": ("OSM",),
    "OnTrac": ("On Trac",),
    "Spee-Dee Delivery": ("Spee-Dee", "Speedee"),
    "TForce": ("TForce Logistics",),
    "UPS": ("United Parcel Service",),
    "USPS": ("US Postal Service", "U.S. Postal Service", "United States Postal Service", "Stamps.com", "Endicia"),
    "Veho": (),
    "Wizmo": (),
    "UniUni": (),
    "Gofo": ("Gofo Express",),
    "SpeedX": (),
}

UK: Mapping[str, tuple[str, ...]] = {
    "APC Overnight": ("APC",),
    "Amazon Logistics": ("Amazon Logistics UK", "Amazon"),
    "Amazon Shipping UK": ("Amazon Shipping",),
    "DHL Express": ("DHL Worldwide Express",),
    "DHL UK": ("DHL", "DHL Parcel UK"),
    "DHL eCommerce": ("DHL eComm",),
    "DPD UK": ("DPD", "DPD Local"),
    "DX Delivery": ("DX",),
    "EVRi": ("Hermes", "Hermes UK", "MyHermes"),
    "Panther UK": ("Panther", "Panther Logistics"),
    "Parcel Force": ("Parcelforce Worldwide",),
    "Royal Mail": (),
    "UK Mail": (),
    "Yodel UK": ("Yodel",),
}

KNOWN: Mapping[str, Mapping[str, tuple[str, ...]]] = {"US": US, "GB": UK, "UK": UK}
"""Market -> the provider name as the article prints it -> other beginnings of its name."""

NOT_BY_THEIR_BEGINNING = ("upsmailinnovations", "fedexcrossborder")
"""Carriers of their own whose name begins like another's (in normal form)."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A shipping provider of a delivery option, as TikTok lists it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CarrierChoice:
    """The provider to name, and how it was found. With `fallback` the tracking may not be visible at TikTok."""

    provider_id: str
    provider_name: str
    how: Literal["exact", "known", "mapped", "fallback"]


def normal(name: str) -> str:
    """A name reduced to what tells carriers apart: letters and digits, lower case."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name.translate(MARKS)).casefold()))


def choose_carrier(
    carrier: str,
    service: str,
    market: str,
    providers: Sequence[Provider],
    carrier_map: Mapping[str, str],
    fallback: str,
) -> CarrierChoice | Refusal:
    """The provider for a fulfillment's carrier and service; `market` is the shop's region, `fallback` "" for off."""
    listed = {normal(provider.name): provider for provider in reversed(providers)}
    names = [name for name in (f"{carrier} {service}", carrier) if normal(carrier) and name.strip()]
    wishes = {normal(name): target for name, target in carrier_map.items()}
    for name in names:
        target = wishes.get(normal(name))
        if target is not None:
            provider = _listed_as(target, market, listed)
            if provider is None:
                return _unmapped(
                    f"{carrier!r} is mapped to {target!r}, which TikTok does not list for this delivery option"
                )
            return CarrierChoice(provider.id, provider.name, "mapped")
    for name in names:
        if normal(name) in listed:
            provider = listed[normal(name)]
            return CarrierChoice(provider.id, provider.name, "exact")
    for name in names:
        provider = _listed_as(name, market, listed)
        if provider is not None:
            return CarrierChoice(provider.id, provider.name, "known")
    what = f"carrier {carrier!r}" if names else "a fulfillment without a carrier"
    if not fallback:
        return _unmapped(f"TikTok lists no provider for {what}, and no fallback carrier is set")
    provider = _listed_as(fallback, market, listed)
    if provider is None:
        return _unmapped(f"TikTok lists no provider for {what}, nor for the fallback carrier {fallback!r}")
    return CarrierChoice(provider.id, provider.name, "fallback")


def _listed_as(name: str, market: str, listed: Mapping[str, Provider]) -> Provider | None:
    """The listed provider of this name, or of the known carrier that this name begins with."""
    exact = listed.get(normal(name))
    if exact is not None:
        return exact
    for known in _known(name, KNOWN.get(market.upper(), {})):
        if normal(known) in listed:
            return listed[normal(known)]
    return None


def _known(name: str, carriers: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """All names of the known carrier that a name begins with, word by word, the longest beginning first."""
    if normal(name).startswith(NOT_BY_THEIR_BEGINNING):
        return ()
    words = name.translate(MARKS).replace("_", " ").split()
    for length in range(len(words), 0, -1):
        beginning = normal("".join(words[:length]))
        for known, others in carriers.items():
            if beginning in {normal(known), *map(normal, others)}:
                return (known, *others)
    return ()


def _unmapped(text: str) -> Refusal:
    return Refusal("carrier_unmapped", text)
