"""Which members of an order Pipe17 keeps, and of which type: the documented part of the order schema as one table.

Members that are not in the table are dropped without a word, as the real service does (an e-mail address on `customer`
is gone afterwards). Members that are in it and have another type are a 400. What the evidence leaves open inside
(discounts, charges, the channel's own document) is kept as it came. Nothing that is only a guess refuses input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any


def words(text: str) -> tuple[str, ...]:
    """The names in a text, which is how the tables of this room list them."""
    return tuple(text.split())


ORDER_STATUSES = words(
    "draft new onHold toBeValidated reviewRequired readyForFulfillment sentToFulfillment partialFulfillment fulfilled "
    "inTransit partialReceived received canceled returned refunded archived closed"
)
SHIPMENT_STATUSES = words(
    "new pendingInventory pendingShippingLabel reviewRequired readyForFulfillment sentToFulfillment fulfilled "
    "partialFulfillment canceled canceledRestock failed onHold"
)
ROUTING_STATUSES = words("disabled pending ready acknowledged failed excluded pendingInventory")
SOURCE_TYPES = words("online pos wholesale edi other b2b aggregation")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Problems = list[str]
Cleaner = Callable[[Any, str, Problems], Any]
"""Takes a value, its path and the list of problems; gives the value to keep."""


def _text(value: Any, path: str, problems: Problems) -> Any:
    if not isinstance(value, str):
        problems.append(f"{path} must be string")
    return value


def _text_or_null(value: Any, path: str, problems: Problems) -> Any:
    return value if value is None else _text(value, path, problems)


def _number(value: Any, path: str, problems: Problems) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        problems.append(f"{path} must be number")
    return value


def _flag(value: Any, path: str, problems: Problems) -> Any:
    if not isinstance(value, bool):
        problems.append(f"{path} must be boolean")
    return value


def instant_ms(value: Any) -> int | None:
    """Epoch ms of an ISO-8601 instant that names its zone; None for anything else."""
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if instant.tzinfo is None else (instant - EPOCH) // timedelta(milliseconds=1)


def _date(value: Any, path: str, problems: Problems) -> Any:
    if instant_ms(value) is None:
        problems.append(f"{path} must be date-time")
    return value


def _status(value: Any, path: str, problems: Problems) -> Any:
    if value not in ORDER_STATUSES:
        problems.append(f"{path} is not an order status")
    return value


def _open(value: Any, path: str, problems: Problems) -> Any:
    if not isinstance(value, dict):
        problems.append(f"{path} must be object")
    return value


def _only(members: Mapping[str, Cleaner]) -> Cleaner:
    def clean(value: Any, path: str, problems: Problems) -> Any:
        if not isinstance(value, dict):
            problems.append(f"{path} must be object")
            return value
        prefix = f"{path}." if path else ""
        return {name: members[name](item, prefix + name, problems) for name, item in value.items() if name in members}

    return clean


def _list_of(clean_item: Cleaner) -> Cleaner:
    def clean(value: Any, path: str, problems: Problems) -> Any:
        if not isinstance(value, list):
            problems.append(f"{path} must be array")
            return value
        return [clean_item(item, f"{path}[{place}]", problems) for place, item in enumerate(value)]

    return clean


def _texts(names: str) -> dict[str, Cleaner]:
    return dict.fromkeys(words(names), _text)


ADDRESS = _only(
    _texts("firstName lastName company address1 address2 city stateOrProvince zipCodeOrPostalCode country email phone")
)
CUSTOMER = _only(
    _texts("customerId extCustomerId extCompanyCustomerId extLocationCustomerId company firstName lastName type")
)
LINE = _only(
    {
        **_texts("uniqueId sku name locationId"),
        **dict.fromkeys(
            words("quantity itemPrice itemDiscount itemTax ordered fulfillable fulfilled canceled"), _number
        ),
        "requiresShipping": _flag,
        "taxable": _flag,
    }
)
PAYMENT = _only({**_texts("method kind status currency"), "amount": _number})
NAME_VALUE = _only(_texts("name value"))

ORDER: Mapping[str, Cleaner] = {
    **_texts(
        "extOrderId extOrderApiId extOrderUrl orderSource orderSourceType currency paymentStatus shippingCode "
        "shippingCarrier shippingClass shippingNote giftNote orderNote fulfillmentStatus locationId incoterms"
    ),
    **dict.fromkeys(words("subTotalPrice orderTax orderDiscount shippingPrice totalPrice"), _number),
    **dict.fromkeys(
        words(
            "extOrderCreatedAt extOrderUpdatedAt expectedDeliveryDate shipByDate shipAfterDate shipCancelByDate "
            "holdUntil timestamp"
        ),
        _date,
    ),
    **dict.fromkeys(words("requireShippingLabels respectLocationId disableShipmentsReuse"), _flag),
    **dict.fromkeys(words("additionalCharges discounts"), _list_of(_open)),
    **dict.fromkeys(words("shippingAddress billingAddress"), ADDRESS),
    **dict.fromkeys(words("paymentTerms sourceDoc"), _open),
    "status": _status,
    "customerPONumber": _text_or_null,
    "customer": CUSTOMER,
    "lineItems": _list_of(LINE),
    "payments": _list_of(PAYMENT),
    "customFields": _list_of(NAME_VALUE),
    "tags": _list_of(_text),
    "preferredLocationGroupId": _list_of(_text),
}

FULFILLMENT: Mapping[str, Cleaner] = {
    **_texts("shipmentId extFulfillmentId fulfillmentType locationId shippingCarrier shippingClass"),
    "actualShipDate": _date,
    "trackingNumber": lambda value, _path, _problems: value,
    "lineItems": _list_of(_only({**_texts("uniqueId sku name"), "quantity": _number})),
    "tags": _list_of(_text),
    "customFields": _list_of(NAME_VALUE),
}


MAPPED = _only(
    {
        **_texts("integrationId extProductId sku name status"),
        "bufferInventory": _number,
        "inventoryNotTracked": _flag,
        "customFields": _list_of(NAME_VALUE),
    }
)
PRODUCT: Mapping[str, Cleaner] = {
    **_texts(
        "sku name status description vendor partId upc countryOfOrigin harmonizedCode costCurrency weightUnit "
        "dimensionsUnit parentExtProductId extProductId extProductApiId"
    ),
    **dict.fromkeys(words("cost weight length width height"), _number),
    **dict.fromkeys(words("taxable hideInStore inventoryNotTracked"), _flag),
    **dict.fromkeys(words("extProductCreatedAt extProductUpdatedAt"), _date),
    **dict.fromkeys(words("types imageURLs tags"), _list_of(_text)),
    **dict.fromkeys(words("variantOptions customFields"), _list_of(NAME_VALUE)),
    "prices": _list_of(_open),
    "bundleItems": _list_of(_only({"sku": _text, "quantity": _number})),
    "mappedProduct": MAPPED,
    "sourceDoc": _open,
}
LOCATION: Mapping[str, Cleaner] = {
    **_texts("name status fulfillmentIntegrationId"),
    "address": ADDRESS,
    "externalSystem": _list_of(_only(_texts("integrationId locationValue"))),
    "tags": _list_of(_text),
    "customFields": _list_of(NAME_VALUE),
}


def clean(raw: Any, members: Mapping[str, Cleaner]) -> tuple[dict[str, Any], Problems]:
    """The members that are kept, and what is wrong with them."""
    problems: Problems = []
    if not isinstance(raw, dict):
        return {}, ["body must be object"]
    kept = {name: members[name](value, name, problems) for name, value in raw.items() if name in members}
    return kept, problems


def line_problems(order: Mapping[str, Any]) -> Problems:
    """Rules that span members: line ids are unique in the order, carrier and class come together."""
    problems: Problems = []
    ids = [line["uniqueId"] for line in order.get("lineItems", ()) if "uniqueId" in line]
    if len(ids) != len(set(ids)):
        problems.append("lineItems uniqueId must be unique in the order")
    if ("shippingCarrier" in order) != ("shippingClass" in order):
        problems.append("shippingCarrier and shippingClass must be given together")
    return problems
