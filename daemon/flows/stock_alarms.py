"""What a person should know about stock that nobody else says: sources that stay unknown, SKUs that nobody sells.

    inventory_partial       a location, or all of Pipe17, has not been confirmed for longer than INVENTORY_STALE_AFTER:
                            the SKUs behind it are not pushed. One entry a location, whatever the number of SKUs
    inventory_sku_unknown   an entry of INVENTORY_SKUS that no SKU at TikTok has; said once

Looked at by the judge twice a minute; what has come right is closed.
"""

from __future__ import annotations

from daemon.core.findings import Finding
from daemon.core.spans import milliseconds
from daemon.core.stock import StockRules
from daemon.flows import stock_exclusions
from daemon.flows.stock_reader import NAME, sight
from daemon.store import exceptions, links
from daemon.store.database import Tx
from daemon.store.exceptions import Kind

PARTIAL = "inventory_partial"
UNKNOWN_SKU = "inventory_sku_unknown"
SOURCE = "pipe17"


def look(tx: Tx, rules: StockRules, now_ms: int) -> None:
    """Open what is wrong, close what is not any more."""
    _show(tx, PARTIAL, _partial(tx, rules, now_ms), now_ms)
    _show(tx, UNKNOWN_SKU, _nobody_sells(tx, rules), now_ms)


def _partial(tx: Tx, settings: StockRules, now_ms: int) -> dict[str, Finding]:
    rules = stock_exclusions.in_force(settings, stock_exclusions.find(tx))
    bound_ms = milliseconds(rules.stale_after)
    found: dict[str, Finding] = {}
    known = sight(tx)
    if known.failing_since_ms is not None and now_ms - (known.confirmed_at_ms or known.failing_since_ms) > bound_ms:
        text = "Pipe17's stock cannot be read; no stock is pushed until it can be"
        found[SOURCE] = Finding("inventory_partial", text)
    for location, since_ms, rows in tx.all("levels_missing_by_location"):
        if rules.counts(location) and now_ms - since_ms > bound_ms:
            text = (
                f"Pipe17 no longer shows {rows} stock rows of location {location}; that means not known, and the "
                "SKUs kept there are not pushed"
            )
            found[location] = Finding("inventory_partial", text)
    return found


def _nobody_sells(tx: Tx, rules: StockRules) -> dict[str, Finding]:
    named = sorted(rules.skus or ()) if links.after(tx, "", 1) else ()
    return {
        sku: Finding("inventory_sku_unknown", f"INVENTORY_SKUS names {sku}, and no SKU at TikTok has that seller SKU")
        for sku in named
        if not links.by_sku(tx, sku)
    }


def _show(tx: Tx, code: str, found: dict[str, Finding], now_ms: int) -> None:
    shown = {key for (key,) in tx.all("exceptions_of_code", (NAME, code))}
    for key in shown - found.keys():
        exceptions.close(tx, NAME, key, code, now_ms, "it has come right")
    for key in found.keys() - shown:
        exceptions.open_exception(tx, NAME, key, key, found[key], now_ms, Kind.EVENT)
