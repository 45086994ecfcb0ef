"""The operations that are simulated: path, method, scope, cipher and parameters of each, as one table to read.

`cipher` says whether `shop_cipher` belongs to the call: yes, no (then sending it is an error) or either (the official
pages call it optional for the two package look-ups). Paths of any other operation answer 36009009.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from daemon.sandbox.tiktok.cancellations import STATUSES
from daemon.sandbox.tiktok.external import PLATFORMS
from daemon.sandbox.tiktok.shapes import Flag, Many, Members, Shape, Text, Whole

ORDER_STATUSES = frozenset(
    {
        "UNPAID",
        "ON_HOLD",
        "AWAITING_SHIPMENT",
        "PARTIALLY_SHIPPING",
        "AWAITING_COLLECTION",
        "IN_TRANSIT",
        "DELIVERED",
        "COMPLETED",
        "CANCELLED",
    }
)
EVENT_TYPES = {
    "ORDER_STATUS_CHANGE": 1,
    "REVERSE_STATUS_UPDATE": 2,
    "RECIPIENT_ADDRESS_UPDATE": 3,
    "PACKAGE_UPDATE": 4,
    "PRODUCT_STATUS_CHANGE": 5,
    "SELLER_DEAUTHORIZATION": 6,
    "UPCOMING_AUTHORIZATION_EXPIRATION": 7,
    "CANCELLATION_STATUS_CHANGE": 11,
    "RETURN_STATUS_CHANGE": 12,
    "NEW_CONVERSATION": 13,
    "NEW_MESSAGE": 14,
    "PRODUCT_INFORMATION_CHANGE": 15,
    "PRODUCT_CREATION": 16,
    "PRODUCT_CATEGORY_CHANGE": 18,
    "NEW_MESSAGE_LISTENER": 33,
    "INVOICE_STATUS_CHANGE": 36,
    "PRODUCT_AUDIT_STATUS_CHANGE": 37,
}
"""What a shop can register for, and the number that the delivery carries."""
APP_EVENT_TYPES = {"SKU_STATUS_CHANGE": 50, "INVENTORY_CHANGE": 71}
"""Events that only the app's own address gets; the names are ours, the vendor gives numbers alone."""


