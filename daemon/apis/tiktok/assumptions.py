"""What we assume about TikTok because no public source says it; each tag is in the README's list.

Change a value here when somebody has proof; nothing else in the code repeats it.
"""

from __future__ import annotations

from typing import Any

from daemon.core.assumption import Assumption
from daemon.core.cancellations import ANSWER_ELSEWHERE
from daemon.core.money import WITHOUT_CENTS
from daemon.core.order_kinds import DIGITAL, VIRTUAL
from daemon.core.totals import PERHAPS_CONTAINED, TAX_ON_TOP

LOST_REFRESH_IS_TRIED_AGAIN = Assumption(
    "TT-01",
    True,
    "Refreshing may kill the old refresh token at once. When the answer is lost, the old token is tried one more time; "
    "if it is refused then, the owner must grant access again.",
)
BUSINESS_ERRORS_BY_CODE = Assumption(
    "TT-02",
    True,
    "Business errors come with HTTP 200 and a code that is not 0, but any status is possible: the code decides, the "
    "status only where there is no code.",
)
LISTS_ARE_COMMA_JOINED = Assumption("TT-03", ",", "A list in the query is one comma-joined value, not repeated keys.")
FOREIGN_ID_FAILS_THE_PAGE = Assumption(
    "TT-04",
    True,
    "One order id of another shop fails a whole detail call with 21008111; the ids are then asked one by one.",
)
SHIP_CALL_VERSIONS = Assumption(
    "TT-05",
    ("202309", "202610"),
    "Both versions of Mark Package As Shipped work; the older one is called first, the newer when that one is gone.",
)
REGRANT_MAY_CHANGE_CIPHER = Assumption(
    "TT-06", True, "A new grant may change the shop cipher: shops are read again after each one."
)
WEBHOOK_SIGNATURE_HEADERS = Assumption(
    "TT-07",
    ("authorization", "x-tt-signature"),
    "Webhooks are signed in `Authorization`; one production report says `x-tt-signature`, which is looked at second.",
)
US_AUTHORIZE_PAGE = Assumption(
    "TT-08",
    "https://services.us.tiktokshop.com/open/authorize",
    "The page where a US owner grants access; an older text says services.tiktokshops.us. TIKTOK_AUTHORIZE_URL "
    "overrides it.",
)
SANDBOX_QUOTA_SLIDES = Assumption(
    "TT-09", True, "The 1000 calls an hour of a sandbox shop are counted over a sliding hour."
)
READ_PERMISSION_IS_PER_RECORD = Assumption(
    "TT-10", True, "10006402 (permission denied) is about the one order or package asked for, not about the grant."
)
PREOWNED_BY_CATEGORY = Assumption(
    "TT-11",
    "pre-owned",
    "A product is a pre-owned piece when `is_pre_owned` says so or one of its categories is called pre-owned.",
)
PRODUCT_SEARCH_IS_WHOLE = Assumption(
    "TT-12",
    10_000,
    "A product search shows at most 10,000 products and says in `total_count` how many match: a window that shows "
    "fewer is read again. Its order is not relied on.",
)
STOCK_NEEDS_PRODUCT_WRITE = Assumption(
    "TT-13",
    "seller.product.write",
    "Setting stock and taking products off sale need this scope, reading them does not.",
)
MESSAGES_SHOW_AT_ONCE = Assumption(
    "TT-14",
    True,
    "A message that was taken stands in its conversation at once, so a lost answer is settled by reading.",
)
SHOP_DAY = Assumption(
    "TT-15",
    "market",
    "What TikTok counts by the day (orders of a shop on probation, customer-service calls) is counted by the day of "
    "the shop's market; in the US that is Pacific time.",
)
CHARGES_PERHAPS_CONTAINED = Assumption(
    "TT-31",
    PERHAPS_CONTAINED,
    "All charges are paid on top of goods, shipping and tax; only insurance tax, distance fees, deposits and the "
    "service fee of a payment discount may be contained in another amount. Each order's total decides.",
)
PRICES_BEFORE_TAX = Assumption(
    "TT-32",
    TAX_ON_TOP,
    "Prices in USD come before tax, all others contain it. Each order's total decides; this only says what is tried "
    "first.",
)
CURRENCIES_WITHOUT_CENTS = Assumption(
    "TT-33",
    WITHOUT_CENTS,
    "Amounts in dong are whole (seen live), and so are those in yen and rupiah. It matters only where a bundle's price "
    "is split, and an amount that has cents all the same is split to the cent.",
)
DIGITAL_ORDERS_NEED_NO_SHIPPING = Assumption(
    "TT-34",
    (DIGITAL, VIRTUAL),
    "Orders of the digital shipping type or of order type VIRTUAL_ORDER are delivered without a parcel and without us.",
)
COMBINED_LEAVE_TOGETHER = Assumption(
    "TT-41",
    True,
    "Orders that share a package are shipped by one call for one of them, Mark Package As Shipped as well as Ship "
    "Package; the number then stands on all of them.",
)
SPLIT_NAMES_THE_REST = Assumption(
    "TT-42", True, "A split names every unit of the package, also those that stay together, as a group of their own."
)

CANCEL_ANSWER_ELSEWHERE = Assumption(
    "TT-51",
    ANSWER_ELSEWHERE,
    "A buyer's cancel request must be answered within 24 hours in the US and 48 elsewhere, else TikTok grants it. Used "
    "only where the deadline that TikTok names with the request cannot be read.",
)
APPROVAL_KEY_REPLAYS = Assumption(
    "TT-52",
    True,
    "Approving a cancel request again with the same idempotency key is answered as a success; we keep one key per "
    "request.",
)
CANCEL_SHOWS_ON_THE_ORDER = Assumption(
    "TT-53",
    True,
    "A seller's cancel is through when the units are cancelled on the order. Until then it is looked at again, no "
    "second cancel is sent and no tracking number goes out.",
)

ASSUMPTIONS: tuple[Assumption[Any], ...] = (
    LOST_REFRESH_IS_TRIED_AGAIN,
    BUSINESS_ERRORS_BY_CODE,
    LISTS_ARE_COMMA_JOINED,
    FOREIGN_ID_FAILS_THE_PAGE,
    SHIP_CALL_VERSIONS,
    REGRANT_MAY_CHANGE_CIPHER,
    WEBHOOK_SIGNATURE_HEADERS,
    US_AUTHORIZE_PAGE,
    SANDBOX_QUOTA_SLIDES,
    READ_PERMISSION_IS_PER_RECORD,
    CANCEL_ANSWER_ELSEWHERE,
    APPROVAL_KEY_REPLAYS,
    CANCEL_SHOWS_ON_THE_ORDER,
    PREOWNED_BY_CATEGORY,
    PRODUCT_SEARCH_IS_WHOLE,
    STOCK_NEEDS_PRODUCT_WRITE,
    MESSAGES_SHOW_AT_ONCE,
    SHOP_DAY,
    CHARGES_PERHAPS_CONTAINED,
    PRICES_BEFORE_TAX,
    CURRENCIES_WITHOUT_CENTS,
    DIGITAL_ORDERS_NEED_NO_SHIPPING,
    COMBINED_LEAVE_TOGETHER,
    SPLIT_NAMES_THE_REST,
)
