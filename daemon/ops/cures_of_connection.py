"""What it means when the two sides refuse a call or refuse us, and what a person does; part of `ops/cures.py`.

`RECORDS`: one record was refused or cannot be read, the others go on. `CONNECTION`: nothing goes through until somebody
renews the grant or the key.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.ops.cure import CONNECT, RETRY, Cure

RECORDS: Mapping[str, Cure] = {
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

CONNECTION: Mapping[str, Cure] = {
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
