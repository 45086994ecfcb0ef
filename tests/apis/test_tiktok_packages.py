"""Splits, hand-overs and corrections as they go over the wire, held against the vendor's description."""

import json
from pathlib import Path

import jsonschema
import pytest
from fake_wire import no, ok, tiktok_rig, virtual

from daemon.core.verdicts import Rejected, Retry, Unknown
from daemon.errors import ApiError

CONTRACT = json.loads((Path(__file__).parent.parent / "contracts" / "tiktok.json").read_text())
ORDER, PACKAGE, UPS = "576461413038785752", "1153132168123859123", "7117859084333745966"
SPLIT, ATTRIBUTES = "/fulfillment/202309/orders/{order_id}/split", "/fulfillment/202309/orders/split_attributes"
SLOTS = "/fulfillment/202309/packages/{package_id}/handover_time_slots"
SHIP = "/fulfillment/202309/packages/{package_id}/ship"
OF_ORDER = "/fulfillment/202309/orders/{order_id}/shipping_info/update"
OF_PACKAGE = "/fulfillment/202309/packages/{package_id}/shipping_info/update"
OF_PACKAGE_NEW = OF_PACKAGE.replace("202309", "202610")


def at(path: str) -> str:
    return path.replace("{order_id}", ORDER).replace("{package_id}", PACKAGE)


def sent(rig, path):
    """The one body sent to a path; it is of the vendor's shape."""
    (call,) = rig.wire.calls(at(path))
    schema = {**CONTRACT["paths"][path]["post"]["requestBody"], "components": CONTRACT["components"]}
    jsonschema.validate(call.json, schema)
    return call.json


async def failure(awaitable):
    with pytest.raises(ApiError) as caught:
        await awaitable
    return caught.value


@virtual
async def test_a_split_names_its_groups_and_finds_their_packages():
    packages = [{"splittable_group_id": "2", "id": "p2"}, {"splittable_group_id": "1", "id": "p1"}]
    rig = tiktok_rig({at(SPLIT): ok({"packages": packages})})
    assert await rig.tiktok.packages.split(ORDER, [("1", "2"), ("3",)]) == ["p1", "p2"]
    assert sent(rig, SPLIT) == {
        "splittable_groups": [
            {"id": "1", "order_line_item_ids": ["1", "2"]},
            {"id": "2", "order_line_item_ids": ["3"]},
        ]
    }


@virtual
async def test_a_split_without_its_packages_is_looked_up_and_not_believed():
    rig = tiktok_rig({at(SPLIT): ok({"packages": [{"splittable_group_id": "1", "id": "p1"}]})})
    assert isinstance((await failure(rig.tiktok.packages.split(ORDER, [("1",), ("2",)]))).verdict, Unknown)


@virtual
@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"order_id": ORDER, "can_split": True}, ""),
        ({"order_id": ORDER, "can_split": False, "reason": "one piece"}, "one piece"),
        ({"order_id": ORDER, "can_split": False}, "no reason given"),
        ({"order_id": "5", "can_split": False}, ""),
    ],
)
async def test_why_an_order_stays_whole(row, why):
    rig = tiktok_rig({ATTRIBUTES: ok({"split_attributes": [row]})})
    assert await rig.tiktok.packages.why_whole(ORDER) == why
    assert rig.wire.calls(ATTRIBUTES)[0].query["order_ids"] == ORDER


@virtual
async def test_attributes_that_make_no_sense_are_read_again():
    rig = tiktok_rig({ATTRIBUTES: ok({"split_attributes": "?"})})
    assert isinstance((await failure(rig.tiktok.packages.why_whole(ORDER))).verdict, Retry)


SLOT = {"start_time": 1_767_312_000, "end_time": 1_767_326_400}
PICKED_UP = {"handover_method": "PICKUP", "pickup_slot": SLOT}
DROPPED_OFF = {"handover_method": "DROP_OFF"}


@virtual
@pytest.mark.parametrize(
    ("offered", "body"),
    [
        ({"can_drop_off": True, "can_pickup": True, "pickup_slots": [SLOT]}, DROPPED_OFF),
        (
            {"can_drop_off": False, "pickup_slots": [{**SLOT, "avaliable": False}, {**SLOT, "avaliable": True}]},
            PICKED_UP,
        ),
        ({"can_drop_off": False, "pickup_slots": [SLOT]}, PICKED_UP),
        ({"can_drop_off": False}, DROPPED_OFF),
    ],
)
async def test_a_package_of_tiktoks_is_handed_over_as_offered(offered, body):
    rig = tiktok_rig({at(SLOTS): ok(offered), at(SHIP): ok({})})
    await rig.tiktok.packages.hand_over_package(PACKAGE)
    assert sent(rig, SHIP) == body


@virtual
async def test_slots_that_make_no_sense_are_read_again():
    rig = tiktok_rig({at(SLOTS): ok({"pickup_slots": 7})})
    assert isinstance((await failure(rig.tiktok.packages.hand_over_package(PACKAGE))).verdict, Retry)


@virtual
async def test_a_correction_of_an_order_and_of_a_package():
    rig = tiktok_rig({at(OF_ORDER): ok({}), at(OF_PACKAGE): no(36009009), at(OF_PACKAGE_NEW): ok({})})
    number = {"tracking_number": "1Z002", "shipping_provider_id": UPS}
    await rig.tiktok.packages.update_tracking("1Z002", UPS, order_id=ORDER, package_id=PACKAGE)
    assert sent(rig, OF_ORDER) == number
    await rig.tiktok.packages.update_tracking("1Z002", UPS, order_id="", package_id=PACKAGE)
    assert rig.wire.calls(at(OF_PACKAGE))[0].json == number
    assert sent(rig, OF_PACKAGE_NEW) == {"shipping_info_list": [number]}


@virtual
@pytest.mark.parametrize("code", [21011049, 21011050, 21011051, 21011052, 21011030])
async def test_a_correction_that_tiktok_no_longer_takes(code):
    rig = tiktok_rig({at(OF_ORDER): no(code, "too late")})
    error = await failure(rig.tiktok.packages.update_tracking("1Z002", UPS, order_id=ORDER, package_id=PACKAGE))
    assert error.verdict == Rejected("tracking_update_refused")
