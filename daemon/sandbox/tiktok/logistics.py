"""Carriers per delivery option, warehouses and the shop's check list.

Provider ids are the ones seen for real (contract 5.9); a client must look them up all the same. Each region has two
delivery options: seller shipping, and one that the platform fulfills and that answers 21008117.
"""

from __future__ import annotations

import re
from typing import Any

from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.shapes import Ask, Refused, bad

US_PROVIDERS = {
    "7117858858072016686": "USPS",
    "7117859084333745966": "UPS",
    "7129720299146184490": "FedEx",
    "7132721393761781550": "OnTrac",
    "7248600717110282027": "Amazon Logistics",
    "7212608507307099946": "Better Trucks",
    "7352738314622863120": "UniUni",
    "7352739623900022544": "Gofo",
    "7325327335803406082": "SpeedX",
    "7132708441138677550": "LaserShip",
    "7220301902846625579": "DHL eCommerce",
    "7213986298535610158": "DHL Express",
    "7212612330725574442": "Veho",
    "7212611208266909483": "TForce",
    "7212609771327719211": "OSM Worldwide",
    "7254085043432195882": "Lone Star Overnight",
    "7260760118063531777": "GLS US",
    "7254084300713232174": "AxleHire",
    "7260761851384825602": "Spee-Dee",
}
UK_PROVIDERS = {
    "6599541761693270018": "EVRi",
    "6639580521074524161": "DHL UK",
    "6671794738251726849": "Royal Mail",
    "6641219975896514562": "Yodel UK",
    "6649195729745887233": "UK Mail",
    "6657598289359323137": "DPD UK",
    "6658174162568658945": "DX Delivery",
    "6699476450581430274": "Parcelforce",
    "6760565269699084290": "APC Overnight",
    "6760727669580627970": "Panther UK",
    "7265220402182358786": "Amazon Logistics UK",
}
OTHER_PROVIDERS = {"6841743441349706241": "J&T Express", "6617675021119438849": "TT Virtual express"}

SELLER_OPTION = "7091146663229654785"
PLATFORM_OPTION = "7091146663229654999"
OPTION_NAMES = {SELLER_OPTION: "Standard shipping", PLATFORM_OPTION: "TikTok Shipping"}
MAIN_WAREHOUSE = "7068517275539719942"
PLATFORM_WAREHOUSE = "7068517275539770000"
EU_REGIONS = frozenset({"ES", "IE", "IT", "DE", "FR"})

TRACKING = re.compile(r"[A-Za-z0-9._/-]*")
LOOKS_LIKE = (
    ("UPS", re.compile(r"1Z[0-9A-Z]{16}")),
    ("USPS", re.compile(r"9[2-5]\d{20}|[A-Z]{2}\d{9}US")),
    ("FedEx", re.compile(r"\d{12}|\d{15}|61299\d{15}")),
)
CHECK_ITEMS = (
    "SHOP_STATUS",
    "SHOP_TAX",
    "PICKUP_WAREHOUSE",
    "RETURN_WAREHOUSE",
    "DELIVERY_OPTION",
    "SHIPPING_TEMPLATE",
    "PRODUCT_QUANTITY_LIMIT",
    "BANk_ACCOUNT",
    "CONTACT_INFO",
)


