"""Every TikTok call we make, in one table: method, paths by version, whether a shop cipher belongs to it, its scope.

The name is what metrics, budgets, faults and errors show. `paths` holds one path per version, the one to call first
in front; when TikTok says that a version is gone the client falls forward to the next and stays there. A cipher sent
where it is not wanted is refused just as one that is missing. Source: the official reference of each operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. `write`: it changes something at TikTok, so a lost answer must be looked up."""

    name: str
    method: str
    paths: tuple[str, ...]
    scope: str
    write: bool = False
    cipher: bool = True
    optional: bool = False
    """Works without its scope: what it reads is then simply not there."""


_AUTHORIZATION = "seller.authorization.info"
_ORDERS = "seller.order.info"
_FULFILLMENT = "seller.fulfillment.basic"
_PACKING = "seller.fulfillment.package.write"
_LOGISTICS = "seller.logistics"
_PRODUCTS = "seller.product.basic"
_AFTERSALES = "seller.return_refund.basic"
_PRODUCT_WRITE = "seller.product.write"
_FBT = "seller.fbt.info"
_REFERENCES_READ = "seller.order.ext_ref.read"
_REFERENCES_WRITE = "seller.order.ext_ref.write"
_SERVICE = "seller.customer_service"

_TABLE = (
    Operation("shops.list", "GET", ("/authorization/202309/shops",), _AUTHORIZATION, cipher=False),
    Operation("orders.search", "POST", ("/order/202309/orders/search",), _ORDERS),
    Operation("orders.detail", "GET", ("/order/202507/orders", "/order/202309/orders"), _ORDERS),
    Operation(
        "packages.mark_shipped",
        "POST",
        ("/fulfillment/202309/orders/{order_id}/packages", "/fulfillment/202610/orders/{order_id}/packages"),
        _FULFILLMENT,
        write=True,
    ),
    Operation("packages.ship", "POST", ("/fulfillment/202309/packages/{package_id}/ship",), _FULFILLMENT, write=True),
    Operation(
        "orders.update_tracking",
        "POST",
        ("/fulfillment/202309/orders/{order_id}/shipping_info/update",),
        _LOGISTICS,
        write=True,
    ),
    Operation(
        "packages.update_tracking",
        "POST",
        (
            "/fulfillment/202309/packages/{package_id}/shipping_info/update",
            "/fulfillment/202610/packages/{package_id}/shipping_info/update",
        ),
        _FULFILLMENT,
        write=True,
    ),
    Operation("packages.split_attributes", "GET", ("/fulfillment/202309/orders/split_attributes",), _PACKING),
    Operation("packages.split", "POST", ("/fulfillment/202309/orders/{order_id}/split",), _PACKING, write=True),
    Operation(
        "packages.hand_over", "GET", ("/fulfillment/202309/packages/{package_id}/handover_time_slots",), _FULFILLMENT
    ),
    Operation("packages.get", "GET", ("/fulfillment/202309/packages/{package_id}",), _FULFILLMENT),
    Operation(
        "providers.list", "GET", ("/logistics/202309/delivery_options/{option_id}/shipping_providers",), _LOGISTICS
    ),
    Operation("warehouses.list", "GET", ("/logistics/202309/warehouses",), _LOGISTICS),
    Operation("webhooks.list", "GET", ("/event/202309/webhooks",), _AUTHORIZATION),
    Operation("webhooks.set", "PUT", ("/event/202309/webhooks",), _AUTHORIZATION, write=True),
    Operation("webhooks.delete", "DELETE", ("/event/202309/webhooks",), _AUTHORIZATION, write=True),
    Operation(
        "cancellations.search",
        "POST",
        ("/return_refund/202602/cancellations/search", "/return_refund/202309/cancellations/search"),
        _AFTERSALES,
    ),
    Operation(
        "cancellations.cancel",
        "POST",
        ("/return_refund/202602/cancellations", "/return_refund/202309/cancellations"),
        _AFTERSALES,
        write=True,
    ),
    Operation(
        "cancellations.approve",
        "POST",
        ("/return_refund/202309/cancellations/{cancel_id}/approve",),
        _AFTERSALES,
        write=True,
    ),
    Operation(
        "cancellations.eligibility",
        "GET",
        (
            "/return_refund/202602/orders/{order_id}/aftersale_eligibility",
            "/return_refund/202309/orders/{order_id}/aftersale_eligibility",
        ),
        _AFTERSALES,
    ),
    Operation("references.add", "POST", ("/order/202406/orders/external_orders",), _REFERENCES_WRITE, write=True),
    Operation("references.get", "GET", ("/order/202406/orders/{order_id}/external_orders",), _REFERENCES_READ),
    # Making a conversation that exists gives its id again, so a lost answer needs no look-up.
    Operation("conversations.open", "POST", ("/customer_service/202309/conversations",), _SERVICE),
    Operation(
        "messages.send",
        "POST",
        (
            "/customer_service/202606/conversations/{conversation_id}/messages",
            "/customer_service/202309/conversations/{conversation_id}/messages",
        ),
        _SERVICE,
        write=True,
    ),
    Operation("messages.list", "GET", ("/customer_service/202309/conversations/{conversation_id}/messages",), _SERVICE),
    Operation("prerequisites.check", "GET", ("/product/202312/prerequisites",), _PRODUCTS),
    Operation("products.search", "POST", ("/product/202502/products/search",), _PRODUCTS),
    Operation("products.get", "GET", ("/product/202309/products/{product_id}",), _PRODUCTS),
    Operation("products.deactivate", "POST", ("/product/202309/products/deactivate",), _PRODUCT_WRITE, write=True),
    Operation("categories.attributes", "GET", ("/product/202309/categories/{category_id}/attributes",), _PRODUCTS),
    Operation("inventory.search", "POST", ("/product/202309/inventory/search",), _PRODUCTS),
    Operation(
        "inventory.update",
        "POST",
        ("/product/202309/products/{product_id}/inventory/update",),
        _PRODUCT_WRITE,
        write=True,
    ),
    Operation("fbt.warehouses", "GET", ("/fbt/202408/warehouses",), _FBT, optional=True),
)

OPERATIONS: Mapping[str, Operation] = MappingProxyType({operation.name: operation for operation in _TABLE})

TOKEN_GET = "token.get"  # noqa: S105 (a name of ours)
TOKEN_REFRESH = "token.refresh"  # noqa: S105 (a name of ours)
TOKEN_PATHS: Mapping[str, str] = MappingProxyType(
    {TOKEN_GET: "/api/v2/token/get", TOKEN_REFRESH: "/api/v2/token/refresh"}
)
"""The two unsigned calls of the token host; the secret is in their query, so their URL is never shown anywhere."""

SCOPES_NEEDED: tuple[str, ...] = tuple(sorted({operation.scope for operation in _TABLE if not operation.optional}))

_VITAL = ("shops.", "orders.", "packages.", "providers.")
VITAL_SCOPES: frozenset[str] = frozenset(one.scope for one in _TABLE if one.name.startswith(_VITAL))
"""Without these orders do not come or shipments do not go; without another one only what needs it waits."""
