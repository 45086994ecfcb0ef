"""SKUs and warehouses as the link table takes them, and locations made of warehouses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.links import Kind, WarehouseSeen, is_preowned, platform_seen, skus_seen, warehouse_seen
from daemon.core.locations import link_of, linked_to, location_changes, location_document
from daemon.core.reading import BadShape

OURS = "b7712ce05d9f3a48"
ROW = {
    "id": "7068",
    "name": "Main",
    "effect_status": "ENABLED",
    "type": "SALES_WAREHOUSE",
    "is_default": True,
    "address": {
        "region_code": "US",
        "state": "California",
        "city": "Los Angeles",
        "postal_code": "90001",
        "address_line1": "1 Dock Road",
        "contact_person": "Somebody",
        "phone_number": "1",
    },
}


def seen(**product: Any) -> list[tuple[str, Kind, tuple[tuple[str, int], ...]]]:
    raw = {"id": "1", "status": "ACTIVATE", **product}
    return [(item.status, item.kind, item.warehouses) for item in skus_seen(raw, {"fbt"})]


def test_what_a_sku_is_decides_whose_its_stock_is() -> None:
    level = [{"warehouse_id": "a", "quantity": 3}, {"warehouse_id": "b", "quantity": "4"}]
    assert seen(skus=[{"id": "11", "inventory": level}]) == [("ACTIVATE", Kind.NORMAL, (("a", 3), ("b", 4)))]
    bundle = {"id": "11", "combined_skus": [{"sku_id": "2", "sku_count": 1}]}
    shared = {"id": "12", "global_listing_policy": {"inventory_type": "SHARED"}}
    platform = {"id": "13", "inventory": [{"warehouse_id": "fbt", "quantity": 1}]}
    mixed = {"id": "14", "inventory": [*platform["inventory"], *level]}
    off = {"id": "15", "status_info": {"status": "DEACTIVATED"}}
    kinds = [(status, kind) for status, kind, _ in seen(skus=[bundle, shared, platform, mixed, off])]
    assert kinds == [
        ("ACTIVATE", Kind.BUNDLE),
        ("ACTIVATE", Kind.SHARED),
        ("ACTIVATE", Kind.PLATFORM),
        ("ACTIVATE", Kind.NORMAL),
        ("DEACTIVATED", Kind.NORMAL),
    ]
    assert seen(skus=[{"id": "11"}], is_pre_owned=True)[0][1] is Kind.PREOWNED


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ({"is_pre_owned": True}, True),
        ({"category_chains": [{"local_name": "Bags"}, {"local_name": "Pre-owned Bags"}]}, True),
        ({"category_chains": [{"local_name": "Pre Owned"}]}, True),
        ({"category_chains": [{"local_name": "Bags"}]}, False),
        ({}, False),
    ],
)
def test_pre_owned_is_said_or_read_off_the_category(product: dict[str, Any], expected: bool) -> None:
    assert is_preowned(product) is expected


def test_records_without_an_id_are_set_aside() -> None:
    with pytest.raises(BadShape):
        list(skus_seen({"id": "1", "skus": [{}]}))
    with pytest.raises(BadShape):
        warehouse_seen({})


def test_platform_warehouses_go_by_the_ids_that_skus_show() -> None:
    both = {"fbt_warehouse_id": "9", "warehouse_ids": ["7", "8"], "name": "Ontario"}
    assert [(item.id, item.type, item.name) for item in platform_seen(both)] == [
        ("7", "FBT", "Ontario"),
        ("8", "FBT", "Ontario"),
    ]
    assert [item.id for item in platform_seen({"fbt_warehouse_id": "9"})] == ["9"]
    assert list(platform_seen({"fbt_warehouse_id": "9", "warehouse_ids": "7"})) == []


def document(**changes: Any) -> dict[str, Any]:
    raw = {**ROW, **changes}
    return location_document(warehouse_seen(raw), raw)


def test_a_location_has_name_type_and_address_and_nobody_in_it() -> None:
    made = document()
    assert made["name"] == "Main"
    assert made["address"] == {
        "address1": "1 Dock Road",
        "city": "Los Angeles",
        "stateOrProvince": "California",
        "zipCodeOrPostalCode": "90001",
        "country": "US",
    }
    assert {item["name"]: item["value"] for item in made["customFields"]} == {
        "tiktokWarehouseId": "7068",
        "tiktokWarehouseType": "sales",
        "tiktokWarehouseStatus": "enabled",
    }
    assert "Somebody" not in str(made)
    assert document(name="")["name"] == "TikTok warehouse 7068"
    platform = WarehouseSeen("9", "FBT", "FBT", "", "ENABLED", is_default=False)
    address = location_document(platform, {"addresses": [{"city": "Ontario", "address_line_1": "9 Way"}]})["address"]
    assert address == {"address1": "9 Way", "city": "Ontario"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [("ENABLED", "active"), ("RESTRICTED", "active"), ("DISABLED", "inactive"), ("GONE", "inactive")],
)
def test_what_cannot_be_used_is_marked(status: str, expected: str) -> None:
    assert document(effect_status=status)["status"] == expected


def test_a_location_is_found_by_either_link() -> None:
    own = {"locationId": "a", "customFields": [{"name": "tiktokWarehouseId", "value": "7068"}]}
    by_person = {"locationId": "b", "externalSystem": [{"integrationId": OURS, "locationValue": "7068"}]}
    other = {"locationId": "c", "externalSystem": [{"integrationId": "else", "locationValue": "7068"}]}
    assert linked_to([other, own], "7068", OURS) is own
    assert linked_to([other, by_person], "7068", OURS) is by_person
    assert linked_to([other], "7068", OURS) is None
    assert linked_to([by_person], "7068", "") is None


def test_a_location_of_ours_follows_and_one_of_others_keeps_its_name() -> None:
    made = document()
    mine = {"integration": OURS, **made, **link_of("7068", OURS)}
    assert location_changes(mine, made, "7068", OURS) == {}
    assert location_changes({**mine, "name": "Old"}, made, "7068", OURS) == {"name": "Main"}
    theirs = {"name": "Theirs", "customFields": [{"name": "dock", "value": "4"}], "externalSystem": []}
    changes = location_changes(theirs, made, "7068", OURS)
    assert set(changes) == {"customFields", "externalSystem"}
    assert changes["customFields"][0] == {"name": "dock", "value": "4"}
    assert changes["externalSystem"] == link_of("7068", OURS)["externalSystem"]
    assert link_of("7068", "") == {}


@given(
    name=st.text(max_size=10),
    status=st.sampled_from(["ENABLED", "DISABLED", "RESTRICTED", "SOMETHING"]),
    before=st.lists(st.fixed_dictionaries({"name": st.text(max_size=5), "value": st.text(max_size=5)}), max_size=3),
)
def test_writing_the_changes_settles(name: str, status: str, before: list[dict[str, str]]) -> None:
    made = document(name=name, effect_status=status)
    current: dict[str, Any] = {"integration": OURS, "customFields": before, "externalSystem": []}
    current |= location_changes(current, made, "7068", OURS)
    assert location_changes(current, made, "7068", OURS) == {}
    assert linked_to([current], "7068", OURS) is current
