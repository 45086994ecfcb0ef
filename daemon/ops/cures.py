"""What each exception means and what a person does about it: the one table behind every `cure`.

Status page, API, commands and the runbook all read it. A code that carries a number of the other side (`http_503`,
`tiktok_36009021`) is found by its beginning. `cure_of` never comes back empty: what nobody has named yet says how to
look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.ops.cures_of_catalogue import CATALOGUE
from daemon.ops.cures_of_stock import STOCK

RETRY = "`tiktok-pipe17 retry`"
CONNECT = "run `tiktok-pipe17 connect`"


@dataclass(frozen=True, slots=True)
class Cure:
    """`meaning`: what happened, in one sentence. `cure`: what to do."""

    meaning: str
    cure: str


_ORDERS: Mapping[str, Cure] = {
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

_SHIPPING: Mapping[str, Cure] = {
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

_RECORDS: Mapping[str, Cure] = {
    "malformed_record": Cure(
        "One side sent a record that cannot be read; it is kept and nothing was sent.",
        f"Report the text of the exception; after an update, {RETRY} reads the record again.",
    ),
    "malformed_answer": Cure(
        "The other side's answer made no sense, several times.",
        f"Wait for the other side to mend it, then {RETRY}; report it if it stays.",
    ),
    "internal_error": Cure(
        "A fault of the connector itself.",
        f"Report it with the lines of the log; after an update, {RETRY}.",
    ),
    "bad_request": Cure(
        "The other side calls the request wrong, which repeating does not mend.",
        f"Read the text: often a value of this one order; correct it at its source, then {RETRY}.",
    ),
    "not_ours": Cure(
        "TikTok says that the order or package is not this shop's.",
        "Check that the daemon serves the right shop (TIKTOK_SHOP_ID); dismiss it if the order is another shop's.",
    ),
    "not_found": Cure("Pipe17 does not have the record any more.", f"Restore it in Pipe17 and {RETRY}, or dismiss it."),
    "duplicate": Cure(
        "Pipe17 says that it has such an order already, but does not show it to us.",
        f"Search Pipe17 for the TikTok order id; remove the foreign record or dismiss this, or {RETRY}.",
    ),
    "conflict": Cure(
        "Pipe17 says that the record was changed meanwhile.", f"{RETRY} reads it again and sends the rest."
    ),
    "not_allowed": Cure(
        "Pipe17 does not allow this call for the integration.",
        f"Check the integration's settings in Pipe17, then {RETRY}.",
    ),
    "too_large": Cure("Pipe17 calls the order too large.", "Enter this order by hand, report it, and dismiss it."),
    "refused": Cure(
        "Pipe17 refused without a reason we know.", f"Read the text; {RETRY} once, then ask Pipe17's support."
    ),
    "permission_denied": Cure(
        "TikTok does not permit this call for the shop.",
        f"Check the app's scopes in Partner Center, {CONNECT}, then {RETRY}.",
    ),
    "endpoint_gone": Cure(
        "TikTok has taken this version of the call out of service.", f"Install a newer version, then {RETRY}."
    ),
    "auth_code": Cure("TikTok does not take the code of the grant.", f"{CONNECT} and use the new link at once."),
    "timestamp": Cure(
        "TikTok calls our time wrong, also after it was corrected.",
        f"Set the clock of this machine (NTP), then {RETRY}.",
    ),
    "cipher": Cure(
        "TikTok does not take the key of the shop, also after it was read again.",
        f"Check TIKTOK_SHOP_ID and that the app is still installed in the shop; {CONNECT}, then {RETRY}.",
    ),
}

_CONNECTION: Mapping[str, Cure] = {
    "tiktok_expired": Cure(
        "The grant has ended, or there is none yet.", f"The shop's owner must grant access: {CONNECT}."
    ),
    "tiktok_revoked": Cure(
        "The owner took the grant back.",
        f"Ask the owner; when the app shall stay, {CONNECT}. Nothing is lost meanwhile.",
    ),
    "tiktok_scope": Cure(
        "The grant lacks a scope.",
        f"Add the scope to the app in Partner Center, then {CONNECT} with the shop's master account.",
    ),
    "tiktok_key": Cure(
        "TikTok does not take the app key, its secret, or this machine's IP address.",
        "Compare TIKTOK_APP_KEY, TIKTOK_APP_SECRET and the IP list with Partner Center; correct them and restart.",
    ),
    "tiktok_shop_inactive": Cure(
        "TikTok has switched the shop or the seller account off.", "Look into Seller Center, or ask TikTok's support."
    ),
    "pipe17_key": Cure(
        "Pipe17 does not take the API key.", "Copy the integration's key into PIPE17_API_KEY again and restart."
    ),
    "pipe17_scope": Cure(
        "The Pipe17 key lacks a grant.",
        "Give the integration access to orders, shipping requests and fulfillments in Pipe17; it goes on by itself.",
    ),
    "webhooks_not_registered": Cure(
        "Pipe17 does not take our webhook, so its changes are found by polling alone, up to a poll interval later.",
        "Run `tiktok-pipe17 check`: it names what is missing. Usually the integration lacks access to webhooks, or to "
        "what they are about, or CONNECTOR_PUBLIC_URL cannot be reached from outside; it is tried again every hour.",
    ),
}

_AFTERWARDS: Mapping[str, Cure] = {
    "message_rejected": Cure(
        "TikTok does not take the message or the order card for this buyer. The order itself is not affected.",
        "Read TikTok's reason. Words that it calls sensitive: change ORDERS_MESSAGE and restart. A buyer who may not "
        "be written to: dismiss it, or write in Seller Center.",
    ),
    "message_quota": Cure(
        "TikTok's customer-service calls of the day are used up; the messages wait for the shop's next day.",
        "Nothing to do. If it comes again, switch ORDERS_SEND_ORDER_CARD or ORDERS_MESSAGE off, or see which other app "
        "uses the calls.",
    ),
    "message_trouble": Cure(
        "TikTok's customer service failed several times; the order itself is not affected.",
        f"{RETRY} later: what was sent already is found and not sent twice.",
    ),
    "reference_refused": Cure(
        "TikTok does not take Pipe17's id for this order. The order itself is not affected.",
        f"Read TikTok's reason; {RETRY} once, else dismiss it. ORDERS_PUSH_REFERENCES=false writes none.",
    ),
    "order_limit_near": Cure(
        "The shop has 80 % of the orders that ORDERS_DAILY_LIMIT says TikTok allows it today. All are taken in.",
        "Slow down what brings orders (advertising, LIVE) until the shop's next day. Closes by itself then. Take "
        "ORDERS_DAILY_LIMIT out once Seller Center shows that the probation is over.",
    ),
    "order_limit_reached": Cure(
        "The shop has all the orders that ORDERS_DAILY_LIMIT says TikTok allows it today. All are taken in.",
        "Look into Seller Center whether TikTok has paused the sales. Closes by itself with the shop's next day; "
        "correct ORDERS_DAILY_LIMIT if the limit is another one by now.",
    ),
}

_CATALOGUE: Mapping[str, Cure] = {code: Cure(*said) for code, said in {**CATALOGUE, **STOCK}.items()}

CURES: Mapping[str, Cure] = {**_ORDERS, **_SHIPPING, **_AFTERWARDS, **_CATALOGUE, **_RECORDS, **_CONNECTION}
"""Every code by its name."""

BY_BEGINNING: tuple[tuple[str, Cure], ...] = (
    (
        "http_",
        Cure(
            "The other side answered with this HTTP status, several times.",
            f"Look at the other side's status page; {RETRY} when it is well. Report it if only one record fails.",
        ),
    ),
    (
        "tiktok_",
        Cure(
            "TikTok refused with a code that this version does not know, several times.",
            f"Look the code up in TikTok Shop's documentation and mend what it names, then {RETRY}; report the code.",
        ),
    ),
)
"""Codes that carry a number, by how they begin."""

UNNAMED = Cure(
    "An exception without an entry of its own.", f"Read its text and `tiktok-pipe17 trace`; then {RETRY} or dismiss it."
)


def explained(code: str) -> Cure:
    """Meaning and cure of an exception code."""
    if code in CURES:
        return CURES[code]
    return next((cure for beginning, cure in BY_BEGINNING if code.startswith(beginning)), UNNAMED)


def cure_of(code: str) -> str:
    """What to do about an exception code."""
    return explained(code).cure
