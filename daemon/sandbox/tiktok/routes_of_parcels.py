"""Calls that ship: marking orders as shipped, packages, splitting and combining them, tracking corrections.

Two versions are served where the vendor has two; the newer one takes a list of tracking numbers, and parts of bundles.
"""

from __future__ import annotations

from daemon.sandbox.tiktok.route import IDS, INSTANT, PAGING, WINDOW, Cipher, Route
from daemon.sandbox.tiktok.shapes import Many, Members, Shape, Text

CARRIED: dict[str, Shape] = {"tracking_number": Text(), "shipping_provider_id": Text()}
CARRIED_BODY = Members(CARRIED, frozenset(CARRIED))
LINES = Many(Members({"order_line_id": Text(), "sub_item_id": Text()}, frozenset({"order_line_id"})))
BASIC = ("seller.fulfillment.basic",)
WRITE = ("seller.fulfillment.package.write",)

PARCEL_ROUTES = (
    Route(
        "packages.mark_shipped",
        "POST",
        "/fulfillment/202309/orders/{order_id}/packages",
        BASIC,
        body=Members({**CARRIED, "order_line_item_ids": IDS}, frozenset(CARRIED)),
    ),
    Route(
        "packages.mark_shipped",
        "POST",
        "/fulfillment/202610/orders/{order_id}/packages",
        BASIC,
        body=Members(
            {
                "order_line_list": LINES,
                "shipping_info_list": Many(Members({**CARRIED, "note": Text()}, frozenset(CARRIED))),
            },
            frozenset({"shipping_info_list"}),
        ),
    ),
    Route(
        "packages.ship",
        "POST",
        "/fulfillment/202309/packages/{package_id}/ship",
        BASIC,
        body=Members(
            {
                "handover_method": Text(frozenset({"PICKUP", "DROP_OFF"})),
                "pickup_slot": Members({"start_time": INSTANT, "end_time": INSTANT}),
                "self_shipment": CARRIED_BODY,
            }
        ),
    ),
    Route(
        "packages.search",
        "POST",
        "/fulfillment/202309/packages/search",
        BASIC,
        Cipher.EITHER,
        PAGING,
        Members(
            {
                **WINDOW,
                "package_status": Text(frozenset({"TO_FULFILL", "PROCESSING", "FULFILLING", "COMPLETED", "CANCELLED"})),
            }
        ),
    ),
    Route("packages.hand_over", "GET", "/fulfillment/202309/packages/{package_id}/handover_time_slots", BASIC),
    Route("packages.get", "GET", "/fulfillment/202309/packages/{package_id}", BASIC, Cipher.EITHER),
    Route(
        "packages.update_tracking",
        "POST",
        "/fulfillment/202309/packages/{package_id}/shipping_info/update",
        BASIC,
        body=CARRIED_BODY,
    ),
    Route(
        "orders.update_tracking",
        "POST",
        "/fulfillment/202309/orders/{order_id}/shipping_info/update",
        ("seller.logistics",),
        body=CARRIED_BODY,
    ),
    Route(
        "packages.update_tracking",
        "POST",
        "/fulfillment/202610/packages/{package_id}/shipping_info/update",
        BASIC,
        body=Members(
            {"shipping_info_list": Many(Members({**CARRIED, "note": Text()}, frozenset(CARRIED)))},
            frozenset({"shipping_info_list"}),
        ),
    ),
    Route(
        "packages.split_attributes",
        "GET",
        "/fulfillment/202309/orders/split_attributes",
        WRITE,
        query={"order_ids": True},
    ),
    Route(
        "packages.combinable",
        "GET",
        "/fulfillment/202309/combinable_packages/search",
        WRITE,
        query={"page_size": True, "page_token": False},
    ),
    Route(
        "packages.combine",
        "POST",
        "/fulfillment/202309/packages/combine",
        WRITE,
        body=Members(
            {"combinable_packages": Many(Members({"id": Text(), "order_ids": IDS}, frozenset({"id"})))},
            frozenset({"combinable_packages"}),
        ),
    ),
    Route(
        "packages.uncombine",
        "POST",
        "/fulfillment/202309/packages/{package_id}/uncombine",
        WRITE,
        body=Members({"order_ids": IDS}),
    ),
    Route(
        "packages.split",
        "POST",
        "/fulfillment/202309/orders/{order_id}/split",
        WRITE,
        body=Members(
            {
                "splittable_groups": Many(
                    Members({"id": Text(), "order_line_item_ids": IDS}, frozenset({"id", "order_line_item_ids"}))
                )
            },
            frozenset({"splittable_groups"}),
        ),
    ),
)
