"""A TikTok warehouse as a Pipe17 location.

The location says in two places which warehouse it is: in `externalSystem`, the link Pipe17's own pages show, and in
`customFields`, because it is open whether a connector's `externalSystem` is kept (assumption P17-12). What cannot be
used any more is marked: `status` turns `inactive` for a location that we made, and the custom field says why. Nothing
is ever deleted. The contact person and the phone number of a warehouse stay at TikTok.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from daemon.core.links import PLATFORM_TYPE, WarehouseSeen
from daemon.core.reading import optional_record, records, text

GONE = "GONE"
"""Our word for a warehouse that the shop's list does not show any more."""
UNUSABLE = frozenset({"DISABLED", GONE})

ID_FIELD = "tiktokWarehouseId"
TYPE_FIELD = "tiktokWarehouseType"
STATUS_FIELD = "tiktokWarehouseStatus"
TYPES: Mapping[str, str] = {"SALES_WAREHOUSE": "sales", "RETURN_WAREHOUSE": "return", PLATFORM_TYPE: "fbt"}


def location_document(seen: WarehouseSeen, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What Pipe17 should show of a warehouse; without the integration, which only the client knows."""
    fields = {
        ID_FIELD: seen.id,
        TYPE_FIELD: TYPES.get(seen.type, seen.type.lower()),
        STATUS_FIELD: seen.effect_status.lower(),
    }
    return {
        "name": seen.name or f"TikTok warehouse {seen.id}",
        "status": "inactive" if seen.effect_status in UNUSABLE else "active",
        "address": _address(raw),
        "customFields": [{"name": name, "value": value} for name, value in fields.items()],
    }


def linked_to(locations: Iterable[Mapping[str, Any]], warehouse_id: str, integration: str) -> Mapping[str, Any] | None:
    """The location that stands for a warehouse already, made by us or linked by a person."""
    for location in locations:
        own = {text(field, "value") for field in records(location, "customFields") if field.get("name") == ID_FIELD}
        systems = {
            text(system, "locationValue")
            for system in records(location, "externalSystem")
            if integration and text(system, "integrationId") == integration
        }
        if warehouse_id in own | systems:
            return location
    return None


def location_changes(
    current: Mapping[str, Any], document: Mapping[str, Any], warehouse_id: str, integration: str
) -> dict[str, Any]:
    """The members to put so that `current` shows what `document` says; other people's fields and links stay.

    A location that another made keeps its name, address and status: it only gets the fields of ours.
    """
    ours = not integration or text(current, "integration") == integration
    wanted: dict[str, Any] = {name: document[name] for name in ("name", "status", "address")} if ours else {}
    named = {field["name"] for field in document["customFields"]}
    others = [dict(field) for field in records(current, "customFields") if field.get("name") not in named]
    wanted["customFields"] = [*others, *document["customFields"]]
    if integration and "externalSystem" in current:
        wanted["externalSystem"] = _systems(current, warehouse_id, integration)
    return {name: value for name, value in wanted.items() if current.get(name) != value}


def link_of(warehouse_id: str, integration: str) -> dict[str, Any]:
    """The member of a new location that links it; empty while our integration is not known."""
    return {"externalSystem": [{"integrationId": integration, "locationValue": warehouse_id}]} if integration else {}


def _systems(current: Mapping[str, Any], warehouse_id: str, integration: str) -> list[dict[str, Any]]:
    others = [dict(item) for item in records(current, "externalSystem") if text(item, "integrationId") != integration]
    return [*others, *link_of(warehouse_id, integration)["externalSystem"]]


def _address(raw: Mapping[str, Any]) -> dict[str, str]:
    address = optional_record(raw, "address")
    if not address:
        address = next(records(raw, "addresses"), {})
    found = {
        "address1": text(address, "address_line1") or text(address, "address_line_1") or text(address, "full_address"),
        "address2": text(address, "address_line2") or text(address, "address_line_2"),
        "city": text(address, "city"),
        "stateOrProvince": text(address, "state"),
        "zipCodeOrPostalCode": text(address, "postal_code"),
        "country": text(address, "region_code"),
    }
    return {name: value for name, value in found.items() if value}
