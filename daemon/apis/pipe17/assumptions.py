"""What we assume about Pipe17 because no public source says it; each tag is in the README's list.

Change a value here when somebody has proof; nothing else in the code repeats it.
"""

from __future__ import annotations

from typing import Any

from daemon.core.assumption import Assumption
from daemon.core.holds import MARGIN

ONE_ORDER_PER_POST = Assumption(
    "P17-01", True, "POST /orders takes one object and answers with `order`; an answer with `orders` is understood too."
)
DUPLICATES_ARE_REFUSED = Assumption(
    "P17-02",
    True,
    "A second order with the same extOrderId is refused with 409, or with 400 or 422 and a message about a duplicate. "
    "Only a hit under `ext:` counts as proof that it exists.",
)
ORDERS_SORT_BY = Assumption(
    "P17-03",
    "updatedAt",
    "Lists can be sorted by `updatedAt`. If that is refused, lists are read unsorted and each page is sorted here.",
)
PAGES_ADVANCE_BY_ROWS = Assumption(
    "P17-04",
    True,
    "`skip` advances by the rows received; a list ends with `pagination.last` or an empty page, not with a short one.",
)
NO_RESULTS_IS_NOT_FOUND = Assumption(
    "P17-05", "No results", "A missing record is a 404, or any refusal whose message is this text."
)
ACCEPTED_IS_LOOKED_UP = Assumption(
    "P17-06",
    True,
    "Writes are synchronous. If an answer holds no record (202, or a job), the order is looked up under `ext:`, and "
    "counts as unknown until it is found.",
)
KEY_HEADER = Assumption("P17-07", "X-Pipe17-Key", "One header carries the key, for every call.")
PUT_REPLACES_ARRAYS = Assumption(
    "P17-08", True, "PUT merges members at the top level and replaces arrays; arrays are always sent whole."
)
LARGEST_COUNT = Assumption("P17-09", 100, "100 rows a page are always allowed.")
HOLD_TOLD_LONGER_BY = Assumption(
    "P17-10",
    MARGIN,
    "We take an order from `onHold` to `new` ourselves. Whether Pipe17 also releases it by itself at `holdUntil` is "
    "open; so it is told an instant 15 minutes later, and the order is read again before anything may leave.",
)
ORDER_INTEGRATION = Assumption(
    "P17-11",
    "orderIntegration",
    "A fulfillment and a shipping request name the integration that created their order under this member; where a "
    "fulfillment does not, its shipping request and then its order are asked.",
)
WEBHOOKS_ARE_LISTED = Assumption(
    "P17-51",
    True,
    "Webhooks can be listed, and changed with PUT, like every other entity; only creating them is documented. Where "
    "the list is refused as unknown, ours is made once and remembered.",
)
WEBHOOK_KEY = Assumption(
    "P17-52",
    "PIPE17_API_KEY",
    "The `apikey` that a webhook is registered with is the integration's own key, which reads what the topics name.",
)
WEBHOOK_KEY_HEADER = Assumption(
    "P17-53",
    "x-pipe17-key",
    "A delivery carries the registered key in this header, or no such header; with another key it is not believed. "
    "What proves a delivery is the secret in its address.",
)
WEBHOOK_ENTITIES = Assumption(
    "P17-54",
    {
        "orders": "orders",
        "order": "orders",
        "fulfillments": "fulfillments",
        "fulfillment": "fulfillments",
        "products": "products",
        "product": "products",
        "inventory": "inventory",
    },
    "`entity` in a delivery is the topic, in the plural or the singular.",
)
LOCATIONS_KEEP_A_LINK = Assumption(
    "P17-12",
    ("externalSystem", "customFields"),
    "A location says in `externalSystem` and again in `customFields` which TikTok warehouse it is; one of the two is "
    "kept. `status: inactive` marks a location that cannot be used.",
)
PRICES_BY_NAME = Assumption(
    "P17-13",
    ("basePrice", "compareAtPrice"),
    "`prices` of a product are objects with `name`, `value` and `currency`, `basePrice` first; TikTok's list price is "
    "`compareAtPrice`.",
)
PRODUCTS_LINK_BY_EXT_ID = Assumption(
    "P17-14",
    ("parent", "child", "simple", "bundle"),
    "A parent has TikTok's product id as its SKU and `extProductId`; a child names it in `parentExtProductId` and has "
    "the SKU id as `extProductId`. A product of another integration takes `mappedProduct` and nothing else.",
)
MAPPING_MERGES = Assumption(
    "P17-15", True, "`mappedProduct` is sent whole with what a person set in it (a buffer), so it may merge or replace."
)

BUFFER_IS_NOT_IN_THE_ROWS = Assumption(
    "P17-16",
    True,
    "`bufferInventory` of our entry (`mappedProduct`, or ours in `published`) is not taken off the figures of a stock "
    "row; we take it off once, besides INVENTORY_BUFFER.",
)

TOTALS_ASK_AS_US = Assumption(
    "P17-17",
    False,
    "`totals=true` on the inventory list leaves out the locations that are excluded in Pipe17, for all integrations or "
    "for the one of our key. `requestorId`, which may name the integration whose exclusions apply, is not sent. Totals "
    "are evidence about locations and never a quantity: whatever they mean, figures come from the rows.",
)

TAKEN_BACK_BY_QUANTITY = Assumption(
    "P17-31",
    True,
    "A person's cancel of a line shows as a lower `quantity` of the line, or as its absence; a warehouse's as a "
    "fulfillment of type `rejected`. An order in Pipe17 names no reason for a cancel, so TikTok is told `out of stock` "
    "where it allows that.",
)

ASSUMPTIONS: tuple[Assumption[Any], ...] = (
    ONE_ORDER_PER_POST,
    DUPLICATES_ARE_REFUSED,
    ORDERS_SORT_BY,
    PAGES_ADVANCE_BY_ROWS,
    NO_RESULTS_IS_NOT_FOUND,
    ACCEPTED_IS_LOOKED_UP,
    KEY_HEADER,
    PUT_REPLACES_ARRAYS,
    LARGEST_COUNT,
    HOLD_TOLD_LONGER_BY,
    ORDER_INTEGRATION,
    TAKEN_BACK_BY_QUANTITY,
    WEBHOOKS_ARE_LISTED,
    WEBHOOK_KEY,
    WEBHOOK_KEY_HEADER,
    WEBHOOK_ENTITIES,
    LOCATIONS_KEEP_A_LINK,
    PRICES_BY_NAME,
    PRODUCTS_LINK_BY_EXT_ID,
    MAPPING_MERGES,
    BUFFER_IS_NOT_IN_THE_ROWS,
    TOTALS_ASK_AS_US,
)