class Cipher(Enum):
    """Whether a call takes `shop_cipher`."""

    YES = "yes"
    NO = "no"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `scopes`: any one of them is enough. `query`: parameter names, True when required."""

    operation: str
    method: str
    template: str
    scopes: tuple[str, ...]
    cipher: Cipher = Cipher.YES
    query: dict[str, bool] = field(default_factory=dict)
    body: Members | None = None

    @property
    def version(self) -> str:
        """The version part of the path, as `fulfillment/202309`."""
        return "/".join(self.template.split("/")[1:3])


IDS = Many(Text())
INSTANT = Whole()
WINDOW: dict[str, Shape] = {
    "create_time_ge": INSTANT,
    "create_time_lt": INSTANT,
    "update_time_ge": INSTANT,
    "update_time_lt": INSTANT,
}
PAGING = {"page_size": True, "page_token": False, "sort_field": False, "sort_order": False}
CARRIED: dict[str, Shape] = {"tracking_number": Text(), "shipping_provider_id": Text()}
CARRIED_BODY = Members(CARRIED, frozenset(CARRIED))
LINES = Many(Members({"order_line_id": Text(), "sub_item_id": Text()}, frozenset({"order_line_id"})))
EVENT = Text(frozenset(EVENT_TYPES))
BASIC = ("seller.fulfillment.basic",)
WRITE = ("seller.fulfillment.package.write",)
GRANT = ("seller.authorization.info",)
AFTERSALES = ("seller.return_refund.basic",)
CANCELLATIONS = Members(
    {
        **WINDOW,
        "cancel_ids": IDS,
        "order_ids": IDS,
        "buyer_user_ids": IDS,
        "cancel_types": Many(Text(frozenset({"CANCEL", "BUYER_CANCEL"}))),
        "cancel_status": Many(Text(STATUSES)),
        "locale": Text(),
    }
)
CANCEL = Members(
    {
        "order_id": Text(),
        "cancel_reason": Text(),
        "skus": Many(Members({"sku_id": Text(), "quantity": Whole()}, frozenset({"sku_id", "quantity"}))),
        "order_line_item_ids": IDS,
        "order_line_list": Many(
            Members({"order_line_item_id": Text(), "sub_order_line_item_id": Text()}, frozenset({"order_line_item_id"}))
        ),
    },
    frozenset({"order_id", "cancel_reason"}),
)
IMAGE = Members({"image_id": Text(), "mime_type": Text(), "width": Whole(), "height": Whole()}, frozenset({"image_id"}))
REJECTION = Members({"reject_reason": Text(), "comment": Text(), "images": Many(IMAGE)}, frozenset({"reject_reason"}))
PAGED = {"page_size": False, "page_token": False, "sort_field": False, "sort_order": False}
ASKS = {"initiate_aftersale_user": False, "request_types": False}
ONE_TRY = {"idempotency_key": False}
PRODUCTS = ("seller.product.basic",)
PRODUCT_WRITE = ("seller.product.write",)
PRODUCT_STATUSES = frozenset(
    {
        "DRAFT",
        "PENDING",
        "FAILED",
        "ACTIVATE",
        "SELLER_DEACTIVATED",
        "PLATFORM_DEACTIVATED",
        "FREEZE",
        "DELETED",
    }
)
PRODUCT_IDS = Members({"product_ids": IDS, "listing_platforms": IDS}, frozenset({"product_ids"}))
LEVEL = Members(
    {"warehouse_id": Text(), "quantity": Whole(), "backorder_quantity": Whole(), "handling_time": Whole()},
    frozenset({"quantity"}),
)
LEVELS = Members({"id": Text(), "inventory": Many(LEVEL)}, frozenset({"id", "inventory"}))

SERVICE = ("seller.customer_service",)
MESSAGE_TYPES = frozenset(
    {
        "COUPON_CARD",
        "IMAGE",
        "LOGISTICS_CARD",
        "ORDER_CARD",
        "PRODUCT_CARD",
        "RETURN_REFUND_CARD",
        "TEXT",
        "VIDEO",
    }
)
SAID: dict[str, Shape] = {"type": Text(MESSAGE_TYPES), "content": Text(limit=20_000)}
EXTERNAL_LINES = Many(Members({"id": Text(), "origin_id": Text()}, frozenset({"id", "origin_id"})))
EXTERNAL_ORDER: dict[str, Shape] = {"id": Text(), "platform": Text(PLATFORMS), "line_items": EXTERNAL_LINES}
EXTERNAL = Members(
    {"id": Text(), "external_order": Members(EXTERNAL_ORDER, frozenset(EXTERNAL_ORDER))},
    frozenset({"id", "external_order"}),
)

ROUTES = (
    Route("shops.list", "GET", "/authorization/202309/shops", GRANT, Cipher.NO),
    Route(
        "orders.search",
        "POST",
        "/order/202309/orders/search",
        ("seller.order.info",),
        query=PAGING,
        body=Members(
            {
                **WINDOW,
                "order_status": Text(ORDER_STATUSES),
                "shipping_type": Text(),
                "buyer_user_id": Text(),
                "is_buyer_request_cancel": Flag(),
                "warehouse_ids": IDS,
            }
        ),
    ),
    Route("orders.detail", "GET", "/order/202309/orders", ("seller.order.info",), query={"ids": True}),
    Route("orders.detail", "GET", "/order/202507/orders", ("seller.order.info",), query={"ids": True}),
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
    Route(
        "providers.list",
        "GET",
        "/logistics/202309/delivery_options/{delivery_option_id}/shipping_providers",
        ("seller.fulfillment.basic", "seller.logistics"),
        query={"warehouse_region": False, "buyer_region": False},
    ),
    Route("warehouses.list", "GET", "/logistics/202309/warehouses", ("seller.logistics",)),
    Route("webhooks.list", "GET", "/event/202309/webhooks", GRANT),
    Route(
        "webhooks.set",
        "PUT",
        "/event/202309/webhooks",
        GRANT,
        body=Members({"event_type": EVENT, "address": Text(limit=255)}, frozenset({"event_type", "address"})),
    ),
    Route(
        "webhooks.delete",
        "DELETE",
        "/event/202309/webhooks",
        GRANT,
        body=Members({"event_type": EVENT}, frozenset({"event_type"})),
    ),
    *(
        route
        for version in ("202309", "202602")
        for route in (
            Route(
                "cancellations.search",
                "POST",
                f"/return_refund/{version}/cancellations/search",
                AFTERSALES,
                query=PAGED,
                body=CANCELLATIONS,
            ),
            Route("cancellations.cancel", "POST", f"/return_refund/{version}/cancellations", AFTERSALES, body=CANCEL),
            Route(
                "cancellations.eligibility",
                "GET",
                f"/return_refund/{version}/orders/{{order_id}}/aftersale_eligibility",
                AFTERSALES,
                query=ASKS,
            ),
        )
    ),
    Route(
        "cancellations.approve",
        "POST",
        "/return_refund/202309/cancellations/{cancel_id}/approve",
        AFTERSALES,
        query=ONE_TRY,
        body=Members(),
    ),
    Route(
        "cancellations.reject",
        "POST",
        "/return_refund/202309/cancellations/{cancel_id}/reject",
        AFTERSALES,
        query=ONE_TRY,
        body=REJECTION,
    ),
    Route(
        "cancellations.reject_reasons",
        "GET",
        "/return_refund/202309/reject_reasons",
        AFTERSALES,
        query={"return_or_cancel_id": True, "locale": False},
    ),
    Route("prerequisites.check", "GET", "/product/202312/prerequisites", PRODUCTS),
    Route(
        "products.search",
        "POST",
        "/product/202502/products/search",
        PRODUCTS,
        query={"page_size": True, "page_token": False},
        body=Members(
            {
                **{f"{name}_time_{end}": INSTANT for name in ("create", "update") for end in ("ge", "le")},
                "status": Text(PRODUCT_STATUSES | {"ALL"}),
                "seller_skus": IDS,
                "sku_ids": IDS,
            }
        ),
    ),
    Route(
        "products.get",
        "GET",
        "/product/202309/products/{product_id}",
        PRODUCTS,
        query={"return_under_review_version": False, "return_draft_version": False, "locale": False},
    ),
    Route(
        "categories.attributes",
        "GET",
        "/product/202309/categories/{category_id}/attributes",
        PRODUCTS,
        query={"category_version": False, "locale": False},
    ),
    Route("products.activate", "POST", "/product/202309/products/activate", PRODUCT_WRITE, body=PRODUCT_IDS),
    Route("products.deactivate", "POST", "/product/202309/products/deactivate", PRODUCT_WRITE, body=PRODUCT_IDS),
    Route(
        "inventory.search",
        "POST",
        "/product/202309/inventory/search",
        PRODUCTS,
        body=Members({"product_ids": Many(Text(), 1000), "sku_ids": Many(Text(), 1000)}),
    ),
    Route(
        "inventory.update",
        "POST",
        "/product/202309/products/{product_id}/inventory/update",
        PRODUCT_WRITE,
        body=Members({"skus": Many(LEVELS, 1000)}, frozenset({"skus"})),
    ),
    Route("fbt.warehouses", "GET", "/fbt/202408/warehouses", ("seller.fbt.info",)),
    Route(
        "references.add",
        "POST",
        "/order/202406/orders/external_orders",
        ("seller.order.ext_ref.write", "seller.order.ext_ref.write.custom"),
        body=Members({"orders": Many(EXTERNAL)}, frozenset({"orders"})),
    ),
    Route(
        "references.get",
        "GET",
        "/order/202406/orders/{order_id}/external_orders",
        ("seller.order.ext_ref.read",),
        query={"platform": True},
    ),
    Route(
        "conversations.open",
        "POST",
        "/customer_service/202309/conversations",
        SERVICE,
        body=Members({"buyer_user_id": Text()}, frozenset({"buyer_user_id"})),
    ),
    Route(
        "messages.send",
        "POST",
        "/customer_service/202606/conversations/{conversation_id}/messages",
        SERVICE,
        body=Members(
            {**SAID, "sender_role": Text(frozenset({"CUSTOMER_SERVICE", "SYSTEM", "ROBOT"}))}, frozenset(SAID)
        ),
    ),
    Route(
        "messages.send",
        "POST",
        "/customer_service/202309/conversations/{conversation_id}/messages",
        SERVICE,
        body=Members(SAID, frozenset(SAID)),
    ),
    Route(
        "messages.list",
        "GET",
        "/customer_service/202309/conversations/{conversation_id}/messages",
        SERVICE,
        query={**PAGING, "locale": False, "need_data": False, "need_plaintext": False, "time_zone": False},
    ),
)


def _literal(template: str) -> bool:
    return "{" not in template


_EXACT: dict[str, list[Route]] = {}
_PATTERNS: dict[str, tuple[re.Pattern[str], list[Route]]] = {}
for _route in ROUTES:
    if _literal(_route.template):
        _EXACT.setdefault(_route.template, []).append(_route)
    else:
        _pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", _route.template))
        _PATTERNS.setdefault(_route.template, (_pattern, []))[1].append(_route)


def find(path: str) -> tuple[list[Route], dict[str, str]]:
    """The operations under a path, one a method, and the values in the path; a literal path wins over a template."""
    exact = _EXACT.get(path)
    if exact is not None:
        return exact, {}
    for pattern, routes in _PATTERNS.values():
        if match := pattern.fullmatch(path):
            return routes, match.groupdict()
    return [], {}