class Logistics:
    """What the shop ships with, from where, and what its check list says."""

    def __init__(self, options: TikTokOptions) -> None:
        self._options = options
        self.providers: dict[str, dict[str, str]] = {SELLER_OPTION: dict(_providers(options.region))}
        """Delivery option to carriers, id to name; an option without an entry is the platform's."""
        self.warehouses: list[dict[str, Any]] = _warehouses(options.region)
        self.failed: dict[str, list[str]] = {}
        """Check items that fail, with their reasons; also names nobody has heard of."""
        self.platform: list[dict[str, Any]] = []
        """Warehouses of TikTok's own (FBT); each has one warehouse id of the shop's."""
        self._numbers = len(self.warehouses)

    def list_providers(self, ask: Ask) -> dict[str, Any]:
        """The carriers of a delivery option."""
        option = ask.values["delivery_option_id"]
        if option not in OPTION_NAMES and option not in self.providers:
            raise Refused(21008116, "No Subscription without specified delivery option.")
        if option not in self.providers:
            raise Refused(21008117, "The delivery of the specified delivery_option_id is fulfilled by TikTok.")
        if self._options.region in EU_REGIONS and not {"warehouse_region", "buyer_region"} <= ask.query.keys():
            raise bad("Missing field: 'warehouse_region' and 'buyer_region'")
        rows = [{"id": provider, "name": name} for provider, name in self.providers[option].items()]
        return {"shipping_providers": rows}

    def list_warehouses(self, ask: Ask) -> dict[str, Any]:
        """Every warehouse; the list is left out when there is none."""
        return {"warehouses": self.warehouses} if self.warehouses else {}

    def list_platform(self, ask: Ask) -> dict[str, Any]:
        """`GET /fbt/202408/warehouses`."""
        return {"warehouses": self.platform} if self.platform else {}

    def warehouse(self, warehouse_id: str) -> dict[str, Any]:
        """One warehouse; `KeyError` where there is none."""
        found = next((row for row in self.warehouses if row["id"] == warehouse_id), None)
        if found is None:
            raise KeyError(warehouse_id)
        return found

    def kind(self, warehouse_id: str) -> str:
        """Its type, `FBT` for one of TikTok's own, "" for an unknown one."""
        if any(warehouse_id in row["warehouse_ids"] for row in self.platform):
            return "FBT"
        return next((str(row["type"]) for row in self.warehouses if row["id"] == warehouse_id), "")

    def effect_status(self, warehouse_id: str) -> str:
        """ENABLED, DISABLED or RESTRICTED; "" for one that is not in the list."""
        return next((str(row["effect_status"]) for row in self.warehouses if row["id"] == warehouse_id), "")

    def add(self, name: str, kind: str, *, default: bool, sub_type: str) -> str:
        """One more warehouse; its id."""
        row = _warehouse(self._options.region, self._numbers, name, kind, default)
        self._numbers += 1
        if default:
            for other in self.warehouses:
                other["is_default"] = other["is_default"] and other["type"] != kind
        self.warehouses.append({**row, "sub_type": sub_type})
        return str(row["id"])

    def add_platform(self, name: str) -> str:
        """One more warehouse of TikTok's own; the warehouse id that SKUs show."""
        number = len(self.platform)
        shown = str(int(PLATFORM_WAREHOUSE) + number)
        address = {"postal_code": "91761", "region_code": self._options.region, "state": "California"}
        self.platform.append(
            {
                "fbt_warehouse_id": str(7_400_000_000_000_000_001 + number),
                "warehouse_ids": [shown],
                "name": name,
                "type": "FBT",
                "subscribed": True,
                "addresses": [{**address, "city": "Ontario", "district": "", "address_line_1": "9 Platform Way"}],
                "logistics_services": [],
            }
        )
        return shown

    def set_status(self, warehouse_id: str, status: str) -> None:
        """Enable or disable a warehouse."""
        if status not in ("ENABLED", "DISABLED", "RESTRICTED"):
            raise ValueError(f"{status} is no status of a warehouse")
        self.warehouse(warehouse_id)["effect_status"] = status

    def prerequisites(self, ask: Ask) -> dict[str, Any]:
        """The shop's check list."""
        names = [*CHECK_ITEMS, *(name for name in self.failed if name not in CHECK_ITEMS)]
        rows: list[dict[str, Any]] = []
        for name in names:
            row: dict[str, Any] = {"check_item": name, "is_failed": name in self.failed}
            if name in self.failed:
                row["fail_reasons"] = self.failed[name]
            rows.append(row)
        return {"check_results": rows}

    def check_carried(self, option: str, tracking_number: str, provider_id: str) -> tuple[str, str]:
        """The carrier's name, and a warning ("" for none); raises `Refused` for a number or carrier that cannot be."""
        if not TRACKING.fullmatch(tracking_number):
            raise Refused(21004012, "Tracking number has special characters, verify failed.")
        if not 4 <= len(tracking_number) <= 50:
            raise Refused(21011022, "Invalid tracking number or provider ID. Please double check and try again.")
        name = self.providers.get(option, {}).get(provider_id)
        if name is None:
            raise Refused(21011022, "Invalid tracking number or provider ID. Please double check and try again.")
        for other, pattern in LOOKS_LIKE:
            if other == name or not pattern.fullmatch(tracking_number):
                continue
            if other not in self.providers[option].values():
                continue
            if self._options.strict_tracking:
                raise Refused(21004015, "Tracking number mismatch provider.")
            return name, f"the tracking number looks like {other}"
        return name, ""


def _providers(region: str) -> dict[str, str]:
    return {"US": US_PROVIDERS, "GB": UK_PROVIDERS}.get(region, OTHER_PROVIDERS)


def _warehouses(region: str) -> list[dict[str, Any]]:
    return [
        _warehouse(region, 0, "Main", "SALES_WAREHOUSE", default=True),
        _warehouse(region, 1, "Returns", "RETURN_WAREHOUSE", default=True),
    ]


def _warehouse(region: str, number: int, name: str, kind: str, default: bool) -> dict[str, Any]:
    return {
        "id": str(int(MAIN_WAREHOUSE) + number),
        "entity_id": "7068517275539700001",
        "name": name,
        "effect_status": "ENABLED",
        "type": kind,
        "sub_type": "DOMESTIC_WAREHOUSE",
        "is_default": default,
        "address": {
            "region": "United States",
            "region_code": region,
            "state": "California",
            "city": "Los Angeles",
            "distict": "",
            "town": "",
            "postal_code": "90001",
            "full_address": "1 Dock Road, Los Angeles, CA",
            "address_line1": "1 Dock Road",
            "address_line2": "",
            "contact_person": "Sim Seller",
            "phone_number": "(+1)2135550111",
            "geolocation": {"latitude": "34.05", "longitude": "-118.24"},
        },
    }
