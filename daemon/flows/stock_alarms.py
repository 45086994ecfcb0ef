"""What a person should know about stock that nobody else says: sources that stay unknown, SKUs that nobody sells.

    inventory_partial       a location, or all of Pipe17, has not been confirmed for longer than INVENTORY_STALE_AFTER:
                            the SKUs behind it are not pushed. One entry a location, whatever the number of SKUs
    inventory_sku_unknown   an entry of INVENTORY_SKUS that no SKU at TikTok has; said once
    stock_unknown           SKUs at TikTok of which Pipe17 shows no stock in any location: TikTok sells what it has of
                            them. One entry for all of them

Looked at by the judge twice a minute; what has come right is closed.
"""

from __future__ import annotations

from daemon.core.findings import Finding
from daemon.core.spans import milliseconds
from daemon.core.stock import StockRules
from daemon.flows import stock_exclusions
from daemon.flows.stock_plan import not_ours
from daemon.flows.stock_reader import NAME, sight
from daemon.store import exceptions, levels, links
from daemon.store.database import Tx
from daemon.store.exceptions import Kind

PARTIAL = "inventory_partial"
UNKNOWN_SKU = "inventory_sku_unknown"
UNCOUNTED = "stock_unknown"
CATALOGUE = "catalogue"
NAMED = 5
LOOKED_AT = 200
SOURCE = "pipe17"


def look(tx: Tx, rules: StockRules, now_ms: int) -> None:
    """Open what is wrong, close what is not any more."""
    _show(tx, PARTIAL, _partial(tx, rules, now_ms), now_ms)
    _show(tx, UNKNOWN_SKU, _nobody_sells(tx, rules), now_ms)
    if sight(tx).confirmed_at_ms is not None and not tx.all("stock_unweighed", (now_ms, 1)):
        _show(tx, UNCOUNTED, _uncounted(tx, rules), now_ms)


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


def _uncounted(tx: Tx, rules: StockRules) -> dict[str, Finding]:
    doubtful = [links.get(tx, sku_id) for (sku_id,) in tx.all("stock_doubtful_after", ("", LOOKED_AT))]
    ours = [link.seller_sku for link in doubtful if link is not None and not not_ours(link, rules)]
    found = sorted(sku for sku in ours if not levels.of_sku(tx, sku))
    if not found:
        return {}
    many = f"{len(found)}{' or more' if len(doubtful) == LOOKED_AT else ''} SKU{'s' if len(found) > 1 else ''}"
    text = (
        f"Pipe17 shows no stock of {many} that TikTok sells: {', '.join(found[:NAMED])}"
        f"{' ...' if len(found) > NAMED else ''}. That is not known, which is not zero: nothing is sent for them, and "
        "TikTok keeps what it has"
    )
    return {CATALOGUE: Finding("stock_unknown", text)}


def _show(tx: Tx, code: str, found: dict[str, Finding], now_ms: int) -> None:
    shown = dict(tx.all("exceptions_of_code", (NAME, code)))
    for key in shown.keys() - found.keys():
        exceptions.close(tx, NAME, key, code, now_ms, "it has come right")
    for key, finding in found.items():
        if shown.get(key) != finding.text:
            exceptions.open_exception(tx, NAME, key, key, finding, now_ms, Kind.EVENT)
