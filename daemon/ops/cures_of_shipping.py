"""What it means when a shipment does not reach TikTok, and what a person does; part of `ops/cures.py`.

Carriers and tracking numbers, deadlines, parcels that somebody else sent, cancellations that stand in the way, and what
TikTok itself refuses. A refusal that a person can do nothing about but wait says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.ops.cure import RETRY, Cure

SHIPPING: Mapping[str, Cure] = {
    "carrier_unmapped": Cure(
        "TikTok knows no carrier by the name that Pipe17 gave.",
        f"Map the name in FULFILLMENTS_CARRIER_MAP or set FULFILLMENTS_FALLBACK_CARRIER, restart, and {RETRY}.",
    ),
    "ship_deadline_near": Cure(
        "TikTok's ship-by instant is less than six hours away, and TikTok does not show the order shipped.",
        "`tiktok-pipe17 trace` shows where it waits: in Pipe17, at the warehouse, or here with another exception. It "
        "closes by itself once TikTok shows it shipped.",
    ),
    "ship_deadline_missed": Cure(
        "TikTok's ship-by instant has passed, and TikTok does not show the order shipped.",
        "Ship it now, or cancel it in Seller Center before TikTok does. Closes by itself once TikTok shows it shipped.",
    ),
    "tracking_missing": Cure(
        "The fulfillment has no tracking number.",
        "A fulfillment never changes: make a new one with the number in Pipe17 (it goes by itself), or enter it in "
        "Seller Center; then dismiss this one.",
    ),
    "tracking_invalid": Cure(
        "TikTok would refuse this tracking number: 4 to 50 letters, digits and - _ . / are allowed.",
        "Correct the number in Pipe17; the corrected fulfillment goes by itself.",
    ),
    "tracking_refused": Cure(
        "TikTok does not take this tracking number for this carrier.",
        f"Check number and carrier; correct them in Pipe17, or map the carrier, and {RETRY}.",
    ),
    "duplicate_tracking": Cure(
        "The tracking number already stands on another package of this shop.",
        "Find out which shipment the number belongs to, and give the other its own number in Pipe17.",
    ),
    "tracking_update_refused": Cure(
        "TikTok no longer lets the tracking number of this package be changed.",
        "Change it in Seller Center if it still lets you; tell the buyer the right number otherwise. Then dismiss it.",
    ),
    "further_numbers": Cure(
        "The fulfillment has several tracking numbers, and TikTok takes one for a package.",
        "Nothing is missing for TikTok; tell the buyer the other numbers if they matter. Then dismiss it.",
    ),
    "over_fulfilment": Cure(
        "More units were fulfilled than the order still has open.",
        "Compare the fulfillments of the order in Pipe17 with Seller Center; cancel the one too many.",
    ),
    "line_unknown": Cure(
        "The fulfillment names a line that the TikTok order does not have.",
        f"Correct the SKU or line of the fulfillment in Pipe17, and {RETRY}.",
    ),
    "bundle_part": Cure(
        "The fulfillment names one part of a bundle, which TikTok only ships as a whole.",
        "Fulfill the bundle as one line in Pipe17, or mark the order as shipped in Seller Center and dismiss this.",
    ),
    "package_unknown": Cure(
        "The units of the fulfillment do not lie in one package of TikTok's.",
        f"Split or combine the packages in Seller Center so that they fit the fulfillment, and {RETRY}.",
    ),
    "combined_package": Cure(
        "The order shares a package with another one, which left TikTok under another tracking number.",
        "Look at the package in Seller Center: when this order lay in the same box, dismiss this; when it left by "
        "itself, tell the buyer its number, for TikTok takes no second one.",
    ),
    "platform_label": Cure(
        "TikTok carries this order with a label of its own, and takes no tracking number of ours.",
        "Buy the label and ship it in Seller Center; it is looked at every 15 minutes and closes by itself then.",
    ),
    "second_connector": Cure(
        "Several orders within a day left TikTok under tracking numbers that were never sent from here.",
        "Find the other connector, app or person that ships for this shop and stop one of the two; correct the orders "
        "named, which have exceptions of their own, then dismiss this.",
    ),
    "fulfillment_rejected": Cure(
        "The warehouse rejected these lines, and ORDERS_PUSH_CANCELLATIONS is off.",
        "Ship them from another location in Pipe17, or cancel them in Seller Center before the ship-by date.",
    ),
    "cancel_refused": Cure(
        "Pipe17 took the order or some of its pieces back, and TikTok does not cancel them.",
        "Read TikTok's reason: cancel it in Seller Center if it lets you, ship it after all, or call the parcel back. "
        f"{RETRY} asks TikTok again; dismiss it when it is settled.",
    ),
    "order_cancelled": Cure(
        "The order, or these units of it, are cancelled at TikTok.",
        "Stop the shipment, or expect the goods back; there is nothing to report to TikTok. Then dismiss it.",
    ),
    "cancel_requested": Cure(
        "The buyer asks to cancel, and TikTok waits for the seller's answer until the deadline.",
        "Grant or refuse it in Seller Center, or cancel the order in Pipe17, which grants it. Without an answer TikTok "
        "grants it at the deadline. A tracking number that waits goes by itself when the request was refused.",
    ),
    "already_shipped": Cure(
        "TikTok says that these units were shipped already.",
        "Look at the order in Seller Center; when the number there is right, dismiss this.",
    ),
    "already_shipped_elsewhere": Cure(
        "TikTok shows these units shipped under another tracking number.",
        "Find out who else ships for this shop; correct the number in Seller Center if ours is the right one. Then "
        "dismiss it.",
    ),
    "shipped_by_platform": Cure(
        "TikTok ships this order itself and takes no tracking number.",
        "Stop the shipment in Pipe17, or expect two parcels at the buyer. Then dismiss it.",
    ),
    "not_seller_shipped": Cure(
        "TikTok arranges the shipping of this order and takes no tracking number of ours.",
        "Buy the label in Seller Center (ship by TikTok); then dismiss this.",
    ),
    "not_for_this_market": Cure(
        "TikTok does not offer this way of shipping in the shop's market.",
        "Mark the order as shipped in Seller Center, and report it: the market needs another call.",
    ),
    "not_awaiting_shipment": Cure(
        "The order is not in a state in which TikTok takes a shipment.",
        f"Look at the order in Seller Center; {RETRY} when it awaits shipment, dismiss it otherwise.",
    ),
    "after_sale_open": Cure(
        "A cancellation, return or refund is open on the order, and TikTok takes no shipment meanwhile.",
        "Decide it in Seller Center; the tracking number goes by itself then.",
    ),
    "lines_needed": Cure("TikTok wants the units of this shipment named.", f"Report it, and {RETRY} after an update."),
    "option_not_subscribed": Cure(
        "The shop is not subscribed to the delivery option of this order.",
        f"Switch the delivery option on in Seller Center, and {RETRY}.",
    ),
    "on_hold": Cure("TikTok still holds the order.", "Nothing to do: it is tried again when the hold ends."),
    "package_frozen": Cure(
        "TikTok has frozen the package for a moment.",
        f"Wait some minutes, then {RETRY}; ask TikTok's support if it stays.",
    ),
    "package_incomplete": Cure(
        "TikTok is still preparing the package.",
        f"Wait some minutes, then {RETRY}; look at it in Seller Center if it stays.",
    ),
    "split_refused": Cure(
        "TikTok does not let this order be shipped in parts as the fulfillment asks.",
        "Ship the rest together, or split it in Seller Center; then dismiss it or " + RETRY + ".",
    ),
    "invoice_needed": Cure(
        "TikTok wants the invoice of the order first.", f"Upload the invoice in Seller Center, then {RETRY}."
    ),
    "label_refused": Cure(
        "TikTok refuses the shipping label.", f"Look at the package in Seller Center, mend what it names, then {RETRY}."
    ),
    "label_refused_now": Cure(
        "TikTok's logistics refuse the label at the moment.", f"Look at the package in Seller Center; {RETRY} later."
    ),
    "label_not_ready": Cure("TikTok is still making the label.", f"Wait some minutes, then {RETRY}."),
    "address_or_size_refused": Cure(
        "TikTok's logistics refuse the address, the weight or the size of the package.",
        f"Correct what Seller Center names for the package, then {RETRY}.",
    ),
    "warehouse_unknown": Cure(
        "TikTok does not know the warehouse of the order.",
        f"Check the shop's warehouses in Seller Center, then {RETRY}.",
    ),
    "pickup_slot": Cure(
        "TikTok has no pick-up slot for the package.", f"Choose one in Seller Center or drop it off, then {RETRY}."
    ),
    "platform_refused": Cure(
        "TikTok's platform refuses the shipment.", f"Look at the order in Seller Center for the reason, then {RETRY}."
    ),
    "aftersale_refused": Cure(
        "TikTok refuses the cancellation, return or refund: it does not fit the order as it is.",
        f"Look at the order in Seller Center and decide it there; {RETRY} when the order has changed.",
    ),
    "aftersale_lines_refused": Cure(
        "TikTok does not cancel or refund single lines of this order.",
        "Decide in Seller Center: the whole order, or ship these lines after all. Then dismiss it.",
    ),
    "aftersale_over": Cure(
        "TikTok says that the order or the request is over already.",
        "Look at the order in Seller Center; there is usually nothing left to do. Then dismiss it.",
    ),
    "aftersale_not_permitted": Cure(
        "TikTok does not let this shop act on the order's cancellation or return.",
        "Check that the daemon serves the right shop (TIKTOK_SHOP_ID), and decide the request in Seller Center.",
    ),
    "return_closed": Cure("The return is closed already.", "Nothing to do; dismiss it."),
}
