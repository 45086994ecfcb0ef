"""Which provider of TikTok's list a carrier is."""

import pytest

from daemon.core.carriers import KNOWN, CarrierChoice, Provider, choose_carrier
from daemon.core.findings import Refusal

US = [Provider(str(place), name) for place, name in enumerate(KNOWN["US"], 100)]
GB = [Provider(str(place), name) for place, name in enumerate(KNOWN["GB"], 500)]


def chosen(
    carrier: str, service: str = "", market: str = "US", wishes: dict[str, str] | None = None, fallback: str = ""
) -> str:
    found = choose_carrier(carrier, service, market, US if market == "US" else GB, wishes or {}, fallback)
    return found.code if isinstance(found, Refusal) else f"{found.how} {found.provider_name}"


@pytest.mark.parametrize(
    ("carrier", "service", "expected"),
    [
        ("USPS", "", "exact USPS"),
        ("usps ", "", "exact USPS"),
        ("UPS®", "", "exact UPS"),
        ("U.P.S.", "", "exact UPS"),
        ("DHL eCommerce", "", "exact DHL eCommerce"),
        ("DHL", "eCommerce", "exact DHL eCommerce"),
        ("Dhl-Ecommerce", "", "exact DHL eCommerce"),
        ("DHL", "", "carrier_unmapped"),
        ("FEDEX HOME DELIVERY", "", "known FedEx"),
        ("fedex_ground", "", "known FedEx"),
        ("Fed Ex", "2Day", "exact FedEx"),
        ("Federal Express", "", "known FedEx"),
        ("UPS", "Ground", "exact UPS"),
        ("UPS Mail Innovations", "", "carrier_unmapped"),
        ("United States Postal Service", "Priority", "known USPS"),
        ("Stamps.com", "", "known USPS"),
        ("Spee Dee", "", "known Spee-Dee Delivery"),
        ("Amazon", "", "known Amazon Logistics"),
        ("DHL Express Worldwide", "", "known DHL Express"),
        ("Upstate Couriers", "", "carrier_unmapped"),
        ("Purolator", "", "carrier_unmapped"),
        ("", "Ground", "carrier_unmapped"),
    ],
)
def test_us_carriers_are_found_by_name(carrier: str, service: str, expected: str) -> None:
    assert chosen(carrier, service) == expected


@pytest.mark.parametrize(
    ("carrier", "expected"),
    [
        ("UPS", "fallback Royal Mail"),
        ("Evri", "exact EVRi"),
        ("Hermes", "known EVRi"),
        ("DHL", "known DHL UK"),
        ("DHL eCommerce", "exact DHL eCommerce"),
        ("DPD Next Day", "known DPD UK"),
        ("Parcelforce", "exact Parcel Force"),
        ("royal mail 24", "known Royal Mail"),
    ],
)
def test_a_shop_in_the_uk_has_its_own_carriers(carrier: str, expected: str) -> None:
    assert chosen(carrier, market="GB", fallback="Royal Mail") == expected


def test_a_known_carrier_that_is_not_on_the_live_list_is_not_used() -> None:
    only_usps = [Provider("1", "USPS")]
    assert isinstance(choose_carrier("FedEx Ground", "", "US", only_usps, {}, ""), Refusal)
    assert choose_carrier("FedEx Ground", "", "US", only_usps, {}, "usps") == CarrierChoice("1", "USPS", "fallback")


def test_the_live_list_is_the_truth_even_for_names_nobody_knows() -> None:
    live = [Provider("7", "Wise Express - DCS"), Provider("8", "wise express dcs")]
    assert choose_carrier("wise express DCS", "", "VN", live, {}, "") == CarrierChoice(
        "7", "Wise Express - DCS", "exact"
    )
    assert isinstance(choose_carrier("Wise", "", "VN", live, {}, ""), Refusal)


def test_the_owners_map_wins_over_everything() -> None:
    assert chosen("Purolator", wishes={"purolator": "USPS"}) == "mapped USPS"
    assert chosen("UPS", "Ground", wishes={"UPS Ground": "FedEx Ground"}) == "mapped FedEx"
    assert chosen("UPS", wishes={"UPS": "USPS"}, fallback="FedEx") == "mapped USPS"


def test_a_map_to_a_carrier_that_is_not_offered_is_refused_and_says_so() -> None:
    refusal = choose_carrier("Purolator", "", "US", US, {"Purolator": "Canada Post"}, "USPS")
    assert isinstance(refusal, Refusal)
    assert "Canada Post" in refusal.text


def test_what_is_not_listed_falls_back_only_to_a_listed_carrier() -> None:
    assert chosen("Purolator", fallback="USPS") == "fallback USPS"
    assert chosen("", fallback="USPS") == "fallback USPS"
    assert chosen("Purolator", fallback="Canada Post") == "carrier_unmapped"
