"""What the exceptions of stock mean, and what a person does about them; part of `ops/cures.py`."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.ops.cure import Cure

STOCK: Mapping[str, Cure] = {
    "inventory_guard": Cure(
        "A change would take an unreasonable part of the catalogue to zero, or change it wildly; none of it was sent.",
        "Look at the difference (`tiktok-pipe17 approve --show`, or the status page). When it is right, run "
        "`tiktok-pipe17 approve`. When it is not, correct the stock in Pipe17: the change is then let go by itself.",
    ),
    "inventory_partial": Cure(
        "Pipe17's stock of a location, or all of it, has not been confirmed for longer than INVENTORY_STALE_AFTER; "
        "the SKUs behind it are not pushed.",
        "Look at the location in Pipe17. When it is gone for good, leave it out with INVENTORY_LOCATIONS_EXCEPT or set "
        "its stock to 0 there; when Pipe17 does not answer, `tiktok-pipe17 check` says why.",
    ),
    "inventory_source_empty": Cure(
        "Pipe17 answered with an empty inventory though it had stock before; nothing was changed.",
        "Look at the inventory in Pipe17 and at the rights of the key; it is read again by itself.",
    ),
    "inventory_sku_unknown": Cure(
        "INVENTORY_SKUS names a SKU that nothing at TikTok carries.",
        "Correct INVENTORY_SKUS, or the seller SKU in Seller Center.",
    ),
    "stock_unknown": Cure(
        "TikTok sells SKUs of which Pipe17 shows no stock at all; nothing is sent for them.",
        "Count them in Pipe17 (0 is a count, too), correct the seller SKU where the two sides write it differently, or "
        "leave them out with INVENTORY_SKUS; `tiktok-pipe17 trace SKU` shows one of them.",
    ),
    "preowned_needs_new_product": Cure(
        "A pre-owned piece that was sold is in stock again; TikTok takes no sold piece back.",
        "List it as a new product in Seller Center, then dismiss this.",
    ),
    "deactivate_refused": Cure(
        "TikTok does not take the product off sale.",
        "Take it off sale in Seller Center, or `tiktok-pipe17 retry`.",
    ),
}
