"""What the exceptions of orders mean, from the buyer's checkout to a cancellation after the parcel left, and what a
person does; part of `ops/cures.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.ops.cure import RETRY, Cure

ORDERS: Mapping[str, Cure] = {
    "total_mismatch": Cure(
        "The parts of the order do not add up to what TikTok says the buyer pays.",
        "Compare the order in Seller Center with the one in Pipe17; TikTok's total is the one that was sent. Dismiss "
        "it when the difference is explained, and report the order's shape.",
    ),
    "sku_missing": Cure(
        "A TikTok SKU has no seller SKU: Pipe17 cannot know it, and got TikTok's own id in its place on an order.",
        "Set the seller SKU of the product in Seller Center, and correct the line of an order in Pipe17; it goes away "
        "with the next change of the product or the order.",
    ),
    "sku_unlinked": Cure(
        "An order has a seller SKU that no product read at TikTok carries: Pipe17 may not know the item, and its stock "
        "is not kept in step.",
        "Look for the product in Seller Center: was it deleted, or did its seller SKU change after the order? See that "
        "Pipe17 has the item, correct the line there if not. It goes away by itself when a product has the SKU, and "
        "when the order has left; else dismiss it.",
    ),
    "status_unknown": Cure(
        "TikTok gives the order a status that this version does not know; it waits.",
        "Look the order up in Seller Center; install a newer version if there is one.",
    ),
    "address_missing": Cure(
        "TikTok released the order, but shows no street to ship to; it is kept on hold in Pipe17.",
        "Look at the order in Seller Center: when the address is there, complete it in Pipe17 and release the order "
        "there by hand. It is released by itself as soon as TikTok shows the street.",
    ),
    "kind_unknown": Cure(
        "TikTok says a type of order, of shipping or of fulfilment that this version does not know.",
        "Look at the order in Seller Center: when you are to ship it and it is on hold in Pipe17, release it there by "
        "hand. Install a newer version if there is one, and report the word.",
    ),
    "shipped_elsewhere": Cure(
        "TikTok shows the order as shipped, though it was never released from here.",
        "Find out who ships for this shop besides Pipe17 (a person, another app); do not ship it again.",
    ),
    "partly_shipped_elsewhere": Cure(
        "Some units were shipped before the order was first seen here.",
        "Take the shipped units out of the order in Pipe17, so that they are not shipped twice.",
    ),
    "edited_after_release": Cure(
        "TikTok changed the order after its release, and Pipe17 no longer takes the change.",
        "Compare both versions (`tiktok-pipe17 trace ID --personal`); change or stop the shipment in Pipe17 or at the "
        "warehouse by hand, then dismiss it.",
    ),
    "edited_after_ship": Cure(
        "TikTok changed the order after a shipment.",
        "Nothing can be changed any more; read both versions (`tiktok-pipe17 trace ID --personal`) and decide with the "
        "buyer (redirect, return), then dismiss it.",
    ),
    "recall": Cure(
        "The order was cancelled at TikTok when shipping requests had already been sent to a warehouse.",
        "Stop the requests that the text names at the warehouse at once; if the parcel left, call it back with the "
        "carrier. Then dismiss it.",
    ),
    "cancelled_after_ship": Cure(
        "The order was cancelled at TikTok after a shipment.",
        "Expect the goods back or claim them from the carrier; close the order in Pipe17 by hand, then dismiss it.",
    ),
    "digital_cancelled": Cure(
        "A digital order was cancelled at TikTok when Pipe17 had it as fulfilled already; nothing was shipped.",
        "Take back the code or the access that the buyer got, and the sale in Pipe17 where it counts; then dismiss it.",
    ),
    "order_not_shown": Cure(
        "TikTok shows no order by this id.",
        "Check that the daemon serves the shop of this order (`status` names it); an order that TikTok deleted is "
        "dismissed.",
    ),
    "order_missing_in_pipe17": Cure(
        "Pipe17 no longer has an order that was created from here.",
        f"Restore it in Pipe17 and {RETRY}; dismiss it if it was deleted on purpose.",
    ),
}
